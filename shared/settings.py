"""Settings from the environment, validated at start, with the fix in the message."""

from __future__ import annotations

import re
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from shared.clock import zone_of

S = TypeVar("S", bound=BaseSettings)

Service = Literal["customer", "segmentation", "retention", "gateway"]

PORT_OFFSETS: dict[str, int] = {"gateway": 0, "customer": 1, "segmentation": 2, "retention": 3}

_KAFKA = re.compile(r"^kafka://[^/,\s]+:\d+(,[^/,\s]+:\d+)*$")
_ORIGIN = re.compile(r"^https?://[^/,\s*]+$")
_POSTGRES = re.compile(r"^postgresql://[^\s]*\{service\}[^\s]*$")


class Settings(BaseSettings):
    """What every service reads. Environment variables carry the prefix `HOLDFAST_`."""

    model_config = SettingsConfigDict(env_prefix="HOLDFAST_", extra="ignore", frozen=True)

    data_dir: Path = Field(default=Path("data"), description="Folder of the embedded databases and bus")
    bus: str = Field(default="embedded", description="`embedded`, or `kafka://host:port[,host:port]`")
    database: str = Field(default="sqlite", description="`sqlite`, or `postgresql://{service}@host:port/{service}`, {service} being each service's name")
    kafka_session_seconds: float = Field(default=30.0, ge=6, le=300, description="How long a worker on Kafka may be silent before others take its work over")
    topic_prefix: str = Field(default="", pattern=r"^[a-zA-Z0-9._-]{0,100}$", description="Put before every topic name")
    host: str = Field(default="127.0.0.1", description="Where the APIs listen")
    port: Annotated[int, Field(ge=1, le=65532)] = Field(default=8000, description="The gateway's; customer, segmentation and retention take the next three")
    auth: Literal["open", "required"] = Field(
        default="open", description="`open`: whoever reaches the API may use it, on this machine only; `required`: with an API key or a token"
    )
    keyring: Path | None = Field(default=None, description="File with the keys of personal data; none: keyring.json in the data folder")
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="Other sites whose pages may call the gateway from a browser, with commas between: https://app.example; none: no other"
    )
    service_secret: SecretStr | None = Field(
        default=None,
        min_length=32,
        description="What services show each other: for all with `auth` required, else for personal data; 32 characters at least",
    )
    customer_url: str | None = Field(default=None, description="Where the gateway finds the service, when not on this machine")
    segmentation_url: str | None = Field(default=None, description="Where the gateway finds the service, when not on this machine")
    retention_url: str | None = Field(default=None, description="Where the gateway finds the service, when not on this machine")
    batch_records: int = Field(default=1000, ge=1, le=10_000, description="Records a worker takes into one transaction at most")
    handler_failures_per_minute: int = Field(default=100, ge=1, le=100_000, description="Above it a worker stops instead of filling the dead letters")
    metrics_port: int = Field(default=0, ge=0, le=65535, description="Where a worker serves /metrics; 0: nowhere")
    log_format: Literal["console", "json"] = Field(default="console", description="How log lines are written")
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="The least that is logged")

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _origins_are_listed(cls, value: object) -> object:
        listed = [one.strip() for one in value.split(",") if one.strip()] if isinstance(value, str) else value
        if isinstance(listed, list) and not all(_ORIGIN.match(one) for one in listed):
            raise ValueError("use origins as browsers send them, `https://host[:port]`, with commas between")
        return listed

    @field_validator("bus")
    @classmethod
    def _bus_is_known(cls, value: str) -> str:
        if value != "embedded" and not _KAFKA.match(value):
            raise ValueError("use `embedded` or `kafka://host:port[,host:port]`")
        return value

    @field_validator("database")
    @classmethod
    def _database_is_known(cls, value: str) -> str:
        if value != "sqlite" and not _POSTGRES.match(value):
            raise ValueError("use `sqlite` or `postgresql://{service}@host:port/{service}`: {service} has to stand in it: each service has its own")
        return value

    @property
    def keyring_path(self) -> Path:
        return self.keyring or self.data_dir / "keyring.json"

    @property
    def is_local(self) -> bool:
        """Whether nobody but this machine can reach the APIs."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    def require_access(self) -> None:
        """For who listens. Ends the process where everybody on the network could use it, or where no request could be passed on."""
        if self.auth == "open" and not self.is_local:
            raise SystemExit(f"HOLDFAST_AUTH=open, and HOLDFAST_HOST={self.host} is reached from elsewhere: set HOLDFAST_AUTH=required (docs/access.md)")
        if self.auth == "required" and self.service_secret is None:
            raise SystemExit("HOLDFAST_AUTH=required: set HOLDFAST_SERVICE_SECRET, the same for all services, so that they answer the gateway and nobody else")

    def port_of(self, service: str) -> int:
        return self.port + PORT_OFFSETS[service]

    def url_of(self, service: str) -> str:
        given = {"customer": self.customer_url, "segmentation": self.segmentation_url, "retention": self.retention_url}.get(service)
        return given or f"http://{self.host}:{self.port_of(service)}"

    def database_url(self, service: str) -> str:
        if self.database == "sqlite":
            return f"sqlite+aiosqlite:///{self.data_dir / service}.db"
        return self.database.replace("{service}", service).replace("postgresql://", "postgresql+asyncpg://", 1)


class OperatorZone(BaseSettings):
    """What several services need to agree on: said once, by the name it had when retention alone read it."""

    model_config = SettingsConfigDict(env_prefix="HOLDFAST_RETENTION_", extra="ignore", frozen=True)

    timezone: str = Field(default="UTC", description="Calling hours and birthdays are kept in it for customers without a zone of their own")

    @field_validator("timezone")
    @classmethod
    def _timezone_is_known(cls, value: str) -> str:
        if zone_of(value) is None:
            raise ValueError(f"{value!r} is no time zone this machine knows: use an IANA name, for instance Asia/Shanghai")
        return value


def load() -> Settings:
    """The settings of this process."""
    return read(Settings)


def read(kind: type[S]) -> S:
    """From the environment. Ends the process with one readable line per problem when they can not be used."""
    try:
        return kind()
    except ValidationError as error:
        prefix = kind.model_config.get("env_prefix", "")
        lines = [f"  {prefix}{'.'.join(map(str, one['loc'])).upper()}: {one['msg']}" for one in error.errors()]
        raise SystemExit("The settings can not be used:\n" + "\n".join(lines)) from None
