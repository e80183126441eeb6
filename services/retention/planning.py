"""Whom a batch treats, and with what: the choice of the highest expected profit under budget, capacity and stock, one offer per customer at most.

A linear program (HiGHS, through SciPy): relaxed to fractions it has an optimum with as many split customers as there are limits at most, here one
or two of a hundred thousand. They are rounded down, what is left is filled up in the order of profit, and the relaxed optimum is the
bound that nothing can beat: the gap to it is part of the answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

LARGEST_PROGRAM = 200_000
"""Customers solved for at once; more are split into parts that share the limits in proportion: of so many each part is like the whole."""


class Limits(NamedTuple):
    """None: there is none. `stock`: by offer, as its column."""

    cost_minor: float | None
    contacts: float | None
    stock: Mapping[int, float] = {}

    def share(self, part: float) -> Limits:
        cost = None if self.cost_minor is None else self.cost_minor * part
        contacts = None if self.contacts is None else self.contacts * part
        return Limits(cost, contacts, {offer: pieces * part for offer, pieces in self.stock.items()})


class Planned(NamedTuple):
    """`chosen`: per customer the column of the offer, -1 for none. Profits in minor units; `bound`: of the relaxed program."""

    chosen: Indices
    profit_minor: float
    bound_minor: float

    @property
    def gap(self) -> float:
        """Of the bound; 0: nothing better exists."""
        return 0.0 if self.bound_minor <= 0 else max(0.0, 1 - self.profit_minor / self.bound_minor)


def plan(profits: Floats, costs: Floats, limits: Limits) -> Planned:
    """`profits` and `costs`: customers x offers, in minor units; a profit that is not a number: may not have it. Only what brings a profit is chosen."""
    customers = len(profits)
    if customers <= LARGEST_PROGRAM:
        return _solve(profits, costs, limits)
    parts = np.array_split(np.arange(customers), -(-customers // LARGEST_PROGRAM))
    solved = [_solve(profits[part], costs[part], limits.share(len(part) / customers)) for part in parts]
    return Planned(np.concatenate([one.chosen for one in solved]), sum(one.profit_minor for one in solved), sum(one.bound_minor for one in solved))


def _solve(profits: Floats, costs: Floats, limits: Limits) -> Planned:
    rows, columns = np.nonzero(_worth_asking(profits, costs, limits.stock))
    if not len(rows):
        return Planned(np.full(len(profits), -1, dtype=np.int64), 0.0, 0.0)
    # Not at the top: it takes a quarter of a second to import, in each process, and only who plans needs it.
    from scipy.optimize import linprog

    gains, prices = profits[rows, columns], costs[rows, columns]
    uses, most = _program(rows, columns, prices, limits)
    solved = linprog(-gains, A_ub=uses, b_ub=most, bounds=(0, 1), method="highs-ipm")
    if not solved.success:
        raise RuntimeError(f"the plan could not be solved: {solved.message}")
    order = np.lexsort((-gains, -solved.x))  # what is taken whole comes first, then what is split, then the rest: each in the order of profit
    chosen = _take(order, rows, columns, prices, limits, customers=len(profits))
    taken = np.nonzero(chosen >= 0)[0]
    return Planned(chosen, float(profits[taken, chosen[taken]].sum()), float(-solved.fun))


def _worth_asking(profits: Floats, costs: Floats, stock: Mapping[int, float]) -> NDArray[np.bool_]:
    """Leaves out what brings nothing, and what some other offer without a stock beats at no higher cost: no best plan needs it."""
    asked = np.nan_to_num(profits, nan=-1.0) > 0
    free = [offer for offer in range(profits.shape[1]) if offer not in stock]
    for worse in range(profits.shape[1]):
        for better in free:
            if better != worse:
                equal = (profits[:, better] == profits[:, worse]) & (costs[:, better] == costs[:, worse])
                beaten = asked[:, better] & (profits[:, better] >= profits[:, worse]) & (costs[:, better] <= costs[:, worse])
                asked[:, worse] &= ~(beaten & (~equal | (better < worse)))
    return asked


def _program(rows: Indices, columns: Indices, prices: Floats, limits: Limits) -> tuple[Any, Floats]:
    """A sparse matrix: one row per customer, and one per limit."""
    from scipy import sparse

    customers, of_customer = np.unique(rows, return_inverse=True)
    options = len(rows)
    parts = [sparse.csr_matrix((np.ones(options), (of_customer, np.arange(options))), shape=(len(customers), options))]
    most: list[float] = [1.0] * len(customers)
    for weights, limit in _limiting(columns, prices, limits):
        parts.append(sparse.csr_matrix(weights[None, :]))
        most.append(max(0.0, limit))
    return sparse.vstack(parts).tocsr(), np.array(most)


def _limiting(columns: Indices, prices: Floats, limits: Limits) -> Sequence[tuple[Floats, float]]:
    found = []
    if limits.cost_minor is not None:
        found.append((prices, limits.cost_minor))
    if limits.contacts is not None:
        found.append((np.ones(len(prices)), limits.contacts))
    return found + [((columns == offer).astype(np.float64), pieces) for offer, pieces in limits.stock.items()]


def _take(order: Indices, rows: Indices, columns: Indices, prices: Floats, limits: Limits, *, customers: int) -> Indices:
    """In this order whatever still fits, one offer per customer."""
    chosen = np.full(customers, -1, dtype=np.int64)
    money = np.inf if limits.cost_minor is None else limits.cost_minor
    places = np.inf if limits.contacts is None else np.floor(limits.contacts)
    pieces = {offer: np.floor(left) for offer, left in limits.stock.items()}
    for row, offer, price in zip(rows[order].tolist(), columns[order].tolist(), prices[order].tolist(), strict=True):
        if places < 1:
            break
        if chosen[row] < 0 and price <= money and pieces.get(offer, 1) >= 1:
            chosen[row] = offer
            money, places = money - price, places - 1
            if offer in pieces:
                pieces[offer] -= 1
    return chosen
