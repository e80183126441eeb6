"""S6, S7: the model core. A model is fitted, written as ONNX and served; its reasons are held against LightGBM's own and against Shapley's definition."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import combinations
from math import factorial
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import onnx
import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import brier_score_loss, roc_auc_score

from services.segmentation.churn import model as serving
from services.segmentation.churn.model import Card, Histogram, Model, ModelUnusable, logit
from services.segmentation.training import export as exporting
from services.segmentation.training import fit as fitting
from services.segmentation.training.export import CannotExport, ParityError, export
from services.segmentation.training.fit import PARAMETERS, Fitted, HeldOut, Platt, Table, TooThin, fit

FEATURES = ("silent_days", "balance_change", "complaints", "tenure_days", "top_ups", "noise")
TELLING = (-1e9, -1.0, -1e-35, 0.0, 0.1, 1.0, 2**24, float("nan"))
ROOT = Path(__file__).parents[2]


def simulated(n: int = 2_000, *, seed: int = 0, intercept: float = -1.0, times: bool = False) -> Table:
    """The true log-odds have an effect that is straight, one that is a step at zero, one of two features together, and noise; a tenth is missing."""
    random = np.random.default_rng(seed)
    rows = random.normal(size=(n, len(FEATURES))).astype(np.float32)
    rows[:, 1] = random.integers(-2, 3, n)
    rows[:, 2] = random.poisson(0.5, n)
    log_odds = intercept + rows[:, 0] + 1.2 * (rows[:, 1] < 0) + rows[:, 2] * (rows[:, 3] < 0)
    labels = (random.random(n) < 1 / (1 + np.exp(-log_odds))).astype(np.int8)
    rows[random.random(rows.shape) < 0.1] = np.nan
    return Table(FEATURES, rows, labels, np.arange(n) // 2, np.arange(n, dtype=np.int64) if times else None)


@cache
def fitted() -> Fitted:
    return fit(simulated(), most_trees=200)


@cache
def exported() -> bytes:
    return export(fitted(), card())


def card(**changes: Any) -> Card:
    given: dict[str, Any] = {
        "name": "leave-all",
        "target": "leave",
        "population": "postpaid",
        "features": FEATURES,
        "row_version": 1,
        "source": "simulated",
        "data": "made for a test",
        "horizon_days": 30,
    }
    return Card(**given | {"rows": 2_000, "positives": 700, "training_base_rate": 0.35, "deployment_base_rate": 0.35} | changes)


def of_booster(booster: lightgbm.Booster, features: Sequence[str], **changes: Any) -> Fitted:
    none = HeldOut(np.arange(0), np.zeros(0), "out_of_fold")
    given: dict[str, Any] = {"platt": Platt(), "training_base_rate": 0.5, "deployment_base_rate": 0.5, "held_out": none, "seed": 0}
    return Fitted(booster, tuple(features), booster.num_trees(), **given | changes)


def boosted(rows: NDArray[Any], labels: NDArray[Any], trees: int = 12, categorical: Any = "auto", **parameters: Any) -> lightgbm.Booster:
    given = PARAMETERS | {"num_leaves": 3, "learning_rate": 0.3, "min_data_in_leaf": 3, "min_data_in_bin": 1, "bagging_freq": 0, "feature_fraction": 1.0}
    return lightgbm.train(given | parameters, lightgbm.Dataset(rows, labels, categorical_feature=categorical, params=given), trees)


def shapley(booster: lightgbm.Booster, row: NDArray[np.float32]) -> tuple[NDArray[np.float64], float]:
    """By the definition: every subset of all features, a tree's value for a subset being the mean over the rows of training that pass each unknown split."""
    n = len(row)
    trees = [one["tree_structure"] for one in booster.dump_model()["tree_info"]]

    def value(known: tuple[int, ...]) -> float:
        return sum(_mean_of(tree, row, known) for tree in trees)

    found = np.zeros(n)
    for feature in range(n):
        others = [one for one in range(n) if one != feature]
        for size in range(n):
            weight = factorial(size) * factorial(n - size - 1) / factorial(n)
            found[feature] += sum(weight * (value((*some, feature)) - value(some)) for some in combinations(others, size))
    return found, value(())


