"""R9 R15: how customers are reached, learned from what came of trying, and what follows from it."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from services.retention.attempts import PARTS as PARTS_OF_DAY
from services.retention.attempts import first_attempt, next_attempt, part_at
from services.retention.calling_hours import CallingHours
from services.retention.channel_choice import choose
from services.retention.reachability import HALF_LIFE, MISSES_HOLD, MISSES_IN_A_ROW, Reach, begin_anew, best_part, learn, part_rates, why_not
from services.retention.repository import messages
from services.retention.tables import CAMPAIGNS, DECISIONS, MESSAGES, REACHES, TASKS
from services.retention.templates import Key
from services.retention.use_cases import messages as use_cases
from shared.contracts import topics
from tests.builders import NOON
from tests.harness import ServiceUnderTest
from tests.retention.builders import CAMPAIGN_ID, LIVE, activity, alert, campaign, contactable, customer, customers, erased, profile
from tests.retention.test_outcomes import SAVED, report

PARTS: list[Any] = ["morning", "afternoon", "evening"]
TRIES = st.lists(st.tuples(st.integers(0, 60), st.sampled_from(["reached", "missed"]), st.sampled_from(PARTS)), max_size=30)
NOTHING = Reach("C-1", "call")


def after(tries: list[Any], held: Reach = NOTHING) -> Reach:
    """Day by day, as they came."""
    for day, result, part in sorted(tries, key=lambda one: one[0]):
        held = learn(held, result, at=NOON + timedelta(days=day), part=part)
    return held


@given(TRIES, st.sampled_from(PARTS))
def test_a_rate_moves_with_what_came_of_trying(tries: list[Any], part: Any) -> None:
    """R9 R15: up with who was reached, down with who was not, never to a certainty, and less by what is long past."""
    held, later = after(tries), NOON + timedelta(days=61)
    hit, missed = learn(held, "reached", at=later, part=part), learn(held, "missed", at=later, part=part)
    assert 0 < missed.rate < hit.rate < 1
    assert sum(tried for _, tried in hit.parts.values()) == pytest.approx(hit.tried)
    assert all(0 < rate < 1 for rate in part_rates(hit).values()) and part_rates(hit)[part] > part_rates(missed)[part]
    much_later = learn(held, "missed", at=later + 4 * HALF_LIFE)
    assert much_later.tried <= missed.tried
    assert learn(hit, "missed", at=NOON).seen_at == later, "what comes late does not turn the clock back"


@given(TRIES)
def test_only_hard_evidence_refuses(tries: list[Any]) -> None:
    """R9: unknown passes; so does any rate, but for many misses in a row, which are forgotten after a while; a dead number holds until another one
    is told of, or until somebody is reached there."""
    held = after(tries)
    now = held.seen_at or NOON
    after_each = sorted(tries, key=lambda one: one[0])
    in_a_row = next((index for index, one in enumerate(after_each[::-1]) if one[1] == "reached"), len(tries))
    assert held.misses == in_a_row
    assert (why_not(held, now) is None) == (in_a_row < MISSES_IN_A_ROW)
    assert why_not(held, now + MISSES_HOLD) is None
    assert (held.state == "unreachable") == (why_not(held, now) is not None)
    dead = learn(held, "dead", at=now, blocked="wrong_number")
    assert why_not(dead, now + timedelta(days=3_000)) == "wrong_number" and dead.state == "unreachable"
    assert why_not(learn(dead, "reached", at=now), now) is None
    anew = begin_anew(dead, now)
    assert (anew.state, anew.rate, anew.misses, why_not(anew, now)) == ("unknown", 0.5, 0, None) and anew.changes == dead.changes + 1
    assert why_not(None, now) is None


def test_a_part_of_the_day_has_to_be_clearly_better() -> None:
    """R9: a single answer proves nothing."""
    assert best_part(after([(0, "reached", "evening")])) is None
    mixed = [(day, "missed", "morning") for day in range(5)] + [(day, "reached", "evening") for day in range(4)]
    assert best_part(after(mixed)) == "evening"
    assert best_part(after([(day, "reached", "evening") for day in range(9)])) is None, "that is as good as all of the day"


MOMENTS = st.integers(0, 730 * 24 * 60).map(lambda minutes: NOON + timedelta(minutes=minutes))
HOURS = st.tuples(st.integers(6, 20), st.integers(1, 8)).map(lambda one: CallingHours(time(one[0]), time(min(one[0] + one[1], 22))))
ZONES = st.sampled_from(["UTC", "Asia/Shanghai", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia"]).map(ZoneInfo)


@given(MOMENTS, HOURS, ZONES, st.lists(st.sampled_from(PARTS), max_size=3), st.sampled_from([*PARTS, None]))
def test_the_next_attempt_is_later_inside_the_hours_and_at_another_part_of_the_day(
    now: datetime, hours: CallingHours, zone: ZoneInfo, tried: Any, best: Any
) -> None:
    """R11 R9: wherever the hours leave another one; of those not tried, the one where the customer is reached best."""
    rates = {best: 0.9} if best else {}
    due = next_attempt(now, hours, zone, tried=tried, rates=rates)
    assert due > now and hours.contain(due.astimezone(zone))
    within = {part for part, window in PARTS_OF_DAY.items() if max(hours.opens, window.opens) < min(hours.closes, window.closes)}
    if within - set(tried):
        assert part_at(due, zone) in within - set(tried)
    if best in within - set(tried):
        assert part_at(due, zone) == best
    first = first_attempt(now, hours, zone, best)
    assert first >= now and hours.contain(first.astimezone(zone))
    assert best not in within or part_at(first, zone) == best


def test_the_channel_that_is_preferred_agreed_to_and_works() -> None:
    """R9: the customer's own preference first, then the list's order; never by what was not agreed to."""
    listed, both = campaign(fallback_channels=("sms", "email")), {"call": True, "sms": True}
    assert choose(listed, contactable(consents=both), {}, NOON).channel == "call"
    assert choose(listed, contactable(consents=both, preferred_channel="sms"), {}, NOON).channel == "sms"
    assert choose(listed, contactable(consents=both, preferred_channel="email"), {}, NOON).channel == "call"
    dead = {"call": Reach("C-1", "call", blocked="wrong_number")}
    assert choose(listed, contactable(consents=both, preferred_channel="call"), dead, NOON).channel == "sms"
    assert choose(listed, contactable(consents={"email": True}), dead, NOON).channel == "email"
    assert choose(listed, contactable(consents={}), dead, NOON).channel == "call"
    assert choose(campaign(), contactable(consents={"sms": True}, preferred_channel="sms"), {}, NOON).channel == "call"


async def reaches(retention: ServiceUnderTest) -> dict[str, tuple[str, str | None]]:
    return {row.channel: (row.state, row.blocked) for row in await retention.rows(sa.select(REACHES))}


async def refused_by(retention: ServiceUnderTest, alert_id: str) -> str | None:
    [row] = await retention.rows(sa.select(DECISIONS).where(DECISIONS.c.alert_id == alert_id))
    found: str | None = row.failed_gate
    return found


async def test_a_wrong_number_is_not_called_until_another_one_is_told_of(retention: ServiceUnderTest) -> None:
    """R9 R11 R15: nor written to; it is told once, and the same number told again changes nothing. Who was erased leaves nothing."""
    one = customer()
    await retention.send(activity(one, 1, profile=profile()), alert(one, "a-1"))
    status, _ = await report(retention, f"{CAMPAIGN_ID}:a-1", SAVED | {"result": "wrong_number", "offer_accepted": False})
    assert status == 200
    assert await reaches(retention) == {"call": ("unreachable", "wrong_number"), "sms": ("unreachable", "wrong_number")}
    await retention.send(activity(one, 2, profile=profile(region="ningbo")), alert(one, "a-2"))
    assert await refused_by(retention, "a-2") == "reachable"
    other = LIVE | {"msisdn": "~1.msisdn.k.OTHER.c"}
    await retention.send(activity(one, 3, profile=profile(subscriptions=[other])), alert(one, "a-3"))
    assert await refused_by(retention, "a-3") == "frequency_cap"
    told = await retention.read(topics.OUTCOMES, count=4, types=("retention.reachability_changed.v1",))
    assert [(event["data"]["channel"], event["data"]["state"], event["data"].get("reason")) for event in told] == [
        ("call", "unreachable", "wrong_number"), ("sms", "unreachable", "wrong_number"), ("call", "unknown", None), ("sms", "unknown", None),
    ]  # fmt: skip
    assert len({event["id"] for event in told}) == 4
    await retention.send(erased(one, 4))
    assert await reaches(retention) == {}


async def test_a_campaign_writes_whom_it_would_rather_not_call(retention: ServiceUnderTest) -> None:
    """R9 R10: by the customer's preferred channel of those listed; the receipt says why, and what becomes of the message is learned from."""
    writes, calls = customers(2)
    async with retention.database.transaction() as tx:
        await tx.execute(sa.update(CAMPAIGNS).values(fallback_channels=["sms"]))
        await use_cases.add_template(tx, Key("sms", CAMPAIGN_ID), subject="", body="{{ offer.name }}", actor="A-1")
    agreed = [{"channel": channel, "granted": True} for channel in ("call", "sms")]
    await retention.send(activity(writes, 1, profile=profile(consents=agreed, preferred_channel="sms")), activity(calls, 1, profile=profile(consents=agreed)))
    await retention.send(alert(writes, "a-1"), alert(calls, "a-2"))
    assert [row.customer_id for row in await retention.rows(sa.select(TASKS))] == [calls]
    [message] = await retention.rows(sa.select(MESSAGES))
    assert (message.customer_id, message.channel) == (writes, "sms")
    [decision] = (await retention.http.get(f"/customers/{writes}/decisions")).json()["decisions"]
    assert {gate["gate"]: gate["detail"] for gate in decision["gates"]}["reachable"] == "by sms: never tried; the customer prefers it"
    async with retention.database.transaction() as tx:
        await messages.end(tx, [message.message_id], {"attempts": 1, "state": "sent"})
    receipt = f"/messages/{message.message_id}/receipt"
    for _ in range(2):
        assert (await retention.http.post(receipt, json={"result": "failed", "reason": "unknown_subscriber"})).status_code == 200
    assert await reaches(retention) == {"call": ("unreachable", "wrong_number"), "sms": ("unreachable", "wrong_number")}
    assert (await retention.http.post(receipt, json={"result": "delivered"})).status_code == 200
    assert (await reaches(retention))["sms"][1] is None
