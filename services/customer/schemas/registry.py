"""HTTP bodies of the customer service."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from shared.contracts.customer import Fact
from shared.contracts.envelope import Identifier


class KnownCustomer(BaseModel):
    """What this service knows of one customer; personal texts masked. A block that was not asked for is absent."""

    customer_id: str = Field(description="Of who carries on, when it was asked by an alias")
    aliases: list[str] = Field(description="Ids that were merged into it")
    as_of: datetime | None = Field(default=None, description="Of a past moment: what had happened by then")
    known_at: datetime | None = Field(default=None, description="Of a past moment: what had been recorded by then")
    sequence: int | None = Field(default=None, description="Of the last activity published")
    updated_at: datetime | None = None
    profile: dict[str, Any] | None = Field(default=None, description="As in `activity`, opened")
    months: dict[str, dict[str, int]] | None = Field(default=None, description="The last 13 months, newest first: measures that are not zero")
    windows: dict[str, Any] | None = Field(default=None, description="Averages and counts over the months before this one")
    facts: list[Fact] | None = Field(default=None, description="The latest 50, newest first")


class PersonalContactPoint(BaseModel):
    kind: str
    value: str
    verified: bool = False


class PersonalNumbers(BaseModel):
    subscription_id: str
    msisdn: str | None
    imsi: str | None
    imei: str | None


class Personal(BaseModel):
    """Masked unless it is revealed: 86138****8000."""

    customer_id: str
    name: str | None
    document: str | None
    birth_date: str | None
    contact_points: list[PersonalContactPoint] | None
    subscriptions: list[PersonalNumbers]


class Owner(BaseModel):
    identifier: str
    customer_id: str = Field(description="Of who carries on")


class MergeRequest(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [{"customers": ["C-1", "C-2"], "reason": "same document, seen in the shop"}]})

    customers: tuple[Identifier, Identifier] = Field(description="In any order: who was registered first carries on")
    reason: str = Field(min_length=1, max_length=500)


class UndoRequest(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "father and son"}]})

    reason: str = Field(min_length=1, max_length=500)


class MergeView(BaseModel):
    merge_id: str
    survivor_id: str
    merged_id: str
    merged_at: datetime
    merged_by: str
    reason: str
    undone_at: datetime | None = None
    undone_by: str | None = None
    undo_reason: str | None = None


class Merges(BaseModel):
    items: list[MergeView]
    next_cursor: str | None


class SourceBooks(BaseModel):
    topic: str
    source: str
    accepted: int
    applied: int
    duplicate: int
    parked: int
    dead: int
    balanced: bool


class Reconciliation(BaseModel):
    """Accepted = applied + duplicate + parked + dead, per topic and source."""

    balanced: bool
    totals: dict[str, int]
    sources: list[SourceBooks]
    recount: dict[str, Any] | None = Field(default=None, description="The facts and parked events that are really stored, and whether the counters agree")


class ParkedEvent(BaseModel):
    """An event that waits for its customer to appear; personal texts masked, a number by its index."""

    source: str
    id: str
    type: str
    subject: str
    reason: str
    parked_at: datetime
    time: datetime
    occurred_at: datetime
    data: dict[str, Any]


class ParkedEvents(BaseModel):
    items: list[ParkedEvent]
    next_cursor: str | None