def _mean_of(node: Mapping[str, Any], row: NDArray[np.float32], known: tuple[int, ...]) -> float:
    if "leaf_value" in node:
        return float(node["leaf_value"])
    left, right = node["left_child"], node["right_child"]
    if node["split_feature"] not in known:
        of_left, of_right = (float(side.get("leaf_count", side.get("internal_count"))) for side in (left, right))
        return (of_left * _mean_of(left, row, known) + of_right * _mean_of(right, row, known)) / (of_left + of_right)
    x = float(row[node["split_feature"]])
    if np.isnan(x) and node["missing_type"] == "NaN":
        return _mean_of(left if node["default_left"] else right, row, known)
    is_zero = np.isnan(x) or abs(x) <= np.float32(1e-35)  # LightGBM's kZeroThreshold
    return _mean_of(left if (0.0 if is_zero else x) <= node["threshold"] else right, row, known)


def log_odds_of(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.log(probability) - np.log1p(-probability)


def test_served_reasons_are_those_of_lightgbm() -> None:
    """S7: contributions equal pred_contrib and the probability equals predict, on rows that were not trained on."""
    rows = simulated(seed=1).rows
    booster = fitted().booster
    scored = Model.load(exported(), features=FEATURES).score(rows)
    theirs = np.asarray(booster.predict(rows, pred_contrib=True))
    assert np.ptp(theirs[:, 0]) > 1
    assert np.abs(scored.contributions - theirs[:, :-1]).max() < 1e-5
    assert np.abs(scored.probability - np.asarray(booster.predict(rows))).max() < 1e-6


def test_reasons_add_up_to_the_score() -> None:
    """S7: base + contributions == log-odds of the probability."""
    model = Model.load(exported(), features=FEATURES)
    probability, contributions = model.score(simulated(seed=1).rows)
    assert np.abs(log_odds_of(probability) - (model.base + contributions.sum(axis=1))).max() < 1e-5
    assert contributions.dtype == np.float32
    assert probability.dtype == np.float64


def six_leaves() -> lightgbm.Booster:
    """Small ones, in which a feature is asked again below itself and beside."""
    table = simulated(400)
    return boosted(table.rows, table.labels, trees=8, num_leaves=6, feature_fraction=1.0)


@pytest.mark.parametrize(("booster", "together"), [(lambda: fit(simulated(600), most_trees=30).booster, 2), (six_leaves, 4)], ids=["three", "six"])
def test_reasons_are_shapley_values_by_their_definition(booster: Callable[[], lightgbm.Booster], together: int) -> None:
    """S7: all subsets of six features, on trees of one feature, of several, and with missing values."""
    booster = booster()
    trees = exporting.trees(booster)
    seen = {len({split.feature for split in exporting._splits(tree)}) for tree in trees}
    assert max(seen) == together
    model = Model.load(export(of_booster(booster, FEATURES), card()), features=FEATURES)
    rows = np.vstack([simulated(12, seed=2).rows, np.full((1, 6), np.nan, np.float32)])
    contributions = model.score(rows).contributions
    for row, ours in zip(rows, contributions, strict=True):
        values, base = shapley(booster, row)
        assert np.abs(ours - values).max() < 1e-5
        assert model.base == pytest.approx(base, abs=1e-9)


@settings(max_examples=12, deadline=None, phases=(Phase.explicit, Phase.generate))  # a failure is small enough as it is
@given(
    st.lists(st.tuples(st.sampled_from(TELLING), st.floats(width=32, allow_infinity=False)), min_size=20, max_size=50),
    st.integers(0, 2**20),
    st.sampled_from([2, 3, 6]),
)
@example([(-1.0 if n % 3 else 1.0, 0.0) for n in range(30)], 7, 2)  # a split just below zero, where LightGBM does not see float32 values
@example([(np.nan if n % 3 else 1.0, 0.0) for n in range(30)], 7, 2)  # what is known from what is not: LightGBM's threshold is 1e300
@example([(0.0, 0.0)] * 20, 1, 3)  # nothing to split by
def test_export_is_exact_on_any_table(values: list[tuple[float, float]], coins: int, leaves: int) -> None:
    """S7: parity with pred_contrib and with the definition, whatever the values; `export` itself raises above 1e-5."""
    rows = np.array(values, np.float32)
    labels = np.array([coins >> (n % 20) & 1 for n in range(len(rows))])
    booster = boosted(rows, labels, num_leaves=leaves)
    found = of_booster(booster, ("a", "b"))
    model = Model.load(export(found, card(features=("a", "b"))), features=("a", "b"))
    scored = model.score(rows)
    assert np.abs(scored.contributions - np.asarray(booster.predict(rows, pred_contrib=True))[:, :-1]).max() < 1e-5
    for row, ours in zip(rows[:3], scored.contributions, strict=False):
        assert np.abs(ours - shapley(booster, row)[0]).max() < 1e-5


def test_values_at_a_threshold_fall_where_lightgbm_lets_them_fall() -> None:
    """S7: thresholds are float64 and rows float32; a value at the threshold, or one step of float32 beside it, keeps its side."""
    rows = np.arange(40, dtype=np.float32).reshape(-1, 1) / np.float32(10)
    booster = boosted(rows, rows[:, 0] > 1.95, trees=1, num_leaves=2)
    threshold = booster.dump_model()["tree_info"][0]["tree_structure"]["threshold"]
    at = np.float32(threshold)
    beside = np.array([[np.nextafter(at, np.float32(-9))], [at], [np.nextafter(at, np.float32(9))]], np.float32)
    model = Model.load(export(of_booster(booster, "x"), card(features=("x",))), features=["x"])
    right = model.score(beside).probability > 0.5
    assert right.tolist() == [float(x) > threshold for x in beside[:, 0]]
    assert len(set(right)) == 2


def test_a_platt_scale_and_a_base_rate_move_reasons_as_they_move_the_score() -> None:
    """S7: the scale multiplies contributions and base; the offset goes into the base alone."""
    plain = Model.load(exported(), features=FEATURES)
    moved = replace(fitted(), platt=Platt(0.5, 0.25), training_base_rate=0.5, deployment_base_rate=0.02)
    model = Model.load(export(moved, card()), features=FEATURES)
    rows = simulated(200, seed=1).rows
    before, after = plain.score(rows), model.score(rows)
    assert after.contributions == pytest.approx(before.contributions * 0.5, abs=1e-5)
    assert model.base == pytest.approx(plain.base * 0.5 + 0.25 + np.log(0.02 / 0.98), abs=1e-9)


def test_the_same_table_gives_the_same_file() -> None:
    """S12: bytes are deterministic, so that a hash names a model; its size is bounded."""
    table = simulated(500)
    first, again = (export(fit(table, most_trees=20), card()) for _ in range(2))
    assert first == again
    assert export(fit(table, most_trees=20, seed=1), card()) != first
    assert len(exported()) < 250_000


def test_the_prior_correction_meets_the_base_rate_of_the_deployment() -> None:
    """S6: trained at 50 %, used at 2 %: the mean probability is near 2 % and the Brier score is far better than uncorrected."""
    drawn, many = simulated(30_000, intercept=-5.2, seed=3), simulated(100_000, intercept=-5.2, seed=4)
    churned = np.flatnonzero(many.labels)
    stayed = np.random.default_rng(0).choice(np.flatnonzero(many.labels == 0), len(churned), replace=False)
    table = many.only(np.sort(np.concatenate([churned, stayed])))
    found = fit(table, deployment_base_rate=float(drawn.labels.mean()), most_trees=200)
    probability = Model.load(export(found, card()), features=FEATURES).score(drawn.rows).probability
    raw = np.asarray(found.booster.predict(drawn.rows))
    assert found.training_base_rate == 0.5
    assert 0.01 < drawn.labels.mean() < 0.03
    assert probability.mean() == pytest.approx(drawn.labels.mean(), rel=0.15)
    assert brier_score_loss(drawn.labels, probability) < brier_score_loss(drawn.labels, raw) / 4


def test_probabilities_that_are_reported_are_of_customers_not_trained_on() -> None:
    """S12: labels that are chance alone are not predicted, though every customer has two equal rows with the same label."""
    random = np.random.default_rng(0)
    once = random.normal(size=(600, 6)).astype(np.float32)
    table = Table(FEATURES, once.repeat(2, axis=0), random.integers(0, 2, 600).astype(np.int8).repeat(2), np.arange(600).repeat(2))
    held = fit(table, most_trees=60).held_out
    assert held.kind == "out_of_fold"
    assert sorted(held.positions) == list(range(1200))
    assert abs(roc_auc_score(table.labels[held.positions], held.probabilities) - 0.5) < 0.06


def test_with_times_the_last_slice_judges() -> None:
    """S12: what is reported is of the last quarter, and nothing whose label was not known by then is learned from."""
    table = simulated(times=True)
    held = fit(table, most_trees=60).held_out
    assert held.kind == "later"
    assert held.positions.tolist() == list(range(1_500, 2_000))
    learned, later = fitting._split(table, 30)
    assert table.times is not None
    assert table.times[learned].max() + 30 == table.times[later].min()
    turned = table._replace(labels=np.where(np.arange(2_000) < 1_500, table.labels, 1 - table.labels).astype(np.int8))
    assert fit(turned, most_trees=60).held_out.probabilities == pytest.approx(held.probabilities)


def test_a_platt_scale_stays_only_where_it_helps() -> None:
    """S6: log-odds that are twice too far out are drawn in; those that are right are left alone."""
    random = np.random.default_rng(0)
    true = random.normal(size=4_000)
    table = Table((), np.empty((4_000, 0), np.float32), (random.random(4_000) < 1 / (1 + np.exp(-true))).astype(np.int8), np.arange(4_000))
    assert fitting._platt_if_it_helps(true, table) == Platt(1.0, 0.0)
    scale, shift = fitting._platt_if_it_helps(2 * true + 1, table)
    assert scale == pytest.approx(0.5, abs=0.05)
    assert shift == pytest.approx(-0.5, abs=0.1)


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({"labels": np.array([1] * 99 + [0] * 301, np.int8)}, TooThin, "99 churned and 301 stayed"),
        ({"labels": np.array([0] * 99 + [1] * 301, np.int8)}, TooThin, "at least 100"),
        ({"groups": np.arange(400) % 2}, TooThin, "customers"),
        ({"labels": np.full(400, 2, np.int8)}, ValueError, "0 or 1"),
        ({"rows": np.full((400, 6), np.inf, np.float32)}, ValueError, "finite"),
        ({"rows": np.zeros((400, 5), np.float32)}, ValueError, "number"),
        ({"times": np.arange(3)}, ValueError, "length"),
    ],
)
def test_a_table_that_can_not_teach_is_refused(changes: dict[str, Any], error: type[Exception], says: str) -> None:
    """S12: with the reason."""
    with pytest.raises(error, match=says):
        fit(simulated(400)._replace(**changes))


