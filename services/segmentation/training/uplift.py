"""Fits sensitivity to a contact from hold-outs, and says what its ranking is worth. Offline.

A ranking is worth its Qini on customers that the model has not seen. Of the first k customers, the most sensitive first,
Q(k) = Y_t(k) - Y_c(k) N_t(k) / N_c(k) is how many good outcomes the contact added, and the Qini is the mean over all k of
[Q(k) - (k / N) Q(N)] / N_t: 0 for a ranking at random, however well contacts work on the whole. Customers of equal uplift share
what they add, so that no order among them is lucky. Libraries normalise it in ways of their own: compare curves, not areas.

`python -m services.segmentation.training.uplift DATA_FILE FOLDER` writes the card of what was found on Hillstrom's e-mail test.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pyarrow import csv
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from services.segmentation.churn.model import Matrix, Metric
from services.segmentation.churn.sensitivity import KINDS, MOVED, Z95, Arm, Exposure, Floats, Judged, Learned, Moved, Scaling, SensitivityModel

Bools = NDArray[np.bool_]

LEAST_EVENTS = 1_000
REPLICATES = 40
"""With 60 features the document stays below 200 KB."""
FOLDS = 5
DRAWS = 200
PERCENTAGES = (10, 30, 50, 100)
SHRINKAGE = 0.1
"""scikit-learn's C: a coefficient of a standardised feature is expected within about 0.3, in log-odds."""
OFTEN_MISSING = 0.01
DECIMALS = 4


class NotServable(Exception):
    """No model may serve; the message is the reason, for `fallback`."""


class TooThin(NotServable):
    """An arm has too few events."""


class NoEffectSeen(NotServable):
    """On unseen customers the ranking is not surely better than one at random."""


class Evidence(NamedTuple):
    rows: Matrix
    treated: Bools
    left: Bools
    customers: NDArray[Any]


class Worth(NamedTuple):
    """Of a ranking. `uplift_at`: the uplift found among that percentage of the customers, the most sensitive first."""

    qini: Metric
    uplift_at: dict[int, Metric]


def evidence_of(exposures: Iterable[Exposure]) -> Evidence:
    """Of at least one exposure."""
    customers, rows, arms, left = zip(*exposures, strict=True)
    return Evidence(np.array(rows, dtype=np.float32), np.array(arms) == "treatment", np.array(left, dtype=bool), np.array(customers))


