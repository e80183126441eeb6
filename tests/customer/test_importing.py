"""E9: files of customers and of their history are taken in once, row by row, whatever stops the import."""

from __future__ import annotations

import asyncio
import csv
import io
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from services.customer.importing.columns import BILLS, CUSTOMERS, PAYMENTS, USAGE, UnreadableCell
from services.customer.importing.files import CsvRows
from services.customer.importing.run import Job, check_only, import_file
from services.customer.tables import CUSTOMERS as CUSTOMERS_TABLE
from services.customer.tables import FACTS
from shared.contracts import billing, network
from shared.database import Database, Transaction
from shared.errors import Conflict
from shared.pii import Keyring
from tests.builders import paid, registered
from tests.harness import ServiceUnderTest

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "import.md"

LI = {
    "customer_id": "C-1", "registered_at": "2024-05-01 09:30:00", "kind": "person", "name": "Li Wei", "document_number": "330106198001010011",
    "birth_date": "1980-01-01", "region": "hangzhou", "accounts": "A-1; A-2", "phone": "8613800138000", "phone_verified": "yes",
    "consent_call": "Y", "consent_profiling_sms": "0", "subscription_id": "S-1", "msisdn": "8613800138000", "imsi": "046000123456789",
    "brand": "gotone", "brand_rank": "3", "plan": "gotone-128", "payment_type": "postpaid", "contract_ends": "2027-12-31",
}  # fmt: skip
PAYMENT = {
    "account": "A-1", "payment_id": "007", "amount_minor": "12800", "currency": "CNY", "paid_at": "2026-10-02T10:00:00Z", "method": "card", "channel": "app",
}  # fmt: skip


def silence(rows: Any, found: Counter[str]) -> None:
    """Shows no progress."""


def write_csv(path: Path, rows: Iterable[Mapping[str, str]], *, encoding: str = "utf-8") -> Path:
    listed = list(rows)
    with path.open("w", newline="", encoding=encoding) as file:
        writer = csv.DictWriter(file, listed[0])
        writer.writeheader()
        writer.writerows(listed)
    return path


def payments(count: int, **fields: str) -> list[dict[str, str]]:
    return [PAYMENT | {"payment_id": f"P-{number}"} | fields for number in range(count)]


def rejects_of(path: Path) -> list[list[str]]:
    return list(csv.reader(path.with_name(f"{path.name}.rejects.csv").read_text().splitlines()))


async def take(customer: ServiceUnderTest, path: Path, kind: str, **how: Any) -> Counter[str]:
    again = how.pop("again", False)
    job = Job(path, kind, f"import/{kind}", **how)
    return await import_file(job, customer.database, Keyring.load(customer.settings.keyring_path), silence, again=again)


async def books(customer: ServiceUnderTest) -> dict[str, int]:
    """The totals, after checking that they balance and agree with what is stored."""
    answer = (await customer.http.get("/reconciliation", params={"recount": True})).json()
    assert answer["balanced"] and answer["recount"]["agrees"], answer
    return {name: count for name, count in answer["totals"].items() if count}


async def test_a_row_is_a_customer_with_accounts_contact_points_consents_and_a_subscription(customer: ServiceUnderTest, tmp_path: Path) -> None:
    """E9 C1: the same profile as from order entry, personal texts sealed; a number keeps its leading zero."""
    found = await take(customer, write_csv(tmp_path / "crm.csv", [LI]), "customers", zone=ZoneInfo("Asia/Shanghai"))
    assert (found["rows"], found["applied"], found["rejected"]) == (1, 2, 0)
    (row,) = await customer.rows(sa.select(CUSTOMERS_TABLE.c.profile).where(CUSTOMERS_TABLE.c.customer_id == "C-1"))
    profile = row.profile
    assert profile["registered_at"] == "2024-05-01T01:30:00+00:00"
    assert (profile["accounts"], profile["region"]) == (["A-1", "A-2"], "hangzhou")
    consents = {(one["purpose"], one["channel"]): one["granted"] for one in profile["consents"]}
    assert consents == {("marketing", "call"): True, ("profiling", "sms"): False}
    (point,) = profile["contact_points"]
    assert (point["kind"], point["verified"]) == ("phone", True)
    (subscription,) = profile["subscriptions"]
    assert (subscription["brand_rank"], subscription["contract_ends"]) == (3, "2027-12-31")
    text = orjson.dumps([fact.data for fact in await customer.rows(sa.select(FACTS))]).decode()
    assert "Li Wei" not in text and "13800138000" not in text and "~1.name." in text
    assert await books(customer) == {"accepted": 2, "applied": 2}


