"""The import of one file, piece by piece: each piece and how far the run got are one transaction.

1. Read and check a piece, while the one before is taken in.
2. Write its rejects, to the disk.
3. Take its events in and move the run on, in one transaction. A crash before it leaves rejects behind the length that the run
   knows: they are cut off when it goes on.
"""

from __future__ import annotations

import asyncio
import csv
import fcntl
import gc
import io
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from pathlib import Path
from typing import BinaryIO, Self

from services.customer.importing.columns import reading
from services.customer.importing.files import Line, Row, Rows, fingerprint, opened, pieces
from services.customer.importing.rows import KINDS, Checked, Checking, Reject
from services.customer.repository import importing as repository
from services.customer.use_cases.importing import OUTCOMES, take_piece
from shared import clock
from shared.database import Database, is_transient
from shared.errors import Conflict
from shared.pii import Keyring

# More rows are hardly faster, and hold the customers' locks longer.
PIECE_ROWS = 2000
TRIES = 8
FIRST_RETRY_SECONDS = 0.5

Show = Callable[[Rows, Counter[str]], None]


@dataclass(frozen=True)
class Job:
    """A file and how it is read."""

    path: Path
    kind: str
    source: str
    renamed: dict[str, str] = field(default_factory=dict)
    zone: tzinfo = UTC
    encoding: str = "utf-8-sig"
    delimiter: str = ","
    piece_rows: int = PIECE_ROWS

    @property
    def fingerprint(self) -> str:
        """Names the run: the same file read in the same way goes on where it stopped."""
        return fingerprint(self.path, self.kind, self.source, str(sorted(self.renamed.items())), str(self.zone), self.encoding, self.delimiter)

    @contextmanager
    def opened(self) -> Iterator[Rows]:
        with opened(self.path, self.kind, encoding=self.encoding, delimiter=self.delimiter, piece=self.piece_rows) as rows:
            yield rows

    def our_name(self, theirs: str) -> str:
        return self.renamed.get(theirs.strip(), theirs.strip().lower())

    def checking(self, rows: Rows, keyring: Keyring) -> Checking:
        """Raises UnreadableCell when the file lacks a column."""
        columns = KINDS[self.kind].columns
        how = reading(columns, [self.our_name(name) for name in rows.names], self.zone) if columns else None
        return Checking(KINDS[self.kind], how, keyring, self.source)


class Rejects:
    """FILE.rejects.csv: line, code and reason of every row that was not taken in; nothing of what stands in it.

    Locked while it is open: who imports the same file beside raises Conflict.
    """

    def __init__(self, path: Path, *, keep_bytes: int) -> None:
        self.path = path.with_name(f"{path.name}.rejects.csv")
        self._keep_bytes = keep_bytes

    def __enter__(self) -> Self:
        self._file: BinaryIO = self.path.open("ab")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise Conflict("another process imports this file") from None
        self._file.truncate(self._keep_bytes)
        self._file.seek(0, os.SEEK_END)
        return self

    def __exit__(self, *error: object) -> None:
        if self._file.tell() == 0:
            self.path.unlink()
        self._file.close()

    def add(self, rejects: Sequence[Reject]) -> int:
        """By how many bytes the file grew."""
        if not rejects:
            return 0
        text = io.StringIO()
        csv.writer(text).writerows(rejects if self._file.tell() else [Reject._fields, *rejects])
        grown = self._file.write(text.getvalue().encode())
        self._file.flush()
        os.fsync(self._file.fileno())
        return grown


def check_only(job: Job, show: Show) -> Counter[str]:
    """Read and check every row, and take nothing in."""
    found = Counter[str]()
    # A key of its own: what is made with it is seen by nobody.
    keyring = Keyring(os.urandom(32), {})
    with job.opened() as rows, Rejects(job.path, keep_bytes=0) as rejects:
        checking = job.checking(rows, keyring)
        for piece in pieces(rows, job.piece_rows, skip=0):
            checked = checking.check(piece)
            rejects.add(checked.rejects)
            found.update(rows=checked.rows, events=len(checked.events), rejected=len(checked.rejects))
            show(rows, found)
    return found


async def import_file(job: Job, database: Database, keyring: Keyring, show: Show, *, again: bool = False) -> Counter[str]:
    """What became of all rows, of earlier starts too. Raises Conflict when another process imports the same file."""
    async with database.transaction() as tx:
        run = await repository.begin(tx, job.fingerprint, kind=job.kind, source=job.source, again=again, at=clock.wall())
    found = Counter[str](rows=run.rows_done, rejected=run.rejected, **{name: getattr(run, name) for name in OUTCOMES})
    if run.finished_at:
        return found
    with job.opened() as rows, Rejects(job.path, keep_bytes=run.rejects_bytes) as rejects:
        checking = job.checking(rows, keyring)
        async for checked in _checked_ahead(checking, pieces(rows, job.piece_rows, skip=run.rows_done)):
            changes = {"rows_done": checked.rows, "rejected": len(checked.rejects), "rejects_bytes": rejects.add(checked.rejects)}
            before = found["rows"]
            found.update(await _take(database, keyring, run.fingerprint, checked, rows_before=before, changes=changes))
            found.update(rows=checked.rows, rejected=len(checked.rejects))
            show(rows, found)
            # Every row leaves cycles behind, of 1 kB, and the collector as it is tuned would let a million of them pile up.
            if found["rows"] // PIECE_ROWS > before // PIECE_ROWS:
                gc.collect()
    async with database.transaction() as tx:
        await repository.finish(tx, run.fingerprint, clock.wall())
    return found


async def _checked_ahead(checking: Checking, found: Iterator[list[Row | Line]]) -> AsyncIterator[Checked]:
    """Each piece checked, in a thread, while the caller is at work with the one before."""

    def following() -> Checked | None:
        piece = next(found, None)
        return None if piece is None else checking.check(piece)

    ahead = asyncio.create_task(asyncio.to_thread(following))
    try:
        while checked := await ahead:
            ahead = asyncio.create_task(asyncio.to_thread(following))
            yield checked
    finally:
        ahead.cancel()


async def _take(database: Database, keyring: Keyring, name: str, checked: Checked, *, rows_before: int, changes: dict[str, int]) -> dict[str, int]:
    """Trouble that passes is waited for, a minute or two: the file does not run away, and whoever started this wants to know."""
    delay = FIRST_RETRY_SECONDS
    for tried in range(1, TRIES + 1):
        try:
            async with database.transaction() as tx:
                return await take_piece(tx, keyring, name, checked.events, rows_before=rows_before, changes=changes)
        except Exception as error:
            if tried == TRIES or not is_transient(error):
                raise
            await asyncio.sleep(delay)
            delay *= 2
    raise AssertionError
