"""HTTP bodies about listeners."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, SecretStr

DeliveryState = Literal["waiting", "delivered", "dead"]


class NewListener(BaseModel):
    """TM Forum's hub: where to, and which events."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"callback": "https://crm.example/listener", "query": "eventType=alert_raised&severity=urgent"}]}
    )

    callback: str = Field(min_length=10, max_length=1000, pattern=r"^https?://[\x21-\x7e]+$", description="Where events are posted to")
    query: str = Field(default="", max_length=2000, description="`eventType=alert_raised&severity=urgent,warning&region=hangzhou`; empty: everything")
    secret: SecretStr | None = Field(default=None, min_length=32, max_length=200, description="What calls are signed with; none: one is made, and told once")


class Listener(BaseModel):
    """Who wants events. `paused`: more waited for it than may; it gets nothing new until it is resumed. `ended`: it answered 410."""

    id: str
    callback: str
    query: str
    api: str | None = Field(description="`tmf621` and others: subscribed at the hub of that TM Forum API, and gets its v4 notifications; null: CloudEvents")
    event_types: list[str] = Field(description="That the query lets through")
    state: Literal["active", "paused", "ended"]
    state_since: datetime
    missed: int = Field(description="Events that came while it was paused, and are not delivered")
    waiting: int = Field(description="Deliveries that are still to be made")
    dead: int = Field(description="Deliveries that were given up after three days, or when it ended")
    created_at: datetime


class CreatedListener(Listener):
    secret: str | None = Field(description="Told here only; null: you gave it")


class Listeners(BaseModel):
    items: list[Listener]


class DeliveryOut(BaseModel):
    """One event for one listener."""

    id: str = Field(description="The same at every attempt: `Idempotency-Key` of the call, and `deliveryid` in a CloudEvent")
    event_type: str
    state: DeliveryState
    at: datetime = Field(description="When it is due; of what was delivered or is dead, since when")
    attempts: int
    first_tried_at: datetime | None
    code: str | None = Field(description="What came of the last attempt: `http_503`, `timeout`, `unreachable`, `address_refused`")
    event: dict[str, Any] = Field(description="As it is posted: a CloudEvent, or a v4 notification")

    @classmethod
    def of(cls, row: Any) -> DeliveryOut:
        known = {name: getattr(row, name) for name in ("event_type", "state", "at", "attempts", "first_tried_at", "code")}
        return cls(id=row.delivery_id, event=orjson.loads(row.body), **known)


class Deliveries(BaseModel):
    items: list[DeliveryOut]
    next_cursor: str | None


class Redelivered(BaseModel):
    count: int
    more: bool = Field(description="There are more dead ones: ask again")


class Pinged(BaseModel):
    """What the listener answered to a `holdfast.ping.v1`."""

    answered: bool = Field(description="With a 2xx: it would count as delivered")
    code: str = Field(description="`http_204`, or what went wrong: `timeout`, `unreachable`, `address_refused`")
    seconds: float
