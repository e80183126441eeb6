"""HTTP bodies of privacy rights and of the upkeep of keys and retention periods."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.envelope import Id
from shared.contracts.orders import Consent


class PrivacyReason(BaseModel):
    """Why. Kept in plain: no personal data."""

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra={"examples": [{"reason": "case 2026-117"}]})

    reason: str = Field(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f]+$", description="Kept in plain, for years: a case number, no personal data")


class SaidConsent(Consent):
    """One statement, and where it came from."""

    said_at: datetime
    recorded_at: datetime
    customer_id: Id = Field(description="Whom it was reported about, before any merge")
    source: Id
    event_id: Id


class Consents(BaseModel):
    """After a merge what both granted is granted."""

    customer_id: str
    do_not_contact: bool
    consents: list[Consent] = Field(description="What holds now")
    history: list[SaidConsent] = Field(description="Newest first")


class LegalHold(BaseModel):
    hold_id: str
    customer_id: str
    reason: str
    placed_by: str
    placed_at: datetime
    lifted_by: str | None = None
    lifted_at: datetime | None = None


class LegalHolds(BaseModel):
    items: list[LegalHold]


class Erasure(BaseModel):
    """The proof that a customer was erased."""

    erasure_id: str
    customer_id: str
    aliases: list[str]
    reason: str
    erased_by: str
    erased_at: datetime
    key_ids: list[str] = Field(description="Data keys that were destroyed: what is sealed under them, wherever it is, is unreadable")
    counts: dict[str, int] = Field(description="Rows deleted or stripped, by table")
    readable_until: dict[str, datetime] = Field(description="Topics of the producers: when their own, plain copies expire")
    digest: str = Field(description="SHA-256 of all this; it stands in the audit log too")


class MasterKey(BaseModel):
    master_id: str
    data_keys: int


class KeyState(BaseModel):
    newest_master_id: str
    masters: list[MasterKey]
    to_rewrap: int = Field(description="Data keys under older master keys")
    destroyed: int = Field(description="Data keys of who was erased")


class RetentionPeriod(BaseModel):
    kind: str
    days: int
    deleted: int = Field(description="So far")
    looked_at: datetime | None


class RetentionPeriods(BaseModel):
    items: list[RetentionPeriod]


class ExportedTable(BaseModel):
    table: str
    holds: str = Field(description="What it is kept for")
    rows: list[dict[str, Any]]


class Export(BaseModel):
    """All that is stored about a customer, in plain. It is streamed, table by table."""

    customer_id: str
    aliases: list[str] = Field(description="Those who were merged into the customer")
    exported_at: datetime
    tables: list[ExportedTable]
