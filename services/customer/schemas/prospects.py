"""HTTP bodies of prospects."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.customer.prospects import OpenStage, ProspectStage
from shared.contracts.envelope import Id, Word

Printable = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]+$")]


class ProspectContactPoint(BaseModel):
    kind: Literal["phone", "email", "address"]
    value: Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f]+$", description="A phone in E.164, digits only")]

    @model_validator(mode="after")
    def _is_number(self) -> Self:
        if self.kind == "phone" and not re.fullmatch(r"[1-9][0-9]{6,14}", self.value):
            raise ValueError("a phone is a number in E.164, digits only")
        return self


class NewProspect(BaseModel):
    """A potential customer. What is personal is kept sealed under a key of their own."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"source": "website", "interest": "gotone-128", "name": "Zhang Wei", "contact_point": {"kind": "phone", "value": "8613800138000"}}]
        },
    )

    source: Word = Field(description="Where they come from, e.g. `website`, `shop-12`, `referral`")
    interest: Word | None = Field(default=None, description="In what, e.g. a plan")
    agent: Id | None = Field(default=None, description="Who looks after them")
    name: Printable | None = None
    document: Annotated[Id, Field(description="Kind and number, e.g. `id_card:3301...`")] | None = None
    contact_point: ProspectContactPoint | None = None

    @model_validator(mode="after")
    def _is_somebody(self) -> Self:
        if not (self.name or self.document or self.contact_point):
            raise ValueError("a name, a document or a contact point is needed")
        return self


class StageChange(BaseModel):
    """`converted` is not among them: an activation converts."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"stage": "contacted", "agent": "A-88"}]})

    stage: OpenStage
    agent: Id | None = Field(default=None, description="Who looks after them from now on")


class ProspectView(BaseModel):
    prospect_id: str
    source: str
    stage: ProspectStage
    interest: str | None
    agent: str | None
    name: str | None = None
    document: str | None = None
    contact_point: dict[str, str] | None = None
    created_at: datetime
    changed_at: datetime
    customer_id: str | None = Field(description="Who they became")
    converted_at: datetime | None = Field(description="When that customer's subscription was activated")


class Prospects(BaseModel):
    items: list[ProspectView]
    next_cursor: str | None


class SourceFunnel(BaseModel):
    source: str
    stages: dict[ProspectStage, int]
    total: int
    converted_share: float


class Funnel(BaseModel):
    """How many prospects of each source stand at each stage."""

    sources: list[SourceFunnel]
