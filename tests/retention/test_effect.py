"""R12 R5 R1: what a campaign changed, and what an offer is expected to bring."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import orjson
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from services.retention.arbitration import NEW, Record, weigh
from services.retention.effect import EXPECTED_EFFECT, LEAST_EVENTS, Arm, measure, money, newcombe, sequential
from services.retention.tables import ASSIGNMENTS, CAMPAIGNS, CONTACTABLES, DECISIONS, OFFERS, OUTCOMES, TASKS, WORTHS
from services.retention.worth import Worth
from shared import clock
from shared.bus import Message
from shared.contracts import topics
from shared.contracts.segmentation import ChurnScored, StandingChanged, StandingDropped
from tests.builders import cloud_event, message
from tests.harness import ServiceUnderTest
from tests.retention.builders import CAMPAIGN_ID, activity, alert, customer, customers, offer, profile

arms = st.integers(1, 5_000).flatmap(lambda n: st.builds(Arm, st.just(n), st.integers(0, n)))


@given(arms, arms)
def test_any_two_arms_have_an_answer(treatment: Arm, hold_out: Arm) -> None:
    """R12: the lift lies in both intervals, the one for any time is the wider one where there is something to tell, and nothing is claimed of few."""
    found = measure(treatment, hold_out)
    assert found.lift is not None and found.at_end is not None and found.any_time is not None
    assert found.at_end.low <= found.lift + 1e-12 and found.lift - 1e-12 <= found.at_end.high
    assert found.any_time.low <= found.lift <= found.any_time.high
    if min(treatment.left, hold_out.left) < LEAST_EVENTS:
        assert found.verdict == "under_powered"
    if found.verdict == "works":
        assert found.at_end.low > 0


@pytest.mark.parametrize(
    ("treatment", "hold_out", "verdict", "says"),
    [
        (Arm(0, 0), Arm(0, 0), "too_early", "long enough ago"),
        (Arm(500, 450), Arm(0, 0), "no_control", "nobody was held out"),
        (Arm(0, 0), Arm(50, 40), "no_control", "everybody was held out"),
        (Arm(300, 297), Arm(30, 30), "under_powered", "fewer than 5"),
        (Arm(900, 840), Arm(100, 92), "under_powered", "no difference is seen"),
        (Arm(90_000, 84_000), Arm(10_000, 9_330), "no_difference_seen", "would mostly not be seen"),
        (Arm(9_000, 8_500), Arm(1_000, 870), "works", "who would have left"),
        (Arm(9_000, 7_800), Arm(1_000, 940), "does_harm", "because of it"),
    ],
)
def test_the_verdict_says_what_can_be_said(treatment: Arm, hold_out: Arm, verdict: str, says: str) -> None:
    """R12: refused in words without a control, too early, or with too few."""
    found = measure(treatment, hold_out)
    assert found.verdict == verdict and says in found.reason


@pytest.mark.parametrize(
    ("treatment", "hold_out", "low", "high"),
    [(Arm(70, 56), Arm(80, 48), 0.0524, 0.3339), (Arm(10, 9), Arm(10, 3), 0.1705, 0.8090), (Arm(7, 6), Arm(7, 2), 0.0582, 0.8062)],
)
def test_the_planned_interval_is_the_published_one(treatment: Arm, hold_out: Arm, low: float, high: float) -> None:
    """R12: method 10 in table II of Newcombe, Statistics in Medicine 17, 1998."""
    assert newcombe(treatment, hold_out) == pytest.approx((low, high), abs=5e-5)


def test_the_planned_interval_covers_the_true_effect_about_ninety_five_times_of_a_hundred() -> None:
    """R12: over 4,000 simulated campaigns, with and without an effect."""
    dice = np.random.default_rng(0)
    for share_t, share_c in ((0.93, 0.93), (0.95, 0.92), (0.8, 0.7)):
        kept = zip(dice.binomial(1_800, share_t, 4_000), dice.binomial(200, share_c, 4_000), strict=True)
        intervals = [newcombe(Arm(1_800, int(t)), Arm(200, int(c))) for t, c in kept]
        covered = sum(one.low <= share_t - share_c <= one.high for one in intervals) / 4_000
        assert 0.94 < covered < 0.975


def test_looking_every_day_claims_nothing_that_is_not_there() -> None:
    """R12: without an effect, of 600 campaigns looked at on each of 100 days at most one in twenty ever claims one; the usual interval would
    in far more."""
    dice = np.random.default_rng(1)
    ever, naive = 0, 0
    for _ in range(600):
        t, c = np.cumsum(dice.binomial(90, 0.93, 100)), np.cumsum(dice.binomial(10, 0.93, 100))
        looks = [measure(Arm(90 * (day + 1), int(t[day])), Arm(10 * (day + 1), int(c[day]))) for day in range(4, 100, 5)]
        ever += any(one.verdict in {"works", "does_harm"} for one in looks)
        naive += any(one.at_end is not None and not one.at_end.low <= 0 <= one.at_end.high for one in looks)
    assert ever / 600 <= 0.05 < naive / 600


@given(st.floats(1e-8, 0.2), st.floats(-0.5, 0.5))
def test_the_sequential_interval_rejects_what_the_mixture_rejects(variance: float, lift: float) -> None:
    """R12: at its bounds the mixture likelihood ratio is 1 / alpha, by the formula of the test itself."""
    bounds = sequential(lift, variance)
    if bounds.low > -1:
        prior, distance = EXPECTED_EFFECT**2, lift - bounds.low
        ratio = np.sqrt(variance / (variance + prior)) * np.exp(prior * distance**2 / (2 * variance * (variance + prior)))
        assert ratio == pytest.approx(20, rel=1e-6)


def test_money_is_told_once_an_effect_is() -> None:
    """R12: 8.44 of 100 kept of 9,000 are 755.6 saves at 20,000 each; nothing is saved by what does not work."""
    found = measure(Arm(9_000, 8_500), Arm(1_000, 860))
    told = money(found, contacts=4_000, cost_minor=8_000_000, value_minor=20_000)
    assert found.saves == pytest.approx(760, abs=0.5)
    assert (told.saved_value_minor, told.contacts_per_save) == (15_200_000, pytest.approx(4_000 / 760))
    assert told.return_on_cost == pytest.approx(0.9)
    nothing = money(measure(Arm(900, 840), Arm(100, 92)), contacts=10, cost_minor=1_000, value_minor=20_000)
    assert (nothing.saved_value_minor, nothing.contacts_per_save, nothing.cost_minor) == (None, None, 1_000)


KNOWN = Worth("C-1", standing_sequence=1, tier="gold", future_value_minor=100_000, churn_sequence=1, risk=0.4)


def test_offers_are_ranked_by_what_they_are_expected_to_bring() -> None:
    """R5 R1: by hand. A new offer keeps 30 % of who would leave: .4 x .3 x 100,000 - 1,500 - .4 x cost."""
    dear, cheap = offer(offer_id="dear", cost_minor=20_000), offer(offer_id="cheap", cost_minor=1_000)
    found = weigh([dear, cheap], KNOWN, {}, contact_cost_minor=1_500)
    assert [(one.offer_id, one.expected_profit_minor) for one in found] == [("cheap", 12_000 - 1_500 - 400), ("dear", 12_000 - 1_500 - 8_000)]
    proven = {"dear": Record(outcomes=80, saved=76, accepted=76)}  # (76 + 6) / 100 of them stay
    first = weigh([dear, cheap], KNOWN, proven, contact_cost_minor=1_500)[0]
    assert (first.offer_id, first.save_rate, first.expected_profit_minor) == ("dear", 0.82, round(0.4 * 0.82 * 100_000 - 1_500 - 0.84 * 20_000))
    assert weigh([dear], Worth("C-1"), {}, contact_cost_minor=1_500) == []


def test_what_hold_outs_show_of_a_customer_counts_before_risk() -> None:
    """R5 S14: the uplift is the reduction; who is not moved brings nothing, at whatever risk."""
    moved = Worth("C-1", 1, "gold", 100_000, 1, 0.4, {"basis": "hold_outs", "kind": "persuadable", "uplift": 0.2})
    (one,) = weigh([offer(cost_minor=0)], moved, {}, contact_cost_minor=0)
    assert (one.expected_profit_minor, one.basis) == (20_000, "hold_outs")
    still = Worth("C-1", 1, "gold", 100_000, 1, 0.9, {"basis": "hold_outs", "kind": "lost", "uplift": 0.0})
    assert weigh([offer(cost_minor=0)], still, {}, contact_cost_minor=1_500)[0].expected_profit_minor == -1_500


@given(st.floats(0, 1), st.integers(0, 10**8), st.integers(0, 10**6), st.integers(0, 10**6))
def test_more_risk_and_more_value_never_bring_less(risk: float, value: int, cost: int, more: int) -> None:
    """R5: and a dearer offer never brings more."""

    def profit(**changes: Any) -> int:
        given = {"risk": risk, "value": value, "cost": cost} | changes
        worth = Worth("C-1", 1, None, given["value"], 1, given["risk"])
        return weigh([offer(cost_minor=given["cost"])], worth, {"data-boost": NEW}, contact_cost_minor=0)[0].expected_profit_minor

    assert profit(value=value + more) >= profit() >= profit(cost=cost + more)
    assert profit(risk=min(1.0, risk + 0.1)) >= profit()


def told(payload: Any, customer_id: str, sequence: int, **data: Any) -> Message:
    event = cloud_event(payload, f"customer:{customer_id}", id=f"{payload.type}:{customer_id}:{sequence}", source="holdfast/segmentation", **data)
    sent = message(event | {"sequence": sequence}, topic=topics.SEGMENTS)
    return Message(topics.SEGMENTS, customer_id, sent.value)


async def test_a_decision_keeps_what_it_was_weighed_by(retention: ServiceUnderTest) -> None:
    """R5: risk, value and every offer with its profit, as they were then; the newest word of segmentation counts, in whatever order it comes."""
    one = customer()
    await retention.send(
        activity(one, 1, profile=profile()),
        told(StandingChanged, one, 2, tier="gold", future_value_minor=500_000),
        told(StandingChanged, one, 1, tier="lead", future_value_minor=7),
        told(ChurnScored, one, 1, probability=0.5, sensitivity={}, versions={"leave": 3}),
    )
    await retention.send(alert(one, kind="usage_fall", severity="warning"))
    found = (await retention.http.get(f"/customers/{one}/decisions")).json()["decisions"][0]
    assert (found["worth"]["future_value_minor"], found["worth"]["risk"], found["worth"]["versions"]) == (500_000, 0.5, {"leave": 3})
    profits = [weighed["expected_profit_minor"] for weighed in found["weighed"]]
    assert profits == sorted(profits, reverse=True) and found["offer_id"] == found["weighed"][0]["offer_id"]
    (task,) = (await retention.http.get("/tasks")).json()["items"]
    assert task["priority"] == 60
    (assigned,) = await retention.rows(sa.select(ASSIGNMENTS))
    assert (assigned.future_value_minor, assigned.risk) == (500_000, 0.5)


async def test_who_is_not_worth_it_or_not_to_be_disturbed_is_left_alone(retention: ServiceUnderTest) -> None:
    """R5 R9: refused by name, where the campaign asks for a profit; unknown is no profit."""
    async with retention.database.transaction() as tx:
        await tx.execute(sa.update(CAMPAIGNS).values(least_profit_minor=10_000))
    poor, unknown, disturbed = customers(3)
    await retention.send(*(activity(one, 1, profile=profile()) for one in (poor, unknown, disturbed)))
    await retention.send(
        *(told(StandingChanged, one, 1, future_value_minor=9_000_000) for one in (poor, disturbed)),
        told(ChurnScored, poor, 1, probability=0.001, sensitivity={}),
        told(ChurnScored, disturbed, 1, probability=0.9, sensitivity={"basis": "hold_outs", "kind": "do_not_disturb", "uplift": -0.1}),
    )
    await retention.send(*(alert(one, f"a-{one}") for one in (poor, unknown, disturbed)))
    rows = await retention.rows(sa.select(DECISIONS.c.customer_id, DECISIONS.c.failed_gate))
    assert dict(tuple(row) for row in rows) == {poor: "expected_profit", unknown: "expected_profit", disturbed: "not_to_be_disturbed"}


async def test_of_who_is_erased_no_worth_is_kept(retention: ServiceUnderTest) -> None:
    """C9."""
    one = customer()
    await retention.send(told(ChurnScored, one, 1, probability=0.5), told(StandingDropped, one, 1, reason="erased"))
    assert await retention.rows(sa.select(WORTHS)) == []


async def test_the_effect_counts_everybody_in_their_arm(retention: ServiceUnderTest) -> None:
    """R12: by intention to treat, at 30, 60 and 90 days, not who was exposed later; who left after the horizon was retained at it."""
    now = clock.now()
    async with retention.database.transaction() as tx:
        await tx.execute(sa.delete(ASSIGNMENTS))
        for number in range(400):
            held_out, left = number % 4 == 0, (number % 4 == 0 and number % 3 == 0) or number % 40 == 1
            exposed = now - timedelta(days=45 if number < 360 else 10)
            await _exposed(tx, f"E-{number}", "hold_out" if held_out else "treatment", exposed, exposed + timedelta(days=20) if left else None)
        await _exposed(tx, "E-late", "treatment", now - timedelta(days=45), now - timedelta(days=5))
    found = (await retention.http.get(f"/campaigns/{CAMPAIGN_ID}/effect")).json()
    at_30, at_60, _ = found["horizons"]
    assert (at_30["treatment"]["customers"], at_30["hold_out"]["customers"]) == (271, 90)
    assert (at_30["treatment"]["retained"], at_30["hold_out"]["retained"]) == (262, 60)
    assert at_30["effect"]["verdict"] == "works"
    assert at_60["effect"]["verdict"] == "too_early"
    assert found["mean_future_value_minor"] == 10_000
    assert (await retention.http.get("/campaigns/none/effect")).status_code == 404


async def _exposed(tx: Any, customer_id: str, arm: str, at: Any, left_at: Any) -> None:
    row = {
        "customer_id": customer_id,
        "last_sequence": 1,
        "profile_sequence": 1,
        "consents": {},
        "live_subscriptions": 0,
        "payment_types": [],
        "left_at": left_at,
    }
    await tx.execute(CONTACTABLES.insert().values(**row))
    assigned = {"campaign_id": CAMPAIGN_ID, "customer_id": customer_id, "arm": arm, "assigned_at": at, "future_value_minor": 10_000}
    await tx.execute(ASSIGNMENTS.insert().values(**assigned))


async def test_what_came_of_an_offer_moves_its_rates(retention: ServiceUnderTest) -> None:
    """R1 R15: outcomes of who was reached; the others say nothing of the offer."""
    ids = customers(3)
    await retention.send(*(activity(one, 1, profile=profile()) for one in ids))
    await retention.send(*(alert(one, f"a-{one}") for one in ids))
    tasks = (await retention.http.get("/tasks")).json()["items"]
    for task, result in zip(tasks, ("saved", "lost", "wrong_number"), strict=True):
        body = {"result": result, "offer_accepted": result == "saved", "agent": "A-1"}
        answer = await retention.http.post(f"/tasks/{task['task_id']}/outcome", json=body, headers={"Idempotency-Key": task["task_id"]})
        assert answer.status_code == 200, answer.text
    (record,) = (await retention.http.get("/offers/records")).json()["items"]
    assert (record["outcomes"], record["saved"], record["accepted"]) == (2, 1, 1)
    assert record["save_rate"] == pytest.approx((1 + 6) / 22)
    effect = (await retention.http.get(f"/campaigns/{CAMPAIGN_ID}/effect")).json()
    cost = (await retention.rows(sa.select(OFFERS.c.cost_minor).where(OFFERS.c.offer_id == record["offer_id"])))[0].cost_minor
    assert (effect["contacts"], effect["horizons"][0]["money"]["cost_minor"]) == (3, 3 * 1_500 + cost)
    assert len(await retention.rows(sa.select(OUTCOMES))) == len(await retention.rows(sa.select(TASKS))) == 3
    assert orjson.loads(orjson.dumps(effect))["horizons"][0]["effect"]["verdict"] == "too_early"
