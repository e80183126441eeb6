"""What another service owns, passed on to it: its answer is the answer, and its document says what may be asked.
The list at the end is all of it."""

from __future__ import annotations

from typing import Any, NamedTuple

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from services.gateway.forwarding import forward
from services.gateway.owners import document_of, needs_key, operation
from services.gateway.selecting import Handle, item_names, selecting
from shared.web import idempotency_key

PREFIX = "/v1"
ROUTER = APIRouter(prefix=PREFIX)


class Passed(NamedTuple):
    """A resource of `service`. Its path there is the same, unless `inner` says another."""

    method: str
    path: str
    service: str
    tag: str
    operation_id: str
    summary: str
    inner: str | None = None

    @property
    def described(self) -> dict[str, Any]:
        """What its owner says of it."""
        return operation(self.service, self.method, self.inner or self.path)


def _add(one: Passed) -> None:
    ROUTER.add_api_route(
        one.path,
        _endpoint(one),
        methods=[one.method],
        operation_id=one.operation_id,
        summary=one.summary,
        tags=[one.tag],
        dependencies=[Depends(idempotency_key)] if needs_key(one.described) else [],
        response_class=Response,
    )


def _endpoint(one: Passed) -> Handle:
    steps = (one.inner or one.path).strip("/").split("/")

    async def pass_on(request: Request) -> Response:
        return await forward(request, one.service, *(step.format(**request.path_params) for step in steps))

    return selecting(pass_on, item_names(one.described, document_of(one.service)["components"]["schemas"]))


CUSTOMER, SEGMENTATION, RETENTION = "customer", "segmentation", "retention"
OF_CUSTOMER = "/customers/{customer_id}"

