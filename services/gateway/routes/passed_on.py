"""What another service owns, passed on to it: its answer is the answer. The list at the end is all of it."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel
from starlette.responses import Response

from services.gateway.forwarding import forward
from services.gateway.schemas import (
    Approval,
    BlockRequest,
    CalendarContent,
    CampaignApproval,
    CampaignDraft,
    CampaignEdit,
    CareProgrammeDraft,
    CaseProgress,
    CreditApproval,
    LearnRequest,
    MergeRequest,
    NewChurnModel,
    NewObjection,
    NewOffer,
    NewProspect,
    NewTemplate,
    OutcomeReport,
    ParameterDraft,
    PreviewRequest,
    Reason,
    Receipt,
    RecutRequest,
    Redemption,
    Reschedule,
    Restock,
    ReviewDecision,
    ReviewResult,
    RollBack,
    StageChange,
    TemplatePreview,
    WriteInstead,
)
from shared.web import idempotency_key

ROUTER = APIRouter(prefix="/v1")


class Passed(NamedTuple):
    """A resource of `service`. Its path there is the same, unless `inner` says another. `once`: needs an Idempotency-Key."""

    method: str
    path: str
    service: str
    tag: str
    operation_id: str
    summary: str
    body: type[BaseModel] | None = None
    query: tuple[str, ...] = ()
    paged: bool = False
    once: bool = False
    status: int = 200
    inner: str | None = None


def _paged(
    limit: Annotated[int | None, Query(ge=1, le=200)] = None,
    cursor: Annotated[str | None, Query(max_length=1000, description="`next_cursor` of the page before")] = None,
) -> None:
    """For the documentation: the query is passed on as it is."""


def documented(model: type[BaseModel]) -> dict[str, Any]:
    """A body that the owner of the resource validates."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": model.model_json_schema()}}}}


PAGED = [Depends(_paged)]
ONCE = [Depends(idempotency_key)]


def _add(one: Passed) -> None:
    ROUTER.add_api_route(
        one.path,
        _endpoint(one),
        methods=[one.method],
        operation_id=one.operation_id,
        summary=one.summary,
        tags=[one.tag],
        status_code=one.status,
        dependencies=(PAGED if one.paged else []) + (ONCE if one.once else []),
        openapi_extra={"parameters": _parameters(one)} | (documented(one.body) if one.body else {}),
        response_class=Response,
    )


def _endpoint(one: Passed) -> Callable[[Request], Awaitable[Response]]:
    steps = (one.inner or one.path).strip("/").split("/")

    async def pass_on(request: Request) -> Response:
        return await forward(request, one.service, *(step.format(**request.path_params) for step in steps))

    return pass_on