async def test_history_lands_with_its_customer_and_in_its_month(customer: ServiceUnderTest, tmp_path: Path) -> None:
    """E9 C3: bills, payments and usage; no number stands in an event's id."""
    await take(customer, write_csv(tmp_path / "crm.csv", [LI]), "customers")
    usage = {"msisdn": LI["msisdn"], "period_start": "2026-10-01", "period_end": "2026-10-08", "on_net_out_calls": "21", "data_4g_kb": "500",
             "top_contacts": "8613900139000"}  # fmt: skip
    bill = {"account": "A-1", "bill_id": "B-1", "amount_minor": "9800", "currency": "CNY", "period_start": "2026-10-01", "period_end": "2026-11-01",
            "due_date": "2026-11-20", "recurring_minor": "9000", "overage_minor": "800"}  # fmt: skip
    await take(customer, write_csv(tmp_path / "usage.csv", [usage]), "usage")
    await take(customer, write_csv(tmp_path / "bills.csv", [bill]), "bills")
    await take(customer, write_csv(tmp_path / "payments.csv", [PAYMENT]), "payments")
    facts = {row.type: row for row in await customer.rows(sa.select(FACTS))}
    assert {row.customer_id for row in facts.values()} == {"C-1"}
    assert facts[billing.PaymentReceived.type].data["payment_id"] == "007"
    assert [line["category"] for line in facts[billing.BillIssued.type].data["lines"]] == ["recurring", "overage"]
    assert LI["msisdn"] not in facts[network.UsageSummarised.type].id
    view = (await customer.http.get("/customers/C-1")).json()
    month = view["months"]["2026-10"]
    assert (month["billed_minor"], month["overage_minor"], month["paid_minor"], month["out_on_net_calls"], month["data_4g_kb"]) == (9800, 800, 12800, 21, 500)


async def test_a_customer_who_left_and_one_with_two_subscriptions(customer: ServiceUnderTest, tmp_path: Path) -> None:
    """E9: a row per subscription; the customer of the second row is a duplicate."""
    second = LI | {"subscription_id": "S-2", "msisdn": "8613800138001", "imsi": "", "terminated_at": "2026-09-01T00:00:00Z", "termination_reason": "port_out"}
    found = await take(customer, write_csv(tmp_path / "crm.csv", [LI | {"terminated_at": "", "termination_reason": ""}, second]), "customers")
    assert (found["rows"], found["applied"], found["duplicate"]) == (2, 4, 1)
    (row,) = await customer.rows(sa.select(CUSTOMERS_TABLE.c.profile))
    assert [one.get("termination_reason") for one in row.profile["subscriptions"]] == [None, "port_out"]


async def test_history_before_its_customer_is_parked_and_applied_when_they_come(customer: ServiceUnderTest, tmp_path: Path) -> None:
    """E9 E6: in whatever order files are imported."""
    found = await take(customer, write_csv(tmp_path / "payments.csv", payments(3)), "payments")
    assert (found["parked"], found["applied"]) == (3, 0)
    await take(customer, write_csv(tmp_path / "crm.csv", [LI]), "customers")
    assert await books(customer) == {"accepted": 5, "applied": 5}


