"""The preview of a parameter set: what would change about today's customers if it were in force.

1. Everybody, or so many by a hash of their ids, is read page by page: nothing is locked, and nothing written.
2. Each is judged by the set in force and by the other one, by the rules of the re-cut.
3. Where the other set moves values or shares, the pyramid is cut anew among these customers, by both sets.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa

from services.segmentation.features import Features
from services.segmentation.parameters import ParameterSet, Rfm
from services.segmentation.previewing import AsOf, Effect, Judged, Looked, Side, cut_of, differences, judge, moves_values, place_by_shares, rates_by
from services.segmentation.repository import customers, standings
from services.segmentation.repository import parameters as repository
from services.segmentation.repository import rfm as scores
from services.segmentation.rfm import Purchases, Snapshot
from services.segmentation.segments import segment_of
from services.segmentation.use_cases import parameters
from services.segmentation.use_cases import rules as ruling
from services.segmentation.use_cases.assessing import before_of
from services.segmentation.use_cases.holding import population_of
from services.segmentation.use_cases.rules import Rules
from services.segmentation.use_cases.scoring import Scored, scores_of
from services.segmentation.words import Segment
from shared import clock
from shared.database import Transaction

Document = dict[str, Any]
Sides = tuple[Side, Side]
Pair = tuple[Judged, Judged]
Fallen = dict[str, tuple[Segment, date]]

PAGE = 200  # under 0.1 s of computing: other requests share the loop
CUT_PAGE = 5_000
MOST_SECONDS = 7.0  # the gateway waits for ten


class Page(NamedTuple):
    """Customers as they are stored."""

    features: Mapping[str, Features]
    scored: Scored
    stood: Mapping[str, sa.Row[Any]]


async def preview(tx: Transaction, version: int, *, sample: int, most_seconds: float = MOST_SECONDS, page: int = PAGE) -> Document:
    """Against the set in force, of at most `sample` customers. Ends when the time is over, but not before a page. Raises NotFound."""
    deadline, now = clock.monotonic() + most_seconds, clock.now()
    rules, wanted = await ruling.read(tx, now), await parameters.find(tx, version)
    at = AsOf(now, now.date(), rules.behaviour_until(now.date()))
    total, chosen = await repository.count_standing(tx), await repository.sample(tx, sample)
    sides = await _sides(tx, rules, wanted, chosen, at.today)
    pairs: list[Pair] = []
    done = 0
    while done < len(chosen) and not (done and clock.monotonic() > deadline):
        pairs += await _judge(tx, chosen[done : done + page], sides, at)
        done += page
    anew = moves_values(rules.parameters, wanted.parameters)
    if anew:
        _cut_pyramids(pairs, sides)
    return {
        "version": version,
        "compared_with": rules.in_force.version,
        "as_of": at.today,
        "customers": total,
        "out_of_time": done < len(chosen),
        "not_shown": _not_shown(sides),
        "pyramid_cut_anew": anew,
        "scores_cut_anew": _moves_populations(sides),
        **_told(pairs),
    }


def _told(pairs: Iterable[Pair]) -> Document:
    effect = Effect()
    for before, after in pairs:
        effect.add(before, after)
    matrix = {kind: _nested(moves) for kind, moves in effect.matrix.items()}
    moved = {kind: sum(count for (old, new), count in moves.items() if old != new) for kind, moves in effect.matrix.items()}
    return {
        "looked_at": effect.customers,
        "changed": effect.changed,
        "kinds": {kind: {"changed": moved[kind], "matrix": matrix[kind]} for kind in matrix},
        "value_before_minor": effect.value_before_minor,
        "value_after_minor": effect.value_after_minor,
    }


def _not_shown(sides: Sides) -> list[str]:
    before, after = (side.parameters.model_dump(mode="json") for side in sides)
    return [one.path for one in differences(before, after) if one.acts_later]


def _nested(moves: Mapping[tuple[str, str], int]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for (old, new), count in sorted(moves.items()):
        found[old][new] = count
    return found


def _moves_populations(sides: Sides) -> bool:
    before, after = (side.parameters.rfm.populations for side in sides)
    return before != after


def _cut_pyramids(pairs: Sequence[Pair], sides: Sides) -> None:
    for number, side in enumerate(sides):
        place_by_shares([pair[number] for pair in pairs], side.parameters)


async def _sides(tx: Transaction, rules: Rules, wanted: ParameterSet, chosen: Sequence[str], today: date) -> Sides:
    cuts = await scores.newest_cuts(tx)
    before, after = (Side(one, rates_by(rules.learned, one.parameters.risk), cuts) for one in (rules.in_force, wanted))
    if _moves_populations((before, after)):
        after = after._replace(cuts=await _cut_among(tx, chosen, wanted.parameters.rfm, today))
    return before, after


async def _cut_among(tx: Transaction, chosen: Sequence[str], parameters: Rfm, today: date) -> dict[str, Snapshot]:
    """Of populations that were never cut before."""
    bought: dict[str, list[Purchases]] = defaultdict(list)
    for first in range(0, len(chosen), CUT_PAGE):
        for row in await repository.purchases_among(tx, chosen[first : first + CUT_PAGE]):
            population = population_of(Features(row.customer_id, brand=row.brand, payment_type=row.payment_type), parameters)
            bought[population].append(Purchases(date.fromisoformat(row.last_day), row.frequency, row.monetary_minor))
    return {population: Snapshot(0, cut_of(found, today)) for population, found in bought.items()}


async def _judge(tx: Transaction, customer_ids: Sequence[str], sides: Sides, at: AsOf) -> list[Pair]:
    features = {one: found for one, found in (await customers.read_features(tx, customer_ids)).items() if not found.is_gone}
    rows = await scores.rfm_of(tx, features)
    page = Page(features, Scored({one: row._mapping for one, row in rows.items()}), await standings.of(tx, features))
    before, after = [await _judge_by(tx, side, page, at) for side in sides]
    return list(zip(before, after, strict=True))


async def _judge_by(tx: Transaction, side: Side, page: Page, at: AsOf) -> list[Judged]:
    segments = dict(_segments(side, page, at.today))
    fallen = await _fallen(tx, side, page, segments, at)
    return [
        judge(Looked(found, page.scored.purchases(one), before_of(page.stood.get(one)), segments.get(one), fallen.get(one)), side, at)
        for one, found in page.features.items()
    ]


def _segments(side: Side, page: Page, today: date) -> Iterator[tuple[str, Segment]]:
    rfm = side.parameters.rfm
    for one, features in page.features.items():
        purchases = page.scored.purchases(one)
        if purchases:
            population = population_of(features, rfm)
            found, _ = scores_of(purchases, replace(features, population=population), side.cuts.get(population), side.in_force, today)
            yield one, segment_of(found, rfm)


async def _fallen(tx: Transaction, side: Side, page: Page, segments: Mapping[str, Segment], at: AsOf) -> Fallen:
    """Whose segment would be a bad one since now, with a good one they were in shortly before: the present one, or one of history."""
    watched = side.parameters.patterns
    moved = [one for one, segment in segments.items() if segment in watched.rfm_to and segment != page.scored.segment(one)]
    present = {one: page.scored.rows[one]["segment"] for one in moved if page.scored.segment(one) in watched.rfm_from}
    others = [one for one in moved if one not in present]
    since = at.now - timedelta(days=watched.rfm_fall_days)
    earlier = await scores.left_segment_since(tx, others, watched.rfm_from, since) if others else {}
    return earlier | {one: (segment, at.today) for one, segment in present.items()}
