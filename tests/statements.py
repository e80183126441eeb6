"""SQLAlchemy compiles statements anew for each engine. A service has one for its life, and tests open thousands: in a process that runs
tests, what was compiled for one is taken for all of its kind."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import event, util
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

STATEMENTS = 5000
_compiled = util.LRUCache[Any, Any](STATEMENTS)
_dialects: dict[str, sa.Dialect] = {}


def create_engine(url: str, **given: Any) -> AsyncEngine:
    """As `create_async_engine`. A statement is found again under its dialect: engines have that of the first that ever connected."""
    created = create_async_engine(url, execution_options={"compiled_cache": _compiled}, **given)
    engine = created.sync_engine
    engine.dialect = _dialects.get(engine.name, engine.dialect)

    @event.listens_for(engine, "connect", once=True)
    def _on_connect(connection: Any, _: Any) -> None:
        _dialects.setdefault(engine.name, engine.dialect)

    return created
