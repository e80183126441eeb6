"""HTTP bodies about the sources of events."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from services.customer.watch import State


class FeedHour(BaseModel):
    starts_at: datetime
    events: int
    dead: int = Field(description="Of them broke their contract")


class Feed(BaseModel):
    """What one source reports by one topic, and whether that is as usual."""

    topic: str
    source: str
    state: State
    reason: str
    since: datetime
    last_heard_at: datetime = Field(description="To the minute")
    usual_silence_seconds: int | None = Field(description="How long it is usually silent at this time of day; null: not known yet")
    accepted: int
    dead: int
    unknown_fields: dict[str, list[str]] = Field(description="Event type to fields that its contract does not know, and that are ignored")
    hours: list[FeedHour] = Field(description="Of the last day, oldest first; an hour without events is not listed")


class Feeds(BaseModel):
    items: list[Feed]
    next_cursor: str | None


class FeedChange(BaseModel):
    """A source went into another state."""

    topic: str
    source: str
    state: State
    state_before: State
    reason: str
    changed_at: datetime


class FeedChanges(BaseModel):
    items: list[FeedChange]
    next_cursor: str | None
