"""Settings of access. Environment variables carry the prefix `HOLDFAST_AUTH_`; whether it is required at all is `HOLDFAST_AUTH`."""

from __future__ import annotations

from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class AccessSettings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="HOLDFAST_AUTH_", extra="ignore", frozen=True)

    issuer: str | None = Field(default=None, description="`iss` of the tokens that are believed; none: API keys only")
    jwks_url: str | None = Field(default=None, description="Where the issuer's keys are: https, or http on this machine")
    token_url: str | None = Field(default=None, description="Where clients get their tokens: for the API docs only")
    audience: str = Field(default="holdfast", min_length=1, description="What `aud` has to name")
    leeway_seconds: int = Field(default=30, ge=0, le=300, description="By how much the issuer's clock may differ from ours")
    jwks_refresh_seconds: float = Field(default=300, gt=0, le=86_400, description="How old the keys are before they are fetched again")
    jwks_pause_seconds: float = Field(default=10, gt=0, le=3_600, description="Between two fetches, whatever unknown keys are asked for")
    jwks_stale_seconds: float = Field(default=3_600, gt=0, le=604_800, description="How long known keys are believed while none can be fetched")
    rate_per_second: float = Field(default=100, gt=0, le=100_000, description="Requests a client may make in the long run, to each process")
    burst: int = Field(default=200, ge=1, le=1_000_000, description="Requests a client may make at once, to each process")
    daily_quota: int = Field(default=2_000_000, ge=1, le=10**12, description="Requests a client may make in a day (UTC), to all processes")
    demo_issuer: bool = Field(default=False, description="Issue tokens ourselves, for demo and tests: on this machine only")

    @field_validator("jwks_url")
    @classmethod
    def _keys_come_safely(cls, value: str | None) -> str | None:
        url = urlsplit(value or "https:")
        if url.scheme != "https" and url.hostname not in {"localhost", "127.0.0.1", "::1"}:
            raise ValueError("use https: whoever can change the keys on their way can be anybody")
        return value

    @model_validator(mode="after")
    def _issuer_is_whole(self) -> Self:
        if (self.issuer is None) != (self.jwks_url is None):
            raise ValueError("set ISSUER and JWKS_URL, or neither of them")
        if self.demo_issuer and self.issuer:
            raise ValueError("DEMO_ISSUER stands in for an issuer: unset ISSUER, or it")
        return self
