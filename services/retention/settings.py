"""Settings of retention alone. Environment variables carry the prefix `HOLDFAST_RETENTION_`."""

from __future__ import annotations

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.retention.calling_hours import zone_of
from shared.settings import read


class RetentionSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="HOLDFAST_RETENTION_", extra="ignore", frozen=True)

    contact_cost_minor: int = Field(default=1_500, ge=0, le=1_000_000, description="What a contact by an agent costs us, in minor units")
    timezone: str = Field(default="UTC", description="Calling hours are kept in it for customers without a zone of their own")

    @field_validator("timezone")
    @classmethod
    def _timezone_is_known(cls, value: str) -> str:
        if zone_of(value) is None:
            raise ValueError(f"{value!r} is no time zone this machine knows: use an IANA name, for instance Asia/Shanghai")
        return value


def load() -> RetentionSettings:
    return read(RetentionSettings)
