"""HTTP bodies between services: where a message goes."""

from __future__ import annotations

from pydantic import BaseModel, Field


class Address(BaseModel):
    customer_id: str = Field(description="Of who carries on")
    address: str | None = Field(description="In plain; null: there is none of this kind")
