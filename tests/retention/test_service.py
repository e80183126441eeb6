"""R7: what troubles a customer holds selling back, until some days after it was fixed, and is made good by a credit that a person decides on."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from services.retention.contact_policy import check
from services.retention.service import LONGEST_OUTAGE, MOURNING, Key, Trouble, hear, holding_back, key_of, new, of_customer
from services.retention.service_levels import GRADES, RATES, make_good
from services.retention.tables import CAMPAIGNS, COMPLAINTS, DECISIONS, TROUBLES
from services.retention.use_cases import troubles
from shared import clock
from shared.contracts import billing, care
from shared.contracts.customer import Fact, LegalHoldLifted, LegalHoldPlaced, NetworkFaultEnded, NetworkFaultMet
from tests.builders import NOON
from tests.harness import ServiceUnderTest
from tests.retention.builders import (
    ENDED,
    LIVE,
    activity,
    alert,
    campaign,
    contactable,
    customer,
    customers,
    erased,
    fact,
    merged,
    profile,
    retold,
    situation,
)
from tests.retention.test_credits import decide, listed, told_to_billing

NOW = clock.now().replace(microsecond=0)
QUIET = timedelta(days=3)
CAUSES = [(cause, severity) for cause, rates in RATES.items() for severity in rates]


def ago(**since: float) -> datetime:
    return NOW - timedelta(**since)


def complaint(complaint_id: str = "K-1", *, at: datetime, kind: str = "network", severity: str = "major") -> dict[str, Any]:
    return fact(care.ComplaintOpened, at=at, complaint_id=complaint_id, kind=kind, severity=severity)


def fixed(complaint_id: str = "K-1", *, at: datetime) -> dict[str, Any]:
    return fact(care.ComplaintResolved, at=at, complaint_id=complaint_id)


def outage(started_at: datetime, *, kind: str = "outage", ended_at: datetime | None = None) -> dict[str, Any]:
    said = {"cell_id": "460-00-17", "kind": kind, "started_at": started_at.isoformat()}
    if ended_at:
        return fact(NetworkFaultEnded, at=ended_at, **said, ended_at=ended_at.isoformat())
    return fact(NetworkFaultMet, at=started_at, **said)


def hold(hold_id: str = "h-1", *, at: datetime, lifted: bool = False) -> dict[str, Any]:
    return fact(LegalHoldLifted if lifted else LegalHoldPlaced, at=at, hold_id=hold_id)


async def verdict(retention: ServiceUnderTest, customer_id: str, alert_id: str) -> tuple[str, str | None, str]:
    """Of a new warning, with what the gate saw."""
    await retention.send(alert(customer_id, alert_id))
    (row,) = await retention.rows(sa.select(DECISIONS).where(DECISIONS.c.alert_id == alert_id))
    seen = next(gate["detail"] for gate in row.gates if gate["gate"] == "service_trouble")
    return row.verdict, row.failed_gate, seen


# Rules


@pytest.mark.parametrize(("since_fix", "held"), [(timedelta(0), True), (QUIET - timedelta(seconds=1), True), (QUIET, False)])
def test_selling_is_held_back_until_days_after_the_fix(since_fix: timedelta, held: bool) -> None:
    """R7: to the second, and the gate says until when; a service campaign passes."""
    trouble = Trouble(Key("C-1", "complaint", "K-1"), "complaint", "major", NOON - timedelta(days=9), NOON - since_fix)
    (gate,) = (one for one in check(situation(troubles=[trouble], quiet_after_fix=QUIET)) if one.gate == "service_trouble")
    assert gate.passed is not held
    assert f"{NOON - since_fix + QUIET:%Y-%m-%d %H:%M} UTC" in gate.detail or not held
    (gate,) = (one for one in check(situation(troubles=[trouble], campaign=campaign(purpose="service"))) if one.gate == "service_trouble")
    assert gate.passed


def test_what_has_no_end_ends_by_rule() -> None:
    """R7: an outage after two days, mourning after ninety; an open complaint and a suspension by law do not."""
    began = NOON - timedelta(days=100)
    assert holding_back([Trouble(Key("C-1", "outage", "x"), "outage", "fault", began)], now=began + LONGEST_OUTAGE + QUIET, quiet=QUIET) == []
    assert holding_back([Trouble(Key("C-1", "outage", "x"), "outage", "fault", began)], now=began + LONGEST_OUTAGE, quiet=QUIET)
    bereaved = of_customer(contactable(bereaved_at=began))
    assert holding_back(bereaved, now=began + MOURNING - timedelta(seconds=1), quiet=QUIET) and not holding_back(bereaved, now=NOON, quiet=QUIET)
    for kind in ("complaint", "legal"):
        assert holding_back([Trouble(Key("C-1", "legal", "x"), kind, began_at=began)], now=NOON, quiet=QUIET)


@given(st.permutations(range(4)))
def test_facts_in_any_order_make_the_same_trouble(order: list[int]) -> None:
    """R7: the highest severity, the opening that names it, and the end."""
    raised = fact(care.ComplaintEscalated, at=ago(days=3), complaint_id="K-1", severity="critical")
    late = fact(care.ComplaintEscalated, at=ago(days=2), complaint_id="K-1", severity="minor")
    said = [complaint(at=ago(days=5), kind="billing"), raised, late, fixed(at=ago(days=1))]
    said = [one | {"id": f"e-{number}"} for number, one in enumerate(said)]
    key = Key("C-1", "complaint", "K-1")
    held = new(key)
    for number in order:
        told = Fact.model_validate_json(orjson.dumps(said[number]))
        assert key_of("C-1", told) == key
        held = hear(held, told)
    assert held == Trouble(key, "bill_dispute", "critical", ago(days=5), ago(days=1), "e-0|test")


@given(st.sampled_from(CAUSES), st.integers(0, 400), st.integers(0, 400), st.sampled_from(GRADES))
def test_a_make_good_grows_with_time_and_grade_up_to_a_limit(cause: Any, hours: int, more: int, grade: Any) -> None:
    """R7: never above twice the most of its rate; a better grade gets no less, and waits no longer."""
    lasted, longer = timedelta(hours=hours), timedelta(hours=hours + more)
    found = make_good(*cause, lasted, grade).amount_minor
    assert 0 <= found <= 2 * RATES[cause[0]][cause[1]].most_minor
    assert make_good(*cause, longer, grade).amount_minor >= found >= make_good(*cause, lasted, max(grade, 3)).amount_minor


def test_a_make_good_to_the_cent() -> None:
    """R7: at the edges of patience and day; what we have no rate of is not made good."""
    hour, day = timedelta(hours=1), timedelta(days=1)
    assert [make_good("outage", "outage", lasted, 3).amount_minor for lasted in (12 * hour, 13 * hour, 12 * hour + day, 13 * hour + day)] == [
        0,
        500,
        500,
        1_000,
    ]
    assert [make_good("complaint", "major", 5 * day, grade).amount_minor for grade in GRADES] == [3_200, 2_100, 1_200]
    assert make_good("complaint", "", 50 * day, 1).amount_minor == 0


# Service


async def test_a_ticket_holds_back_is_made_good_and_lifts(retention: ServiceUnderTest) -> None:
    """R7: open, fixed lately, fixed long enough ago; the make-good is proposed once, and approved it goes to billing."""
    one = customer()
    await retention.send(activity(one, 1, complaint(at=ago(days=8)), profile=profile(service_star=4)))
    held = await verdict(retention, one, "a-1")
    assert held == ("refused", "service_trouble", "1: complaint K-1 is open") and await listed(retention) == []
    await retention.send(activity(one, 2, fixed(at=ago(days=1))), activity(one, 2, fixed(at=ago(days=1))))
    (refused, gate, seen) = await verdict(retention, one, "a-2")
    assert (refused, gate) == ("refused", "service_trouble") and f"{ago(days=1) + QUIET:%Y-%m-%d %H:%M} UTC" in seen
    (credit,) = await listed(retention, customer_id=one)
    assert (credit["cause"], credit["cause_id"], credit["state"], credit["amount_minor"]) == ("complaint", "K-1", "proposed", 2 * (1_000 + 5 * 200))
    assert (credit["basis"]["grade"], credit["basis"]["further_days"]) == (1, 5)
    assert (await decide(retention, credit)).json()["state"] == "approved"
    (event,) = await told_to_billing(retention, 1)
    assert (event["data"]["cause"], event["data"]["amount_minor"]) == ("complaint", 4_000)
    await retention.send(activity(one, 3, fixed(at=ago(days=4))))
    assert (await verdict(retention, one, "a-3"))[:2] == ("contact", None)
    assert (await listed(retention))[0]["amount_minor"] == 4_000


@pytest.mark.parametrize(
    ("facts", "subscriptions"),
    [
        ([fact(billing.AccountSuspended, at=ago(days=50), reason="legal")], [LIVE]),
        ([fact(billing.PaymentReversed, at=ago(days=1), reason="disputed")], [LIVE]),
        ([complaint(at=ago(days=50), kind="billing")], [LIVE]),
        ([outage(ago(hours=3))], [LIVE]),
        ([hold(at=ago(days=50))], [LIVE]),
        ([], [LIVE, ENDED | {"subscription_id": "S-2", "termination_reason": "death"}]),
    ],
    ids=["legal", "payment", "bill", "outage", "legal_hold", "bereavement"],
)
async def test_whatever_troubles_holds_selling_back_and_no_service(retention: ServiceUnderTest, facts: list[Any], subscriptions: list[Any]) -> None:
    """R7: a suspension by law, a disputed payment or bill, an outage, a death; a service campaign is not held back by it."""
    one = customer()
    gone = [entry | ({"terminated_at": ago(days=20).isoformat()} if "terminated_at" in entry else {}) for entry in subscriptions]
    await retention.send(activity(one, 1, *facts, profile=profile(subscriptions=gone)))
    assert (await verdict(retention, one, "a-1"))[:2] == ("refused", "service_trouble")
    async with retention.database.transaction() as tx:
        await tx.execute(sa.update(CAMPAIGNS).values(purpose="service"))
    found = await verdict(retention, one, "a-2")
    assert found[:2] == ("contact", None) and found[2].startswith("a service campaign, beside 1")


async def test_a_legal_hold_stops_marketing_until_it_is_lifted(retention: ServiceUnderTest) -> None:
    """R7 C9: under whichever id it was placed, while any is in force, and not an hour longer; whichever of its two facts is heard first."""
    one, other = customers(2)
    first, second = hold(at=ago(days=9)), hold("h-2", at=ago(days=8))
    await retention.send(activity(one, 1, profile=profile()), activity(other, 1, first, hold("h-2", at=ago(hours=2), lifted=True), profile=profile()))
    assert await verdict(retention, other, "a-1") == ("refused", "service_trouble", "1: legal_hold h-1 is open")
    await retention.send(merged(other, 2, into=one), retold(one, 2, first, hold("h-2", at=ago(hours=2), lifted=True), profile=profile()))
    await retention.send(activity(one, 3, second), activity(one, 3, second))
    assert await verdict(retention, one, "a-2") == ("refused", "service_trouble", "1: legal_hold h-1 is open")
    await retention.send(activity(one, 4, hold(at=ago(hours=1), lifted=True)))
    assert await verdict(retention, one, "a-3") == ("contact", None, "none")
    kept = [(row.customer_id, row.kind, row.trouble_id) for row in await retention.rows(sa.select(TROUBLES).order_by(TROUBLES.c.trouble_id))]
    assert kept == [(one, "legal_hold", "h-1"), (one, "legal_hold", "h-2")]


async def test_service_resumed_lifts_what_the_law_held_back(retention: ServiceUnderTest) -> None:
    """R7: in whichever order it is told; a suspension for arrears is no such trouble."""
    one, other = customers(2)
    await retention.send(
        activity(one, 1, fact(billing.AccountResumed, at=ago(days=9)), fact(billing.AccountSuspended, at=ago(days=20), reason="legal"), profile=profile()),
        activity(other, 1, fact(billing.AccountSuspended, at=ago(days=2), reason="arrears"), profile=profile()),
    )
    assert [(await verdict(retention, each, f"a-{each}"))[0] for each in (one, other)] == ["contact", "contact"]


async def test_an_outage_is_made_good_while_it_lasts_and_when_it_ends(retention: ServiceUnderTest) -> None:
    """R7: proposed once it has lasted long enough, though nobody told its end; computed again by its end; short ones are borne with."""
    one, other = customers(2)
    await retention.send(activity(one, 1, outage(ago(hours=20)), profile=profile(service_star=3)))
    await retention.send(activity(other, 1, outage(ago(hours=20)), outage(ago(hours=20), ended_at=ago(hours=19)), profile=profile()))
    (credit,) = await listed(retention)
    assert (credit["cause"], credit["customer_id"], credit["amount_minor"]) == ("outage", one, 750)
    await retention.send(activity(one, 2, outage(ago(hours=20), ended_at=ago(hours=16))))
    (credit,) = await listed(retention)
    assert (credit["state"], credit["amount_minor"]) == ("withdrawn", 0)


async def test_time_alone_proposes_for_an_outage(retention: ServiceUnderTest) -> None:
    """R7: nothing is told any more, and the patience of twelve hours runs out."""
    one = customer()
    await retention.send(activity(one, 1, outage(ago(hours=2)), profile=profile()))
    assert await listed(retention) == []
    async with retention.database.transaction() as tx:
        await tx.execute(sa.update(TROUBLES).values(began_at=ago(hours=13), look_at=ago(hours=1)))
        assert await troubles.look_page(tx) is False
    assert [row["amount_minor"] for row in await listed(retention)] == [500]
    (row,) = await retention.rows(sa.select(TROUBLES))
    assert row.look_at > NOW


async def test_one_person_under_two_ids_has_one_make_good(retention: ServiceUnderTest) -> None:
    """R7 C4 C9: an outage met under both ids is made good once after a merge; a complaint's proposal goes with it; an erasure leaves nothing."""
    a, b = customers(2)
    told = [complaint(at=ago(days=9)), fixed(at=ago(days=2))]
    first, second = outage(ago(hours=30)), outage(ago(hours=30))
    await retention.send(activity(a, 1, first, profile=profile()), activity(b, 1, *told, profile=profile()))
    await retention.send(merged(b, 2, into=a), retold(a, 2, first, *told, second, profile=profile()))
    assert sorted((row["cause"], row["customer_id"]) for row in await listed(retention)) == [("complaint", a), ("outage", a)]
    await retention.send(erased(a, 3))
    assert await listed(retention) == [] and not await retention.rows(sa.select(COMPLAINTS)) and not await retention.rows(sa.select(TROUBLES))
