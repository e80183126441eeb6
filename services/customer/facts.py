"""A fact: one event that was reported about a customer, as it is kept."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

import orjson

from shared.contracts.envelope import Payload, PersonalKind
from shared.contracts.personal import personal_fields, rewrite
from shared.contracts.registry import PAYLOADS

Document = dict[str, Any]

OWN_SOURCE = "holdfast/customer"

# What a personal text is read as where only its being there counts: valid for the contract, and nobody's.
_BLANK: dict[PersonalKind, str] = {
    "msisdn": "1000000", "imsi": "0" * 15, "imei": "0" * 15, "name": "-", "document": "-", "contact": "-", "date": "1900-01-01", "text": "",
}  # fmt: skip


class Stored(NamedTuple):
    """A fact that is kept now and was not before, or not for this customer. `data`: its payload as JSON, personal texts sealed.

    `payload` is what the rules read; its personal texts may be blank. Ask `type(payload) is …`: isinstance takes the slow way
    through the abstract base of every model. `survivor_id` is who carries on for the customer.
    """

    source: str
    id: str
    customer_id: str
    survivor_id: str
    subject: str
    type: str
    time: datetime
    occurred_at: datetime
    payload: Payload
    data: str


class OwnFact(NamedTuple):
    """Something this service found out itself. `id` names it for ever: the same again is a duplicate."""

    customer_id: str
    id: str
    payload: Payload
    at: datetime


def payload_of(type_: str, data: Document) -> Payload:
    """The payload of a kept fact, with blanks where it is sealed."""
    payload = PAYLOADS[type_]
    document = orjson.loads(orjson.dumps(data))
    rewrite(document, personal_fields(payload), lambda kind, _: _BLANK[kind])
    return payload.model_validate_json(orjson.dumps(document))