def _parameters(one: Passed) -> list[dict[str, Any]]:
    in_path = [{"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in re.findall(r"{(\w+)}", one.path)]
    return in_path + [{"name": name, "in": "query", "required": False, "schema": {"type": "string"}} for name in one.query]


CUSTOMER, SEGMENTATION, RETENTION = "customer", "segmentation", "retention"
OF_CUSTOMER = "/customers/{customer_id}"
DIMENSIONS = ("brand", "region", "tier", "channel", "payment_type", "key_account")

ALL = (
    Passed("GET", f"{OF_CUSTOMER}/personal", CUSTOMER, "privacy", "get_personal", "Who the customer is; `reveal=true`: in plain, on record", query=("reveal",)),
    Passed("GET", f"{OF_CUSTOMER}/quality", CUSTOMER, "data quality", "get_quality", "What is missing or wrong, and which contact points work"),
    Passed("GET", f"{OF_CUSTOMER}/matches", CUSTOMER, "identity", "list_matches", "What the customer is compared by, and who has it too"),
    Passed(
        "GET", f"{OF_CUSTOMER}/segmentation", SEGMENTATION, "segments", "get_segmentation", "Features, scores and open alerts, now or as known at `as_of`",
        query=("as_of",), inner=OF_CUSTOMER,
    ),
    Passed("GET", f"{OF_CUSTOMER}/decisions", RETENTION, "retention", "list_decisions", "Why the customer was contacted, or not"),
    Passed("GET", "/owner", CUSTOMER, "identity", "get_owner", "Whose an identifier is, now or at a past moment", query=("identifier", "at")),
    Passed("GET", "/merges", CUSTOMER, "identity", "list_merges", "Who was merged with whom, newest first", query=("customer_id",), paged=True),
    Passed("POST", "/merges", CUSTOMER, "identity", "merge_customers", "Two customers are one person", body=MergeRequest, status=201),
    Passed("POST", "/merges/{merge_id}/undo", CUSTOMER, "identity", "undo_merge", "They were two persons after all", body=Reason),
    Passed("GET", "/reviews", CUSTOMER, "identity", "list_reviews", "Customers who may be one person", query=("state",), paged=True),
    Passed("GET", "/reviews/{review_id}", CUSTOMER, "identity", "get_review", "One pair, what they share and what was decided"),
    Passed("POST", "/reviews/{review_id}", CUSTOMER, "identity", "decide_review", "They are one person, or two", body=ReviewDecision),
    Passed("GET", "/block-list", CUSTOMER, "identity", "list_blocked", "Values that are no evidence", paged=True),
    Passed("POST", "/block-list", CUSTOMER, "identity", "block_value", "A value many share is no evidence from now on", body=BlockRequest, status=201),
    Passed("DELETE", "/block-list/{part}", CUSTOMER, "identity", "unblock_value", "It is evidence again", status=204),
    Passed("GET", "/reentries", CUSTOMER, "identity", "list_reentries", "Customers who left and are back under another id", query=("customer_id",), paged=True),
    Passed("GET", "/kpi/new-customers", CUSTOMER, "identity", "count_new_customers", "By channel: registered, of them returned, net new", query=("month",)),
    Passed("GET", "/kpi/data-quality", CUSTOMER, "data quality", "rate_data_quality", "By who acquired the customers", query=("by", "month")),
    Passed("GET", "/quality/worst", CUSTOMER, "data quality", "list_worst_quality", "Of whom least is known or right", query=("channel", "agent"), paged=True),
    Passed("GET", "/cases", CUSTOMER, "cases", "list_cases", "What is due first comes first", query=("state", "overdue", "customer_id"), paged=True),
    Passed("GET", "/cases/{complaint_id}", CUSTOMER, "cases", "get_case", "One complaint: its stages, all that was said", query=("customer_id", "reveal")),
    Passed(
        "POST", "/cases/{complaint_id}/progress", CUSTOMER, "cases", "progress_case", "Take a complaint to a later stage",
        body=CaseProgress, query=("customer_id",),
    ),
    Passed("GET", "/surveys/due", CUSTOMER, "cases", "list_surveys_due", "Whom to ask whether the resolution helped", paged=True),
    Passed("GET", "/prospects", CUSTOMER, "prospects", "list_prospects", "Potential customers, newest first, masked", query=("source", "stage"), paged=True),
    Passed("POST", "/prospects", CUSTOMER, "prospects", "create_prospect", "Put down a potential customer", body=NewProspect, once=True, status=201),
    Passed("GET", "/prospects/funnel", CUSTOMER, "prospects", "count_prospects", "By source and stage"),
    Passed("GET", "/prospects/{prospect_id}", CUSTOMER, "prospects", "get_prospect", "One potential customer", query=("reveal",)),
    Passed("PATCH", "/prospects/{prospect_id}", CUSTOMER, "prospects", "set_prospect_stage", "Where a potential customer stands", body=StageChange),
    Passed("GET", f"{OF_CUSTOMER}/export", CUSTOMER, "privacy", "export_customer", "Everything about one customer, in plain: goes on record"),
    Passed("GET", f"{OF_CUSTOMER}/consents", CUSTOMER, "privacy", "get_consents", "What the customer agreed to, now and ever, with the sources"),
    Passed("POST", f"{OF_CUSTOMER}/erasure", CUSTOMER, "privacy", "erase_customer", "Forget the customer for good", body=Reason, status=201),
    Passed("GET", f"{OF_CUSTOMER}/erasure", CUSTOMER, "privacy", "get_erasure", "The proof that the customer was erased"),
    Passed("GET", f"{OF_CUSTOMER}/legal-holds", CUSTOMER, "privacy", "list_legal_holds", "What obliges to keep the customer's data, or did"),
    Passed("POST", f"{OF_CUSTOMER}/legal-holds", CUSTOMER, "privacy", "place_legal_hold", "The customer's data has to be kept", body=Reason, status=201),
    Passed("POST", "/legal-holds/{hold_id}/lift", CUSTOMER, "privacy", "lift_legal_hold", "It need not be kept any more"),
    Passed("GET", "/keys", CUSTOMER, "privacy", "get_keys", "How many data keys are under which master key"),
    Passed("GET", "/retention-periods", CUSTOMER, "privacy", "list_retention_periods", "How long each kind of data is kept, and what was deleted"),
    Passed("GET", "/audit", CUSTOMER, "privacy", "list_audit", "Who read or changed what, newest first", query=("customer_id", "actor", "action"), paged=True),
    Passed("GET", "/feeds", CUSTOMER, "operations", "list_feeds", "The sources of events, and whether each is as usual", paged=True),
    Passed("GET", "/feeds/alerts", CUSTOMER, "operations", "list_feed_alerts", "When sources fell silent, changed, or were as usual again", paged=True),
    Passed("GET", "/workers/customer", CUSTOMER, "operations", "get_customer_workers", "Its workers, and their lag", inner="/health/ready"),
    Passed("GET", "/workers/segmentation", SEGMENTATION, "operations", "get_segmentation_workers", "Its workers, and their lag", inner="/health/ready"),
    Passed("GET", "/workers/retention", RETENTION, "operations", "get_retention_workers", "Its workers, and their lag", inner="/health/ready"),
    Passed("GET", "/reconciliation", CUSTOMER, "operations", "get_reconciliation", "What was accepted, and what became of it", query=("recount",)),
    Passed("GET", "/parked", CUSTOMER, "operations", "list_parked", "Events that wait for their customer to appear", query=("subject",), paged=True),
    Passed("GET", "/segments", SEGMENTATION, "segments", "count_segments", "Customers per population and named segment"),
    Passed("GET", "/rfm/cuts", SEGMENTATION, "segments", "list_cuts", "The versions of the cut points, newest first", paged=True),
    Passed("POST", "/rfm/recut", SEGMENTATION, "segments", "request_recut", "Cut the RFM scores anew over all", body=RecutRequest, once=True, status=202),
    Passed("GET", "/segments/map", SEGMENTATION, "segments", "get_segment_map", "Recency against habit, with mean value", query=("population",)),
    Passed("GET", "/migration", SEGMENTATION, "segments", "get_migration", "From where to where customers moved between two days", query=("of", "from", "to")),
    Passed("GET", "/tiers", SEGMENTATION, "standings", "get_tiers", "The value pyramid: tiers, grades, stars and categories"),
    Passed("GET", "/lifecycle", SEGMENTATION, "standings", "get_lifecycle", "Customers by stage, and the state machine"),
    Passed("GET", "/moments", SEGMENTATION, "standings", "list_moments", "The moments that were reached", query=("moment", "customer_id"), paged=True),
    Passed("GET", "/arrears", SEGMENTATION, "standings", "list_arrears", "Who owes, most first", query=("level",), paged=True),
    Passed("GET", "/churn/rate", SEGMENTATION, "churn", "get_churn_rate", "Who of those here on a day left within the horizon", query=("observed_on",)),
    Passed(
        "GET", f"{OF_CUSTOMER}/churn-label", SEGMENTATION, "churn", "get_churn_label", "Stayed, churned, excluded or not known yet", query=("observed_on",)
    ),
    Passed("GET", f"{OF_CUSTOMER}/churn", SEGMENTATION, "churn", "get_churn_score", "How likely the customer leaves, and why", query=("as_of",)),
    Passed("GET", "/churn/scores", SEGMENTATION, "churn", "list_churn_scores", "Likeliest to leave first", query=("at_least", "population"), paged=True),
    Passed("GET", "/churn/health", SEGMENTATION, "churn", "get_churn_health", "Drift and calibration of the churn models"),
    Passed("GET", "/churn/models", SEGMENTATION, "churn", "list_churn_models", "What scores now, and all registered models", paged=True),
    Passed("POST", "/churn/models", SEGMENTATION, "churn", "register_churn_model", "Hand in a trained model", body=NewChurnModel, status=201),
    Passed("GET", "/churn/models/{version}", SEGMENTATION, "churn", "get_churn_model", "One model and its card"),
    Passed("GET", "/churn/models/{version}/file", SEGMENTATION, "churn", "download_churn_model", "The file itself"),
    Passed("POST", "/churn/models/{version}/shadow", SEGMENTATION, "churn", "shadow_churn_model", "Score beside the champion, to compare"),
    Passed("POST", "/churn/models/{version}/promote", SEGMENTATION, "churn", "promote_churn_model", "By a second person: the champion", body=Reason),
    Passed("POST", "/churn/models/{version}/retire", SEGMENTATION, "churn", "retire_churn_model", "Out of the shadow", body=Reason),
    Passed("POST", "/churn/models/{version}/rollback", SEGMENTATION, "churn", "roll_back_churn_model", "The champion before it is back", body=Reason),
    Passed("GET", f"{OF_CUSTOMER}/suggestions", SEGMENTATION, "learning", "list_suggestions", "What goes with what the customer holds"),
    Passed("GET", "/models", SEGMENTATION, "learning", "list_models", "What was learned from all customers, and what could not be"),
    Passed("POST", "/models/learn", SEGMENTATION, "learning", "learn_models", "Learn anew, whatever the day", body=LearnRequest, once=True, status=202),
    Passed("GET", "/clusters", SEGMENTATION, "learning", "get_clusters", "The behaviour clusters in force"),
    Passed("GET", "/affinity", SEGMENTATION, "learning", "list_affinity", "Which products go together", query=("product",)),
    Passed("GET", "/pictures/segment-map.svg", SEGMENTATION, "pictures", "draw_segment_map", "The segment map, as SVG", query=("population",)),
    Passed("GET", "/pictures/migration.svg", SEGMENTATION, "pictures", "draw_migration", "Migration, as SVG", query=("of", "from", "to")),
    Passed("GET", "/parameters", SEGMENTATION, "parameters", "get_parameters", "The set in force, and the next one that is approved"),
    Passed("GET", "/parameters/schema", SEGMENTATION, "parameters", "get_parameter_schema", "Every threshold and weight, described, as JSON Schema"),
    Passed("GET", "/parameters/sets", SEGMENTATION, "parameters", "list_parameter_sets", "All sets, newest first", paged=True),
    Passed("GET", "/parameters/sets/{version}", SEGMENTATION, "parameters", "get_parameter_set", "One set, and how it differs from its base"),
    Passed(
        "POST", "/parameters/sets", SEGMENTATION, "parameters", "draft_parameter_set", "Draft changes", body=ParameterDraft, once=True, status=201
    ),
    Passed(
        "POST", "/parameters/sets/{version}/preview", SEGMENTATION, "parameters", "preview_parameter_set", "What would change: nothing is written",
        body=PreviewRequest,
    ),
    Passed("POST", "/parameters/sets/{version}/approve", SEGMENTATION, "parameters", "approve_parameter_set", "By a second person", body=Approval),
    Passed("POST", "/parameters/sets/{version}/reject", SEGMENTATION, "parameters", "reject_parameter_set", "Decide against a draft", body=Reason),
    Passed("POST", "/parameters/rollback", SEGMENTATION, "parameters", "roll_back_parameters", "Take back the set in force", body=RollBack, once=True),
    Passed("GET", "/analysis", SEGMENTATION, "analysis", "list_analysis_subjects", "The subjects, with their measures and formulas"),
    Passed(
        "GET", "/analysis/revenue-at-risk", SEGMENTATION, "analysis", "revenue_at_risk", "Churn probability times future value, day by day",
        query=("by", "brand", "region", "tier", "cause", "from", "to", "format"),
    ),
    Passed(
        "GET", "/analysis/standing", SEGMENTATION, "analysis", "count_standing", "Customers and prospects now, by where they stand",
        query=("of", "by", *DIMENSIONS),
    ),
    Passed("GET", "/analysis/verify", SEGMENTATION, "analysis", "get_recount", "Whether the sums agree with the customers' rows"),
    Passed("POST", "/analysis/verify", SEGMENTATION, "analysis", "verify_analysis", "Count everybody again, and compare", once=True, status=202),
    Passed("POST", "/analysis/recount", SEGMENTATION, "analysis", "recount_analysis", "Count everybody again, in place of the sums", once=True, status=202),
    Passed(
        "GET", "/analysis/{subject}", SEGMENTATION, "analysis", "get_analysis", "A subject as a series, also as CSV or Parquet",
        query=("from", "to", "grain", "by", *DIMENSIONS, "format"),
    ),
    Passed("GET", "/pictures/revenue-at-risk.svg", SEGMENTATION, "pictures", "draw_revenue_at_risk", "The revenue at risk of 30 days, as SVG", query=("by",)),
    Passed("GET", "/pictures/value-pyramid.svg", SEGMENTATION, "pictures", "draw_pyramid", "The value pyramid, as SVG"),
    Passed("GET", "/decisions/{decision_id}", RETENTION, "retention", "get_decision", "Its receipt: every gate, and all it looked at"),
    Passed("GET", "/decisions/{decision_id}/recomputed", RETENTION, "retention", "recompute_decision", "Whether the stored inputs give the same decision"),
    Passed("POST", "/decisions/{decision_id}/review", RETENTION, "retention", "request_decision_review", "A person is to look at it again", status=201),
    Passed("GET", "/decision-reviews", RETENTION, "retention", "list_decision_reviews", "Decisions a person is to look at", query=("state", "limit")),
    Passed("POST", "/decision-reviews/{decision_id}/close", RETENTION, "retention", "close_decision_review", "What they found", body=ReviewResult),
    Passed(
        "GET", f"{OF_CUSTOMER}/decisions/{{decision_id}}/explanation", RETENTION, "retention", "explain_decision", "In plain words, for the customer",
        query=("language",),
    ),
    Passed("GET", f"{OF_CUSTOMER}/objections", RETENTION, "retention", "list_objections", "What the customer refuses of automated decisions"),
    Passed("POST", f"{OF_CUSTOMER}/objections", RETENTION, "retention", "object_to_decisions", "In force at once", body=NewObjection, status=201),
    Passed("POST", f"{OF_CUSTOMER}/objections/withdraw", RETENTION, "retention", "withdraw_objection", "No more", body=NewObjection),
    Passed("GET", "/campaigns", RETENTION, "retention", "list_campaigns", "All campaigns"),
    Passed("GET", "/campaigns/{campaign_id}", RETENTION, "retention", "get_campaign", "One campaign, with counts per arm and outcome"),
    Passed("GET", "/campaigns/{campaign_id}/effect", RETENTION, "retention", "get_campaign_effect", "Who stayed of the contacted against the held out"),
    Passed("POST", "/campaigns", RETENTION, "retention", "draft_campaign", "Draft a campaign", body=CampaignDraft, once=True, status=201),
    Passed("PUT", "/campaigns/{campaign_id}", RETENTION, "retention", "edit_campaign", "Change a draft", body=CampaignEdit),
    Passed("GET", "/campaigns/{campaign_id}/budget", RETENTION, "retention", "get_campaign_budget", "What was reserved, released and spent, by month"),
    Passed("GET", "/campaigns/{campaign_id}/runs", RETENTION, "retention", "list_campaign_runs", "The turns of its schedule", query=("limit",)),
    Passed("GET", "/care-programmes", RETENTION, "retention", "list_care_programmes", "Ready-made programmes, each as it would be drafted now"),
    Passed(
        "POST", "/care-programmes/{name}/draft", RETENTION, "retention", "draft_care_programme", "A campaign of it, to be edited and approved",
        body=CareProgrammeDraft, once=True, status=201,
    ),
    Passed("GET", "/audience-fields", RETENTION, "retention", "list_audience_fields", "What the audience of a campaign can ask for"),
    Passed("GET", "/campaigns/{campaign_id}/dry-run", RETENTION, "retention", "try_campaign", "What it would decide about the last days", query=("days",)),
    Passed("POST", "/campaigns/{campaign_id}/approve", RETENTION, "retention", "approve_campaign", "By a second person: it runs", body=CampaignApproval),
    Passed("POST", "/campaigns/{campaign_id}/stop", RETENTION, "retention", "stop_campaign", "For good: open tasks stay open", body=Reason),
    Passed("POST", "/campaigns/{campaign_id}/archive", RETENTION, "retention", "archive_campaign", "Out of the way", body=Reason),
    Passed("POST", "/offers", RETENTION, "retention", "create_offer", "Add an offer to the catalogue", body=NewOffer, once=True, status=201),
    Passed("POST", "/offers/{offer_id}/restock", RETENTION, "retention", "restock_offer", "Add pieces to its stock", body=Restock, once=True),
    Passed("POST", "/offers/{offer_id}/end", RETENTION, "retention", "end_offer", "Make it to nobody from now on"),
    Passed("POST", "/campaigns/{campaign_id}/pause", RETENTION, "retention", "pause_campaign", "Contact nobody from now on"),
    Passed("POST", "/campaigns/{campaign_id}/resume", RETENTION, "retention", "resume_campaign", "Contact again"),
    Passed(
        "POST", "/save-desk/{customer_id}", RETENTION, "tasks", "open_save_desk_call", "A caller wants to leave: risk, reasons, offers, script", once=True,
        status=201,
    ),
    Passed("GET", "/loyalty", RETENTION, "loyalty", "list_loyalty_members", "The members of the club and their levels, by id", paged=True),
    Passed("GET", "/loyalty/{customer_id}", RETENTION, "loyalty", "get_loyalty", "Points, when they expire, and the level in the club"),
    Passed(
        "POST", "/loyalty/{customer_id}/redeem", RETENTION, "loyalty", "redeem_points", "Spend points; 409 when fewer are there", body=Redemption,
        once=True,
    ),
    Passed("GET", "/loyalty-ledger/verify", RETENTION, "loyalty", "verify_loyalty", "Whether the ledger of points adds up"),
    Passed("GET", "/credits", RETENTION, "credits", "list_credits", "In the order they were proposed", query=("state", "customer_id"), paged=True),
    Passed("GET", "/credits/{credit_id}", RETENTION, "credits", "get_credit", "One credit, and how it was computed"),
    Passed("POST", "/credits/{credit_id}/approve", RETENTION, "credits", "approve_credit", "By a person with a name: billing is told", body=CreditApproval),
    Passed("POST", "/credits/{credit_id}/reject", RETENTION, "credits", "reject_credit", "By a person with a name: nothing is credited", body=Reason),
    Passed("GET", "/works/overdue", RETENTION, "credits", "list_overdue_works", "Late and not done, with what is owed so far", paged=True),
    Passed("GET", "/works/{work_id}", RETENTION, "credits", "get_work", "What was promised, and what is owed as things stand"),
    Passed("GET", "/service-levels", RETENTION, "credits", "get_service_levels", "What is promised by service star, and what is made good"),
    Passed("GET", "/calendars", RETENTION, "credits", "list_calendars", "Working days, by region"),
    Passed("PUT", "/calendars/{region}", RETENTION, "credits", "set_calendar", "Replace a region's calendar", body=CalendarContent),
    Passed("GET", "/messages", RETENTION, "messages", "list_messages", "What was written to customers", query=("state", "customer_id"), paged=True),
    Passed("GET", "/messages/{message_id}", RETENTION, "messages", "get_message", "One message, and what came of each attempt"),
    Passed("POST", "/messages/{message_id}/receipt", RETENTION, "messages", "report_receipt", "It was delivered, or failed", body=Receipt),
    Passed("GET", "/message-templates", RETENTION, "messages", "list_message_templates", "The templates in force and before", query=("purpose",)),
    Passed("POST", "/message-templates", RETENTION, "messages", "add_message_template", "A new version", body=NewTemplate, once=True, status=201),
    Passed("POST", "/message-templates/preview", RETENTION, "messages", "preview_message_template", "As a customer would read it", body=TemplatePreview),
    Passed("GET", "/offers/records", RETENTION, "retention", "list_offer_records", "What came of each offer, and its rates"),
    Passed("GET", "/offers", RETENTION, "retention", "list_offers", "The offer catalogue"),
    Passed(
        "GET", "/tasks/{task_id}/work", RETENTION, "tasks", "get_task_work", "The attempts at a task, its moments, and what else may be tried",
        inner="/tasks/{task_id}",
    ),
    Passed("POST", "/tasks/{task_id}/reschedule", RETENTION, "tasks", "reschedule_task", "The customer asked for another moment", body=Reschedule, once=True),
    Passed("POST", "/tasks/{task_id}/message", RETENTION, "tasks", "write_instead", "A message where the call reached nobody", body=WriteInstead, once=True),
    Passed("POST", "/tasks/{task_id}/outcome", RETENTION, "tasks", "report_outcome", "Report what came of a task", body=OutcomeReport, once=True),
)  # fmt: skip

for passed in ALL:
    _add(passed)
