"""Waiting for the comparison of customers, and the texts that rule tests are made of."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from services.customer.tables import MATCH_QUEUE
from shared.bus import Message
from tests.harness import ServiceUnderTest, until


async def compared(customer: ServiceUnderTest, *events: dict[str, Any] | Message) -> None:
    """Until everybody who changed by these events was compared, and what came of it is published."""

    async def is_queue_empty() -> bool:
        return not await customer.rows(sa.select(MATCH_QUEUE))

    await customer.send(*events)
    await until(is_queue_empty)
    await customer.settle()


def sealed(kind: str, index: str) -> str:
    return f"~1.{kind}.k.{index}.AAAA"
