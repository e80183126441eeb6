"""Potential customers: how one is recognised again as a customer, and when they became one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Literal, get_args

from shared.pii import Token

OpenStage = Literal["new", "contacted", "qualified", "offered", "lost"]
ProspectStage = Literal[OpenStage, "converted"]

STAGES: tuple[ProspectStage, ...] = get_args(ProspectStage)
# A shop may sell first and put down whom it sold to afterwards.
SAME_VISIT = timedelta(days=1)


def keys_of(profile: Mapping[str, Any]) -> set[str]:
    """What of a customer may equal something of a prospect: document, contact points, numbers."""
    points = (point["value"] for point in profile.get("contact_points") or ())
    numbers = (subscription.get("msisdn") for subscription in profile.get("subscriptions", ()))
    return indexes_of([profile.get("document"), *points, *numbers])


def indexes_of(texts: Iterable[str | None]) -> set[str]:
    """Of the sealed texts that say who somebody is: `null` and the like have none."""
    tokens = (Token.of(text) for text in texts if text)
    return {token.index for token in tokens if token and token.index}


def became_customer_at(profile: Mapping[str, Any], created_at: datetime, *, named: bool) -> datetime | None:
    """When the prospect converted: at the first activation since they were one. An older subscription is no success of this
    prospect, unless the registration itself `named` it."""
    activations = (datetime.fromisoformat(one["activated_at"]) for one in profile.get("subscriptions", ()) if "activated_at" in one)
    return min((at for at in activations if named or at >= created_at - SAME_VISIT), default=None)
