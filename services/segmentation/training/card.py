"""The pages that say what a model is worth, in Markdown with a picture beside, made from a card and figures and never by hand.

`cards` makes those of the public data sets again. No model of them is kept, and nothing of the data is in a page.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from services.segmentation.churn.drift import reference
from services.segmentation.churn.model import Card, Metric
from services.segmentation.pictures.calibration import Group, calibration
from services.segmentation.training import metrics, purchases
from services.segmentation.training.compare import SHIPPED, Comparison, HeldOut, Row, compare, held_out_of, without
from services.segmentation.training.files import Description, Read, describe, read
from services.segmentation.training.fit import Fitted, Table, fit
from services.segmentation.training.metrics import CLAIM_BASE_RATE, CLAIM_CONTACTS, CLAIM_RANDOM, CLAIM_RATIO, Floats, Point
from services.segmentation.training.own import Made

PUBLIC = {"cell2cell": "cell2celltrain.csv.zip", "ibm-telco": "ibm_telco_churn.csv.gz", "online-retail": "online_retail_I.csv.xz"}
"""The file by the name of its description."""
SHOP = "online-retail"
"""Of its invoices rows are made first."""
CURVE = (0.05, 0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.9, 1.0)
LEAVES = {3: "three", 6: "six"}
TOP_FEATURES = 15
CONTRIBUTION_ROWS = 20_000
"""About so many rows tell what is gone by."""
HOW = {"folds": "in folds: each customer is scored by a model that has not seen them", "later": "observed last, by a model of what was known before"}
MADE_AGAIN = "python -m services.segmentation.training cards DATA_FOLDER docs/models     # makes this page again; no model of it is shipped"
FICTIONAL = "THESE CUSTOMERS DO NOT EXIST. The data is fictional. This page is a regression gate: it shows that nothing broke, and is no result to quote."
NOT_TELECOM = (
    "THIS IS A SHOP, NOT TELECOM. These customers bought gifts and had no contract to end. The page shows whether what is learned holds at a later time. "
    "No figure on it says anything about the churn of an operator's customers."
)
SIMULATED = "THESE CUSTOMERS ARE SIMULATED. No figure on this page says anything about real ones."
LIBRARIES = ("lightgbm", "scikit-learn", "numpy", "catboost")
NAMES = {
    "auc": "AUC",
    "pr_auc": "PR-AUC",
    "brier": "Brier score",
    "brier_of_base_rate": "Brier score of the base rate alone",
    "ece": "Calibration error (ECE, tenths)",
    "top_decile_lift": "Lift in the top tenth",
    "contacts_ratio_25": "Times fewer contacts for 25 % of churners",
    "contacts_ratio_50": "Times fewer contacts for 50 % of churners",
    "contacts_ratio_75": "Times fewer contacts for 75 % of churners",
}


class About(NamedTuple):
    """What a page says that is not measured."""

    title: str
    made_by: str
    """The command that makes the page again."""
    warnings: tuple[str, ...]
    facts: Mapping[str, str]
    doubtful: tuple[str, ...] = ()
    """Columns that may know of the end."""


class Figures(NamedTuple):
    """All of customers that were not learned from."""

    rows: int
    base_rate: float
    """Of the data."""
    how: str
    """They were held out."""
    own: dict[str, Metric]
    """At the base rate of the data."""
    elsewhere: dict[str, Metric]
    """At the base rate of the field's claim."""
    curve: list[Point]
    """There too."""
    recall_of_claim: Metric
    """The largest at which as many times fewer contacts are needed as is claimed."""
    bins: list[metrics.Bin]
    contributions: dict[str, float]
    """Mean size in log-odds by feature, the largest first."""
    compared: Sequence[Row] = ()
    """The shipped learner first."""
    doubtful: Mapping[str, Metric] = MappingProxyType({})
    """At the base rate of the data, without the columns that may know of the end."""


def cards(data_dir: Path, out: Path, *, seed: int = 0) -> list[Path]:
    """All pages, from the descriptions in `out` and the files in `data_dir`. Takes minutes. Raises BadFile."""
    written = []
    for name in PUBLIC:
        found = public(name, data_dir, out)
        written += write(out, *measured(found, seed=seed), found)
    return written