async def test_rows_and_events_from_the_bus_are_one_stream(customer: ServiceUnderTest, tmp_path: Path) -> None:
    """E9 C3: imported facts are told downstream in the customer's sequence; the books know where they came from."""
    await customer.send(registered(accounts=("A-1",)))
    await take(customer, write_csv(tmp_path / "payments.csv", payments(3)), "payments")
    await customer.send(paid())
    sequences = [message["sequence"] for message in await customer.read("activity", count=3)]
    assert sequences == [1, 2, 3]
    sources = (await customer.http.get("/reconciliation")).json()["sources"]
    assert [(one["source"], one["applied"]) for one in sources if one["source"].startswith("import/")] == [("import/payments", 3)]


async def test_bad_rows_are_told_by_line_and_hold_nobody_up(customer: ServiceUnderTest, tmp_path: Path) -> None:
    """E9: line, code and reason; nothing that stands in the row; all of a row or nothing of it."""
    await customer.send(registered(accounts=("A-1",)))
    path = tmp_path / "payments.csv"
    header, row = ",".join(PAYMENT), "A-1,P-{},{},CNY,2026-10-02T10:00:00Z,{},app"
    lines = [
        header, row.format(1, 100, "card"), row.format(2, "secret", "card"), "too,short", "", row.format(3, 100, '"ca\nrd"'), row.format(4, -7, "card"),
        row.format(5, 100, "card"),
    ]  # fmt: skip
    path.write_text("\n".join(lines))
    found = await take(customer, path, "payments")
    assert (found["rows"], found["applied"], found["rejected"]) == (6, 2, 4)
    header_row, *rejects = rejects_of(path)
    assert header_row == ["line", "code", "reason"]
    assert [(line, code) for line, code, _ in rejects] == [("3", "unreadable_row"), ("4", "unreadable_row"), ("6", "invalid_event"), ("8", "invalid_event")]
    assert [reason for _, _, reason in rejects][:2] == ["amount_minor: is not a whole number", "2 cells where the header has 7"]
    assert "secret" not in path.with_name("payments.csv.rejects.csv").read_text()


async def test_a_row_without_its_subscription_leaves_no_half_customer(customer: ServiceUnderTest, tmp_path: Path) -> None:
    """E9: the customer is fine, the number is not: neither is taken in."""
    found = await take(customer, write_csv(tmp_path / "crm.csv", [LI | {"msisdn": "not a number"}, LI | {"subscription_id": ""}]), "customers")
    assert (found["rejected"], found["applied"]) == (2, 0)
    assert await customer.rows(sa.select(CUSTOMERS_TABLE)) == []


async def test_the_same_file_again_is_not_read_again_and_with_again_is_all_duplicates(customer: ServiceUnderTest, tmp_path: Path) -> None:
    """E9: idempotent by the rows' own keys, in another file too."""
    await take(customer, write_csv(tmp_path / "crm.csv", [LI]), "customers")
    path = write_csv(tmp_path / "payments.csv", payments(5))
    first = await take(customer, path, "payments")
    assert await take(customer, path, "payments") == first
    again = await take(customer, path, "payments", again=True)
    assert (again["applied"], again["duplicate"]) == (0, 5)
    more = await take(customer, write_csv(tmp_path / "november.csv", payments(7)), "payments")
    assert (more["applied"], more["duplicate"]) == (2, 5)
    assert await books(customer) == {"accepted": 19, "applied": 9, "duplicate": 10}


class Crashed(Exception):
    pass


class DyingDatabase(Database):
    """Its fourth transaction, which is that of the third piece, ends before it is committed."""

    left = 4

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        async with super().transaction() as tx:
            yield tx
            self.left -= 1
            if not self.left:
                raise Crashed


def dies_after_three_pieces(rows: Any, found: Counter[str]) -> None:
    if found["rows"] == 21:
        raise Crashed


