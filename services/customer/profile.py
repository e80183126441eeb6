"""Who a customer is and what they hold, folded from everything order entry reported.

The fold runs over all registry facts of the customer in event-time order, so the order of arrival does not matter: a late
or out-of-order fact ends in the state that a replay from scratch gives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from shared.contracts import orders
from shared.contracts.envelope import Payload

Document = dict[str, Any]

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


class Ownership(NamedTuple):
    """An identifier that belongs to the customer from `valid_from` to just before `valid_to`."""

    identifier: str
    valid_from: datetime
    valid_to: datetime | None


class RegistryFact(NamedTuple):
    """Sorts by event time, and by the event's name where times are equal."""

    occurred_at: datetime
    source: str
    id: str
    type: str
    data: Document


def fold(facts: Iterable[RegistryFact]) -> Document:
    """The profile document (`shared.contracts.customer.Profile`) after all facts."""
    profile: Document = {"accounts": [], "subscriptions": []}
    for fact in sorted(facts):
        _FOLDS[fact.type](profile, fact.data, fact.occurred_at.isoformat())
    return profile


def ownerships(customer_id: str, profile: Document) -> list[Ownership]:
    """Every identifier a profile gives its customer. Ids and accounts are never recycled, numbers are."""
    owned = [Ownership(f"customer:{customer_id}", BEGINNING, None)]
    owned += [Ownership(f"account:{account}", BEGINNING, None) for account in profile["accounts"]]
    for subscription in profile["subscriptions"]:
        if "msisdn" in subscription:
            end = subscription.get("terminated_at")
            start = datetime.fromisoformat(subscription["activated_at"])
            owned.append(Ownership(f"msisdn:{subscription['msisdn']}", start, datetime.fromisoformat(end) if end else None))
    return owned


def _register(profile: Document, data: Document, at: str) -> None:
    profile["registered_at"] = at
    for account in data.get("accounts", ()):
        if account not in profile["accounts"]:
            profile["accounts"].append(account)
    _update(profile, data, at)


def _update(profile: Document, data: Document, at: str) -> None:
    profile.update({name: value for name, value in data.items() if name in orders.CustomerAttributes.model_fields and name != "consents"})
    if data.get("consents") is not None:
        given = {one["channel"]: one for one in [*profile.get("consents", ()), *data["consents"]]}
        profile["consents"] = list(given.values())


def _subscription(profile: Document, data: Document) -> Document:
    for subscription in profile["subscriptions"]:
        if subscription["subscription_id"] == data["subscription_id"]:
            found: Document = subscription
            return found
    found = {"subscription_id": data["subscription_id"]}
    profile["subscriptions"].append(found)
    return found


def _activate(profile: Document, data: Document, at: str) -> None:
    subscription = _subscription(profile, data)
    for name in ("terminated_at", "termination_reason"):
        subscription.pop(name, None)
    subscription.update(data, activated_at=at)


def _terminate(profile: Document, data: Document, at: str) -> None:
    _subscription(profile, data).update(terminated_at=at, termination_reason=data["reason"])


def _set(*names: str) -> Callable[[Document, Document, str], None]:
    def change(profile: Document, data: Document, at: str) -> None:
        _subscription(profile, data).update({name: data[name] for name in names})

    return change


def _member(listed: str, named: str, *, joins: Callable[[Document], bool]) -> Callable[[Document, Document, str], None]:
    """`data[named]` enters or leaves the list `listed` of the subscription."""

    def change(profile: Document, data: Document, at: str) -> None:
        subscription = _subscription(profile, data)
        rest = [one for one in subscription.get(listed, ()) if one != data[named]]
        subscription[listed] = [*rest, data[named]] if joins(data) else rest

    return change


def _port_out(profile: Document, data: Document, at: str) -> None:
    _subscription(profile, data)["port_out_to"] = data["other_operator"]


def _seen(profile: Document, data: Document, at: str) -> None:
    _subscription(profile, data)


_FOLDS: dict[str, Callable[[Document, Document, str], None]] = {
    orders.CustomerRegistered.type: _register,
    orders.CustomerUpdated.type: _update,
    orders.SubscriptionActivated.type: _activate,
    orders.SubscriptionTerminated.type: _terminate,
    orders.PlanChanged.type: _set("plan"),
    orders.BrandChanged.type: _set("brand", "brand_rank", "plan"),
    orders.ProductAdded.type: _member("products", "product", joins=lambda data: True),
    orders.ProductRemoved.type: _member("products", "product", joins=lambda data: False),
    orders.ContractSigned.type: _set("contract_ends"),
    orders.ContractRenewed.type: _set("contract_ends"),
    orders.ContractExpiring.type: _set("contract_ends"),
    orders.PortInRequested.type: _seen,
    orders.PortInCompleted.type: _seen,
    orders.PortOutRequested.type: _port_out,
    orders.PortOutCompleted.type: _port_out,
    orders.CugMembershipChanged.type: _member("cugs", "cug", joins=lambda data: bool(data["member"])),
}

REGISTRY_TYPES = frozenset(_FOLDS)


def rank(payload: type[Payload]) -> int:
    """Which events of a batch go first: those that say who exists, then who holds what, then what happened to them."""
    if payload is orders.CustomerRegistered:
        return 0
    return 1 if payload.type in REGISTRY_TYPES else 2
