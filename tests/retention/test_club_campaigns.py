"""R3 R5 R13: a level in the club that rises or falls triggers campaigns at once, through the gates and the receipts of every other decision."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from services.retention.loyalty import RULES
from services.retention.tables import DECISIONS, HEARD_ALERTS, LOYALTY_LOTS, TASKS
from services.retention.use_cases import loyalty
from shared import clock
from shared.contracts import topics
from shared.contracts.billing import PaymentReversed
from shared.contracts.retention import ClubLevelChanged
from tests.harness import ServiceUnderTest
from tests.retention.builders import activity, customers, fact, merged, profile, retold
from tests.retention.test_campaigns import post
from tests.retention.test_loyalty import paid, redeem

RISE = {"club_rose": ["data-boost"], "club_fell": ["loyalty-10"]}
PREMIER = {"field": "club_level", "is": "premier"}


def bounced(amount_minor: int, payment_id: str) -> dict[str, Any]:
    return fact(PaymentReversed, at=clock.now(), amount_minor=amount_minor, payment_id=payment_id, reason="bounced")


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_who_rises_earned_more_and_who_falls_less(before: int, after: int) -> None:
    """R3 R13: between levels alone; whoever joins or leaves does neither."""
    one, other = RULES.level_for(before).name, RULES.level_for(after).name
    move = RULES.move(one, other)
    assert move == ("club_rose" if after > before else "club_fell") if one != other else move is None
    assert RULES.move(None, other) is RULES.move(one, None) is None


async def running(retention: ServiceUnderTest, campaign_id: str, **content: Any) -> None:
    draft = {"campaign_id": campaign_id, "name": campaign_id, "offers": RISE, "hold_out_share": 0.01, "cap_contacts": 5} | content
    answer = await post(retention, "/campaigns", key=campaign_id, **draft)
    assert answer.status_code == 201, answer.text
    assert (await post(retention, f"/campaigns/{campaign_id}/approve", "bob", revision=1)).status_code == 200


async def decided(retention: ServiceUnderTest) -> list[tuple[str, str, str, str | None]]:
    rows = await retention.rows(sa.select(DECISIONS).order_by(DECISIONS.c.decided_at, DECISIONS.c.campaign_id))
    return [(row.campaign_id, row.customer_id, row.alert_kind, row.failed_gate) for row in rows]


async def test_a_level_that_moves_is_decided_about_with_what_moved_it(retention: ServiceUnderTest) -> None:
    """R3 R5: up by a payment, down by its reversal, each under the id of its event; to which level, the audience says; the receipt gives it
    again, and the customer is told why. A draft is tried on it."""
    (one,) = customers(1)
    await running(retention, "any-level")
    await running(retention, "premier-only", audience=PREMIER)
    await retention.send(activity(one, 1, paid(20_000, days_ago=1), profile=profile()))
    assert await decided(retention) == [], "who joins rises from nowhere"
    await retention.send(activity(one, 2, paid(100_000, "P-2", days_ago=1)))
    assert await decided(retention) == [("any-level", one, "club_rose", None), ("premier-only", one, "club_rose", "audience")]
    await retention.send(activity(one, 3, paid(300_000, "P-3", days_ago=0)))
    assert (await decided(retention))[2:] == [("any-level", one, "club_rose", None), ("premier-only", one, "club_rose", None)]
    await retention.send(activity(one, 4, bounced(300_000, "P-3")))
    assert (await decided(retention))[4:] == [("any-level", one, "club_fell", None), ("premier-only", one, "club_fell", "audience")]
    told = await retention.read(topics.CONTACTS, count=4, types=[ClubLevelChanged.type])
    assert {row.alert_id for row in await retention.rows(sa.select(DECISIONS))} == {event["id"] for event in told[1:]}
    rows = await retention.rows(sa.select(DECISIONS).order_by(DECISIONS.c.decided_at, DECISIONS.c.campaign_id))
    for row in rows:
        assert (await retention.http.get(f"/decisions/{row.decision_id}/recomputed")).json()["agrees"]
    words = {lang: f"/customers/{one}/decisions/{rows[0].decision_id}/explanation?language={lang}" for lang in ("en", "zh")}
    assert "you reached a higher level of our loyalty club" in (await retention.http.get(words["en"])).json()["why"]
    assert "升级" in (await retention.http.get(words["zh"])).json()["why"]
    reasons = [row.reason for row in await retention.rows(sa.select(TASKS).where(TASKS.c.campaign_id == "any-level").order_by(TASKS.c.opened_at))]
    assert reasons[0] == "Rose in the loyalty club from member to plus" and reasons[2] == "Fell in the loyalty club from premier to plus"
    tried = (await retention.http.get("/campaigns/any-level/dry-run")).json()
    assert (tried["heard"], tried["alerts"]) == (3, 3)


async def test_time_and_a_redemption_move_levels_too(retention: ServiceUnderTest) -> None:
    """R3 R13: by the sweep that expires points; and when a redemption comes before it."""
    slow, quick = customers(2)
    await running(retention, "fell", offers={"club_fell": ["data-boost"]})
    await retention.send(*(activity(one, 1, paid(150_000, f"P-{one}", days_ago=1), profile=profile()) for one in (slow, quick)))
    async with retention.database.transaction() as tx:
        await tx.execute(sa.update(LOYALTY_LOTS).where(LOYALTY_LOTS.c.customer_id == quick).values(earned_at=clock.now() - timedelta(days=400)))
    assert (await redeem(retention, customer_id=quick)).status_code == 200
    assert await decided(retention) == [("fell", quick, "club_fell", None)]
    async with retention.database.transaction() as tx:
        await loyalty.expire_page(tx, clock.now().date() + timedelta(days=367))
    assert (await decided(retention))[1:] == [("fell", slow, "club_fell", None)]
    assert len(await retention.rows(sa.select(HEARD_ALERTS))) == 2


@pytest.mark.parametrize("days_ago", [1, 40])
async def test_a_merge_or_a_history_greets_nobody(retention: ServiceUnderTest, days_ago: int) -> None:
    """R3 R13: the level follows what is told again or late, and no campaign does; what is paid afterwards counts."""
    one, other = customers(2)
    await running(retention, "any-level")
    mine, theirs = paid(20_000, "P-1", days_ago=days_ago), paid(90_000, "P-2", days_ago=days_ago)
    await retention.send(activity(one, 1, mine, profile=profile()), activity(other, 1, theirs, profile=profile()))
    if days_ago == 1:
        await retention.send(merged(other, 2, into=one), retold(one, 2, mine, theirs, profile=profile()))
    else:
        await retention.send(activity(one, 2, paid(90_000, "P-3", days_ago=days_ago)))
    assert (await retention.http.get(f"/loyalty/{one}")).json()["level"] == "plus"
    assert await decided(retention) == []
    await retention.send(activity(one, 3, paid(300_000, "P-4", days_ago=0)))
    assert await decided(retention) == [("any-level", one, "club_rose", None)]
