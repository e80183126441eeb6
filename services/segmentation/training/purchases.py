"""A table to train on from the invoices of a shop: a row for each customer and month end, of what happened until that day and what came after.

Purchases are lines of invoices that are no cancellation, with a quantity and a price above zero. Lines without a customer say only how far the data
reaches. A customer is observed on month ends with 90 days of data until then and 90 after, if they bought within the 180 days until then. They
churned if they bought nothing in the 90 days after. All else in a row is of that day and before. The columns are in docs/models/online-retail.toml.
"""

from __future__ import annotations

import lzma
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from services.segmentation.training.files import BadFile

LINES = pa.schema({
    "InvoiceNo": pa.string(), "StockCode": pa.string(), "Quantity": pa.int64(), "InvoiceDate": pa.timestamp("s"), "UnitPrice": pa.decimal128(12, 3),
    "CustomerID": pa.string(),
})  # fmt: skip
"""Prices are decimals, for sums of them do not depend on the order."""

STATEMENT = """
WITH bounds AS (
    SELECT min(InvoiceDate)::DATE AS first_day, max(InvoiceDate)::DATE AS last_day FROM lines
), observed AS (
    SELECT last_day(month)::DATE AS day
    FROM bounds, unnest(generate_series(date_trunc('month', first_day), last_day::TIMESTAMP, INTERVAL 1 MONTH)) AS months(month)
    WHERE day - 89 >= first_day AND day + 90 <= bounds.last_day
), known AS (
    SELECT
        CustomerID AS customer, InvoiceNo AS invoice, StockCode AS product, InvoiceDate::DATE AS day, Quantity * UnitPrice AS pounds,
        starts_with(InvoiceNo, 'C') AS cancels, NOT cancels AND Quantity > 0 AND UnitPrice > 0 AS buys
    FROM lines WHERE CustomerID IS NOT NULL
), purchase AS (
    SELECT customer, day, count(DISTINCT invoice) AS invoices, sum(pounds) AS pounds FROM known WHERE buys GROUP BY ALL
), cancellation AS (
    SELECT customer, day, count(DISTINCT invoice) AS invoices FROM known WHERE cancels GROUP BY ALL
), novelty AS (
    SELECT customer, min(day) AS day FROM known WHERE buys GROUP BY customer, product
), bought AS (
    SELECT
        customer, observed.day,
        observed.day - max(purchase.day) AS recency_days,
        observed.day - min(purchase.day) AS days_since_first,
        count(*) AS purchase_days,
        sum(invoices) FILTER (purchase.day > observed.day - 30) AS invoices_30_days,
        sum(invoices) FILTER (purchase.day > observed.day - 90) AS invoices_90_days,
        sum(invoices) FILTER (purchase.day > observed.day - 180) AS invoices_180_days,
        sum(invoices) AS invoices_so_far,
        sum(pounds) FILTER (purchase.day > observed.day - 30) AS pounds_30_days,
        sum(pounds) FILTER (purchase.day > observed.day - 90) AS pounds_90_days,
        sum(pounds) FILTER (purchase.day > observed.day - 180) AS pounds_180_days,
        sum(pounds) AS pounds_so_far,
        (days_since_first - recency_days) / nullif(purchase_days - 1, 0) AS mean_gap_days
    FROM purchase JOIN observed ON purchase.day <= observed.day
    GROUP BY customer, observed.day
    HAVING recency_days < 180
)
SELECT
    customer,
    strftime(day, '%Y-%m-%d') AS day,
    recency_days, days_since_first, purchase_days, mean_gap_days,
    recency_days / mean_gap_days AS recency_in_gaps,
    coalesce(invoices_30_days, 0)::BIGINT AS invoices_30_days,
    coalesce(invoices_90_days, 0)::BIGINT AS invoices_90_days,
    invoices_180_days::BIGINT AS invoices_180_days,
    invoices_so_far::BIGINT AS invoices_so_far,
    coalesce(pounds_30_days, 0)::DOUBLE AS pounds_30_days,
    coalesce(pounds_90_days, 0)::DOUBLE AS pounds_90_days,
    pounds_180_days::DOUBLE AS pounds_180_days,
    pounds_so_far::DOUBLE AS pounds_so_far,
    coalesce(pounds_90_days, 0)::DOUBLE / pounds_180_days::DOUBLE AS newer_half_of_pounds,
    (SELECT count(*) FROM novelty WHERE novelty.customer = bought.customer AND novelty.day <= bought.day) AS products_so_far,
    (SELECT coalesce(sum(invoices), 0)::BIGINT FROM cancellation AS c WHERE c.customer = bought.customer AND c.day <= bought.day) AS cancellations_so_far,
    CASE WHEN EXISTS (
        SELECT 1 FROM purchase WHERE purchase.customer = bought.customer AND purchase.day > bought.day AND purchase.day <= bought.day + 90
    ) THEN 'no' ELSE 'yes' END AS churned
FROM bought ORDER BY day, customer
"""


def lines(path: Path) -> pa.Table:
    """Of invoices, from a CSV file in .xz. Raises BadFile."""
    options = pa_csv.ConvertOptions(column_types=LINES, include_columns=LINES.names, strings_can_be_null=True)
    try:
        with lzma.open(path) as file:
            return pa_csv.read_csv(file, convert_options=options)
    except (OSError, EOFError, lzma.LZMAError, KeyError, pa.ArrowInvalid) as error:
        raise BadFile(f"{path.name} can not be read: {error}") from error


def rows(lines: pa.Table) -> pa.Table:
    """By day and customer; the columns of `lines` are those of LINES."""
    with duckdb.connect(config={"enable_external_access": False, "threads": 1}) as connection:
        connection.register("lines", lines)
        return connection.sql(STATEMENT).to_arrow_table()


def written(path: Path, folder: Path) -> Path:
    """The rows of a file of lines, as a Parquet file in `folder`. Raises BadFile."""
    to = folder / "rows.parquet"
    pq.write_table(rows(lines(path)), to)
    return to
