"""HTTP bodies: campaigns and offers as they are drafted, tried and decided upon."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, field_serializer, model_validator

from services.retention.audience import problems
from services.retention.campaign import Channel, Purpose
from services.retention.occasion import CREDIT_APPROVED, SCHEDULE
from services.retention.schedule import Every
from shared.contracts.envelope import Id, Text
from shared.contracts.orders import PaymentType
from shared.contracts.retention import LevelMove
from shared.contracts.segmentation import AlertKind, Moment

Reason = Annotated[str, Field(max_length=500)]
Trigger = AlertKind | Moment | LevelMove | Literal["schedule", "credit_approved"]
LEAST_HOLD_OUT = 0.01
Listed = Annotated[list[Id], Field(min_length=1, max_length=20)]


class VariantContent(BaseModel):
    """One of the ways to treat whom the campaign does not hold out."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,40}$")]
    share: float = Field(gt=0, lt=1, description="Of the treated")
    offers: dict[Trigger, Listed] = Field(default={}, description="In place of the campaign's, for the kinds that are named")
    purpose: Annotated[str, Field(min_length=1, max_length=64)] | None = Field(default=None, description="Of its templates; null: the campaign's id")


class ScheduleContent(BaseModel):
    """On the operator's clock."""

    model_config = ConfigDict(extra="forbid")

    every: Every
    at: time = time(9)
    starts_on: date = Field(description="Gives the weekday, or the day of the month; where a month has no such day, its last one")
    ends_on: date | None = None

    @field_serializer("at")
    def _to_the_minute(self, at: time) -> str:
        return at.isoformat("minutes")

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Self:
        if self.at.tzinfo is not None or (self.ends_on is not None and self.ends_on < self.starts_on):
            raise ValueError("ends_on has to be on or after starts_on, and at is of the operator's own clock")
        return self


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
    offers: dict[Trigger, Listed] = Field(
        min_length=1,
        description="What triggers it (a kind of warning, a moment, a move in the club, `credit_approved`) or `schedule` -> offers, the preferred one first",
    )
    purpose: Purpose = Field(
        default="selling",
        description="`service`: not held back while a trouble of the customer is open or was fixed lately; `win_back`: for who left, and for "
        "nobody else; `notice`: tells of an approved credit, by `credit_approved`, and needs no consent to marketing",
    )
    audience: dict[str, Any] | None = Field(
        default=None,
        description="Who it is for, a tree of `all`, `any`, `not` and fields (GET /audience-fields); null: everybody",
        examples=[{"all": [{"field": "tier", "one_of": ["gold", "platinum"]}, {"field": "risk", "at_least": 0.2}]}],
    )
    schedule: ScheduleContent | None = Field(default=None, description="When it runs by itself, with what `offers` lists under `schedule`")
    again_after_days: int | None = Field(
        default=None, ge=1, le=36_500, description="Nobody is exposed to it again before; null: as often as there is an occasion"
    )
    variants: list[VariantContent] = Field(default=[], max_length=10, description="To be compared with each other, and with the hold-out they share")
    hold_out_share: float = Field(default=0.1, ge=0, le=0.9, description="0.01 at least; of a notice 0")
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
    def _a_notice_is_owed_and_written(self) -> Self:
        is_notice = self.purpose == "notice"
        if (CREDIT_APPROVED in self.offers) != is_notice or (is_notice and len(self.offers) > 1):
            raise ValueError("a notice is triggered by credit_approved alone, and nothing else by it")
        if is_notice and ("call" in {self.channel, *self.fallback_channels} or self.audience is not None):
            raise ValueError("a notice is written, by sms, email or push, to everybody whom it concerns: it has no audience")
        if is_notice != (self.hold_out_share == 0) or 0 < self.hold_out_share < LEAST_HOLD_OUT:
            raise ValueError(f"hold_out_share is {LEAST_HOLD_OUT} at least, and of a notice 0: what is owed is withheld from nobody")
        return self

    @model_validator(mode="after")
    def _opens_before_it_closes(self) -> Self:
        if self.opens.tzinfo or self.closes.tzinfo or self.opens >= self.closes:
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

    @model_validator(mode="after")
    def _audience_and_schedule_can_be_used(self) -> Self:
        wrong = [] if self.audience is None else problems(self.audience)
        if wrong:
            raise ValueError("; ".join(wrong[:5]))
        if (self.schedule is None) != (SCHEDULE not in self.offers):
            raise ValueError("a schedule goes with offers under `schedule`, and they with it")
        if self.schedule is not None and self.again_after_days is None:
            raise ValueError("a campaign with a schedule says after how many days it may address a customer again: again_after_days")
        return self


