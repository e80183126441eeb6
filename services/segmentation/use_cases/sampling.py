"""Customers to look at when there are too many to look at all."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Mapping

from services.segmentation.features import Features
from services.segmentation.repository import customers, learning
from shared.database import Transaction

READ_ROWS = 500


async def choose(tx: Transaction, *, at_most: int) -> tuple[list[str], int]:
    """Everybody, or every so manieth by a hash of the id: the same ones each time, and no part of the customers more than others.
    Also how many there are."""
    everybody = [customer_id async for customer_id in learning.ids(tx)]
    step = -(-len(everybody) // at_most) or 1
    return [one for one in everybody if zlib.crc32(one.encode()) % step == 0], len(everybody)


async def read(tx: Transaction, customer_ids: list[str]) -> AsyncIterator[Features]:
    """In bounded pages, without a lock."""
    for start in range(0, len(customer_ids), READ_ROWS):
        found: Mapping[str, Features] = await customers.read_features(tx, customer_ids[start : start + READ_ROWS])
        for features in found.values():
            yield features
