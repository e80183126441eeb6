"""Customers' RFM scored again, in the stream or by a re-cut, and what changed by it published."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from services.segmentation.features import Features
from services.segmentation.ids import id_of
from services.segmentation.parameters import ParameterSet
from services.segmentation.repository import customers
from services.segmentation.repository import rfm as repository
from services.segmentation.rfm import Purchases, Scores, Snapshot, score, score_by_rules, snapshot_of
from services.segmentation.segments import segment_of
from services.segmentation.standing import measures_of
from services.segmentation.tables import OUTBOX
from services.segmentation.use_cases import feeds
from services.segmentation.use_cases.publishing import event_message
from services.segmentation.words import Segment
from shared import outbox
from shared.bus import Message
from shared.contracts.envelope import Payload
from shared.contracts.segmentation import RfmDropped, RfmScored
from shared.database import Transaction

Document = dict[str, Any]

# Another count, sum or version alone is no news: frequency changes with every payment, the version every day.
NEWS = ("population", "r", "f", "m", "segment", "returned")
PUBLISHED = (
    "as_of", "population", "frequency", "monetary_minor", "r", "f", "m", "segment", "cut_version", "returned", "parameter_version", "stale_feeds"
)  # fmt: skip


@dataclass(slots=True)
class Scored:
    """The RFM rows of held customers as they are now, and whose changed."""

    rows: dict[str, Any]
    moved: dict[str, Segment] = field(default_factory=dict)
    """Whose segment changed, and to which."""
    changed: int = 0
    """Came out otherwise than before, or have no score any more."""

    def purchases(self, customer_id: str) -> Purchases | None:
        row = self.rows.get(customer_id)
        if row is None:
            return None
        first, paid = (date.fromisoformat(row[name]) if row[name] else None for name in ("first_day", "paid_day"))
        return Purchases(date.fromisoformat(row["last_day"]), row["frequency"], row["monetary_minor"], first, paid)

    def segment(self, customer_id: str) -> Segment | None:
        row = self.rows.get(customer_id)
        return row["segment"] if row else None


async def score_held(
    tx: Transaction,
    held: Mapping[str, Features],
    before: Mapping[str, sa.Row[Any]],
    customer_ids: Collection[str],
    *,
    in_force: ParameterSet,
    as_of: date,
    now: datetime,
) -> Scored:
    """Score those of the held customers who ever bought, and drop the score of those who have nothing bought any more.

    They are held, and the cut points are read only now: whom a re-cut has scored is never scored by older points again.
    """
    scored = Scored({customer_id: row._mapping for customer_id, row in before.items()})
    if not customer_ids:
        return scored
    bought = await customers.purchases(tx, customer_ids)
    published = await repository.last_published(tx, bought.keys() - before.keys())
    cuts = await repository.newest_cuts(tx)
    stale = await feeds.stale_among(tx, feeds.SCORES_LIVE_ON)
    news: list[Document] = []
    messages: list[Message] = []
    rows: list[Document] = []
    for customer_id, paid in bought.items():
        features, last = held[customer_id], before.get(customer_id)
        purchases = _with_use(paid, features)
        row = _scored(purchases, features, cuts.get(features.population), in_force, as_of) | {"stale_feeds": stale, "scored_at": now}
        is_news = last is None or any(row[name] != getattr(last, name) for name in NEWS)
        row["published"] = (last.published if last else published.get(customer_id, 0)) + is_news
        rows.append(row)
        scored.rows[customer_id] = row
        if is_news:
            news.append(row)
            messages.append(_message(row, purchases, last))
            if last is None or last.segment != row["segment"]:
                scored.moved[customer_id] = row["segment"]
    await repository.save_rfm(tx, rows)
    await repository.add_history(tx, news)
    await outbox.publish(tx, OUTBOX, messages)
    gone = [before[one] for one in sorted((before.keys() & set(customer_ids)) - bought.keys())]
    await _drop(tx, held, gone, now)
    for last in gone:
        del scored.rows[last.customer_id]
    scored.changed = len(messages) + len(gone)
    return scored


def _with_use(paid: Purchases, features: Features) -> Purchases:
    """A prepaid customer who still uses the balance was here more recently than their last top-up."""
    used = features.active_day
    return paid._replace(last_day=max(paid.last_day, date.fromisoformat(used))) if used else paid


async def _drop(tx: Transaction, held: Mapping[str, Features], scored: Sequence[sa.Row[Any]], now: datetime) -> None:
    rows = [_dropped(held[last.customer_id], last, now) for last in scored]
    await repository.drop_rfm(tx, [row["customer_id"] for row in rows])
    await repository.add_history(tx, rows)
    await outbox.publish(tx, OUTBOX, [_drop_message(row, last) for row, last in zip(rows, scored, strict=True)])


def _dropped(features: Features, last: sa.Row[Any], now: datetime) -> Document:
    reason = "erased" if features.erased else "merged" if features.merged_into else "nothing_bought"
    return {"customer_id": last.customer_id, "published": last.published + 1, "scored_at": now, "dropped": reason, "merged_into": features.merged_into}


def _scored(purchases: Purchases, features: Features, cut: Snapshot | None, in_force: ParameterSet, as_of: date) -> Document:
    scores, cut_version = scores_of(purchases, features, cut, in_force, as_of)
    return {
        "customer_id": features.customer_id,
        "population": features.population,
        "first_day": purchases.first_day.isoformat() if purchases.first_day else None,
        "paid_day": purchases.paid_day.isoformat() if purchases.paid_day else None,
        "last_day": purchases.last_day.isoformat(),
        "frequency": purchases.frequency,
        "monetary_minor": purchases.monetary_minor,
        "as_of": max(as_of, purchases.last_day).isoformat(),
        **scores._asdict(),
        "segment": segment_of(scores, in_force.parameters.rfm),
        "cut_version": cut_version,
        "returned": features.returned,
        "parameter_version": in_force.version,
    }


def scores_of(purchases: Purchases, features: Features, cut: Snapshot | None, in_force: ParameterSet, as_of: date) -> tuple[Scores, int]:
    """By the method that the parameter set names for the population; with the version of the cut, 0 where none was used."""
    how = in_force.parameters.rfm.of(features.population)
    if how.method == "rules":
        return score_by_rules(how, measures_of(features, purchases, as_of)), 0
    snapshot = snapshot_of(cut, how)
    return score(purchases, snapshot.points, as_of=as_of), snapshot.version


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
