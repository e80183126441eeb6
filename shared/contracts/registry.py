"""Every event type there is: type -> payload model. The whole contract of the bus, in one place."""

from __future__ import annotations

from shared.contracts import billing, care, customer, network, orders, retention, segmentation, topics
from shared.contracts.envelope import Payload

_GROUPS = (billing, network, care, orders, customer, segmentation, retention)

PAYLOADS: dict[str, type[Payload]] = {payload.type: payload for group in _GROUPS for payload in group.PAYLOADS}

INPUTS: tuple[type[Payload], ...] = tuple(payload for payload in PAYLOADS.values() if payload.topic in topics.INPUTS)
