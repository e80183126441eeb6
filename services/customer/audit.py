"""The audit log's chain: each entry's hash covers the one before, under a key that is not in the database.

Whoever can write the tables but has no keyring can neither change an entry nor make one, and what is taken out of the middle
breaks the chain. What is taken off the end is told by the signed head; a head put back together with its entries, by the
checkpoint that the last verification left outside the database.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol

import orjson

Mac = Callable[[bytes], bytes]


class Note(NamedTuple):
    """What is to be put down. `details`: ids and counts, never personal data."""

    at: datetime
    actor: str
    action: str
    customer_id: str | None
    details: Mapping[str, Any]


class Noted(Protocol):
    """A row of the log."""

    @property
    def entry_id(self) -> int: ...
    @property
    def at(self) -> datetime: ...
    @property
    def actor(self) -> str: ...
    @property
    def action(self) -> str: ...
    @property
    def customer_id(self) -> str | None: ...
    @property
    def details(self) -> Mapping[str, Any]: ...
    @property
    def previous_hash(self) -> str: ...
    @property
    def hash(self) -> str: ...


class Link(NamedTuple):
    """A place in the chain."""

    entry_id: int
    hash: str


class Fault(NamedTuple):
    """The first entry that is not what it was, and how that shows."""

    entry_id: int
    reason: str


BEFORE_ALL = Link(0, "")

REMOVED = "removed: it is not there"
ALTERED = "altered or forged: its content does not give its hash"
MISPLACED = "out of place: authentic, but it did not follow the entry before it"
TRUNCATED = "truncated: later entries were there, and are not"
ADDED = "added: it lies outside the signed ends of the log"
ANCHOR_FORGED = "an end of the log was set by hand: its signature does not hold"
CHECKPOINT_FORGED = "the checkpoint file was altered: its signature does not hold"
REWRITTEN = "rewritten: it is not the entry that the last verification saw"


def chained(mac: Mac, last: Link, notes: Iterable[Note]) -> tuple[list[dict[str, Any]], Link]:
    """The rows that carry on from `last`, and the new last one."""
    rows = []
    for note in notes:
        link = Link(last.entry_id + 1, _hash(mac, last.hash, note))
        rows.append({"entry_id": link.entry_id, **note._asdict(), "previous_hash": last.hash, "hash": link.hash})
        last = link
    return rows, last


def fault_of(mac: Mac, last: Link, entry: Noted) -> Fault | None:
    """What is wrong with the entry that comes after `last`."""
    if entry.entry_id > last.entry_id + 1:
        return Fault(last.entry_id + 1, REMOVED)
    if not hmac.compare_digest(_hash(mac, entry.previous_hash, entry), entry.hash):
        return Fault(entry.entry_id, ALTERED)
    return Fault(entry.entry_id, MISPLACED) if entry.previous_hash != last.hash else None


def sign(mac: Mac, name: str, link: Link) -> str:
    return mac(orjson.dumps([name, *link])).hex()


def is_signed(mac: Mac, name: str, link: Link, signature: str) -> bool:
    return hmac.compare_digest(sign(mac, name, link), signature)


def _hash(mac: Mac, previous_hash: str, noted: Note | Noted) -> str:
    content = [previous_hash, _moment(noted.at), noted.actor, noted.action, noted.customer_id, noted.details]
    return mac(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hex()


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")
