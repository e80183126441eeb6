"""When subscriptions began and ended, and when the customer came and left with them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from typing import NamedTuple

from services.segmentation.features.holdings import INVOLUNTARY, Subscription

FOREVER = "9999"


class Stay(NamedTuple):
    """Days in a row with a live subscription. `since` is empty where the activation is not known, `until` FOREVER where it goes on."""

    since: str
    until: str
    reason: str | None
    """Why the subscription ended that was the last."""


def flows_of(subscriptions: Sequence[Subscription]) -> list[tuple[str, str]]:
    """(month, flow) of everything that happened."""
    ever = [one for one in subscriptions if one["activated_on"] or one["terminated_on"]]
    return [*_of_subscriptions(ever), *_of_customer(stays(ever))]


def stays(subscriptions: Iterable[Subscription]) -> list[Stay]:
    """Oldest first. A subscription that begins on the day another one ends is no new stay: the customer only swapped."""
    found: list[Stay] = []
    for since, until, reason in sorted(map(_span, subscriptions), key=itemgetter(0, 1)):
        if found and since <= found[-1].until:
            if until > found[-1].until:
                found[-1] = found[-1]._replace(until=until, reason=reason)
        else:
            found.append(Stay(since, until, reason))
    return found


def _span(subscription: Subscription) -> Stay:
    since = subscription["activated_on"] or ""
    return Stay(since, max(since, subscription["terminated_on"] or FOREVER), subscription["reason"])


def _of_subscriptions(subscriptions: Iterable[Subscription]) -> Iterator[tuple[str, str]]:
    for one in subscriptions:
        if one["activated_on"]:
            yield one["activated_on"][:7], "activations"
        if one["terminated_on"]:
            month, reason = one["terminated_on"][:7], one["reason"]
            yield month, "terminations"
            if reason == "port_out":
                yield month, "port_outs"
            elif reason in INVOLUNTARY:
                yield month, "involuntary_terminations"


def _of_customer(found: Iterable[Stay]) -> Iterator[tuple[str, str]]:
    for stay in found:
        if stay.since:
            yield stay.since[:7], "customers_gained"
        if stay.until != FOREVER:
            month = stay.until[:7]
            yield month, "customers_lost"
            if stay.reason == "port_out":
                yield month, "customers_ported_out"
            elif stay.reason in INVOLUNTARY:
                yield month, "customers_lost_involuntarily"
