"""The plan of a batch: whom to treat and with what, under a budget, a capacity and a stock. Alone: python -m deploy.bench.plan.

Customers whose risk, value and answer to each offer are drawn, with limits for one in twenty. Beside the plan: what is taken in the order of
profit, and in the order of profit per cost, under the same limits.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from time import perf_counter
from typing import NamedTuple

import numpy as np

from services.retention.planning import Floats, Limits, plan

TREATED_SHARE = 0.05
CONTACT_COST_MINOR = 1_500


class Way(NamedTuple):
    name: str
    profit_minor: float
    seconds: float
    share_of_bound: float


def measure(*, customers: int = 100_000, offers: int = 10, seed: int = 1) -> list[Way]:
    """The plan first. The first offer has a stock."""
    profits, costs = _drawn(customers, offers, seed)
    places = round(customers * TREATED_SHARE)
    limits = Limits(0.7 * places * float(costs.mean()), float(places), {0: places / 10})
    began = perf_counter()
    made = plan(profits, costs, limits)
    ways = [Way("plan", made.profit_minor, perf_counter() - began, 1 - made.gap)]
    for name, rank in (("by profit", profits), ("by profit per cost", profits / costs)):
        began = perf_counter()
        profit = _greedy(profits, costs, rank, limits)
        ways.append(Way(name, profit, perf_counter() - began, profit / made.bound_minor))
    return ways


def _drawn(customers: int, offers: int, seed: int) -> tuple[Floats, Floats]:
    dice = np.random.default_rng(seed)
    lost = dice.beta(1, 12, customers) * dice.lognormal(11, 1, customers)
    cost = CONTACT_COST_MINOR + 0.4 * dice.uniform(500, 15_000, offers)
    saves = np.linspace(0.15, 0.5, offers)[np.argsort(np.argsort(cost))]  # what costs more keeps more
    costs = np.broadcast_to(cost, (customers, offers)).copy()
    return lost[:, None] * saves * dice.uniform(0.5, 1.5, (customers, offers)) - costs, costs


def _greedy(profits: Floats, costs: Floats, rank: Floats, limits: Limits) -> float:
    assert limits.cost_minor is not None and limits.contacts is not None
    taken, money, places, stock, gained = set[int](), limits.cost_minor, limits.contacts, dict(limits.stock), 0.0
    for flat in np.argsort(-rank, axis=None).tolist():
        row, offer = divmod(flat, profits.shape[1])
        if places < 1 or profits[row, offer] <= 0:
            break
        if row not in taken and costs[row, offer] <= money and stock.get(offer, 1) >= 1:
            taken.add(row)
            money, places, gained = money - costs[row, offer], places - 1, gained + profits[row, offer]
            if offer in stock:
                stock[offer] -= 1
    return float(gained)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m deploy.bench.plan", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--offers", type=int, default=10)
    chosen = parser.parse_args(arguments)
    for one in measure(customers=chosen.customers, offers=chosen.offers):
        sys.stdout.write(f"{one.name:20} {one.profit_minor / 100:14,.0f} in {one.seconds:6.1f} s, {one.share_of_bound:9.4%} of the bound\n")


if __name__ == "__main__":
    main()
