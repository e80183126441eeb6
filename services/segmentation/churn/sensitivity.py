"""Who is moved by being contacted, learned from hold-outs: the risk to leave if contacted, and if left alone, each with its uncertainty.

Two additive logistic models, one per arm of the hold-outs, by intention to treat: who was due to be contacted counts as contacted, reached or
not. The uplift is the risk if left alone minus the risk if contacted, so that positive means that contact helps. Both were fitted
anew on bootstrap samples of the customers, and these replicates give every customer's intervals.

A kind is said by these rules, the first that holds (`Thresholds` has the numbers):
1. `do_not_disturb`: the whole interval of the uplift is below 0;
2. `persuadable`: the whole interval is above 0;
3. `sure`: stays, contacted or not: the odds to leave of both risks, at their upper bounds, are small against those of the base rate;
4. `lost`: leaves, contacted or not: the odds of both, at their lower bounds, are large against those of the base rate, and even at the
   bounds of the uplift a contact would change only a part of the risk;
5. `unclear`: none of these can be said. It is common, and means that more hold-outs are needed, not that a contact is harmless.
Of whom too little is known nothing but `unclear` is said. So it is with 1 and 2 where those who were judged so, by models that had not
seen them, did not bear it out: the intervals know how few there were, not that a straight line was wrong for them.

What is learned is the average over customers who look alike. Persuadable and do-not-disturb customers who look alike are not told
apart, by this or any model: where they balance, the uplift is near 0 for both.

Without such a model customers are ranked by risk x value, which says nothing of who is moved; the `basis` tells which it was.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple, Self, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from services.segmentation.churn.model import Matrix, Metric, ModelUnusable

Floats = NDArray[np.float64]
Arm = Literal["treatment", "hold_out"]
Kind = Literal["do_not_disturb", "persuadable", "sure", "lost", "unclear"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Moved = Literal["do_not_disturb", "persuadable"]
MOVED: tuple[Moved, ...] = get_args(Moved)
Basis = Literal["hold_outs", "risk_x_value"]

Z95 = 1.96
FARTHEST = 5.0
"""Standard deviations from the mean; who is farther out than that is judged as if here, for little was seen beyond."""

_Number = Annotated[float, Field(allow_inf_nan=False)]
_Row = tuple[_Number, ...]


class Exposure(NamedTuple):
    """One customer's part in one campaign: what sensitivity is learned from."""

    customer_id: str
    row: Sequence[float] | NDArray[np.float32]
    """The features on the day of the assignment, before anything came of it. NaN: not known."""
    arm: Arm
    """As assigned, whether the contact came about or not."""
    left: bool
    """Within the horizon after the assignment."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    sure_odds: float = 0.5
    """Times the odds to leave, p / (1 - p), of all who are left alone: below it they are small. For rare leaving that is half the base rate."""
    lost_odds: float = 2.0
    """Times those odds: above it they are large."""
    lost_share: float = 0.5
    """The largest part of the risk that a contact may take away or add, of somebody who is lost."""
    most_missing: float = 0.5
    """The share of features not known above which a customer is unclear; not counted are those that were often missing in the evidence too."""


class Judged(NamedTuple):
    """One entry per row. Risks are in [0, 1]; the uplift is in [-1, 1], with the interval in which it lies with 95 %."""

    p_if_contacted: Floats
    p_if_left_alone: Floats
    uplift: Floats
    low: Floats
    high: Floats
    kind: NDArray[np.str_]
    """Each one of KINDS."""


class Scaling(BaseModel):
    """How a feature becomes columns: the median where it is not known, then standardised, and again as far as it is above each of its knots."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    medians: _Row
    means: _Row
    scales: tuple[Annotated[float, Field(gt=0, allow_inf_nan=False)], ...]
    knots: tuple[tuple[int, _Number], ...]
    """A feature and a standardised value of it, where the line that it acts by may bend."""
    flagged: tuple[int, ...]
    """The features that were often missing in the evidence: that they are is a column of its own."""

    def columns(self, rows: Matrix) -> Floats:
        """(rows, `width`); the first is the intercept."""
        missing = np.isnan(rows)
        known = np.where(missing, self.medians, rows)
        standard = np.clip((known - self.means) / self.scales, -FARTHEST, FARTHEST)
        bent = [place for place, _ in self.knots]
        above = np.maximum(standard[:, bent] - [knot for _, knot in self.knots], 0)
        return np.hstack((np.ones((len(rows), 1)), standard, above, missing[:, list(self.flagged)]))

    @property
    def width(self) -> int:
        return 1 + len(self.means) + len(self.knots) + len(self.flagged)


