"""HTTP bodies: receipts of decisions."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from services.retention.schemas.retention import DecisionView


class Receipt(DecisionView):
    """A decision with all that it looked at."""

    policy: str | None = Field(description="The version of the rules that decided; null: no rule did, or inputs were not kept yet")
    inputs: dict[str, Any] | None = Field(description="What the rule looked at; campaign and offers by version")
    inputs_digest: str | None = Field(description="SHA-256 of the inputs as canonical JSON")
    contents: dict[str, dict[str, Any]] = Field(description="By version: the campaign and the offers as they were then")


class Recomputed(BaseModel):
    """The decision made again by today's rules from its stored inputs."""

    decision_id: str
    agrees: bool
    differs_in: list[str]
    explanation: str
    policy: str = Field(description="The version of the rules that decided")
    policy_today: str
    answer: dict[str, Any]
