"""S10: which products go together, and what to offer to whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import hypergeom

from services.segmentation.affinity import PARAMETERS, Counts, CountsDisagree, Rule, count, rules_of, suggest

PRODUCTS = [f"product-{number:02}" for number in range(14)]
SHARES = [0.5, 0.4, 0.3, 0.25, 0.2, 0.15, 0.12, 0.1, 0.08, 0.06, 0.05, 0.03, 0.02, 0.01]
BASKETS = st.lists(st.frozensets(st.sampled_from(PRODUCTS[:6])), max_size=40)
ANY_COUNT = replace(PARAMETERS, least_customers=1, least_support=0)


def held_by(customers: int, seed: int, planted: Mapping[tuple[int, int], float] | None = None) -> NDArray[np.bool_]:
    """Who holds what, independently; but one in `planted` who holds the first product holds the second with that chance."""
    dice = np.random.default_rng(seed)
    held = dice.random((customers, len(PRODUCTS))) < SHARES
    for (first, second), chance in (planted or {}).items():
        held[:, second] |= held[:, first] & (dice.random(customers) < chance)
    return held


def baskets_of(held: NDArray[np.bool_]) -> list[frozenset[str]]:
    return [frozenset(PRODUCTS[product] for product in np.flatnonzero(customer)) for customer in held]


def counts_of(held: NDArray[np.bool_]) -> Counts:
    """By a matrix product, which is fast enough for many simulations."""
    both = held.T.astype(np.int32) @ held.astype(np.int32)
    pairs = {(PRODUCTS[one], PRODUCTS[other]): int(both[one, other]) for one, other in combinations(range(len(PRODUCTS)), 2)}
    return Counts(len(held), {product: int(both[index, index]) for index, product in enumerate(PRODUCTS)}, pairs)


def of_two(customers: int, first: int, second: int, both: int) -> Counts:
    return Counts(customers, {"a": first, "b": second}, {("a", "b"): both})


@pytest.mark.parametrize("seed", range(5))
def test_planted_pairs_come_first(seed: int) -> None:
    """S10: of 91 pairs the two planted ones, the closer first, and nothing else."""
    rules = rules_of(counts_of(held_by(4_000, seed, {(9, 11): 0.6, (3, 5): 0.5})))
    assert [{rule.product, rule.goes_with} for rule in rules] == [{PRODUCTS[9], PRODUCTS[11]}] * 2 + [{PRODUCTS[3], PRODUCTS[5]}] * 2
    assert [rule.lift_low for rule in rules] == sorted((rule.lift_low for rule in rules), reverse=True)
    assert all(1 < rule.lift_low < rule.lift for rule in rules)


def test_the_surer_lift_comes_before_the_higher_one() -> None:
    """S10: six times more often, of 30 customers, may well be less than four times more often, of 800; then whose holders are likelier to buy."""
    counts = Counts(10_000, {"a": 500, "b": 100, "c": 1_000, "d": 2_000}, {("a", "b"): 30, ("c", "d"): 800})
    rules = rules_of(counts)
    assert [(rule.product, rule.goes_with) for rule in rules] == [("c", "d"), ("d", "c"), ("b", "a"), ("a", "b")]
    assert [round(rule.lift, 9) for rule in rules] == [4, 4, 6, 6]


def test_independent_products_do_not_go_together() -> None:
    """S10: in at most 5 % of markets any of 91 pairs passes, though by its lift alone some pair would in nearly each."""
    markets = [counts_of(held_by(600, seed)) for seed in range(300)]
    false = sum(bool(rules_of(market, ANY_COUNT)) for market in markets)
    by_lift = sum(
        any(both * market.customers >= 2 * market.singles[one] * market.singles[other] > 0 for (one, other), both in market.pairs.items()) for market in markets
    )
    assert false <= 0.05 * len(markets)
    assert by_lift > 0.9 * len(markets)


TABLES = st.integers(1, 400).flatmap(
    lambda customers: st.tuples(st.integers(1, customers), st.integers(1, customers)).flatmap(
        lambda held: st.integers(max(1, sum(held) - customers), min(held)).map(lambda both: of_two(customers, *held, both))
    )
)


@given(TABLES)
def test_a_rule_passes_fishers_exact_test(counts: Counts) -> None:
    """S10: whatever the counts, chance alone brings so many holders of both in at most 5 % of cases, by the exact distribution."""
    chance = hypergeom.sf(counts.pairs["a", "b"] - 1, counts.customers, counts.singles["a"], counts.singles["b"])
    for rule in rules_of(counts, ANY_COUNT):
        assert chance <= 0.05
        assert 1 < rule.lift_low <= rule.lift


@pytest.mark.parametrize(("first", "second", "lift"), [(0.02, 0.05, 5.0), (0.1, 0.3, 2.0), (0.3, 0.9, 1.1), (0.48, 0.5, 1.98)])
def test_the_lower_bound_is_below_the_true_lift(first: float, second: float, lift: float) -> None:
    """S10: in 95 % of samples, also where nearly all who hold one hold the other; and not by much, with many customers."""
    both = lift * first * second
    samples = np.random.default_rng(1).multinomial(4_000, [both, first - both, second - both, 1 - first - second + both], size=1_000)
    lows = [rule.lift_low for c, a, b, _ in samples.tolist() for rule in rules_of(of_two(4_000, a + c, b + c, c), ANY_COUNT)[:1]]
    assert len(lows) > 900
    assert sum(low > lift for low in lows) <= 65  # 50 expected at most: two standard deviations more
    assert np.mean(lows) > 1 + 0.45 * (lift - 1)


def test_the_more_pairs_are_looked_at_the_surer_each_has_to_be() -> None:
    """S10: the chance of error is shared out among the pairs that could be rules."""
    alone = of_two(1_000, 100, 100, 20)
    among_many = Counts(1_000, {**alone.singles, **{f"other-{number}": 100 for number in range(60)}}, alone.pairs)
    assert len(rules_of(alone)) == 2
    assert rules_of(among_many) == []
    assert len(rules_of(among_many._replace(singles={**alone.singles, **{f"other-{number}": 19 for number in range(60)}}))) == 2


def test_duckdb_finds_the_same() -> None:
    """S10: one GROUP BY and one self-join count what baskets hold, and SQL computes the same figures of each rule."""
    held = held_by(3_000, 2, {(9, 11): 0.6, (3, 5): 0.5, (0, 1): 0.6})
    customer, product = np.nonzero(held)
    holdings = pa.table({"customer": customer, "product": [PRODUCTS[index] for index in product]})
    with duckdb.connect() as database:
        database.register("holdings", holdings)
        singles = dict(database.execute("SELECT product, count(*) FROM holdings GROUP BY product").fetchall())
        joined = "FROM holdings a JOIN holdings b USING (customer) WHERE a.product < b.product GROUP BY a.product, b.product"
        pairs = {(one, other): both for one, other, both in database.execute(f"SELECT a.product, b.product, count(*) {joined}").fetchall()}
        figures = database.execute(_FIGURES, [len(held)]).fetchall()
    counts = count(baskets_of(held))
    assert counts == Counts(len(held), singles, pairs)
    rules = rules_of(counts)
    expected = {(one, other): rest for one, other, *rest in figures}
    assert len(rules) == 6
    for rule in rules:
        assert [rule.customers, rule.support, rule.confidence, rule.lift] == pytest.approx(expected[rule.product, rule.goes_with])


_FIGURES = """
WITH pairs AS (SELECT a.product AS one, b.product AS other, count(*) AS n FROM holdings a JOIN holdings b USING (customer) GROUP BY ALL)
SELECT p.one, p.other, p.n, p.n / $1, p.n / o.n, p.n / o.n / (t.n / $1)
FROM pairs p JOIN pairs o ON (o.one = p.one AND o.other = p.one) JOIN pairs t ON (t.one = p.other AND t.other = p.other)
"""


@given(BASKETS)
def test_the_order_of_baskets_changes_nothing(baskets: list[frozenset[str]]) -> None:
    """S10: nor does that of the pairs, nor which product of a pair comes first."""
    counts = count(baskets)
    turned = {pair[::-1]: both for pair, both in reversed(list(counts.pairs.items()))}
    assert count(reversed(baskets)) == counts
    assert rules_of(counts._replace(pairs=turned), ANY_COUNT) == rules_of(counts, ANY_COUNT)


@pytest.mark.parametrize(("both", "rules"), [(29, 0), (30, 2)])
def test_support(both: int, rules: int) -> None:
    """S10: three in a thousand of 10,000 are 30."""
    parameters = replace(PARAMETERS, least_support=0.003)
    assert len(rules_of(of_two(10_000, 200, 200, both), parameters)) == rules


def test_what_all_hold_goes_with_nothing() -> None:
    """S10."""
    assert rules_of(of_two(1_000, 1_000, 500, 500)) == []
    assert rules_of(of_two(1_000, 1_000, 1_000, 1_000)) == []
    assert rules_of(count([])) == []


def test_what_excludes_each_other_does_not_go_together() -> None:
    """S10: as two plans do, of which a customer holds one."""
    assert rules_of(of_two(1_000, 400, 400, 0), ANY_COUNT) == []
    assert rules_of(of_two(1_000, 400, 400, 100), ANY_COUNT) == []


@pytest.mark.parametrize("counts", [of_two(100, 30, 20, 21), of_two(100, 130, 50, 40), Counts(100, {"a": 50}, {("a", "b"): 40})])
def test_counts_of_different_moments_are_refused(counts: Counts) -> None:
    """S10."""
    with pytest.raises(CountsDisagree, match="hold a and b"):
        rules_of(counts)


def rule(product: str, goes_with: str, lift_low: float) -> Rule:
    return Rule(product, goes_with, 100, 0.1, 0.5, 2 * lift_low, lift_low)


RULES = [
    rule("plan-l", "roaming", 4.0),
    rule("roaming", "plan-l", 4.0),
    rule("music", "roaming", 3.0),
    rule("music", "video", 2.0),
    rule("video", "music", 2.0),
]


@pytest.mark.parametrize(
    ("held", "offered"),
    [
        ({"plan-l", "music"}, [RULES[0], RULES[3]]),
        ({"music"}, [RULES[2], RULES[3]]),
        ({"plan-l", "roaming"}, []),
        ({"unknown"}, []),
        (set(), []),
    ],
)
def test_an_offer_has_the_surest_reason(held: set[str], offered: list[Rule]) -> None:
    """S10: each product once."""
    assert suggest(RULES, held) == offered
    assert suggest(RULES, held, at_most=1) == offered[:1]


@given(BASKETS, st.frozensets(st.sampled_from(PRODUCTS[:6])))
def test_an_offer_is_never_what_they_hold(baskets: list[frozenset[str]], held: frozenset[str]) -> None:
    """S10."""
    offers = suggest(rules_of(count(baskets), replace(ANY_COUNT, error_rate=0.9)), held)
    assert all(offer.goes_with not in held and offer.product in held for offer in offers)
    assert len({offer.goes_with for offer in offers}) == len(offers)
