"""Customers scored again, in the stream or by a re-cut, and what changed by it published."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from services.segmentation import repository
from services.segmentation.features import Features
from services.segmentation.ids import id_of
from services.segmentation.rfm import BUILT_IN, Purchases, Snapshot, score
from services.segmentation.segments import segment_of
from services.segmentation.tables import OUTBOX
from services.segmentation.use_cases.publishing import event_message
from shared import outbox
from shared.bus import Message
from shared.contracts.segmentation import RfmScored
from shared.database import Transaction

Document = dict[str, Any]

# Another count, sum or cut version alone is no news: frequency changes with every payment, the version every day.
NEWS = ("population", "r", "f", "m", "segment")


async def score_held(tx: Transaction, held: Mapping[str, Features], customer_ids: Collection[str], *, as_of: date, now: datetime) -> int:
    """Score those of the customers who ever bought; how many came out otherwise than before.

    They are held, and the cut points are read only now: whom a re-cut has scored is never scored by older points again.
    """
    if not customer_ids:
        return 0
    bought = await repository.purchases(tx, customer_ids)
    before = await repository.rfm_of(tx, bought)
    cuts = await repository.newest_cuts(tx)
    rows, messages = [], []
    for customer_id, purchases in bought.items():
        population, last = held[customer_id].population, before.get(customer_id)
        row = _scored(purchases, population, cuts.get(population, BUILT_IN), as_of) | {"customer_id": customer_id, "scored_at": now}
        is_news = last is None or any(row[name] != getattr(last, name) for name in NEWS)
        row["published"] = (last.published if last else 0) + is_news
        rows.append(row)
        if is_news:
            messages.append(_message(row, purchases, last))
    await repository.save_rfm(tx, rows)
    await outbox.publish(tx, OUTBOX, messages)
    return len(messages)


def _scored(purchases: Purchases, population: str, cut: Snapshot, as_of: date) -> Document:
    scores = score(purchases, cut.points, as_of=as_of)
    return {
        "population": population,
        "last_day": purchases.last_day.isoformat(),
        "frequency": purchases.frequency,
        "monetary_minor": purchases.monetary_minor,
        "as_of": max(as_of, purchases.last_day).isoformat(),
        **scores._asdict(),
        "segment": segment_of(scores),
        "cut_version": cut.version,
    }


def _message(row: Document, purchases: Purchases, last: sa.Row[Any] | None) -> Message:
    data = {name: row[name] for name in ("as_of", "population", "frequency", "monetary_minor", "r", "f", "m", "segment", "cut_version")}
    data["recency_days"] = purchases.recency_days(date.fromisoformat(row["as_of"]))
    if last:
        data["previous_segment"] = last.segment
    customer_id, sequence = row["customer_id"], row["published"]
    return event_message(RfmScored, customer_id, event_id=id_of("rfm", customer_id, sequence), data=data, sequence=sequence)
