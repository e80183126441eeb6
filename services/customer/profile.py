"""Who a customer is and what they hold, folded from everything that was reported about who they are.

The fold runs over all registry facts in event-time order, so the order of arrival does not matter: a late or out-of-order
fact ends in the state that a replay from scratch gives. What is personal stays sealed: it is carried, never looked into.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from shared.contracts import network, orders, retention, topics
from shared.contracts.envelope import Payload
from shared.pii import Token

Document = dict[str, Any]

NUMBERS = ("msisdn", "imsi")

Change = Callable[[Document, Document, "RegistryFact"], None]


class RegistryFact(NamedTuple):
    """Sorts by event time, and by the event's name where times are equal. `subject` has the index of a number in its place."""

    occurred_at: datetime
    source: str
    id: str
    type: str
    data: Document
    subject: str = ""


class Merging(Protocol):
    @property
    def at(self) -> datetime: ...
    @property
    def survivor_id(self) -> str: ...
    @property
    def merged_id(self) -> str: ...


def fold(facts: Iterable[RegistryFact]) -> Document:
    """The profile document (`shared.contracts.customer.Profile`) of one customer after all facts."""
    return fold_group("", {"": facts}, ())


def fold_group(survivor_id: str, facts: Mapping[str, Iterable[RegistryFact]], merges: Iterable[Merging]) -> Document:
    """The profile of the one who carries on for all customers in `facts`, of whom `merges` made one person.

    Until they were merged each is folded alone; at that moment the profiles become one; what was reported of either since
    then changes that one.
    """
    profiles = {customer_id: _new() for customer_id in facts}
    carried_on_by = {customer_id: customer_id for customer_id in facts}
    steps: list[tuple[datetime, int, Any, str]] = [(fact.occurred_at, 0, fact, customer_id) for customer_id, listed in facts.items() for fact in listed]
    steps += [(merge.at, 1, merge, "") for merge in merges]
    for _, is_merge, step, customer_id in sorted(steps, key=lambda one: one[:2] if one[1] else (*one[:2], one[2])):
        if is_merge:
            kept, other = carried_on_by[step.survivor_id], carried_on_by[step.merged_id]
            profiles[kept] = _one_of(profiles[kept], profiles.pop(other))
            carried_on_by = {one: kept if carrier == other else carrier for one, carrier in carried_on_by.items()}
        else:
            _FOLDS[step.type](profiles[carried_on_by[customer_id]], step.data, step)
    profile = profiles[survivor_id]
    return profile | {"lookups": _lookups(profile)}


def _new() -> Document:
    return {"accounts": [], "subscriptions": []}


def _one_of(kept: Document, other: Document) -> Document:
    """Two profiles of one person: what the survivor says stands, what it leaves open the other one fills, and of consents
    the most restrictive holds: granted is what both granted."""
    one = other | {name: value for name, value in kept.items() if value is not None}
    for listed in ("accounts", "subscriptions"):
        one[listed] = [*kept[listed], *(entry for entry in other[listed] if entry not in kept[listed])]
    if kept.get("consents") is not None or other.get("consents") is not None:
        one["consents"] = _most_restrictive(kept.get("consents") or (), other.get("consents") or ())
    if kept.get("do_not_contact") is not None or other.get("do_not_contact") is not None:
        one["do_not_contact"] = bool(kept.get("do_not_contact") or other.get("do_not_contact"))
    registered = [profile["registered_at"] for profile in (kept, other) if "registered_at" in profile]
    return one | ({"registered_at": min(registered)} if registered else {})


def _most_restrictive(kept: Iterable[Document], other: Iterable[Document]) -> list[Document]:
    said = [{_consent_key(one): one for one in listed} for listed in (kept, other)]
    keys = dict.fromkeys([*said[0], *said[1]])
    return [next((side[key] for side in said if key in side), {}) | {"granted": all(side.get(key, {}).get("granted", False) for side in said)} for key in keys]


def _consent_key(consent: Document) -> tuple[str, str]:
    return consent.get("purpose", "marketing"), consent["channel"]


