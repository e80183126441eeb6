"""The trend: one line per series over the days, on an axis that has zero in it, each named at its end with its newest value."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from statistics import fmean
from typing import NamedTuple

from services.segmentation.pictures.canvas import HEAD, MARGIN, Element, corners, explained, line, nothing, number, picture, shape, text
from services.segmentation.pictures.palette import HUES
from services.segmentation.pictures.wording import rounded, spoken, width_of

Points = Sequence[tuple[date, float]]

_PLOT_WIDTH, _PLOT_HEIGHT = 600, 340
_LONGEST_NAME, _VALUE, _LABEL_HEIGHT = 180, 90, 20
_TOP = HEAD + 24
_DAY_TICKS, _VALUE_TICKS = 7, 5
_DAY_STEPS = (1, 2, 7, 14)
_MONTH_STEPS = (1, 2, 3, 6, *(12 * years * 10**zeros for zeros in range(4) for years in (1, 2, 5)))
_DASHES = ("none", "7 4", "2 4", "10 4 2 4")
"""Series beyond the hues start again with the first, and with another dash."""
_LARGEST = 1e300
"""What is beyond, or no number, is a gap."""
_SMALLEST = 1e-9
"""With less between them than this, values are as good as zero: the axis goes to 1."""


class Axis(NamedTuple):
    """From zero or below it, up to zero or above: marks at multiples of `step`."""

    step: Decimal
    first: int
    last: int

    @property
    def marks(self) -> list[float]:
        return [float(self.step * count) for count in range(self.first, self.last + 1)]

    @property
    def decimals(self) -> int:
        exponent = self.step.normalize().as_tuple().exponent
        return max(0, -exponent) if isinstance(exponent, int) else 0

    def written(self, value: float) -> str:
        """To a tenth of a step, at least."""
        return rounded(value, max(0, 1 - self.step.adjusted()))


class _Plot:
    """Where days and values lie."""

    def __init__(self, days: tuple[date, date], axis: Axis, names: Iterable[str]) -> None:
        self.first_day, self.last_day, self.axis = *days, axis
        names = [spoken(name) for name in names]
        self.height = max(_PLOT_HEIGHT, _LABEL_HEIGHT * len(names))
        self.name_width = min(_LONGEST_NAME, max(width_of(name, 13, bold=True) for name in names))
        written = [rounded(mark, axis.decimals) for mark in axis.marks]
        self.left = MARGIN + min(120, max(width_of(mark, 12) for mark in written)) + 12
        self.right, self.bottom = self.left + _PLOT_WIDTH, _TOP + self.height
        self.label_x = self.right + 30
        self.value_x = self.label_x + self.name_width + 8 + _VALUE

    def x(self, day: date) -> float:
        days = (self.last_day - self.first_day).days
        return self.left + _PLOT_WIDTH * ((day - self.first_day).days / days if days else 0.5)

    def y(self, value: float) -> float:
        low, high = self.axis.marks[0], self.axis.marks[-1]
        return self.bottom - self.height * (value / (high - low) - low / (high - low))


def trend(series: Mapping[str, Points], *, title: str, unit: str) -> str:
    """A value that is no number is a gap in its line; a series without any number is named, and said to have none."""
    known = {name: _runs(points) for name, points in series.items()}
    points = [point for runs in known.values() for run in runs for point in run]
    if not points:
        return nothing(title, "No values")
    plot = _Plot((min(points)[0], max(points)[0]), axis_of([value for _, value in points]), known)
    drawn = [*_value_marks(plot, unit), *_day_marks(plot), *_lines(plot, known), *_ends(plot, known)]
    said = f"{plot.first_day.isoformat()} to {plot.last_day.isoformat()}"
    told = f"In {unit}: " + "; ".join(_told(plot, name, runs) for name, runs in known.items())
    return picture(plot.value_x + MARGIN, plot.bottom + 24 + MARGIN, drawn, title=title, said=said, told=told)


def _runs(points: Points) -> list[list[tuple[date, float]]]:
    """In the order of days, parted where a value is no number."""
    parted = itertools.groupby(sorted(points, key=lambda point: point[0]), key=lambda point: abs(point[1]) <= _LARGEST)
    return [list(run) for is_known, run in parted if is_known]


def axis_of(values: Sequence[float]) -> Axis:
    low, high = min(0.0, *values), max(0.0, *values)
    if high - low < _SMALLEST:
        high = 1.0
    step = _nice((high - low) / _VALUE_TICKS)
    return Axis(step, math.floor(low / float(step)), math.ceil(high / float(step)))


def _nice(least: float) -> Decimal:
    """The smallest of 1, 2, 2.5 and 5 times a power of ten that is not below `least`."""
    exponent = math.floor(math.log10(least))
    steps = (Decimal(digits).scaleb(exponent) for digits in ("1", "2", "2.5", "5"))
    return next((step for step in steps if float(step) >= least), Decimal(1).scaleb(exponent + 1))


def _value_marks(plot: _Plot, unit: str) -> Iterator[Element]:
    yield text(MARGIN, HEAD + 4, unit, size=12, width=plot.right - MARGIN, look="soft")
    for mark in plot.axis.marks:
        y = plot.y(mark)
        yield line((plot.left, y), (plot.right, y), "axis hair" if mark == 0 else "rule hair")
        yield number(plot.left - 10, y + 4, rounded(mark, plot.axis.decimals), size=12, width=plot.left - MARGIN - 10, look="mark soft", anchor="end")


def _day_marks(plot: _Plot) -> Iterator[Element]:
    for day, written in _days(plot.first_day, plot.last_day):
        x = plot.x(day)
        yield line((x, plot.bottom), (x, plot.bottom + 5), "axis hair")
        yield text(x, plot.bottom + 20, written, size=12, width=_PLOT_WIDTH / _DAY_TICKS, look="day soft", anchor="middle")


def _days(first: date, last: date) -> list[tuple[date, str]]:
    """At most `_DAY_TICKS`: every so many days, else the first days of months."""
    for step in _DAY_STEPS:
        if (last - first).days // step < _DAY_TICKS:
            return [(day, day.isoformat()) for day in (first + timedelta(count) for count in range(0, (last - first).days + 1, step))]
    from_month, to_month = first.year * 12 + first.month - 1 + (first.day > 1), last.year * 12 + last.month - 1
    step = next(step for step in _MONTH_STEPS if (to_month - from_month) // step < _DAY_TICKS - 1)
    months = [month for month in range(from_month, to_month + 1) if month % step == 0]
    starts = [date(month // 12, month % 12 + 1, 1) for month in months]
    return [(day, f"{day:%Y-%m}" if step % 12 else f"{day:%Y}") for day in starts]


def _lines(plot: _Plot, known: Mapping[str, list[list[tuple[date, float]]]]) -> Iterator[Element]:
    for index, (name, runs) in enumerate(known.items()):
        if runs:
            path = " ".join(f"M {corners([(plot.x(day), plot.y(value)) for day, value in run])}" for run in runs)
            look = {"class": f"series stroke thick line{index % HUES}", "d": path, "stroke-dasharray": _DASHES[index // HUES % len(_DASHES)]}
            yield explained(_told(plot, name, runs), [shape("path", look)])


def _ends(plot: _Plot, known: Mapping[str, list[list[tuple[date, float]]]]) -> Iterator[Element]:
    """A dot on the newest value, and its label as near to it as the others allow, tied to it by a dotted line."""
    newest = {name: runs[-1][-1] if runs else None for name, runs in known.items()}
    wanted = {name: plot.y(point[1] if point else 0) for name, point in newest.items()}
    placed = _apart(wanted, _TOP, plot.bottom)
    for index, (name, point) in enumerate(newest.items()):
        y, hue = placed[name], index % HUES
        if point:
            dot = plot.x(point[0]), plot.y(point[1])
            yield shape("circle", {"class": f"hue{hue}", "cx": dot[0], "cy": dot[1], "r": 4})
            yield line(dot, (plot.label_x - 6, y), f"hair dotted line{hue}")
        yield text(plot.label_x, y + 4, spoken(name), size=13, width=plot.name_width, look="name ink bold")
        written = plot.axis.written(point[1]) if point else "no value"
        yield number(plot.value_x, y + 4, written, size=13, width=_VALUE, look="newest ink", anchor="end")


def _apart(wanted: Mapping[str, float], top: float, bottom: float) -> dict[str, float]:
    """As near (least squares) to where they are wanted as labels of one height can stand between `top` and `bottom`, in the same order.

    Labels that would overlap stand as one block around the mean of where they are wanted: isotonic regression, by pooling neighbours.
    """
    names = sorted(wanted, key=lambda name: wanted[name])
    blocks: list[list[float]] = []
    for index, name in enumerate(names):
        blocks.append([wanted[name] - index * _LABEL_HEIGHT])
        while len(blocks) > 1 and fmean(blocks[-2]) > fmean(blocks[-1]):
            blocks[-2:] = [blocks[-2] + blocks[-1]]
    lowest = bottom - (len(names) - 1) * _LABEL_HEIGHT
    firsts = [min(max(fmean(block), top), lowest) for block in blocks for _ in block]
    return {name: first + index * _LABEL_HEIGHT for index, (name, first) in enumerate(zip(names, firsts, strict=True))}


def _told(plot: _Plot, name: str, runs: list[list[tuple[date, float]]]) -> str:
    if not runs:
        return f"{spoken(name)}: no value"
    (from_day, start), (to_day, end) = runs[0][0], runs[-1][-1]
    return f"{spoken(name)}: {plot.axis.written(start)} on {from_day.isoformat()}, {plot.axis.written(end)} on {to_day.isoformat()}"
