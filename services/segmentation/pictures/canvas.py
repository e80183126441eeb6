"""What every picture is drawn with: texts that keep to their room, boxes and lines, and the frame around them.

The picture is a tree until it is written out, so every text in it is escaped.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple
from xml.etree import ElementTree

from services.segmentation.pictures import wording
from services.segmentation.pictures.palette import LEVELS, style

Element = ElementTree.Element
Anchor = Literal["start", "middle", "end"]

MARGIN = 32
HEAD = 84
"""Title and subtitle: a picture's own part starts below."""
LEGEND_HEIGHT, SWATCH = 34, 66


class Box(NamedTuple):
    """In pixels, from the upper left corner."""

    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> float:
        return self.x + self.width / 2


def text(x: float, y: float, words: str, *, size: float, width: float, look: str = "ink", anchor: Anchor = "start") -> Element:
    """One line on the base line `y`, in at most `width` pixels: smaller if it must, then cut, with the whole in its tooltip."""
    words, bold = wording.plain(words), "bold" in look
    size = _fitting(words, width, size, bold=bold)
    seen = wording.shortened(words, width, size, bold=bold)
    element = shape("text", {"class": look, "x": x, "y": y, "font-size": size, "text-anchor": anchor})
    if seen == words:
        element.text = words
    else:
        explain(element, words).tail = seen
    return element


def number(x: float, y: float, written: str, *, size: float, width: float, look: str = "ink", anchor: Anchor = "start") -> Element:
    """As `text`, never cut: what is too long even when it is small is squeezed."""
    size = _fitting(written, width, size, bold="bold" in look)
    element = shape("text", {"class": look, "x": x, "y": y, "font-size": size, "text-anchor": anchor})
    if wording.width_of(written, size, bold="bold" in look) > width:
        element.attrib |= {"textLength": _written(width), "lengthAdjust": "spacingAndGlyphs"}
    element.text = written
    return element


def box(place: Box, look: str, *, radius: float = 3) -> Element:
    return shape("rect", {"class": look, "x": place.x, "y": place.y, "width": place.width, "height": place.height, "rx": radius})


def line(start: tuple[float, float], end: tuple[float, float], look: str) -> Element:
    return shape("line", {"class": look, "x1": start[0], "y1": start[1], "x2": end[0], "y2": end[1]})


def corners(points: Sequence[tuple[float, float]]) -> str:
    """Points as SVG writes them, also in the path of a line."""
    return " ".join(f"{_written(x)},{_written(y)}" for x, y in points)


def shape(tag: str, attributes: Mapping[str, str | float]) -> Element:
    return Element(tag, {name: value if isinstance(value, str) else _written(value) for name, value in attributes.items()})


def explained(words: str, children: Iterable[Element]) -> Element:
    """A group with a tooltip."""
    group = Element("g")
    explain(group, words)
    group.extend(children)
    return group


def explain(element: Element, words: str) -> Element:
    title = ElementTree.SubElement(element, "title")
    title.text = wording.plain(words)
    return title


def level_of(part: int, whole: int) -> int:
    """0 for nothing, then 1 to LEVELS by the square root of the share, so that small ones differ too. In whole numbers: exact, however large."""
    return next((level for level in range(LEVELS) if part * LEVELS**2 <= whole * level**2), LEVELS)


def legend(right: float, y: float, caption: str, bounds: Mapping[int, str]) -> list[Element]:
    """The levels, from few to many, each over the most it stands for; ends at `right`."""
    left = right - SWATCH * len(bounds)
    drawn = [text(left - 10, y + 12, caption, size=12, width=left - MARGIN, look="soft", anchor="end")]
    for index, (level, bound) in enumerate(bounds.items()):
        place = Box(left + SWATCH * index, y, SWATCH - 2, 14)
        drawn += [box(place, f"level{level}"), number(place.middle, y + 30, bound, size=11, width=SWATCH - 6, look="soft", anchor="middle")]
    return drawn


def picture(width: float, height: float, drawn: Iterable[Element], *, title: str, said: str, told: str) -> str:
    """`said` stands under the title; `told` is the picture in words, for whom it is read out to."""
    room = width - 2 * MARGIN
    root = shape("svg", {"xmlns": "http://www.w3.org/2000/svg", "class": "picture", "viewBox": f"0 0 {_written(width)} {_written(height)}", "role": "img"})
    root.attrib["aria-label"] = wording.plain(title)
    explain(root, title)
    for tag, words in {"desc": wording.plain(f"{said}. {told}"), "style": style()}.items():
        ElementTree.SubElement(root, tag).text = words
    root.append(box(Box(0, 0, width, height), "back", radius=0))
    root.append(text(MARGIN, 42, title, size=20, width=room, look="ink bold"))
    root.append(text(MARGIN, 64, said, size=13, width=room, look="soft"))
    root.extend(drawn)
    return ElementTree.tostring(root, encoding="unicode")


def nothing(title: str, said: str) -> str:
    """The picture of no data: a space kept free, and why."""
    place = Box(MARGIN, HEAD, 640 - 2 * MARGIN, 160)
    words = text(place.middle, place.y + 86, "Nothing to show yet", size=16, width=place.width - 20, look="soft", anchor="middle")
    return picture(640, HEAD + 160 + MARGIN, [box(place, "level0", radius=8), words], title=title, said=said, told="There is nothing to show yet")


def _fitting(words: str, width: float, size: float, *, bold: bool) -> float:
    """Down to eight tenths of `size`: smaller can not be read beside the rest."""
    needed = wording.width_of(words, size, bold=bold)
    return size if needed <= width else max(0.8 * size, math.floor(10 * size * width / needed) / 10)


def _written(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
