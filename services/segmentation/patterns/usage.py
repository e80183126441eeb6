"""What usage, inquiries and complaints show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from services.segmentation.features import Features, complaints
from services.segmentation.features.months import IN_SECONDS, OUT_SECONDS, Month, total
from services.segmentation.parameters import BUILT_IN, Patterns
from services.segmentation.patterns.finding import Finding
from shared import clock
from shared.contracts.customer import Fact

DEFAULT = BUILT_IN.parameters.patterns


# Abroad and premium come and go, and a fraud there would look like a fall the month after.
AT_HOME = tuple(name for name in OUT_SECONDS if name not in {"out_international_seconds", "out_premium_seconds"})


class Usage(NamedTuple):
    """Seconds and the days they cover."""

    seconds: int
    days: int
    incoming: int = 0

    @property
    def seconds_per_day(self) -> float:
        return round(self.seconds / self.days, 2)

    @property
    def incoming_percent(self) -> float:
        """The share of incoming seconds."""
        both = self.seconds + self.incoming
        return 100 * self.incoming / both if both else 0.0

    def percent_of(self, baseline: Usage) -> float:
        return 100 * self.seconds * baseline.days / (self.days * baseline.seconds)


class UsageChange(NamedTuple):
    month: str
    usage: Usage
    baseline: Usage

    @property
    def percent(self) -> float:
        return self.usage.percent_of(self.baseline)


def usage_change(months: Mapping[str, Month], parameters: Patterns = DEFAULT) -> UsageChange | None:
    """The newest month that is fit to be judged against those before it; None when there is too little to tell."""
    judged = max((month for month, measures in months.items() if measures.get("usage_days", 0) >= parameters.usage_days), default=None)
    if judged is None:
        return None
    before = [months.get(clock.months_before(judged, count), {}) for count in range(1, parameters.baseline_months + 1)]
    baseline = _usage(before)
    if baseline.days < parameters.baseline_days or baseline.seconds < parameters.baseline_seconds_per_day * baseline.days:
        return None
    return UsageChange(judged, _usage([months[judged]]), baseline)


def arm_again(features: Features, change: UsageChange, parameters: Patterns) -> None:
    """What usage shows to be over."""
    if change.percent > parameters.recovered_percent:
        features.alerted.pop("usage_fall", None)
    if _incoming_rise(change) < parameters.incoming_rise_points / 2:
        features.alerted.pop("multi_sim", None)


def usage_fall(change: UsageChange, fact: Fact, parameters: Patterns) -> Iterator[Finding]:
    if change.percent > 100 - parameters.fall_percent:
        return
    yield Finding.by(
        fact,
        "usage_fall",
        "urgent" if change.percent <= 100 - parameters.urgent_fall_percent else "warning",
        f"Usage fell by {100 - change.percent:.0f} % against the {parameters.baseline_months} months before",
        {"month": change.month, "seconds_per_day": change.usage.seconds_per_day, "baseline_seconds_per_day": change.baseline.seconds_per_day},
    )


def multi_sim(change: UsageChange, fact: Fact, parameters: Patterns) -> Iterator[Finding]:
    """They are still called here, and call from elsewhere: the incoming share jumps while the incoming seconds stay."""
    if not change.baseline.incoming:
        return
    kept = 100 * change.usage.incoming * change.baseline.days / (change.usage.days * change.baseline.incoming)
    share = change.usage.incoming_percent
    if _incoming_rise(change) < parameters.incoming_rise_points or share < parameters.incoming_share_percent or kept < parameters.incoming_kept_percent:
        return
    yield Finding.by(
        fact,
        "multi_sim",
        "warning",
        f"Calls come in as before, but hardly any go out: incoming are {share:.0f} % of the seconds, were {change.baseline.incoming_percent:.0f} %",
        {"month": change.month, "incoming_percent": round(share, 1), "baseline_incoming_percent": round(change.baseline.incoming_percent, 1)},
    )


def forwarding(fact: Fact, months: Mapping[str, Month], parameters: Patterns) -> Iterator[Finding]:
    away = [one for one in fact.data.get("forwarding", ()) if not one["on_net"] and one["activations"]]
    activations = sum(one["activations"] for one in away)
    if activations < parameters.forwardings:
        return
    month = clock.month_of(fact.occurred_at)
    in_month = max(activations, months.get(month, {}).get("forwardings_off_net", 0))
    networks = sorted({one["network"] for one in away})
    yield Finding.by(
        fact,
        "forwarding_off_net",
        "urgent" if in_month >= parameters.urgent_forwardings else "warning",
        f"Calls were forwarded to another operator ({', '.join(networks)[:200]})",
        {"month": month, "activations": activations, "activations_in_month": in_month, "networks": networks},
    )


def port_out(fact: Fact) -> Finding:
    operator = fact.data.get("other_operator")
    reason = f"Asked to take the number to {operator}" if operator else "Asked for the PIN that taking the number away needs"
    return Finding.by(fact, "port_out_inquiry", "urgent", reason, {"event": fact.type, "at": fact.time.isoformat(), "operator": operator})


def complaint_overdue(fact: Fact, features: Features) -> Iterator[Finding]:
    """Unless it was resolved since."""
    complaint_id, severity = fact.data["complaint_id"], fact.data["severity"]
    if complaint_id in overdue_complaints(features):
        reason = f"A {severity} complaint is past its due time, in {fact.data['stage']}"
        evidence = {"complaint_id": complaint_id, "stage": fact.data["stage"], "severity": severity, "due_at": fact.data["due_at"]}
        yield Finding.by(fact, "complaint_overdue", "urgent" if severity == "critical" else "warning", reason, evidence)


def overdue_complaints(features: Features) -> list[str]:
    return complaints.overdue(features.complaints)


def _incoming_rise(change: UsageChange) -> float:
    return change.usage.incoming_percent - change.baseline.incoming_percent


def _usage(months: Sequence[Month]) -> Usage:
    return Usage(total(months, *AT_HOME), total(months, "usage_days"), total(months, *IN_SECONDS))