def test_what_the_file_can_not_say_is_refused() -> None:
    """S7: categories, zero_as_missing and bigger trees are not written wrongly, but not at all."""
    table = simulated(600)
    rows = np.nan_to_num(table.rows)
    with pytest.raises(CannotExport, match="zero_as_missing"):
        export(of_booster(boosted(rows, table.labels, zero_as_missing=True), FEATURES), card())
    with pytest.raises(CannotExport, match="categorical"):
        export(of_booster(boosted(rows[:, [1]] + 2, table.labels, categorical=[0], min_data_per_group=1, cat_smooth=0), "x"), card(features=("x",)))
    with pytest.raises(CannotExport, match="more than 6 leaves"):
        export(of_booster(boosted(rows, table.labels, num_leaves=7), FEATURES), card())


def test_an_export_that_says_something_else_is_refused() -> None:
    """S7: the parity check sees another base, another scale, and a single threshold rounded upward."""
    rows = exporting.probe_rows(exporting.trees(fitted().booster), len(FEATURES), seed=0)
    assert rows.shape == (5_000, 6)
    assert np.isnan(rows).any(axis=0).all()
    exporting.require_parity(exported(), fitted(), rows)
    for changes in ({"deployment_base_rate": 0.3}, {"platt": Platt(1.01, 0.0)}):
        with pytest.raises(ParityError, match="off by"):
            exporting.require_parity(exported(), replace(fitted(), **changes), rows)
    nudged = edited(_nudge_first_threshold)
    with pytest.raises(ParityError, match="contributions"):
        exporting.require_parity(nudged, fitted(), rows)


