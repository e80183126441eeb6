"""R4: variants of a campaign, strata, and what is held against what."""

from __future__ import annotations

import math
import random
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from services.retention.campaign import Variant
from services.retention.comparing import HOLD_OUT, compare, holm
from services.retention.effect import Arm, measure
from services.retention.hold_out import arm_of, bucket, stratified, variant_of
from services.retention.strata import post_stratified, stratum_of
from services.retention.tables import ASSIGNMENTS, DECISIONS, MESSAGES, TASKS
from services.retention.worth import Worth
from shared import clock
from shared.contracts.segmentation import ChurnScored, StandingChanged
from tests.harness import ServiceUnderTest
from tests.retention.builders import CAMPAIGN_ID, activity, alert, campaign, customers, merged, profile, retold
from tests.retention.test_campaigns import DRAFT, OFFER, post
from tests.retention.test_effect import _exposed, told

VARIANTS = [{"name": "plain", "share": 0.5}, {"name": "gift", "share": 0.5, "offers": {"silent": ["gift"]}}]

strata = st.dictionaries(st.text(max_size=5), st.sets(st.integers(0, 10_000).map("C-{}".format), max_size=60), min_size=1, max_size=8)


@given(strata, st.floats(0.01, 0.9), st.randoms())
def test_of_each_stratum_the_exact_share_is_held_out(by_stratum: dict[str, set[str]], share: float, shuffle: random.Random) -> None:
    """R4: to within one customer, and of all together the share rounded; whatever the order of the input, and the same again."""
    disjoint = {name: {f"{name}:{one}" for one in ids} for name, ids in by_stratum.items()}
    arms = stratified(disjoint, share, "salt", "c")
    held = {name: sum(arms[one] == "hold_out" for one in ids) for name, ids in disjoint.items()}
    assert sum(held.values()) == round(share * sum(map(len, disjoint.values())))
    assert all(abs(count - share * len(disjoint[name])) <= 1.000001 for name, count in held.items())
    other = [(name, shuffle.sample(sorted(ids), len(ids))) for name, ids in disjoint.items()]
    shuffle.shuffle(other)
    assert stratified(dict(other), share, "salt", "c") == arms


def test_the_batch_and_the_single_draw_agree_on_most() -> None:
    """R4: so a campaign that is triggered both ways moves few between arms."""
    ids = [f"C-{number}" for number in range(5_000)]
    arms = stratified({"gold/low": ids[:2_000], "iron/high": ids[2_000:]}, 0.1, "salt", "c")
    assert sum(arms[one] != arm_of(bucket("salt", "c", one), 0.1) for one in ids) < 60


def test_a_variant_is_drawn_by_its_share_and_apart_from_the_arm() -> None:
    """R4: of 20,000, within four standard deviations; who is nearest to being held out falls into variants like the others; for life."""
    shares = {"a": 0.2, "b": 0.5, "c": 0.3}
    ids = [f"C-{number}" for number in range(20_000)]
    drawn = {one: variant_of("salt", "c", one, shares) for one in ids}
    near = [one for one in ids if bucket("salt", "c", one) < 0.2]
    for name, share in shares.items():
        for group in (ids, near):
            count = sum(drawn[one] == name for one in group)
            assert abs(count - len(group) * share) < 4 * (len(group) * share * (1 - share)) ** 0.5
    three = campaign(variants=[Variant(name, share, {}) for name, share in shares.items()])
    assert all(three.variant(one, "b") is three.variants[1] for one in ids[:50])
    assert three.variant(ids[0], "gone") == three.variant(ids[0], None)
    assert campaign().variant(ids[0], None) is None


def test_strata_take_out_what_the_draw_left_uneven() -> None:
    """R4 R12: the treated happen to be the riskier ones: the plain lift hides the effect, like with like shows it; over repeated draws the
    stratified lift is unbiased, its interval covers the truth, and it varies less than the plain one."""
    uneven = {"gold/low": (Arm(1_000, 980), Arm(500, 465)), "iron/high": (Arm(4_000, 2_800), Arm(200, 120))}
    plain = measure(Arm(5_000, 3_780), Arm(700, 585))
    found = post_stratified(uneven)
    assert plain.lift is not None and plain.lift < 0 and found is not None
    assert found.lift == pytest.approx((0.05 * 1_500 + 0.1 * 4_200) / 5_700) and found.at_end.low > 0

    rng, truth = np.random.default_rng(7), 0.05
    lifts, plains, covered = [], [], 0
    for _ in range(400):
        cells = {}
        for name, size, stays in (("a", 1_200, 0.95 - truth), ("b", 800, 0.5)):
            held = rng.binomial(size, 0.2)
            cells[name] = (Arm(size - held, int(rng.binomial(size - held, stays + truth))), Arm(held, int(rng.binomial(held, stays))))
        one = post_stratified(cells)
        assert one is not None
        pairs = [[arm for pair in cells.values() for arm in (pair[place],)] for place in (0, 1)]
        t, c = (Arm(sum(arm.customers for arm in arms), sum(arm.retained for arm in arms)) for arms in pairs)
        lifts.append(one.lift)
        plains.append(t.share - c.share)
        covered += one.at_end.low <= truth <= one.at_end.high
    assert np.mean(lifts) == pytest.approx(truth, abs=4 * np.std(lifts) / 20)
    assert np.std(lifts) < np.std(plains) and covered > 0.92 * 400