ALL = (
    Passed("GET", f"{OF_CUSTOMER}/personal", CUSTOMER, "privacy", "get_personal", "Who the customer is; `reveal=true`: in plain, on record"),
    Passed("GET", f"{OF_CUSTOMER}/quality", CUSTOMER, "data quality", "get_quality", "What is missing or wrong, and which contact points work"),
    Passed("GET", f"{OF_CUSTOMER}/matches", CUSTOMER, "identity", "list_matches", "What the customer is compared by, and who has it too"),
    Passed(
        "GET", f"{OF_CUSTOMER}/segmentation", SEGMENTATION, "segments", "get_segmentation", "Features, scores and open alerts, now or as known at `as_of`",
        inner=OF_CUSTOMER,
    ),
    Passed("GET", f"{OF_CUSTOMER}/decisions", RETENTION, "retention", "list_decisions", "Why the customer was contacted, or not"),
    Passed("GET", "/owner", CUSTOMER, "identity", "get_owner", "Whose an identifier is, now or at a past moment"),
    Passed("GET", "/merges", CUSTOMER, "identity", "list_merges", "Who was merged with whom, newest first"),
    Passed("POST", "/merges", CUSTOMER, "identity", "merge_customers", "Two customers are one person"),
    Passed("POST", "/merges/{merge_id}/undo", CUSTOMER, "identity", "undo_merge", "They were two persons after all"),
    Passed("GET", "/reviews", CUSTOMER, "identity", "list_reviews", "Customers who may be one person"),
    Passed("GET", "/reviews/{review_id}", CUSTOMER, "identity", "get_review", "One pair, what they share and what was decided"),
    Passed("POST", "/reviews/{review_id}", CUSTOMER, "identity", "decide_review", "They are one person, or two"),
    Passed("GET", "/block-list", CUSTOMER, "identity", "list_blocked", "Values that are no evidence"),
    Passed("POST", "/block-list", CUSTOMER, "identity", "block_value", "A value many share is no evidence from now on"),
    Passed("DELETE", "/block-list/{part}", CUSTOMER, "identity", "unblock_value", "It is evidence again"),
    Passed("GET", "/reentries", CUSTOMER, "identity", "list_reentries", "Customers who left and are back under another id"),
    Passed("GET", "/kpi/new-customers", CUSTOMER, "identity", "count_new_customers", "By channel: registered, of them returned, net new"),
    Passed("GET", "/kpi/data-quality", CUSTOMER, "data quality", "rate_data_quality", "By who acquired the customers"),
    Passed("GET", "/quality/worst", CUSTOMER, "data quality", "list_worst_quality", "Of whom least is known or right"),
    Passed("GET", "/cases", CUSTOMER, "cases", "list_cases", "What is due first comes first"),
    Passed("GET", "/cases/{complaint_id}", CUSTOMER, "cases", "get_case", "One complaint: its stages, all that was said"),
    Passed("POST", "/cases/{complaint_id}/progress", CUSTOMER, "cases", "progress_case", "Take a complaint to a later stage"),
    Passed("GET", "/surveys/due", CUSTOMER, "cases", "list_surveys_due", "Whom to ask whether the resolution helped"),
    Passed("GET", "/prospects", CUSTOMER, "prospects", "list_prospects", "Potential customers, newest first, masked"),
    Passed("POST", "/prospects", CUSTOMER, "prospects", "create_prospect", "Put down a potential customer"),
    Passed("GET", "/prospects/funnel", CUSTOMER, "prospects", "count_prospects", "By source and stage"),
    Passed("GET", "/prospects/{prospect_id}", CUSTOMER, "prospects", "get_prospect", "One potential customer"),
    Passed("PATCH", "/prospects/{prospect_id}", CUSTOMER, "prospects", "set_prospect_stage", "Where a potential customer stands"),
    Passed("GET", f"{OF_CUSTOMER}/export", CUSTOMER, "privacy", "export_customer", "Everything about one customer, in plain: goes on record"),
    Passed("GET", f"{OF_CUSTOMER}/consents", CUSTOMER, "privacy", "get_consents", "What the customer agreed to, now and ever, with the sources"),
    Passed("POST", f"{OF_CUSTOMER}/erasure", CUSTOMER, "privacy", "erase_customer", "Forget the customer for good"),
    Passed("GET", f"{OF_CUSTOMER}/erasure", CUSTOMER, "privacy", "get_erasure", "The proof that the customer was erased"),
    Passed("GET", f"{OF_CUSTOMER}/legal-holds", CUSTOMER, "privacy", "list_legal_holds", "What obliges to keep the customer's data, or did"),
    Passed("POST", f"{OF_CUSTOMER}/legal-holds", CUSTOMER, "privacy", "place_legal_hold", "The customer's data has to be kept"),
    Passed("POST", "/legal-holds/{hold_id}/lift", CUSTOMER, "privacy", "lift_legal_hold", "It need not be kept any more"),
    Passed("GET", "/keys", CUSTOMER, "privacy", "get_keys", "How many data keys are under which master key"),
    Passed("GET", "/retention-periods", CUSTOMER, "privacy", "list_retention_periods", "How long each kind of data is kept, and what was deleted"),
    Passed("GET", "/audit", CUSTOMER, "privacy", "list_audit", "Who read or changed what, newest first"),
    Passed("GET", "/feeds", CUSTOMER, "operations", "list_feeds", "The sources of events, and whether each is as usual"),
    Passed("GET", "/feeds/alerts", CUSTOMER, "operations", "list_feed_alerts", "When sources fell silent, changed, or were as usual again"),
    Passed("GET", "/reconciliation", CUSTOMER, "operations", "get_reconciliation", "What was accepted, and what became of it"),
    Passed("GET", "/parked", CUSTOMER, "operations", "list_parked", "Events that wait for their customer to appear"),
    Passed("GET", "/workers/customer", CUSTOMER, "operations", "get_customer_workers", "Its workers, and their lag", inner="/health/ready"),
    Passed("GET", "/workers/segmentation", SEGMENTATION, "operations", "get_segmentation_workers", "Its workers, and their lag", inner="/health/ready"),
    Passed("GET", "/workers/retention", RETENTION, "operations", "get_retention_workers", "Its workers, and their lag", inner="/health/ready"),
    Passed("GET", "/segments", SEGMENTATION, "segments", "count_segments", "Customers per population and named segment"),
    Passed("GET", "/rfm/cuts", SEGMENTATION, "segments", "list_cuts", "The versions of the cut points, newest first"),
    Passed("POST", "/rfm/recut", SEGMENTATION, "segments", "request_recut", "Cut the RFM scores anew over all"),
    Passed("GET", "/segments/map", SEGMENTATION, "segments", "get_segment_map", "Recency against habit, with mean value"),
    Passed("GET", "/migration", SEGMENTATION, "segments", "get_migration", "From where to where customers moved between two days"),
    Passed("GET", "/tiers", SEGMENTATION, "standings", "get_tiers", "The value pyramid: tiers, grades, stars and categories"),
    Passed("GET", "/lifecycle", SEGMENTATION, "standings", "get_lifecycle", "Customers by stage, and the state machine"),
    Passed("GET", "/moments", SEGMENTATION, "standings", "list_moments", "The moments that were reached"),
    Passed("GET", "/arrears", SEGMENTATION, "standings", "list_arrears", "Who owes, most first"),
    Passed("GET", "/churn/rate", SEGMENTATION, "churn", "get_churn_rate", "Who of those here on a day left within the horizon"),
    Passed("GET", f"{OF_CUSTOMER}/churn-label", SEGMENTATION, "churn", "get_churn_label", "Stayed, churned, excluded or not known yet"),
    Passed("GET", f"{OF_CUSTOMER}/churn", SEGMENTATION, "churn", "get_churn_score", "How likely the customer leaves, and why"),
    Passed("GET", "/churn/scores", SEGMENTATION, "churn", "list_churn_scores", "Likeliest to leave first"),
    Passed("GET", "/churn/health", SEGMENTATION, "churn", "get_churn_health", "Drift and calibration of the churn models"),
    Passed("GET", "/churn/models", SEGMENTATION, "churn", "list_churn_models", "What scores now, and all registered models"),
    Passed("POST", "/churn/models", SEGMENTATION, "churn", "register_churn_model", "Hand in a trained model"),
    Passed("GET", "/churn/models/{version}", SEGMENTATION, "churn", "get_churn_model", "One model and its card"),
    Passed("GET", "/churn/models/{version}/file", SEGMENTATION, "churn", "download_churn_model", "The file itself"),
    Passed("POST", "/churn/models/{version}/shadow", SEGMENTATION, "churn", "shadow_churn_model", "Score beside the champion, to compare"),
    Passed("POST", "/churn/models/{version}/promote", SEGMENTATION, "churn", "promote_churn_model", "By a second person: the champion"),
    Passed("POST", "/churn/models/{version}/retire", SEGMENTATION, "churn", "retire_churn_model", "Out of the shadow"),
    Passed("POST", "/churn/models/{version}/rollback", SEGMENTATION, "churn", "roll_back_churn_model", "The champion before it is back"),
    Passed("GET", f"{OF_CUSTOMER}/suggestions", SEGMENTATION, "learning", "list_suggestions", "What goes with what the customer holds"),
    Passed("GET", "/models", SEGMENTATION, "learning", "list_models", "What was learned from all customers, and what could not be"),
    Passed("POST", "/models/learn", SEGMENTATION, "learning", "learn_models", "Learn anew, whatever the day"),
    Passed("GET", "/clusters", SEGMENTATION, "learning", "get_clusters", "The behaviour clusters in force"),
    Passed("GET", "/affinity", SEGMENTATION, "learning", "list_affinity", "Which products go together"),
    Passed("GET", "/pictures/segment-map.svg", SEGMENTATION, "pictures", "draw_segment_map", "The segment map, as SVG"),
    Passed("GET", "/pictures/migration.svg", SEGMENTATION, "pictures", "draw_migration", "Migration, as SVG"),
    Passed("GET", "/parameters", SEGMENTATION, "parameters", "get_parameters", "The set in force, and the next one that is approved"),
    Passed("GET", "/parameters/schema", SEGMENTATION, "parameters", "get_parameter_schema", "Every threshold and weight, described, as JSON Schema"),
    Passed("GET", "/parameters/sets", SEGMENTATION, "parameters", "list_parameter_sets", "All sets, newest first"),
    Passed("GET", "/parameters/sets/{version}", SEGMENTATION, "parameters", "get_parameter_set", "One set, and how it differs from its base"),
    Passed("POST", "/parameters/sets", SEGMENTATION, "parameters", "draft_parameter_set", "Draft changes"),
    Passed("POST", "/parameters/sets/{version}/preview", SEGMENTATION, "parameters", "preview_parameter_set", "What would change: nothing is written"),
    Passed("POST", "/parameters/sets/{version}/approve", SEGMENTATION, "parameters", "approve_parameter_set", "By a second person"),
    Passed("POST", "/parameters/sets/{version}/reject", SEGMENTATION, "parameters", "reject_parameter_set", "Decide against a draft"),
    Passed("POST", "/parameters/rollback", SEGMENTATION, "parameters", "roll_back_parameters", "Take back the set in force"),
    Passed("GET", "/analysis", SEGMENTATION, "analysis", "list_analysis_subjects", "The subjects, with their measures and formulas"),
    Passed("GET", "/analysis/revenue-at-risk", SEGMENTATION, "analysis", "revenue_at_risk", "Churn probability times future value, day by day"),
    Passed("GET", "/analysis/standing", SEGMENTATION, "analysis", "count_standing", "Customers and prospects now, by where they stand"),
    Passed("GET", "/analysis/verify", SEGMENTATION, "analysis", "get_recount", "Whether the sums agree with the customers' rows"),
    Passed("POST", "/analysis/verify", SEGMENTATION, "analysis", "verify_analysis", "Count everybody again, and compare"),
    Passed("POST", "/analysis/recount", SEGMENTATION, "analysis", "recount_analysis", "Count everybody again, in place of the sums"),
    Passed("GET", "/analysis/{subject}", SEGMENTATION, "analysis", "get_analysis", "A subject as a series, also as CSV or Parquet"),
    Passed("GET", "/pictures/revenue-at-risk.svg", SEGMENTATION, "pictures", "draw_revenue_at_risk", "The revenue at risk of 30 days, as SVG"),
    Passed("GET", "/pictures/value-pyramid.svg", SEGMENTATION, "pictures", "draw_pyramid", "The value pyramid, as SVG"),
    Passed("GET", "/decisions/{decision_id}", RETENTION, "retention", "get_decision", "Its receipt: every gate, and all it looked at"),
    Passed("GET", "/decisions/{decision_id}/recomputed", RETENTION, "retention", "recompute_decision", "Whether the stored inputs give the same decision"),
    Passed("POST", "/decisions/{decision_id}/review", RETENTION, "retention", "request_decision_review", "A person is to look at it again"),
    Passed("GET", "/decision-reviews", RETENTION, "retention", "list_decision_reviews", "Decisions a person is to look at"),
    Passed("POST", "/decision-reviews/{decision_id}/close", RETENTION, "retention", "close_decision_review", "What they found"),
    Passed("GET", f"{OF_CUSTOMER}/decisions/{{decision_id}}/explanation", RETENTION, "retention", "explain_decision", "In plain words, for the customer"),
    Passed("GET", f"{OF_CUSTOMER}/objections", RETENTION, "retention", "list_objections", "What the customer refuses of automated decisions"),
    Passed("POST", f"{OF_CUSTOMER}/objections", RETENTION, "retention", "object_to_decisions", "In force at once"),
    Passed("POST", f"{OF_CUSTOMER}/objections/withdraw", RETENTION, "retention", "withdraw_objection", "No more"),
    Passed("GET", "/campaigns", RETENTION, "retention", "list_campaigns", "All campaigns"),
    Passed("GET", "/campaigns/{campaign_id}", RETENTION, "retention", "get_campaign", "One campaign, with counts per arm and outcome"),
    Passed("GET", "/campaigns/{campaign_id}/effect", RETENTION, "retention", "get_campaign_effect", "Who stayed of the contacted against the held out"),
    Passed("POST", "/campaigns", RETENTION, "retention", "draft_campaign", "Draft a campaign"),
    Passed("PUT", "/campaigns/{campaign_id}", RETENTION, "retention", "edit_campaign", "Change a draft"),
    Passed("GET", "/campaigns/{campaign_id}/budget", RETENTION, "retention", "get_campaign_budget", "What was reserved, released and spent, by month"),
    Passed("GET", "/campaigns/{campaign_id}/runs", RETENTION, "retention", "list_campaign_runs", "The turns of its schedule"),
    Passed("GET", "/care-programmes", RETENTION, "retention", "list_care_programmes", "Ready-made programmes, each as it would be drafted now"),
    Passed("POST", "/care-programmes/{name}/draft", RETENTION, "retention", "draft_care_programme", "A campaign of it, to be edited and approved"),
    Passed("GET", "/audience-fields", RETENTION, "retention", "list_audience_fields", "What the audience of a campaign can ask for"),
    Passed("GET", "/campaigns/{campaign_id}/dry-run", RETENTION, "retention", "try_campaign", "What it would decide about the last days"),
    Passed("POST", "/campaigns/{campaign_id}/approve", RETENTION, "retention", "approve_campaign", "By a second person: it runs"),
    Passed("POST", "/campaigns/{campaign_id}/stop", RETENTION, "retention", "stop_campaign", "For good: open tasks stay open"),
    Passed("POST", "/campaigns/{campaign_id}/archive", RETENTION, "retention", "archive_campaign", "Out of the way"),
    Passed("POST", "/offers", RETENTION, "retention", "create_offer", "Add an offer to the catalogue"),
    Passed("POST", "/offers/{offer_id}/restock", RETENTION, "retention", "restock_offer", "Add pieces to its stock"),
    Passed("POST", "/offers/{offer_id}/end", RETENTION, "retention", "end_offer", "Make it to nobody from now on"),
    Passed("POST", "/campaigns/{campaign_id}/pause", RETENTION, "retention", "pause_campaign", "Contact nobody from now on"),
    Passed("POST", "/campaigns/{campaign_id}/resume", RETENTION, "retention", "resume_campaign", "Contact again"),
    Passed("POST", "/save-desk/{customer_id}", RETENTION, "tasks", "open_save_desk_call", "A caller wants to leave: risk, reasons, offers, script"),
    Passed("GET", "/loyalty", RETENTION, "loyalty", "list_loyalty_members", "The members of the club and their levels, by id"),
    Passed("GET", "/loyalty/{customer_id}", RETENTION, "loyalty", "get_loyalty", "Points, when they expire, and the level in the club"),
    Passed("POST", "/loyalty/{customer_id}/redeem", RETENTION, "loyalty", "redeem_points", "Spend points; 409 when fewer are there"),
    Passed("GET", "/loyalty-ledger/verify", RETENTION, "loyalty", "verify_loyalty", "Whether the ledger of points adds up"),
    Passed("GET", "/credits", RETENTION, "credits", "list_credits", "In the order they were proposed"),
    Passed("GET", "/credits/{credit_id}", RETENTION, "credits", "get_credit", "One credit, and how it was computed"),
    Passed("POST", "/credits/{credit_id}/approve", RETENTION, "credits", "approve_credit", "By a person with a name: billing is told"),
    Passed("POST", "/credits/{credit_id}/reject", RETENTION, "credits", "reject_credit", "By a person with a name: nothing is credited"),
    Passed("GET", "/works/overdue", RETENTION, "credits", "list_overdue_works", "Late and not done, with what is owed so far"),
    Passed("GET", "/works/{work_id}", RETENTION, "credits", "get_work", "What was promised, and what is owed as things stand"),
    Passed("GET", "/service-levels", RETENTION, "credits", "get_service_levels", "What is promised by service star, and what is made good"),
    Passed("GET", "/calendars", RETENTION, "credits", "list_calendars", "Working days, by region"),
    Passed("GET", "/calendars/{region}", RETENTION, "credits", "get_calendar", "The calendar of a region that has its own"),
    Passed("PUT", "/calendars/{region}", RETENTION, "credits", "set_calendar", "Replace a region's calendar"),
    Passed("GET", "/messages", RETENTION, "messages", "list_messages", "What was written to customers"),
    Passed("GET", "/messages/{message_id}", RETENTION, "messages", "get_message", "One message, and what came of each attempt"),
    Passed("POST", "/messages/{message_id}/receipt", RETENTION, "messages", "report_receipt", "It was delivered, or failed"),
    Passed("GET", "/message-templates", RETENTION, "messages", "list_message_templates", "The templates in force and before"),
    Passed("POST", "/message-templates", RETENTION, "messages", "add_message_template", "A new version"),
    Passed("POST", "/message-templates/preview", RETENTION, "messages", "preview_message_template", "As a customer would read it"),
    Passed("GET", "/offers/records", RETENTION, "retention", "list_offer_records", "What came of each offer, and its rates"),
    Passed("GET", "/offers", RETENTION, "retention", "list_offers", "The offer catalogue"),
    Passed(
        "GET", "/tasks/{task_id}/work", RETENTION, "tasks", "get_task_work", "The attempts at a task, its moments, and what else may be tried",
        inner="/tasks/{task_id}",
    ),
    Passed("POST", "/tasks/{task_id}/reschedule", RETENTION, "tasks", "reschedule_task", "The customer asked for another moment"),
    Passed("POST", "/tasks/{task_id}/message", RETENTION, "tasks", "write_instead", "A message where the call reached nobody"),
    Passed("POST", "/tasks/{task_id}/outcome", RETENTION, "tasks", "report_outcome", "Report what came of a task"),
)  # fmt: skip

for passed in ALL:
    _add(passed)
