"""HTTP bodies: explanations, objections and reviews."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.retention.schemas.retention import View


class ExplanationView(BaseModel):
    """For the customer. Refused by `POST /customers/{id}/objections`, reviewed by `POST /decisions/{id}/review`."""

    decision_id: str
    language: str
    why: str
    data: str = Field(description="By which kinds of data")
    refuse: str = Field(description="How to refuse, and how to have it reviewed")


class NewObjection(BaseModel):
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"scope": "automated_decisions"}]})

    scope: Literal["automated_decisions", "personalised_marketing"] = Field(
        description="The one: no automated decision leads to a contact. The other: no offer is chosen by what is estimated of the person"
    )


class ObjectionView(View):
    customer_id: str = Field(description="The id it was made under: it counts for all ids of the person")
    scope: str
    actor: str
    objected_at: datetime
    withdrawn_by: str | None
    withdrawn_at: datetime | None = Field(description="Null: it is in force")


class Objections(View):
    customer_id: str
    objections: list[ObjectionView]


class ReviewView(View):
    decision_id: str
    customer_id: str
    verdict: str
    nth: int
    requested_by: str
    requested_at: datetime
    result: Literal["upheld", "overturned"] | None = Field(description="Null: it is open")
    reason: str
    closed_by: str | None
    closed_at: datetime | None


class Reviews(BaseModel):
    items: list[ReviewView]


class ReviewResult(BaseModel):
    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"result": "upheld", "reason": "the limit on contacts held it back, as it should"}]}
    )

    result: Literal["upheld", "overturned"]
    reason: Annotated[str, Field(min_length=1, max_length=500)]
