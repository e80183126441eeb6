"""S12: rows and labels from a shop's invoices know nothing of what comes later, and what is learned of them holds at a later time."""

from __future__ import annotations

import lzma
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from services.segmentation.training import card as cards
from services.segmentation.training import purchases
from services.segmentation.training.compare import compare
from services.segmentation.training.files import BadFile
from services.segmentation.training.fit import Table, fit
from services.segmentation.training.metrics import Floats, evaluate
from tests.datasets import dataset

DOCS = Path(__file__).parents[2] / "docs" / "models"
PAGE = (DOCS / "online-retail.md").read_text()
Line = tuple[str, str, int, date, str, str | None]
"""Invoice, product, quantity, day, price, customer."""
INVOICES: list[Line] = [
    ("1", "p", 10, date(2026, 1, 1), "2.00", "a"),
    ("1", "q", 1, date(2026, 1, 1), "5.00", "a"),
    ("2", "p", 1, date(2026, 3, 1), "3.00", "a"),  # 30 days before the end of March: not in the last 30
    ("2", "r", 4, date(2026, 3, 1), "0.00", "a"),  # costs nothing
    ("3", "s", 7, date(2026, 3, 2), "1.00", "a"),
    ("C4", "s", -7, date(2026, 3, 31), "1.00", "a"),
    ("C5", "p", -1, date(2026, 4, 15), "3.00", "a"),  # no purchase
    ("6", "t", 1, date(2026, 6, 30), "1.00", "a"),  # 91 days after the end of March
    ("7", "p", 2, date(2026, 3, 31), "1.50", "b"),
    ("8", "p", 1, date(2026, 3, 31), "1.50", "b"),
    ("9", "p", 1, date(2026, 6, 29), "1.50", "b"),  # 90 days after the end of March
    ("C10", "p", -1, date(2026, 3, 1), "1.50", "c"),
    ("11", "p", 1, date(2026, 4, 1), "1.50", "d"),
    ("12", "p", 1, date(2026, 7, 29), "1.50", None),  # as far as the data reaches
]


def rows(lines: list[Line]) -> list[dict[str, Any]]:
    columns: list[list[Any]] = [list(column) for column in zip(*lines, strict=True)]
    columns[3] = [datetime.combine(day, datetime.min.time()) for day in columns[3]]
    columns[4] = [Decimal(price) for price in columns[4]]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, purchases.LINES, strict=True)]
    found: list[dict[str, Any]] = purchases.rows(pa.table(arrays, schema=purchases.LINES)).to_pylist()
    return found


def seen(lines: list[Line]) -> dict[tuple[str, str], dict[str, Any]]:
    """By customer and day."""
    return {(row.pop("customer"), row.pop("day")): row for row in rows(lines)}


def test_rows_and_labels_are_those_worked_out_by_hand() -> None:
    """S12: a cancellation is no purchase, a line that costs nothing neither; windows begin and end on the day they should."""
    found = seen(INVOICES)
    assert set(found) == {("a", "2026-03-31"), ("b", "2026-03-31"), ("a", "2026-04-30"), ("b", "2026-04-30"), ("d", "2026-04-30")}
    assert found["a", "2026-03-31"] == {
        "recency_days": 29, "days_since_first": 89, "purchase_days": 3, "mean_gap_days": 30.0, "recency_in_gaps": 29 / 30, "invoices_30_days": 1,
        "invoices_90_days": 3, "invoices_180_days": 3, "invoices_so_far": 3, "pounds_30_days": 7.0, "pounds_90_days": 35.0, "pounds_180_days": 35.0,
        "pounds_so_far": 35.0, "newer_half_of_pounds": 1.0, "products_so_far": 3, "cancellations_so_far": 1, "churned": "yes",
    }  # fmt: skip
    assert found["a", "2026-04-30"] == {
        "recency_days": 59, "days_since_first": 119, "purchase_days": 3, "mean_gap_days": 30.0, "recency_in_gaps": 59 / 30, "invoices_30_days": 0,
        "invoices_90_days": 2, "invoices_180_days": 3, "invoices_so_far": 3, "pounds_30_days": 0.0, "pounds_90_days": 10.0, "pounds_180_days": 35.0,
        "pounds_so_far": 35.0, "newer_half_of_pounds": 10 / 35, "products_so_far": 3, "cancellations_so_far": 2, "churned": "no",
    }  # fmt: skip
    assert found["b", "2026-03-31"] == {
        "recency_days": 0, "days_since_first": 0, "purchase_days": 1, "mean_gap_days": None, "recency_in_gaps": None, "invoices_30_days": 2,
        "invoices_90_days": 2, "invoices_180_days": 2, "invoices_so_far": 2, "pounds_30_days": 4.5, "pounds_90_days": 4.5, "pounds_180_days": 4.5,
        "pounds_so_far": 4.5, "newer_half_of_pounds": 1.0, "products_so_far": 1, "cancellations_so_far": 0, "churned": "no",
    }  # fmt: skip
    assert [found[one, "2026-04-30"]["churned"] for one in "bd"] == ["no", "yes"]


