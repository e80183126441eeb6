"""The segment map: recency upwards, habit to the right, the stronger the more customers.

Cells of one segment touch; between segments there is a gap. A segment is named once with its sum; parts of it that lie apart repeat the name alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from services.segmentation.pictures.canvas import HEAD, LEGEND_HEIGHT, MARGIN, Box, Element, box, explained, legend, level_of, nothing, number, picture, text
from services.segmentation.pictures.palette import LEVELS
from services.segmentation.pictures.wording import brief, counted, grouped, money, share, spoken
from services.segmentation.rfm import SCORES

Place = tuple[int, int]
"""Recency and habit score."""

_CELL_WIDTH, _CELL_HEIGHT, _GAP = 168, 112, 5
_LEFT = MARGIN + 44
_BOTTOM = HEAD + SCORES * _CELL_HEIGHT


class Cell(NamedTuple):
    recency: int
    """1 to 5."""
    habit: int
    """The mean of frequency and monetary score: 1 to 5."""
    segment: str
    customers: int
    mean_value_minor: int
    """Per customer, in hundredths of the currency."""


def segment_map(cells: Sequence[Cell], *, title: str) -> str:
    """A place without a cell stays empty.

    Raises ValueError for two cells in one place, a score outside 1 to 5 and customers below zero.
    """
    places, sums = _placed(cells), Counter[str]()
    for cell in cells:
        sums[cell.segment] += cell.customers
    customers = sums.total()
    if not customers:
        return nothing(title, "No customers with scores")
    most, right = max(cell.customers for cell in cells), _LEFT + SCORES * _CELL_WIDTH
    drawn = [*_axes(), *_cells(places, most), *_labels(places, sums), *legend(right, _BOTTOM + 62, "Customers in a cell, up to", _bounds(most))]
    said = f"{counted(customers)} in {counted(len(sums), 'segment')}. Labels: the whole segment. Cells: customers, and their mean value"
    told = "; ".join(f"{spoken(segment)}: {grouped(count)}, {share(count, customers)}" for segment, count in sums.most_common())
    return picture(right + MARGIN, _BOTTOM + 62 + LEGEND_HEIGHT + MARGIN, drawn, title=title, said=said, told=told)


def _placed(cells: Sequence[Cell]) -> dict[Place, Cell]:
    places = {(cell.recency, cell.habit): cell for cell in cells}
    if len(places) < len(cells):
        raise ValueError("two cells with the same scores")
    if not places.keys() <= set(_reading_order()):
        raise ValueError(f"a score outside 1 to {SCORES}")
    if any(cell.customers < 0 for cell in cells):
        raise ValueError("customers below zero")
    return places


def _reading_order() -> Iterator[Place]:
    return ((recency, habit) for recency in range(SCORES, 0, -1) for habit in range(1, SCORES + 1))


def _box(place: Place, places: Mapping[Place, Cell]) -> Box:
    """Its share of the gap is left free towards every neighbour of another segment."""
    recency, habit = place
    left, right = (_gap(place, (recency, habit + step), places) for step in (-1, 1))
    above, below = (_gap(place, (recency + step, habit), places) for step in (1, -1))
    x, y = _corner(place)
    return Box(x + left, y + above, _CELL_WIDTH - left - right, _CELL_HEIGHT - above - below)


def _corner(place: Place) -> tuple[float, float]:
    recency, habit = place
    return _LEFT + (habit - 1) * _CELL_WIDTH, HEAD + (SCORES - recency) * _CELL_HEIGHT


def _gap(place: Place, neighbour: Place, places: Mapping[Place, Cell]) -> float:
    same = place in places and neighbour in places and places[place].segment == places[neighbour].segment
    return 0.5 if same else _GAP


def _cells(places: Mapping[Place, Cell], most: int) -> Iterator[Element]:
    for place in _reading_order():
        yield _cell(place, places, most) if place in places else box(_box(place, places), "level0")


def _cell(place: Place, places: Mapping[Place, Cell], most: int) -> Element:
    cell, level, room = places[place], level_of(places[place].customers, most), _CELL_WIDTH - 28
    x, y = _corner(place)
    x += _CELL_WIDTH / 2
    words = f"Recency {cell.recency}, habit {cell.habit}, {spoken(cell.segment)}: {counted(cell.customers)}"
    parts = [
        box(_box(place, places), f"cell level{level}"),
        number(x, y + 82, grouped(cell.customers), size=20, width=room, look=f"count bold on{level}", anchor="middle"),
    ]
    if cell.customers:
        words += f", mean value {money(cell.mean_value_minor)}"
        parts.append(number(x, y + 100, f"mean {money(cell.mean_value_minor)}", size=12, width=room, look=f"on{level}", anchor="middle"))
    return explained(words, parts)


def _labels(places: Mapping[Place, Cell], sums: Counter[str]) -> Iterator[Element]:
    """In the first cell of every part of every segment; with the sum in the largest part, or the first of those."""
    parts = list(_parts(places))
    largest: dict[str, list[Place]] = {}
    for part in parts:
        segment = places[part[0]].segment
        if len(part) > len(largest.get(segment, ())):
            largest[segment] = part
    for part in parts:
        yield from _label(places[part[0]], sums, with_sum=part is largest[places[part[0]].segment])


def _parts(places: Mapping[Place, Cell]) -> Iterator[list[Place]]:
    """Cells of one segment that touch along a side, in reading order."""
    order = [place for place in _reading_order() if place in places]
    done: set[Place] = set()
    for place in order:
        if place not in done:
            part = _touching(place, places)
            done |= part
            yield [one for one in order if one in part]


def _touching(place: Place, places: Mapping[Place, Cell]) -> set[Place]:
    part, ahead = {place}, [place]
    while ahead:
        recency, habit = ahead.pop()
        beside = {(recency + 1, habit), (recency - 1, habit), (recency, habit + 1), (recency, habit - 1)} - part
        found = [one for one in beside if one in places and places[one].segment == places[place].segment]
        part |= set(found)
        ahead += found
    return part


def _label(cell: Cell, sums: Counter[str], *, with_sum: bool) -> Iterator[Element]:
    """On a plate of its own, so that it is read on every colour and taken for no cell's."""
    x, y = (side + 12 for side in _corner((cell.recency, cell.habit)))
    room = _CELL_WIDTH - 24
    yield box(Box(x, y, room, 40 if with_sum else 22), "back", radius=4)
    yield text(x + 8, y + 16, spoken(cell.segment), size=13, width=room - 16, look="segment ink bold" if with_sum else "ink")
    if with_sum:
        count = sums[cell.segment]
        yield number(x + 8, y + 33, f"{grouped(count)} · {share(count, sums.total())}", size=12, width=room - 16, look="sum soft")


