"""What network management reports."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AwareDatetime, Field, model_validator

from shared.contracts import topics
from shared.contracts.envelope import Count, Part, Payload, Personal, Text, Word


class Period(Payload):
    """A summary of a period; it lands in the month the period starts in."""

    period_start: AwareDatetime
    period_end: AwareDatetime

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Period:
        if not self.period_start < self.period_end:
            raise ValueError("period_end must be after period_start")
        return self

    def occurred_at(self, event_time: datetime) -> datetime:
        return self.period_start

    @property
    def days(self) -> int:
        """Whole days covered, at least one."""
        return max(1, round((self.period_end - self.period_start).total_seconds() / 86_400))


class Voice(Part):
    """Calls with one kind of far end."""

    out_calls: Count = 0
    out_seconds: Count = 0
    in_calls: Count = 0
    in_seconds: Count = 0


class DataVolume(Part):
    """Kilobytes by generation of the radio network."""

    g2_kb: int = Field(default=0, ge=0, le=10**11)
    g3_kb: int = Field(default=0, ge=0, le=10**11)
    g4_kb: int = Field(default=0, ge=0, le=10**11)
    g5_kb: int = Field(default=0, ge=0, le=10**11)

    @property
    def total_kb(self) -> int:
        return self.g2_kb + self.g3_kb + self.g4_kb + self.g5_kb


class Roaming(Part):
    days: Count = 0
    calls: Count = 0
    seconds: Count = 0
    data_kb: int = Field(default=0, ge=0, le=10**11)


class Forwarding(Part):
    """Call forwarding switched on towards a number of `network`."""

    network: Word
    on_net: bool
    activations: Count


class UsageSummarised(Period):
    """What a subscription used in a period."""

    type: ClassVar = "network.usage_summarised.v1"
    topic: ClassVar = topics.NETWORK
    about: ClassVar = ("msisdn", "imsi")
    example: ClassVar[dict[str, Any]] = {
        "period_start": "2026-10-01T00:00:00Z", "period_end": "2026-10-08T00:00:00Z",
        "on_net": {"out_calls": 21, "out_seconds": 3600, "in_calls": 30, "in_seconds": 5400},
        "off_net": {"out_calls": 9, "out_seconds": 1260, "in_calls": 7, "in_seconds": 900},
        "sms_out": 4, "sms_in": 19, "data": {"g4_kb": 800000, "g5_kb": 1900000}, "roaming": {"days": 1, "calls": 2, "seconds": 140},
        "care_calls": 1, "missed_calls": 6, "forwarding": [{"network": "rival", "on_net": False, "activations": 2}], "distinct_contacts": 34,
    }  # fmt: skip

    on_net: Voice = Voice()
    off_net: Voice = Voice()
    fixed: Voice = Voice()
    international: Voice = Voice()
    premium: Voice = Field(default=Voice(), description="Numbers that cost by the call, e.g. 16xxx")
    sms_out: Count = 0
    sms_in: Count = 0
    data: DataVolume = DataVolume()
    roaming: Roaming = Roaming()
    care_calls: Count = 0
    missed_calls: Count = 0
    forwarding: tuple[Forwarding, ...] = Field(default=(), max_length=50)
    distinct_contacts: Count = 0
    top_contacts: tuple[Annotated[str, Field(pattern=r"^[0-9+]{3,20}$"), Personal("msisdn")], ...] = Field(
        default=(), max_length=50, description="The numbers called most: the calling circle, by which a customer who comes back is known again"
    )


class CellQuality(Part):
    cell_id: Word
    dropped_calls: Count = 0
    access_failures: Count = 0


class QualitySummarised(Period):
    """How well the network served a subscription in a period."""

    type: ClassVar = "network.quality_summarised.v1"
    topic: ClassVar = topics.NETWORK
    about: ClassVar = ("msisdn", "imsi")
    example: ClassVar[dict[str, Any]] = {
        "period_start": "2026-10-01T00:00:00Z", "period_end": "2026-10-08T00:00:00Z", "dropped_calls": 3, "access_failures": 1,
        "cells": [{"cell_id": "460-00-17", "dropped_calls": 3, "access_failures": 1}],
    }  # fmt: skip

    dropped_calls: Count = 0
    access_failures: Count = 0
    cells: tuple[CellQuality, ...] = Field(default=(), max_length=500)


class OutageReported(Payload):
    """A cell was out of service or degraded. About a cell, not a customer."""

    type: ClassVar = "network.outage_reported.v1"
    topic: ClassVar = topics.NETWORK
    about: ClassVar = ("cell",)
    example: ClassVar[dict[str, Any]] = {"kind": "outage", "started_at": "2026-10-03T08:00:00Z", "ended_at": "2026-10-03T11:30:00Z"}

    kind: Literal["outage", "degraded", "fault"]
    started_at: AwareDatetime
    ended_at: AwareDatetime | None = None
    note: Text = ""

    def occurred_at(self, event_time: datetime) -> datetime:
        return self.started_at


class DeviceChanged(Payload):
    """The subscription was seen in another device."""

    type: ClassVar = "network.device_changed.v1"
    topic: ClassVar = topics.NETWORK
    about: ClassVar = ("msisdn", "imsi")
    example: ClassVar[dict[str, Any]] = {"imei": "356938035643809", "tac": "35693803"}

    imei: Annotated[str, Field(pattern=r"^[0-9]{14,16}$"), Personal("imei")]
    tac: str = Field(pattern=r"^[0-9]{8}$", description="Type allocation code: the first eight digits of the IMEI")


PAYLOADS: tuple[type[Payload], ...] = (UsageSummarised, QualitySummarised, OutageReported, DeviceChanged)
