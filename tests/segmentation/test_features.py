"""S1 S8: what an activity message changes of a customer's features, whatever the bus does to it."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.segmentation.features import MONTHS_KEPT, Features
from shared import clock
from shared.contracts.customer import Activity
from shared.errors import InvalidEvent
from tests.segmentation.activity import days_ago, paid, profile

FACT = paid(at=days_ago(1))


def message(**data: Any) -> Activity:
    return Activity.model_validate({"facts": [FACT]} | data, strict=False)


@given(st.integers(0, 12), st.integers(1, 12), st.sets(st.integers(1, 24)), st.randoms())
def test_each_message_adds_its_facts_once(skipped: int, count: int, dead: set[int], dice: random.Random) -> None:
    """Messages come in order, some twice; dead letters come later, in any order, some twice; the first ones may be gone."""
    features = Features("C-1")
    sequences = range(skipped + 1, skipped + count + 1)
    alive = [one for one in sequences if one not in dead]
    replayed = [one for one in sequences if one in dead]
    order = [one for one in alive for _ in range(dice.randint(1, 2))] + dice.sample(replayed * 2, len(replayed) * 2)
    applied = [sequence for sequence in order if features.take_in(message(), sequence) != "nothing"]
    assert sorted(applied) == list(sequences)
    assert sum(last - first + 1 for first, last in features.gaps) == features.last_sequence - count


def test_a_late_message_leaves_months_and_profile() -> None:
    """They are absolute, and older than what is held."""
    features = Features("C-1")
    features.take_in(message(), 1)
    assert features.take_in(message(months={"2026-10": {"usage_days": 9}}, profile=profile("prepaid")), 3) == "next"
    assert features.take_in(message(months={"2026-10": {"usage_days": 5}}, profile=profile("postpaid")), 2) == "late"
    assert (features.months, features.population) == ({"2026-10": {"usage_days": 9}}, "prepaid")


def test_months_are_replaced_and_the_latest_are_kept() -> None:
    features = Features("C-1")
    months = [clock.months_before("2026-11", count) for count in range(20)]
    features.take_in(message(months={month: {"usage_days": 30, "out_fixed_seconds": 600, "surveys": 7} for month in months}), 1)
    features.take_in(message(months={"2026-11": {"usage_days": 31}, "2024-01": {"usage_days": 1}}), 2)
    assert sorted(features.months) == sorted(months)[-MONTHS_KEPT:]
    assert features.months["2026-11"] == {"usage_days": 31}
    assert features.months["2026-10"] == {"usage_days": 30, "out_fixed_seconds": 600}


@pytest.mark.parametrize(
    ("subscriptions", "population", "brand"),
    [
        ([], "unknown", None),
        ([{"activated_at": None, "payment_type": "prepaid"}], "unknown", None),
        ([{"terminated_at": "2026-01-01T00:00:00Z"}, {"payment_type": "prepaid", "brand": "easyown"}], "prepaid", "easyown"),
        ([{}, {"payment_type": "prepaid"}], "postpaid", "gotone"),
        ([{"payment_type": None}], "unknown", "gotone"),
    ],
)
def test_the_population_is_the_payment_type_of_the_first_live_subscription(subscriptions: list[Any], population: str, brand: str | None) -> None:
    """S1: scored among their like."""
    (live,) = profile("postpaid")["subscriptions"]
    features = Features("C-1", population="before", brand="before")
    features.take_in(message(profile={"subscriptions": [live | changes for changes in subscriptions]}), 1)
    assert (features.population, features.brand) == (population, brand)


def test_a_reset_forgets_and_makes_what_is_late_void() -> None:
    """C4: the cool-downs of warnings stay; a message skipped before the reset says nothing any more."""
    features = Features("C-1", alerted={"usage_fall": {"alert_id": "a", "at": "2026-10-01T00:00:00Z"}})
    features.take_in(message(months={"2026-09": {"usage_days": 9}}, profile=profile("prepaid")), 1)
    assert features.take_in(message(months={"2026-10": {"usage_days": 1}}, resets=True, restated=True), 4) == "reset"
    assert (features.months, features.population, features.gaps) == ({"2026-10": {"usage_days": 1}}, "unknown", [])
    assert features.alerted
    assert [features.take_in(message(), late) for late in (2, 3)] == ["nothing", "nothing"]
    assert features.take_in(message(restated=True), 5) == "next"


def test_a_reset_that_comes_late_is_refused() -> None:
    """C4: what was told after it can not be taken apart again."""
    features = Features("C-1")
    features.take_in(message(), 1)
    features.take_in(message(), 3)
    with pytest.raises(InvalidEvent, match="have the customer told again"):
        features.take_in(message(resets=True), 2)


def test_what_is_told_of_who_is_gone_says_nothing_until_they_are_back() -> None:
    """C4 C9"""
    features = Features("C-1")
    features.take_in(message(resets=True, merged_into="C-2", facts=[]), 1)
    assert features.take_in(message(months={"2026-10": {"usage_days": 1}}), 2) == "nothing"
    assert (features.months, features.last_sequence, features.is_gone) == ({}, 2, True)
    assert features.take_in(message(resets=True, profile=profile("prepaid")), 3) == "reset"
    assert (features.is_gone, features.population) == (False, "prepaid")
