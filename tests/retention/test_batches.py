"""R2 R3 R4 R5: scheduled campaigns: an audience, a plan under limits, a decision about each member, win-back and care programmes."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from services.retention.repository import runs
from services.retention.tables import ASSIGNMENTS, CAMPAIGN_RUNS, CAMPAIGN_STEPS, CAMPAIGNS, DECISIONS, RUN_MEMBERS, TASKS
from services.retention.use_cases import batches
from shared.contracts.customer import BirthdayReached
from shared.contracts.segmentation import ChurnScored, MomentReached, RfmScored, StandingChanged
from tests.harness import ServiceUnderTest, until
from tests.retention.builders import ENDED, activity, customers, fact, profile
from tests.retention.test_campaigns import post
from tests.retention.test_effect import told

GOLD = {"all": [{"field": "tier", "is": "gold"}, {"field": "segment", "one_of": ["loyal", "champions"]}]}


def due() -> dict[str, Any]:
    """A daily turn that was ten minutes ago."""
    at = datetime.now(UTC) - timedelta(minutes=10)
    return {"every": "day", "at": f"{at:%H:%M}", "starts_on": (at - timedelta(days=3)).date().isoformat()}


async def running(retention: ServiceUnderTest, campaign_id: str, **content: Any) -> None:
    """Approved two hours ago, so that its turn of ten minutes ago counts."""
    body = {"campaign_id": campaign_id, "name": campaign_id, "offers": {"schedule": ["data-boost", "loyalty-10"]}, "schedule": due(), "again_after_days": 30}
    answer = await post(retention, "/campaigns", key=f"draft-{campaign_id}", **body | content)
    assert answer.status_code == 201, answer.text
    assert (await post(retention, f"/campaigns/{campaign_id}/approve", "bob", revision=1)).status_code == 200
    async with retention.database.transaction() as tx:
        long_ago = datetime.now(UTC) - timedelta(hours=2)
        await tx.execute(CAMPAIGN_STEPS.update().where(CAMPAIGN_STEPS.c.campaign_id == campaign_id).values(taken_at=long_ago))


async def done(retention: ServiceUnderTest, campaign_id: str) -> Any:
    async def ended() -> Any:
        return await retention.rows(sa.select(CAMPAIGN_RUNS).where(CAMPAIGN_RUNS.c.campaign_id == campaign_id, CAMPAIGN_RUNS.c.ended_at.is_not(None)))

    await until(ended)
    return (await retention.http.get(f"/campaigns/{campaign_id}/runs")).json()["items"][0]


async def known(retention: ServiceUnderTest, ids: list[str], tier: str = "gold", *, value_minor: int = 500_000) -> None:
    await retention.send(*(
        message for nth, one in enumerate(ids) for message in (
            activity(one, 1, profile=profile()), told(StandingChanged, one, 1, tier=tier, future_value_minor=value_minor + 1_000 * nth),
            told(ChurnScored, one, 1, probability=0.5, sensitivity={}), told(RfmScored, one, 1, segment="loyal"),
        )
    ))  # fmt: skip


async def test_a_batch_treats_who_brings_most_within_capacity(retention: ServiceUnderTest) -> None:
    """R2 R4 R5: of the audience those of the highest value; the hold-out has its exact share of the chosen; everybody has a decision that says
    why, once, also when another worker looks at the same time; the run is on record and nothing of it stays behind."""
    ids = customers(40)
    await known(retention, ids)
    await known(retention, customers(45)[40:], "iron")
    tried = {"capacity": 16, "hold_out_share": 0.2, "audience": GOLD}
    await running(retention, "gold-care", **tried)
    await batches.run_due(retention.database, None)
    run = await done(retention, "gold-care")
    assert (run["state"], run["scanned"], run["audience"], run["planned"]) == ("done", 45, 40, 20)
    decisions = await retention.rows(sa.select(DECISIONS))
    assert Counter((one.verdict, one.failed_gate) for one in decisions) == {("contact", None): 16, ("held_out", "hold_out"): 4, ("refused", "chosen"): 20}
    treated = {one.customer_id for one in decisions if one.verdict != "refused"}
    assert treated == set(ids[20:]), "the last ones are worth more"
    assert len(await retention.rows(sa.select(TASKS))) == 16 and await retention.rows(sa.select(RUN_MEMBERS)) == []
    assert Counter(one.arm for one in await retention.rows(sa.select(ASSIGNMENTS))) == {"treatment": 16, "hold_out": 4}
    again = [(await retention.http.get(f"/decisions/{one.decision_id}/recomputed")).json() for one in decisions[:5]]
    assert [one["agrees"] for one in again] == [True] * 5
    told = (await retention.http.get(f"/customers/{decisions[0].customer_id}/decisions/{decisions[0].decision_id}/explanation")).json()
    assert "one of our programmes" in told["why"]
    assert run["gap"] < 0.001 and run["expected_profit_minor"] > 0


async def test_who_was_addressed_is_not_addressed_again_soon(retention: ServiceUnderTest) -> None:
    """R2: nor decided about; a dry run shows who would be."""
    ids = customers(3)
    await known(retention, ids[:2])
    await running(retention, "again", audience=GOLD, hold_out_share=0.01)
    before = (await retention.http.get("/campaigns/again/dry-run")).json()["batch"]
    await done(retention, "again")
    await known(retention, ids[2:])
    tried = (await retention.http.get("/campaigns/again/dry-run")).json()["batch"]
    assert (tried["scanned"], tried["members"], tried["planned"]) == (3, 1, 1)
    assert before["members"] in {0, 2}, "nobody was, or the run was quicker"


async def test_win_back_is_for_who_left_and_nobody_else(retention: ServiceUnderTest) -> None:
    """R3: by its own gate, with the offers of what they had; and a moment triggers a campaign like a warning does."""
    gone, here = customers(2)
    await retention.send(activity(gone, 1, profile=profile(subscriptions=[ENDED])), activity(here, 1, profile=profile()))
    left = {"all": [{"field": "left_days", "at_least": 30}, {"field": "left_because", "one_of": ["port_out"]}]}
    await running(retention, "win-back", purpose="win_back", audience=left, hold_out_share=0.01)
    await done(retention, "win-back")
    (decision,) = await retention.rows(sa.select(DECISIONS))
    assert (decision.customer_id, decision.verdict) == (gone, "contact")
    moment = {"campaign_id": "renew", "name": "renew", "offers": {"contract_renewal": ["data-boost"]}, "hold_out_share": 0.01}
    await post(retention, "/campaigns", key="renew", **moment)
    await post(retention, "/campaigns/renew/approve", "bob", revision=1)
    await retention.send(told(MomentReached, here, 1, moment_id=f"contract_renewal:{here}", moment="contract_renewal"))
    (renewed,) = await retention.rows(sa.select(DECISIONS).where(DECISIONS.c.campaign_id == "renew"))
    assert (renewed.customer_id, renewed.verdict, renewed.alert_kind) == (here, "contact", "contract_renewal")


async def test_a_birthday_is_greeted_by_a_daily_programme(retention: ServiceUnderTest) -> None:
    """R3: customer tells of the day; who has none known belongs to nothing."""
    celebrating, other = customers(2)
    today = datetime.now(UTC).date().isoformat()
    await retention.send(activity(celebrating, 1, fact(BirthdayReached, on=today), profile=profile()), activity(other, 1, profile=profile()))
    await running(retention, "birthday-2", audience={"field": "birthday_days", "at_most": 1}, hold_out_share=0.01, again_after_days=300)
    await done(retention, "birthday-2")
    (decision,) = await retention.rows(sa.select(DECISIONS))
    assert (decision.customer_id, decision.verdict) == (celebrating, "contact")


async def test_a_paused_batch_waits_and_a_stopped_one_lapses(retention: ServiceUnderTest) -> None:
    """R2: nobody is decided about from the pause on; after the resume the same run goes on."""
    await known(retention, customers(3))
    await running(retention, "halt", audience=GOLD, hold_out_share=0.01, schedule=due() | {"at": "00:00", "starts_on": "2100-01-01"})
    async with retention.database.transaction() as tx:
        await tx.execute(CAMPAIGNS.update().where(CAMPAIGNS.c.campaign_id == "halt").values(schedule=due(), state="paused"))
        now = datetime.now(UTC)
        started = {"cursor": "", "scanned": 0, "audience": 0, "started_at": now, "due_at": now}
        await runs.start(tx, {"run_id": "halt@now", "campaign_id": "halt", "state": "selecting"} | started)
    for _ in range(3):
        await batches.run_due(retention.database, None)
    (run,) = await retention.rows(sa.select(CAMPAIGN_RUNS))
    assert run.state == "selecting" and await retention.rows(sa.select(DECISIONS)) == []
    await post(retention, "/campaigns/halt/stop", "bob", reason="enough")
    assert (await done(retention, "halt"))["state"] == "lapsed"
    assert await retention.rows(sa.select(DECISIONS)) == []


async def test_what_can_not_be_used_is_refused_with_the_place(retention: ServiceUnderTest) -> None:
    """R2: an audience that asks for what there is not, a schedule without offers, a turn that has passed."""
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"audience": {"all": [{"field": "shoe_size", "is": "44"}]}, "offers": {"silent": ["data-boost"]}}, "audience.all[0]"),
        ({"offers": {"schedule": ["data-boost"]}}, "schedule"),
        ({"offers": {"silent": ["data-boost"]}, "schedule": due()}, "schedule"),
        ({"offers": {"schedule": ["data-boost"]}, "schedule": due()}, "again_after_days"),
    ]
    for nth, (content, place) in enumerate(wrong):
        answer = await post(retention, "/campaigns", key=f"wrong-{nth}", campaign_id=f"wrong-{nth}", name="x", **content)
        assert answer.status_code == 422 and place in answer.text
    past = {"offers": {"schedule": ["data-boost"]}, "schedule": due() | {"every": "once"}, "again_after_days": 30}
    await post(retention, "/campaigns", key="past", campaign_id="past", name="x", **past)
    assert "has passed" in (await post(retention, "/campaigns/past/approve", "bob", revision=1)).text
    fields = (await retention.http.get("/audience-fields")).json()["items"]
    assert {"field": "risk", "kind": "number", "about": "Probability to leave within the horizon"} in fields
