"""Online Retail: months, RFM scores, pymc-marketing's summary and the total, computed again from the file."""

from __future__ import annotations

import warnings
from datetime import date
from typing import Any

from deploy.replay.proof.expected import Check, Expected, compare
from deploy.replay.proof.stored import Stored

RECEIVED, REVERSED = "billing.payment_received.v1", "billing.payment_reversed.v1"

# DuckDB rounds a DECIMAL's halves away from zero.
MONEY = """
CREATE VIEW money AS
SELECT
    regexp_replace(CustomerID, '[.]0$', '') AS customer,
    CAST(InvoiceDate AS TIMESTAMP) AS moment,
    CAST(Quantity AS DECIMAL(12, 0)) * CAST(UnitPrice AS DECIMAL(12, 3)) AS amount,
    CAST(round(abs(CAST(Quantity AS DECIMAL(12, 0)) * CAST(UnitPrice AS DECIMAL(12, 3))) * 100) AS BIGINT) AS pence
FROM lines
"""

MONTHS = """
SELECT
    customer, strftime(moment, '%Y-%m') AS month,
    count(*) FILTER (amount > 0), sum(pence) FILTER (amount > 0), count(*) FILTER (amount < 0), sum(pence) FILTER (amount < 0)
FROM money WHERE pence > 0 AND customer IS NOT NULL GROUP BY ALL
"""

SCORES = """
WITH purchases AS (
    SELECT
        customer,
        max(CAST(moment AS DATE)) FILTER (amount > 0) AS last_day,
        count(DISTINCT CAST(moment AS DATE)) FILTER (amount > 0) AS frequency,
        sum(CASE WHEN amount > 0 THEN pence ELSE -pence END) AS monetary
    FROM money WHERE pence > 0 AND customer IS NOT NULL GROUP BY customer HAVING frequency > 0
)
SELECT
    customer, last_day, frequency, monetary,
    1 + 5 * (rank() OVER (ORDER BY last_day) - 1) // count(*) OVER (),
    1 + 5 * (rank() OVER (ORDER BY frequency) - 1) // count(*) OVER (),
    1 + 5 * (rank() OVER (ORDER BY monetary) - 1) // count(*) OVER ()
FROM purchases
"""

KINDS = """
SELECT
    CASE WHEN customer IS NULL THEN 'parked' ELSE 'applied' END, CASE WHEN amount > 0 THEN 'received' ELSE 'reversed' END, count(*), sum(pence)
FROM money WHERE pence > 0 GROUP BY ALL
"""


async def prove(expected: Expected, stored: Stored, as_of: date) -> list[Check]:
    expected.run(MONEY)
    return [
        compare("rollups: payments and reversals, count and sum, per customer and month", _months(expected), await stored.months()),
        compare("RFM: last day, frequency, monetary and three percent-rank scores, per customer", _scores(expected), await _stored_scores(stored)),
        compare("pymc-marketing rfm_summary: frequency, recency and T, per customer", _summary(expected, as_of), await _stored_summary(stored, as_of)),
        *await _money(expected, stored),
    ]


def _months(expected: Expected) -> dict[tuple[str, str], dict[str, int]]:
    # The replay says that each payment was made by card.
    names = ("payments", "paid_minor", "reversals", "reversed_minor", "payments_card")
    found = {}
    for customer, month, payments, paid, reversals, reversed_ in expected.run(MONTHS):
        measures = zip(names, (payments, paid, reversals, reversed_, payments), strict=True)
        found[customer, month] = {name: int(value) for name, value in measures if value}
    return found


def _scores(expected: Expected) -> dict[str, tuple[Any, ...]]:
    return {customer: (day.isoformat(), frequency, int(monetary), *scores) for customer, day, frequency, monetary, *scores in expected.run(SCORES)}


async def _stored_scores(stored: Stored) -> dict[str, tuple[Any, ...]]:
    rows = await stored.rows("segmentation", "SELECT customer_id, last_day, frequency, monetary_minor, r, f, m FROM rfm")
    return {row.customer_id: (str(row.last_day), *row[2:]) for row in rows}


def _summary(expected: Expected, as_of: date) -> dict[str, tuple[int, int, int]]:
    """It counts repeat days: frequency is one less than the days with a purchase. Cancellations are no purchases to either."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pymc_marketing.clv.utils import rfm_summary
    transactions = expected.frame("SELECT customer, moment FROM money WHERE amount > 0 AND customer IS NOT NULL")
    summary = rfm_summary(transactions, "customer", "moment", observation_period_end=as_of.isoformat())
    return {row.customer_id: (int(row.frequency), int(row.recency), int(row.T)) for row in summary.itertuples()}


async def _stored_summary(stored: Stored, as_of: date) -> dict[str, tuple[int, int, int]]:
    sql = "SELECT customer_id, min(day) AS first, max(day) AS last, count(*) AS days FROM purchase_days WHERE payments > 0 GROUP BY customer_id"
    found = {}
    for row in await stored.rows("segmentation", sql):
        first, last = date.fromisoformat(str(row.first)), date.fromisoformat(str(row.last))
        found[row.customer_id] = (row.days - 1, (last - first).days, (as_of - first).days)
    return found


async def _money(expected: Expected, stored: Stored) -> list[Check]:
    types = {"received": RECEIVED, "reversed": REVERSED}
    by_kind = {(state, types[kind]): (count, int(pence)) for state, kind, count, pence in expected.run(KINDS)}
    held = await stored.money()
    total = sum(pence if kind == RECEIVED else -pence for (_, kind), (_, pence) in held.items())
    ((exact,),) = expected.run("SELECT round(sum(amount), 2) FROM money")
    return [
        compare("events stored and parked, count and sum, per type", by_kind, held),
        compare(f"sum(quantity x price) of all lines, to the penny: {exact:,.2f}", {"total": exact * 100}, {"total": total}),
    ]
