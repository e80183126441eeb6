"""HTTP bodies about who may be the same person twice."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Note = Annotated[str, Field(max_length=500, pattern=r"^[^\x00-\x1f]*$")]
ReviewState = Literal["open", "blocked", "merged", "different"]


class Review(BaseModel):
    """Two customers who may be one person."""

    review_id: int
    customers: tuple[str, str]
    state: ReviewState = Field(description="`blocked`: all they share is on the block list")
    likeness: float = Field(description="0 to 1: how sure it is that they are one person; 1 for the same document and name")
    evidence: list[str] = Field(description="What both have: the kinds, and keyed hashes in place of the values")
    opened_at: datetime
    decided_at: datetime | None
    decided_by: str | None
    note: str | None


class Reviews(BaseModel):
    items: list[Review]
    next_cursor: str | None


class ReviewDecision(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", json_schema_extra={"examples": [{"decision": "different", "note": "father and son"}]})

    decision: Literal["merge", "different"]
    note: Note = ""


class MatchKey(BaseModel):
    key: str
    others: int = Field(description="How many other customers have it, counted up to five")
    shared_by_many: bool = Field(description="More than five have it: an office's number, no evidence")
    blocked: bool


class MatchKeys(BaseModel):
    items: list[MatchKey]


class BlockRequest(BaseModel):
    """The value comes in plain and is kept as its keyed hash only: say in the note what it is."""

    model_config = ConfigDict(
        strict=True, extra="forbid", json_schema_extra={"examples": [{"kind": "contact", "value": "8613800000000", "note": "of the shop"}]}
    )

    kind: Literal["document", "contact", "name", "imei"]
    value: Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00]*$")]
    note: Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f]*$")]


class BlockedValue(BaseModel):
    part: str = Field(description="The kind, and a keyed hash in place of the value")
    note: str
    blocked_by: str
    blocked_at: datetime


class BlockList(BaseModel):
    items: list[BlockedValue]
    next_cursor: str | None
