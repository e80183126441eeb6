"""S1, S3, G7: the pictures are well-formed, true to their numbers, readable, and nothing in them overlaps."""

from __future__ import annotations

import itertools
import math
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import isotonic_regression

from services.segmentation.pictures import Cell, Level, migration, pyramid, segment_map, trend

SVG = "{http://www.w3.org/2000/svg}"
DAY = date(2026, 11, 2)
ROOT = Path(__file__).parents[2]
NASTY = """</title><script>alert("1")</script> & 'x' ]]>"""
CHINESE = "离网预警客户以及其他需要挽留的重要客户群体"

# As in the service's README: recency 5 to 1 down, habit 1 to 5 across.
NAMED = (
    ("new", "potential_loyalist", "loyal", "champions", "champions"),
    ("promising", "potential_loyalist", "loyal", "loyal", "champions"),
    ("about_to_sleep", "need_attention", "need_attention", "loyal", "loyal"),
    ("hibernating", "about_to_sleep", "at_risk", "at_risk", "cannot_lose"),
    ("lost", "hibernating", "at_risk", "cannot_lose", "cannot_lose"),
)
CELLS = [Cell(5 - row, column + 1, name, 1 + 37 * row * column**2, 1_000 * column) for row, names in enumerate(NAMED) for column, name in enumerate(names)]
MOVES = {("loyal", "loyal"): 12_000, ("loyal", "at_risk"): 345, ("at_risk", "lost"): 6, ("lost", "lost"): 789, ("new", "loyal"): 1}
LEVELS = [Level("platinum", 1_000, 0.01, 0.2), Level("gold", 4_000, 0.04, 0.25), Level("iron", 15_000, 0.15, 0.35), Level("lead", 80_000, 0.8, 0.2)]
SERIES = {
    "champions": [(DAY + timedelta(days), 12_000.0 + 31 * days) for days in range(90)],
    "at_risk": [(DAY + timedelta(days), 9_000.0 - 17 * days) for days in range(80)],
}
PICTURES = {
    "map": segment_map(CELLS, title="Segments"),
    "map of one": segment_map([Cell(3, 2, CHINESE, 2**63 - 1, 10**15)], title=CHINESE * 9),
    "migration": migration(MOVES, ["new", "loyal", "at_risk", "lost"], title="Moves"),
    "migration of one": migration({(CHINESE, NASTY): 2**63 - 1}, [], title=NASTY),
    "pyramid": pyramid(LEVELS, title="Value"),
    "pyramid of one": pyramid([Level(CHINESE, 2**63 - 1, 1.0, -3.5)], title=NASTY),
    "trend": trend(SERIES, title="Customers", unit="customers"),
    "trend of one": trend({CHINESE: [(DAY, 9.5e17)]}, title=NASTY, unit=NASTY),
    "no map": segment_map([], title="Segments"),
    "no migration": migration({("new", "new"): 0}, ["new"], title="Moves"),
    "no pyramid": pyramid([], title="Value"),
    "no trend": trend({"new": [(DAY, math.nan)]}, title="Customers", unit="customers"),
}

NAMES = st.text(max_size=40) | st.sampled_from([NASTY, CHINESE, "a_b", "\x00\ud800\ufffe", "]]>", "&amp;"])
COUNTS = st.integers(0, 2**63) | st.integers(0, 20)
SCORES = st.integers(1, 5)
MAPS = st.lists(st.builds(Cell, SCORES, SCORES, NAMES, COUNTS, st.integers(-(2**63), 2**63)), max_size=25, unique_by=lambda cell: cell[:2])
MATRICES = st.dictionaries(st.tuples(NAMES, NAMES), COUNTS, max_size=12)
PYRAMIDS = st.lists(st.builds(Level, NAMES, COUNTS, st.floats(0, 1), st.floats(-1e6, 1e6)), max_size=7)
POINTS = st.lists(st.tuples(st.dates(), st.floats(-1e300, 1e300) | st.sampled_from([math.nan, math.inf, -1.7e308, 0.0, 1e-320])), max_size=8)
TRENDS = st.dictionaries(NAMES, POINTS, max_size=8)