def _nudge_first_threshold(model: onnx.ModelProto) -> None:
    values = next(one for one in model.graph.node[0].attribute if one.name == "nodes_values").floats
    values[0] = float(np.nextafter(np.float32(values[0]), np.float32(np.inf)))


def edited(change: Callable[[onnx.ModelProto], Any]) -> bytes:
    model = onnx.load_from_string(exported())
    change(model)
    return model.SerializeToString()


def with_card(**changes: Any) -> bytes:
    document = card().model_dump(mode="json") | changes
    return edited(lambda model: onnx.helper.set_model_props(model, {"holdfast": json.dumps(document)}))


def with_base(*values: float) -> bytes:
    constant = onnx.helper.make_tensor("log_odds_of_nothing", onnx.TensorProto.DOUBLE, [len(values)], values)
    return edited(lambda model: model.graph.initializer[1].CopyFrom(constant))


def with_output_named(name: str) -> bytes:
    def change(model: onnx.ModelProto) -> None:
        model.graph.output[0].name = model.graph.node[-1].output[0] = name

    return edited(change)


def unrelated() -> bytes:
    value = onnx.helper.make_tensor_value_info
    kind = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph([onnx.helper.make_node("Neg", ["rows"], ["y"])], "g", [value("rows", kind, ["n", 6])], [value("y", kind, ["n", 6])])
    model = onnx.helper.make_model(graph, opset_imports=exporting.OPSETS, ir_version=9)
    onnx.helper.set_model_props(model, {"holdfast": card().model_dump_json()})
    return model.SerializeToString()


