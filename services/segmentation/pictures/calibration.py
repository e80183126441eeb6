"""Whether as many leave as a score says: stated against found, customers of neighbouring scores at a time, on a line of equal shares."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from services.segmentation.pictures.canvas import HEAD, MARGIN, Element, corners, explained, line, nothing, number, picture, shape, text
from services.segmentation.pictures.wording import grouped, share

_SIDE, _LEFT, _MARKS = 420, MARGIN + 64, 5
_TOP = HEAD + 16
_BOTTOM, _RIGHT = _TOP + _SIDE, _LEFT + _SIDE
_WIDTH, _HEIGHT = _RIGHT + 40 + MARGIN, _BOTTOM + 56 + MARGIN
_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2)
"""Between marks, as shares."""


class Group(NamedTuple):
    """Customers of neighbouring scores."""

    customers: float
    stated: float
    """Mean probability, 0 to 1."""
    found: float
    """Share who left, 0 to 1."""


def calibration(groups: Sequence[Group], *, title: str) -> str:
    """`groups` from the lowest scores up. Raises ValueError for what is no share, and for customers below zero."""
    if not all(0 <= one.stated <= 1 and 0 <= one.found <= 1 and 0 <= one.customers < math.inf for one in groups):
        raise ValueError("a group with customers or a share that can not be")
    if not groups:
        return nothing(title, "No customers who were scored")
    step = _step(max(max(one.stated, one.found) for one in groups))
    drawn = [*_axes(step), *_points(groups, step * _MARKS)]
    said = f"{grouped(round(sum(one.customers for one in groups)))} customers in {len(groups)} groups by score; on the dotted line as many leave as is said"
    told = "; ".join(_told(one) for one in groups)
    return picture(_WIDTH, _HEIGHT, drawn, title=title, said=said, told=told)


def _step(most: float) -> float:
    return next((step for step in _STEPS if step * _MARKS >= most), _STEPS[-1])


def _axes(step: float) -> Iterator[Element]:
    for mark in range(_MARKS + 1):
        offset, written = _SIDE * mark / _MARKS, f"{100 * step * mark:.0f} %"
        yield line((_LEFT, _BOTTOM - offset), (_RIGHT, _BOTTOM - offset), "rule hair" if mark else "axis hair")
        yield number(_LEFT - 10, _BOTTOM - offset + 4, written, size=12, width=50, look="mark soft", anchor="end")
        yield number(_LEFT + offset, _BOTTOM + 20, written, size=12, width=70, look="mark soft", anchor="middle")
    yield line((_LEFT, _BOTTOM), (_RIGHT, _TOP), "axis hair dotted")
    yield text(_LEFT + _SIDE / 2, _BOTTOM + 44, "Mean probability stated →", size=12, width=_SIDE, look="soft", anchor="middle")
    x, y = MARGIN + 4, _TOP + _SIDE / 2
    upwards = text(x, y, "Share who left →", size=12, width=_SIDE, look="soft", anchor="middle")
    upwards.set("transform", f"rotate(-90 {x:g} {y:g})")
    yield upwards


def _points(groups: Sequence[Group], most: float) -> Iterator[Element]:
    places = [(_LEFT + _SIDE * one.stated / most, _BOTTOM - _SIDE * one.found / most) for one in groups]
    yield shape("path", {"class": "series stroke thick line0", "d": f"M {corners(places)}"})
    for one, (x, y) in zip(groups, places, strict=True):
        yield explained(_told(one), [shape("circle", {"class": "hue0", "cx": x, "cy": y, "r": 5})])


def _told(group: Group) -> str:
    return f"{grouped(round(group.customers))} customers: {share(group.stated, 1)} stated, {share(group.found, 1)} left"