class Box:
    """A rectangle of the picture, and what is told of it."""

    def __init__(self, element: ElementTree.Element) -> None:
        self.left, self.top, self.width, self.height = (float(element.get(name, "")) for name in ("x", "y", "width", "height"))
        self.right, self.bottom = self.left + self.width, self.top + self.height

    def overlaps(self, other: Box) -> bool:
        return self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom


def parsed(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)


def of_class(root: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    return [element for element in root.iter() if name in element.get("class", "").split()]


def numbers(elements: Iterable[ElementTree.Element]) -> list[int]:
    """The first number of each text: `1,234 · 5.6 %` is 1234."""
    return [int(re.match(r"[\d,]+", element.text or "")[0].replace(",", "")) for element in elements]  # type: ignore[index]


def view_box(root: ElementTree.Element) -> tuple[float, float]:
    x, y, width, height = map(float, root.get("viewBox", "").split())
    assert (x, y) == (0, 0)
    return width, height


def title_of(element: ElementTree.Element) -> str:
    return element.findtext(f"{SVG}title") or ""


def as_xml(words: str) -> str:
    """What XML can carry of it, on one line; what it can not stands as U+FFFD."""
    carried = "".join(
        one if ord(one) in {9, 10, 13} or (ord(one) >= 32 and not 0xD800 <= ord(one) < 0xE000 and ord(one) not in {0xFFFE, 0xFFFF}) else "\ufffd"
        for one in words
    )
    return " ".join(carried.split())


def check_whole(svg: str, title: str) -> ElementTree.Element:
    """Well-formed, told to whom can not see it, nothing from elsewhere, every text and box inside the view."""
    root = parsed(svg)
    width, height = view_box(root)
    assert root.get("role") == "img"
    assert title_of(root) == root.get("aria-label") == as_xml(title)
    assert root.findtext(f"{SVG}desc")
    shapes = {"svg", "title", "desc", "style", "g", "rect", "text", "line", "path", "polygon", "circle"}
    assert {element.tag for element in root.iter()} <= {SVG + tag for tag in shapes}
    attributes = set().union(*(element.attrib for element in root.iter()))
    assert not attributes & {"href", "src", "style", "onload", "id"}
    assert not re.search(
        r"nan|inf|e[+-]\d", " ".join(value for element in root.iter() for name, value in element.attrib.items() if name not in {"class", "aria-label"})
    )
    for rectangle in map(Box, root.iter(f"{SVG}rect")):
        assert min(rectangle.left, rectangle.top, rectangle.width, rectangle.height) >= 0
        assert rectangle.right <= width + 0.01
        assert rectangle.bottom <= height + 0.01
    for text in root.iter(f"{SVG}text"):
        assert 0 <= float(text.get("x", "")) <= width
        assert 0 <= float(text.get("y", "")) <= height
        assert float(text.get("font-size", "")) >= 8
    for one, other in itertools.combinations(map(Box, of_class(root, "cell")), 2):
        assert not one.overlaps(other)
    return root


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_whole_in_itself(name: str) -> None:
    """G7: its own colours for light and dark, and no font, link or script from elsewhere."""
    svg = PICTURES[name]
    root = check_whole(svg, title_of(parsed(svg)))
    style = root.findtext(f"{SVG}style") or ""
    assert "prefers-color-scheme: dark" in style
    assert not re.search(r"url\(|@import|@font-face", style)
    assert re.sub(r"http://www\.w3\.org/2000/svg", "", svg).count("://") == 0
    used = {one for element in root.iter() for one in element.get("class", "").split()}
    unstyled = {"picture", "cell", "count", "segment", "sum", "name", "total", "tier", "value", "series", "mark", "day", "newest"}
    assert used - unstyled <= set(re.findall(r"\.picture \.(\w+) \{", style))


@pytest.mark.parametrize("name", [name for name in PICTURES if name.startswith("no ")])
def test_without_data_a_picture_says_so(name: str) -> None:
    """G7: no empty axes that look like zero."""
    assert "Nothing to show yet" in [text.text for text in parsed(PICTURES[name]).iter(f"{SVG}text")]


def test_the_same_values_are_drawn_in_the_same_way_in_every_process() -> None:
    """G7: sets have another order in another process; a picture has not."""
    drawing = (
        "import sys; from tests.segmentation.test_pictures import PICTURES; import hashlib;"
        "sys.stdout.write(hashlib.sha256(''.join(PICTURES.values()).encode()).hexdigest())"
    )
    runs = [
        subprocess.run([sys.executable, "-c", drawing], env={"PYTHONHASHSEED": seed}, cwd=ROOT, capture_output=True, text=True, check=True)
        for seed in ("1", "2")
    ]
    assert runs[0].stdout == runs[1].stdout != ""


@settings(deadline=None)
@given(MAPS, NAMES)
def test_any_map_is_whole(cells: list[Cell], title: str) -> None:
    """S1: every name is escaped, every segment is named once with its sum, and all customers are there."""
    root = check_whole(segment_map(cells, title=title), title)
    if sum(cell.customers for cell in cells):
        assert sum(numbers(of_class(root, "count"))) == sum(cell.customers for cell in cells) == sum(numbers(of_class(root, "sum")))
        assert len(of_class(root, "segment")) == len({cell.segment for cell in cells})
        told = root.findtext(f"{SVG}desc") or ""
        assert all(as_xml(cell.segment.replace("_", " ")) in told for cell in cells)


@settings(deadline=None)
@given(MATRICES, st.lists(NAMES, max_size=5), NAMES)
def test_any_migration_is_whole(matrix: dict[tuple[str, str], int], order: list[str], title: str) -> None:
    """S1: rows, columns and the whole add up to what was given, also for a segment that the order lacks."""
    root = check_whole(migration(matrix, order, title=title), title)
    customers = sum(matrix.values())
    if not customers:
        return
    names = {*order, *(name for move in matrix for name in move)}
    counts = np.array(numbers(of_class(root, "count")), dtype=object).reshape(len(names), len(names))
    totals = numbers(of_class(root, "total"))
    assert counts.sum() == customers == totals[-1]
    assert totals[:-1:2] == list(counts.sum(axis=1))
    assert totals[1:-1:2] == list(counts.sum(axis=0))
    assert Counter(counts.ravel()) == Counter([*matrix.values(), *[0] * (len(names) ** 2 - len(matrix))])


@settings(deadline=None)
@given(PYRAMIDS, NAMES)
def test_any_pyramid_is_whole(levels: list[Level], title: str) -> None:
    """S3: every name is escaped, every tier is there."""
    root = check_whole(pyramid(levels, title=title), title)
    if sum(level.customers for level in levels):
        assert len(of_class(root, "tier")) == len(of_class(root, "value")) == len(levels)


@settings(deadline=None)
@given(TRENDS, NAMES, NAMES)
def test_any_trend_is_whole(series: dict[str, list[tuple[date, float]]], title: str, unit: str) -> None:
    """G7: zero is on the axis, no line leaves it, no label covers another, and there are few marks."""
    root = check_whole(trend(series, title=title, unit=unit), title)
    if not any(abs(value) <= 1e300 for points in series.values() for _, value in points):
        return
    marks = of_class(root, "mark")
    assert "0" in [mark.text for mark in marks]
    assert 2 <= len(marks) <= 8
    assert 1 <= len(of_class(root, "day")) <= 7
    heights = [float(mark.get("y", "")) - 4 for mark in marks]
    drawn = [float(pair.split(",")[1]) for line in of_class(root, "series") for pair in re.findall(r"[\d.-]+,[\d.-]+", line.get("d", ""))]
    assert min(heights) - 0.02 <= min(drawn) <= max(drawn) <= max(heights) + 0.02
    labels = sorted(float(name.get("y", "")) for name in of_class(root, "name"))
    assert len(labels) == len(series)
    assert all(below - above >= 19.98 for above, below in itertools.pairwise(labels))


def test_every_segment_is_named_once_with_customers_and_share() -> None:
    """S1: with 1,000 customers of which 300 are loyal, loyal has 30 %."""
    cells = [Cell(5, 3, "loyal", 100, 5), Cell(4, 3, "loyal", 200, 5), Cell(1, 1, "lost", 700, 5)]
    root = parsed(segment_map(cells, title="Segments"))
    assert [name.text for name in of_class(root, "segment")] == ["loyal", "lost"]
    assert [one.text for one in of_class(root, "sum")] == ["300 · 30.0 %", "700 · 70.0 %"]


def test_parts_of_a_segment_that_lie_apart_are_named_without_a_sum() -> None:
    """S1: on the built-in map, about to sleep and hibernating each have a second part that touches the first at a corner alone."""
    root = parsed(PICTURES["map"])
    names = [text.text for text in root.iter(f"{SVG}text") if (text.text or "").replace(" ", "_") in {cell.segment for cell in CELLS}]
    assert Counter(names) - Counter(name.text for name in of_class(root, "segment")) == Counter(["about to sleep", "hibernating"])


def test_cells_stand_by_their_scores_and_segments_are_kept_apart() -> None:
    """S1: habit grows to the right, recency upwards; a gap of 10 pixels is between segments, and 1 inside them."""
    root = parsed(PICTURES["map"])
    boxes = dict(zip([cell[:2] for cell in CELLS], map(Box, of_class(root, "cell")), strict=True))
    named = {cell[:2]: cell.segment for cell in CELLS}
    for (recency, habit), box in boxes.items():
        if habit < 5:
            gap = boxes[recency, habit + 1].left - box.right
            assert gap == pytest.approx(1 if named[recency, habit] == named[recency, habit + 1] else 10)
        if recency > 1:
            gap = boxes[recency - 1, habit].top - box.bottom
            assert gap == pytest.approx(1 if named[recency, habit] == named[recency - 1, habit] else 10)


def test_the_more_customers_the_darker() -> None:
    """S1: levels part the square root of the share: 1 to 6 sixths squared, and none for nobody."""
    counts = [0, 1, 100, 101, 400, 401, 900, 1_600, 2_500, 2_501, 3_600]
    cells = [Cell(5 - index // 5, 1 + index % 5, "loyal", count, 1) for index, count in enumerate(counts)]
    drawn = of_class(parsed(segment_map(cells, title="Segments")), "cell")
    assert [cell.get("class") for cell in drawn] == [f"cell level{level}" for level in (0, 1, 1, 2, 2, 3, 3, 4, 5, 6, 6)]


def test_money_is_in_hundredths_and_exact() -> None:
    """S1: the mean value of a cell, also where a float would lose its last digits."""
    root = parsed(segment_map([Cell(1, 1, "lost", 1, -1_234_567_890_123_456_709)], title="Segments"))
    assert "mean -12,345,678,901,234,567.09" in [text.text for text in root.iter(f"{SVG}text")]


def test_a_name_that_is_cut_is_whole_in_its_tooltip() -> None:
    """G7: what does not fit is not lost."""
    label = of_class(parsed(PICTURES["map of one"]), "segment")[0]
    assert title_of(label) == CHINESE
    assert (label[0].tail or "").endswith("…")
    assert CHINESE.startswith((label[0].tail or "")[:-1])


@pytest.mark.parametrize(
    "cells",
    [[Cell(1, 1, "a", 1, 1), Cell(1, 1, "b", 1, 1)], [Cell(0, 1, "a", 1, 1)], [Cell(1, 6, "a", 1, 1)], [Cell(1, 1, "a", -1, 1)]],
    ids=["one place twice", "recency", "habit", "below zero"],
)
def test_a_map_that_can_not_be_is_refused(cells: list[Cell]) -> None:
    """S1: a wrong picture is worse than none."""
    with pytest.raises(ValueError, match=r"scores|score outside|below zero"):
        segment_map(cells, title="Segments")


def test_a_migration_shows_counts_row_shares_and_frames_who_stayed() -> None:
    """S1: of 12,345 loyal customers 12,000 stayed, which is 97.2 %; 6 of 6 at risk are lost."""
    root = parsed(PICTURES["migration"])
    told = {title_of(group): group for group in root.iter(f"{SVG}g")}
    assert "loyal → loyal: 12,000, 97.2 % of loyal" in told
    assert "at risk → lost: 6, 100.0 % of at risk" in told
    assert "new → new: 0, 0.0 % of new" in told
    framed = {title for title, group in told.items() if of_class(group, "frame")}
    assert {title.split(":")[0] for title in framed} == {f"{name} → {name}" for name in ("new", "loyal", "at risk", "lost")}
    turned = [text.text for text in root.iter(f"{SVG}text") if "rotate(-45" in text.get("transform", "")]
    assert turned == ["new", "loyal", "at risk", "lost", "All before"]


def test_a_segment_that_the_order_lacks_comes_last() -> None:
    """S1: nobody is left out of the matrix because a name is new."""
    root = parsed(migration({("b", "a"): 1, ("z", "new"): 2}, ["z"], title="Moves"))
    assert [name.text for name in of_class(root, "name")] == ["z", "a", "b", "new"]


def test_moves_of_fewer_than_nobody_are_refused() -> None:
    """S1: a wrong picture is worse than none."""
    with pytest.raises(ValueError, match="below zero"):
        migration({("a", "b"): -1}, [], title="Moves")


def mean_width(tier: ElementTree.Element) -> float:
    xs = [float(pair.split(",")[0]) for pair in tier.get("points", "").split()]
    return (xs[1] - xs[0] + xs[2] - xs[3]) / 2


def test_tiers_and_value_are_drawn_on_one_scale() -> None:
    """S3: 80 % of customers are four times as wide as 20 % of value is long; the smallest is wide enough to be seen."""
    root = parsed(PICTURES["pyramid"])
    widths = [mean_width(tier) for tier in of_class(root, "tier")]
    lengths = [Box(bar).width for bar in of_class(root, "value")]
    assert widths == sorted(widths)
    assert widths[0] == 30
    assert widths[3] / widths[2] == pytest.approx(0.8 / 0.15, rel=0.001)
    assert widths[3] / lengths[3] == pytest.approx(4, rel=0.001)
    assert lengths[2] / lengths[1] == pytest.approx(35 / 25, rel=0.001)


def test_value_below_zero_goes_to_the_left() -> None:
    """S3: customers who cost more than they bring, and others who then have more than all."""
    root = parsed(pyramid([Level("top", 1, 0.1, 1.4), Level("below zero", 9, 0.9, -0.4)], title="Value"))
    above, below = map(Box, of_class(root, "value"))
    assert above.left == pytest.approx(below.right)
    assert above.width / below.width == pytest.approx(3.5, rel=0.001)
    assert "-40.0 %" in [text.text for text in root.iter(f"{SVG}text")]


def test_what_there_is_is_never_written_as_nothing() -> None:
    """S3: one platinum customer among a hundred thousand."""
    root = parsed(pyramid([Level("platinum", 1, 0.00001, 0.0), Level("lead", 99_999, 0.99999, 1.0)], title="Value"))
    assert "<0.1 %" in [text.text for text in root.iter(f"{SVG}text")]


def test_a_legend_has_only_levels_that_can_be() -> None:
    """S1: of three customers a cell has 1, 2 or 3; a million and more are written short."""
    few = parsed(segment_map([Cell(1, 1, "lost", 3, 1)], title="Segments"))
    many = parsed(segment_map([Cell(1, 1, "lost", 36_000_000, 1)], title="Segments"))
    assert [text.text for text in few.iter(f"{SVG}text")][-3:] == ["1", "2", "3"]
    assert [text.text for text in many.iter(f"{SVG}text")][-6:] == ["1.0 M", "4.0 M", "9.0 M", "16.0 M", "25.0 M", "36.0 M"]


def test_there_is_no_zero_below_zero() -> None:
    """G7: a loss that rounds to nothing is 0."""
    root = parsed(trend({"a": [(DAY, 50.0), (DAY + timedelta(1), -0.2)], "b": [(DAY, -60.0)]}, title="Trend", unit="%"))
    assert [label.text for label in of_class(root, "newest")] == ["0", "-60"]


@pytest.mark.parametrize("level", [Level("a", -1, 0.1, 0.1), Level("a", 1, -0.1, 0.1), Level("a", 1, math.nan, 0.1), Level("a", 1, 0.1, math.inf)])
def test_a_level_that_can_not_be_is_refused(level: Level) -> None:
    """S3: a wrong picture is worse than none."""
    with pytest.raises(ValueError, match="can not be"):
        pyramid([level], title="Value")


@pytest.mark.parametrize(
    ("low", "high", "marks"),
    [
        (3, 97, "0 20 40 60 80 100"),
        (0, 0.03, "0 0.01 0.02 0.03"),
        (12, 12_400, "0 2,500 5,000 7,500 10,000 12,500"),
        (-3, 7, "-4 -2 0 2 4 6 8"),
        (-9, -1, "-10 -8 -6 -4 -2 0"),
        (0, 0, "0 0.2 0.4 0.6 0.8 1"),
    ],
)
def test_axes_have_zero_and_round_marks(low: float, high: float, marks: str) -> None:
    """G7: 1, 2, 2.5 or 5 times a power of ten, from zero or below to all of the values."""
    root = parsed(trend({"a": [(DAY, low), (DAY + timedelta(1), high)]}, title="Trend", unit="%"))
    assert [mark.text for mark in of_class(root, "mark")] == marks.split()


def test_lines_are_true_to_their_values() -> None:
    """G7: by the marks of its axis, each corner of a line stands at its value and its day."""
    root = parsed(PICTURES["trend"])
    values = [float((mark.text or "").replace(",", "")) for mark in of_class(root, "mark")]
    heights = [float(mark.get("y", "")) - 4 for mark in of_class(root, "mark")]
    slope, zero = np.polyfit(heights, values, 1)
    for line, points in zip(of_class(root, "series"), SERIES.values(), strict=True):
        pairs = [tuple(map(float, pair.split(","))) for pair in re.findall(r"[\d.]+,[\d.]+", line.get("d", ""))]
        assert [slope * y + zero for _, y in pairs] == pytest.approx([value for _, value in points], abs=1)
        steps = np.diff([x for x, _ in pairs])
        assert steps == pytest.approx(np.full(len(points) - 1, 600 / 89), abs=0.02)


def test_a_value_that_is_no_number_is_a_gap() -> None:
    """G7: no line is drawn over what is not known, and a series without values says so."""
    points = [(DAY + timedelta(2), 3.0), (DAY, 1.0), (DAY + timedelta(1), math.nan), (DAY + timedelta(3), 4.0)]
    root = parsed(trend({"a": points, "b": []}, title="Trend", unit="%"))
    (line,) = of_class(root, "series")
    assert [len(run.split()) for run in line.get("d", "").split("M")[1:]] == [1, 2]
    assert [label.text for label in of_class(root, "newest")] == ["4", "no value"]


@settings(deadline=None)
@given(st.lists(st.integers(0, 100), min_size=1, max_size=30))
def test_labels_stand_as_near_to_their_lines_as_can_be(values: list[int]) -> None:
    """G7: least squares under an order, as scipy solves it."""
    root = parsed(trend({str(index): [(DAY, value)] for index, value in enumerate(values)}, title="Trend", unit="%"))
    dots = [float(dot.get("cy", "")) for dot in root.iter(f"{SVG}circle")]
    labels = [float(label.get("y", "")) - 4 for label in of_class(root, "name")]
    order = sorted(range(len(dots)), key=lambda index: dots[index])
    top, height = 108, max(340, 20 * len(dots))
    free = isotonic_regression([dots[index] - 20 * place for place, index in enumerate(order)]).x
    placed = np.clip(free, top, top + height - 20 * (len(dots) - 1)) + 20 * np.arange(len(dots))
    assert [labels[index] for index in order] == pytest.approx(list(placed), abs=0.05)


@pytest.mark.parametrize(
    ("days", "marks"),
    [
        (0, ["2026-11-02"]),
        (3, ["2026-11-02", "2026-11-03", "2026-11-04", "2026-11-05"]),
        (20, ["2026-11-02", "2026-11-09", "2026-11-16"]),
        (150, ["2026-12", "2027-01", "2027-02", "2027-03", "2027-04"]),
        (1_200, ["2027", "2028", "2029", "2030"]),
    ],
)
def test_days_are_marked_by_days_months_or_years(days: int, marks: list[str]) -> None:
    """G7: few marks, on days that people count by."""
    root = parsed(trend({"a": [(DAY, 1), (DAY + timedelta(days), 2)]}, title="Trend", unit="%"))
    assert [mark.text for mark in of_class(root, "day")] == marks


def colours(scheme: str) -> dict[str, np.ndarray]:
    """Linear red, green and blue of every class, as the picture's own style has them for `light` or `dark`."""
    light, dark = (parsed(PICTURES["map"]).findtext(f"{SVG}style") or "").split("@media")
    found = re.findall(r"\.(\w+) \{ (?:fill|stroke): #(\w{6}) \}", light if scheme == "light" else dark)
    channels = {name: np.array([int(code[at : at + 2], 16) for at in (0, 2, 4)]) / 255 for name, code in found}
    return {name: np.where(one <= 0.04045, one / 12.92, ((one + 0.055) / 1.055) ** 2.4) for name, one in channels.items()}


def contrast(one: np.ndarray, other: np.ndarray) -> float:
    """WCAG 2.1."""
    lights = sorted(float(colour @ [0.2126, 0.7152, 0.0722]) for colour in (one, other))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read_on_what_it_stands_on(scheme: str) -> None:
    """G7: WCAG 2.1 AA: 4.5 for text, 3 for lines; and each level of the blue differs in lightness from the one before, in one direction."""
    colour = colours(scheme)
    grounds = [("ink", "back"), ("soft", "back"), ("soft", "level0"), *((f"on{level}", f"level{level}") for level in range(7))]
    assert min(contrast(colour[text], colour[ground]) for text, ground in grounds) >= 4.5
    assert min(contrast(colour[f"line{hue}"], colour["back"]) for hue in range(6)) >= 3
    lights = [float(colour[f"level{level}"] @ [0.2126, 0.7152, 0.0722]) for level in range(7)]
    assert lights == sorted(lights, reverse=scheme == "light")


def lab(linear: np.ndarray) -> np.ndarray:
    """CIE L*a*b* for the white D65."""
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ linear / [0.9505, 1, 1.089]
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


# Machado, Oliveira and Fernandes (2009), severity 1.
SEEN = {
    "all colours": np.eye(3),
    "protanopia": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),
    "deuteranopia": np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]),
    "tritanopia": np.array([[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]),
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("seen", SEEN)
def test_hues_stay_apart_for_the_colour_blind(scheme: str, seen: str) -> None:
    """G7: at least 15 CIE76 units (2.3 can just be noticed) between any two lines, however colours are seen."""
    colour = colours(scheme)
    hues = [lab(np.clip(SEEN[seen] @ colour[f"line{hue}"], 0, 1)) for hue in range(6)]
    assert min(float(np.linalg.norm(one - other)) for one, other in itertools.combinations(hues, 2)) >= 15
