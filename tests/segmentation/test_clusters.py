"""S10: behaviour clusters are found, named, applied and carried on."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from services.segmentation.clustering import PARAMETERS, TooFewCustomers, fit
from services.segmentation.clusters import MEASURES, InvalidMeasure, Model, Profile, assign, describe, names_of
from tests.datasets import dataset

Row = dict[str, float]

USUAL: Row = {
    "out_minutes": 200,
    "in_minutes": 200,
    "off_net_share": 0.4,
    "international_minutes": 0,
    "data_mb": 3_000,
    "sms": 20,
    "roaming_days": 0,
    "spend_minor": 5_000,
}
LIGHT: Row = {"out_minutes": 15, "in_minutes": 20, "data_mb": 100, "sms": 2, "spend_minor": 1_200}
KINDS: dict[str, tuple[int, Row]] = {
    "balanced": (160, {}),
    "heavy_data": (110, {"data_mb": 20_000, "out_minutes": 60, "in_minutes": 60, "sms": 5, "spend_minor": 9_000}),
    "talkers": (100, {"out_minutes": 1_500, "in_minutes": 900, "data_mb": 1_500, "spend_minor": 9_000}),
    "international_callers": (80, {"international_minutes": 80, "off_net_share": 0.6, "spend_minor": 9_000}),
    "light_users": (110, LIGHT),
    "receivers": (80, {"in_minutes": 500, "out_minutes": 15, "data_mb": 500, "spend_minor": 1_500}),
    "travellers": (80, {"roaming_days": 8, "spend_minor": 15_000}),
    "texters": (80, {"sms": 600, "data_mb": 500}),
}


class Planted(NamedTuple):
    rows: list[Row]
    kinds: list[str]


def plant(seed: int = 1, *, without: str = "", spread: float = 0.35) -> Planted:
    """Customers of each kind, spread around what is typical of it; two in a hundred roam or call abroad whatever their kind."""
    dice = np.random.default_rng(seed)
    kinds = [kind for kind, (customers, _) in KINDS.items() if kind != without for _ in range(customers)]
    return Planted([_row(USUAL | KINDS[kind][1], dice, spread) for kind in kinds], kinds)


def _row(typical: Row, dice: np.random.Generator, spread: float) -> Row:
    row = {measure: value * dice.lognormal(0, spread) for measure, value in typical.items()}
    row["off_net_share"] = float(np.clip(dice.normal(typical["off_net_share"], 0.1), 0, 1))
    for measure in ("international_minutes", "roaming_days"):
        row[measure] += float(dice.exponential(2)) if dice.random() < 0.02 else 0.0
    return row


def month_later(rows: list[Row], seed: int = 7, **growth: float) -> list[Row]:
    dice = np.random.default_rng(seed)
    moved = [{measure: value * growth.get(measure, 1.0) * dice.lognormal(0, 0.15) for measure, value in row.items()} for row in rows]
    return [row | {"off_net_share": min(row["off_net_share"], 1.0)} for row in moved]


def places_of(model: Model, rows: list[Row]) -> list[int]:
    return [assign(model, row).cluster for row in rows]


def as_named(model: Model) -> dict[int, str]:
    return {cluster.id: cluster.name for cluster in model.clusters}


def matrix(rows: list[Row]) -> NDArray[np.float64]:
    return np.array([[row[measure] for measure in MEASURES] for row in rows])


@pytest.fixture(scope="module")
def planted() -> Planted:
    return plant()


@pytest.fixture(scope="module")
def model(planted: Planted) -> Model:
    return fit(planted.rows)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_was_planted_is_found_again(seed: int) -> None:
    """S10: also how many clusters there are; each has the name of its kind."""
    planted = plant(seed, spread=0.5)
    model = fit(planted.rows)
    assigned = [assign(model, row) for row in planted.rows]
    assert adjusted_rand_score(planted.kinds, [one.cluster for one in assigned]) > 0.9
    for kind in KINDS:
        names = Counter(one.name for one, of_kind in zip(assigned, planted.kinds, strict=True) if of_kind == kind)
        assert names.most_common(1)[0][0] == kind
    assert model.resampled_stability > 0.9


def test_a_cluster_says_how_large_it_is_and_what_it_is_like(model: Model, planted: Planted) -> None:
    """S10: the figures are those of its customers, against all."""
    assigned = [assign(model, row).name for row in planted.rows]
    assert {cluster.name: cluster.customers for cluster in model.clusters} == Counter(assigned)
    of_heavy = [row["data_mb"] for row, name in zip(planted.rows, assigned, strict=True) if name == "heavy_data"]
    times = np.mean(of_heavy) / np.mean([row["data_mb"] for row in planted.rows])
    heavy = next(cluster for cluster in model.clusters if cluster.name == "heavy_data")
    assert heavy.description.startswith(f"{times:.1f} times the average data, ")
    assert "little texting (0.0" in heavy.description


@pytest.fixture(scope="module")
def real() -> list[Row]:
    """51,047 customers of a mobile operator; what the data set does not have is 0."""
    columns = {"OutboundCalls": "out_minutes", "InboundCalls": "in_minutes", "RoamingCalls": "roaming_days", "MonthlyRevenue": "spend_minor"}
    table = pd.read_csv(dataset("cell2celltrain.csv.zip"), usecols=list(columns)).rename(columns=columns).fillna(0).clip(lower=0)
    return [dict.fromkeys(MEASURES, 0.0) | row for row in table.to_dict("records")]


@pytest.mark.parametrize(
    ("seed", "names"),
    [
        (1, ["balanced", "heavy_users", "light_users", "travellers"]),
        (3, ["balanced", "balanced_2", "heavy_users", "light_users", "travellers"]),  # five can be made in two ways that are about as good
    ],
)
def test_halves_of_real_customers_have_the_same_clusters(real: list[Row], seed: int, names: list[str]) -> None:
    """S10: the model of one half puts the other half where that half's own, which carries it on, does."""
    quick = replace(PARAMETERS, sample=1_500, seed=seed)
    one = fit(real[::2], k=len(names), parameters=quick)
    other = fit(real[1::2], previous=one, parameters=quick)
    assert as_named(other) == as_named(one)
    assert sorted(as_named(one).values()) == names
    assert other.stability is not None
    assert other.stability > 0.85


