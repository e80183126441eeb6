"""Settings of the gateway alone. Environment variables carry the prefix `HOLDFAST_GATEWAY_`."""

from __future__ import annotations

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.settings import read
from shared.webhooks.guard import networks_of


class GatewaySettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="HOLDFAST_GATEWAY_", extra="ignore", frozen=True)

    listener_networks: str = Field(default="", description="Private networks that listeners may lie in, with commas: 10.1.0.0/16,127.0.0.1/32")
    listener_waiting: int = Field(default=10_000, ge=1, le=1_000_000, description="Deliveries that may wait for one listener; beyond it is paused")
    stream_hours: int = Field(default=24, ge=1, le=720, description="How long events are kept for streams that resume")
    stream_events: int = Field(default=100_000, ge=1, le=10_000_000, description="How many of them at most")
    streams: int = Field(default=100, ge=1, le=10_000, description="Open at the same time, per API process")
    heartbeat_seconds: float = Field(default=15.0, ge=0.1, le=300, description="Of a stream without news: less than proxies on the way let pass in silence")

    kept_view_bytes: int = Field(default=64_000_000, ge=0, le=10_000_000_000, description="Text of views kept to answer again, per API process")

    @field_validator("listener_networks")
    @classmethod
    def _networks_are_networks(cls, value: str) -> str:
        networks_of(value)
        return value


def load() -> GatewaySettings:
    return read(GatewaySettings)