def test_small_strata_are_taken_together() -> None:
    """R4: nobody is left out for want of a partner; without one at all there is nothing to say."""
    cells = {"a": (Arm(500, 450), Arm(50, 40)), "b": (Arm(9, 9), Arm(0, 0)), "c": (Arm(0, 0), Arm(3, 1))}
    found = post_stratified(cells)
    assert found is not None and sum(one.treatment.customers + one.hold_out.customers for one in found.strata) == 562
    assert post_stratified({"b": (Arm(9, 9), Arm(0, 0))}) is post_stratified({}) is None
    assert [stratum_of(one) for one in (None, Worth("C", tier="gold", risk=0.1), Worth("C", risk=0.9))] == ["unknown/unknown", "gold/raised", "unknown/high"]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_by_its_definition(p_values: list[float]) -> None:
    """R4: the adjusted value is the smallest level at which the step-down procedure rejects; never below the plain one, never above Bonferroni's."""
    adjusted = holm(p_values)
    for plain, found in zip(p_values, adjusted, strict=True):
        assert plain <= found <= min(1.0, len(p_values) * plain) + 1e-12
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    for level in (0.01, 0.05, 0.2):
        rejected = 0
        while rejected < len(order) and p_values[order[rejected]] * (len(order) - rejected) <= level:
            rejected += 1
        assert sum(one <= level for one in adjusted) == rejected


def test_variants_are_held_against_the_control_and_each_other() -> None:
    """R4 R12: three comparisons of two variants; with the number of variants the intervals widen; nothing is shown between two that are alike."""
    found = compare({"a": Arm(9_000, 8_500), "b": Arm(9_000, 8_490)}, Arm(2_000, 1_740))
    assert [(one.variant, one.against, one.shown) for one in found] == [("a", HOLD_OUT, True), ("b", HOLD_OUT, True), ("a", "b", False)]
    (alone,) = compare({"a": Arm(9_000, 8_500)}, Arm(2_000, 1_740))
    assert found[0].any_time.low < alone.any_time.low and found[0].holm_p_value > alone.holm_p_value == alone.p_value
    assert compare({"a": Arm(10, 9)}, Arm(0, 0)) == [] and math.isclose(found[2].lift, 10 / 9_000)


async def test_a_campaign_compares_what_its_variants_offer(retention: ServiceUnderTest) -> None:
    """R4: each is offered what its variant offers; the variant is published, stands in the receipt, and stays, also when the shares change and
    for who was merged; the receipt is made again to the same."""
    await post(retention, "/offers", key="gift", **OFFER)
    draft = DRAFT | {"hold_out_share": 0.01, "cap_contacts": 50, "variants": VARIANTS}
    assert (await post(retention, "/campaigns", key="bad", **draft | {"variants": VARIANTS[:1]})).status_code == 422
    assert (await post(retention, "/campaigns", key="off", **draft | {"variants": [VARIANTS[0] | {"share": 0.6}, VARIANTS[1]]})).status_code == 422
    drafted = (await post(retention, "/campaigns", key="d", **draft)).json()
    assert [one["name"] for one in drafted["variants"]] == ["plain", "gift"]
    assert (await post(retention, "/campaigns/keep-silent/approve", "bob", revision=1)).status_code == 200
    ids = [one for one in customers(40) if bucket("keep-silent-1", "keep-silent", one) >= 0.01][:24]
    await retention.send(*(activity(one, 1, profile=profile()) for one in ids))
    await retention.send(*(alert(one, f"s-{one}", kind="silent") for one in ids))
    rows = await retention.rows(sa.select(DECISIONS))
    assert {(row.variant, row.offer_id) for row in rows} == {("plain", "data-boost"), ("gift", "gift")}
    assigned = {row.customer_id: row.variant for row in await retention.rows(sa.select(ASSIGNMENTS))}
    assert assigned == {row.customer_id: row.variant for row in rows}
    receipt = (await retention.http.get(f"/decisions/{rows[0].decision_id}")).json()
    assert receipt["variant"] == rows[0].variant and (await retention.http.get(f"/decisions/{rows[0].decision_id}/recomputed")).json()["agrees"]
    one = next(each for each in ids if assigned[each] == "gift")
    other = next(each for each in customers(100) if each not in ids and bucket("keep-silent-1", "keep-silent", each) >= 0.01)
    async with retention.database.transaction() as tx:
        await tx.execute(sa.text("UPDATE campaigns SET variants = replace(variants, '0.5', '0.0001') WHERE campaign_id = 'keep-silent'"))
    await retention.send(merged(one, 2, into=other), retold(other, 2, profile=profile()), alert(other, "later", kind="silent"))
    (later,) = await retention.rows(sa.select(DECISIONS).where(DECISIONS.c.alert_id == "later"))
    assert (later.variant, later.offer_id) == ("gift", "gift")
    found = (await retention.http.get("/campaigns/keep-silent/effect")).json()["horizons"][0]
    assert (found["variants"], found["comparisons"], found["stratified"]) == ([], [], None)