class Learned(BaseModel):
    """The document that a model is stored as. A row of coefficients is one fit: the first on all evidence, the others on bootstrap samples."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    format: Literal[1] = 1
    features: tuple[str, ...]
    scaling: Scaling
    contacted: tuple[_Row, ...] = Field(min_length=3)
    left_alone: tuple[_Row, ...] = Field(min_length=3)
    base_rate: float = Field(gt=0, lt=1, description="The share of those left alone who left")
    exposures: dict[Arm, int]
    events: dict[Arm, int]
    quality: dict[str, Metric]
    """Out of fold: `qini`, and `uplift_10` ... `uplift_100`, the uplift found among that percentage, the most sensitive first."""
    proven: tuple[Moved, ...]
    """The kinds that were borne out by customers the models had not seen; the others are not said."""
    seed: int

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        scaling, features = self.scaling, len(self.features)
        named = {*scaling.flagged, *(place for place, _ in scaling.knots)}
        if {len(scaling.medians), len(scaling.means), len(scaling.scales)} != {features} or not named <= set(range(features)):
            raise ValueError("the scaling is not that of the features")
        if {len(row) for row in (*self.contacted, *self.left_alone)} != {scaling.width} or len(self.contacted) != len(self.left_alone):
            raise ValueError("the coefficients are not those of the features")
        return self


class SensitivityModel:
    def __init__(self, learned: Learned, features: Sequence[str] | None = None) -> None:
        """`features`: the columns of the rows it will be given; without them, its own."""
        given = list(learned.features if features is None else features)
        lacking = [name for name in learned.features if name not in given]
        if lacking:
            raise ModelUnusable(f"the sensitivity model needs features that are not there: {', '.join(lacking)}")
        self.learned = learned
        self._picked = [given.index(name) for name in learned.features]
        self._unflagged = [nth for nth in range(len(self._picked)) if nth not in learned.scaling.flagged]
        self._coefficients = np.array((*learned.contacted, *learned.left_alone)).T

    @classmethod
    def of(cls, document: Mapping[str, Any], *, features: Sequence[str] | None = None) -> SensitivityModel:
        try:
            learned = Learned.model_validate(document)
        except ValidationError as error:
            first = error.errors()[0]
            raise ModelUnusable(f"the sensitivity model is not usable: {'.'.join(map(str, first['loc']))} {first['msg']}") from error
        return cls(learned, features)

    def document(self) -> dict[str, Any]:
        """As JSON holds it."""
        return self.learned.model_dump(mode="json")

    def judge(self, rows: Matrix, thresholds: Thresholds = Thresholds()) -> Judged:
        rows = rows[:, self._picked]
        contacted, alone = self._logits(rows)
        risks = _probability(contacted), _probability(alone)
        effects = risks[1] - risks[0]
        uplift, margin = effects[:, 0], _margin(effects)
        low, high = np.maximum(uplift - margin, -1.0), np.minimum(uplift + margin, 1.0)
        unknown = np.isnan(rows[:, self._unflagged]).sum(axis=1) > thresholds.most_missing * len(self._unflagged)
        changes_little = np.maximum(high, -low) <= thresholds.lost_share * risks[1][:, 0]
        stays, leaves = self._either_way(contacted, alone, thresholds)
        kind = np.select((high < 0, low > 0, stays, leaves & changes_little), KINDS[:4], default="unclear")
        kind[unknown | np.isin(kind, [one for one in MOVED if one not in self.learned.proven])] = "unclear"
        return Judged(risks[0][:, 0], risks[1][:, 0], uplift, low, high, kind)

    def of_group(self, rows: Matrix) -> Metric:
        """The mean uplift of all `rows` together, at least one. Its interval is narrower than those of single customers."""
        contacted, alone = self._logits(rows[:, self._picked])
        means = (_probability(alone) - _probability(contacted)).mean(axis=0, keepdims=True)
        value, margin = float(means[0, 0]), float(_margin(means)[0])
        return Metric(value=value, low=value - margin, high=value + margin)

    def _either_way(self, contacted: Floats, alone: Floats, at: Thresholds) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Who stays and who leaves, contacted or not, by the bounds of both risks. In log-odds, where no bound is out of reach."""
        base = math.log(self.learned.base_rate / (1 - self.learned.base_rate))
        margins = [(logits[:, 0], _margin(logits)) for logits in (contacted, alone)]
        most = np.maximum(*(risk + margin for risk, margin in margins))
        least = np.minimum(*(risk - margin for risk, margin in margins))
        return most < base + math.log(at.sure_odds), least > base + math.log(at.lost_odds)

    def _logits(self, rows: Matrix) -> tuple[Floats, Floats]:
        """(rows, fits) if contacted, and if left alone."""
        logits = self.learned.scaling.columns(rows) @ self._coefficients
        fits = len(self.learned.contacted)
        return logits[:, :fits], logits[:, fits:]


class Priority(NamedTuple):
    expected_minor: int
    """To rank by, highest first: what a contact saves where `basis` is `hold_outs`, else only what is at stake."""
    basis: Basis
    reason: str
    """For a person to read."""


def by_sensitivity(uplift: float, value_minor: int) -> Priority:
    """Negative where a contact does harm."""
    return Priority(round(uplift * value_minor), "hold_outs", "by what a contact changed for customers like these, against hold-outs")


def fallback(risk: float, value_minor: int, *, reason: str) -> Priority:
    """`reason`: why there is no model, in the words of `TooThin` or `NoEffectSeen`."""
    return Priority(round(risk * value_minor), "risk_x_value", f"by risk x value, which does not say who is moved by a contact: {reason}")


def _probability(logits: Floats) -> Floats:
    risks: Floats = (1 + np.tanh(logits / 2)) / 2
    return risks


def _margin(fits: Floats) -> Floats:
    """Half the 95 % interval, per row, by the spread of the replicates; the first column is the fit on all evidence."""
    margin: Floats = Z95 * fits[:, 1:].std(axis=1, ddof=1)
    return margin
