"""What rules read of a customer's profile."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Any

from shared.contracts import customer
from shared.contracts.customer import Profile

Holding = dict[str, Any]
Subscription = dict[str, Any]

INVOLUNTARY = frozenset({"arrears", "fraud", "death", "transfer"})

_KEPT = ("kind", "service_star", "visitor", "employer_paid", "household", "corporate_account", "region", "acquisition_channel", "account_manager")
_OF_SUBSCRIPTION = ("subscription_id", "brand", "brand_rank", "plan", "payment_type")


def of(profile: Profile) -> Holding:
    found = {name: value for name in _KEPT if (value := getattr(profile, name)) is not None}
    return found | {"registered_on": _day(profile.registered_at), "subscriptions": [_subscription(one) for one in profile.subscriptions]}


def _subscription(one: customer.Subscription) -> Subscription:
    found = {name: getattr(one, name) for name in _OF_SUBSCRIPTION}
    return found | {
        "products": list(one.products),
        "cugs": list(one.cugs),
        "contract_ends": one.contract_ends.isoformat() if one.contract_ends else None,
        "activated_on": _day(one.activated_at),
        "terminated_on": _day(one.terminated_at),
        "reason": one.termination_reason,
    }


def is_live(subscription: Subscription) -> bool:
    return subscription["activated_on"] is not None and subscription["terminated_on"] is None


def joined_on(subscriptions: Iterable[Subscription]) -> date | None:
    """The day of the first activation; of those that are live, if one is."""
    known = [one for one in subscriptions if one["activated_on"]]
    live = [one for one in known if is_live(one)]
    return min((date.fromisoformat(one["activated_on"]) for one in live or known), default=None)


def last_ended(subscriptions: Sequence[Subscription]) -> Subscription | None:
    """Of one who has none any more; None while one is live, or none ever was."""
    if any(is_live(one) for one in subscriptions):
        return None
    return max((one for one in subscriptions if one["terminated_on"]), key=lambda one: str(one["terminated_on"]), default=None)


def left_on(subscriptions: Sequence[Subscription]) -> date | None:
    ended = last_ended(subscriptions)
    return date.fromisoformat(ended["terminated_on"]) if ended else None


def came_back(subscriptions: Sequence[Subscription]) -> bool:
    """There was a time without any between one that ended and those that are live."""
    began = min((one["activated_on"] for one in subscriptions if is_live(one)), default=None)
    ended = max((one["terminated_on"] for one in subscriptions if one["terminated_on"]), default=None)
    return began is not None and ended is not None and ended < began


def _day(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).date().isoformat() if moment else None
