"""Bodies about access."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from services.gateway.access.principal import NAME
from services.gateway.access.scopes import ALL

LONGEST_DAYS = 730


class KeyRequest(BaseModel):
    """A key for a client. Several keys of one client share its limits, and act as it."""

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra={"examples": [{"client": "crm", "scopes": ["customers:read"], "days": 90}]})

    client: Annotated[str, Field(max_length=100, pattern=f"^{NAME.pattern}$", description="Who uses it: what the audit log will say, unless a person is named")]
    scopes: Annotated[list[Annotated[str, Field(max_length=60, json_schema_extra={"enum": list(ALL)})]], Field(min_length=1, max_length=100)]
    days: Annotated[int, Field(ge=1, le=LONGEST_DAYS, description="Until it expires")] = 90


class Key(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    key_id: str
    client: str
    scopes: list[str]
    created_at: datetime
    created_by: str
    expires_at: datetime
    last_used_at: datetime | None = Field(description="To the hour")
    revoked_at: datetime | None
    revoked_by: str | None


class MadeKey(Key):
    key: str = Field(description="The key itself, shown this once")


class Keys(BaseModel):
    items: list[Key]
    next_cursor: str | None


class Refused(BaseModel):
    """Requests refused alike in one minute."""

    model_config = ConfigDict(from_attributes=True)

    minute: datetime
    client: str = Field(description="Empty: nobody that is known")
    address: str = Field(description="Where from; of IPv6 a /64")
    code: str = Field(description="Of the error catalogue; `http_403` or `http_429` where a service behind refused it")
    reason: str = Field(description="The missing scope, or what is wrong with a key or token")
    count: int


class Refusals(BaseModel):
    items: list[Refused]
    next_cursor: str | None