@pytest.mark.parametrize("when", ["before the commit", "after the commit"])
async def test_a_crash_is_carried_on_from(customer: ServiceUnderTest, tmp_path: Path, when: str) -> None:
    """E9: whenever it dies, each row counts once and each reject is told once."""
    await take(customer, write_csv(tmp_path / "crm.csv", [LI]), "customers")
    rows = [one | ({"amount_minor": "x"} if number % 3 == 0 else {}) for number, one in enumerate(payments(30))]
    path = write_csv(tmp_path / "payments.csv", rows)
    dying = DyingDatabase(customer.settings.database_url("customer"))
    keyring = Keyring.load(customer.settings.keyring_path)
    database, show = (dying, silence) if when == "before the commit" else (customer.database, dies_after_three_pieces)
    with pytest.raises(Crashed):
        await import_file(Job(path, "payments", "import/payments", piece_rows=7), database, keyring, show)
    await dying.close()
    found = await take(customer, path, "payments", piece_rows=7)
    assert (found["rows"], found["applied"], found["rejected"], found["duplicate"]) == (30, 20, 10, 0)
    assert [int(line) for line, _, _ in rejects_of(path)[1:]] == list(range(2, 32, 3))
    assert await books(customer) == {"accepted": 22, "applied": 22}


async def test_two_imports_of_one_file_do_not_run_beside_each_other(customer: ServiceUnderTest, tmp_path: Path) -> None:
    """E9: the second one ends, and nothing of it is kept."""
    await take(customer, write_csv(tmp_path / "crm.csv", [LI]), "customers")
    path = write_csv(tmp_path / "payments.csv", payments(40))
    found = await asyncio.gather(*(take(customer, path, "payments", piece_rows=2) for _ in range(2)), return_exceptions=True)
    assert [type(one) for one in found if isinstance(one, BaseException)] in ([Conflict], [Conflict, Conflict])
    await take(customer, path, "payments", piece_rows=2)
    assert await books(customer) == {"accepted": 42, "applied": 42}


async def test_parquet_is_read_as_csv_is(customer: ServiceUnderTest, tmp_path: Path) -> None:
    """E9: numbers, moments, truth values, lists and nothing, as Parquet has them."""
    typed = dict(LI) | {
        "registered_at": datetime(2024, 5, 1, 9, 30, tzinfo=UTC), "brand_rank": 3, "phone_verified": True, "accounts": ["A-1", "A-2"], "household": None,
        "contract_ends": datetime(2027, 12, 31).date(), "not_ours": 1.5,  # noqa: DTZ001
    }  # fmt: skip
    path = tmp_path / "crm.parquet"
    pq.write_table(pa.Table.from_pylist([typed, typed | {"customer_id": "C-2", "subscription_id": "S-2", "brand_rank": -1}]), path)
    found = await take(customer, path, "customers", piece_rows=1)
    assert (found["applied"], found["rejected"]) == (2, 1)
    assert [(line, code) for line, code, _ in rejects_of(path)[1:]] == [("2", "invalid_event")]
    (row,) = await customer.rows(sa.select(CUSTOMERS_TABLE.c.profile))
    assert (row.profile["accounts"], row.profile["registered_at"]) == (["A-1", "A-2"], "2024-05-01T09:30:00+00:00")


async def test_events_are_imported_with_their_own_names(customer: ServiceUnderTest, tmp_path: Path) -> None:
    """E9: JSON lines of CloudEvents; one that came by the bus too is a duplicate."""
    events = [registered(accounts=("A-1",)), paid(), paid()]
    await customer.send(events[0], events[1])
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"\n".join([*map(orjson.dumps, events), b"", b"{broken", b"x" * 3_000_000, orjson.dumps(paid())]))
    found = await take(customer, path, "events")
    assert (found["applied"], found["duplicate"], found["rejected"]) == (2, 2, 2)
    assert [(line, code) for line, code, _ in rejects_of(path)[1:]] == [("5", "malformed_json"), ("6", "event_too_large")]


