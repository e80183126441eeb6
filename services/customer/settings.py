"""Settings of customer alone. Environment variables carry the prefix `HOLDFAST_CUSTOMER_`."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.settings import read


class CustomerSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="HOLDFAST_CUSTOMER_", extra="ignore", frozen=True)

    merge_certain: bool = Field(default=False, description="Merge two customers with the same document and name without asking")


def load() -> CustomerSettings:
    return read(CustomerSettings)
