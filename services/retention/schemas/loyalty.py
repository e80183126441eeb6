"""HTTP bodies: loyalty points."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from services.retention.loyalty import Account, Kind
from services.retention.schemas.retention import View
from shared.contracts.envelope import Word


class RedemptionRequest(BaseModel):
    """Points for an item. Billing tells of the same redemption by the same points and item."""

    model_config = ConfigDict(strict=True, extra="forbid", json_schema_extra={"examples": [{"points": 1200, "item": "data pack 5 GB", "place": "app"}]})

    points: int = Field(gt=0, le=10_000_000)
    item: Word = Field(description="What for")
    place: Word = "app"


class RedemptionView(BaseModel):
    redemption_id: str
    points: int
    item: str
    place: str
    balance: int = Field(description="Points that are left")
    redeemed_at: datetime


class EntryView(View):
    transaction_id: str
    kind: Kind
    account: Account = Field(description="`points`: the balance; `owed`: negative is what later earnings settle first")
    points: int = Field(description="What was added to the account")
    reference: str = Field(description="The payment, or the redemption")
    booked_at: datetime


class LoyaltyView(View):
    customer_id: str = Field(description="Of one who was merged: the id that carries on")
    balance: int = Field(description="What can be spent, never below zero")
    owed: int = Field(description="Spent before their payment was reversed: later earnings settle it first")
    expiring: int = Field(description="Points that expire next")
    expiring_on: date | None = Field(description="The first day they are not there any more")
    level: str | None = Field(description="In the club; null: earned nothing yet")
    level_points: int = Field(description="Earned within the months that count for the level")
    next_level: str | None
    points_to_next_level: int | None
    entries: list[EntryView] = Field(description="The last 100, newest first")


class MemberView(View):
    customer_id: str
    level: str
    level_since: datetime


class Members(BaseModel):
    items: list[MemberView]
    next_cursor: str | None


class DifferingCustomer(View):
    """`entry_`: by the ledger's entries, `kept_`: as balances are kept, `lot_`: by what is left of each payment."""

    customer_id: str | None = Field(description="Null: all who were erased")
    entry_points: int
    entry_owed: int
    kept_points: int
    kept_owed: int
    lot_points: int
    lot_owed: int


class LedgerCheck(View):
    sound: bool
    accounts: dict[Literal["points", "owed", "issued", "redeemed", "expired"], int] = Field(description="What each adds up to; together zero")
    unbalanced_transactions: dict[str, int] = Field(description="Those whose entries do not add up to zero, and to what: 100 at most")
    differing_customers: list[DifferingCustomer] = Field(description="100 at most")
