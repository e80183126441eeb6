"""HTTP bodies about who came back."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field


class Reentry(BaseModel):
    """A customer who left and is back under another id."""

    customer_id: str
    former_customer_id: str
    matched_by: Literal["document", "device", "circle"]
    likeness: float = Field(description="Share of the smaller calling circle that is the same; 1 for a document or a device")
    left_at: datetime
    came_at: datetime
    found_at: datetime


class Reentries(BaseModel):
    items: list[Reentry]
    next_cursor: str | None


class NewCustomers(BaseModel):
    """Of one acquisition channel, or of those without one."""

    channel: str | None
    registered: int
    returned: int
    net_new: int = Field(description="Registered, less those who had left within 90 days before")


class NewCustomersByChannel(BaseModel):
    month: str
    items: list[NewCustomers]
