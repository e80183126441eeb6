"""Customers assessed again, in the stream or by the day's re-cut: where they stand, what that warns of, the moments they reached."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa

from services.segmentation import patterns
from services.segmentation.features import Features
from services.segmentation.ids import id_of
from services.segmentation.moments import Changes, Reached, moments_of
from services.segmentation.patterns.finding import Alert
from services.segmentation.patterns.standing import Stands
from services.segmentation.repository import rfm as scores
from services.segmentation.repository import standings as repository
from services.segmentation.seen import Seen
from services.segmentation.standing import NEWS, NO_CHURN_WARNINGS, Before, Debt, Standing, assess, debt_of
from services.segmentation.tables import OUTBOX
from services.segmentation.use_cases import churning, feeds
from services.segmentation.use_cases.publishing import event_message
from services.segmentation.use_cases.rules import Rules
from services.segmentation.use_cases.scoring import Scored
from services.segmentation.words import Segment
from shared import outbox
from shared.bus import Message
from shared.contracts.customer import Fact
from shared.contracts.segmentation import MomentReached, StandingChanged, StandingDropped
from shared.database import Transaction

Document = dict[str, Any]
Facts = Mapping[str, Sequence[Fact]]

KEPT_OF_TERM = ("term", "amount_minor", "weight", "contribution_minor")


class Assessed(NamedTuple):
    rows: Mapping[str, Document]
    """Where everybody held stands now; who is gone stands nowhere."""
    alerts: list[Alert]


async def assess_held(
    tx: Transaction,
    held: Mapping[str, Features],
    before: Mapping[str, sa.Row[Any]],
    scored: Scored,
    *,
    rules: Rules,
    today: date,
    now: datetime,
    facts: Facts,
    retold: Collection[str],
    observed_step: int | None,
) -> Assessed:
    """Every held customer. `facts`: what is news of them, that a moment may follow from. Who is `retold` is warned of nothing.
    `observed_step`: as of `churning.settle`."""
    seen = rules.seen(today)
    there = [one for one in held.values() if not one.is_gone]
    published = await repository.last_published(tx, {one.customer_id for one in there} - before.keys())
    fallen = await _fallen(tx, scored, rules, now)
    stale = await feeds.stale_among(tx, feeds.STANDINGS_LIVE_ON)
    debts = {one.customer_id: debt_of(one, seen, rules.in_force) for one in there}
    predicted = churning.predict(there, scored, debts, rules, seen)
    judged: dict[str, churning.Judged] = {}
    rows: dict[str, Document] = {}
    news: list[Document] = []
    messages: list[Message] = []
    alerts: list[Alert] = []
    moments: list[Document] = []
    for features in there:
        one = features.customer_id
        last = before.get(one)
        debt = debts[one]
        segment_before, was_on = fallen.get(one, (None, None))
        purchases = scored.purchases(one)
        rhythm = purchases.rhythm(seen.behaviour) if purchases else None
        stands = Stands(seen, debt.position, debt.dunning_level, scored.segment(one), segment_before, was_on, rhythm)
        if one not in retold:
            alerts += patterns.watch_standing(features, stands, now=now, parameters=rules.parameters)
        open_kinds = patterns.open_kinds(features, now=now, parameters=rules.parameters.patterns)
        standing, reached = _stand(features, debt, scored, last, rules, seen, open_kinds, predicted[one].leaves, facts.get(one, ()))
        judged[one] = churning.Judged(standing.churn_probability, [kind for kind in open_kinds if kind not in NO_CHURN_WARNINGS])
        row = standing.row() | {"stale_feeds": stale, "assessed_at": now}
        changed = [name for name in NEWS if last is None or row[name] != getattr(last, name)]
        row["published"] = (last.published if last else published.get(one, 0)) + bool(changed)
        rows[one] = row
        moments += [_moment_row(one, found, standing, now) for found in reached if one not in retold]
        if changed:
            news.append(row)
            messages.append(_message(row, changed))
    await repository.save(tx, rows.values())
    await repository.add_history(tx, news)
    await churning.settle(tx, predicted, judged, rules=rules, seen=seen, now=now, observed_step=observed_step)
    await churning.drop(tx, held, now)
    gone = [before[one] for one in sorted(before) if held[one].is_gone]
    await _drop(tx, held, gone, now)
    await outbox.publish(tx, OUTBOX, [*messages, *await _insert_moments(tx, moments)])
    return Assessed(rows, alerts)


def _stand(
    features: Features,
    debt: Debt,
    scored: Scored,
    last: sa.Row[Any] | None,
    rules: Rules,
    seen: Seen,
    open_kinds: list[str],
    leaves: float | None,
    facts: Sequence[Fact],
) -> tuple[Standing, list[Reached]]:
    """Also notes in `features` what others of the group are shown, and which moments were reached."""
    before = before_of(last)
    standing, worth = assess(
        features,
        purchases=scored.purchases(features.customer_id),
        debt=debt,
        open_alerts=open_kinds,
        leaves=leaves,
        before=before,
        seen=seen,
        in_force=rules.in_force,
        learned=rules.learned,
    )
    features.sign = patterns.sign_of(features, open_kinds, seen.today, rules.parameters.patterns)
    changes = Changes(
        stage=standing.lifecycle,
        stage_before=before.lifecycle,
        group=standing.status_group,
        group_before=before.status_group,
        cause=standing.churn_cause,
        dunning_level=standing.dunning_level,
        dunning_before=before.dunning_level,
        worth=worth,
        suggestions=rules.learned.suggestions(features) if features.live else (),
    )
    return standing, moments_of(features, changes, facts, seen, rules.parameters.moments)


def before_of(last: sa.Row[Any] | None) -> Before:
    return Before(*(getattr(last, name) for name in Before._fields)) if last else Before()


async def _fallen(tx: Transaction, scored: Scored, rules: Rules, now: datetime) -> Mapping[str, tuple[Segment, date]]:
    """Of those whose segment is a bad one since now: a good one they were in shortly before, and until when."""
    watched = rules.parameters.patterns
    fallen = [one for one, segment in scored.moved.items() if segment in watched.rfm_to]
    return await scores.left_segment_since(tx, fallen, watched.rfm_from, now - timedelta(days=watched.rfm_fall_days)) if fallen else {}


async def _drop(tx: Transaction, held: Mapping[str, Features], stood: Sequence[sa.Row[Any]], now: datetime) -> None:
    rows = [_dropped(held[last.customer_id], last, now) for last in stood]
    await repository.drop(tx, [row["customer_id"] for row in rows])
    await repository.add_history(tx, rows)
    await outbox.publish(tx, OUTBOX, [_event(StandingDropped, row, {"reason": row["dropped"]}) for row in rows])


def _dropped(features: Features, last: sa.Row[Any], now: datetime) -> Document:
    reason = "erased" if features.erased else "merged"
    return {"customer_id": last.customer_id, "published": last.published + 1, "assessed_at": now, "dropped": reason, "merged_into": features.merged_into}


def _moment_row(customer_id: str, reached: Reached, standing: Standing, now: datetime) -> Document:
    return {
        "moment_id": id_of(reached.moment, customer_id, standing.as_of),
        "customer_id": customer_id,
        "moment": reached.moment,
        "reached_at": now,
        "reason": reached.reason,
        "evidence": reached.evidence,
        "parameter_version": standing.parameter_version,
    }


async def _insert_moments(tx: Transaction, rows: Iterable[Document]) -> list[Message]:
    unique = {row["moment_id"]: row for row in rows}
    new = await repository.insert_moments(tx, unique.values())
    return [_reached(unique[moment_id]) for moment_id in sorted(new)]


def _reached(row: Document) -> Message:
    data = {name: value for name, value in row.items() if name != "customer_id"}
    return event_message(MomentReached, row["customer_id"], event_id=row["moment_id"], data=data)


def _message(row: Document, changed: Sequence[str]) -> Message:
    wanted = StandingChanged.model_fields.keys() - {"changed", "value_terms"}
    terms = [{name: term[name] for name in KEPT_OF_TERM} for term in row["value_terms"]]
    return _event(StandingChanged, row, {name: row[name] for name in wanted} | {"changed": changed, "value_terms": terms})


def _event(payload: type[StandingChanged] | type[StandingDropped], row: Document, data: Document) -> Message:
    customer_id, sequence = row["customer_id"], row["published"]
    return event_message(payload, customer_id, event_id=id_of("standing", customer_id, sequence), data=data, sequence=sequence)
