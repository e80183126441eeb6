"""Finding the behaviour clusters: k-means over all customers, in a way that gives one answer per set of customers.

1. The rows are put in order, so that the order they come in does not matter, and the measures are placed (see `clusters.py`).
2. On a sample, k-means++ starts many times for each number of clusters. What Lloyd's steps make of the previous model's centres is taken if
   its silhouette is about as good as the best: clusters that come and go with every run are of no use. Else, as the silhouette likes few, of
   those that are about as good as the best it is the largest number that resamples find again.
3. From the centres found there, Lloyd's steps go on over all customers.
4. The clusters are matched to the previous model's by the customers they share (Hungarian method). They carry on their ids, and their
   names where these still fit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, silhouette_score
from threadpoolctl import threadpool_limits

from services.segmentation.clusters import MEASURES, Cluster, InvalidMeasure, Model, Profile, Row, Scaling, describe, names_of

Floats = NDArray[np.float64]
"""One row per customer or centre, one column per measure in the order of MEASURES."""
Labels = NDArray[np.intp]
"""Of each customer the row of their centre."""

UNSKEWED = frozenset({"off_net_share"})


class TooFewCustomers(Exception):
    """There are not enough customers, or they do not differ enough, for clusters to mean anything."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """How clusters are found. A changed set gets a new name: each model carries the one that made it."""

    name: str = "clusters-1"
    least_customers: int = 50
    """Whose behaviour differs."""
    fewest: int = 4
    most: int = 8
    extreme_share: float = 0.005
    """Of the customers, at either end of a measure: they are moved to where the others end."""
    sample: int = 4_000
    """Customers on whom the number of clusters is chosen, and silhouette and stability are measured."""
    starts: int = 10
    as_good: float = 0.9
    """Of the best silhouette: what reaches it is about as good."""
    found_again: float = 0.9
    """The stability in resamples that clusters need to be preferred to fewer. It also tells a model worth using from one that is not."""
    furthest: float = 3.0
    """Standard deviations from the mean. Beyond, what few do (roaming) would outweigh all that most do."""
    resamples: int = 5
    seed: int = 1


PARAMETERS = Parameters()


def fit(rows: Iterable[Row], *, k: int | None = None, previous: Model | None = None, parameters: Parameters = PARAMETERS) -> Model:
    """The model of these customers, one row each. `k` is how many clusters to find, 2 or more; without it that is chosen. `previous` is the model
    to carry on; of one with other measures only the ids are minded. Raises TooFewCustomers and InvalidMeasure."""
    matrix = _matrix(rows, parameters)
    with threadpool_limits(limits=1):  # the sums of several threads differ in their last bits from run to run
        return _Fit(matrix, previous, parameters).model(k)


class _Fit:
    def __init__(self, matrix: Floats, previous: Model | None, parameters: Parameters) -> None:
        self._matrix, self._parameters = matrix, parameters
        self._first_free_id = previous.next_id if previous else 1
        self._previous = previous if previous and previous.measures == MEASURES else None
        self._scalings = [_scaling(measure, column, parameters) for measure, column in zip(MEASURES, matrix.T, strict=True)]
        self._places = _places(self._scalings, matrix)
        self._sample = self._places[self._drawn()]
        if (differing := len(np.unique(self._sample, axis=0))) < parameters.least_customers:
            raise TooFewCustomers(f"only {differing} of {len(self._sample)} customers differ: at least {parameters.least_customers} have to")

    def model(self, k: int | None) -> Model:
        start = self._best(range(self._parameters.fewest, self._parameters.most + 1) if k is None else [k])
        found = self._lloyd(self._places, start)
        centres, labels = found.cluster_centers_, found.labels_.astype(np.intp)
        before = _labels(self._previous, self._matrix) if self._previous else None
        clusters = self._clusters(centres, labels, self._carried_on(before, labels, len(centres)))
        return Model(
            parameters=self._parameters.name,
            customers=len(self._matrix),
            scalings=tuple(self._scalings),
            averages=self._averages(self._places),
            clusters=clusters,
            next_id=max(self._first_free_id, clusters[-1].id + 1),
            silhouette=self._silhouette(centres),
            resampled_stability=self._resampled_stability(centres),
            stability=None if before is None else float(adjusted_rand_score(before, labels)),
        )

    def _drawn(self) -> Labels:
        customers, size = len(self._places), self._parameters.sample
        return np.arange(customers) if customers <= size else np.sort(self._dice().choice(customers, size, replace=False))

    def _dice(self) -> np.random.Generator:
        return np.random.default_rng(self._parameters.seed)

    def _k_means(self, places: Floats, k: int) -> Floats:
        found: Floats = KMeans(k, n_init=self._parameters.starts, random_state=self._parameters.seed).fit(places).cluster_centers_
        return found

    def _lloyd(self, places: Floats, start: Floats) -> KMeans:
        return KMeans(len(start), init=start, n_init=1, random_state=self._parameters.seed).fit(places)

    def _best(self, numbers: Iterable[int]) -> Floats:
        """Centres in the sample, for one of these numbers of clusters (see 2. above)."""
        found = {k: self._k_means(self._sample, k) for k in numbers}
        silhouettes = {k: self._silhouette(centres) for k, centres in found.items()}
        best = max(found, key=lambda k: silhouettes[k])
        as_good = self._parameters.as_good * silhouettes[best]
        if self._previous and len(self._previous.clusters) in found:
            carried_on: Floats = self._lloyd(self._sample, _centres(self._previous)).cluster_centers_
            if self._silhouette(carried_on) >= as_good:
                return carried_on
        larger_first = (found[k] for k in sorted(found, reverse=True) if silhouettes[k] >= as_good)
        return next((centres for centres in larger_first if self._resampled_stability(centres) >= self._parameters.found_again), found[best])

    def _silhouette(self, centres: Floats) -> float:
        return float(silhouette_score(self._sample, _nearest(centres, self._sample)))

    def _resampled_stability(self, centres: Floats) -> float:
        """Bootstrap: mean adjusted Rand index of where `centres`, and centres found in a resample, put the customers of the sample."""
        dice, size = self._dice(), len(self._sample)
        resamples = (self._sample[dice.integers(0, size, size)] for _ in range(self._parameters.resamples))
        again = (self._k_means(resample, len(centres)) for resample in resamples)
        labels = _nearest(centres, self._sample)
        return float(np.mean([adjusted_rand_score(labels, _nearest(others, self._sample)) for others in again]))

    def _averages(self, places: Floats) -> dict[str, float]:
        """In the measures' own units, extremes moved: one who talks day and night does not make talkers of a cluster."""
        return {scaling.measure: float(np.mean(_undone(scaling, column))) for scaling, column in zip(self._scalings, places.T, strict=True)}

    def _carried_on(self, before: Labels | None, now: Labels, k: int) -> dict[int, Cluster]:
        """Which old cluster each new one carries on, if any. Most customers of one of the two are in the other, else it is another cluster."""
        if self._previous is None or before is None:
            return {}
        # Not at the top, nor cdist below: they take a quarter of a second to import, in each process, and only who learns needs them.
        from scipy.optimize import linear_sum_assignment

        old = self._previous.clusters
        shared = np.bincount(before * k + now, minlength=len(old) * k).reshape(-1, k)
        were, are = shared.sum(axis=1)[:, None], shared.sum(axis=0)
        pairs = zip(*linear_sum_assignment(shared / np.maximum(were + are - shared, 1), maximize=True), strict=True)
        return {int(new): old[one] for one, new in pairs if 2 * shared[one, new] > min(were[one, 0], are[new])}

    def _clusters(self, centres: Floats, labels: Labels, carried_on: Mapping[int, Cluster]) -> tuple[Cluster, ...]:
        sizes = np.bincount(labels, minlength=len(centres)).tolist()
        new = sorted(set(range(len(centres))) - set(carried_on), key=lambda index: (-sizes[index], *centres[index]))
        ids = {index: cluster.id for index, cluster in carried_on.items()} | dict(zip(new, count(self._first_free_id), strict=False))
        order = sorted(ids, key=lambda index: ids[index])
        of_all = self._averages(self._places)
        profiles = [Profile(_by_measure(centres[index]), self._averages(self._places[labels == index]), of_all) for index in order]
        names = names_of(profiles, [carried_on[index].name if index in carried_on else None for index in order])
        return tuple(
            Cluster(ids[index], name, describe(profile), sizes[index], tuple(centres[index].tolist()), profile.averages)
            for index, name, profile in zip(order, names, profiles, strict=True)
        )