def test_a_day_is_observed_with_90_days_before_and_after() -> None:
    """S12: with a day less at either end it is not."""
    later_start = [(*one[:3], max(one[3], date(2026, 1, 2)), *one[4:]) for one in INVOICES]
    sooner_end = [(*one[:3], min(one[3], date(2026, 7, 28)), *one[4:]) for one in INVOICES]
    assert [{day for _, day in seen(lines)} for lines in (later_start, sooner_end)] == [{"2026-04-30"}, {"2026-03-31"}]


def test_who_bought_180_days_ago_is_not_observed() -> None:
    """S12: 179 days ago is; what they bought before the last 180 days is in what they bought so far alone."""
    first, reach = date(2026, 1, 1), ("9", "p", 1, date(2026, 9, 28), "1.00", None)
    found = seen([("1", "p", 1, first, "1.00", "a"), ("2", "p", 1, first, "2.00", "b"), ("3", "p", 1, first + timedelta(days=1), "3.00", "b"), reach])
    assert [who for who, day in found if day == "2026-05-31"] == ["a", "b"]
    assert [who for who, day in found if day == "2026-06-30"] == ["b"]
    last = found["b", "2026-06-30"]
    assert (last["recency_days"], last["pounds_90_days"], last["pounds_180_days"], last["pounds_so_far"]) == (179, 0.0, 3.0, 5.0)


def some_lines(first: date, last: date) -> st.SearchStrategy[list[Line]]:
    one = st.tuples(
        st.sampled_from(["1", "2", "3", "C4", "C5"]), st.sampled_from("pqr"), st.integers(-3, 9), st.dates(first, last),
        st.sampled_from(["0.00", "0.07", "1.10", "2.95"]), st.sampled_from(["a", "b", None]),
    )  # fmt: skip
    return st.lists(one, min_size=1, max_size=15)


@settings(max_examples=12, deadline=None)
@given(some_lines(date(2026, 1, 1), date(2026, 12, 31)), some_lines(date(2026, 7, 1), date(2026, 7, 9)))
def test_nothing_later_moves_a_row(lines: list[Line], later: list[Line]) -> None:
    """S12: with invoices added after June, all that is said of June and before stays the same to the bit, but for the label."""
    reach: list[Line] = [("8", "p", 1, date(2026, 1, 1), "1.00", "a"), ("9", "p", 1, date(2026, 12, 31), "1.00", None)]
    before, after = ([row for row in rows(one) if row["day"] <= "2026-06-30"] for one in (reach + lines, later + reach + lines))
    assert before
    for row in (*before, *after):
        row.pop("churned")
    assert before == after


@pytest.mark.parametrize("text", ["InvoiceNo\n1\n", None])
def test_a_file_that_holds_no_invoices_is_refused(tmp_path: Path, text: str | None) -> None:
    """S12"""
    path = tmp_path / "lines.csv.xz"
    if text is not None:
        path.write_bytes(lzma.compress(text.encode()))
    with pytest.raises(BadFile, match="can not be read"):
        purchases.written(path, tmp_path)


def times(table: Table) -> NDArray[np.int64]:
    assert table.times is not None
    return table.times


def auc(table: Table, probabilities: Floats, chosen: NDArray[np.bool_]) -> float:
    return evaluate(table.labels[chosen], probabilities[chosen], draws=0)["auc"].value


def test_what_is_learned_of_a_real_shop_holds_at_a_later_time() -> None:
    """S12: Online Retail: learned until April, asked of July and August, also of other customers alone; the figures are those of its page."""
    table = cards.public("online-retail", dataset("online_retail_I.csv.xz").parent, DOCS).table
    assert (len(table.labels), len(np.unique(table.groups))) == (17_176, 3_317)
    comparison = compare(table, horizon_days=90, learners={}, draws=0)
    held, known = table.only(comparison.held_out.positions), table.only(np.flatnonzero(times(table) <= date(2011, 4, 30).toordinal()))
    assert sorted(set(times(held))) == [date(2011, 7, 31).toordinal(), date(2011, 8, 31).toordinal()]
    stated = float(PAGE.split("| AUC | ")[1].split()[0])
    assert 0.75 < comparison.rows[0].figures["auc"].value == pytest.approx(stated, abs=0.002)
    came_later, found = ~np.isin(held.groups, known.groups), comparison.held_out.probabilities
    assert came_later.mean() == pytest.approx(0.3, abs=0.02)
    assert (auc(held, found, came_later), auc(held, found, ~came_later)) == pytest.approx((0.62, 0.79), abs=0.01)
    others = fit(known.only(np.flatnonzero(known.groups % 2 == 0))).probability(held.rows)
    assert auc(held, others, held.groups % 2 == 1) == pytest.approx(auc(held, found, held.groups % 2 == 1), abs=0.01)


def test_the_page_says_that_it_is_no_telecom() -> None:
    """S12"""
    assert PAGE.index("THIS IS A SHOP, NOT TELECOM") < PAGE.index("AUC")