def test_more_clusters_are_preferred_only_if_resamples_find_them_again(real: list[Row]) -> None:
    """S10: else, of real customers, some would be taken that come out otherwise each time."""
    quick = replace(PARAMETERS, sample=1_500, seed=2)
    taken, more = fit(real[::2], parameters=quick), fit(real[::2], parameters=replace(quick, found_again=0))
    assert len(taken.clusters) < len(more.clusters)
    assert more.silhouette < taken.silhouette
    assert more.resampled_stability < 0.9 < taken.resampled_stability


def test_no_structure_is_told_as_such() -> None:
    """S10: of one kind of customers k-means still makes clusters, but resamples do not find them again, and no name is claimed."""
    dice = np.random.default_rng(5)
    model = fit([_row(USUAL, dice, 0.3) for _ in range(400)])
    assert model.resampled_stability < 0.6
    assert model.silhouette < 0.2
    assert {cluster.name.split("_")[0] for cluster in model.clusters} == {"balanced"}


def test_the_same_customers_give_the_same_model_in_any_order(model: Model, planted: Planted) -> None:
    """S10: to the last bit."""
    shuffled = [planted.rows[index] for index in np.random.default_rng(3).permutation(len(planted.rows))]
    assert fit(iter(planted.rows)) == model
    assert fit(shuffled) == model


def test_the_number_of_clusters_can_be_given(planted: Planted) -> None:
    """S10."""
    assert len(fit(planted.rows, k=3).clusters) == 3