def _matrix(rows: Iterable[Row], parameters: Parameters) -> Floats:
    """Sorted, so that whatever is drawn is drawn from the same order."""
    try:
        matrix = np.fromiter((row[measure] for row in rows for measure in MEASURES), dtype=np.float64).reshape(-1, len(MEASURES))
    except KeyError as missing:
        raise InvalidMeasure(f"{missing} is missing") from missing
    valid = (np.isfinite(matrix) & (matrix >= 0)).all(axis=0)
    if not valid.all():
        raise InvalidMeasure(f"{MEASURES[int(valid.argmin())]} is negative or not a finite number")
    if len(matrix) < parameters.least_customers:
        raise TooFewCustomers(f"{len(matrix)} customers are fewer than {parameters.least_customers}")
    return matrix[np.lexsort(matrix.T[::-1])]


def _scaling(measure: str, column: Floats, parameters: Parameters) -> Scaling:
    log = measure not in UNSKEWED
    moved = np.log1p(column) if log else column
    low, high = np.quantile(moved, [parameters.extreme_share, 1 - parameters.extreme_share])
    held = np.clip(moved, low, high)
    mean, scale = float(held.mean()), float(held.std()) or 1.0
    reach = parameters.furthest * scale
    return Scaling(measure, log, max(float(low), mean - reach), min(float(high), mean + reach), mean, scale)


def _places(scalings: Sequence[Scaling], matrix: Floats) -> Floats:
    return np.column_stack([_placed(scaling, column) for scaling, column in zip(scalings, matrix.T, strict=True)])


def _placed(scaling: Scaling, column: Floats) -> Floats:
    moved = np.log1p(column) if scaling.log else column
    return (np.clip(moved, scaling.low, scaling.high) - scaling.mean) / scaling.scale


def _undone(scaling: Scaling, places: Floats) -> Floats:
    moved = places * scaling.scale + scaling.mean
    return np.expm1(moved) if scaling.log else moved


def _by_measure(centre: Floats) -> dict[str, float]:
    return dict(zip(MEASURES, centre.tolist(), strict=True))


def _nearest(centres: Floats, places: Floats) -> Labels:
    from scipy.spatial.distance import cdist

    nearest: Labels = cdist(places, centres).argmin(axis=1)
    return nearest


def _centres(model: Model) -> Floats:
    """In standard deviations: what all customers use more of does not move them."""
    return np.array([cluster.centre for cluster in model.clusters])


def _labels(model: Model, matrix: Floats) -> Labels:
    return _nearest(_centres(model), _places(model.scalings, matrix))
