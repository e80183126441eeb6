"""The migration matrix: who was in which segment before (rows) and is in which now (columns), each cell with its share of the row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from services.segmentation.pictures.canvas import HEAD, LEGEND_HEIGHT, MARGIN, Box, Element, box, explained, legend, level_of, nothing, number, picture, text
from services.segmentation.pictures.palette import LEVELS
from services.segmentation.pictures.wording import counted, grouped, share, spoken, width_of

Moves = Mapping[tuple[str, str], int]

_CELL_HEIGHT, _NARROWEST, _WIDEST = 46, 74, 120
_SHORTEST, _LONGEST = 110, 200
"""Pixels for the names."""
_LEAST_WIDTH = 720
_SLANT = 45


class _Grid:
    """Where everything stands, from the names and counts that have to fit."""

    def __init__(self, names: Sequence[str], most: int) -> None:
        self.names = names
        self.label_width = min(_LONGEST, max([_SHORTEST, *(width_of(spoken(name), 13) for name in names)]))
        self.cell_width = min(_WIDEST, max(_NARROWEST, width_of(grouped(most), 14, bold=True) + 12))
        self.left = MARGIN + self.label_width + 14
        self.top = HEAD + 0.75 * self.label_width + 34
        self.right = self.left + len(names) * self.cell_width + 8
        self.bottom = self.top + len(names) * _CELL_HEIGHT + 8
        self.width = max(self.right + max(self.cell_width, 0.75 * self.label_width) + MARGIN, _LEAST_WIDTH)
        self.legend_y = self.bottom + _CELL_HEIGHT + 20
        self.height = self.legend_y + LEGEND_HEIGHT + MARGIN

    def cell(self, row: int, column: int) -> Box:
        return Box(self.left + column * self.cell_width + 1, self.top + row * _CELL_HEIGHT + 1, self.cell_width - 2, _CELL_HEIGHT - 2)

    def after(self, column: int) -> Box:
        return self.cell(0, column)._replace(y=self.bottom + 1)

    def before(self, row: int) -> Box:
        return self.cell(row, 0)._replace(x=self.right + 1)


def migration(matrix: Moves, order: Sequence[str], *, title: str) -> str:
    """`matrix`: customers by (segment before, segment after). Segments that `order` lacks come last, by name: nobody is left out.

    Raises ValueError for customers below zero.
    """
    if any(count < 0 for count in matrix.values()):
        raise ValueError("customers below zero")
    customers = sum(matrix.values())
    if not customers:
        return nothing(title, "No customers who were scored both times")
    names = list(dict.fromkeys([*order, *sorted({name for move in matrix for name in move})]))
    before, after = _sums(matrix, 0), _sums(matrix, 1)
    grid = _Grid(names, customers)
    drawn = [*_names(grid), *_cells(grid, matrix, before), *_totals(grid, before, after, customers)]
    bounds = {level: f"{100 * level**2 / LEVELS**2:.0f} %" for level in range(1, LEVELS + 1)}
    drawn += legend(grid.width - MARGIN, grid.legend_y, "Share of the row, up to", bounds)
    stayed = sum(count for (was, now), count in matrix.items() if was == now)
    said = f"{counted(customers)}, of whom {grouped(stayed)} ({share(stayed, customers)}) stayed (framed). Under each count: its share of the row"
    return picture(grid.width, grid.height, drawn, title=title, said=said, told=_told(names, before, after))


def _sums(matrix: Moves, side: int) -> Counter[str]:
    sums = Counter[str]()
    for move, count in matrix.items():
        sums[move[side]] += count
    return sums


def _told(names: Sequence[str], before: Mapping[str, int], after: Mapping[str, int]) -> str:
    return "; ".join(f"{spoken(name)}: {grouped(before[name])} before, {grouped(after[name])} after" for name in names)


def _names(grid: _Grid) -> Iterator[Element]:
    """Row names end at their row, column names rise from their column."""
    yield text(grid.left - 14, grid.top - 12, "Before ↓  After →", size=12, width=grid.label_width, look="soft", anchor="end")
    for index, name in enumerate(grid.names):
        row = grid.cell(index, 0)
        yield text(grid.left - 10, row.y + 27, spoken(name), size=13, width=grid.label_width, look="name ink", anchor="end")
        yield _slanted(grid.cell(0, index).middle, grid.top - 10, spoken(name), grid.label_width)
    yield _slanted(grid.before(0).middle, grid.top - 10, "All before", grid.label_width, look="soft")
    yield text(grid.left - 10, grid.after(0).y + 27, "All after", size=13, width=grid.label_width, look="soft", anchor="end")


def _slanted(x: float, y: float, words: str, width: float, look: str = "ink") -> Element:
    element = text(x, y, words, size=13, width=width, look=look)
    element.set("transform", f"rotate(-{_SLANT} {x:g} {y:g})")
    return element


def _cells(grid: _Grid, matrix: Moves, before: Mapping[str, int]) -> Iterator[Element]:
    for row, was in enumerate(grid.names):
        for column, now in enumerate(grid.names):
            count = matrix.get((was, now), 0)
            place, level = grid.cell(row, column), level_of(count, before[was])
            parts = [box(place, f"cell level{level}"), *_count(place, count, before[was], f"on{level}")]
            if row == column:
                parts.append(box(Box(place.x + 1, place.y + 1, place.width - 2, place.height - 2), "stroke frame thick"))
            yield explained(f"{spoken(was)} → {spoken(now)}: {grouped(count)}, {share(count, before[was])} of {spoken(was)}", parts)


def _count(place: Box, count: int, whole: int, look: str) -> Iterator[Element]:
    room = place.width - 10
    if count:
        yield number(place.middle, place.y + 20, grouped(count), size=14, width=room, look=f"count bold {look}", anchor="middle")
        yield number(place.middle, place.y + 36, share(count, whole), size=11, width=room, look=look, anchor="middle")
    else:
        yield number(place.middle, place.y + 27, "0", size=11, width=room, look="count soft", anchor="middle")


def _totals(grid: _Grid, before: Mapping[str, int], after: Mapping[str, int], customers: int) -> Iterator[Element]:
    for index, name in enumerate(grid.names):
        yield from _total(grid.before(index), before[name], customers)
        yield from _total(grid.after(index), after[name], customers)
    yield from _total(grid.before(0)._replace(y=grid.bottom + 1), customers, customers)


def _total(place: Box, count: int, customers: int) -> Iterator[Element]:
    room = place.width - 10
    yield number(place.middle, place.y + 20, grouped(count), size=14, width=room, look="total bold ink", anchor="middle")
    yield number(place.middle, place.y + 36, share(count, customers), size=11, width=room, look="soft", anchor="middle")
