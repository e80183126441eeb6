"""A fitted model as one ONNX file that gives the probability and the exact Shapley value of every feature.

A tree of few leaves decides by few features, so its path-dependent TreeSHAP values are constant on a few cells: four of a tree of
three leaves, 32 at most of one of six. Each tree is written as a tree of those cells, whose leaves hold one weight per feature:
adding up the trees is then all the work there is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, combinations
from math import factorial
from typing import Any

import lightgbm
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from services.segmentation.churn.model import BASE, CONTRIBUTIONS, INPUT, METADATA_KEY, PROBABILITY, Card, Matrix, Model
from services.segmentation.training.fit import Fitted

MOST_LEAVES = 6
PARITY_ROWS = 5_000
MOST_DIFFERENCE = 1e-5
"""Of probabilities and contributions, from the learner's own."""
OPSETS = (helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3))
IR_VERSION = 9
_MOST = float(np.finfo(np.float32).max)
_LIGHTGBM_ZERO = float(np.float32(1e-35))
"""LightGBM reads what is no further than this from zero as zero."""


class ParityError(Exception):
    """The exported model does not say what the fitted one does."""


class CannotExport(Exception):
    """The model has something in it that the file could not say exactly."""


@dataclass(frozen=True, eq=False)
class Leaf:
    value: float
    rows: int


@dataclass(frozen=True, eq=False)
class Split:
    """At most `threshold` goes left; `missing_left`: so does what is not known."""

    feature: int
    threshold: float
    missing_left: bool
    left: Tree
    right: Tree

    @property
    def rows(self) -> int:
        return self.left.rows + self.right.rows


Tree = Leaf | Split


@dataclass(frozen=True)
class Cell:
    """Where the Shapley values of a tree are constant: one per feature it decides by, in log-odds."""

    values: Mapping[int, float]


@dataclass(frozen=True)
class Fork:
    """As its split divides, but between cells."""

    split: Split
    left: Cells
    right: Cells


Cells = Cell | Fork


def export(fitted: Fitted, card: Card) -> bytes:
    """The same model and card give the same bytes. Raises CannotExport, ParityError, and ModelUnusable if the card does not fit."""
    found = trees(fitted.booster)
    scale, shift = fitted.platt
    base = scale * sum(expected(tree) for tree in found) + shift + fitted.offset
    model = _model([cells(tree) for tree in found], len(fitted.features), scale=scale, base=base)
    helper.set_model_props(model, {METADATA_KEY: card.model_dump_json()})
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString(deterministic=True)
    require_parity(content, fitted, probe_rows(found, len(fitted.features), seed=fitted.seed))
    return content


def trees(booster: lightgbm.Booster) -> list[Tree]:
    document = booster.dump_model()
    if document["num_class"] != 1 or document.get("average_output"):
        raise CannotExport("only boosted trees for two classes are written")
    return [_tree(one["tree_structure"]) for one in document["tree_info"]]


def _tree(node: Mapping[str, Any]) -> Tree:
    if "split_feature" not in node:
        return Leaf(node["leaf_value"], node.get("leaf_count", 1))
    if node["decision_type"] != "<=":
        raise CannotExport("categorical splits are not written: give categories as ordered numbers")
    if node["missing_type"] not in {"None", "NaN"}:
        raise CannotExport("zero_as_missing is not written: give what is missing as NaN")
    threshold = node["threshold"]
    missing_left = node["default_left"] if node["missing_type"] == "NaN" else threshold >= 0  # without missing in training, NaN is read as 0
    return Split(node["split_feature"], threshold, missing_left, _tree(node["left_child"]), _tree(node["right_child"]))


def expected(tree: Tree) -> float:
    """Of the rows it was trained on."""
    return _mean(tree, known=frozenset(), goes_left={})


def cells(tree: Tree) -> Cells:
    """Raises CannotExport for a tree of more leaves than `MOST_LEAVES`: each further split doubles the cells."""
    splits = _splits(tree)
    if len(splits) >= MOST_LEAVES:
        raise CannotExport(f"a tree has more than {MOST_LEAVES} leaves")
    return _divided(tree, splits, {})


