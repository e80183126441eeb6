"""What both databases keep, and keep the same."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from shared.database import Database, Json, insert_rows, metadata
from shared.settings import Settings
from tests.databases import empty
from tests.settings_fixture import settings as settings


@pytest.mark.parametrize("document", [[], [[1, 2], [3, 4]], [{"a": 1}], {}, {"a": [None]}, "text", 1])
async def test_any_json_document_is_one_value(settings: Settings, document: Any) -> None:
    """A list too: an array of lists is not an array of arrays."""
    tables = metadata()
    table = sa.Table("documents", tables, sa.Column("id", sa.Integer, primary_key=True), sa.Column("document", Json, nullable=False))
    await empty(settings, "customer")
    database = Database(settings.database_url("customer"))
    try:
        async with database.transaction() as tx:
            await tx.run_sync(tables.create_all)
            await insert_rows(tx, table, [{"id": 1, "document": document}, {"id": 2, "document": document}], key=("id",), merge={"document": "replace"})
            assert (await tx.scalars(sa.select(table.c.document))).all() == [document, document]
    finally:
        await database.close()
