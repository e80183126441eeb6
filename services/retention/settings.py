"""Settings of retention alone. Environment variables carry the prefix `HOLDFAST_RETENTION_`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from shared.settings import OperatorZone, read
from shared.webhooks.guard import networks_of


class RetentionSettings(OperatorZone):
    model_config = SettingsConfigDict(env_prefix="HOLDFAST_RETENTION_", extra="ignore", frozen=True)

    contact_cost_minor: int = Field(default=1_500, ge=0, le=1_000_000, description="What a contact by an agent costs us, in minor units")
    message_cost_minor: int = Field(default=5, ge=0, le=1_000_000, description="What a message costs us, in minor units")
    most_attempts: int = Field(default=3, ge=1, le=10, description="Calls of one task that reach nobody, until it ends")
    language: str = Field(default="en", pattern="^[a-z]{2}$", description="Of messages to customers without a language of their own")

    quiet_days_after_fix: int = Field(default=3, ge=0, le=90, description="Days after a trouble was fixed in which nothing is sold to the customer")
    currency: str = Field(default="CNY", pattern="^[A-Z]{3}$", description="Of make-goods")

    sms_by: Literal["sink", "webhook"] = Field(default="sink", description="How text messages leave: `sink` only writes them to files")
    email_by: Literal["sink", "webhook", "smtp"] = Field(default="sink", description="How e-mails leave: `sink` only writes them to files")
    push_by: Literal["sink", "webhook"] = Field(default="sink", description="How push messages leave: `sink` only writes them to files")
    sink_folder: Path | None = Field(default=None, description="Where the sink writes; none: `messages` in the data folder")
    webhook_url: str | None = Field(default=None, description="Where messages are posted to")
    webhook_secret: SecretStr | None = Field(default=None, min_length=32, description="What they are signed with: 32 characters at least")
    webhook_networks: str = Field(default="", description="Private networks that the webhook may lie in, with commas: 10.1.0.0/16,127.0.0.1/32")
    smtp_host: str = Field(default="localhost", description="The mail server that takes our mail")
    smtp_port: int = Field(default=587, ge=1, le=65535, description="Its port")
    smtp_starttls: bool = Field(default=True, description="Refuse to send without TLS and a valid certificate")
    smtp_user: str | None = Field(default=None, description="None: no login")
    smtp_password: SecretStr | None = Field(default=None, description="Of that user")
    smtp_sender: str = Field(default="care@localhost", pattern=r"^[^@\s]+@[^@\s]+$", description="From whom e-mails are")

    @field_validator("webhook_url")
    @classmethod
    def _webhook_is_web(cls, value: str | None) -> str | None:
        if value is not None and (urlsplit(value).scheme not in {"http", "https"} or not urlsplit(value).hostname):
            raise ValueError("use https://host/path (or http:// inside your own network)")
        return value

    @field_validator("webhook_networks")
    @classmethod
    def _networks_are_networks(cls, value: str) -> str:
        networks_of(value)
        return value

    @model_validator(mode="after")
    def _webhook_is_complete(self) -> Self:
        if "webhook" in {self.sms_by, self.email_by, self.push_by} and not (self.webhook_url and self.webhook_secret):
            raise ValueError("a channel leaves by webhook: set HOLDFAST_RETENTION_WEBHOOK_URL and HOLDFAST_RETENTION_WEBHOOK_SECRET")
        return self


def load() -> RetentionSettings:
    return read(RetentionSettings)
