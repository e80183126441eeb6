"""Product affinity: which products are held together more often than chance would have it, and so what to offer to whom.

The lift of two products is how many times more customers hold both than would if the two were independent. A lift alone misleads where few
hold them, so each rule carries `lift_low`, a lower confidence bound, and is a rule only where that is above 1. The bound is the lower of two,
each good where the other fails. With n customers, a and b holders (a <= b), c of both, and e the chance of error:

1. Chernoff's: the smallest p with a x KL(c/a || p) <= ln(1/e), over b/n. Given who holds how much, c is hypergeometric, for which the bound
   holds at any size (Hoeffding 1963, theorems 1 and 4): of independent products a pair passes with a chance of at most e, however few hold them.
2. The delta method's for the logarithm of the lift: lift x exp(-z(e) x sqrt(1/c - 1/a - 1/b + (2 lift - 1)/n)), the multinomial variance
   (Agresti, Categorical Data Analysis, 16.1). Where nearly all who hold one hold the other, b/n is as uncertain as c/a, and 1. is too high.

`error_rate` is for all pairs together: each of the m pairs that could have been rules gets 1/m of it (Bonferroni).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import NormalDist
from typing import NamedTuple


class CountsDisagree(Exception):
    """More hold both products than hold one of them, or a product than there are customers: the counts are not of one moment."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """Every threshold. A changed set gets a new name."""

    name: str = "affinity-1"
    least_customers: int = 20
    least_support: float = 0.0005
    """Share of all customers. Both are asked of a rule."""
    error_rate: float = 0.05
    """The chance, at most, that any two independent products at all are told to go together."""


PARAMETERS = Parameters()


class Counts(NamedTuple):
    """Who holds what. A database counts these with one GROUP BY and one self-join."""

    customers: int
    """All of them, also who hold nothing."""
    singles: Mapping[str, int]
    pairs: Mapping[tuple[str, str], int]
    """Each pair once, in either order."""


class Rule(NamedTuple):
    """Who holds `product` tends to hold `goes_with`."""

    product: str
    goes_with: str
    customers: int
    """Who hold both."""
    support: float
    """Their share of all customers."""
    confidence: float
    """Their share of those who hold `product`."""
    lift: float
    lift_low: float


def count(baskets: Iterable[frozenset[str]]) -> Counts:
    """One basket per customer: the plan and the products they hold."""
    customers = 0
    singles: Counter[str] = Counter()
    pairs: Counter[tuple[str, str]] = Counter()
    for basket in baskets:
        customers += 1
        held = sorted(basket)
        singles.update(held)
        pairs.update(combinations(held, 2))
    return Counts(customers, singles, pairs)


def rules_of(counts: Counts, parameters: Parameters = PARAMETERS) -> list[Rule]:
    """Both directions of each pair that goes together, the surest lift first. Raises CountsDisagree."""
    least = max(parameters.least_customers, math.ceil(parameters.least_support * counts.customers))
    could_be = math.comb(sum(holders >= least for holders in counts.singles.values()), 2)
    found = [
        rule
        for pair, both in counts.pairs.items()
        if both >= least
        for rule in _rules_of_pair(pair, _Table.of(counts, pair, both), parameters.error_rate / max(could_be, 1))
    ]
    return sorted(found, key=lambda rule: (-rule.lift_low, -rule.confidence, rule.product, rule.goes_with))


def suggest(rules: Sequence[Rule], held: Collection[str], *, at_most: int = 5) -> list[Rule]:
    """What to offer to one who holds `held`: `goes_with`, once each and nothing they hold. The rule is the reason, the first of `rules` if there are many."""
    reasons: dict[str, Rule] = {}
    for rule in rules:
        if rule.product in held and rule.goes_with not in held:
            reasons.setdefault(rule.goes_with, rule)
    return list(reasons.values())[:at_most]


class _Table(NamedTuple):
    customers: int
    first: int
    second: int
    both: int

    @classmethod
    def of(cls, counts: Counts, pair: tuple[str, str], both: int) -> _Table:
        first, second = (counts.singles.get(product, 0) for product in pair)
        if both > min(first, second) or max(first, second) > counts.customers:
            raise CountsDisagree(f"{both} hold {' and '.join(pair)}, {first} and {second} hold each, of {counts.customers}")
        return cls(counts.customers, first, second, both)

    @property
    def lift(self) -> float:
        return self.both * self.customers / (self.first * self.second)

    def lift_low(self, error: float) -> float:
        return min(self._by_chernoff(error), self._by_delta(error))

    def _by_chernoff(self, error: float) -> float:
        rarer, commoner = sorted((self.first, self.second))
        return _least_share(self.both / rarer, math.log(1 / error) / rarer) * self.customers / commoner

    def _by_delta(self, error: float) -> float:
        variance = 1 / self.both - 1 / self.first - 1 / self.second + (2 * self.lift - 1) / self.customers
        return self.lift * math.exp(NormalDist().inv_cdf(error) * math.sqrt(max(variance, 0)))


def _rules_of_pair(pair: tuple[str, str], table: _Table, error: float) -> Iterator[Rule]:
    lift_low = table.lift_low(error)
    if lift_low <= 1:
        return
    for product, goes_with, holders in ((*pair, table.first), (*pair[::-1], table.second)):
        yield Rule(product, goes_with, table.both, table.both / table.customers, table.both / holders, table.lift, lift_low)


def _least_share(share: float, room: float) -> float:
    """The smallest p whose divergence from `share` is within `room`, found to the last bit: divergence falls as p rises to `share`."""
    low, high = 0.0, share
    while low < (middle := (low + high) / 2) < high:
        low, high = (low, middle) if _divergence(share, middle) <= room else (middle, high)
    return low


def _divergence(share: float, p: float) -> float:
    """KL(share || p) of two yes-or-no chances, in nats; p is above 0 and below `share`."""
    no = (1 - share) * math.log((1 - share) / (1 - p)) if share < 1 else 0.0
    return share * math.log(share / p) + no
