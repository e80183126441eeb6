"""The auditor is itself held to account: on a clean run it finds nothing, and every loss, double and swap that is planted it finds and names."""

from __future__ import annotations

import asyncio
import re
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest

from deploy.chaos.audit import audit
from deploy.chaos.evidence import gather
from deploy.chaos.faults import Plan
from deploy.chaos.ledger import Ledger
from deploy.chaos.run import run
from shared.settings import Settings

CLEAN = Plan(seed=3, seconds=5, reports_per_second=250, kills=0, pauses=0, pause_seconds=0)


# So that customers have several messages.
SMALL_BATCH = 50


class CleanRun(NamedTuple):
    folder: Path
    ledger: Ledger


@pytest.fixture(scope="module")
def clean_run(tmp_path_factory: pytest.TempPathFactory) -> CleanRun:
    folder = tmp_path_factory.mktemp("clean")
    outcome = asyncio.run(run(CLEAN, Settings(data_dir=folder, log_level="error", batch_records=SMALL_BATCH)))
    assert not outcome.breaches, "\n".join(outcome.breaches)
    return CleanRun(folder, outcome.ledger)


@pytest.fixture
def planted(clean_run: CleanRun, tmp_path: Path) -> Callable[..., str]:
    """Do something to a copy of what the clean run left, and give back what the auditor says to it."""

    def plant(database: str, change: Callable[[sqlite3.Connection], None] | str) -> str:
        copy = tmp_path / "copy"
        shutil.copytree(clean_run.folder, copy)
        with closing(sqlite3.connect(copy / f"{database}.db")) as connection, connection:
            if isinstance(change, str):
                assert connection.execute(change).rowcount > 0, "the plant changed nothing"
            else:
                change(connection)
        evidence = asyncio.run(gather(clean_run.ledger, Settings(data_dir=copy)))
        return "\n".join(breach for verdict in audit(evidence) for breach in verdict.findings.breaches)

    return plant


PAID = "customer_id IS NOT NULL AND type = 'billing.payment_received.v1'"
PAYMENT = "(SELECT rowid FROM facts WHERE type = 'billing.payment_received.v1' ORDER BY id LIMIT 1)"
PARKED = "(SELECT max(rowid) FROM facts WHERE customer_id IS NULL AND subject NOT LIKE 'cell:%')"
BOOKED = "(SELECT rowid FROM intake WHERE topic = 'care' AND applied > 0 LIMIT 1)"
MONTH = "(SELECT rowid FROM rollups WHERE measures LIKE '%\"payments\"%' ORDER BY customer_id, month LIMIT 1)"


@pytest.mark.parametrize(
    ("database", "change", "message"),
    [
        ("customer", f"DELETE FROM facts WHERE rowid = {PAYMENT}", r"lost: content of fact billing/\w e-\d+"),
        ("customer", f"DELETE FROM rollups WHERE rowid = {MONTH}", r"lost: month C-\d+ 2026-\d\d"),
        ("customer", f"DELETE FROM facts WHERE rowid = {PARKED}", r"lost: parked event \S+ e-\d+"),
        ("customer", "DELETE FROM dead_letters WHERE id = 1", r"lost: dead letter \w+ \d+ \d+"),
        ("customer", "UPDATE customers SET profile = json_remove(profile, '$.region') WHERE customer_id = 'C-00001'", r"wrong: profile of C-00001: region"),
        ("customer", "UPDATE watermarks SET next_offset = next_offset - 1", r"wrong: watermark of customer on billing \d+: is \d+, 1 too little"),
        ("customer", f"UPDATE intake SET applied = applied - 1 WHERE rowid = {BOOKED}", r"wrong: books of care care/\w: applied is \d+, 1 too little"),
        ("bus", "DELETE FROM records WHERE rowid = (SELECT max(rowid) FROM records WHERE topic = 'activity')", r"lost: 1 of the records on activity \d"),
        ("segmentation", "DELETE FROM purchase_days WHERE rowid = (SELECT min(rowid) FROM purchase_days)", r"lost: purchases of C-\d+ 2026-\d\d-\d\d"),
        ("segmentation", "DELETE FROM alerts WHERE kind = 'port_out_inquiry'", r"lost: warning about C-\d+"),
        ("segmentation", "UPDATE features SET gaps = '[[2,3]]' WHERE customer_id = 'C-00001'", r"lost: segmentation skipped \[\[2, 3\]\] of C-00001"),
        ("retention", "DELETE FROM decisions WHERE verdict <> 'contact'", r"lost: decision on \S+"),
        ("retention", "DELETE FROM tasks", r"lost: task of save-on-warning:\S+"),
        ("gateway", "UPDATE views SET last_sequence = last_sequence - 1", r"wrong: sequence at gateway of C-00001: is \d+, 1 too little"),
        ("gateway", "UPDATE views SET timeline = json_remove(timeline, '$[0]') WHERE customer_id = 'C-00001'", r"wrong: timeline of C-00001"),
        ("gateway", "DELETE FROM alerts", r"lost: alerts of the gateway: \S+"),
    ],
)  # fmt: skip
def test_a_loss_is_found(planted: Callable[..., str], database: str, change: str, message: str) -> None:
    assert re.search(message, planted(database, change))


