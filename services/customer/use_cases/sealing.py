"""Personal texts sealed under their customer's key, opened again, and handed on from one key to another."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import orjson

from services.customer.repository import keys as repository
from shared import clock
from shared.contracts.envelope import PersonalKind
from shared.contracts.personal import Fields, rewrite
from shared.database import Transaction
from shared.pii import ERASED, DataKey, Keyring, Show, Token, key_ids, key_ids_in, opened_text
from shared.pii import opened as opened_with

Document = dict[str, Any]

# Whose key what nobody owns yet is sealed under.
LOBBY = "~lobby"


async def keys_for(tx: Transaction, keyring: Keyring, owners: Collection[str]) -> dict[str, DataKey]:
    """Owner -> key. Who has none gets one; whose key was destroyed is absent.

    The owners' rows are locked (or theirs alone to make), so that no two workers make one for the same owner.
    """
    if not owners:
        return {}
    rows = await repository.keys_by_owner(tx, owners)
    found = {row.customer_id: keyring.unwrap(row.key_id, row.master_id, row.wrapped) for row in rows if row.wrapped is not None}
    missing = set(owners) - {row.customer_id for row in rows}
    return found | await new_keys(tx, keyring, missing)


async def new_keys(tx: Transaction, keyring: Keyring, owners: Collection[str]) -> dict[str, DataKey]:
    """A fresh key for each, whatever they had before."""
    made = {owner: keyring.new_key() for owner in sorted(owners)}
    now = clock.now()
    rows = [
        {"key_id": key.key_id, "customer_id": owner, "master_id": keyring.master_id, "wrapped": wrapped, "created_at": now}
        for owner, (key, wrapped) in made.items()
    ]
    await repository.insert_keys(tx, rows)
    return {owner: key for owner, (key, _) in made.items()}


async def opened(tx: Transaction, keyring: Keyring, document: Any, show: Show = lambda kind, value: value) -> Any:
    """A copy of the document in plain, or as `show` has it; what no key opens any more reads `~erased`."""
    return opened_with(document, await keys_of(tx, keyring, document), show)


async def opened_json(tx: Transaction, keyring: Keyring, document: Any, show: Show) -> bytes:
    """The document as JSON, opened."""
    text = orjson.dumps(document, option=orjson.OPT_UTC_Z)
    return opened_text(text, await _keys_by_id(tx, keyring, key_ids_in(text)), show)


async def keys_of(tx: Transaction, keyring: Keyring, document: Any) -> dict[str, DataKey]:
    """Key id -> key, of all that is sealed in the document."""
    return await _keys_by_id(tx, keyring, key_ids(document))


async def _keys_by_id(tx: Transaction, keyring: Keyring, ids: Collection[str]) -> dict[str, DataKey]:
    rows = await repository.keys_by_id(tx, ids) if ids else []
    return {row.key_id: keyring.unwrap(row.key_id, row.master_id, row.wrapped) for row in rows}


def seal(keyring: Keyring, key: DataKey | None, document: Document, fields: Fields) -> None:
    """Seal the personal texts of a document in place. Without a key, of an erased customer, nothing of them is kept."""

    def change(kind: PersonalKind, value: str) -> str:
        return keyring.seal(key, kind, value) if key else ERASED

    rewrite(document, fields, change)


def hand_on(keyring: Keyring, document: Document, fields: Fields, *, old: Mapping[str, DataKey], new: DataKey | None) -> None:
    """Seal anew, under `new`, what is sealed under one of the `old` keys, in place."""

    def change(kind: PersonalKind, text: str) -> str:
        token = Token.of(text)
        if token is None or token.key_id not in old or new is None:
            return ERASED
        return keyring.seal(new, kind, token.open(old[token.key_id]))

    rewrite(document, fields, change)
