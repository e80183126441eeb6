"""Events that come before their customer."""

from __future__ import annotations

import sqlalchemy as sa

from services.customer.tables import FACTS
from shared.contracts import network
from tests.builders import NOON, activated, cloud_event, registered
from tests.harness import ServiceUnderTest

PERIOD = {"period_start": "2026-10-08T12:00:00Z", "period_end": "2026-10-15T12:00:00Z"}


async def test_waiting_changes_nothing_in_an_event(customer: ServiceUnderTest) -> None:
    """E6: what was not reported stays unsaid: a released event is stored as it would have been without the wait."""
    usage = cloud_event(network.UsageSummarised, "msisdn:8613800138000", at=NOON) | {"data": PERIOD}
    await customer.send(usage)
    await customer.send(registered(), activated())
    await customer.send(usage | {"id": "in-time"})
    stored = await customer.rows(sa.select(FACTS.c.data).where(FACTS.c.type == network.UsageSummarised.type))
    assert [row.data for row in stored] == [PERIOD, PERIOD]
