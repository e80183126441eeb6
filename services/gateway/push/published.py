"""Which events are pushed, and what of them: all that Holdfast publishes for others, without anything personal."""

from __future__ import annotations

from typing import Any

from services.gateway.view import bare
from shared.contracts import retention, segmentation
from shared.contracts.customer import FeedStateChanged
from shared.contracts.envelope import Event, Payload
from shared.contracts.personal import personal_fields, rewrite

Document = dict[str, Any]

# Not `activity`: that is whole profiles, in a sequence that only means something to who reads all of it.
PUSHED: tuple[type[Payload], ...] = (*segmentation.PAYLOADS, *retention.PAYLOADS, FeedStateChanged)
TYPES = {payload.type: payload for payload in PUSHED}


def document_of(event: Event[Payload], region: str | None = None) -> Document:
    """The CloudEvent as it leaves: what is sealed is left out, and what is marked personal is blank. The region of the customer goes along: who
    works for one subscribes to it."""
    document = event.model_dump(mode="json", exclude_none=True)
    rewrite(document["data"], personal_fields(type(event.data)), lambda *_: "")
    return document | {"data": bare(document["data"])} | ({"region": region} if region else {})


def customer_of(subject: str) -> str | None:
    """None: the event is not about a customer."""
    kind, _, name = subject.partition(":")
    return name if kind == "customer" else None
