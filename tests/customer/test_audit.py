"""C11: who read or changed what, in one chain that shows every touch."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from services.customer import audit, audit_verify
from services.customer.audit import ADDED, ALTERED, ANCHOR_FORGED, BEFORE_ALL, CHECKPOINT_FORGED, MISPLACED, REMOVED, REWRITTEN, TRUNCATED, Link, Note
from services.customer.tables import AUDIT_LOG
from services.customer.use_cases.audit import Journal, note
from shared import clock, pii
from shared.errors import AuditBroken
from shared.pii import Keyring
from shared.settings import Settings
from tests.builders import NOON, activated, registered
from tests.harness import ServiceUnderTest

ENTRIES = 6


class Row(dict[str, Any]):
    __getattr__ = dict.__getitem__


def mac(message: bytes) -> bytes:
    return Keyring(b"i" * 32, {"m1": b"1" * 32}).mac("audit", message)


def notes(count: int) -> list[Note]:
    return [Note(NOON + timedelta(seconds=number), "agent-7", "reveal", f"C-{number}", {"number": number}) for number in range(count)]


def first_fault(rows: list[Row]) -> audit.Fault | None:
    last = BEFORE_ALL
    for row in rows:
        fault = audit.fault_of(mac, last, row)
        if fault:
            return fault
        last = Link(row.entry_id, row.hash)
    return None


@given(st.integers(1, 8), st.data())
def test_any_touched_field_breaks_the_chain(count: int, data: st.DataObject) -> None:
    """C11: whichever field of whichever entry is changed, that entry is named."""
    rows = [Row(row) for row in audit.chained(mac, BEFORE_ALL, notes(count))[0]]
    assert first_fault(rows) is None
    place = data.draw(st.integers(0, count - 1))
    field = data.draw(st.sampled_from(["at", "actor", "action", "customer_id", "details", "previous_hash", "hash"]))
    rows[place][field] = rows[place].at + timedelta(microseconds=1) if field == "at" else {"other": 1} if field == "details" else "other"
    assert first_fault(rows) == (rows[place].entry_id, ALTERED)


@given(st.integers(2, 8), st.data())
def test_any_entry_out_of_its_place_is_found(count: int, data: st.DataObject) -> None:
    """C11: two entries exchanged, whole, and an entry taken out with the rest moved up."""
    rows = [Row(row) for row in audit.chained(mac, BEFORE_ALL, notes(count))[0]]
    place = data.draw(st.integers(0, count - 2))
    swapped = [*rows[:place], rows[place + 1] | {"entry_id": place + 1}, rows[place] | {"entry_id": place + 2}, *rows[place + 2 :]]
    closed = [*rows[:place], *(row | {"entry_id": row.entry_id - 1} for row in rows[place + 1 :])]
    assert first_fault([Row(row) for row in swapped]) == first_fault([Row(row) for row in closed]) == (place + 1, MISPLACED)


def test_an_end_is_signed_for_what_it_is() -> None:
    """C11: the signed start of the log can not be put in the place of its head."""
    link = Link(7, "ab")
    signature = audit.sign(mac, "start", link)
    assert audit.is_signed(mac, "start", link, signature)
    assert not audit.is_signed(mac, "head", link, signature) and not audit.is_signed(mac, "start", Link(8, "ab"), signature)


@pytest.fixture
async def log(customer: ServiceUnderTest) -> AsyncIterator[ServiceUnderTest]:
    """With some entries in it."""
    await put_down(customer, ENTRIES)
    yield customer


async def put_down(customer: ServiceUnderTest, count: int) -> None:
    keyring = Keyring.load(customer.settings.keyring_path)
    for number in range(count):
        action = "merge" if number % 3 else "erase"
        async with customer.database.transaction() as tx:
            await note(tx, keyring, actor=f"agent-{number % 2}", action=action, customer_id=f"C-{number}", details={"number": number})


async def touch(customer: ServiceUnderTest, *statements: str) -> None:
    """By somebody who can write the tables and has no keyring."""
    async with customer.database.transaction() as tx:
        for statement in statements:
            await tx.execute(sa.text(statement))


def checkpoint_file(settings: Settings) -> Path:
    return settings.data_dir / "audit.checkpoint.json"


async def test_an_untouched_log_verifies(log: ServiceUnderTest, capsys: pytest.CaptureFixture[str]) -> None:
    """C11: exit code 0, again with more entries, and entries put down meanwhile are no fault."""
    assert await audit_verify.run(log.settings) == 0
    await put_down(log, 2)
    assert await audit_verify.run(log.settings) == 0
    assert f"{ENTRIES + 2} entries" in capsys.readouterr().out
    found = await asyncio.gather(audit_verify.run(log.settings), put_down(log, 20), audit_verify.run(log.settings))
    assert found == [0, None, 0]


async def test_an_empty_log_verifies(customer: ServiceUnderTest) -> None:
    """C11: nothing was noted yet."""
    assert await audit_verify.run(customer.settings) == 0


FORGED = (
    "INSERT INTO audit_log (entry_id, at, actor, action, details, previous_hash, hash) "
    "SELECT {id}, at, 'nobody', 'reveal', details, hash, 'f00d' FROM audit_log WHERE entry_id = {of}"
)
SWAP = [f"UPDATE audit_log SET entry_id = {new} WHERE entry_id = {old}" for old, new in ((2, 99), (4, 2), (99, 4))]
CLOSE_GAP = [f"UPDATE audit_log SET entry_id = {number} WHERE entry_id = {number + 1}" for number in range(3, ENTRIES)]
OPEN_GAP = [f"UPDATE audit_log SET entry_id = {number + 1} WHERE entry_id = {number}" for number in range(ENTRIES, 2, -1)]
HEAD_BACK = "UPDATE audit_anchors SET entry_id = 4, hash = (SELECT hash FROM audit_log WHERE entry_id = 4) WHERE name = 'head'"
HEAD_ON = f"UPDATE audit_anchors SET entry_id = {ENTRIES + 1}, hash = 'f00d' WHERE name = 'head'"

TOUCHES: dict[str, tuple[list[str], int, str]] = {
    "an entry altered": (["UPDATE audit_log SET actor = 'somebody else' WHERE entry_id = 3"], 3, ALTERED),
    "its details altered": (["UPDATE audit_log SET details = '{}' WHERE entry_id = 3"], 3, ALTERED),
    "whom it is about taken out": (["UPDATE audit_log SET customer_id = NULL WHERE entry_id = 5"], 5, ALTERED),
    "the last one altered": ([f"UPDATE audit_log SET action = 'read' WHERE entry_id = {ENTRIES}"], ENTRIES, ALTERED),
    "one removed": (["DELETE FROM audit_log WHERE entry_id = 3"], 3, REMOVED),
    "the first removed": (["DELETE FROM audit_log WHERE entry_id = 1"], 1, REMOVED),
    "one removed, the gap closed": (["DELETE FROM audit_log WHERE entry_id = 3", *CLOSE_GAP], 3, MISPLACED),
    "two exchanged": (SWAP, 2, MISPLACED),
    "one inserted": ([*OPEN_GAP, FORGED.format(id=3, of=2)], 3, ALTERED),
    "one put on": ([FORGED.format(id=ENTRIES + 1, of=ENTRIES)], ENTRIES + 1, ALTERED),
    "one put on and the head moved on": ([FORGED.format(id=ENTRIES + 1, of=ENTRIES), HEAD_ON], ENTRIES + 1, ANCHOR_FORGED),
    "the end taken off": (["DELETE FROM audit_log WHERE entry_id > 4"], 5, TRUNCATED),
    "the end taken off and the head set back": ([HEAD_BACK, "DELETE FROM audit_log WHERE entry_id > 4"], 4, ANCHOR_FORGED),
    "the head taken away": (["DELETE FROM audit_anchors WHERE name = 'head'"], 1, ADDED),
    "all entries taken away": (["DELETE FROM audit_log"], 1, TRUNCATED),
}


@pytest.mark.parametrize("name", TOUCHES)
async def test_every_touch_is_found(log: ServiceUnderTest, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """C11: exit code 1, and the first entry that is not what it was, with how that shows."""
    statements, entry_id, reason = TOUCHES[name]
    await touch(log, *statements)
    assert await audit_verify.run(log.settings) == 1
    assert capsys.readouterr().err.startswith(f"entry {entry_id} is {reason}")


async def test_a_log_set_back_as_a_whole_is_found_by_the_checkpoint(log: ServiceUnderTest, capsys: pytest.CaptureFixture[str]) -> None:
    """C11: head and entries put back as they once were hold together, but the last verification saw more."""
    old = (await log.rows(sa.text("SELECT entry_id, hash, signature FROM audit_anchors WHERE name = 'head'")))[0]
    await put_down(log, 3)
    assert await audit_verify.run(log.settings) == 0
    back = f"UPDATE audit_anchors SET entry_id = {old.entry_id}, hash = '{old.hash}', signature = '{old.signature}' WHERE name = 'head'"
    await touch(log, f"DELETE FROM audit_log WHERE entry_id > {ENTRIES}", back)
    assert await audit_verify.run(log.settings) == 1
    await put_down(log, 5)
    assert await audit_verify.run(log.settings) == 1
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith(f"entry {ENTRIES + 1} is {TRUNCATED}") and said[1].startswith(f"entry {ENTRIES + 3} is {REWRITTEN}")


async def test_an_emptied_log_is_found_by_the_checkpoint(log: ServiceUnderTest, capsys: pytest.CaptureFixture[str]) -> None:
    """C11: nothing is left in the database that could tell."""
    assert await audit_verify.run(log.settings) == 0
    await touch(log, "DELETE FROM audit_log", "DELETE FROM audit_anchors")
    assert await audit_verify.run(log.settings) == 1
    assert f"entry 1 is {TRUNCATED}" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["{", "{}", '{"entry_id": 1, "hash": "x", "signature": "y"}', '{"entry_id": "1", "hash": "x", "signature": ""}'])
async def test_an_altered_checkpoint_is_found(log: ServiceUnderTest, capsys: pytest.CaptureFixture[str], content: str) -> None:
    """C11: it is signed like the ends of the log."""
    checkpoint_file(log.settings).write_text(content)
    assert await audit_verify.run(log.settings) == 1
    assert CHECKPOINT_FORGED in capsys.readouterr().err


async def test_nothing_is_put_on_a_forged_end(log: ServiceUnderTest) -> None:
    """C11: signing on would make the forgery true; the command is refused and undone instead."""
    await touch(log, HEAD_BACK, "DELETE FROM audit_log WHERE entry_id > 4")
    with pytest.raises(AuditBroken):
        await put_down(log, 1)
    await log.send(registered(), activated())
    answer = await log.http.get("/customers/C-1/personal", params={"reveal": True}, headers={"X-Actor": "agent-7"})
    assert answer.status_code == 500 and answer.json()["code"] == "audit_broken"


async def test_another_keyring_does_not_verify(log: ServiceUnderTest, tmp_path: Path) -> None:
    """C11: the hashes are this keyring's alone."""
    other = tmp_path / "other.json"
    pii.create(other)
    shutil.copy(other, log.settings.keyring_path)
    assert await audit_verify.run(log.settings) == 1


