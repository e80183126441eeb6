"""CloudEvents 1.0: the frame around every event, and the types that payloads are made of."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, ClassVar, Generic, Literal, NamedTuple, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, GetJsonSchemaHandler
from pydantic_core import CoreSchema

CONTENT_TYPE = "application/cloudevents+json"

PersonalKind = Literal["msisdn", "imsi", "imei", "name", "document", "contact", "date", "text"]

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


class Personal(NamedTuple):
    """Marks a text of a payload as personal data: kept and published only sealed under the customer's own key (shared.pii).

    `kind` says how it is compared and masked.
    """

    kind: PersonalKind

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return handler(schema) | {"x-personal": self.kind}


PersonalMsisdn = Annotated[Msisdn, Personal("msisdn")]
PersonalText = Annotated[Text, Personal("text")]
Sealed = Annotated[
    str,
    Field(pattern=r"^~(1\.|erased$)", max_length=8000, description="Personal data, encrypted under the customer's own key; `~erased` once that is destroyed"),
]

SUBJECTS = {kind: rf"^{kind}:[^\x00-\x1f]{{1,100}}$" for kind in ("customer", "account", "cell", "feed")} | {
    "msisdn": "^msisdn:[1-9][0-9]{6,14}$",
    "imsi": "^imsi:[0-9]{14,15}$",
}

Subject = Annotated[
    str,
    Field(
        max_length=110,
        pattern="|".join(SUBJECTS.values()),
        description="Whom the event is about: `customer:`, `account:`, `msisdn:`, `imsi:` or `cell:` and the identifier",
    ),
]


class Part(BaseModel):
    """A piece of a payload. Strict: no string is taken for a number. Unknown fields are ignored, so that contracts can grow."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class Payload(Part):
    """The `data` of one event type."""

    type: ClassVar[str]
    topic: ClassVar[str]
    about: ClassVar[tuple[str, ...]] = ("msisdn", "imsi", "account", "customer")
    example: ClassVar[dict[str, Any]]

    def occurred_at(self, event_time: datetime) -> datetime:
        """When what is reported happened: its month is the month it lands in. Summaries answer the start of their period."""
        return event_time

    @classmethod
    def __get_pydantic_json_schema__(cls, own_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        schema = handler.resolve_ref_schema(handler(own_schema))
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