def fit_sensitivity(
    features: Sequence[str],
    rows: Matrix,
    treated: ArrayLike,
    left: ArrayLike,
    *,
    customers: ArrayLike | None = None,
    least_events: int = LEAST_EVENTS,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> SensitivityModel:
    """`customers`: whose each row is, where one was in several campaigns; without it every row is another customer's. Raises `NotServable`.

    An event is the outcome that fewer customers had, and `least_events` are needed in each arm.
    """
    whose = np.arange(len(rows)) if customers is None else np.asarray(customers)
    evidence = Evidence(rows, np.asarray(treated, dtype=bool), np.asarray(left, dtype=bool), whose)
    _need_events(_events(evidence), least_events)
    unseen = out_of_fold(evidence, replicates=replicates, seed=seed)
    worth = qini(~evidence.left, unseen.uplift, evidence.treated, customers=evidence.customers, seed=seed)
    if worth.qini.low <= 0:
        raise NoEffectSeen(_no_effect(worth))
    return fit_ungated(features, evidence, replicates=replicates, seed=seed, proven=proven_by(unseen, evidence), worth=worth)


def fit_ungated(
    features: Sequence[str],
    evidence: Evidence,
    *,
    replicates: int = REPLICATES,
    seed: int = 0,
    proven: Sequence[Moved] = MOVED,
    worth: Worth | None = None,
) -> SensitivityModel:
    """Whatever the evidence is worth: for folds and cards, not for serving."""
    scaling = _scaling(evidence.rows)
    columns = scaling.columns(evidence.rows)
    treated = evidence.treated
    contacted, alone = [], []
    with threadpool_limits(1):  # the fits are small: threads cost twelve times what they compute
        for weights in _samples(evidence.customers, replicates, seed):
            contacted.append(_fit(columns[treated], evidence.left[treated], weights[treated]))
            alone.append(_fit(columns[~treated], evidence.left[~treated], weights[~treated]))
    quality = {"qini": worth.qini, **{f"uplift_{percent}": found for percent, found in worth.uplift_at.items()}} if worth else {}
    return SensitivityModel(
        Learned(
            features=tuple(features),
            scaling=scaling,
            contacted=tuple(contacted),
            left_alone=tuple(alone),
            base_rate=float(evidence.left[~treated].mean()),
            exposures={"treatment": int(treated.sum()), "hold_out": int((~treated).sum())},
            events=_events(evidence),
            quality=quality,
            proven=tuple(proven),
            seed=seed,
        )
    )


def folds_of(customers: NDArray[Any], *, seed: int) -> NDArray[np.int64]:
    """The fold of every row; all rows of a customer are in one."""
    names, whose = np.unique(customers, return_inverse=True)
    return (np.random.default_rng(seed).permutation(len(names)) % FOLDS)[whose]


def out_of_fold(evidence: Evidence, *, replicates: int = REPLICATES, seed: int = 0) -> Judged:
    """Every row, judged by a model that saw nothing of its customer."""
    folds = folds_of(evidence.customers, seed=seed)
    names = [str(nth) for nth in range(evidence.rows.shape[1])]
    judged = []
    for fold in range(FOLDS):
        seen = Evidence(*(values[folds != fold] for values in evidence))
        judged.append(fit_ungated(names, seen, replicates=replicates, seed=seed).judge(evidence.rows[folds == fold]))
    places = np.argsort(np.argsort(folds, kind="stable"))
    return Judged(*(np.concatenate(parts)[places] for parts in zip(*judged, strict=True)))


def proven_by(unseen: Judged, evidence: Evidence) -> list[Moved]:
    """The kinds whose effect is found among those who were judged so unseen, too."""
    found = {kind: effect(evidence, unseen.kind == kind) for kind in MOVED}
    return [kind for kind, metric in found.items() if metric and (metric.high < 0 if kind == "do_not_disturb" else metric.low > 0)]


def effect(evidence: Evidence, part: Bools) -> Metric | None:
    """The share who left among the hold-outs of `part` less that among the treated, with its normal interval by rows; None of an empty arm."""
    arms = [evidence.left[part & arm] for arm in (~evidence.treated, evidence.treated)]
    if min(map(len, arms)) == 0:
        return None
    found, margin = float(arms[0].mean() - arms[1].mean()), Z95 * math.sqrt(sum(arm.var() / len(arm) for arm in arms))
    return Metric(value=found, low=found - margin, high=found + margin)


def qini_curve(good: ArrayLike, uplift: ArrayLike, treated: ArrayLike) -> Floats:
    """Q(1) ... Q(N). While no hold-out is among the first k, Q(k) is the good outcomes of those contacted."""
    return _curves(np.asarray(good, dtype=bool), np.asarray(uplift), np.asarray(treated, dtype=bool))[0]


def qini(good: ArrayLike, uplift: ArrayLike, treated: ArrayLike, *, customers: ArrayLike | None = None, draws: int = DRAWS, seed: int = 0) -> Worth:
    """`good`: whether the outcome was, such as that the customer stayed. The intervals are the 95 % of bootstrap samples of customers."""
    rows = (np.asarray(good, dtype=bool), np.asarray(uplift), np.asarray(treated, dtype=bool))
    whose = np.arange(len(rows[0])) if customers is None else np.asarray(customers)
    found = np.array([_figures(*(np.repeat(values, times) for values in rows)) for times in _samples(whose, draws, seed)])
    low, high = np.percentile(found[1:], (2.5, 97.5), axis=0)
    metrics = [Metric(value=value, low=least, high=most) for value, least, most in zip(found[0].tolist(), low.tolist(), high.tolist(), strict=True)]
    return Worth(metrics[0], dict(zip(PERCENTAGES, metrics[1:], strict=True)))


def _figures(good: Bools, uplift: Floats, treated: Bools) -> list[float]:
    """The Qini and the uplifts; these are Q(k) / N_t(k), 0 while nobody of the first k was contacted."""
    added, contacted = _curves(good, uplift, treated)
    count = len(good)
    k = np.arange(1, count + 1)
    tops = [max(1, count * percent // 100) - 1 for percent in PERCENTAGES]
    return [float(np.mean(added - k / count * added[-1])) / treated.sum(), *(added[tops] / np.maximum(contacted[tops], 1)).tolist()]


def _curves(good: Bools, uplift: Floats, treated: Bools) -> tuple[Floats, Floats]:
    """Q(k) and N_t(k) for each k; straight lines where uplifts are equal."""
    order = np.argsort(-uplift, kind="stable")
    ranked, arm, outcome = uplift[order], treated[order], good[order]
    n_t, n_c = np.cumsum(arm), np.cumsum(~arm)
    added: Floats = np.cumsum(outcome & arm) - np.cumsum(outcome & ~arm) * np.divide(n_t, n_c, out=np.zeros(len(arm)), where=n_c > 0)
    ends = np.r_[np.flatnonzero(np.diff(ranked)), len(ranked) - 1]
    k, known = np.arange(1, len(ranked) + 1), np.r_[0, ends + 1]
    return np.interp(k, known, np.r_[0, added[ends]]), np.interp(k, known, np.r_[0, n_t[ends]])


def _samples(customers: NDArray[Any], count: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """How often each row is drawn: once each at first, then as its customer is in `count` bootstrap samples."""
    names, whose = np.unique(customers, return_inverse=True)
    dice = np.random.default_rng(seed)
    yield np.ones(len(customers), dtype=np.int64)
    for _ in range(count):
        yield np.bincount(dice.integers(len(names), size=len(names)), minlength=len(names))[whose]


def _scaling(rows: Matrix) -> Scaling:
    """Centred and scaled by the rows themselves; a feature that is never known is 0 throughout."""
    missing = np.isnan(rows)
    medians = np.array([np.median(column[~gone]) if not gone.all() else 0.0 for column, gone in zip(rows.T, missing.T, strict=True)])
    known = np.where(missing, medians, rows)
    means, spread, share = known.mean(axis=0), known.std(axis=0), missing.mean(axis=0)
    scales = np.where(spread > 0, spread, 1.0)
    knots = [(place, knot) for place, values in enumerate(((known - means) / scales).T) for knot in _knots(values)]
    flagged = np.flatnonzero((share >= OFTEN_MISSING) & (share <= 1 - OFTEN_MISSING))
    return Scaling(medians=tuple(medians), means=tuple(means), scales=tuple(scales), knots=tuple(knots), flagged=tuple(flagged.tolist()))


def _knots(values: Floats) -> list[float]:
    """None of a feature with two values."""
    quartiles = np.unique(np.round(np.quantile(values, (0.25, 0.5, 0.75)), DECIMALS))
    return [knot for knot in quartiles.tolist() if values.min() < knot < values.max() and len(np.unique(values)) > 2]


def _fit(columns: Floats, left: Bools, weights: NDArray[np.int64]) -> tuple[float, ...]:
    """The intercept and the coefficients."""
    model = LogisticRegression(C=SHRINKAGE, solver="newton-cholesky").fit(columns[:, 1:], left, weights)
    return tuple(np.round((*model.intercept_, *model.coef_[0]), DECIMALS).tolist())


def _events(evidence: Evidence) -> dict[Arm, int]:
    rarer = evidence.left if 2 * evidence.left.sum() <= len(evidence.left) else ~evidence.left
    return {"treatment": int(rarer[evidence.treated].sum()), "hold_out": int(rarer[~evidence.treated].sum())}


def _need_events(events: dict[Arm, int], least: int) -> None:
    if min(events.values()) < least:
        told = " and ".join(f"the {arm.replace('_', '-')} arm has {count:,} of {least:,} events" for arm, count in events.items())
        raise TooThin(f"too little was seen: {told} needed")


def _no_effect(worth: Worth) -> str:
    found, whole = worth.qini, worth.uplift_at[100]
    return (
        f"no difference between customers is seen: the Qini x 10,000 on unseen ones is {_told(found, 10_000, 0)}, which is not surely above 0; "
        f"the mean uplift of a contact is {_told(whole, 100, 1)} points"
    )


def hillstrom(data_file: Path, email: Literal["Womens", "Mens"]) -> tuple[tuple[str, ...], Evidence]:
    """One e-mail against none: the features, and as `left` who did not visit the shop within two weeks."""
    table = csv.read_csv(data_file)
    told = {name: table[name].to_numpy() for name in table.column_names}
    features = {name: told[name] for name in ("recency", "history", "mens", "womens", "newbie")}
    features |= {f"{name} {word}": told[name] == word for name in ("zip_code", "channel") for word in sorted(set(told[name]))}
    part = np.isin(told["segment"], (f"{email} E-Mail", "No E-Mail"))
    rows = np.column_stack([values[part] for values in features.values()]).astype(np.float32)
    return tuple(features), Evidence(rows, told["segment"][part] != "No E-Mail", told["visit"][part] == 0, np.flatnonzero(part))


def write_hillstrom(data_file: Path, folder: Path) -> Path:
    """`hillstrom.md` in `folder`, which has to exist."""
    emails: tuple[Literal["Womens", "Mens"], ...] = ("Womens", "Mens")
    sections = [_section(email, *hillstrom(data_file, email)) for email in emails]
    page = folder / "hillstrom.md"
    page.write_text("\n".join((HILLSTROM_INTRODUCTION, *sections)), encoding="utf-8")
    return page


def _section(email: str, features: Sequence[str], evidence: Evidence) -> str:
    unseen, treated = out_of_fold(evidence), evidence.treated
    rankings = {
        "sensitivity: two additive logistic models": unseen.uplift,
        "by chance to visit, e-mailed": -unseen.p_if_contacted,
        "by chance to visit, left alone": -unseen.p_if_left_alone,
        "by risk not to visit, left alone": unseen.p_if_left_alone,
    }
    lines = [f"## {email} e-mail: {treated.sum():,} customers e-mailed, {(~treated).sum():,} held out", ""]
    lines += [f"| ranking | Qini x 10,000 | {' | '.join(f'uplift at {percent} %' for percent in PERCENTAGES)} |", f"| --- {'| --- ' * (1 + len(PERCENTAGES))}|"]
    for name, ranking in rankings.items():
        worth = qini(~evidence.left, ranking, treated)
        lines.append(f"| {name} | {_told(worth.qini, 10_000, 0)} | {' | '.join(_told(found, 100, 1) for found in worth.uplift_at.values())} |")
    lines += ["", f"May it serve? {_verdict(features, evidence)}", "", KINDS_HEAD]
    lines += [_kind_line(kind, unseen, evidence) for kind in KINDS if (unseen.kind == kind).any()]
    return "\n".join([*lines, ""])


def _verdict(features: Sequence[str], evidence: Evidence) -> str:
    try:
        model = fit_sensitivity(features, *evidence[:3])
    except NotServable as refused:
        return f"No: {refused}."
    return f"Yes. Mean uplift of all by the model: {_told(model.of_group(evidence.rows), 100, 1)} points."


def _kind_line(kind: str, unseen: Judged, evidence: Evidence) -> str:
    of_kind = unseen.kind == kind
    found = effect(evidence, of_kind)
    told = _told(found, 100, 1) if found else "not known: an arm is empty"
    said = "no: not borne out" if kind in MOVED and kind not in proven_by(unseen, evidence) else "yes"
    return f"| {kind} | {of_kind.sum():,} | {100 * unseen.uplift[of_kind].mean():.1f} | {told} | {said} |"


def _told(metric: Metric, times: int, decimals: int) -> str:
    return f"{times * metric.value:.{decimals}f} [{times * metric.low:.{decimals}f}, {times * metric.high:.{decimals}f}]"


KINDS_HEAD = "| kind | customers | mean uplift stated | uplift found | said when it serves |\n| --- | --- | --- | --- | --- |"
HILLSTROM_INTRODUCTION = """# Sensitivity to a contact, on Hillstrom's e-mail test

    python -m services.segmentation.training.uplift DATA_FILE docs/models     # makes this page from hillstrom.csv.gz

**This is retail e-mail in the United States, not telecom:** a third of 64,000 shop customers got an e-mail about women's goods, a third one
about men's, a third none, at random; the outcome is a visit to the shop's site within two weeks. It says whether sensitivity is learned, gated
and measured rightly where contacts were assigned at random. It says nothing of how far a call moves a subscriber, and no model of it is shipped.

Contact is the e-mail, the hold-outs are those who got none, and to leave is not to visit. The features are all that the file has of the time
before. All rankings are of customers their model had not seen (5 folds), and intervals are the 95 % of 200 bootstrap samples of the ranked
customers: they do not hold what another fit would have ranked otherwise. Uplift is in points of the share who visit. The Qini is 0 for a ranking
at random, however well e-mails work; scikit-uplift finds the same curve (`tests/segmentation/test_sensitivity.py`), with an area of another scale.

The kinds are by the rules in `services/segmentation/churn/sensitivity.py`, also out of fold: what the models stated of customers they had not
seen, and the difference found among these. A kind that claims an effect which is not found is not said when the model serves.

On the simulated operator who is persuadable and who is not to be disturbed is drawn apart from all that can be seen of a customer, so there, as
among any customers who look alike, only averages are learned: single customers of the two kinds can not be told apart.
"""

if __name__ == "__main__":
    write_hillstrom(Path(sys.argv[1]), Path(sys.argv[2]))
