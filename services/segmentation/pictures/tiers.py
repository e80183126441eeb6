"""The value pyramid: a tier is as wide as its share of the customers; beside it, on the same scale, its share of the value."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from services.segmentation.pictures.canvas import HEAD, MARGIN, Box, Element, box, corners, explained, line, nothing, number, picture, shape, text
from services.segmentation.pictures.palette import LEVELS
from services.segmentation.pictures.wording import counted, share, spoken, width_of

_TIER_HEIGHT, _GAP = 64, 5
_NAMES = 190
_PYRAMID_LEFT, _PYRAMID_WIDTH = MARGIN + _NAMES + 16, 380
_VALUE_LEFT, _VALUE_WIDTH, _VALUE_NUMBER = _PYRAMID_LEFT + _PYRAMID_WIDTH + 40, 230, 86
_WIDTH = _VALUE_LEFT + _VALUE_WIDTH + _VALUE_NUMBER + MARGIN
_TOP = HEAD + 26
_SLOPE = 5
"""How much a tier is wider at its foot, and narrower at its head, than its share."""
_NARROWEST = 30
"""So that the top is seen: it is one in a hundred."""
_SMALLEST = 1e-9
"""What is less than this in all is drawn as nothing."""


class Level(NamedTuple):
    name: str
    customers: int
    customers_share: float
    """Of all customers, 0 to 1."""
    value_share: float
    """Of all value. Below zero for those who cost more than they bring; others then can have more than 1."""


class _Scale(NamedTuple):
    pixels: float
    """Of a share of 1, for customers and value alike, so that the two can be compared."""
    zero_x: float
    """Where bars of value start."""


def pyramid(levels: Sequence[Level], *, title: str) -> str:
    """`levels` from the top down. Raises ValueError for customers or a share of them below zero, and for a share that is no number."""
    if any(one.customers < 0 or not 0 <= one.customers_share < math.inf or not math.isfinite(one.value_share) for one in levels):
        raise ValueError("a level with customers or a share that can not be")
    customers = sum(one.customers for one in levels)
    if not customers:
        return nothing(title, "No customers with a value")
    scale = _scale(levels)
    drawn = list(_captions())
    for index, level in enumerate(levels):
        drawn.append(_row(level, _TOP + index * (_TIER_HEIGHT + _GAP), _shade(index, len(levels)), scale))
    bottom = _TOP + len(levels) * (_TIER_HEIGHT + _GAP)
    drawn.append(line((scale.zero_x, _TOP - 4), (scale.zero_x, bottom), "axis hair"))
    said = f"{counted(customers)} in {counted(len(levels), 'tier')}. Both shares are on one scale; a tier is never too narrow to be seen"
    told = "; ".join(_told(level) for level in levels)
    return picture(_WIDTH, bottom + MARGIN, drawn, title=title, said=said, told=told)


def _scale(levels: Sequence[Level]) -> _Scale:
    widest = max(one.customers_share for one in levels)
    low, high = min(0.0, *(one.value_share for one in levels)), max(0.0, *(one.value_share for one in levels))
    pixels = min((_PYRAMID_WIDTH - 2 * _SLOPE) / max(widest, _SMALLEST), _VALUE_WIDTH / max(high - low, _SMALLEST))
    return _Scale(pixels, _VALUE_LEFT - low * pixels)


def _shade(index: int, levels: int) -> int:
    """The strongest at the top, and coloured still at the bottom."""
    return LEVELS - (LEVELS - 2) * index // max(1, levels - 1)


def _told(level: Level) -> str:
    return f"{spoken(level.name)}: {counted(level.customers)}, {share(level.customers_share, 1)} of customers, {share(level.value_share, 1)} of value"


def _captions() -> Iterator[Element]:
    y = HEAD + 10
    yield text(_PYRAMID_LEFT + _PYRAMID_WIDTH / 2, y, "Share of customers", size=12, width=_PYRAMID_WIDTH, look="soft", anchor="middle")
    yield text(_VALUE_LEFT, y, "Share of value", size=12, width=_VALUE_WIDTH, look="soft")


def _row(level: Level, y: float, shade: int, scale: _Scale) -> Element:
    parts = [
        text(MARGIN, y + 29, spoken(level.name), size=16, width=_NAMES, look="name ink bold"),
        number(MARGIN, y + 48, counted(level.customers), size=13, width=_NAMES, look="soft"),
        *_tier(level, y, shade, scale),
        *_value(level, y, scale),
    ]
    return explained(_told(level), parts)


def _tier(level: Level, y: float, shade: int, scale: _Scale) -> Iterator[Element]:
    half, middle = max(_NARROWEST, level.customers_share * scale.pixels) / 2, _PYRAMID_LEFT + _PYRAMID_WIDTH / 2
    head, foot, bottom = half - _SLOPE, half + _SLOPE, y + _TIER_HEIGHT
    outline = corners([(middle - head, y), (middle + head, y), (middle + foot, bottom), (middle - foot, bottom)])
    yield shape("polygon", {"class": f"tier level{shade if level.customers else 0}", "points": outline})
    written = share(level.customers_share, 1)
    if width_of(written, 15, bold=True) <= 2 * head - 8:
        yield number(middle, y + 38, written, size=15, width=2 * head, look=f"bold on{shade if level.customers else 0}", anchor="middle")
    else:
        yield number(middle + foot + 8, y + 38, written, size=15, width=_PYRAMID_WIDTH / 2 - foot - 8, look="ink bold")


def _value(level: Level, y: float, scale: _Scale) -> Iterator[Element]:
    length = level.value_share * scale.pixels
    yield box(Box(scale.zero_x + min(0, length), y + 16, abs(length), _TIER_HEIGHT - 32), "value hue1", radius=2)
    end = scale.zero_x + max(0, length)
    yield number(end + 8, y + 38, share(level.value_share, 1), size=15, width=_WIDTH - MARGIN - end - 8, look="ink bold")