def _lookups(profile: Document) -> list[Document]:
    """What the customer is found by now: the numbers that are live, accounts, the document."""
    since = profile.get("registered_at", "1970-01-01T00:00:00+00:00")
    found = {f"account:{account}": since for account in profile["accounts"]}
    document = Token.of(profile.get("document") or "")
    if document and document.index:
        found[f"document:{document.index}"] = since
    for subscription in profile["subscriptions"]:
        if "terminated_at" not in subscription and "activated_at" in subscription:
            tokens = ((kind, Token.of(subscription.get(kind) or "")) for kind in NUMBERS)
            found |= {f"{kind}:{token.index}": subscription["activated_at"] for kind, token in tokens if token}
    return [{"identifier": identifier, "since": at} for identifier, at in found.items()]


def _register(profile: Document, data: Document, fact: RegistryFact) -> None:
    profile.setdefault("registered_at", fact.occurred_at.isoformat())
    _update(profile, data, fact)


def _update(profile: Document, data: Document, fact: RegistryFact) -> None:
    profile.update({name: value for name, value in data.items() if name in orders.CustomerAttributes.model_fields and name != "consents"})
    profile["accounts"] += [account for account in data.get("accounts", ()) if account not in profile["accounts"]]
    if data.get("consents") is not None:
        given = {_consent_key(one): one for one in [*profile.get("consents", ()), *data["consents"]]}
        profile["consents"] = list(given.values())


def _subscription(profile: Document, data: Document) -> Document:
    for subscription in profile["subscriptions"]:
        if subscription["subscription_id"] == data["subscription_id"]:
            found: Document = subscription
            return found
    found = {"subscription_id": data["subscription_id"]}
    profile["subscriptions"].append(found)
    return found


def _activate(profile: Document, data: Document, fact: RegistryFact) -> None:
    subscription = _subscription(profile, data)
    for name in ("terminated_at", "termination_reason"):
        subscription.pop(name, None)
    subscription.update(data, activated_at=fact.occurred_at.isoformat())


def _terminate(profile: Document, data: Document, fact: RegistryFact) -> None:
    _subscription(profile, data).update(terminated_at=fact.occurred_at.isoformat(), termination_reason=data["reason"])


def _set(*names: str) -> Change:
    def change(profile: Document, data: Document, fact: RegistryFact) -> None:
        _subscription(profile, data).update({name: data[name] for name in names})

    return change


def _member(listed: str, named: str, *, joins: Callable[[Document], bool]) -> Change:
    """`data[named]` enters or leaves the list `listed` of the subscription."""

    def change(profile: Document, data: Document, fact: RegistryFact) -> None:
        subscription = _subscription(profile, data)
        rest = [one for one in subscription.get(listed, ()) if one != data[named]]
        subscription[listed] = [*rest, data[named]] if joins(data) else rest

    return change


def _port_out(profile: Document, data: Document, fact: RegistryFact) -> None:
    _subscription(profile, data)["port_out_to"] = data["other_operator"]


def _seen(profile: Document, data: Document, fact: RegistryFact) -> None:
    _subscription(profile, data)


def _move_device(profile: Document, data: Document, fact: RegistryFact) -> None:
    """To the subscription that has the number, or the SIM, which the device was seen with."""
    kind, _, index = fact.subject.partition(":")
    for subscription in reversed(profile["subscriptions"]):
        token = Token.of(subscription.get(kind) or "") if kind in NUMBERS else None
        if token and token.index == index:
            subscription["imei"] = data["imei"]
            return


def _reach(profile: Document, data: Document, fact: RegistryFact) -> None:
    """How well the customer is reached by a channel, as retention learned it."""
    learned = {"state": data["state"], "since": fact.occurred_at.isoformat(), "best_part": data.get("best_part")}
    profile["reachability"] = profile.get("reachability", {}) | {data["channel"]: learned}


_FOLDS: dict[str, Change] = {
    orders.CustomerRegistered.type: _register,
    orders.CustomerUpdated.type: _update,
    orders.SubscriptionActivated.type: _activate,
    orders.SubscriptionTerminated.type: _terminate,
    orders.SimChanged.type: _set("imsi"),
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
    network.DeviceChanged.type: _move_device,
    retention.ReachabilityChanged.type: _reach,
}

REGISTRY_TYPES = frozenset(_FOLDS)


def rank(payload: type[Payload]) -> int:
    """Which events of a batch go first: those that say who exists, then who holds what, then what happened to them."""
    if payload is orders.CustomerRegistered:
        return 0
    return 1 if payload.topic == topics.ORDERS else 2