class CampaignDraft(CampaignContent):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "campaign_id": "keep-silent",
                    "name": "Keep who falls silent",
                    "offers": {"silent": ["loyalty-10"]},
                    "hold_out_share": 0.2,
                    "budget_minor": 200000,
                }
            ]
        }
    )

    campaign_id: Id


class CampaignEdit(CampaignContent):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"revision": 1, "name": "Keep who falls silent", "offers": {"silent": ["loyalty-10"]}, "hold_out_share": 0.1}]}
    )

    revision: int | None = Field(default=None, ge=1, le=10**9, description="That was read; null: If-Match says it")


class CampaignApproval(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [{"revision": 1, "reason": "as tried"}]})

    revision: int | None = Field(default=None, ge=1, le=10**9, description="That was read: what is approved is what was drafted; null: If-Match says it")
    reason: Reason = ""


class CampaignReason(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "network trouble in the north"}]})

    reason: Reason = ""


class BatchTried(BaseModel):
    scanned: int = Field(description="Customers looked at, the first 20,000 by id")
    members: int = Field(description="Of them, who belongs to the audience and was not addressed lately")
    planned: int = Field(description="Whom the plan chooses, with the whole month's budget and no task open; of them the hold-out is drawn")
    lost_at: dict[str, int] = Field(description="By gate, the first that failed")
    expected_cost_minor: int
    expected_profit_minor: int
    gap: float = Field(description="Share by which a better plan could exist at most")
    overlaps: dict[str, int] = Field(description="By campaign, how many of the planned it decided to contact in these days")


class AudienceField(BaseModel):
    field: str
    kind: str = Field(description="number, text, flag or list: what can be asked of it")
    about: str


class AudienceFields(BaseModel):
    items: list[AudienceField]


class RunView(BaseModel):
    """One turn of a campaign's schedule."""

    model_config = ConfigDict(from_attributes=True)

    run_id: str
    due_at: datetime
    state: str = Field(description="selecting, planning, deciding, done; lapsed: was not done within a day, or the campaign was stopped")
    scanned: int
    audience: int = Field(description="Who belongs to it, and was not addressed lately")
    planned: int | None = Field(description="Of them, whom the plan chose")
    expected_profit_minor: int | None
    gap: float | None = Field(description="Share by which a better plan could exist at most")
    started_at: datetime
    ended_at: datetime | None


class Runs(BaseModel):
    items: list[RunView]


class TryOut(BaseModel):
    """What the campaign would have decided about the warnings of the last days, as customers stand today."""

    campaign_id: str
    days: int
    batch: BatchTried | None = Field(default=None, description="Of a campaign with a schedule: what its next run would do")
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
    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "offer_id": "data-20",
                    "name": "20 GB for a month",
                    "cost_minor": 4000,
                    "currency": "CNY",
                    "payment_types": ["postpaid"],
                    "valid_from": "2026-11-01T00:00:00+08:00",
                    "script": "Offer 20 GB for a month",
                    "stock": 1000,
                }
            ]
        },
    )

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
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"pieces": 100}]})

    pieces: int = Field(strict=True, ge=-(10**9), le=10**9, description="To add; below zero: to take out, of those that nobody has")


class StepView(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    step: str
    actor: str
    reason: str
    taken_at: datetime
