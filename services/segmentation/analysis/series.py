"""From sums of cells to rows: one per period and group.

Inputs are grids of groups x months, and measures are calculated over whole grids: the widest answer has ten thousand rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from services.segmentation.analysis.subjects import BASE, Grid, Subject
from shared import clock

Grain = Literal["month", "quarter", "year"]
GRAINS: tuple[Grain, ...] = get_args(Grain)
Group = tuple[str, ...]
Ints = NDArray[np.int64]


class Question(NamedTuple):
    """What is asked of a cube: `by` which dimensions, and `only` which of their values."""

    by: tuple[str, ...] = ()
    only: Mapping[str, Sequence[str]] = {}
    key_accounts: bool = False


class Sums(NamedTuple):
    """Each row has a month, the values of a group, and sums by these names."""

    names: tuple[str, ...]
    rows: Sequence[tuple[Any, ...]]


class Found(NamedTuple):
    """What a subject is made of. Flows reach from the first month asked for to now, whatever the last one is; `now` is of one month,
    and what was recorded is there for some months only."""

    measured: Sums
    flows: Sums
    now: Sums
    recorded: Sums


def months_between(first: str, last: str) -> list[str]:
    """Both included; none when the last is before the first."""
    found = []
    while first <= last:
        found.append(first)
        first = clock.months_before(first, -1)
    return found


def period_of(month: str, grain: Grain) -> str:
    """`2026-03`, `2026-Q1` or `2026`."""
    year, number = month.split("-")
    return month if grain == "month" else year if grain == "year" else f"{year}-Q{(int(number) + 2) // 3}"


def rows(subject: Subject, months: Sequence[str], grain: Grain, by: tuple[str, ...], found: Found) -> Iterator[dict[str, Any]]:
    """By group, then by period. `months` says how many months of the period were asked for."""
    groups = groups_of(found, len(by))
    periods = [(period, len(list(listed))) for period, listed in groupby(months, key=lambda month: period_of(month, grain))]
    inputs = _inputs(found, _Axes(groups, months), [count for _, count in periods])
    values = zip(*(measure.of(inputs).ravel().tolist() for measure in subject.measures), strict=True)
    names = ("period", "months", *by, *(measure.name for measure in subject.measures))
    for group in groups:
        for period, count in periods:
            yield dict(zip(names, (period, count, *group, *next(values)), strict=True))


def groups_of(found: Found, width: int) -> list[Group]:
    """Whoever anything is known of."""
    return sorted({row[1 : width + 1] for sums in found for row in sums.rows})


class _Axes:
    """Where in a grid of groups x months a row stands. Behind the last month is one column for all that is later."""

    def __init__(self, groups: Sequence[Group], months: Sequence[str]) -> None:
        self._groups = {group: index for index, group in enumerate(groups)}
        self._months = {month: index for index, month in enumerate(months)}
        self.shape = (len(groups), len(months) + 1)

    def grids(self, sums: Sums) -> dict[str, Ints]:
        at, width = self._at(sums), len(sums.rows[0]) - len(sums.names) if sums.rows else 0
        columns = list(zip(*sums.rows, strict=True))[width:] or [()] * len(sums.names)
        found = {name: np.zeros(self.shape, np.int64) for name in sums.names}
        for name, column in zip(sums.names, columns, strict=True):
            np.add.at(found[name], at, np.array(column, np.int64))
        return found

    def known(self, sums: Sums) -> NDArray[np.bool_]:
        """Of which months there is any row."""
        found = np.zeros(self.shape[1], np.bool_)
        found[self._at(sums)[1]] = True
        return found

    def _at(self, sums: Sums) -> tuple[Ints, Ints]:
        later = self.shape[1] - 1
        groups = [self._groups[row[1 : len(row) - len(sums.names)]] for row in sums.rows]
        return np.array(groups, np.int64), np.array([self._months.get(row[0], later) for row in sums.rows], np.int64)


def _inputs(found: Found, axes: _Axes, counts: Sequence[int]) -> dict[str, Grid]:
    """Of groups x periods, which have so many months. Months add up, but for what is of the beginning or the end of a period."""
    begins = np.cumsum([0, *counts[:-1]])
    ends = begins + np.array(counts)
    flows, now = axes.grids(found.flows), {name: grid.sum(axis=1) for name, grid in axes.grids(found.now).items()}
    customers = _there(now["customers"], flows["customers_gained"] - flows["customers_lost"])
    subscriptions = _there(now["live_subscriptions"], flows["activations"] - flows["terminations"])
    added = {name: np.add.reduceat(grid[:, :-1], begins, axis=1) for name, grid in (axes.grids(found.measured) | flows).items()}
    half_months = np.add.reduceat(customers[:, :-1] + customers[:, 1:], begins, axis=1)
    base = (customers[:, begins], customers[:, ends], subscriptions[:, begins], subscriptions[:, ends], half_months / 2)
    summed: dict[str, Any] = added | dict(zip(BASE, base, strict=True))
    return {name: np.ma.asarray(grid) for name, grid in summed.items()} | _newest(axes, found.recorded, begins)


def _there(now: Ints, net: Ints) -> Ints:
    """Who was there at the beginning of each month and at the end of the last: those of now, less who came since, plus who left."""
    since = np.cumsum(net[:, ::-1], axis=1)[:, ::-1]
    return now[:, np.newaxis] - since


def _newest(axes: _Axes, recorded: Sums, begins: Ints) -> dict[str, Grid]:
    """Of each period what its newest month has that was recorded. A group that is not in the record of a month had nothing then."""
    months = np.arange(axes.shape[1] - 1)
    newest = np.maximum.reduceat(np.where(axes.known(recorded)[:-1], months, -1), begins)
    never = np.broadcast_to(newest < 0, (axes.shape[0], len(newest)))
    return {name: np.ma.masked_array(grid[:, newest], never) for name, grid in axes.grids(recorded).items()}