def public(name: str, data_dir: Path, descriptions: Path) -> Read:
    """A public data set, by the name of its description. Raises BadFile."""
    path, described = data_dir / PUBLIC[name], describe(descriptions / f"{name}.toml")
    if name != SHOP:
        return read(path, described)
    with TemporaryDirectory() as folder:
        return read(purchases.written(path, Path(folder)), described)


def write(folder: Path, card: Card, figures: Figures, found: Read) -> list[Path]:
    """The page of what a model is worth on a file, and its picture, by the name of the description."""
    return _write(folder, found.description.name, card, figures, about(card, found))


def write_own(folder: Path, name: str, made: Made) -> list[Path]:
    """The page of a model from own history, and its picture."""
    held = made.fitted.held_out
    seen = HeldOut(held.positions, made.labels, made.table.groups[held.positions], made.probabilities, "later" if held.kind == "later" else "folds")
    figures = _figures(seen, made.card.metrics, made.fitted, made.table, seed=made.card.seed)
    return _write(folder, name, made.card, figures, _about_own(made.card))


def measured(found: Read, *, seed: int = 0) -> tuple[Card, Figures]:
    """What the shipped learner is worth on a file, beside others."""
    table, described = found.table, found.description
    beside = {", on the file's own columns": without(table, described.derived)} if described.derived else {}
    comparison = compare(table, seed, categories=described.categories, horizon_days=described.horizon_days, beside=beside, leaves=described.leaves)
    blind = held_out_of(without(table, described.doubtful), seed, horizon_days=described.horizon_days, leaves=described.leaves) if described.doubtful else None
    return summed_up(found, comparison, blind, fit(table, seed=seed, leaves=described.leaves), seed=seed)


def summed_up(found: Read, comparison: Comparison, blind: Floats | None, fitted: Fitted, *, seed: int = 0, draws: int = metrics.DRAWS) -> tuple[Card, Figures]:
    """`blind`: what is said of the rows held out without the doubtful columns."""
    held, own = comparison.held_out, comparison.rows[0].figures
    figures = _figures(held, own, fitted, found.table, seed=seed, draws=draws)
    doubtful = {} if blind is None else metrics.evaluate(held.labels, blind, groups=held.groups, seed=seed, draws=draws)
    return _card(found, fitted, own, held.probabilities, seed), figures._replace(compared=comparison.rows, doubtful=doubtful)


def about(card: Card, found: Read) -> About:
    """What a page says of a file."""
    described = found.description
    left_out = "; ".join(f"{name}: {reason}" for name, reason in described.leave_out.items())
    columns = f"{len(described.numbers)} numbers, {len(described.categories)} categories, each in an order that does not look at who left"
    facts = {
        "Data": f"{card.data}. {_counted(card, len(np.unique(found.table.groups)))}",
        "Population": card.population,
        "Period": " to ".join(card.period) if card.period else "not dated",
        "Churn": f"{described.definition}; horizon {card.horizon_days} days",
        "Columns": f"{columns}; {len(described.derived)} derived from them ([{described.name}.toml]({described.name}.toml))",
        "Left out": left_out or "nothing but the label and who it is",
        "Learner": _learned(card),
    }
    return About(described.title, MADE_AGAIN, _warnings(described), facts, described.doubtful)


def page(card: Card, figures: Figures, told: About, *, picture: str) -> str:
    """Markdown."""
    parts = [
        f"# Churn model card: {told.title}",
        f"    {told.made_by}",
        *(f"**{warning}**" for warning in told.warnings),
        _table(("", ""), told.facts.items()),
        "## On rows it has not seen",
        _how(figures),
        _metrics(figures),
        *_doubts(figures, told.doubtful),
        "## Contacts needed",
        _contacts(figures),
        *(("## Beside other learners", _comparison(figures.compared)) if figures.compared else ()),
        "## Stated and found",
        f"![Stated and found shares by tenths of the customers]({picture})",
        "## What it goes by",
        _features(figures.contributions),
        "## Known limits",
        "\n".join(f"- {limit}" for limit in card.limits),
    ]
    return "\n\n".join(parts) + "\n"


