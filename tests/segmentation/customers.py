"""Customers as the pure rules see them: told by events, on a day that stands still, without a clock."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from services.segmentation.features import Features
from services.segmentation.seen import Seen
from shared import clock
from shared.contracts import network
from shared.contracts.customer import Activity, Fact, Profile, Subscription
from shared.contracts.envelope import Payload
from tests.segmentation.activity import as_fact, fact

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)
TODAY = NOW.date()

Months = dict[str, dict[str, int]]


def seen(today: date = TODAY, *, usage: date | None = None, payments: date | None = None) -> Seen:
    """All that was ever to be heard until the day, unless said otherwise."""
    return Seen(today, usage or today, payments or today)


def ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def day(days: int) -> date:
    """So many days ago."""
    return TODAY - timedelta(days=days)


def subscription(
    subscription_id: str = "S-1",
    *,
    since: float | None = 400,
    until: float | None = None,
    reason: str | None = None,
    ends_in: int | None = None,
    payment_type: str = "postpaid",
    **said: Any,
) -> Subscription:
    """`since`, `until`: days ago; `ends_in`: days ahead, of the contract."""
    return Subscription(
        subscription_id=subscription_id,
        activated_at=None if since is None else ago(since),
        terminated_at=None if until is None else ago(until),
        termination_reason=reason,
        contract_ends=None if ends_in is None else TODAY + timedelta(days=ends_in),
        payment_type=payment_type,
        **({"brand": "gotone", "brand_rank": 3, "plan": "gotone-128"} | said),
    )


def customer(*subscriptions: Subscription, months: Months | None = None, facts: Iterable[Fact] = (), **about: Any) -> Features:
    """Without a subscription a prospect."""
    features = Features("C-1")
    profile = Profile(subscriptions=subscriptions, registered_at=ago(500), **about)
    features.take_in(Activity(months=months or {}, facts=tuple(facts), profile=profile), 1)
    return features


def subscriber(**told: Any) -> Features:
    return customer(subscription(), **told)


def months(today: date = TODAY, **measures: Sequence[int]) -> Months:
    """Each measure from the running month backwards; the month stays empty where it is 0."""
    found: Months = {}
    for name, values in measures.items():
        for count, value in enumerate(values):
            month = found.setdefault(clock.months_before(f"{today:%Y-%m}", count), {})
            month |= {name: value} if value else {}
    return found


def told(payload: type[Payload], *, at: datetime = NOW, **data: Any) -> Fact:
    return as_fact(fact(payload, at=at, **data))


def used(until: float = 0, *, days: float = 7, **data: Any) -> Fact:
    """A usage summary that ends so many days ago, of nothing but what is said."""
    period = {"period_start": ago(until + days).isoformat(), "period_end": ago(until).isoformat()}
    document = fact(network.UsageSummarised, at=ago(until), occurred_at=ago(until + days))
    return as_fact(document | {"data": period | data})


def heard(features: Features, *facts: Fact) -> Features:
    """Told as the next message."""
    features.take_in(Activity(facts=facts), features.last_sequence + 1)
    return features
