"""HTTP bodies about how good what is known of customers is."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field


class Reach(BaseModel):
    """Learned from what contacts came to; one of half a year ago counts half."""

    rate: float = Field(description="How likely the next contact arrives; 0.5 before anything was tried")
    attempts: int
    reached: int
    last_reached_at: datetime | None
    wrong_number: bool = Field(description="Somebody else answered, and nobody was reached since")


class ContactPointReach(Reach):
    kind: Literal["phone", "email", "address"]
    value: str = Field(description="Masked")
    verified: bool = False


class Score(BaseModel):
    completeness_percent: int = Field(description="Share of what an operator needs that is there")
    validity_percent: int = Field(description="Share of what can be judged that has no flaw")
    score_percent: int = Field(description="Completeness times validity")
    missing: list[str]
    flaws: dict[str, str] = Field(description="Attribute -> what is wrong with it")


class CustomerQuality(Score):
    customer_id: str
    channels: dict[str, Reach]
    contact_points: list[ContactPointReach]


class ListedQuality(Score):
    customer_id: str
    month: str | None = Field(description="Registered in")
    channel: str | None = Field(description="Acquired by")
    agent: str | None = Field(description="Acquired by")


class WorstQualities(BaseModel):
    items: list[ListedQuality]
    next_cursor: str | None


class AverageQuality(BaseModel):
    value: str | None = Field(description="The channel or agent; null: not known")
    customers: int
    completeness_percent: float
    validity_percent: float
    score_percent: float


class DataQuality(BaseModel):
    by: Literal["channel", "agent"]
    month: str | None
    items: list[AverageQuality] = Field(description="The worst score first, 500 at most")
