"""Patterns of behaviour that come before churn, bad debt or fraud, and when one is a warning.

A warning is raised once per customer and kind, and once more when it becomes urgent. It stays open until its cool-down has passed
in event time, or what it says is over (usage is back, the bill is paid, the contract renewed); then it is armed again. What happened
too long ago raises nothing: a warning about last year helps nobody.

Three ways lead here: facts of a batch (`watch`), time passing and scores changing (`watch_standing`), and what others of the same
group do (`groups.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

from services.segmentation.features import Features, holdings
from services.segmentation.ids import id_of
from services.segmentation.parameters import BUILT_IN, Parameters, Patterns
from services.segmentation.patterns import fraud, standing, usage
from services.segmentation.patterns.finding import Alert, Finding
from services.segmentation.patterns.standing import Stands
from services.segmentation.patterns.usage import UsageChange
from shared.contracts import care, customer, network, orders
from shared.contracts.customer import Fact

DEFAULT = BUILT_IN.parameters


def watch(features: Features, facts: Sequence[Fact], *, now: datetime, months_moved: bool, parameters: Parameters = DEFAULT) -> list[Alert]:
    """What these facts raise, noted in `features.alerted`; also arms again what is over. `months_moved`: the months hold them already."""
    used = months_moved and any(fact.type == network.UsageSummarised.type for fact in facts)
    change = usage.usage_change(features.months, parameters.patterns) if used else None
    if change:
        usage.arm_again(features, change, parameters.patterns)
    if features.complaints and not usage.overdue_complaints(features):
        features.alerted.pop("complaint_overdue", None)
    return raise_alerts(features, _findings(features, facts, change, parameters), now=now, parameters=parameters.patterns)


def watch_standing(features: Features, stands: Stands, *, now: datetime, parameters: Parameters = DEFAULT) -> list[Alert]:
    """What shows without an event: time passed, or scores changed."""
    standing.arm_again(features, stands, parameters)
    return raise_alerts(features, standing.findings(features, stands, now, parameters), now=now, parameters=parameters.patterns)


def raise_alerts(features: Features, findings: Iterable[Finding], *, now: datetime, parameters: Patterns) -> list[Alert]:
    alerts = []
    for finding in findings:
        if finding.at >= now - timedelta(days=parameters.longest_fact_age_days) and _is_armed(features, finding, parameters):
            alert_id = id_of(finding.kind, features.customer_id, finding.caused_by)
            at = max(finding.at.isoformat(), features.alerted.get(finding.kind, {}).get("at", ""))
            features.alerted[finding.kind] = {"alert_id": alert_id, "at": at, "severity": finding.severity}
            alerts.append(Alert(alert_id, features.customer_id, finding))
    return alerts


def is_open(alerted: Mapping[str, str], *, now: datetime, parameters: Patterns = DEFAULT.patterns) -> bool:
    return now < datetime.fromisoformat(alerted["at"]) + timedelta(days=parameters.cool_down_days)


def open_kinds(features: Features, *, now: datetime, parameters: Patterns = DEFAULT.patterns) -> list[str]:
    return sorted(kind for kind, alerted in features.alerted.items() if is_open(alerted, now=now, parameters=parameters))


def _findings(features: Features, facts: Sequence[Fact], change: UsageChange | None, parameters: Parameters) -> Iterator[Finding]:
    rules, left_on = parameters.patterns, features.left_on
    facts = [fact for fact in facts if left_on is None or fact.time.astimezone(UTC).date() <= left_on]
    for fact in facts:
        if fact.type == network.UsageSummarised.type:
            yield from usage.forwarding(fact, features.months, rules)
            yield from fraud.sudden_charges(fact, features, parameters.fraud)
        elif fact.type == orders.PortOutRequested.type or (fact.type == care.InquiryMade.type and fact.data["kind"] == "port_out_pin"):
            yield usage.port_out(fact)
        elif fact.type == customer.CaseOverdue.type and left_on is None:
            yield from usage.complaint_overdue(fact, features)
    summaries = [fact for fact in facts if fact.type == network.UsageSummarised.type]
    if change and summaries:
        newest = max(summaries, key=lambda fact: fact.time)
        yield from usage.usage_fall(change, newest, rules)
        yield from usage.multi_sim(change, newest, rules)


def _is_armed(features: Features, finding: Finding, parameters: Patterns) -> bool:
    """Also where a warning became urgent."""
    last = features.alerted.get(finding.kind)
    if last is None or (finding.severity == "urgent" and last.get("severity") == "warning"):
        return True
    return finding.at >= datetime.fromisoformat(last["at"]) + timedelta(days=parameters.cool_down_days)


def sign_of(features: Features, open_kinds: Sequence[str], today: date, parameters: Patterns) -> str:
    """What a customer shows that others of the same household or group may do too; an end that is ours is no sign."""
    ended = holdings.last_ended(features.subscriptions)
    if ended:
        left = date.fromisoformat(ended["terminated_on"])
        return "left" if ended["reason"] not in holdings.INVOLUNTARY and (today - left).days <= parameters.group_sign_days else ""
    if "forwarding_off_net" in open_kinds:
        return "forwarding"
    return "silent" if "silent" in open_kinds or "usage_fall" in open_kinds else ""