async def test_a_command_undone_leaves_no_entry(log: ServiceUnderTest) -> None:
    """C11: the entry stands and falls with what it tells of."""
    keyring = Keyring.load(log.settings.keyring_path)
    with pytest.raises(ZeroDivisionError):
        async with log.database.transaction() as tx:
            await note(tx, keyring, actor="agent-7", action="merge")
            raise ZeroDivisionError
    assert len(await log.rows(sa.select(AUDIT_LOG))) == ENTRIES
    assert await audit_verify.run(log.settings) == 0


async def test_many_at_once_make_one_chain(customer: ServiceUnderTest) -> None:
    """C11: reads and commands of several processes at the same moment fork nothing."""
    keyring = Keyring.load(customer.settings.keyring_path)
    async with Journal(customer.database, keyring).running() as one, Journal(customer.database, keyring).running() as other:
        reads = [journal.note(actor="agent-7", action="reveal", customer_id=f"C-{number}") for number in range(50) for journal in (one, other)]
        await asyncio.gather(put_down(customer, 10), *reads)
    assert len(await customer.rows(sa.select(AUDIT_LOG))) == 110
    assert await audit_verify.run(customer.settings) == 0


async def test_a_revealed_read_is_in_the_log_when_it_is_answered(customer: ServiceUnderTest) -> None:
    """C9 C11: masked reads are not; the entry says who, whom and when, and nothing personal."""
    await customer.send(registered("C-1", name="Wang Xiaoming"), activated("C-1", "8613800138000"))
    await customer.http.get("/customers/C-1/personal", headers={"X-Actor": "agent-7"})
    shown = await customer.http.get("/customers/C-1/personal", params={"reveal": True}, headers={"X-Actor": "agent-7"})
    assert shown.json()["name"] == "Wang Xiaoming"
    (entry,) = (await customer.http.get("/audit", params={"customer_id": "C-1"})).json()["items"]
    assert (entry["actor"], entry["action"], entry["customer_id"], entry["details"]) == ("agent-7", "reveal", "C-1", {})
    assert abs(datetime.fromisoformat(entry["at"]) - clock.wall()) < timedelta(minutes=5)


