"""The year in four pictures, drawn with what the services draw theirs with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from deploy.year.fates import Uplift
from deploy.year.targeting import Compared
from services.segmentation.pictures import trend
from services.segmentation.pictures.canvas import HEAD, MARGIN, Element, explained, line, nothing, number, picture, shape, text
from services.segmentation.pictures.lines import Axis, axis_of
from services.segmentation.pictures.wording import rounded, spoken, width_of

MINOR = 100
_ROW, _WIDTH, _NAMES = 44, 560, 250
_LEFT, _TOP = MARGIN + _NAMES, HEAD + 44
_GAP = 7
"""Between the marks of one row, upwards and downwards of its middle."""


class Row(NamedTuple):
    name: str
    values: Sequence[float | None]
    """One for each series."""
    interval: tuple[float, float] | None = None
    """Of the last one."""


def churn(off: Sequence[tuple[date, float]], on: Sequence[tuple[date, float]]) -> str:
    return trend({"no campaign": off, "campaign on": on}, title="Customers who left, since the campaign began", unit="customers")


def money(spent: Mapping[str, int], saved: Mapping[str, int]) -> str:
    series = {
        name: [(date.fromisoformat(f"{month}-01"), minor / MINOR) for month, minor in found.items()] for name, found in (("spent", spent), ("saved", saved))
    }
    return trend(series, title="Spent on the campaign, and value it saved, by month", unit="CNY in the month; saved: future value, by both years")


def uplift(found: Sequence[Uplift]) -> str:
    rows = [
        Row(f"{spoken(one.who)}: {one.treated} + {one.held_out}", (_points(one.truth), _points(one.found.lift)), _interval(one))
        for one in found
        if one.truth is not None
    ]
    said = "percentage points more who stay; customers in treatment + held out; the bar is the planned 95 % interval"
    return dots(rows, ("what the calls really changed", "found by the hold-out"), title="Whom the campaign keeps", said=said)


def targeting(found: Sequence[Compared], *, title: str) -> str:
    rows = [
        Row(f"{one.warned:,} warned: {min(one.left.values()):,} left in an arm", [one.by_risk.profit_minor / MINOR, one.by_sensitivity.profit_minor / MINOR])
        for one in found
    ]
    return dots(
        rows, ("by risk alone", "by sensitivity"), title=title, said="Profit in CNY of one budget spent on the same customers, after learning from so many"
    )


def dots(rows: Sequence[Row], names: Sequence[str], *, title: str, said: str) -> str:
    """A row for each name, and on it a mark for each series, on one axis with zero in it."""
    if not rows:
        return nothing(title, said)
    known = [value for row in rows for value in (*row.values, *(row.interval or ())) if value is not None]
    axis, bottom = axis_of(known), _TOP + _ROW * len(rows)
    drawn = [*_legend(names), *_marks(axis, bottom)]
    for nth, row in enumerate(rows):
        drawn += _row(row, names, axis, _TOP + _ROW * (nth + 0.5))
    told = "; ".join(_told(row, names) for row in rows)
    return picture(_LEFT + _WIDTH + 2 * MARGIN, bottom + 24 + MARGIN, drawn, title=title, said=said, told=told)


def _legend(names: Sequence[str]) -> Iterator[Element]:
    x = float(_LEFT)
    for nth, name in enumerate(names):
        yield _mark(x + 5, HEAD + 14, nth)
        yield text(x + 16, HEAD + 18, name, size=13, width=260, look="ink bold")
        x += 16 + width_of(name, 13, bold=True) + 24


def _marks(axis: Axis, bottom: float) -> Iterator[Element]:
    for mark in axis.marks:
        x = _x(axis, mark)
        yield line((x, _TOP), (x, bottom), "axis hair" if mark == 0 else "rule hair")
        yield number(x, bottom + 20, rounded(mark, axis.decimals), size=12, width=80, look="mark soft", anchor="middle")


def _row(row: Row, names: Sequence[str], axis: Axis, y: float) -> Iterator[Element]:
    yield text(_LEFT - 12, y + 4, row.name, size=13, width=_NAMES - 12, look="ink", anchor="end")
    last, marks = len(row.values) - 1, []
    if row.interval:
        place = y + _GAP * last / 2
        marks.append(line((_x(axis, row.interval[0]), place), (_x(axis, row.interval[1]), place), f"stroke thick line{last}"))
    marks += [_mark(_x(axis, value), y + _GAP * (nth - last / 2), nth) for nth, value in enumerate(row.values) if value is not None]
    yield explained(_told(row, names), marks)


def _mark(x: float, y: float, nth: int) -> Element:
    """A disc for the first series, a square for the second: the colour is not the only sign."""
    return (
        shape("circle", {"class": "hue0", "cx": x, "cy": y, "r": 5})
        if nth == 0
        else shape("rect", {"class": f"hue{nth}", "x": x - 4.5, "y": y - 4.5, "width": 9, "height": 9})
    )


def _x(axis: Axis, value: float) -> float:
    low, high = axis.marks[0], axis.marks[-1]
    return _LEFT + _WIDTH * (value - low) / (high - low)


def _told(row: Row, names: Sequence[str]) -> str:
    said = ", ".join(f"{name} {'no value' if value is None else rounded(value, 1)}" for name, value in zip(names, row.values, strict=True))
    return f"{row.name}: {said}" + (f" ({rounded(row.interval[0], 1)} to {rounded(row.interval[1], 1)})" if row.interval else "")


def _points(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _interval(one: Uplift) -> tuple[float, float] | None:
    return (100 * one.found.at_end.low, 100 * one.found.at_end.high) if one.found.at_end else None