def _write(folder: Path, name: str, card: Card, figures: Figures, told: About) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    picture, text = folder / f"{name}-calibration.svg", folder / f"{name}.md"
    groups = [Group(*one) for one in figures.bins]
    picture.write_text(calibration(groups, title=f"{told.title}: stated and found") + "\n")
    text.write_text(page(card, figures, told, picture=picture.name))
    return [text, picture]


def _figures(held: HeldOut, own: dict[str, Metric], fitted: Fitted, table: Table, *, seed: int, draws: int = metrics.DRAWS) -> Figures:
    labels, groups, there, base_rate = held.labels, held.groups, CLAIM_BASE_RATE, float(held.labels.mean())
    moved = metrics.shifted(held.probabilities, from_rate=base_rate, to_rate=there)
    return Figures(
        rows=len(labels),
        base_rate=base_rate,
        how=HOW[held.how],
        own=own,
        elsewhere=metrics.evaluate(labels, moved, groups=groups, seed=seed, base_rate=there, draws=draws),
        curve=metrics.contacts_curve(labels, moved, CURVE, groups=groups, seed=seed, base_rate=there, draws=draws),
        recall_of_claim=metrics.recall_up_to(labels, moved, CLAIM_RATIO, groups=groups, seed=seed, base_rate=there, draws=draws),
        bins=metrics.reliability(labels, held.probabilities),
        contributions=_contributions(fitted, table),
    )


def _card(found: Read, fitted: Fitted, own: dict[str, Metric], probabilities: Floats, seed: int) -> Card:
    table, described = found.table, found.description
    medians = ((name, column[~np.isnan(column)]) for name, column in zip(table.features, table.rows.T, strict=True))
    return Card(
        name=described.title,
        target="leave",
        population=described.population,
        features=table.features,
        row_version=0,
        source="file",
        data=described.data,
        period=_period(table),
        definition={"in words": described.definition, "categories": found.categories, "derived": described.derived, "left out": described.leave_out},
        horizon_days=described.horizon_days,
        rows=len(table.labels),
        positives=int(table.labels.sum()),
        training_base_rate=fitted.training_base_rate,
        deployment_base_rate=fitted.deployment_base_rate,
        metrics=own,
        reference={name: reference(column) for name, column in zip(table.features, table.rows.T, strict=True)} | {"score": reference(probabilities)},
        typical={name: float(np.median(known)) for name, known in medians if len(known)},
        limits=described.limits,
        seed=seed,
        leaves=fitted.leaves,
        libraries={name: version(name) for name in LIBRARIES},
    )


def _warnings(described: Description) -> tuple[str, ...]:
    return (FICTIONAL,) if described.fictional else (NOT_TELECOM,) if described.name == SHOP else ()


def _period(table: Table) -> tuple[str, str] | None:
    if table.times is None:
        return None
    first, last = (date.fromordinal(int(day)).isoformat() for day in (table.times.min(), table.times.max()))
    return first, last


def _about_own(card: Card) -> About:
    facts = {
        "Data": f"{card.data}. {_counted(card)}",
        "Population": card.population,
        "Period": " to ".join(card.period) if card.period else "not dated",
        "Predicts": f"{card.target}, {card.horizon_days} days ahead: " + ", ".join(f"{name} {value}" for name, value in card.definition.items()),
        "Columns": f"{len(card.features)}, version {card.row_version}",
        "Learner": _learned(card),
    }
    simulated = (SIMULATED,) if card.source == "simulated" else ()
    return About(card.name, "python -m services.segmentation.training own", simulated, facts)


def _counted(card: Card, customers: int | None = None) -> str:
    whose = "" if customers is None else f" of {customers:,} customers"
    return f"{card.rows:,} rows{whose}, {card.positives:,} positive ({percent(card.training_base_rate)})"


def _learned(card: Card) -> str:
    return f"boosted trees of {LEAVES[card.leaves]} leaves, seed {card.seed}, with " + ", ".join(f"{name} {number}" for name, number in card.libraries.items())


