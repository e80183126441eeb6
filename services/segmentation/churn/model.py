"""One churn model: an ONNX file that gives the probability and, exactly, how much of it comes from each feature.

A file has one input `rows`, float32 (n, features), NaN = not known, and three outputs:
`probability`, float64 (n, 1); `contributions`, float32 (n, features), in log-odds; `base`, float64 (1), in log-odds.
base + the contributions of a row == the log-odds of its probability. The metadata key `holdfast` holds the card as JSON.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from typing import Annotated, Any, Literal, NamedTuple, Self

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

Matrix = NDArray[np.float32]

FORMAT: Literal[1] = 1
METADATA_KEY = "holdfast"
INPUT = "rows"
PROBABILITY, CONTRIBUTIONS, BASE = OUTPUTS = ("probability", "contributions", "base")
CHUNK_ROWS = 8_192
"""At 60 features a chunk takes 4 MB, in and out."""
TOLERANCE = 1e-4
"""In log-odds, between a probability and its reasons."""
_TYPES = {INPUT: "tensor(float)", PROBABILITY: "tensor(double)", CONTRIBUTIONS: "tensor(float)", BASE: "tensor(double)"}

Rate = Annotated[float, Field(gt=0, lt=1)]


class ModelUnusable(Exception):
    """Missing, corrupt or incompatible; the text says which and why."""


class Scored(NamedTuple):
    probability: NDArray[np.float64]
    """(n,), in [0, 1], calibrated, of the deployment base rate."""
    contributions: NDArray[np.float32]
    """(n, features of the model), in log-odds."""


class CardPart(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Metric(CardPart):
    """With its 95 % interval."""

    value: float
    low: float
    high: float


class Histogram(CardPart):
    """How values were spread in training. Bin i holds what is above edge i - 1 and at most edge i; the first and last are open."""

    edges: tuple[float, ...]
    """Ascending, one fewer than there are shares."""
    shares: tuple[float, ...]
    """Of all rows, so that together with `missing` they make 1."""
    missing: float = Field(ge=0, le=1)

    @model_validator(mode="after")
    def _has_a_share_per_bin(self) -> Self:
        if len(self.shares) != len(self.edges) + 1 or list(self.edges) != sorted(self.edges):
            raise ValueError("edges have to ascend, and there is one share more than edges")
        return self


class Card(CardPart):
    """What a model says of itself."""

    format: Literal[1] = FORMAT
    name: str
    target: Literal["leave", "brand_downgrade", "arpu_decline"]
    population: str
    features: tuple[str, ...] = Field(min_length=1)
    """In the order of the model's columns."""
    row_version: int
    source: Literal["simulated", "own_history", "file"]
    data: str
    """What it was trained on, in words."""
    period: tuple[str, str] | None = None
    """First and last day observed."""
    definition: dict[str, Any] = {}
    """Of churn, as it was configured for the labels."""
    horizon_days: int = Field(gt=0)
    rows: int
    positives: int
    training_base_rate: Rate
    deployment_base_rate: Rate
    metrics: dict[str, Metric] = {}
    reference: dict[str, Histogram] = {}
    """Per feature, and of the `score`: what drift is measured against."""
    typical: dict[str, float] = {}
    """The median of each feature that has one."""
    limits: tuple[str, ...] = ()
    """What it must not be used for, or has not been shown to do."""
    seed: int = 0
    leaves: int = 3
    """Of each tree, at most."""
    libraries: dict[str, str] = {}

    @model_validator(mode="after")
    def _names_each_feature_once(self) -> Self:
        if len(set(self.features)) != len(self.features):
            raise ValueError("a feature is named twice")
        return self


