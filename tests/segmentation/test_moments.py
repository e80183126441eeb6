"""S4: each of the eleven moments, when it is reached, and that it is not reached again at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NamedTuple, get_args

import pytest

from services.segmentation.affinity import Rule
from services.segmentation.features import Features
from services.segmentation.moments import Changes, Reached, moments_of
from services.segmentation.parameters import Moments
from services.segmentation.value import Term, Worth
from shared.contracts import care, orders
from shared.contracts.customer import Activity, Fact
from shared.contracts.segmentation import Moment
from tests.segmentation.customers import TODAY, ago, customer, months, seen, subscriber, subscription, told

DEFAULT = Moments()


def worth(margin_minor: int = 10_000, cost_minor: int = 0) -> Worth:
    terms = (Term("margin", margin_minor, 1.0, margin_minor, {}), Term("cost_to_serve", -cost_minor, 2.0, -2 * cost_minor, {}))
    return Worth(margin_minor - 2 * cost_minor, terms)


QUIET = Changes(
    stage="mature",
    stage_before="mature",
    group="stable",
    group_before="stable",
    cause="none",
    dunning_level=0,
    dunning_before=0,
    worth=worth(),
    suggestions=(),
)
RULE = Rule("gotone-128", "video-pack", customers=50, support=0.1, confidence=0.61234, lift=3.456, lift_low=2.0)


class Example(NamedTuple):
    """What reaches a moment, and what it says."""

    features: Features
    changes: Changes = QUIET
    facts: tuple[Fact, ...] = ()
    evidence: dict[str, Any] = {}


def reached(example: Example, *, days_ahead: int = 0, facts: Sequence[Fact] | None = None) -> list[Reached]:
    known = seen(TODAY + timedelta(days=days_ahead), usage=TODAY)
    return moments_of(example.features, example.changes, example.facts if facts is None else facts, known, DEFAULT)


def names(example: Example, **more: Any) -> list[str]:
    return [one.moment for one in reached(example, **more)]


def example_of(moment: Moment) -> Example:
    """Made anew each time: who reached a moment has it noted."""
    left = TODAY - timedelta(days=30)
    contract = TODAY + timedelta(days=59)
    asked, plan, brand = told(care.InquiryMade, kind="tariff"), told(orders.PlanChanged), told(orders.BrandChanged)
    examples: dict[Moment, Example] = {
        "purchase_intent": Example(subscriber(), facts=(asked,), evidence={"event": asked.id, "channel": "hotline"}),
        "acquisition": Example(
            customer(subscription(since=0)), QUIET._replace(stage="onboarding", stage_before="prospect"), evidence={"joined_on": TODAY.isoformat()}
        ),
        "revenue_stimulation": Example(subscriber(months=months(paid_minor=[0, 85, 85, 85, 100, 100, 100])), evidence={"percent": 85.0}),
        "cost_to_serve": Example(subscriber(), QUIET._replace(worth=worth(10_000, 5_000)), evidence={"cost_minor": 5_000, "margin_minor": 10_000}),
        "cross_up_sell": Example(
            subscriber(),
            QUIET._replace(suggestions=(RULE, RULE._replace(goes_with="other"))),
            evidence={"product": "video-pack", "because_of": "gotone-128", "confidence": 0.612, "lift": 3.46},
        ),
        "tariff_change": Example(subscriber(), facts=(plan,), evidence={"event": plan.id, "plan": "gotone-88"}),
        "contract_renewal": Example(customer(subscription(ends_in=59)), evidence={"subscription_id": "S-1", "contract_ends": contract.isoformat()}),
        "brand_migration": Example(subscriber(), facts=(brand,), evidence={"event": brand.id, "brand": "easyown"}),
        "churn_warning": Example(subscriber(), QUIET._replace(group="warning", cause="usage_fall"), evidence={"cause": "usage_fall"}),
        "bad_debt": Example(subscriber(), QUIET._replace(dunning_level=2, dunning_before=1), evidence={"dunning_level": 2}),
        "win_back": Example(
            customer(subscription(until=30, reason="port_out")),
            QUIET._replace(stage="churned", stage_before="churned", group="off_net", group_before="off_net"),
            evidence={"left_on": left.isoformat(), "reason": "port_out"},
        ),
    }
    return examples[moment]


ALL: tuple[Moment, ...] = get_args(Moment)


@pytest.mark.parametrize("moment", ALL)
def test_each_moment_is_reached_and_says_why(moment: Moment) -> None:
    """S4: alone, with the evidence in figures."""
    example = example_of(moment)
    (found,) = reached(example)
    assert (found.moment, found.evidence) == (moment, example.evidence)
    assert found.reason
    assert example.features.moments == {moment: TODAY.isoformat()}


@pytest.mark.parametrize("moment", ALL)
def test_once_per_cool_down_and_again_after_it(moment: Moment) -> None:
    """S4: sixty days from when it was last reached, not from when it last would have been."""
    example = example_of(moment)
    # Where an event or a fixed day leads there, the same comes again.
    again = [fact.model_copy(update={"time": fact.time + timedelta(days=60)}) for fact in example.facts]
    if moment == "contract_renewal":
        example = example._replace(features=customer(subscription(ends_in=60)))
    assert names(example) == [moment]
    assert [names(example, days_ahead=ahead, facts=again) for ahead in (0, 1, 59)] == [[], [], []]
    assert names(example, days_ahead=60, facts=again) == [moment]
    assert names(example, days_ahead=61, facts=again) == []


def test_there_are_eleven() -> None:
    assert len(ALL) == 11


def test_nothing_is_reached_by_standing_still() -> None:
    """S4"""
    steady = months(paid_minor=[0] + [100] * 6, billed_minor=[0] + [100] * 6, bills=[0] + [1] * 6)
    assert names(Example(customer(subscription(ends_in=300), months=steady))) == []


@pytest.mark.parametrize("fact", [told(care.InquiryMade, kind="tariff"), told(orders.PlanChanged), told(orders.BrandChanged)], ids=lambda fact: fact.type)
@pytest.mark.parametrize(("days", "is_reached"), [(0, True), (35, True), (36, False), (400, False)])
def test_old_facts_reach_nothing(fact: Fact, days: int, is_reached: bool) -> None:
    """S4: and do not use up the moment to come."""
    example = Example(subscriber(), facts=(fact.model_copy(update={"time": ago(days)}),))
    assert bool(reached(example)) is is_reached
    assert bool(example.features.moments) is is_reached


@pytest.mark.parametrize(("kind", "is_reached"), [("tariff", True), ("coverage", True), ("bill_detail", False), ("port_out_pin", False), ("other", False)])
def test_only_who_asks_what_there_is_intends_to_buy(kind: str, is_reached: bool) -> None:
    """S4"""
    assert bool(names(Example(subscriber(), facts=(told(care.InquiryMade, kind=kind),)))) is is_reached


def test_registering_without_a_subscription_is_an_intent() -> None:
    """S4: once, not every day they wait."""
    new = Example(customer(), QUIET._replace(stage="prospect", stage_before=None, group="off_net", group_before=None))
    assert names(new) == ["purchase_intent"]
    assert names(Example(customer(), QUIET._replace(stage="prospect", stage_before="prospect", group="off_net"))) == []


@pytest.mark.parametrize(("stage", "before"), [("onboarding", "onboarding"), ("growth", "onboarding"), ("won_back", "churned"), ("mature", None)])
def test_only_the_first_subscription_is_an_acquisition(stage: Any, before: Any) -> None:
    """S4: neither staying, nor coming back, nor being told of for the first time."""
    assert names(Example(subscriber(), QUIET._replace(stage=stage, stage_before=before))) == []


@pytest.mark.parametrize(
    ("group", "before", "is_reached"), [("warning", None, True), ("warning", "stable", True), ("warning", "warning", False), ("stable", "warning", False)]
)
def test_a_churn_warning_is_the_change_into_the_group(group: Any, before: Any, is_reached: bool) -> None:
    """S4 S5"""
    assert (names(Example(subscriber(), QUIET._replace(group=group, group_before=before, cause="silent"))) == ["churn_warning"]) is is_reached


@pytest.mark.parametrize(("level", "before", "is_reached"), [(1, 0, False), (2, 0, True), (4, 1, True), (3, 2, False), (2, 4, False)])
def test_bad_debt_is_reached_from_below(level: int, before: int, is_reached: bool) -> None:
    """S4"""
    assert bool(names(Example(subscriber(), QUIET._replace(dunning_level=level, dunning_before=before)))) is is_reached


@pytest.mark.parametrize(
    ("days", "reason", "is_reached"),
    [(29, "port_out", False), (30, "port_out", True), (30, "customer_request", True), (30, None, True), (90, "arrears", False), (90, "death", False)],
)
def test_who_left_of_their_own_will_is_to_be_won_back(days: int, reason: str | None, is_reached: bool) -> None:
    """S4: a month later; not whom we ended."""
    gone = QUIET._replace(stage="churned", stage_before="churned", group="off_net", group_before="off_net")
    assert (names(Example(customer(subscription(until=days, reason=reason)), gone)) == ["win_back"]) is is_reached
    assert names(Example(customer(subscription(until=days, reason=reason), subscription("S-2")), QUIET)) == []


@pytest.mark.parametrize(("paid", "group", "is_reached"), [(86, "stable", False), (85, "stable", True), (10, "stable", True), (10, "warning", False)])
def test_revenue_is_stimulated_of_who_is_not_about_to_leave(paid: int, group: Any, is_reached: bool) -> None:
    """S4: fifteen percent less than three months before."""
    example = Example(subscriber(months=months(topped_up_minor=[0, paid, paid, paid, 100, 100, 100])), QUIET._replace(group=group, group_before=group))
    assert bool(names(example)) is is_reached


@pytest.mark.parametrize(
    ("margin", "cost", "is_reached"), [(10_000, 4_999, False), (10_000, 5_000, True), (0, 1, True), (-100, 1, True), (0, 0, False), (-100, 0, False)]
)
def test_serving_costs_half_of_what_is_earned(margin: int, cost: int, is_reached: bool) -> None:
    """S4: the money itself, whatever the value function weighs it by."""
    assert bool(names(Example(subscriber(), QUIET._replace(worth=worth(margin, cost))))) is is_reached


@pytest.mark.parametrize(("overage", "is_reached"), [([9, 5, 0, 0], False), ([0, 5, 5, 0], True), ([0, 5, 0, 5], True), ([0, 0, 0, 5, 5], False)])
def test_overage_in_two_of_three_months_asks_for_a_larger_plan(overage: list[int], is_reached: bool) -> None:
    """S4"""
    found = reached(Example(subscriber(months=months(overage_minor=overage))))
    assert [(one.moment, one.evidence) for one in found] == ([("cross_up_sell", {"overage_minor_3m": 10})] if is_reached else [])


@pytest.mark.parametrize(
    ("billed", "is_reached"),
    [
        ([0, 150, 100, 100, 100], True),
        ([0, 149, 100, 100, 100], False),
        ([0, 150, 0, 0, 100], True),
        ([900, 100, 100, 100, 100], False),
        ([0, 150], False),
        ([0, 0, 100, 100, 100], False),
    ],
)
def test_a_bill_half_above_the_mean_asks_for_another_tariff(billed: list[int], is_reached: bool) -> None:
    """S4: the mean of the months that had a bill."""
    listed = months(billed_minor=billed, bills=[int(minor > 0) for minor in billed])
    assert (names(Example(subscriber(months=listed))) == ["tariff_change"]) is is_reached


@pytest.mark.parametrize(("ends_in", "is_reached"), [(61, False), (60, True), (0, True), (-1, False), (None, False)])
def test_a_contract_is_renewed_before_it_ends(ends_in: int | None, is_reached: bool) -> None:
    """S4: sixty days ahead and until the last day."""
    assert bool(names(Example(customer(subscription(ends_in=ends_in))))) is is_reached


def test_the_contract_that_ends_first_is_named() -> None:
    """S4: of several, in whatever order they are held."""
    (found,) = reached(Example(customer(subscription("S-1", ends_in=50), subscription("S-2", ends_in=5))))
    assert found.evidence["subscription_id"] == "S-2"


def test_who_has_no_subscription_is_offered_nothing() -> None:
    """S4: money and contracts are of who is here."""
    listed = months(paid_minor=[0, 1, 1, 1, 100, 100, 100], overage_minor=[0, 5, 5, 5], billed_minor=[0, 900, 1, 1], bills=[1, 1, 1, 1])
    changes = QUIET._replace(worth=worth(0, 9_000), suggestions=(RULE,), group="off_net", group_before="off_net", stage="churned", stage_before="churned")
    assert names(Example(customer(subscription(until=3, ends_in=20), months=listed), changes)) == []


def test_several_moments_at_once_each_once() -> None:
    """S4: a plan changed by order, and a bill that shocks, are one tariff change."""
    listed = months(billed_minor=[0, 900, 100, 100], bills=[0, 1, 1, 1])
    facts = (told(orders.PlanChanged), told(orders.PlanChanged, plan="other"), told(care.InquiryMade, kind="coverage"))
    assert names(Example(customer(subscription(ends_in=10), months=listed), facts=facts)) == ["tariff_change", "purchase_intent", "contract_renewal"]


def test_moments_survive_what_is_told_again() -> None:
    """S4: who is told again from the beginning does not reach the same again."""
    example = example_of("churn_warning")
    assert names(example) == ["churn_warning"]
    example.features.take_in(Activity(resets=True, restated=True), 2)
    assert names(example, days_ahead=1) == []
