"""The preview of a parameter set: what would change about today's customers if it were in force.

1. Everybody, or so many by a hash of their ids, is read page by page: nothing is locked, and nothing written.
2. Each is judged by the set in force and by the other one, by the rules of the re-cut.
3. Where the other set moves values or shares, the pyramid is cut anew among these customers, by both sets.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa

from services.segmentation.features import Features
from services.segmentation.parameters import Parameters, ParameterSet, Rfm
from services.segmentation.previewing import (
    AsOf,
    Effect,
    Judged,
    Looked,
    Side,
    cut_of,
    differences,
    judge,
    moves_populations,
    moves_pyramid,
    place_by_shares,
    points_of_shares,
    rates_by,
    values_of,
)
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
Fallen = dict[str, tuple[Segment, date]]

PAGE = 100  # some 0.05 s of computing: other requests share the loop
CUT_PAGE = 5_000
CUT_SAMPLE = 5_000  # they are valued in one transaction
MOST_SECONDS = 7.0  # the gateway waits for ten


class Pyramid(NamedTuple):
    """The least value of iron, gold and platinum, and among how many customers."""

    points: tuple[int, ...]
    customers: int


class Compared(NamedTuple):
    """The same customers, judged by both sets."""

    before: list[Judged]
    after: list[Judged]
    out_of_time: bool


class Page(NamedTuple):
    """Customers as they are stored."""

    features: Mapping[str, Features]
    scored: Scored
    stood: Mapping[str, sa.Row[Any]]


async def preview(tx: Transaction, version: int, *, sample: int, most_seconds: float = MOST_SECONDS, page: int = PAGE) -> Document:
    """Against the set in force, of at most `sample` customers. Ends when the time is over, but not before a page. Raises NotFound."""
    deadline, now = clock.monotonic() + most_seconds, clock.now()
    rules, wanted = await ruling.read(tx, now), await parameters.find(tx, version)
    at = AsOf(now, rules.seen(now.date()))
    as_of = at.seen.behaviour
    chosen = await repository.sample(tx, sample)
    sides = await _sides(tx, rules, wanted, chosen, as_of)
    found = await _compare(tx, chosen, sides, at, deadline=deadline, page=page)
    said = {"version": version, "compared_with": rules.in_force.version, "as_of": as_of, "customers": await repository.count_standing(tx)}
    return said | {"out_of_time": found.out_of_time} | _told(rules.parameters, wanted.parameters) | _counted(found)


async def cut_pyramid(tx: Transaction, rules: Rules, as_of: date, *, sample: int = CUT_SAMPLE) -> Pyramid | None:
    """By what so many customers are worth by the set in force, for when nobody is valued by it yet; None without customers."""
    at = AsOf(clock.now(), rules.seen(as_of))
    side, _ = await _sides(tx, rules, rules.in_force, (), as_of)
    values = Counter[int]()
    chosen = await repository.sample(tx, sample)
    for first in range(0, len(chosen), PAGE):
        values.update(values_of(await _judge(tx, side, await _read(tx, chosen[first : first + PAGE]), at, to_place=False)))
    points = points_of_shares(values, rules.parameters.tiers.shares_percent)
    return Pyramid(points, values.total()) if points else None


async def _compare(tx: Transaction, chosen: Sequence[str], sides: Sides, at: AsOf, *, deadline: float, page: int) -> Compared:
    to_place = moves_pyramid(*(side.parameters for side in sides))
    judged: tuple[list[Judged], list[Judged]] = ([], [])
    done = 0
    while done < len(chosen) and not (done and clock.monotonic() > deadline):
        found = await _read(tx, chosen[done : done + page])
        for side, listed in zip(sides, judged, strict=True):
            listed.extend(await _judge(tx, side, found, at, to_place=to_place))
        done += page
    if to_place:
        for side, listed in zip(sides, judged, strict=True):
            place_by_shares(listed, side.parameters)
    return Compared(*judged, out_of_time=done < len(chosen))


def _told(before: Parameters, after: Parameters) -> Document:
    return {
        "pyramid_cut_anew": moves_pyramid(before, after),
        "scores_cut_anew": moves_populations(before, after),
        "not_shown": [one.path for one in differences(before.model_dump(mode="json"), after.model_dump(mode="json")) if one.acts_later],
    }


def _counted(found: Compared) -> Document:
    effect = Effect()
    for before, after in zip(found.before, found.after, strict=True):
        effect.add(before, after)
    return {
        "looked_at": effect.customers,
        "changed": effect.changed,
        "kinds": {kind: {"changed": _off_diagonal(moves), "matrix": _nested(moves)} for kind, moves in effect.matrix.items()},
        "value_before_minor": effect.value_before_minor,
        "value_after_minor": effect.value_after_minor,
    }


def _off_diagonal(moves: Mapping[tuple[str, str], int]) -> int:
    return sum(count for (old, new), count in moves.items() if old != new)


def _nested(moves: Mapping[tuple[str, str], int]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for (old, new), count in sorted(moves.items()):
        found[old][new] = count
    return found


async def _sides(tx: Transaction, rules: Rules, wanted: ParameterSet, chosen: Sequence[str], today: date) -> Sides:
    """The set in force, and the other one."""
    cuts = await scores.newest_cuts(tx)
    before, after = (Side(one, rates_by(rules.learned, one.parameters.risk), cuts) for one in (rules.in_force, wanted))
    if moves_populations(rules.parameters, wanted.parameters):
        after = after._replace(cuts=await _cut_scores(tx, chosen, wanted.parameters.rfm, today))
    return before, after


async def _cut_scores(tx: Transaction, chosen: Sequence[str], parameters: Rfm, today: date) -> dict[str, Snapshot]:
    """Of populations that were never cut before."""
    bought: dict[str, list[Purchases]] = defaultdict(list)
    for first in range(0, len(chosen), CUT_PAGE):
        for row in await repository.purchases_among(tx, chosen[first : first + CUT_PAGE]):
            population = population_of(Features(row.customer_id, brand=row.brand, payment_type=row.payment_type), parameters)
            bought[population].append(Purchases(date.fromisoformat(row.last_day), row.frequency, row.monetary_minor))
    return {population: Snapshot(0, cut_of(found, today)) for population, found in bought.items()}


async def _read(tx: Transaction, customer_ids: Sequence[str]) -> Page:
    features = {one: found for one, found in (await customers.read_features(tx, customer_ids)).items() if not found.is_gone}
    rows = await scores.rfm_of(tx, features)
    return Page(features, Scored({one: row._mapping for one, row in rows.items()}), await standings.before(tx, features))


async def _judge(tx: Transaction, side: Side, page: Page, at: AsOf, *, to_place: bool) -> list[Judged]:
    segments = dict(_segments(side, page, at.seen.behaviour))
    fallen = await _fallen(tx, side, page, segments, at)
    stored = ((one, features, page.scored.purchases(one), before_of(page.stood.get(one))) for one, features in page.features.items())
    looked = (Looked(features, purchases, before, segments.get(one), fallen.get(one)) for one, features, purchases, before in stored)
    return [judge(one, side, at, to_place=to_place) for one in looked]


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
    return earlier | {one: (segment, at.seen.today) for one, segment in present.items()}
