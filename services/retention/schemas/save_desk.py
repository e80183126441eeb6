"""HTTP bodies: the save desk."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field


class DeskOffer(BaseModel):
    offer_id: str
    name: str
    script: str
    expected_cost_minor: int
    expected_profit_minor: int | None = Field(description="Null while risk and value are not known")
    basis: str | None
    allowed: bool = Field(description="Within the budget")
    reason: str = Field(description="Why not")


class DeskCall(BaseModel):
    """What an agent needs whose caller wants to leave."""

    customer_id: str = Field(description="Of who carries on, when the id is of one who was merged")
    task_id: str | None = Field(description="To post the outcome to; null where nothing may be offered")
    risk: float | None = Field(description="To leave within the horizon, as it was before the call")
    future_value_minor: int | None
    tier: str | None
    sensitivity: dict[str, Any]
    reasons: list[dict[str, Any]] = Field(description="Why they may leave: in words, with evidence, remedy and the risk without the cause")
    open_complaints: list[str]
    budget_left_minor: int | None = Field(description="Of this month; null: none is set")
    offers: list[DeskOffer] = Field(description="All the customer may have, the best first")