def _splits(tree: Tree) -> list[Split]:
    return [tree, *_splits(tree.left), *_splits(tree.right)] if isinstance(tree, Split) else []


def _divided(tree: Tree, splits: Sequence[Split], goes_left: Mapping[Split, bool]) -> Cells:
    if not splits:
        return Cell(_shapley(tree, goes_left))
    first, later = splits[0], splits[1:]
    left = _divided(tree, _that_matter(later, first, not_gone=first.right), {**goes_left, first: True})
    right = _divided(tree, _that_matter(later, first, not_gone=first.left), {**goes_left, first: False})
    return Fork(first, left, right)


def _that_matter(splits: Sequence[Split], above: Split, *, not_gone: Tree) -> list[Split]:
    """On the side that is not gone to a split by the same feature is never asked; by another one it is, where that feature may be all that is known."""
    there = _splits(not_gone)
    return [split for split in splits if split not in there or split.feature != above.feature]


def _shapley(tree: Tree, goes_left: Mapping[Split, bool]) -> dict[int, float]:
    """By the definition: what a feature adds to a set of others, over the orders in which they could come."""
    features = sorted({split.feature for split in _splits(tree)})
    means = {known: _mean(tree, known, goes_left) for known in map(frozenset, _subsets(features))}
    return {
        one: sum(_weight(len(known), len(features)) * (means[known | {one}] - mean) for known, mean in means.items() if one not in known) for one in features
    }


def _subsets(features: Sequence[int]) -> Iterator[tuple[int, ...]]:
    return chain.from_iterable(combinations(features, size) for size in range(len(features) + 1))


def _weight(before: int, features: int) -> float:
    """The share of the orders in which exactly these many come before."""
    return factorial(before) * factorial(features - before - 1) / factorial(features)


def _mean(tree: Tree, known: frozenset[int], goes_left: Mapping[Split, bool]) -> float:
    """What the tree says when only the features `known` are: at any other split, both sides by their rows in training."""
    if isinstance(tree, Leaf):
        return tree.value
    if tree.feature in known:
        return _mean(tree.left if goes_left[tree] else tree.right, known, goes_left)
    left, right = (_mean(side, known, goes_left) for side in (tree.left, tree.right))
    return (left * tree.left.rows + right * tree.right.rows) / tree.rows


def float32_at_most(threshold: float) -> float:
    """The largest float32 that goes left, so that a float32 is divided as LightGBM divides it in float64."""
    nearest = np.float32(np.clip(threshold, -_MOST, _MOST))  # 1e300 divides all that is known from what is not
    above = float(nearest) > threshold or threshold == -_LIGHTGBM_ZERO
    return float(np.nextafter(nearest, np.float32(-np.inf)) if above else nearest)


class _Attributes:
    """Of a TreeEnsembleRegressor: parallel lists, an entry per node and an entry per weight."""

    def __init__(self, scale: float) -> None:
        self.lists: dict[str, list[Any]] = defaultdict(list)
        self._scale, self._tree, self._next = scale, -1, 0

    def add(self, tree: Cells) -> None:
        self._tree, self._next = self._tree + 1, 0
        self._node(tree)

    def _node(self, cells: Cells) -> int:
        number, self._next = self._next, self._next + 1
        if isinstance(cells, Cell):
            self._append("nodes", treeids=self._tree, nodeids=number, featureids=0, modes="LEAF", values=0.0, missing_value_tracks_true=0)
            self._append("nodes", truenodeids=0, falsenodeids=0)
            self._weights(number, cells.values or {0: 0.0})
            return number
        split, at = cells.split, len(self.lists["nodes_treeids"])
        threshold, missing = float32_at_most(split.threshold), int(split.missing_left)
        self._append("nodes", treeids=self._tree, nodeids=number, featureids=split.feature, modes="BRANCH_LEQ", values=threshold)
        self._append("nodes", missing_value_tracks_true=missing, truenodeids=0, falsenodeids=0)
        self.lists["nodes_truenodeids"][at] = self._node(cells.left)
        self.lists["nodes_falsenodeids"][at] = self._node(cells.right)
        return number

    def _weights(self, node: int, values: Mapping[int, float]) -> None:
        for feature, value in values.items():
            self._append("target", treeids=self._tree, nodeids=node, ids=feature, weights=value * self._scale)

    def _append(self, prefix: str, **entry: Any) -> None:
        for name, value in entry.items():
            self.lists[f"{prefix}_{name}"].append(value)