@pytest.mark.parametrize(
    ("database", "change", "message"),
    [
        (
            "customer",
            "INSERT INTO facts SELECT source, id || '-again', customer_id, subject, type, time, occurred_at, recorded_at, data FROM facts"
            f" WHERE rowid = {PAYMENT}",
            r"never sent: content of fact billing/\w e-\d+-again",
        ),
        (
            "customer",
            f"UPDATE rollups SET measures = json_set(measures, '$.payments', measures ->> 'payments' + 1) WHERE rowid = {MONTH}",
            r"wrong: month C-\d+ 2026-\d\d: payments is \d+, 1 too much",
        ),
        (
            "segmentation",
            "UPDATE purchase_days SET payments = payments + 1 WHERE rowid = (SELECT min(rowid) FROM purchase_days)",
            r"wrong: purchases of C-\d+ 2026-\d\d-\d\d: payments is \d+, 1 too much",
        ),
        (
            "retention",
            "UPDATE tasks SET customer_id = (SELECT customer_id FROM tasks ORDER BY customer_id LIMIT 1)",
            r"doubled: [2-9] open tasks for C-\d+, at most 1",
        ),
    ],
)
def test_a_double_is_found(planted: Callable[..., str], database: str, change: str, message: str) -> None:
    assert re.search(message, planted(database, change))


def test_a_fact_told_on_twice_is_found(planted: Callable[..., str]) -> None:
    def tell_again(bus: sqlite3.Connection) -> None:
        (_, first), (rowid, second) = _two_of_one_customer(bus)
        event = orjson.loads(second)
        event["data"]["facts"] += orjson.loads(first)["data"]["facts"]
        bus.execute("UPDATE records SET value = ? WHERE rowid = ?", (orjson.dumps(event), rowid))

    assert re.search(r"doubled: fact on activity \S+ e-\d+ is there 2 times", planted("bus", tell_again))


def test_a_number_in_plain_is_found(planted: Callable[..., str]) -> None:
    """C9."""
    change = "UPDATE views SET timeline = json_insert(timeline, '$[0].note', 'calls from 8613800000000') WHERE customer_id = 'C-00001'"
    assert "in plain: gateway views holds a number" in planted("gateway", change)


def test_an_own_finding_that_is_not_told_on_is_found(planted: Callable[..., str]) -> None:
    """C8: a stage of a complaint that was late is found by the service itself: no ledger knows of it."""
    change = (
        "INSERT INTO facts SELECT 'holdfast/customer', 'case:planted', customer_id, subject, 'customer.case_overdue.v1', time, occurred_at, recorded_at, data"
        f" FROM facts WHERE rowid = {PAYMENT}"
    )
    assert re.search(r"lost: fact on activity holdfast/customer case:planted", planted("customer", change))


def test_what_was_told_before_a_reset_counts_no_more(planted: Callable[..., str]) -> None:
    """C4: a customer who is told again from the beginning is told whole."""

    def forget(bus: sqlite3.Connection) -> None:
        _, (rowid, second) = _two_of_one_customer(bus)
        event = orjson.loads(second)
        event["data"]["resets"] = True
        bus.execute("UPDATE records SET value = ? WHERE rowid = ?", (orjson.dumps(event), rowid))

    assert re.search(r"lost: fact on activity \S+ e-\d+", planted("bus", forget))


def test_two_messages_of_one_sequence_are_found(planted: Callable[..., str]) -> None:
    def number_again(bus: sqlite3.Connection) -> None:
        (_, first), (rowid, second) = _two_of_one_customer(bus)
        event = orjson.loads(second) | {"sequence": orjson.loads(first)["sequence"]}
        bus.execute("UPDATE records SET value = ? WHERE rowid = ?", (orjson.dumps(event), rowid))

    assert re.search(r"doubled: two different messages are activity \d+ of C-\d+", planted("bus", number_again))


@pytest.mark.parametrize(
    ("table", "column", "where", "message"),
    [
        (
            "facts",
            "customer_id",
            "customer_id IS NOT NULL AND type = 'billing.payment_received.v1'",
            r"swapped: owner of fact (billing/\w e-\d+) with that of (billing/\w e-\d+)",
        ),
        ("facts", "data", PAID, r"wrong: content of fact billing/\w e-\d+"),
        ("rollups", "measures", "month = '2026-10'", r"swapped: month C-\d+ 2026-10 with that of C-\d+ 2026-10"),
    ],
)
def test_a_swap_between_two_customers_is_found(planted: Callable[..., str], table: str, column: str, where: str, message: str) -> None:
    def swap(customer: sqlite3.Connection) -> None:
        rows = f"SELECT min(rowid), {column} FROM {table} WHERE {where} GROUP BY customer_id ORDER BY customer_id LIMIT 2"
        _exchange(customer, table, column, customer.execute(rows).fetchall())

    assert re.search(message, planted("customer", swap))


def test_two_activities_out_of_sequence_are_found(planted: Callable[..., str]) -> None:
    def swap(bus: sqlite3.Connection) -> None:
        _exchange(bus, "records", "value", _two_of_one_customer(bus))

    assert re.search(r"out of sequence: activity 2 of C-\d+ comes after 0", planted("bus", swap))


def _exchange(connection: sqlite3.Connection, table: str, column: str, rows: list[Any]) -> None:
    (first, of_first), (second, of_second) = rows
    connection.executemany(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", [(of_second, first), (of_first, second)])


def _two_of_one_customer(bus: sqlite3.Connection) -> list[Any]:
    """The rowids and values of the first two messages about the first customer who has two, and was never told again from the beginning."""
    never_reset = "HAVING count(*) > 1 AND NOT sum(CAST(value AS TEXT) LIKE '%\"resets\":true%')"
    (key,) = bus.execute(f"SELECT key FROM records WHERE topic = 'activity' GROUP BY key {never_reset} ORDER BY key LIMIT 1").fetchone()
    return bus.execute("SELECT rowid, value FROM records WHERE topic = 'activity' AND key = ? ORDER BY rowid LIMIT 2", (key,)).fetchall()
