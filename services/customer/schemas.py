"""HTTP bodies of the customer service."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from shared.contracts.customer import Fact, Profile


class CustomerView(BaseModel):
    """Everything this service knows of one customer."""

    customer_id: str
    sequence: int = Field(description="Of the last activity published")
    updated_at: datetime
    profile: Profile
    months: dict[str, dict[str, int]] = Field(description="The last 13 months, newest first: measures that are not zero")
    windows: dict[str, Any] = Field(description="Averages and counts over the months before this one")
    facts: list[Fact] = Field(description="The latest 50, newest first")


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
    """An event that waits for its customer to appear."""

    source: str
    id: str
    subject: str
    reason: str
    topic: str
    parked_at: datetime
    event: dict[str, Any]


class ParkedEvents(BaseModel):
    items: list[ParkedEvent]
    next_cursor: str | None
