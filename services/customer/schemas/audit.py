"""HTTP bodies of the audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict


class AuditEntry(BaseModel):
    """One reading or change."""

    model_config = ConfigDict(from_attributes=True)

    entry_id: int
    at: datetime
    actor: str
    action: str
    customer_id: str | None
    details: dict[str, Any]
    hash: str


class AuditEntries(BaseModel):
    items: list[AuditEntry]
    next_cursor: str | None