def _model(ensemble: Sequence[Cells], features: int, *, scale: float, base: float) -> onnx.ModelProto:
    """From the contributions on in float64: near 0 and 1 a float32 probability has lost its log-odds."""
    attributes = _Attributes(scale)
    for tree in ensemble:
        attributes.add(tree)
    ensemble_node = helper.make_node("TreeEnsembleRegressor", [INPUT], [CONTRIBUTIONS], domain="ai.onnx.ml")
    ensemble_node.attribute.extend(helper.make_attribute(name, value) for name, value in sorted(attributes.lists.items()))
    ensemble_node.attribute.append(helper.make_attribute("n_targets", features))
    nodes = [
        ensemble_node,
        helper.make_node("Cast", [CONTRIBUTIONS], ["exact"], to=TensorProto.DOUBLE),
        helper.make_node("ReduceSum", ["exact", "axis"], ["sum"], keepdims=1),
        helper.make_node("Identity", ["log_odds_of_nothing"], [BASE]),
        helper.make_node("Add", ["sum", BASE], ["log_odds"]),
        helper.make_node("Sigmoid", ["log_odds"], [PROBABILITY]),
    ]
    outputs = [
        helper.make_tensor_value_info(PROBABILITY, TensorProto.DOUBLE, ["n", 1]),
        helper.make_tensor_value_info(CONTRIBUTIONS, TensorProto.FLOAT, ["n", features]),
        helper.make_tensor_value_info(BASE, TensorProto.DOUBLE, [1]),
    ]
    constants = [helper.make_tensor("axis", TensorProto.INT64, [1], [1]), helper.make_tensor("log_odds_of_nothing", TensorProto.DOUBLE, [1], [base])]
    graph = helper.make_graph(nodes, "churn", [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["n", features])], outputs, constants)
    return helper.make_model(graph, opset_imports=OPSETS, ir_version=IR_VERSION, producer_name="holdfast")


def probe_rows(ensemble: Sequence[Tree], features: int, *, seed: int) -> Matrix:
    """(PARITY_ROWS, features): each value is at a threshold of its feature, next to one, between, far out, zero, or not known."""
    random = np.random.default_rng(seed)
    rows = np.empty((PARITY_ROWS, features), np.float32)
    for feature in range(features):
        thresholds = [split.threshold for tree in ensemble for split in _splits(tree) if split.feature == feature]
        rows[:, feature] = random.choice(_telling(thresholds), PARITY_ROWS)
    return rows


def _telling(thresholds: Sequence[float]) -> NDArray[np.float32]:
    at = np.unique(np.clip(thresholds, -1e38, 1e38).astype(np.float32))
    near = [at, np.nextafter(at, np.float32(np.inf)), np.nextafter(at, np.float32(-np.inf)), (at[1:] + at[:-1]) / 2]
    return np.concatenate([*near, np.array([0, -0.0, 1e-35, -1e-35, 1e30, -1e30] + [np.nan] * (1 + len(at) // 2), np.float32)])


def require_parity(content: bytes, fitted: Fitted, rows: Matrix) -> None:
    """Loads the file as serving does. Raises ParityError where it is further than MOST_DIFFERENCE from the learner."""
    model = Model.load(content, features=fitted.features)
    scored = model.score(rows)
    theirs = fitted.contributions(rows)
    differences = {
        "probability": np.abs(scored.probability - fitted.probability(rows)).max(),
        "contributions": np.abs(scored.contributions - theirs[:, :-1]).max(),
        "base": np.abs(model.base - theirs[:, -1]).max(),
    }
    wrong = {name: float(difference) for name, difference in differences.items() if not difference <= MOST_DIFFERENCE}
    if wrong:
        raise ParityError(f"off by {wrong}, where {MOST_DIFFERENCE} is the most")
