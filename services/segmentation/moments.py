"""The eleven moments at which something is to be decided about a customer, each once per cool-down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, timedelta
from typing import Any, NamedTuple

from services.segmentation.affinity import Rule
from services.segmentation.features import Features, holdings
from services.segmentation.features.months import back, percent_of, total, trend_percent
from services.segmentation.parameters import Moments
from services.segmentation.seen import Seen
from services.segmentation.value import Worth
from services.segmentation.words import Stage, StatusGroup
from shared.contracts import care, orders
from shared.contracts.customer import Fact
from shared.contracts.segmentation import Moment

LONGEST_FACT_AGE = timedelta(days=35)


class Reached(NamedTuple):
    moment: Moment
    reason: str
    evidence: dict[str, Any]


class Changes(NamedTuple):
    """What the assessment found, beside what was before; None: not assessed before."""

    stage: Stage
    stage_before: Stage | None
    group: StatusGroup
    group_before: StatusGroup | None
    cause: str
    dunning_level: int
    dunning_before: int
    worth: Worth
    suggestions: Sequence[Rule]


def moments_of(features: Features, changes: Changes, facts: Sequence[Fact], seen: Seen, parameters: Moments) -> list[Reached]:
    """What is reached now and was not within the cool-down, noted in `features.moments`."""
    found = []
    for reached in _candidates(features, changes, facts, seen, parameters):
        last = features.moments.get(reached.moment)
        if last is None or date.fromisoformat(last) + timedelta(days=parameters.cool_down_days) <= seen.today:
            features.moments[reached.moment] = seen.today.isoformat()
            found.append(reached)
    return found


def _candidates(features: Features, changes: Changes, facts: Sequence[Fact], seen: Seen, parameters: Moments) -> Iterator[Reached]:
    yield from _by_facts(changes, facts, seen.today)
    yield from _by_stage(features, changes, seen.today, parameters)
    if features.live:
        yield from _by_money(features, changes, seen.behaviour, parameters)
        yield from _renewal(features, seen.today, parameters)


def _by_facts(changes: Changes, facts: Sequence[Fact], today: date) -> Iterator[Reached]:
    for fact in facts:
        if fact.time.astimezone(UTC).date() < today - LONGEST_FACT_AGE:
            continue
        if fact.type == care.InquiryMade.type and fact.data["kind"] in {"tariff", "coverage"}:
            yield Reached("purchase_intent", f"Asked about {fact.data['kind']}", {"event": fact.id, "channel": fact.data["channel"]})
        elif fact.type == orders.PlanChanged.type:
            yield Reached("tariff_change", f"Changed the plan to {fact.data['plan']}", {"event": fact.id, "plan": fact.data["plan"]})
        elif fact.type == orders.BrandChanged.type:
            yield Reached("brand_migration", f"Moved to the brand {fact.data['brand']}", {"event": fact.id, "brand": fact.data["brand"]})


def _by_stage(features: Features, changes: Changes, today: date, parameters: Moments) -> Iterator[Reached]:
    came = changes.stage != changes.stage_before
    if changes.stage == "prospect" and came:
        yield Reached("purchase_intent", "Registered without a subscription yet", {})
    if changes.stage == "onboarding" and came:
        yield Reached("acquisition", "The first subscription was activated", {"joined_on": _text(features.joined_on)})
    if changes.group == "warning" and changes.group_before != "warning":
        yield Reached("churn_warning", f"A warning is open: {changes.cause}", {"cause": changes.cause})
    if changes.dunning_level >= parameters.bad_debt_level > changes.dunning_before:
        yield Reached("bad_debt", f"Dunning level {changes.dunning_level}", {"dunning_level": changes.dunning_level})
    ended, left = holdings.last_ended(features.subscriptions), features.left_on
    away = (today - left).days if left else -1
    if ended and left and ended["reason"] not in holdings.INVOLUNTARY and parameters.win_back_after_days <= away <= parameters.win_back_until_days:
        yield Reached("win_back", f"Left {away} days ago", {"left_on": left.isoformat(), "reason": ended["reason"]})


def _by_money(features: Features, changes: Changes, today: date, parameters: Moments) -> Iterator[Reached]:
    percent = trend_percent(features.months, today, "paid_minor", "topped_up_minor")
    if percent is not None and percent <= 100 - parameters.revenue_fall_percent and changes.group == "stable":
        yield Reached("revenue_stimulation", f"Pays {100 - percent:.0f} % less than the three months before", {"percent": round(percent, 1)})
    margin, cost = changes.worth.amount_minor("margin"), -changes.worth.amount_minor("cost_to_serve")
    if cost > 0 and 100 * cost >= parameters.cost_to_serve_percent * max(margin, 0):
        yield Reached("cost_to_serve", "Serving costs much of what is earned", {"cost_minor": cost, "margin_minor": margin})
    if changes.suggestions:
        rule = changes.suggestions[0]
        why = {"product": rule.goes_with, "because_of": rule.product, "confidence": round(rule.confidence, 3), "lift": round(rule.lift, 2)}
        yield Reached("cross_up_sell", f"Who has {rule.product} often has {rule.goes_with}", why)
    elif sum(month.get("overage_minor", 0) > 0 for month in back(features.months, today, 1, 3)) >= parameters.overage_months:
        overage = total(back(features.months, today, 1, 3), "overage_minor")
        yield Reached("cross_up_sell", "Pays for more than the plan has in it", {"overage_minor_3m": overage})
    yield from _bill_shock(features.months, today, parameters)


def _bill_shock(months: Mapping[str, Mapping[str, int]], today: date, parameters: Moments) -> Iterator[Reached]:
    newest, before = back(months, today, 1, 1), [month for month in back(months, today, 2, 4) if month.get("bills")]
    percent = percent_of(total(newest, "billed_minor") * len(before), total(before, "billed_minor"))
    if percent is not None and percent >= 100 + parameters.bill_shock_percent:
        yield Reached("tariff_change", f"The last bill was {percent - 100:.0f} % above the mean of those before", {"percent": round(percent, 1)})


def _renewal(features: Features, today: date, parameters: Moments) -> Iterator[Reached]:
    to_come = ((one["contract_ends"], one["subscription_id"]) for one in features.live if (one["contract_ends"] or "") >= today.isoformat())
    ends = min(to_come, default=None)
    if ends and (days := (date.fromisoformat(ends[0]) - today).days) <= parameters.renewal_days:
        evidence = {"subscription_id": ends[1], "contract_ends": ends[0]}
        yield Reached("contract_renewal", f"The contract of {ends[1]} ends in {days} days", evidence)


def _text(day: date | None) -> str | None:
    return day.isoformat() if day else None
