"""Patterns of behaviour that come before churn, and when one is a warning.

A warning is raised once per customer and kind. It is armed again when its cool-down has passed in event time; a usage fall also when
usage is back. It stays open until then. What happened too long ago raises nothing: a warning about last year helps nobody.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

from services.segmentation.features import OUT_SECONDS, Features, Month
from services.segmentation.ids import id_of
from shared import clock
from shared.contracts import care, network, orders
from shared.contracts.customer import Fact
from shared.contracts.segmentation import AlertKind


@dataclass(frozen=True, slots=True)
class Parameters:
    """Every threshold. A changed set gets a new name: each alert carries the one that made it."""

    name: str = "patterns-1"
    cool_down_days: int = 30
    longest_fact_age_days: int = 35
    usage_days: int = 7
    """Covered days that make a month fit to be judged."""
    baseline_months: int = 3
    baseline_days: int = 45
    """Covered days that make a baseline, all its months together."""
    baseline_seconds_per_day: int = 60
    """Who calls less than this has nothing to fall from."""
    fall_percent: int = 50
    urgent_fall_percent: int = 80
    recovered_percent: int = 80
    forwardings: int = 1
    urgent_forwardings: int = 3
    """In one month."""


PARAMETERS = Parameters()


class Finding(NamedTuple):
    """A pattern that is there, whether or not it is to be raised."""

    kind: AlertKind
    severity: Literal["warning", "urgent"]
    reason: str
    evidence: dict[str, Any]
    fact: Fact


class Alert(NamedTuple):
    alert_id: str
    customer_id: str
    finding: Finding


class Usage(NamedTuple):
    """Outgoing seconds and the days they cover."""

    seconds: int
    days: int

    @property
    def seconds_per_day(self) -> float:
        return round(self.seconds / self.days, 2)

    def percent_of(self, baseline: Usage) -> float:
        return 100 * self.seconds * baseline.days / (self.days * baseline.seconds)


class UsageChange(NamedTuple):
    month: str
    usage: Usage
    baseline: Usage

    @property
    def percent(self) -> float:
        return self.usage.percent_of(self.baseline)


def watch(features: Features, facts: Sequence[Fact], *, now: datetime, months_moved: bool, parameters: Parameters = PARAMETERS) -> list[Alert]:
    """What these facts raise, noted in `features.alerted`; also arms again what is over. `months_moved`: the months hold them already."""
    alerts = []
    for finding in _findings(features, facts, months_moved, parameters):
        if _is_recent(finding.fact, now, parameters) and _is_armed(features, finding, parameters):
            alert_id = id_of(finding.kind, features.customer_id, finding.fact.id)
            features.alerted[finding.kind] = {"alert_id": alert_id, "at": finding.fact.time.isoformat()}
            alerts.append(Alert(alert_id, features.customer_id, finding))
    return alerts


def is_open(alerted: Mapping[str, str], *, now: datetime, parameters: Parameters = PARAMETERS) -> bool:
    return now < datetime.fromisoformat(alerted["at"]) + timedelta(days=parameters.cool_down_days)


def usage_change(months: Mapping[str, Month], parameters: Parameters = PARAMETERS) -> UsageChange | None:
    """The newest month that is fit to be judged against those before it; None when there is too little to tell."""
    judged = max((month for month, measures in months.items() if measures.get("usage_days", 0) >= parameters.usage_days), default=None)
    if judged is None:
        return None
    before = [months.get(clock.months_before(judged, count), {}) for count in range(1, parameters.baseline_months + 1)]
    baseline = _usage(before)
    if baseline.days < parameters.baseline_days or baseline.seconds < parameters.baseline_seconds_per_day * baseline.days:
        return None
    return UsageChange(judged, _usage([months[judged]]), baseline)


def _usage(months: Sequence[Month]) -> Usage:
    return Usage(sum(month.get(name, 0) for month in months for name in OUT_SECONDS), sum(month.get("usage_days", 0) for month in months))


def _findings(features: Features, facts: Sequence[Fact], months_moved: bool, parameters: Parameters) -> Iterator[Finding]:
    for fact in facts:
        if fact.type == network.UsageSummarised.type:
            yield from _forwarding(fact, features.months, parameters)
        elif fact.type == orders.PortOutRequested.type or (fact.type == care.InquiryMade.type and fact.data["kind"] == "port_out_pin"):
            yield _port_out(fact, parameters)
    summaries = [fact for fact in facts if fact.type == network.UsageSummarised.type]
    if summaries and months_moved:
        yield from _usage_fall(features, max(summaries, key=lambda fact: fact.time), parameters)


def _usage_fall(features: Features, fact: Fact, parameters: Parameters) -> Iterator[Finding]:
    change = usage_change(features.months, parameters)
    if change is None:
        return
    if change.percent > parameters.recovered_percent:
        features.alerted.pop("usage_fall", None)
    if change.percent > 100 - parameters.fall_percent:
        return
    yield Finding(
        "usage_fall",
        "urgent" if change.percent <= 100 - parameters.urgent_fall_percent else "warning",
        f"Usage fell by {100 - change.percent:.0f} % against the {parameters.baseline_months} months before",
        {
            "month": change.month,
            "seconds_per_day": change.usage.seconds_per_day,
            "baseline_seconds_per_day": change.baseline.seconds_per_day,
            "parameters": parameters.name,
        },
        fact,
    )


def _forwarding(fact: Fact, months: Mapping[str, Month], parameters: Parameters) -> Iterator[Finding]:
    away = [one for one in fact.data.get("forwarding", ()) if not one["on_net"] and one["activations"]]
    activations = sum(one["activations"] for one in away)
    if activations < parameters.forwardings:
        return
    month = clock.month_of(fact.occurred_at)
    in_month = max(activations, months.get(month, {}).get("forwardings_off_net", 0))
    networks = sorted({one["network"] for one in away})
    yield Finding(
        "forwarding_off_net",
        "urgent" if in_month >= parameters.urgent_forwardings else "warning",
        f"Calls were forwarded to another operator ({', '.join(networks)[:200]})",
        {"month": month, "activations": activations, "activations_in_month": in_month, "networks": networks, "parameters": parameters.name},
        fact,
    )


def _port_out(fact: Fact, parameters: Parameters) -> Finding:
    operator = fact.data.get("other_operator")
    reason = f"Asked to take the number to {operator}" if operator else "Asked for the PIN that taking the number away needs"
    return Finding("port_out_inquiry", "urgent", reason, {"event": fact.type, "at": fact.time.isoformat(), "parameters": parameters.name}, fact)


def _is_recent(fact: Fact, now: datetime, parameters: Parameters) -> bool:
    return fact.time >= now - timedelta(days=parameters.longest_fact_age_days)


def _is_armed(features: Features, finding: Finding, parameters: Parameters) -> bool:
    last = features.alerted.get(finding.kind)
    return last is None or finding.fact.time >= datetime.fromisoformat(last["at"]) + timedelta(days=parameters.cool_down_days)
