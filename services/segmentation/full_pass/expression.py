"""The full pass over all customers, as expressions that DuckDB runs on one machine and Spark on many, with the same result.

1. `purchases` has one row per customer who ever bought.
2. `cuts` finds the points by the rule of `rfm.Cut`, from the distinct values of each population instead of all its customers.
3. `scores` counts the points that a customer reaches, which is exactly their percent rank (`rfm.py`).

Only whole numbers are compared, and nothing is divided: engines differ in what they make of a half and of a rank as a float.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from functools import reduce
from operator import add

import ibis
from ibis.expr.operations import Cast

from services.segmentation.rfm import SCORES, CutPoints

# `active_day`: of a prepaid customer's last chargeable event, or null. `payments`: 0 when there are only reversals.
CUSTOMERS = ibis.schema({"customer_id": "string", "population": "string", "active_day": "date"})
PURCHASE_DAYS = ibis.schema({"customer_id": "string", "day": "date", "payments": "int64", "paid_minor": "int64"})
# What days of purchase sum up. An amount below zero is a reversal.
TRANSACTIONS = ibis.schema({"customer_id": "string", "day": "date", "amount_minor": "int64"})

MEASURES = CutPoints._fields
MASK_DAYS = 63  # bits of a whole number without its sign
DAY_ZERO = date(1, 1, 1)  # no day is before it, so days counted from it are bits of a mask

_ABOVE_THE_WORST = range(2, SCORES + 1)


def purchases(customers: ibis.Table, purchase_days: ibis.Table) -> ibis.Table:
    """customer_id, population, last_day, frequency in days, monetary_minor; of those who ever paid."""
    bought = purchase_days.payments > 0
    paid = purchase_days.group_by("customer_id").aggregate(
        paid_day=purchase_days.day.max(where=bought),
        frequency=purchase_days.count(where=bought),
        monetary_minor=_whole(purchase_days.paid_minor.sum()),
    )
    return _with_population(paid, customers)


def purchases_of_transactions(customers: ibis.Table, transactions: ibis.Table) -> ibis.Table:
    """As `purchases`. Two masks hold the days of a span, so that a row in between stands for 126 days and not for one."""
    bought = transactions.amount_minor >= 0
    number = _days_since(DAY_ZERO, transactions.day)
    place = number % (2 * MASK_DAYS)
    bit = _whole(ibis.literal(1)) << (place % MASK_DAYS).cast("int32")
    spans = transactions.group_by("customer_id", span=(number - place).cast("int32")).aggregate(
        paid_day=transactions.day.max(where=bought),
        early=_bit_or(ibis.ifelse(bought & (place < MASK_DAYS), bit, 0)),
        late=_bit_or(ibis.ifelse(bought & (place >= MASK_DAYS), bit, 0)),
        paid_minor=transactions.amount_minor.sum(),
    )
    paid = spans.group_by("customer_id").aggregate(
        paid_day=spans.paid_day.max(),
        frequency=_whole((_bit_count(spans.early) + _bit_count(spans.late)).sum()),
        monetary_minor=_whole(spans.paid_minor.sum()),
    )
    return _with_population(paid, customers)


def cuts(purchases: ibis.Table, *, as_of: date) -> ibis.Table:
    """population, customers (in it), as_of, measure (r, f, m), score (2 to 5), point; the point is null where ties leave the score to nobody.

    Of recency the point is the most days before `as_of` that reach the score, of the others the least value.
    """
    values = ibis.union(*(_histogram(purchases, measure, as_of) for measure in MEASURES))
    everybody = ibis.window(group_by=[values.population, values.measure])
    this_or_worse = ibis.window(group_by=[values.population, values.measure], order_by=values.worth, preceding=None, following=0)
    ranked = values.mutate(
        customers=_whole(values.holders.sum().over(everybody)),
        worse=values.holders.sum().over(this_or_worse) - values.holders,
    )
    reach = {_name(score): ranked.worth.min(where=SCORES * ranked.worse >= (score - 1) * ranked.customers) for score in _ABOVE_THE_WORST}
    found = ranked.group_by("population", "customers", "measure").aggregate(**reach)
    points = [ibis.struct({"score": _whole(ibis.literal(score)), "worth": found[_name(score)]}) for score in _ABOVE_THE_WORST]
    each = found.select("population", "customers", "measure", reached=ibis.array(points).unnest())
    worth = each.reached["worth"]
    point = ibis.ifelse(each.measure == "r", -worth, worth)
    return each.select("population", "customers", "measure", as_of=ibis.date(as_of), score=each.reached["score"], point=point)


def scores(purchases: ibis.Table, cuts: ibis.Table, *, as_of: date) -> ibis.Table:
    """The purchases, with r, f and m from 1 to 5."""
    points = {
        _name(score, measure): cuts.point.max(where=(cuts.measure == measure) & (cuts.score == score)) for measure in MEASURES for score in _ABOVE_THE_WORST
    }
    both = purchases.join(cuts.group_by("population").aggregate(**points), "population")
    recency_days = -_days_since(as_of, both.last_day)
    return both.select(
        *purchases.columns,
        r=_score(recency_days <= both[_name(score, "r")] for score in _ABOVE_THE_WORST),
        f=_score(both.frequency >= both[_name(score, "f")] for score in _ABOVE_THE_WORST),
        m=_score(both.monetary_minor >= both[_name(score, "m")] for score in _ABOVE_THE_WORST),
    )


def _with_population(paid: ibis.Table, customers: ibis.Table) -> ibis.Table:
    both = paid.filter(paid.frequency > 0).join(customers, "customer_id")
    last_day = ibis.greatest(both.paid_day, both.active_day.fill_null(both.paid_day))
    return both.select(both.customer_id, both.population, last_day.name("last_day"), both.frequency, both.monetary_minor)


def _histogram(purchases: ibis.Table, measure: str, as_of: date) -> ibis.Table:
    """population, measure, worth, holders. More is better: recency is counted backwards."""
    worth = {"r": _days_since(as_of, purchases.last_day), "f": purchases.frequency, "m": purchases.monetary_minor}
    counted = purchases.group_by("population", worth=worth[measure]).aggregate(holders=purchases.count())
    return counted.select("population", ibis.literal(measure).name("measure"), "worth", "holders")


def _days_since(day: date, column: ibis.Value) -> ibis.Value:
    return column.delta(ibis.date(day), unit="day")


def _score(reached: Iterable[ibis.Value]) -> ibis.Value:
    """A point that is null is not reached."""
    return reduce(add, (ibis.ifelse(one, 1, 0) for one in reached), ibis.literal(1)).cast("int32")


def _name(score: int, measure: str = "point") -> str:
    return f"{measure}_{score}"


def _whole(value: ibis.Value) -> ibis.Value:
    """In 64 bits, also where Ibis believes that it is: DuckDB sums in 128, which Parquet keeps as a float."""
    return Cast(value, to="int64").to_expr()


def _of_mask(mask: int) -> int:
    raise NotImplementedError("an engine does it")


# Both engines have these by the same names, and Ibis for one of them at most.
_bit_or = ibis.udf.agg.builtin(_of_mask, name="bit_or")
_bit_count = ibis.udf.scalar.builtin(_of_mask, name="bit_count")
