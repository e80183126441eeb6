"""Churn scores of held customers: made by models or by rules, kept, told when they are news, and now and then observed to learn from.

1. `predict`: what the models in force say, in one call for all.
2. The standing takes the probability to leave from it, or from the open warnings where no model says.
3. `settle`: rows, news with their reasons, and the observations of a re-cut.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import sqlalchemy as sa

from services.segmentation import risk
from services.segmentation.churn import reasons as reasoning
from services.segmentation.churn.reasons import Reason
from services.segmentation.churn.row import ROW_VERSION
from services.segmentation.churn.scoring import LEAVE, Candidate, Predicted, Served, stored, why_model, why_rules
from services.segmentation.churn.scoring import predict as predicted_by
from services.segmentation.features import Features
from services.segmentation.ids import id_of
from services.segmentation.repository import churn as repository
from services.segmentation.seen import Seen
from services.segmentation.standing import Debt
from services.segmentation.tables import OUTBOX
from services.segmentation.use_cases.publishing import event_message
from services.segmentation.use_cases.rules import Rules
from services.segmentation.use_cases.scoring import Scored
from shared import outbox
from shared.bus import Message
from shared.contracts.segmentation import ChurnScored, ChurnScoreDropped
from shared.database import Transaction

Document = dict[str, Any]

LEAST, MOST = 1e-4, 1 - 1e-4
"""Beyond them another probability is no news."""
REASONS_TOLD = 5
TOLD = ("cause", "feature", "contribution", "text", "value", "baseline", "evidence", "remedy", "if_remedied")
FEEDS_LAG_DAYS = 8
"""Usage is summarised by the week: where a feed is further behind, a row says more about the feed."""


class Judged(NamedTuple):
    """What the standing of a customer was made of."""

    probability: float
    open_kinds: Sequence[str]
    """Warnings of leaving that are open."""


def predict(held: Iterable[Features], scored: Scored, debts: Mapping[str, Debt], rules: Rules, seen: Seen) -> dict[str, Predicted]:
    candidates = [Candidate(one, scored.purchases(one.customer_id), debts[one.customer_id].position, debts[one.customer_id].dunning_level) for one in held]
    return predicted_by(candidates, models=rules.models, seen=seen, parameters=rules.parameters.churn_score)


async def settle(
    tx: Transaction,
    predicted: Mapping[str, Predicted],
    judged: Mapping[str, Judged],
    *,
    rules: Rules,
    seen: Seen,
    now: datetime,
    observed_step: int | None,
) -> None:
    """`observed_step`: of every so manieth customer the row is kept to learn from; None: of nobody."""
    before = await repository.before(tx, predicted.keys())
    published = await repository.last_published(tx, predicted.keys() - before.keys())
    rows: list[Document] = []
    news: list[str] = []
    for customer_id in sorted(predicted):
        row = _row(customer_id, predicted[customer_id], judged[customer_id], rules, seen) | {"scored_at": now}
        last = before.get(customer_id)
        is_news = last is None or _is_news(row, last, rules.parameters.churn_score.news_log_odds)
        row["published"] = (last.published if last is not None else published.get(customer_id, 0)) + is_news
        row["published_probability"] = row["probability"] if is_news or last is None else last.published_probability
        rows.append(row)
        if is_news:
            news.append(customer_id)
    await repository.save(tx, rows)
    await _tell(tx, [row for row in rows if row["customer_id"] in set(news)], before, predicted, judged, rules)
    if observed_step and (seen.today - seen.behaviour).days <= FEEDS_LAG_DAYS:
        await repository.observe(tx, [_observation(row) for row in rows if row["population"] and is_observed(row["customer_id"], observed_step)])


async def drop(tx: Transaction, held: Mapping[str, Features], now: datetime) -> None:
    """Of who is gone."""
    gone = sorted(one.customer_id for one in held.values() if one.is_gone)
    stood = await repository.before(tx, gone) if gone else {}
    rows = [
        {
            "customer_id": one,
            "published": stood[one].published + 1,
            "scored_at": now,
            "dropped": "erased" if held[one].erased else "merged",
            "merged_into": held[one].merged_into,
        }
        for one in sorted(stood)
    ]
    await repository.drop(tx, stood)
    await repository.add_history(tx, rows)
    await outbox.publish(tx, OUTBOX, [_event(ChurnScoreDropped, row, {"reason": row["dropped"]}) for row in rows])


def is_observed(customer_id: str, step: int) -> bool:
    return zlib.crc32(customer_id.encode()) % step == 0


def reasons_of(ones: Sequence[Predicted], models: Mapping[int, Served], *, most: int = REASONS_TOLD) -> list[list[Reason]]:
    """Of customers who were scored by a model of leaving; what would be if a cause went away is asked of each model once for all."""
    found = [_reasons(one, models[one.versions[LEAVE]], most) for one in ones]
    for served in {id(one): one for one in models.values()}.values():
        mine = [nth for nth, one in enumerate(ones) if models[one.versions[LEAVE]] is served]
        remedied = [reasoning.remedied_rows(ones[nth].row, found[nth]) for nth in mine]
        if not remedied:
            continue
        probabilities = served.model.score(np.concatenate(remedied)).probability
        for nth, rows in zip(mine, remedied, strict=True):
            found[nth] = reasoning.with_counterfactuals(found[nth], probabilities[: len(rows)], now=ones[nth].probabilities[LEAVE])
            probabilities = probabilities[len(rows) :]
    return found


def told(reason: Reason) -> Document:
    """As events and answers have it."""
    return {name: getattr(reason, name) for name in TOLD}


def told_by_rules(judged: Judged, rules: Rules) -> list[Document]:
    """Of a probability that comes from the strongest open warning: what it adds to that of who has none."""
    rates = rules.learned.rates(rules.parameters)
    cause = risk.churn_risk(judged.open_kinds, rates).cause
    if cause == risk.NONE:
        return []
    known = rates[cause]
    text = f"The warning {cause} is open: of {known['customers']} customers who were warned of it, {known['left']} left within the horizon"
    added = _logit(judged.probability) - _logit(rates[risk.NONE]["probability"])
    said = {"cause": cause, "contribution": added, "text": text, "evidence": dict(known)}
    return [dict.fromkeys(TOLD) | said]


def _reasons(one: Predicted, served: Served, most: int) -> list[Reason]:
    contributions = one.contributions if one.contributions is not None else ()
    card = served.model.card
    return reasoning.reasons_of(one.view, one.row, contributions, model_features=card.features, typical=card.typical, most=most)


def _row(customer_id: str, one: Predicted, judged: Judged, rules: Rules, seen: Seen) -> Document:
    by_model = one.leaves is not None
    return {
        "customer_id": customer_id,
        "as_of": seen.today.isoformat(),
        "population": one.placed.population,
        "basis": "model" if by_model else "rules",
        "basis_reason": why_model(one) if by_model else why_rules(one.placed, rules.models),
        "probability": judged.probability,
        "probabilities": one.probabilities,
        "versions": one.versions,
        "shadow": one.shadow,
        "sensitivity": one.sensitivity,
        "row": stored(one.row),
        "row_version": ROW_VERSION,
    }


def _is_news(row: Document, last: sa.Row[Any], news_log_odds: float) -> bool:
    moved = abs(_logit(row["probability"]) - _logit(last.published_probability)) >= news_log_odds
    return moved or (row["population"], row["basis"]) != (last.population, last.basis)


async def _tell(
    tx: Transaction,
    news: Sequence[Document],
    before: Mapping[str, sa.Row[Any]],
    predicted: Mapping[str, Predicted],
    judged: Mapping[str, Judged],
    rules: Rules,
) -> None:
    by_model = [row for row in news if row["basis"] == "model"]
    served = {one.version: one for (target, _), one in rules.models.champions.items() if target == LEAVE}
    found = dict(zip((row["customer_id"] for row in by_model), reasons_of([predicted[row["customer_id"]] for row in by_model], served), strict=True))
    history, messages = [], []
    for row in news:
        customer_id = row["customer_id"]
        reasons = [told(one) for one in found[customer_id]] if customer_id in found else told_by_rules(judged[customer_id], rules)
        history.append(row | {"reasons": reasons})
        last = before.get(customer_id)
        messages.append(_scored(row, reasons, last.published_probability if last is not None else None))
    await repository.add_history(tx, history)
    await outbox.publish(tx, OUTBOX, messages)


def _scored(row: Document, reasons: Sequence[Document], previous: float | None) -> Message:
    names = ChurnScored.model_fields.keys() - {"reasons", "previous_probability"}
    return _event(ChurnScored, row, {name: row[name] for name in names} | {"reasons": reasons, "previous_probability": previous})


def _event(payload: type[ChurnScored] | type[ChurnScoreDropped], row: Document, data: Document) -> Message:
    customer_id, sequence = row["customer_id"], row["published"]
    return event_message(payload, customer_id, event_id=id_of("churn", customer_id, sequence), data=data, sequence=sequence)


def _observation(row: Document) -> Document:
    names = ("customer_id", "population", "row", "row_version", "probabilities", "versions", "shadow")
    return {name: row[name] for name in names} | {"observed_on": row["as_of"]}


def _logit(probability: float) -> float:
    bounded = min(max(probability, LEAST), MOST)
    return math.log(bounded / (1 - bounded))
