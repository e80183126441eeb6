"""Who left: one definition, by the section `churn` of the parameter set, for training sets and for the churn rate alike.

A label says what became of a customer who was one at the end of `observed_on`, in the window (observed_on, observed_on + horizon_days]:
1. `port_out`, `termination`: the day at whose end no subscription was live any more, for one of the definition's `reasons`;
2. `silence`: the day on which it is `silence_days` since the last chargeable event, or since an activation after it. Who never had an
   event has nothing to fall silent from;
3. `partial`: the last day of a month in which calls and data, per covered day, were `partial_percent` below the three months before.
   The month may have begun before `observed_on`; one that ends after the window is not looked at;
4. `involuntary`: as 1, for any other reason. The customer is excluded, for nobody can retain them, and the label says so.
The earliest is the label, of one day the first in this order: what the customer did comes before what was done to them. Coming back
later, or using again, undoes nothing. The definition is that of the payment type of the first subscription live on `observed_on`.

Excluded is also who was no customer then, or had churned by this very definition already: so an event is counted in one window of
several that follow each other, and never twice.

A label is final at once, for all customers of a payment type, `maturation_days` after the window, and a week later where usage counts:
a summary covers a week and is told when it is over. Were those who left labelled sooner than those who stay, a young window would
hold nobody but churners. Only that somebody was no customer is said before.

For the same reason all labels reach equally far back: who stays pushes old stretches and months out of what is kept, and who left does
not. Silence is known for `Churn.usage_known_days` (232), `partial` from the end of the month nine before the one running. Beyond that
everybody is excluded; subscriptions alone are known for ever. A rate that has to last longer is to be kept when it is final.

Where sources sum up, days are weeks: a summary counts from its first day to its last, and in the month it starts in. A subscription
activated a second time forgets its first life: who is held only by such a one is `not_known_that_far_back` before it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Literal, NamedTuple, get_args

from services.segmentation.features import Features, active
from services.segmentation.features.holdings import Subscription
from services.segmentation.features.months import DATA_KB, MONTHS_KEPT, OUT_SECONDS, Month, covered, total
from services.segmentation.parameters import Churn, ChurnDefinition
from shared import clock

State = Literal["stayed", "churned", "excluded", "immature"]
Kind = Literal["port_out", "termination", "silence", "partial", "involuntary"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Exclusion = Literal[
    "merged_or_erased", "not_a_customer_yet", "had_left_already", "payment_type_not_known", "not_known_that_far_back", "silent_already", "light_already",
    "involuntary",
]  # fmt: skip

BASELINE_MONTHS = 3
ONE_DAY = timedelta(days=1)


class Label(NamedTuple):
    state: State
    kind: Kind | None
    churned_on: date | None
    reason: str
    """For a person to read."""
    excluded_for: Exclusion | None = None


class ChurnRate(NamedTuple):
    """Of one window. While there are immature ones it is that of the payment type which is final."""

    customers: int
    """Who stayed or churned."""
    churned: int
    rate: float | None
    """From 0 to 1; None of no customers."""
    kinds: dict[Kind, int]
    excluded: dict[Exclusion, int]
    immature: int


class _Event(NamedTuple):
    day: date
    kind: Kind
    reason: str


def label_of(features: Features, observed_on: date, *, known_on: date, parameters: Churn) -> Label:
    """`known_on`: the day up to which facts were told: that on which the row is read or, where feeds lag, that to which they have come."""
    if known_on < observed_on:
        return Label("immature", None, None, f"{observed_on} has not come yet")
    held = _live_on(features.subscriptions, observed_on)
    if features.is_gone or not held:
        return _absent(features, observed_on)
    definition = parameters.of(held[0]["payment_type"])
    if definition is None:
        return _excluded("payment_type_not_known", f"the payment type of {held[0]['subscription_id']} is not known")
    since = known_from(_told_until(features, known_on), definition)
    if observed_on < since:
        return _excluded("not_known_that_far_back", f"not known that far back: usage of everybody is, from {since} on")
    final_on = matures_on(observed_on, definition, parameters=parameters)
    if known_on < final_on:
        return Label("immature", None, None, f"not final before {final_on}: news of the window may come until then")
    return _already(features, observed_on, definition) or _outcome(features, observed_on, definition, parameters)


def matures_on(observed_on: date, definition: ChurnDefinition, *, parameters: Churn) -> date:
    """The first day on which labels are final. News that comes later still is not waited for."""
    return _window_end(observed_on, parameters) + timedelta(days=parameters.maturation_days + (active.GAP_DAYS if definition.reads_usage else 0))


def known_from(known_on: date, definition: ChurnDefinition) -> date:
    """The first day that can be observed: before it the usage of some is not kept any more."""
    bounds = [date.min]
    if definition.silence_days:
        bounds.append(known_on - timedelta(days=Churn.usage_known_days))
    if definition.partial_percent:
        bounds.append(_last_day(clock.months_before(f"{known_on:%Y-%m}", MONTHS_KEPT - 1 - BASELINE_MONTHS)))
    return max(bounds)


def rate_of(labels: Iterable[Label]) -> ChurnRate:
    """The labels of one `observed_on`, read once."""
    states, kinds, excluded = Counter[State](), Counter[Kind](), Counter[Exclusion]()
    for label in labels:
        states[label.state] += 1
        if label.excluded_for:
            excluded[label.excluded_for] += 1
        elif label.kind:
            kinds[label.kind] += 1
    customers, churned = states["stayed"] + states["churned"], states["churned"]
    return ChurnRate(customers, churned, churned / customers if customers else None, dict(kinds), dict(excluded), states["immature"])


def _excluded(why: Exclusion, reason: str) -> Label:
    return Label("excluded", None, None, reason, why)


def _absent(features: Features, observed_on: date) -> Label:
    """Of whom no subscription was live, as far as is held."""
    if features.is_gone:
        return _excluded("merged_or_erased", "was merged into another customer, or erased")
    day = observed_on.isoformat()
    left = max((one["terminated_on"] for one in features.subscriptions if one["terminated_on"] and one["terminated_on"] <= day), default=None)
    if left:
        return _excluded("had_left_already", f"had left already, on {left}")
    if _lived_before(features, day):
        return _excluded("not_known_that_far_back", f"not known that far back: was a customer before, but whether on {day} is not held any more")
    return _excluded("not_a_customer_yet", f"not a customer yet on {day}")


def _lived_before(features: Features, day: str) -> bool:
    """Used something before a subscription that was activated (again) after it, or has an end and no beginning."""
    return any(first <= day for first, _ in features.active) or any(one["terminated_on"] and not one["activated_on"] for one in features.subscriptions)


def _already(features: Features, observed_on: date, definition: ChurnDefinition) -> Label | None:
    """Who churned by usage before, and holds a subscription still."""
    if definition.silence_days:
        day = observed_on.isoformat()
        last = max((end for first, end in _signs_of_life(features) if first <= day), default=day)
        if (observed_on - date.fromisoformat(last)).days >= definition.silence_days:
            return _excluded("silent_already", f"silent already: no chargeable event since {last}")
    month = clock.months_before(_running_after(observed_on), 1)
    if _is_light(features.months, month, definition):
        return _excluded("light_already", f"light already: used much less in {month} than in the three months before")
    return None


def _outcome(features: Features, observed_on: date, definition: ChurnDefinition, parameters: Churn) -> Label:
    end = _window_end(observed_on, parameters)
    event = min(_events(features, observed_on, end, definition), key=lambda one: (one.day, KINDS.index(one.kind)), default=None)
    if event is None:
        return Label("stayed", None, None, f"nothing that counts as leaving until {end}")
    if event.kind == "involuntary":
        return Label("excluded", event.kind, event.day, event.reason, "involuntary")
    return Label("churned", event.kind, event.day, event.reason)


def _events(features: Features, after: date, until: date, definition: ChurnDefinition) -> Iterator[_Event]:
    """The first of each kind in (`after`, `until`]."""
    yield from _ends(features.subscriptions, after, until, definition)
    silent_on = active.silence_began(_signs_of_life(features), definition.silence_days, after, until) if definition.silence_days else None
    if silent_on:
        yield _Event(silent_on, "silence", f"no chargeable event for {definition.silence_days} days on {silent_on}")
    yield from _partial(features.months, after, until, definition)


def _ends(subscriptions: Sequence[Subscription], after: date, until: date, definition: ChurnDefinition) -> Iterator[_Event]:
    """Of what ended on the first day at whose end nothing was live: one event of each subscription."""
    days = sorted(date.fromisoformat(one["terminated_on"]) for one in subscriptions if one["activated_on"] and one["terminated_on"])
    left_on = next((day for day in days if after < day <= until and not _live_on(subscriptions, day)), None)
    if left_on:
        last = [one for one in subscriptions if one["activated_on"] and one["terminated_on"] == left_on.isoformat()]
        yield from (_ended(left_on, one["reason"] or "other", definition) for one in last)


def _ended(day: date, reason: str, definition: ChurnDefinition) -> _Event:
    if reason not in definition.reasons:
        return _Event(day, "involuntary", f"involuntary: the last subscription ended on {day} ({reason}), nobody to retain")
    if reason == "port_out":
        return _Event(day, "port_out", f"ported out to another operator on {day}")
    return _Event(day, "termination", f"the last subscription ended on {day} ({reason})")


def _partial(months: Mapping[str, Month], after: date, until: date, definition: ChurnDefinition) -> Iterator[_Event]:
    month = _running_after(after)
    while (ends := _last_day(month)) <= until:
        if _is_light(months, month, definition):
            yield _Event(ends, "partial", f"calls and data of {month} were {definition.partial_percent} % or more below the three months before")
            return
        month = clock.months_before(month, -1)


def _is_light(months: Mapping[str, Month], month: str, definition: ChurnDefinition) -> bool:
    """A heavy caller who hardly uses anything any more. Who calls over data instead is heavy still, so data has to fall with the calls."""
    now, before = months.get(month, {}), [months.get(clock.months_before(month, count), {}) for count in range(1, BASELINE_MONTHS + 1)]
    fit = covered([now]) >= definition.partial_usage_days and covered(before) >= BASELINE_MONTHS * definition.partial_usage_days
    heavy = total(before, *OUT_SECONDS) >= BASELINE_MONTHS * definition.partial_least_seconds
    if not (definition.partial_percent and fit and heavy):
        return False
    return all(_fell(now, before, names, definition.partial_percent) for names in (OUT_SECONDS, DATA_KB))


def _fell(now: Month, before: Sequence[Month], names: Sequence[str], percent: int) -> bool:
    """Per covered day: a month has four weekly summaries or five. Multiplied out, so that it is exact."""
    return 100 * total([now], *names) * covered(before) <= (100 - percent) * total(before, *names) * covered([now])


def _signs_of_life(features: Features) -> list[list[str]]:
    """Stretches with chargeable events, and activations after the first of them; empty where there was no event."""
    activated = [one["activated_on"] for one in features.subscriptions if one["activated_on"]]
    return [*features.active, *([day, day] for day in activated if features.active and day >= features.active[0][0])]


def _live_on(subscriptions: Sequence[Subscription], day: date) -> list[Subscription]:
    """At the end of the day."""
    on = day.isoformat()
    return [one for one in subscriptions if one["activated_on"] and one["activated_on"] <= on and not (one["terminated_on"] and one["terminated_on"] <= on)]


def _told_until(features: Features, known_on: date) -> date:
    """A row that was read after `known_on` has lost what it would have held then."""
    newest_month = max(features.months, default=None)
    days = [date.fromisoformat(f"{newest_month}-01")] if newest_month else []
    return max([known_on, *days, *(date.fromisoformat(first) for first, _ in features.active[-1:])])


def _window_end(observed_on: date, parameters: Churn) -> date:
    return observed_on + timedelta(days=parameters.horizon_days)


def _running_after(day: date) -> str:
    """The month of the day after: the first one that is not over at the end of `day`."""
    return f"{day + ONE_DAY:%Y-%m}"


def _last_day(month: str) -> date:
    return clock.bounds_of(month)[1].date() - ONE_DAY