def test_plain_arithmetic_assigns_as_scikit_learn_does(model: Model, planted: Planted) -> None:
    """S10: a pipeline of scikit-learn's own, fitted on the same customers from the same centres, puts 5,000 others where we put them."""
    known, others = matrix(planted.rows), [row for seed in range(11, 18) for row in plant(seed, spread=0.9).rows][:5_000]
    share = MEASURES.index("off_net_share")

    def logged(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(np.arange(len(MEASURES)) == share, values, np.log1p(values))

    low, high = np.quantile(logged(known), [0.005, 0.995], axis=0)
    scaled = make_pipeline(FunctionTransformer(logged), FunctionTransformer(np.clip, kw_args={"a_min": low, "a_max": high}), StandardScaler())
    held = make_pipeline(scaled, FunctionTransformer(np.clip, kw_args={"a_min": -3, "a_max": 3}))
    centres = np.array([cluster.centre for cluster in model.clusters])
    k_means = KMeans(len(centres), init=centres, n_init=1).fit(held.fit_transform(known))
    np.testing.assert_allclose(k_means.cluster_centers_, centres, atol=1e-9)

    places = held.transform(matrix(others))
    ours = [assign(model, row) for row in others]
    ids = [cluster.id for cluster in model.clusters]
    assert [one.cluster for one in ours] == [ids[label] for label in k_means.predict(places)]
    distances = np.sort(k_means.transform(places), axis=1)
    np.testing.assert_allclose([one.distance for one in ours], distances[:, 0], atol=1e-9)
    np.testing.assert_allclose([one.margin for one in ours], 1 - distances[:, 0] / distances[:, 1], atol=1e-9)
    assert len(set(ids)) == len({one.cluster for one in ours}) == 8


def test_a_model_is_a_plain_json_document(model: Model) -> None:
    """S10: and read again it is the same model."""
    assert Model.of(json.loads(json.dumps(model.document(), allow_nan=False))) == model


def test_applying_a_model_loads_no_numerical_library() -> None:
    """S10: every importer of the rules would wait a second for it."""
    code = "import sys, services.segmentation.clusters; print({'numpy', 'scipy', 'sklearn'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


@pytest.mark.parametrize("value", [-0.5, math.nan, math.inf, None])
def test_what_is_no_measure_is_refused(model: Model, planted: Planted, value: float | None) -> None:
    """S10: None stands for one that is missing."""
    row = {**planted.rows[0], "data_mb": value}
    broken = {measure: figure for measure, figure in row.items() if figure is not None}
    with pytest.raises(InvalidMeasure, match="data_mb"):
        assign(model, broken)
    with pytest.raises(InvalidMeasure, match="data_mb"):
        fit([*planted.rows, broken])


def test_an_extreme_customer_moves_nothing(model: Model, planted: Planted) -> None:
    """S10: a line that is hacked and calls abroad all month makes no cluster of its own."""
    extreme = dict.fromkeys(MEASURES, 1e9) | {"off_net_share": 1.0}
    with_it = fit([*planted.rows, extreme])
    assert sorted(as_named(with_it).values()) == sorted(as_named(model).values())
    assert min(cluster.customers for cluster in with_it.clusters) >= 70
    assert math.isfinite(assign(model, extreme).distance)


def test_too_few_customers_are_refused(planted: Planted) -> None:
    """S10: too few in all, or too few who differ; and the fewest that are enough are."""
    mixed = planted.rows[:: len(planted.rows) // 50][:50]
    with pytest.raises(TooFewCustomers, match="49 customers"):
        fit(mixed[:49])
    with pytest.raises(TooFewCustomers, match="of 1000 customers differ"):
        fit([*mixed[:49], *[USUAL] * 951])
    assert fit(mixed).customers == 50


def test_ids_and_names_stay_when_customers_drift(model: Model, planted: Planted) -> None:
    """S10: everybody's figures change, and everybody uses 30 % more data."""
    later = month_later(planted.rows, data_mb=1.3)
    carried_on = fit(later, previous=model)
    assert as_named(carried_on) == as_named(model)
    assert carried_on.next_id == model.next_id
    assert carried_on.stability == pytest.approx(adjusted_rand_score(places_of(model, later), places_of(carried_on, later)))
    assert carried_on.stability is not None
    assert carried_on.stability > 0.9
    assert adjusted_rand_score(planted.kinds, places_of(carried_on, later)) > 0.9
    assert model.stability is None


def test_who_goes_takes_the_id_along_and_who_comes_gets_a_new_one() -> None:
    """S10: an id is never given again, not even the last one."""
    everybody = plant(4).rows
    first = fit(everybody, k=8)
    last = first.clusters[-1].name
    second = fit(plant(4, without=last).rows, k=7, previous=first)
    third = fit(everybody, k=8, previous=second)
    assert as_named(second) == {cluster: name for cluster, name in as_named(first).items() if name != last}
    assert as_named(third) == as_named(second) | {9: last}
    assert (first.next_id, second.next_id, third.next_id) == (9, 9, 10)


def test_who_comes_does_not_get_the_id_of_who_goes() -> None:
    """S10: also when both happen at once."""
    texting = fit(plant(4, without="travellers").rows, k=7)
    travelling = fit(plant(4, without="texters").rows, k=7, previous=texting)
    stay = {cluster: name for cluster, name in as_named(texting).items() if name != "texters"}
    assert as_named(travelling) == stay | {8: "travellers"}


def test_the_previous_number_of_clusters_stays_while_it_is_about_as_good(planted: Planted) -> None:
    """S10: seven are nearly as good as the eight that were planted; four are not."""
    seven, four = fit(planted.rows, k=7), fit(planted.rows, k=4)
    assert len(fit(planted.rows, previous=seven).clusters) == 7
    assert len(fit(planted.rows, previous=four).clusters) == 8


def test_a_model_of_other_measures_is_not_carried_on(model: Model, planted: Planted) -> None:
    """S10: but its ids are not given again."""
    other = replace(model, scalings=model.scalings[:-1])
    after = fit(planted.rows, k=4, previous=other)
    assert [cluster.id for cluster in after.clusters] == [9, 10, 11, 12]
    assert after.stability is None


def profile(**centre: float) -> Profile:
    """One standard deviation is twice the average."""
    return Profile({measure: centre.get(measure, 0.0) for measure in MEASURES}, {measure: 2.0 ** centre.get(measure, 0.0) for measure in MEASURES}, ONE)


ONE = dict.fromkeys(MEASURES, 1.0)
VOICE_LOW = {"out_minutes": -2.0, "in_minutes": -2.0}


@pytest.mark.parametrize(
    ("centre", "name"),
    [
        ({}, "balanced"),
        ({"data_mb": 0.4}, "balanced"),
        ({"data_mb": 2}, "heavy_data"),
        ({"off_net_share": 1}, "off_net_callers"),
        ({"spend_minor": 1}, "high_spenders"),
        ({"out_minutes": 1, "in_minutes": 1, "data_mb": 1, "sms": 1}, "heavy_users"),
        ({"out_minutes": -1, "in_minutes": -1, "data_mb": -1, "sms": -1}, "light_users"),
        ({"out_minutes": 1, "in_minutes": 1, "data_mb": 3, "sms": 1}, "heavy_data"),
        ({"out_minutes": 2, "in_minutes": 2, "data_mb": -2, "sms": 2}, "talkers"),
        ({"data_mb": -1}, "mostly_voice"),
        (VOICE_LOW | {"sms": 0.4, "data_mb": 0.4}, "mostly_data"),
        ({"out_minutes": -2}, "receivers"),
    ],
)
def test_names(centre: dict[str, float], name: str) -> None:
    """S10."""
    assert names_of([profile(**centre)], [None]) == [name]


def test_names_are_unique_and_the_strongest_gets_its_own_first() -> None:
    """S10: the next takes another that fits, or a number."""
    two_traits = profile(data_mb=2, spend_minor=1)
    assert names_of([two_traits, profile(data_mb=3)], [None, None]) == ["high_spenders", "heavy_data"]
    assert names_of([profile(data_mb=2), profile(data_mb=3), profile(data_mb=1)], [None] * 3) == ["heavy_data_2", "heavy_data", "heavy_data_3"]
    little_but_texts = profile(out_minutes=-1, in_minutes=-1, data_mb=-1, sms=1)
    assert names_of([little_but_texts, profile(sms=4)], [None, None]) == ["texters_2", "texters"]


def test_a_name_stays_while_it_fits() -> None:
    """S10: and goes when the cluster is of another kind now, however long it had it."""
    both = profile(data_mb=2, spend_minor=1.5)
    assert names_of([both, profile(data_mb=3)], ["heavy_data", None]) == ["heavy_data", "heavy_data_2"]
    assert names_of([both, profile(data_mb=3)], ["heavy_data_2", "heavy_data"]) == ["heavy_data_2", "heavy_data"]
    assert names_of([both], ["high_spenders"]) == ["high_spenders"]
    assert names_of([both], ["talkers"]) == ["heavy_data"]
    assert names_of([both], ["balanced"]) == ["heavy_data"]
    assert names_of([profile(data_mb=3, spend_minor=0.6)], ["high_spenders"]) == ["heavy_data"]


def test_descriptions_tell_the_figures() -> None:
    """S10: furthest first; of what is usual, too."""
    assert describe(profile(data_mb=2, out_minutes=-2, spend_minor=1)) == (
        "4.0 times the average data, 2.0 times the average spending, little outgoing voice (0.2 times the average)."
    )
    assert describe(profile(roaming_days=4)) == "16 times the average roaming."
    assert describe(profile()) == "1.0 times the average outgoing voice, 1.0 times the average data, 1.0 times the average spending."


def test_a_measure_nobody_has_is_no_trait() -> None:
    """S10: where no data is metered yet, who hardly calls is a light user, not one of mostly data."""
    nobody = {"data_mb": 0.0, "sms": 0.0}
    silent = profile(**VOICE_LOW)
    assert names_of([silent._replace(averages={**silent.averages, **nobody}, of_all=ONE | nobody)], [None]) == ["light_users"]
