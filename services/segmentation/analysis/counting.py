"""What one customer adds to the cubes, and what a change of that takes away and adds.

The cells are sums, so a change is what the customer counted before taken off and what they count now put on. Month documents
and subscriptions are replaced and never changed in place: the same object before and after is no change, and costs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple

from services.segmentation.analysis.cells import (
    ASPECT_CELLS,
    ASPECTS,
    CUBES,
    FLOW_CELLS,
    FLOWS,
    HELD,
    MEASURED,
    MONTH_CELLS,
    NONE,
    SETTLED,
    STOCK_CELLS,
    Cube,
    Place,
)
from services.segmentation.analysis.flows import flows_of
from services.segmentation.features import Features
from services.segmentation.features.holdings import Subscription, last_ended
from services.segmentation.features.months import MONTHS_KEPT, Month

Cell = tuple[str, ...]
"""The keys of a cube, and the part."""

STANDING_READ = (
    "tier", "grade", "churn_cause", "status_group", "lifecycle", "category", "value_minor", "future_value_minor", "revenue_at_risk_minor", "owed_minor",
)  # fmt: skip
_of_mapping, _of_row = itemgetter(*STANDING_READ), attrgetter(*STANDING_READ)
_INDEX = {name: index for index, name in enumerate(MEASURED)}
_FLOW_INDEX = {name: index for index, name in enumerate(FLOWS)}
_ACTIVE = ("usage_days", "payments", "top_ups")


class Counted(NamedTuple):
    """What a customer counts for. It shares the month documents with the features."""

    customer_id: str
    place: Place
    months: Mapping[str, Month]
    subscriptions: Sequence[Subscription]
    stock: tuple[str, tuple[int, ...]]
    """The cause of churn, and what the customer has of STOCK."""
    aspects: tuple[str, ...]
    """In the order of ASPECTS."""


def snapshot_of(features: Features, standing: Any, segment: str | None) -> Counted | None:
    """What the customer counts for now; None of who is gone or was never assessed. `standing`: a row of `standings`, as a
    mapping or with attributes."""
    if features.is_gone or standing is None:
        return None
    tier, grade, cause, group, stage, category, value, future, at_risk, owed = (_of_mapping if isinstance(standing, Mapping) else _of_row)(standing)
    live = len(features.live)
    stock = (1, live, int(group == "warning"), value, future, at_risk, owed) if live else (0, 0, 0, 0, 0, 0, owed)
    return Counted(
        customer_id=features.customer_id,
        place=_place(features, tier, grade),
        months=features.months,
        subscriptions=features.subscriptions,
        stock=(cause, stock),
        aspects=(group, stage, category, segment or NONE, grade or NONE),
    )


def _place(features: Features, tier: str | None, grade: str | None) -> Place:
    """Brand and payment type of the first live subscription; who left is counted where they left from."""
    last = None if features.live else last_ended(features.subscriptions)
    brand, payment_type = (last["brand"], last["payment_type"]) if last else (features.brand, features.payment_type)
    region, channel = features.holding.get("region"), features.holding.get("acquisition_channel")
    return Place(brand or NONE, region or NONE, tier or NONE, channel or NONE, payment_type or NONE, "yes" if grade else "no")


class Deltas:
    """What is to be added to which cells."""

    def __init__(self) -> None:
        self._cells: dict[str, dict[Cell, list[int]]] = {cube.name: {} for cube in CUBES}

    @property
    def is_empty(self) -> bool:
        """Nobody changed: there is no cell, not even one whose changes cancel each other out."""
        return not any(self._cells.values())

    def rows(self, cube: Cube) -> list[dict[str, Any]]:
        """In the order of their keys; without those that change nothing."""
        names = (*cube.keys, "part", *cube.measures)
        return [dict(zip(names, (*cell, *sums), strict=True)) for cell, sums in sorted(self._cells[cube.name].items()) if any(sums)]

    def change(self, before: Counted | None, after: Counted | None, *, part: str = HELD) -> None:
        """One customer's. None: counts for nothing."""
        for sign, one, other in ((-1, before, after), (1, after, before)):
            if one is not None:
                self._count(one, other if other is not None and other.place == one.place else None, sign, part)
        if part == HELD and before is not None and after is not None:
            self._settle(before, after)

    def _count(self, one: Counted, same: Counted | None, sign: int, part: str) -> None:
        """All of `one` but what `same`, at the same place, counts too."""
        for month, document in one.months.items():
            if same is None or same.months.get(month) is not document:
                self._add_month(month, document, one.place, sign, part)
        if same is None or same.subscriptions is not one.subscriptions:
            self._add_flows(one, sign, part)
        if same is None or same.stock != one.stock:
            cause, stock = one.stock
            _add(self._sums(STOCK_CELLS, (*one.place, cause, part)), stock, sign)
        for index, aspect in enumerate(ASPECTS):
            if same is None or same.aspects[index] != one.aspects[index]:
                self._sums(ASPECT_CELLS, (aspect, one.aspects[index], *one.place, part))[0] += sign

    def _add_month(self, month: str, document: Month, place: Place, sign: int, part: str) -> None:
        sums = self._sums(MONTH_CELLS, (month, *place, part))
        for name, value in document.items():
            index = _INDEX.get(name)
            if index is not None:
                sums[index] += sign * value
        if any(document.get(name) for name in _ACTIVE):
            sums[_INDEX["active_customers"]] += sign

    def _add_flows(self, one: Counted, sign: int, part: str) -> None:
        for month, flow in flows_of(one.subscriptions):
            self._sums(FLOW_CELLS, (month, *one.place, part))[_FLOW_INDEX[flow]] += sign

    def _settle(self, before: Counted, after: Counted) -> None:
        """A month that newer ones pushed out of what is kept stays counted. One that comes back, because a newer one turned out
        to be somebody else's, is held again and settled no more."""
        for sign, one, other in ((1, before, after), (-1, after, before)):
            full = len(other.months) >= MONTHS_KEPT
            for month in one.months.keys() - other.months.keys() if full else ():
                if month < min(other.months):
                    self._add_month(month, one.months[month], after.place, sign, SETTLED)

    def _sums(self, cube: Cube, cell: Cell) -> list[int]:
        sums = self._cells[cube.name].get(cell)
        if sums is None:
            sums = self._cells[cube.name][cell] = [0] * len(cube.measures)
        return sums


def _add(sums: list[int], values: Sequence[int], sign: int) -> None:
    for index, value in enumerate(values):
        sums[index] += sign * value