def _bounds(most: int) -> dict[int, str]:
    """The most customers of each level; where there are few, some levels stand for nobody."""
    bounds = [most * level**2 // LEVELS**2 for level in range(LEVELS + 1)]
    return {level: brief(bounds[level]) for level in range(1, LEVELS + 1) if bounds[level] > bounds[level - 1]}


def _axes() -> Iterator[Element]:
    for score in range(1, SCORES + 1):
        y = HEAD + (SCORES - score + 0.5) * _CELL_HEIGHT + 5
        yield text(_LEFT - 14, y, str(score), size=14, width=20, look="ink bold", anchor="end")
        x = _LEFT + (score - 0.5) * _CELL_WIDTH
        yield text(x, _BOTTOM + 22, str(score), size=14, width=20, look="ink bold", anchor="middle")
    right, across = _LEFT + SCORES * _CELL_WIDTH, SCORES * _CELL_WIDTH
    yield text((_LEFT + right) / 2, _BOTTOM + 42, "Habit: mean of frequency and monetary score →", size=12, width=across, look="soft", anchor="middle")
    x, y = MARGIN + 4, HEAD + SCORES * _CELL_HEIGHT / 2
    upwards = text(x, y, "Recency score: the more recent, the higher →", size=12, width=SCORES * _CELL_HEIGHT, look="soft", anchor="middle")
    upwards.set("transform", f"rotate(-90 {x:g} {y:g})")
    yield upwards
