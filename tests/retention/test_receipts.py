"""R5: the receipt of a decision shows all it looked at, and gives the same decision again."""

from __future__ import annotations

import hashlib
from dataclasses import asdict

import orjson
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from services.retention import desk, receipt
from services.retention.contact_policy import POLICY
from services.retention.decision import decide
from services.retention.tables import CONTENTS, DECISIONS
from shared.contracts.segmentation import ChurnScored, StandingChanged
from tests.harness import ServiceUnderTest
from tests.retention.builders import activity, alert, customer, customers, erased, merged, opened, profile
from tests.retention.situations import varied
from tests.retention.test_effect import told

DIGESTS = {1: ("8ebd56644610a9c8", "bffc627ca0f204e5"), 2: ("e0600f4b981d959f", "2cb640f0ed2dc9c2")}
"""By the number of the policy, of what gates and save desk answer to a thousand situations."""


@given(st.integers(0, 2**40))
def test_what_is_stored_is_decided_the_same_again(seed: int) -> None:
    """R5: written, kept as text, read and decided: every gate with its words, the offers weighed and the verdict; and written again it is the
    same text."""
    before = varied(seed)
    written = receipt.write(before)
    answered = orjson.loads(orjson.dumps(receipt.answer(before, decide(before))._asdict()))
    worth = orjson.loads(orjson.dumps(asdict(before.worth))) if before.worth else {}
    after = receipt.read(written.inputs, written.contents, worth=worth, weighed=answered["weighed"])
    assert receipt.again(after)._asdict() == answered
    assert receipt.write(after) == written
    assert set(written.contents) == set(receipt.versions_in(written.inputs))


@given(st.integers(0, 2**40))
def test_what_the_desk_offers_is_offered_the_same_again(seed: int) -> None:
    """R5 R8: the offers in their order with words and figures, and which of them is made."""
    before = varied(seed)
    written = desk.write(before, "A-7")
    answered = orjson.loads(orjson.dumps(desk.decide(before, "A-7")._asdict()))
    worth = orjson.loads(orjson.dumps(asdict(before.worth))) if before.worth else {}
    assert desk.again(written.inputs, receipt.read(written.inputs, written.contents, worth=worth, weighed=()))._asdict() == answered


def test_rules_that_answer_otherwise_have_another_number() -> None:
    """R5: whoever changes what a gate says or decides raises POLICY in contact_policy.py, and adds the digest that this test then shows."""
    answers = [receipt.answer(one, decide(one))._asdict() for one in map(varied, range(1_000))]
    assert {one["verdict"] for one in answers} == {"contact", "held_out", "refused"}
    failing = {gate["gate"] for one in answers for gate in one["gates"] if not gate["passed"]}
    assert failing == {gate["gate"] for gate in answers[0]["gates"]}, "every gate fails in some situation"
    at_the_desk = [desk.decide(one, "A-7")._asdict() for one in map(varied, range(1_000))]
    assert {one["verdict"] for one in at_the_desk} == {"contact", "refused"}
    found = tuple(hashlib.sha256(orjson.dumps([receipt.policy_version(), some])).hexdigest()[:16] for some in (answers, at_the_desk))
    assert DIGESTS.get(POLICY) == found, "the rules answer otherwise than they did under this number: raise POLICY"


async def test_every_decision_taken_or_not_is_made_again(retention: ServiceUnderTest) -> None:
    """R5: contact, held out, refused, and of one who was merged: each from the versions it names; campaigns and offers are kept once."""
    one, complains, other, gone = customers(4)
    held = customer("hold_out")
    await retention.send(
        *(activity(each, 1, profile=profile()) for each in (one, held, gone, other)),
        activity(complains, 1, opened(), profile=profile()),
        told(StandingChanged, one, 1, tier="gold", future_value_minor=500_000),
        told(ChurnScored, one, 1, probability=0.5, sensitivity={}, versions={"leave": 3}),
    )
    await retention.send(merged(other, 2, into=one))
    await retention.send(*(alert(each, f"a-{each}") for each in (one, complains, held, other, gone)))
    rows = await retention.rows(sa.select(DECISIONS))
    assert {row.verdict for row in rows} == {"contact", "held_out", "refused"}
    for row in rows:
        found = (await retention.http.get(f"/decisions/{row.decision_id}/recomputed")).json()
        assert found["agrees"] and "is the same" in found["explanation"], found
        assert (found["policy"], found["answer"]["verdict"]) == (found["policy_today"], row.verdict)
    assert max(len(row.inputs) for row in rows) < 1_200
    assert len(await retention.rows(sa.select(CONTENTS))) <= 4
    shown = (await retention.http.get(f"/decisions/save-on-warning:a-{one}")).json()
    assert shown["contents"][shown["inputs"]["campaign"]]["campaign_id"] == "save-on-warning"
    assert shown["contents"][shown["inputs"]["offer"]]["offer_id"] == shown["offer_id"]
    assert shown["inputs_digest"] == hashlib.sha256(next(row.inputs for row in rows if row.customer_id == one).encode()).hexdigest()
    assert (await retention.http.get("/decisions/none")).status_code == 404

    await retention.send(erased(gone, 2))
    for path in ("", "/recomputed"):
        answer = await retention.http.get(f"/decisions/save-on-warning:a-{gone}{path}")
        assert (answer.status_code, answer.json()["code"]) == (410, "gone")
    (left,) = await retention.rows(sa.select(DECISIONS).where(DECISIONS.c.customer_id == gone))
    assert (left.inputs, left.worth, left.weighed, left.gates, left.verdict) == (None, {}, [], [], "contact")


async def test_what_was_changed_or_decided_by_other_rules_is_told(retention: ServiceUnderTest) -> None:
    """R5: a receipt that was tampered with does not agree; one of an older policy says so, and in what today's would differ; without inputs it is shown."""
    one = customer()
    await retention.send(activity(one, 1, profile=profile()), alert(one))
    name = "save-on-warning:a-1"
    (row,) = await retention.rows(sa.select(DECISIONS))
    tampered = orjson.dumps(orjson.loads(row.inputs) | {"contacts": 5}).decode()
    async with retention.database.transaction() as tx:
        await tx.execute(sa.update(DECISIONS).values(inputs=tampered))
    found = (await retention.http.get(f"/decisions/{name}/recomputed")).json()
    assert not found["agrees"] and "gate frequency_cap" in found["differs_in"] and "the receipt was changed" in found["explanation"]
    async with retention.database.transaction() as tx:
        await tx.execute(sa.update(DECISIONS).values(policy="0-old"))
    found = (await retention.http.get(f"/decisions/{name}/recomputed")).json()
    assert "the rules have changed since: it was decided by 0-old" in found["explanation"] and "gate frequency_cap" in found["explanation"]
    async with retention.database.transaction() as tx:
        await tx.execute(sa.update(DECISIONS).values(policy=None, inputs=None))
    assert (await retention.http.get(f"/decisions/{name}")).json()["inputs"] is None
    assert (await retention.http.get(f"/decisions/{name}/recomputed")).status_code == 409