def _contributions(fitted: Fitted, table: Table) -> dict[str, float]:
    rows = table.rows[:: max(1, len(table.rows) // CONTRIBUTION_ROWS)]
    mean = np.abs(fitted.contributions(rows)[:, :-1]).mean(axis=0)
    return {table.features[index]: float(mean[index]) for index in np.argsort(-mean, kind="stable")}


def _how(figures: Figures) -> str:
    return (
        f"{figures.rows:,} rows, {figures.how}. In brackets: 95 % of {metrics.DRAWS} bootstrap draws of customers. At {percent(CLAIM_BASE_RATE)} who stay are "
        f"weighted until that share leaves, and the odds are moved to it; only AUC is the same at any base rate. A Brier score below that of the base rate "
        f"alone is what the model adds."
    )


def _metrics(figures: Figures) -> str:
    rows = [(NAMES[name], said(figures.own[name]), said(figures.elsewhere[name])) for name in NAMES]
    return _table(("", f"base rate {percent(figures.base_rate)}", f"base rate {percent(CLAIM_BASE_RATE)}"), rows)


def _doubts(figures: Figures, doubtful: Sequence[str]) -> Iterable[str]:
    if figures.doubtful:
        names = ("auc", "top_decile_lift")
        told = ", ".join(f"{NAMES[name]} {said(figures.doubtful[name])}" for name in names)
        yield f"Without {', '.join(doubtful)}, which may tell of leaving: {told}, at the base rate of the data."


def _contacts(figures: Figures) -> str:
    recall, curve = figures.recall_of_claim, figures.curve
    rows = [(percent(one.recall, 0), said(one.share, percent=True), said(one.ratio), _scaled(one)) for one in curve]
    head = ("churners reached", "customers contacted", "times fewer than at random", f"instead of {CLAIM_RANDOM:,} at random")
    claim = (
        f"The field tells of {CLAIM_CONTACTS} contacts where {CLAIM_RANDOM:,} were needed before, {CLAIM_RATIO:.2f} times fewer at a base rate of "
        f"{percent(CLAIM_BASE_RATE)}, and not of the share of churners reached, without which it is held against nothing: every model needs many times "
        f"fewer for the first churners and no fewer for all. So here is the whole curve, at that base rate. This model needs {CLAIM_RATIO:.2f} times fewer, or "
        f"fewer still, up to a recall of {said(recall, percent=True)}."
    )
    return f"{claim}\n\n{_table(head, rows)}"


def _scaled(point: Point) -> str:
    least, middle, most = (CLAIM_RANDOM / ratio for ratio in (point.ratio.high, point.ratio.value, point.ratio.low))
    return f"{middle:,.0f} [{least:,.0f}, {most:,.0f}]"


def _comparison(rows: Sequence[Row]) -> str:
    table = [(_learner(one), said(one.figures["auc"]), said(one.figures["top_decile_lift"]), *_ahead(one)) for one in rows]
    head = ("learner", "AUC", "lift in the top tenth", "AUC of the shipped learner less its", "so the shipped one is")
    return f"The same rows and splits for all; the difference is on the same bootstrap draws.\n\n{_table(head, table)}"


def _learner(row: Row) -> str:
    return "**shipped, exact reasons**" if row.learner == SHIPPED else row.learner


def _ahead(row: Row) -> tuple[str, str]:
    return ("", "") if row.ahead is None else (said(row.ahead, sign="+"), row.verdict or "")


def _features(contributions: dict[str, float]) -> str:
    rows = [(f"`{name}`", f"{value:.3f}") for name, value in list(contributions.items())[:TOP_FEATURES]]
    told = f"The {len(rows)} of {len(contributions)} features that move the score most. They tell what goes with leaving, and not what causes it."
    return f"{told}\n\n{_table(('feature', 'mean size of its contribution, log-odds'), rows)}"


def said(metric: Metric, *, percent: bool = False, sign: str = "") -> str:
    """With its interval: at four decimals below 1, else at two."""
    scale, end = (100, " %") if percent else (1, "")
    digits = 1 if percent else 4 if abs(metric.value) < 1 else 2
    value, low, high = (f"{scale * one:{sign}.{digits}f}" for one in (metric.value, metric.low, metric.high))
    return f"{value}{end} [{low}, {high}]"


def percent(share: float, digits: int = 2) -> str:
    return f"{100 * share:.{digits}f} %"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
