"""CloudEvents 1.0: the frame around every event, and the types that payloads are made of."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, ClassVar, Generic, Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, GetJsonSchemaHandler
from pydantic_core import CoreSchema

CONTENT_TYPE = "application/cloudevents+json"

Id = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f]+$")]
# Shorter than an Id: ids of our own events are made of it and a number.
Identifier = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f]+$")]
Word = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f]+$")]
Text = Annotated[str, Field(max_length=2000, pattern=r"^[^\x00]*$")]
Msisdn = Annotated[str, Field(pattern=r"^[1-9][0-9]{6,14}$", description="E.164 number, digits only")]
Count = Annotated[int, Field(ge=0, le=10_000_000)]
Amount = Annotated[int, Field(gt=0, le=10**12, description="Minor units of the currency (cents, fen)")]
AmountOrZero = Annotated[int, Field(ge=0, le=10**12, description="Minor units of the currency (cents, fen)")]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$", description="ISO 4217")]

SUBJECTS = {kind: rf"^{kind}:[^\x00-\x1f]{{1,100}}$" for kind in ("customer", "account", "cell")} | {"msisdn": "^msisdn:[1-9][0-9]{6,14}$"}

Subject = Annotated[
    str,
    Field(
        max_length=110,
        pattern="|".join(SUBJECTS.values()),
        description="Whom the event is about: `customer:`, `account:`, `msisdn:` or `cell:` and the identifier",
    ),
]


class Part(BaseModel):
    """A piece of a payload. Strict: no string is taken for a number. Unknown fields are ignored, so that contracts can grow."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class Payload(Part):
    """The `data` of one event type."""

    type: ClassVar[str]
    topic: ClassVar[str]
    about: ClassVar[tuple[str, ...]] = ("msisdn", "account", "customer")
    example: ClassVar[dict[str, Any]]

    def occurred_at(self, event_time: datetime) -> datetime:
        """When what is reported happened: its month is the month it lands in. Summaries answer the start of their period."""
        return event_time

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        schema = handler.resolve_ref_schema(handler(core_schema))
        schema["examples"] = [cls.example]
        return schema


P = TypeVar("P", bound=Payload, covariant=True)


class Event(BaseModel, Generic[P]):
    """One CloudEvent. `source` + `id` name it for ever: the same pair again is a duplicate, whatever it says."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")

    specversion: Literal["1.0"] = "1.0"
    id: Id
    source: Id
    type: Word
    subject: Subject
    time: AwareDatetime
    datacontenttype: Literal["application/json"] = "application/json"
    sequence: Annotated[int, Field(ge=0)] | None = Field(default=None, description="Per customer, +1 each: what downstream dedupes by")
    data: P

    @property
    def occurred_at(self) -> datetime:
        return self.data.occurred_at(self.time)

    def to_json(self) -> bytes:
        return self.model_dump_json(exclude_none=True).encode()
