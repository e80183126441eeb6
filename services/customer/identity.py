"""Whose an event is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol


class Owned(Protocol):
    @property
    def customer_id(self) -> str: ...
    @property
    def valid_from(self) -> datetime: ...
    @property
    def valid_to(self) -> datetime | None: ...


def owner_at(owned: Sequence[Owned], at: datetime) -> str | None:
    """The owner at `at`, of owners listed latest first. The moment of termination still belongs to the one who leaves,
    unless the next one starts at that very moment: numbers are recycled, events of the last minute are not lost."""
    for one in owned:
        if one.valid_from <= at and (one.valid_to is None or at <= one.valid_to):
            return one.customer_id
    return None


def why_unowned(owned: Sequence[Owned]) -> str:
    return "nobody owned it at that time" if owned else "nobody is known by it"
