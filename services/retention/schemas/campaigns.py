"""HTTP bodies: campaigns and offers as they are drafted, tried and decided upon."""

from __future__ import annotations

from datetime import datetime, time
from typing import Annotated, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_serializer, model_validator

from services.retention.campaign import Channel
from shared.contracts.envelope import Id, Text
from shared.contracts.orders import PaymentType
from shared.contracts.segmentation import AlertKind

Reason = Annotated[str, Field(max_length=500)]
Listed = Annotated[list[Id], Field(min_length=1, max_length=20)]


class VariantContent(BaseModel):
    """One of the ways to treat whom the campaign does not hold out."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,40}$")]
    share: float = Field(gt=0, lt=1, description="Of the treated")
    offers: dict[AlertKind, Listed] = Field(default={}, description="In place of the campaign's, for the kinds that are named")
    purpose: Annotated[str, Field(min_length=1, max_length=64)] | None = Field(default=None, description="Of its templates; null: the campaign's id")


class CampaignContent(BaseModel):
    """What a campaign does. Nobody is contacted without a hold-out to compare with, a cap, and hours on the recipient's clock."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=200)]
    channel: Channel = Field(
        default="call", description="A call is a task for an agent; the others are messages, by templates whose purpose is the campaign's id"
    )
    fallback_channels: list[Channel] = Field(
        default=[], max_length=3, description="By which else, in this order, whom the first does not reach or who did not agree to it"
    )
    offers: dict[AlertKind, Listed] = Field(min_length=1, description="Kind of alert that triggers it -> offers, the preferred one first")
    variants: list[VariantContent] = Field(default=[], max_length=10, description="To be compared with each other, and with the hold-out they share")
    hold_out_share: float = Field(default=0.1, ge=0.01, le=0.9)
    cap_contacts: int = Field(default=1, ge=1, le=50, description="Contacts of any campaign within `cap_days`")
    cap_days: int = Field(default=30, ge=1, le=365)
    opens: time = time(9)
    closes: time = time(20)
    capacity: int = Field(default=100, ge=1, le=1_000_000, description="Open tasks at most")
    least_profit_minor: int | None = Field(default=None, ge=-(10**9), le=10**9, description="A contact has to be expected to bring")
    budget_minor: int | None = Field(default=None, ge=0, le=10**12, description="Of a calendar month: reserved and spent")

    @field_serializer("opens", "closes")
    def _to_the_minute(self, at: time) -> str:
        return at.isoformat("minutes")

    @model_validator(mode="after")
    def _channels_differ(self) -> Self:
        if len({self.channel, *self.fallback_channels}) <= len(self.fallback_channels):
            raise ValueError("each channel is listed once")
        return self

    @model_validator(mode="after")
    def _opens_before_it_closes(self) -> Self:
        if self.opens >= self.closes or self.opens.tzinfo or self.closes.tzinfo:
            raise ValueError("opens has to be before closes, both of the recipient's own clock")
        return self

    @model_validator(mode="after")
    def _variants_make_a_whole(self) -> Self:
        names = {one.name for one in self.variants}
        if self.variants and (len(names) != len(self.variants) or len(names) < 2 or abs(sum(one.share for one in self.variants) - 1) > 1e-6):
            raise ValueError("variants are two at least, of different names, and their shares add up to 1")
        if any(one.offers.keys() - self.offers.keys() for one in self.variants):
            raise ValueError("a variant makes its offers for kinds of alert that trigger the campaign")
        return self


class CampaignDraft(CampaignContent):
    campaign_id: Id


class CampaignEdit(CampaignContent):
    revision: int = Field(ge=1, description="That was read")


class CampaignApproval(BaseModel):
    revision: int = Field(ge=1, description="That was read: what is approved is what was drafted")
    reason: Reason = ""


class Because(BaseModel):
    reason: Reason = ""


class TryOut(BaseModel):
    """What the campaign would have decided about the warnings of the last days, as customers stand today."""

    campaign_id: str
    days: int
    heard: int = Field(description="Warnings of any kind, the newest 5,000")
    alerts: int = Field(description="Of them, those that trigger it")
    customers: int
    contacts: int
    held_out: int
    refused: int
    lost_at: dict[str, int] = Field(description="By gate, the first that failed: the reach that is lost there")
    expected_cost_minor: int
    expected_profit_minor: int = Field(description="Of customers whose risk and value are known")
    overlaps: dict[str, int] = Field(description="By campaign, how many of the customers it decided to contact in these days too")


class NewOffer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    offer_id: Id
    name: Annotated[str, Field(min_length=1, max_length=200)]
    cost_minor: int = Field(ge=0, le=10**9, description="What it costs us when it is taken")
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")]
    payment_types: list[PaymentType] = Field(min_length=1, description="Who may have it")
    valid_from: AwareDatetime
    valid_to: AwareDatetime | None = None
    script: Text
    stock: int | None = Field(default=None, ge=0, le=10**9, description="Pieces there are; null: without end")
    channels: list[Channel] = Field(default=[], max_length=4, description="By which it may be made; none: any")

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.valid_to is not None and self.valid_to <= self.valid_from:
            raise ValueError("valid_to has to be after valid_from")
        return self


class Restock(BaseModel):
    model_config = ConfigDict(extra="forbid")

    pieces: int = Field(ge=-(10**9), le=10**9, description="To add; below zero: to take out, of those that nobody has")


class StepView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    step: str
    actor: str
    reason: str
    taken_at: datetime