def lopsided() -> bytes:
    """Its probability adds the base twice."""
    return edited(lambda model: model.graph.node[4].input.__setitem__(0, "base"))


BROKEN: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "empty"),
    "truncated": (lambda: exported()[: len(exported()) // 2], "damaged"),
    "text": (lambda: b"<html>not found</html>", "not an ONNX model"),
    "zeros": (lambda: bytes(1_000), "not an ONNX model"),
    "no metadata": (lambda: edited(lambda model: model.ClearField("metadata_props")), "without a card"),
    "metadata that is no JSON": (lambda: edited(lambda model: onnx.helper.set_model_props(model, {"holdfast": "{"})), "not JSON"),
    "metadata that is a list": (lambda: edited(lambda model: onnx.helper.set_model_props(model, {"holdfast": "[]"})), "format None"),
    "another format": (lambda: with_card(format=2), "format 2, and this release reads 1"),
    "card without a target": (lambda: with_card(target="stay"), "target"),
    "card with NaN": (lambda: with_card(typical={"noise": float("nan")}), "typical.noise"),
    "features named twice": (lambda: with_card(features=[FEATURES[0]] * 6), "named twice"),
    "unknown features": (lambda: with_card(features=["call_quality", *FEATURES[1:]]), "call_quality"),
    "too few features": (lambda: with_card(features=FEATURES[1:]), "names 5 features"),
    "another input": (unrelated, "wrong inputs or outputs"),
    "another output": (lambda: with_output_named("p"), "wrong inputs or outputs"),
    "a base per row": (lambda: with_base(0.0, 1.0), "can not be run|wrong outputs|damaged"),
    "not a number": (lambda: with_base(float("nan")), "not a number"),
    "reasons that do not add up": (lopsided, "do not add up|wrong outputs"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_file_that_can_not_be_used_says_why(kind: str) -> None:
    """S6, S12: whatever is wrong with it, it is a ModelUnusable with its reason."""
    content, says = BROKEN[kind]
    with pytest.raises(ModelUnusable, match=says) as found:
        Model.load(content(), features=FEATURES)
    assert "\n" not in str(found.value)


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_damage_anywhere_is_refused_or_does_no_harm(data: st.DataObject) -> None:
    """S6: a file cut anywhere never lets another exception out."""
    content = exported()[: data.draw(st.integers(0, len(exported()) - 1))]
    with pytest.raises(ModelUnusable):
        Model.load(content, features=FEATURES)


def test_a_model_picks_its_own_columns() -> None:
    """S6: the matrix has more columns, in another order."""
    rows = simulated(300, seed=1).rows
    wide = np.column_stack([np.full(300, 7.0), rows[:, ::-1]]).astype(np.float32)
    own = Model.load(exported(), features=FEATURES).score(rows)
    picked = Model.load(exported(), features=("other", *reversed(FEATURES))).score(wide)
    assert (picked.probability == own.probability).all()
    assert (picked.contributions == own.contributions).all()
    with pytest.raises(ValueError, match="7 columns"):
        Model.load(exported(), features=("other", *FEATURES)).score(rows)


def test_many_rows_are_scored_in_chunks_as_few_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """S6: neither the cut into chunks nor the number of rows changes a score; no rows are no scores."""
    model, rows = Model.load(exported(), features=FEATURES), simulated(1_000, seed=1).rows
    whole = model.score(rows)
    monkeypatch.setattr(serving, "CHUNK_ROWS", 64)
    parts = model.score(rows)
    assert (whole.contributions == parts.contributions).all()
    assert (whole.probability == parts.probability).all()
    assert model.score(rows[:1]).probability[0] == whole.probability[0]
    assert model.score(rows[:0]).contributions.shape == (0, 6)


def test_a_card_comes_back_as_it_went_in() -> None:
    """S12: what a model says of itself is in its file, and its hash is that of the bytes."""
    full = card(
        period=("2026-01-01", "2026-06-30"),
        definition={"prepaid": {"silence_days": 60}},
        reference={"score": Histogram(edges=(0.1, 0.2), shares=(0.5, 0.3, 0.2), missing=0.0)},
        typical={"noise": 0.1},
        limits=("not for visitors",),
        metrics={"auc": {"value": 0.7, "low": 0.68, "high": 0.72}},
    )
    model = Model.load(export(fitted(), full), features=FEATURES)
    assert model.card == full
    assert len(model.content_sha256) == 64
    with pytest.raises(ValueError, match="one share more"):
        Histogram(edges=(0.1, 0.2), shares=(0.5, 0.5), missing=0.0)


def test_log_odds_of_a_probability() -> None:
    """S7: also where 1 - p has few digits left."""
    assert logit(0.02) == pytest.approx(-3.8918202981)
    assert logit(0.5) == 0
    for none in (0.0, 1.0, float("nan")):
        with pytest.raises(ValueError, match="no log-odds"):
            logit(none)


def test_serving_needs_nothing_of_training(tmp_path: Path) -> None:
    """S6: a process that loads and scores has imported no learner, no converter and none of our training code."""
    (tmp_path / "model.onnx").write_bytes(exported())
    code = f"""
import sys, pathlib, numpy as np
from services.segmentation.churn.model import Model
model = Model.load(pathlib.Path({str(tmp_path / "model.onnx")!r}).read_bytes(), features={FEATURES!r})
print(model.score(np.zeros((1, 6), np.float32)).probability[0])
print([name for name in ("lightgbm", "onnx", "sklearn", "scipy", "pandas", "services.segmentation.training") if name in sys.modules])
"""
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    assert float(said[0]) == Model.load(exported(), features=FEATURES).score(np.zeros((1, 6), np.float32)).probability[0]
    assert said[1] == "[]"
