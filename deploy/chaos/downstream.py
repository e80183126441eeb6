"""The auditor's view of the services behind `activity`: each has to agree with the ledger, and with the one before it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from deploy.chaos.evidence import Evidence
from deploy.chaos.findings import Findings, compare, documents, repeated
from deploy.chaos.ledger import Months, Purchase
from shared.contracts import topics

MONTHS_IN_VIEW = 13
FACTS_IN_VIEW = 50


def _sequences(e: Evidence) -> Findings:
    expected = {row["customer_id"]: row["activity_sequence"] for row in e.rows["customer"]["customers"]}
    breaches: list[str] = []
    for service, table in (("segmentation", "features"), ("retention", "contactables"), ("gateway", "views")):
        found = {row["customer_id"]: row["last_sequence"] for row in e.rows[service][table]}
        breaches += compare(f"sequence at {service} of", expected, found)
    breaches += [f"lost: segmentation skipped {row['gaps']} of {row['customer_id']}" for row in e.rows["segmentation"]["features"] if row["gaps"]]
    return Findings(f"{len(expected):,} customers, 3 readers", breaches)


def _no_dead_letters(e: Evidence) -> Findings:
    rows = [(service, row) for service in ("segmentation", "retention", "gateway") for row in e.rows[service]["dead_letters"]]
    breaches = [f"lost: {service} buried {row['topic']} {row['partition']} {row['offset']}: {row['code']}" for service, row in rows]
    return Findings(f"{len(rows)} dead letters", breaches)


def _purchase_days(e: Evidence) -> Findings:
    found = {(row["customer_id"], row["day"]): Purchase(row["payments"], row["paid_minor"])._asdict() for row in e.rows["segmentation"]["purchase_days"]}
    expected = {day: purchase._asdict() for day, purchase in e.ledger.purchase_days.items()}
    return Findings(f"{len(found):,} days", list(compare("purchases of", expected, found)))


def _rfm(e: Evidence) -> Findings:
    days: dict[str, list[tuple[str, Purchase]]] = defaultdict(list)
    for (customer_id, day), purchase in e.ledger.purchase_days.items():
        days[customer_id].append((day, purchase))
    expected = {customer_id: _summed(of_customer) for customer_id, of_customer in days.items() if any(purchase.payments for _, purchase in of_customer)}
    found = {row["customer_id"]: {name: row[name] for name in ("paid_day", "frequency", "monetary_minor")} for row in e.rows["segmentation"]["rfm"]}
    return Findings(f"{len(found):,} customers scored", list(compare("purchases behind the score of", expected, found)))


def _summed(days: list[tuple[str, Purchase]]) -> dict[str, Any]:
    bought_on = [day for day, purchase in days if purchase.payments]
    return {"paid_day": max(bought_on), "frequency": len(bought_on), "monetary_minor": sum(purchase.paid_minor for _, purchase in days)}


def _scores_published(e: Evidence) -> Findings:
    return _all_published(e, "rfm", "segmentation.rfm_")


def _standings_published(e: Evidence) -> Findings:
    return _all_published(e, "standings", "segmentation.standing_")


def _churn_scores_published(e: Evidence) -> Findings:
    return _all_published(e, "churn_scores", "segmentation.churn_score")


def _all_published(e: Evidence, table: str, type_prefix: str) -> Findings:
    """Every change has a number, +1 per customer: none may be missing."""
    numbers: dict[str, set[int]] = defaultdict(set)
    for event in documents(e.records[topics.SEGMENTS]):
        if event["type"].startswith(type_prefix):
            numbers[event["subject"].removeprefix("customer:")].add(event["sequence"])
    expected = {row["customer_id"]: set(range(1, row["published"] + 1)) for row in e.rows["segmentation"][table] if row["published"]}
    return Findings(f"{sum(map(len, numbers.values())):,} changes", list(compare(f"changes of {table} of", expected, dict(numbers))))


def _warnings(e: Evidence) -> Findings:
    """Who asked how to leave is warned about, each once: that needs no threshold and does not depend on the order of arrival."""
    rows = e.rows["segmentation"]["alerts"]
    asked = {report.customer_id: report.id for report in e.ledger.facts.values() if report.data.get("kind") == "port_out_pin"}
    warned = [row for row in rows if row["kind"] == "port_out_inquiry"]
    breaches = [
        *repeated("warning about", (row["customer_id"] for row in warned)),
        *compare("warning about", asked, {row["customer_id"]: row["caused_by"] for row in warned}),
        *_on_topic(e, topics.ALERTS, "segmentation.alert_raised", "alert_id", rows),
    ]
    return Findings(f"{len(asked):,} asked to leave, {len(rows):,} warnings in all", breaches)


def _decisions(e: Evidence) -> Findings:
    rows, waiting = e.rows["retention"]["decisions"], e.rows["retention"]["waiting_alerts"]
    triggers = {kind for campaign in e.rows["retention"]["campaigns"] for kind in campaign["offers"]}
    raised = {row["alert_id"]: row["customer_id"] for row in e.rows["segmentation"]["alerts"] if row["kind"] in triggers}
    breaches = [
        *(f"not decided: {row['alert_id']} still waits" for row in waiting),
        *repeated("decision on", ((row["campaign_id"], row["alert_id"]) for row in rows)),
        *compare("decision on", raised, {row["alert_id"]: row["customer_id"] for row in rows}),
        *_on_topic(e, topics.CONTACTS, "retention.decision_made", "decision_id", rows),
    ]
    return Findings(f"{len(raised):,} warnings, {len(rows):,} decisions", breaches)


def _tasks(e: Evidence) -> Findings:
    rows = e.rows["retention"]["tasks"]
    decided = {row["decision_id"]: row["customer_id"] for row in e.rows["retention"]["decisions"] if row["verdict"] == "contact"}
    caps = {row["campaign_id"]: row["cap_contacts"] for row in e.rows["retention"]["campaigns"]}
    cap = max((caps[row["campaign_id"]] for row in rows), default=0)
    open_tasks = Counter(row["customer_id"] for row in rows if row["status"] == "open")
    breaches = [
        *compare("task of", decided, {row["task_id"]: row["customer_id"] for row in rows}),
        *(f"doubled: {count} open tasks for {customer_id}, at most {cap}" for customer_id, count in open_tasks.items() if count > cap),
        *_on_topic(e, topics.CONTACTS, "retention.task_opened", "task_id", rows),
    ]
    return Findings(f"{len(decided):,} to be contacted, {len(rows):,} tasks", breaches)


def _on_topic(e: Evidence, topic: str, type: str, key: str, rows: list[Mapping[str, Any]]) -> list[str]:
    """What is stored was published too; readers drop what comes twice."""
    published = {event["data"][key]: event["subject"] for event in documents(e.records[topic], type)}
    return list(compare(f"{type} on {topic}", {row[key]: f"customer:{row['customer_id']}" for row in rows}, published))


def months(e: Evidence) -> Months:
    """Of the ledger, with what the customer service found out itself: stages of complaints that were not done in time."""
    found = {month: dict(measures) for month, measures in e.ledger.months.items()}
    for row in e.found_out.values():
        month = found.setdefault((row["customer_id"], row["occurred_at"].strftime("%Y-%m")), {})
        month["complaints_overdue"] = month.get("complaints_overdue", 0) + (row["type"] == "customer.case_overdue.v1")
    return found


def _months_in_view(e: Evidence) -> Findings:
    expected: dict[str, dict[str, Any]] = {customer_id: {} for customer_id in e.ledger.of_customers}
    whole = months(e)
    for customer_id, month in sorted(whole, key=lambda key: key[1], reverse=True):
        if len(expected[customer_id]) < MONTHS_IN_VIEW:
            expected[customer_id][month] = whole[customer_id, month]
    found = {row["customer_id"]: _with_measures(row["behaviour"]["months"]) if row["behaviour"] else {} for row in e.rows["gateway"]["views"]}
    return Findings(f"{len(found):,} views", list(compare("months in the view of", expected, found)))


def _with_measures(months: Mapping[str, Any]) -> dict[str, Any]:
    return {month: measures for month, measures in months.items() if measures}


def _timelines(e: Evidence) -> Findings:
    facts = {customer_id: [(report.occurred_at, *report.name) for report in reports] for customer_id, reports in e.ledger.of_customers.items()}
    for row in e.found_out.values():
        facts[row["customer_id"]].append((row["occurred_at"], row["source"], row["id"]))
    expected = {customer_id: sorted(of_customer, reverse=True)[:FACTS_IN_VIEW] for customer_id, of_customer in facts.items()}
    found = {row["customer_id"]: [_entry(one) for one in row["timeline"] or ()] for row in e.rows["gateway"]["views"]}
    return Findings(f"{sum(map(len, found.values())):,} facts in views", list(compare("timeline of", expected, found)))


def _entry(fact: Mapping[str, Any]) -> tuple[datetime, str, str]:
    return datetime.fromisoformat(fact["occurred_at"]), fact["source"], fact["id"]


def _lists(e: Evidence) -> Findings:
    breaches: list[str] = []
    for table, key, owner in (("alerts", "alert_id", "segmentation"), ("tasks", "task_id", "retention")):
        expected, found = ({row[key]: row["customer_id"] for row in e.rows[service][table]} for service in (owner, "gateway"))
        breaches += compare(f"{table} of the gateway:", expected, found)
    return Findings(f"{len(e.rows['gateway']['alerts']):,} alerts, {len(e.rows['gateway']['tasks']):,} tasks", breaches)


DOWNSTREAM: tuple[tuple[str, Callable[[Evidence], Findings]], ...] = (
    ("every reader is at each customer's last activity", _sequences),
    ("nothing of ours is a dead letter downstream", _no_dead_letters),
    ("purchase days = payments sent", _purchase_days),
    ("what was scored = payments sent", _rfm),
    ("every change of a score is published", _scores_published),
    ("every change of a standing is published", _standings_published),
    ("every change of a churn score is published", _churn_scores_published),
    ("who asked to leave is warned about once", _warnings),
    ("each warning is decided once", _decisions),
    ("one task for each contact, none above the cap", _tasks),
    ("months in the 360 view = months of customer", _months_in_view),
    ("timelines = newest facts", _timelines),
    ("the gateway lists all warnings and tasks", _lists),
)