class Model:
    """Loaded once, asked from any thread."""

    def __init__(self, session: onnxruntime.InferenceSession, card: Card, *, columns: Sequence[int], width: int, content_sha256: str) -> None:
        self.card, self.content_sha256 = card, content_sha256
        self._session, self._width = session, width
        self._columns = None if list(columns) == list(range(width)) else np.array(columns)
        self.base = self._checked_base(self._run(_probe(card)))
        """The log-odds with nothing contributed."""

    @classmethod
    def load(cls, content: bytes, *, features: Sequence[str]) -> Model:
        """`features`: the columns of the matrices it will be given. Raises ModelUnusable, and nothing else, whatever the bytes are."""
        session = _session(content)
        card = _card(session)
        _require_signature(session, len(card.features))
        return cls(session, card, columns=_columns(card, features), width=len(features), content_sha256=hashlib.sha256(content).hexdigest())

    def score(self, rows: Matrix) -> Scored:
        """`rows`: (n, columns named at load). It takes memory for the result and one chunk, however many they are."""
        if rows.ndim != 2 or rows.shape[1] != self._width:
            raise ValueError(f"rows of shape {rows.shape}, where {self._width} columns were named")
        scored = Scored(np.empty(len(rows)), np.empty((len(rows), len(self.card.features)), np.float32))
        for first in range(0, len(rows), CHUNK_ROWS):
            chunk = slice(first, first + CHUNK_ROWS)
            probability, scored.contributions[chunk] = self._session.run((PROBABILITY, CONTRIBUTIONS), {INPUT: self._own(rows[chunk])})
            scored.probability[chunk] = probability[:, 0]
        return scored

    def _own(self, rows: Matrix) -> Matrix:
        own = rows if self._columns is None else rows.take(self._columns, axis=1)
        return np.ascontiguousarray(own, dtype=np.float32)

    def _run(self, rows: Matrix) -> list[NDArray[Any]]:
        try:
            found: list[NDArray[Any]] = self._session.run(OUTPUTS, {INPUT: rows})
        except Exception as error:
            raise ModelUnusable(f"the model can not be run: {_reason(error)}") from error
        return found

    def _checked_base(self, outputs: Sequence[NDArray[Any]]) -> float:
        rows, features = len(_probe(self.card)), len(self.card.features)
        shapes = tuple(one.shape for one in outputs)
        if shapes != ((rows, 1), (rows, features), (1,)):
            raise ModelUnusable(f"wrong outputs: shapes {shapes} for {rows} rows of {features} features")
        if not all(np.isfinite(one).all() for one in outputs):
            raise ModelUnusable("the model gives what is not a number")
        (probability, contributions, base) = outputs
        log_odds = base + contributions.sum(axis=1, keepdims=True, dtype=np.float64)
        if np.abs(probability - 1 / (1 + np.exp(-log_odds))).max() > TOLERANCE:
            raise ModelUnusable("its contributions do not add up to its probability")
        return float(base[0])


def logit(probability: float) -> float:
    """The log-odds. ValueError at 0 and 1, which have none."""
    if not 0 < probability < 1:
        raise ValueError(f"{probability} has no log-odds")
    return math.log(probability) - math.log1p(-probability)


def _session(content: bytes) -> onnxruntime.InferenceSession:
    if not content:
        raise ModelUnusable("the file is empty")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime has a dozen kinds of its own, under no common name
        raise ModelUnusable(f"not an ONNX model, or damaged: {_reason(error)}") from error


def _card(session: onnxruntime.InferenceSession) -> Card:
    text = session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
    if text is None:
        raise ModelUnusable(f"an ONNX model without a card (metadata key {METADATA_KEY!r})")
    try:
        document = json.loads(text)
    except ValueError as error:
        raise ModelUnusable("its card is not JSON") from error
    found = document.get("format") if isinstance(document, dict) else None
    if found != FORMAT:
        raise ModelUnusable(f"its card is of format {found!r}, and this release reads {FORMAT}")
    try:
        return Card.model_validate(document)
    except ValidationError as error:
        raise ModelUnusable(f"its card is not valid: {_first_of(error)}") from error


def _require_signature(session: onnxruntime.InferenceSession, features: int) -> None:
    inputs, outputs = session.get_inputs(), session.get_outputs()
    if [one.name for one in inputs] != [INPUT] or {one.name for one in outputs} != set(OUTPUTS):
        raise ModelUnusable(f"wrong inputs or outputs: {[one.name for one in (*inputs, *outputs)]}, not {[INPUT, *OUTPUTS]}")
    wrong = [one.name for one in (*inputs, *outputs) if one.type != _TYPES[one.name]]
    if wrong:
        raise ModelUnusable(f"wrong types of {', '.join(wrong)}")
    if list(inputs[0].shape[1:]) != [features]:
        raise ModelUnusable(f"its input is of shape {inputs[0].shape}, and its card names {features} features")


def _columns(card: Card, features: Sequence[str]) -> list[int]:
    unknown = [name for name in card.features if name not in features]
    if unknown:
        raise ModelUnusable(f"it reads features that are not known here: {', '.join(unknown[:5])}{' …' if unknown[5:] else ''}")
    return [features.index(name) for name in card.features]


def _probe(card: Card) -> Matrix:
    """Nobody known, a typical customer, and what is far out on either side."""
    typical = [card.typical.get(name, 0.0) for name in card.features]
    return np.array([[value] * len(typical) for value in (np.nan, -1e30, 1e30)] + [typical], np.float32)


def _first_of(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    return f"{'.'.join(map(str, first['loc'])) or 'card'}: {first['msg']}"


def _reason(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