async def test_a_variant_writes_by_its_own_template(retention: ServiceUnderTest) -> None:
    """R4 R10: by its purpose; without a template of it the campaign is not approved."""
    variants = [{"name": "short", "share": 0.5}, {"name": "warm", "share": 0.5, "purpose": "warm-words"}]
    draft = DRAFT | {"channel": "sms", "hold_out_share": 0.01, "variants": variants}
    assert (await post(retention, "/campaigns", key="d", **draft)).status_code == 201
    for key, purpose in (("1", "keep-silent"), ("2", "warm-words")):
        refused = await post(retention, "/campaigns/keep-silent/approve", "bob", revision=1)
        assert refused.status_code == 422 and purpose in refused.json()["detail"]
        await post(retention, "/message-templates", key=key, channel="sms", purpose=purpose, body=f"{purpose}: {{{{ offer.name }}}}")
    assert (await post(retention, "/campaigns/keep-silent/approve", "bob", revision=1)).status_code == 200
    agreed = profile(consents=[{"channel": "sms", "granted": True}])
    await retention.send(*(activity(one, 1, profile=agreed) for one in customers(16)), *(alert(one, f"s-{one}", kind="silent") for one in customers(16)))
    variants_of = {row.decision_id: row.variant for row in await retention.rows(sa.select(DECISIONS).where(DECISIONS.c.verdict == "contact"))}
    written = {(variants_of[row.decision_id], row.purpose, row.body[:5]) for row in await retention.rows(sa.select(MESSAGES))}
    assert written == {
        ("short", "keep-silent", "keep-"),
        ("warm", "warm-words", "warm-"),
    }
    assert await retention.rows(sa.select(TASKS)) == []


async def test_the_effect_is_told_by_stratum_and_variant(retention: ServiceUnderTest) -> None:
    """R4 R12: the stratum stored at the first exposure is what counts; each variant against the one hold-out."""
    (one,) = customers(1)
    await retention.send(
        activity(one, 1, profile=profile()),
        told(StandingChanged, one, 1, tier="gold", future_value_minor=1_000),
        told(ChurnScored, one, 1, probability=0.2, sensitivity={}),
        alert(one),
    )
    assert (await retention.rows(sa.select(ASSIGNMENTS.c.stratum)))[0].stratum == "gold/raised"
    now = clock.now() - timedelta(days=45)
    async with retention.database.transaction() as tx:
        for number in range(240):
            held_out, left = number % 3 == 0, number % 12 in {0, 1, 5}
            await _exposed(tx, f"E-{number}", "hold_out" if held_out else "treatment", now, now + timedelta(days=2) if left else None)
        names = sa.case((ASSIGNMENTS.c.arm == "hold_out", None), (ASSIGNMENTS.c.customer_id.like("%1"), "a"), else_="b")
        strata_of = sa.case((ASSIGNMENTS.c.customer_id.like("E-1%"), "gold/low"), else_="iron/high")
        await tx.execute(sa.update(ASSIGNMENTS).where(ASSIGNMENTS.c.customer_id.like("E-%")).values(variant=names, stratum=strata_of))
    found: dict[str, Any] = (await retention.http.get(f"/campaigns/{CAMPAIGN_ID}/effect")).json()["horizons"][0]
    assert {one["name"] for one in found["stratified"]["strata"]} == {"gold/low", "iron/high"}
    assert [one["name"] for one in found["variants"]] == ["a", "b"]
    assert sum(one["treatment"]["customers"] for one in found["variants"]) == found["treatment"]["customers"]
    assert [(one["variant"], one["against"]) for one in found["comparisons"]] == [("a", HOLD_OUT), ("b", HOLD_OUT), ("a", "b")]
