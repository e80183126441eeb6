"""API keys: made, listed and revoked."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa

from services.gateway.access import api_keys, repository
from services.gateway.access.api_keys import ApiKey
from services.gateway.access.scopes import ALL
from shared import clock
from shared.database import Transaction
from shared.errors import Forbidden, InvalidRequest, NotFound


class NewKey(NamedTuple):
    client: str
    scopes: Collection[str]
    days: int


class Made(NamedTuple):
    """The one time that the secret is there."""

    key: ApiKey
    row: sa.Row[Any]


async def make(tx: Transaction, new: NewKey, *, by: str, granted: frozenset[str] | None) -> Made:
    """`granted`: what who makes it may do; None for who has the database in hand. Raises InvalidRequest for a scope that there is
    not, Forbidden for one that the maker does not have: a key must not be a way to more."""
    unknown = sorted(set(new.scopes) - set(ALL))
    if unknown:
        raise InvalidRequest(f"there is no scope {', '.join(unknown)}: choose among {', '.join(ALL)}")
    beyond = sorted(set(new.scopes) - granted) if granted is not None else []
    if beyond:
        raise Forbidden(f"{by} can not give what it does not have: {', '.join(beyond)}", scope=beyond[0])
    key, now = api_keys.fresh(), clock.wall()
    row = {
        "key_id": key.key_id,
        "secret_hash": api_keys.hash_of(key.secret),
        "client": new.client,
        "scopes": sorted(set(new.scopes)),
        "created_at": now,
        "created_by": by,
        "expires_at": now + timedelta(days=new.days),
    }
    await repository.insert_key(tx, row)
    return Made(key, await found(tx, key.key_id))


async def revoke(tx: Transaction, key_id: str, *, by: str) -> sa.Row[Any]:
    """Raises NotFound. Once more changes nothing."""
    await found(tx, key_id)
    await repository.revoke_key(tx, key_id, at=clock.wall(), by=by)
    return await found(tx, key_id)


async def found(tx: Transaction, key_id: str) -> sa.Row[Any]:
    """Raises NotFound."""
    row = await repository.find_key(tx, key_id)
    if row is None:
        raise NotFound(f"no API key {key_id}")
    return row
