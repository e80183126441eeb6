"""What is asked of where all customers stand: the pyramid, the stages, migration, the map, arrears, and what was learned."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from services.segmentation import churn_definition, lifecycle
from services.segmentation.churn_definition import Label, label_of
from services.segmentation.models import KINDS
from services.segmentation.repository import customers, learning, standings
from services.segmentation.repository import rfm as scores
from services.segmentation.rfm import Scores
from services.segmentation.segments import habit_of
from services.segmentation.use_cases import rules as ruling
from services.segmentation.use_cases import sampling
from services.segmentation.use_cases.views import there
from services.segmentation.words import STAGES, TIERS
from shared import clock
from shared.database import Transaction
from shared.errors import InvalidRequest, NotFound

Document = dict[str, Any]

LABELLED = 20_000


async def pyramid(tx: Transaction) -> Document:
    """Of those who are here."""
    rules = await ruling.read(tx, clock.now())
    found = {row.name: row for row in await standings.counts(tx, "tier", here=True) if row.name}
    total, value = sum(row.customers for row in found.values()), sum(row.value_minor for row in found.values())
    points = dict(zip(TIERS[::-1], (None, *rules.learned.points(rules.parameters)), strict=True))
    return {
        "tiers": [
            {
                "tier": tier,
                "customers": found[tier].customers if tier in found else 0,
                "share": found[tier].customers / total if tier in found else 0.0,
                "value_minor": found[tier].value_minor if tier in found else 0,
                "value_share": (found[tier].value_minor / value if tier in found else 0.0) if value > 0 else None,
                "from_minor": points[tier],
            }
            for tier in TIERS
        ],
        "by_category": await _counted(tx, "category", here=True),
        "by_grade": await _counted(tx, "grade", here=True),
        "by_star": await _counted(tx, "star", here=True),
    }


async def stages(tx: Transaction) -> Document:
    found = {row.name: row for row in await standings.counts(tx, "lifecycle")}
    listed = [(stage, found[stage].customers if stage in found else 0, found[stage].value_minor if stage in found else 0) for stage in STAGES]
    return {
        "stages": [{"stage": stage, "customers": count, "value_minor": value} for stage, count, value in listed],
        "status_groups": await _counted(tx, "status_group"),
        "transitions": [{"sources": sorted(row.sources, key=STAGES.index), "target": row.target, "reason": row.reason} for row in lifecycle.TRANSITIONS],
    }


async def _counted(tx: Transaction, name: str, *, here: bool = False) -> dict[str, int]:
    return {str(row.name): row.customers for row in await standings.counts(tx, name, here=here) if row.name is not None}


async def migration(tx: Transaction, of: str, since: date, until: date) -> Document:
    """Raises InvalidRequest."""
    if since > until:
        raise InvalidRequest(f"from {since} is after to {until}")
    rows = await standings.migration(tx, of, _end_of(since), _end_of(until))
    moves = sorted(
        ({"before": row.before, "after": row.after, "customers": row.customers} for row in rows), key=lambda one: (str(one["before"]), str(one["after"]))
    )
    return {
        "of": of,
        "since": since,
        "until": until,
        "moves": moves,
        "customers": sum(move["customers"] for move in moves),
        "stayed": sum(move["customers"] for move in moves if move["before"] == move["after"]),
    }


def _end_of(day: date) -> datetime:
    return datetime.combine(day, time(), UTC) + timedelta(days=1) - timedelta(microseconds=1)


async def segment_map(tx: Transaction, population: str | None) -> list[Document]:
    """Recency against habit; the mean value of each field is of those who have a standing."""
    fields: dict[tuple[int, int, str], list[int]] = defaultdict(lambda: [0, 0])
    for row in await scores.map_counts(tx, population):
        at = fields[row.r, habit_of(Scores(row.r, row.f, row.m)), row.segment]
        at[0], at[1] = at[0] + row.customers, at[1] + (row.value_minor or 0)
    return [
        {"recency": recency, "habit": habit, "segment": segment, "customers": count, "mean_value_minor": round(value / count)}
        for (recency, habit, segment), (count, value) in sorted(fields.items())
    ]


async def models(tx: Transaction) -> list[Document]:
    made = {row.kind: row for row in await learning.list_newest(tx)}
    trials = await learning.trials(tx)
    return [_model(kind, made.get(kind), trials.get(kind)) for kind in KINDS]


def _model(kind: str, made: Any, trial: Any) -> Document:
    summary = {} if made is None or kind in {"clusters", "affinity"} else made.document
    return {
        "kind": kind,
        "version": made.version if made else None,
        "as_of": made.as_of if made else None,
        "customers": made.customers if made else None,
        "made_at": made.made_at if made else None,
        "tried_on": (trial.tried_on or None) if trial else None,
        "refused": trial.refused if trial else None,
        "summary": summary,
    }


async def clusters(tx: Transaction) -> Document:
    """Raises NotFound until there are any."""
    learned = (await ruling.read(tx, clock.now())).learned
    if learned.clusters is None:
        trial = (await learning.trials(tx)).get("clusters")
        raise NotFound(f"no clusters yet: {trial.refused}" if trial and trial.refused else "no clusters yet: they are found once there is usage")
    return learned.clusters.document() | {"version": learned.versions["clusters"]}


async def affinity(tx: Transaction, product: str | None) -> Document:
    learned = (await ruling.read(tx, clock.now())).learned
    found = [rule._asdict() for rule in learned.affinity if product is None or rule.product == product]
    return {"version": learned.versions.get("affinity"), "items": found}


async def suggestions(tx: Transaction, customer_id: str) -> Document:
    """What goes with what the customer holds, and is not held yet. Raises NotFound, Gone."""
    features = await there(tx, customer_id)
    learned = (await ruling.read(tx, clock.now())).learned
    held = (await customers.read_features(tx, [features.customer_id]))[features.customer_id]
    return {"version": learned.versions.get("affinity"), "items": [rule._asdict() for rule in learned.suggestions(held)]}


async def churn_label(tx: Transaction, customer_id: str, observed_on: date) -> Label:
    """Raises NotFound, Gone, InvalidRequest."""
    _refuse_future(observed_on)
    row = await there(tx, customer_id)
    rules = await ruling.read(tx, clock.now())
    features = (await customers.read_features(tx, [row.customer_id]))[row.customer_id]
    return label_of(features, observed_on, known_on=rules.behaviour_until(clock.now().date()), parameters=rules.parameters.churn)


async def churn_rate(tx: Transaction, observed_on: date) -> Document:
    """Of a sample, where there are more than 20,000 customers. Raises InvalidRequest."""
    _refuse_future(observed_on)
    rules = await ruling.read(tx, clock.now())
    definition = rules.parameters.churn
    known_on = rules.behaviour_until(clock.now().date())
    chosen, everybody = await sampling.choose(tx, at_most=LABELLED)
    labels = [label_of(features, observed_on, known_on=known_on, parameters=definition) async for features in sampling.read(tx, chosen)]
    matures = max(churn_definition.matures_on(observed_on, one, parameters=definition) for one in (definition.prepaid, definition.postpaid))
    return churn_definition.rate_of(labels)._asdict() | {
        "observed_on": observed_on,
        "horizon_days": definition.horizon_days,
        "matures_on": matures,
        "looked_at": len(labels),
        "sampled": len(chosen) < everybody,
    }


def _refuse_future(observed_on: date) -> None:
    if observed_on > clock.now().date():
        raise InvalidRequest(f"observed_on {observed_on} lies in the future")
