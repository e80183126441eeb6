"""Customers scored again, in the stream or by a re-cut, and what changed by it published."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from services.segmentation import repository
from services.segmentation.features import Features
from services.segmentation.ids import id_of
from services.segmentation.rfm import BUILT_IN, Purchases, Snapshot, score
from services.segmentation.segments import segment_of
from services.segmentation.tables import OUTBOX
from services.segmentation.use_cases import feeds
from services.segmentation.use_cases.publishing import event_message
from shared import outbox
from shared.bus import Message
from shared.contracts.envelope import Payload
from shared.contracts.segmentation import RfmDropped, RfmScored
from shared.database import Transaction

Document = dict[str, Any]

# Another count, sum or cut version alone is no news: frequency changes with every payment, the version every day.
NEWS = ("population", "r", "f", "m", "segment", "returned")
PUBLISHED = ("as_of", "population", "frequency", "monetary_minor", "r", "f", "m", "segment", "cut_version", "returned", "stale_feeds")


async def score_held(tx: Transaction, held: Mapping[str, Features], customer_ids: Collection[str], *, as_of: date, now: datetime) -> int:
    """Score those of the customers who ever bought, and drop the score of those who have nothing bought any more; how many
    came out otherwise than before.

    They are held, and the cut points are read only now: whom a re-cut has scored is never scored by older points again.
    """
    if not customer_ids:
        return 0
    bought = await repository.purchases(tx, customer_ids)
    before = await repository.rfm_of(tx, customer_ids)
    published = await repository.last_published(tx, bought.keys() - before.keys())
    cuts = await repository.newest_cuts(tx)
    stale = await feeds.stale_among(tx, feeds.SCORES_LIVE_ON)
    rows: list[Document] = []
    news: list[Document] = []
    messages: list[Message] = []
    for customer_id, purchases in bought.items():
        features, last = held[customer_id], before.get(customer_id)
        row = _scored(purchases, features, cuts.get(features.population, BUILT_IN), as_of) | {"stale_feeds": stale, "scored_at": now}
        is_news = last is None or any(row[name] != getattr(last, name) for name in NEWS)
        row["published"] = (last.published if last else published.get(customer_id, 0)) + is_news
        rows.append(row)
        if is_news:
            news.append(row)
            messages.append(_message(row, purchases, last))
    await repository.save_rfm(tx, rows)
    await repository.add_history(tx, news)
    await outbox.publish(tx, OUTBOX, messages)
    return len(messages) + await _drop(tx, held, [before[one] for one in sorted(before.keys() - bought.keys())], now)


async def _drop(tx: Transaction, held: Mapping[str, Features], scored: Sequence[sa.Row[Any]], now: datetime) -> int:
    rows = [_dropped(held[last.customer_id], last, now) for last in scored]
    await repository.drop_rfm(tx, [row["customer_id"] for row in rows])
    await repository.add_history(tx, rows)
    await outbox.publish(tx, OUTBOX, [_drop_message(row, last) for row, last in zip(rows, scored, strict=True)])
    return len(rows)


def _dropped(features: Features, last: sa.Row[Any], now: datetime) -> Document:
    reason = "erased" if features.erased else "merged" if features.merged_into else "nothing_bought"
    return {"customer_id": last.customer_id, "published": last.published + 1, "scored_at": now, "dropped": reason, "merged_into": features.merged_into}


def _scored(purchases: Purchases, features: Features, cut: Snapshot, as_of: date) -> Document:
    scores = score(purchases, cut.points, as_of=as_of)
    return {
        "customer_id": features.customer_id,
        "population": features.population,
        "last_day": purchases.last_day.isoformat(),
        "frequency": purchases.frequency,
        "monetary_minor": purchases.monetary_minor,
        "as_of": max(as_of, purchases.last_day).isoformat(),
        **scores._asdict(),
        "segment": segment_of(scores),
        "cut_version": cut.version,
        "returned": features.returned,
    }


def _message(row: Document, purchases: Purchases, last: sa.Row[Any] | None) -> Message:
    data = {name: row[name] for name in PUBLISHED}
    data["recency_days"] = purchases.recency_days(date.fromisoformat(row["as_of"]))
    if last:
        data["previous_segment"] = last.segment
    return _event(RfmScored, row, data)


def _drop_message(row: Document, last: sa.Row[Any]) -> Message:
    return _event(RfmDropped, row, {"reason": row["dropped"], "population": last.population, "previous_segment": last.segment})


def _event(payload: type[Payload], row: Document, data: Document) -> Message:
    customer_id, sequence = row["customer_id"], row["published"]
    return event_message(payload, customer_id, event_id=id_of("rfm", customer_id, sequence), data=data, sequence=sequence)