async def test_reads_are_not_starved_of_connections(customer: ServiceUnderTest) -> None:
    """C11: more reveals at once than there are database connections."""
    await customer.send(registered(), activated())
    answers = await asyncio.gather(*(customer.http.get("/customers/C-1/personal", params={"reveal": True}) for _ in range(40)))
    assert {answer.status_code for answer in answers} == {200}
    assert len(await customer.rows(sa.select(AUDIT_LOG))) == 40


async def test_reading_dead_letters_is_noted(customer: ServiceUnderTest) -> None:
    """C11 E6: they hold what producers sent, in plain."""
    assert (await customer.http.get("/dead-letters", headers={"X-Actor": "agent-7"})).status_code == 200
    (entry,) = (await customer.http.get("/audit", params={"action": "dead_letters"})).json()["items"]
    assert entry["actor"] == "agent-7"


async def test_the_log_is_listed_in_pages(log: ServiceUnderTest) -> None:
    """C11: newest first, by customer, actor and action."""
    seen: list[int] = []
    cursor: str | None = None
    while True:
        page = (await log.http.get("/audit", params={"actor": "agent-0", "limit": 2} | ({"cursor": cursor} if cursor else {}))).json()
        seen += [entry["entry_id"] for entry in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == [5, 3, 1]
    assert [entry["entry_id"] for entry in (await log.http.get("/audit", params={"action": "erase"})).json()["items"]] == [4, 1]
    assert [entry["entry_id"] for entry in (await log.http.get("/audit", params={"customer_id": "C-2"})).json()["items"]] == [3]


def test_moments_are_compared_as_moments() -> None:
    """C11: a database that answers in another time zone has altered nothing."""
    (row,), _ = audit.chained(mac, BEFORE_ALL, notes(1))
    local = row | {"at": row["at"].astimezone(tz=None)}
    assert first_fault([Row(local)]) is None and row["at"].tzinfo is UTC


async def test_without_the_keyring_nothing_is_said_of_the_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """C11: one readable line, and neither a verdict nor a trace."""
    assert await audit_verify.run(Settings(data_dir=tmp_path)) == 2
    assert "there is no keyring" in capsys.readouterr().err