def test_a_dry_run_checks_and_changes_nothing(tmp_path: Path) -> None:
    """E9: no database, no keys; and no reject file where nothing was rejected."""
    path = write_csv(tmp_path / "crm.csv", [LI, LI | {"birth_date": "1980-13-01"}])
    found = check_only(Job(path, "customers", "import/customers"), silence)
    assert found == {"rows": 2, "events": 2, "rejected": 1}
    assert rejects_of(path)[1:] == [["3", "unreadable_row", "birth_date: is not a date in ISO 8601"]]
    write_csv(path, [LI])
    assert check_only(Job(path, "customers", "import/customers"), silence)["rejected"] == 0
    assert not path.with_name("crm.csv.rejects.csv").exists()


def test_other_column_names_and_encodings_are_read_too(tmp_path: Path) -> None:
    """E9: a Chinese CRM's own names, in its own encoding; what a wrong encoding spoils is a reject and no crash."""
    theirs = {"客户编号": "C-1", "入网时间": "2024-05-01", "姓名": "李伟", "REGION": "杭州"}
    path = write_csv(tmp_path / "crm.csv", [theirs], encoding="gb18030")
    job = Job(path, "customers", "import/crm", {"客户编号": "customer_id", "入网时间": "registered_at", "姓名": "name"}, encoding="gb18030")
    assert check_only(job, silence) == {"rows": 1, "events": 1, "rejected": 0}
    ours = {"customer_id": "C", "registered_at": "2024-05-01", "name": "李伟"}
    spoilt = write_csv(tmp_path / "spoilt.csv", [ours], encoding="gb18030")
    assert check_only(Job(spoilt, "customers", "import/crm"), silence)["rejected"] == 1


@pytest.mark.parametrize(
    ("names", "problem"),
    [("customer_id,name", "there is no column registered_at"), ("customer_id,registered_at,Name,name", "two columns are name")],
)
def test_a_file_that_can_not_be_read_is_refused_before_its_first_row(tmp_path: Path, names: str, problem: str) -> None:
    """E9."""
    path = tmp_path / "crm.csv"
    path.write_text(f"{names}\n")
    with pytest.raises(UnreadableCell, match=problem):
        check_only(Job(path, "customers", "import/customers"), silence)


CELLS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), max_size=12)


@given(st.lists(st.lists(CELLS, min_size=3, max_size=3), max_size=20))
def test_every_row_is_told_by_the_line_it_begins_on(rows: list[list[str]]) -> None:
    """E9: line breaks inside cells, quotes, anything."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow(["a", "b", "c"])
    lines = []
    for row in rows:
        lines.append(len(_physical_lines(text.getvalue())) + 1)
        writer.writerow(row)
    found = list(CsvRows(io.BytesIO(text.getvalue().encode()), 0, encoding="utf-8", delimiter=","))
    assert [row.cells for row in found] == rows
    assert [row.line for row in found] == lines


def _physical_lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").split("\n")


def test_a_lost_quote_costs_some_lines_and_not_the_file(tmp_path: Path) -> None:
    """E9: what it swallows is bounded, and told."""
    rows = payments(4000)
    path = write_csv(tmp_path / "payments.csv", rows)
    lines = path.read_text().splitlines()
    lines[10] = '"' + lines[10]
    path.write_text("\n".join(lines))
    found = check_only(Job(path, "payments", "import/payments"), silence)
    assert found["rejected"] <= 3 and found["events"] > 2000


@pytest.mark.parametrize(("kind", "columns"), [("customers", CUSTOMERS), ("usage", USAGE), ("bills", BILLS), ("payments", PAYMENTS)])
def test_the_guide_names_every_column(kind: str, columns: Mapping[str, Any]) -> None:
    """E9: docs/guides/import.md, whose patterns such as `<far end>_out_calls` are written out here."""
    section = GUIDE.read_text().split(f"## Kind `{kind}`")[1].split("\n## ")[0]
    assert [name for name in columns if f"`{name}`" not in section] == []
