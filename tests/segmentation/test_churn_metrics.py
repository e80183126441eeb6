"""S12: what a churn model is worth, told honestly: held against pair counting, every order of ties, copies of rows and closed forms."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from services.segmentation.churn.model import Card, Metric
from services.segmentation.pictures.calibration import Group, calibration
from services.segmentation.training import card as cards
from services.segmentation.training import metrics
from services.segmentation.training.compare import Comparison, HeldOut, Row, compare, others_than_shipped, without
from services.segmentation.training.files import Description, Read
from services.segmentation.training.fit import Table, fit
from services.segmentation.training.metrics import CannotEvaluate, contacts_curve, contacts_for, difference, evaluate, recall_up_to, reliability, shifted
from services.segmentation.training.own import Made

Labels = list[int]
scored = st.lists(st.tuples(st.integers(0, 1), st.sampled_from([0.0, 0.2, 0.5, 0.7, 1.0])), min_size=2, max_size=6).filter(
    lambda rows: len({one for one, _ in rows}) == 2
)


def made(rows: int, seed: int = 0, slope: float = 1.5) -> tuple[NDArray[np.int8], NDArray[np.float64]]:
    """Labels drawn from the very probabilities that are stated, about a quarter of them 1."""
    random = np.random.default_rng(seed)
    probabilities = 1 / (1 + np.exp(1.4 - slope * random.normal(size=rows)))
    return (random.random(rows) < probabilities).astype(np.int8), probabilities


def pairs_won(labels: Labels, probabilities: list[float]) -> float:
    leave, stay = ([p for one, p in zip(labels, probabilities, strict=True) if one == kind] for kind in (1, 0))
    return sum((high > low) + (high == low) / 2 for high in leave for low in stay) / (len(leave) * len(stay))


def expected_reached(labels: Labels, probabilities: list[float]) -> NDArray[np.float64]:
    """Churners reached after 0, 1, 2 … contacts: the mean over every order that no score forbids."""
    orders = [
        order
        for order in itertools.permutations(range(len(labels)))
        if all(probabilities[one] >= probabilities[next_] for one, next_ in itertools.pairwise(order))
    ]
    return np.mean([np.cumsum([0, *(labels[index] for index in order)]) for order in orders], axis=0)


@settings(max_examples=60, deadline=None)
@given(scored, st.sampled_from([0.1, 0.25, 0.5, 0.75, 1.0]))
def test_contacts_are_what_every_order_of_equals_needs_in_the_mean(rows: list[tuple[int, float]], recall: float) -> None:
    """S12: customers of one score count by their expected share: no order among them is lucky."""
    labels, probabilities = [one for one, _ in rows], [score for _, score in rows]
    reached, wanted = expected_reached(labels, probabilities), recall * sum(labels)
    last = next(count for count in range(1, len(reached)) if reached[count] >= wanted - 1e-12)
    needed = last - 1 + (wanted - reached[last - 1]) / (reached[last] - reached[last - 1])
    assert contacts_for(labels, probabilities, recall) == pytest.approx(needed)


def test_the_best_order_and_no_order() -> None:
    """S12: at best nobody is contacted in vain; with one score for all it is as at random."""
    labels = [1, 1, 0, 0, 0, 0, 0, 0]
    assert contacts_for(labels, [0.9, 0.8, *[0.1] * 6], 0.5) == 1
    assert contacts_for(labels, [0.9, 0.8, *[0.1] * 6], 1.0) == 2
    assert contacts_for(labels, [0.3] * 8, 0.25) == 2
    assert evaluate(labels, [0.3] * 8, draws=0)["contacts_ratio_25"].value == 1


@settings(max_examples=40, deadline=None)
@given(scored)
def test_auc_counts_pairs(rows: list[tuple[int, float]]) -> None:
    """S12: the share of pairs of one who left and one who stayed that are in the right order."""
    labels, probabilities = [one for one, _ in rows], [score for _, score in rows]
    assert evaluate(labels, probabilities, draws=0)["auc"].value == pytest.approx(pairs_won(labels, probabilities))


@pytest.mark.parametrize("copies", [2, 5])
def test_another_base_rate_is_as_if_more_of_those_who_stay_were_there(copies: int) -> None:
    """S12: figures at another base rate are those of a file in which each customer who stays stands several times."""
    labels, probabilities = made(400)
    probabilities = probabilities.round(2)
    repeated = np.repeat(np.arange(400), np.where(labels == 1, 1, copies))
    rate = labels[repeated].mean()
    weighted = evaluate(labels, probabilities, base_rate=rate, draws=0)
    copied = evaluate(labels[repeated], probabilities[repeated], draws=0)
    exact = set(weighted) - {"ece"}  # its tenths part where customers are, and copies of one are never parted
    assert {name: weighted[name].value for name in exact} == pytest.approx({name: copied[name].value for name in exact})
    assert contacts_for(labels, probabilities, 0.5, base_rate=rate) / 400 == pytest.approx(
        contacts_for(labels[repeated], probabilities[repeated], 0.5) / len(repeated)
    )
    assert weighted["auc"].value == pytest.approx(evaluate(labels, probabilities, draws=0)["auc"].value)


@given(st.floats(0.01, 0.99), st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_odds_move_with_the_base_rate(probability: float, was: float, is_: float) -> None:
    """S6: by Bayes' rule, from one base rate to another."""
    left, stayed = probability / was * is_, (1 - probability) / (1 - was) * (1 - is_)
    assert shifted([probability], from_rate=was, to_rate=is_)[0] == pytest.approx(left / (left + stayed))


def test_true_probabilities_are_calibrated_and_moved_ones_are_where_they_belong() -> None:
    """S6: calibration is near 0 for the truth, at its own base rate and at another, and far from it when the base rate was not minded."""
    labels, probabilities = made(20_000)
    moved = shifted(probabilities, from_rate=float(labels.mean()), to_rate=0.0613)
    assert evaluate(labels, probabilities, draws=0)["ece"].value < 0.012
    there, wrong = (evaluate(labels, stated, base_rate=0.0613, draws=0) for stated in (moved, probabilities))
    assert there["ece"].value < 0.012
    assert wrong["ece"].value > 0.1
    assert there["brier_of_base_rate"].value == pytest.approx(0.0613 * 0.9387)
    assert there["brier"].value < there["brier_of_base_rate"].value < wrong["brier"].value


def test_calibration_error_by_hand() -> None:
    """S6: ten customers of whom .2 and .6 are said and .4 and .6 came true: (5 x .2 + 5 x 0) / 10."""
    labels, probabilities = [1, 1, 0, 0, 0, 1, 1, 1, 0, 0], [0.2] * 5 + [0.6] * 5
    assert evaluate(labels, probabilities, draws=0)["ece"].value == pytest.approx(0.1)
    assert reliability(labels, probabilities) == [pytest.approx((5, 0.2, 0.4)), pytest.approx((5, 0.6, 0.6))]


def test_intervals_are_as_wide_as_theory_says() -> None:
    """S12: the interval of AUC against the variance of DeLong, DeLong and Clarke-Pearson (1988)."""
    labels, probabilities = made(1_000)
    found = evaluate(labels, probabilities, draws=200)["auc"]
    won = probabilities[labels == 1][:, None] > probabilities[labels == 0]
    error = np.sqrt(won.mean(axis=1).var(ddof=1) / won.shape[0] + won.mean(axis=0).var(ddof=1) / won.shape[1])
    assert (found.high - found.low) / (2 * 1.96 * error) == pytest.approx(1, abs=0.2)
    assert found.low < won.mean() < found.high


def test_rows_of_one_customer_are_no_news() -> None:
    """S12: every row four times is as wide an interval as once, where customers are drawn; drawn as rows it would be half."""
    labels, probabilities = made(500)
    four, stated, customers = np.repeat(labels, 4), np.repeat(probabilities, 4), np.repeat(np.arange(500), 4)
    once, honest, naive = (
        evaluate(labels, probabilities, draws=80)["auc"], evaluate(four, stated, groups=customers, draws=80)["auc"], evaluate(four, stated, draws=80)["auc"]
    )  # fmt: skip
    assert (honest.low, honest.high) == pytest.approx((once.low, once.high))
    assert naive.high - naive.low < 0.65 * (once.high - once.low)


def test_the_recall_up_to_which_a_claim_holds() -> None:
    """S12: the last recall at which the contacts are half of those at random, by looking at every recall."""
    labels, probabilities = made(600)
    fits = [recall for recall in np.linspace(0.001, 1, 1_000) if recall * 600 / contacts_for(labels, probabilities, recall) >= 2]
    found = recall_up_to(labels, probabilities, 2.0, draws=30)
    assert found.value == pytest.approx(max(fits), abs=0.002)
    assert found.low <= found.value <= found.high
    assert recall_up_to(labels, np.full(600, 0.5), 2.0, draws=0).value == 0
    assert recall_up_to(labels, np.full(600, 0.5), 1.0, draws=0).value == 1


def test_the_curve_tells_what_single_figures_tell() -> None:
    """S12: the same contacts by curve and alone, and the more churners are to be reached the less a model saves."""
    labels, probabilities = made(600)
    curve = contacts_curve(labels, probabilities, (0.25, 0.5, 1.0), draws=50)
    assert [point.contacts for point in curve] == pytest.approx([contacts_for(labels, probabilities, recall) for recall in (0.25, 0.5, 1.0)])
    told = evaluate(labels, probabilities, draws=50)["contacts_ratio_25"]
    assert (curve[0].ratio.value, curve[0].ratio.low, curve[0].ratio.high) == pytest.approx((told.value, told.low, told.high), rel=0.02)
    assert curve[0].ratio.value > curve[1].ratio.value > curve[2].ratio.value >= 1


@pytest.mark.parametrize(
    ("labels", "probabilities", "more", "why"),
    [
        ([0, 1], [0.1], {}, "labels and"),
        ([1, 1], [0.1, 0.2], {}, "both"),
        ([0, 2], [0.1, 0.2], {}, "0 and 1"),
        ([0, 1], [0.1, np.nan], {}, "missing"),
        ([0, 1], [0.1, 1.2], {}, "outside"),
        ([0, 1], [0.1, 0.2], {"base_rate": 1.0}, "base rate"),
    ],
)
def test_what_has_no_figures_is_refused(labels: Labels, probabilities: list[float], more: dict[str, Any], why: str) -> None:
    """S12: and the message says why."""
    with pytest.raises(CannotEvaluate, match=why):
        evaluate(labels, probabilities, **more)


def test_a_recall_that_is_none_is_refused() -> None:
    """S12"""
    with pytest.raises(CannotEvaluate, match="recall"):
        contacts_for([0, 1], [0.1, 0.2], 0.0)


def test_a_paired_difference_sees_what_two_intervals_hide() -> None:
    """S12: a little noise makes a score surely worse, though both intervals hold both values."""
    labels, probabilities = made(2_000)
    noisy = np.clip(probabilities + np.random.default_rng(1).normal(0, 0.1, 2_000), 0, 1)
    ahead = difference(labels, probabilities, noisy, draws=80)
    first, second = (evaluate(labels, one, draws=50)["auc"] for one in (probabilities, noisy))
    assert ahead.value == pytest.approx(first.value - second.value)
    assert ahead.low > 0
    assert second.high > first.low
    assert difference(labels, probabilities, probabilities, draws=20) == Metric(value=0, low=0, high=0)


@pytest.mark.parametrize(("low", "high", "verdict"), [(0.001, 0.01, "better"), (-0.01, 0.01, "within noise"), (-0.01, -0.001, "worse")])
def test_a_verdict_is_computed(low: float, high: float, verdict: str) -> None:
    """S12"""
    assert Row("other", {}, Metric(value=0.0, low=low, high=high)).verdict == verdict


def small(rows: int = 300, *, times: bool = False) -> Table:
    """Two features, of which one tells; `times`: it tells before the last quarter of the days only."""
    random = np.random.default_rng(3)
    values = random.normal(size=(rows, 2)).astype(np.float32)
    days = np.arange(rows) // 3
    told = np.where(days < 0.75 * days.max(), values[:, 0], -values[:, 0]) if times else values[:, 0]
    labels = (random.random(rows) < 1 / (1 + np.exp(1 - 2 * told))).astype(np.int8)
    return Table(("tells", "noise"), values, labels, np.arange(rows), days if times else None)


def first_feature(learned: Table, rows: NDArray[np.float32], seed: int) -> NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-rows[:, 0].astype(np.float64))))


def test_all_learners_are_asked_for_the_same_rows() -> None:
    """S12: beside a learner that knows nothing the shipped one is better, and beside the truth it is not."""
    table = small()
    others = {"knows": first_feature, "knows nothing": lambda learned, rows, seed: np.full(len(rows), learned.labels.mean())}
    found = compare(table, folds=2, learners=others, beside={" of noise": without(table, ["tells"])}, draws=60)
    assert [row.learner for row in found.rows] == ["shipped", "knows", "knows nothing", "knows of noise", "knows nothing of noise"]
    assert [row.verdict for row in found.rows][2:] == ["better"] * 3
    assert found.rows[1].verdict != "better"
    assert len(found.held_out.labels) == len(found.held_out.probabilities) == 300


def test_with_times_the_last_is_held_out() -> None:
    """S12: a rule that held until then and is reversed since is found out: AUC below one half."""
    found = compare(small(600, times=True), learners={}, horizon_days=10, draws=0)
    assert found.held_out.how == "later"
    assert 0.2 < len(found.held_out.labels) / 600 < 0.3
    assert found.rows[0].figures["auc"].value < 0.4


def test_what_is_learned_from_was_known_by_then() -> None:
    """S12: rows less than a horizon before those held out are not learned from: what became of them was not known."""
    seen = []

    def watching(learned: Table, rows: NDArray[np.float32], seed: int) -> NDArray[np.float64]:
        assert learned.times is not None
        seen.append(int(learned.times.max()))
        return first_feature(learned, rows, seed)

    table = small(600, times=True)
    assert table.times is not None
    found = compare(table, learners={"watching": watching}, horizon_days=20, draws=0)
    assert int(table.times[found.held_out.positions].min()) - seen[0] >= 20


def test_the_other_learners_learn() -> None:
    """S12: logistic regression with one value per category and unknown cells, LightGBM and CatBoost: each ranks better than chance."""
    table = small(900)
    coded = table._replace(rows=np.column_stack([table.rows[:, 0], (table.rows[:, 1] > 0) * 1.0]).astype(np.float32))
    coded.rows[:5] = np.nan
    for name, learner in others_than_shipped(["noise"]).items():
        learned, held = coded.only(np.arange(600)), coded.only(np.arange(600, 900))
        assert evaluate(held.labels, learner(learned, held.rows, 0), draws=0)["auc"].value > 0.7, name


@pytest.fixture(scope="module")
def told() -> tuple[str, cards.Figures, Path]:
    """A page of a small set."""
    table = small()
    described = Description(
        name="small", title="Small", data="Drawn", population="Nobody", definition="Drawn", fictional=True, horizon_days=30, label="left", positive="1",
        negative="0", numbers=table.features, doubtful=("noise",), limits=("It is drawn.",),
    )  # fmt: skip
    found = Read(table, described, {})
    fitted = fit(table, most_trees=20)
    labels, stated, customers = table.labels, fitted.held_out.probabilities, table.groups
    known = evaluate(labels, first_feature(table, table.rows, 0), draws=20)
    ahead = difference(labels, stated, first_feature(table, table.rows, 0), draws=20)
    rows = [Row("shipped", evaluate(labels, stated, draws=20), None), Row("knows", known, ahead)]
    comparison = Comparison(rows, HeldOut(np.arange(300), labels, customers, stated, "folds"))
    card, figures = cards.summed_up(found, comparison, stated.round(1), fitted, draws=20)
    return cards.page(card, figures, cards.about(card, found), picture="small.svg"), figures, Path("small.svg")


def test_a_page_says_what_was_computed(told: tuple[str, cards.Figures, Path]) -> None:
    """S12: every figure with its interval, at both base rates, the whole curve, the verdict, and that the data is fictional."""
    page, figures, picture = told
    for name, words in cards.NAMES.items():
        assert f"| {words} | {cards.said(figures.own[name])} | {cards.said(figures.elsewhere[name])} |" in page
    assert all(f"| {100 * point.recall:.0f} % | {cards.said(point.share, percent=True)} | {cards.said(point.ratio)} |" in page for point in figures.curve)
    assert f"| knows | {cards.said(figures.compared[1].figures['auc'])} |" in page
    assert f"| {figures.compared[1].verdict} |" in page
    assert "DO NOT EXIST" in page
    assert f"Without noise, which may tell of leaving: AUC {cards.said(figures.doubtful['auc'])}" in page
    assert page.index("| `tells` |") < page.index("| `noise` |")
    assert f"({picture})" in page


def test_a_model_of_own_history_has_its_page(tmp_path: Path) -> None:
    """S12: the period, the base rate of who was asked, its figures, and, loudly, that a simulated operator is none."""
    table = small(600, times=True)
    fitted = fit(table, most_trees=20)
    held = fitted.held_out
    labels = table.labels[held.positions]
    card = Card(
        name="leave of prepaid customers", target="leave", population="prepaid", features=table.features, row_version=1, source="simulated", data="drawn",
        period=("2026-01-01", "2026-07-19"), horizon_days=30, rows=600, positives=int(table.labels.sum()), training_base_rate=0.3, deployment_base_rate=0.3,
        metrics=evaluate(labels, held.probabilities, draws=20), limits=("It is drawn.",),
    )  # fmt: skip
    text, picture = cards.write_own(tmp_path / "new", "leave-prepaid", Made(b"", card, fitted, table, labels, held.probabilities))
    page = text.read_text()
    assert "CUSTOMERS ARE SIMULATED" in page
    assert "| Period | 2026-01-01 to 2026-07-19 |" in page
    assert f"| AUC | {cards.said(card.metrics['auc'])} |" in page
    assert f"base rate {100 * labels.mean():.2f} %" in page
    assert f"{len(labels)} rows, observed last" in page
    assert "Beside other learners" not in page
    assert "<svg" in picture.read_text()


def test_figures_are_written_with_their_intervals() -> None:
    """S12"""
    assert cards.said(Metric(value=0.68988, low=0.6848, high=0.6947)) == "0.6899 [0.6848, 0.6947]"
    assert cards.said(Metric(value=2.7068, low=2.602, high=2.8224)) == "2.71 [2.60, 2.82]"
    assert cards.said(Metric(value=0.43736, low=0.4025, high=0.4559), percent=True) == "43.7 % [40.2, 45.6]"
    assert cards.said(Metric(value=-0.0041, low=-0.0061, high=0.0021), sign="+") == "-0.0041 [-0.0061, +0.0021]"


def test_stated_and_found_are_drawn_where_they_are() -> None:
    """S12: twice as much is twice as far, and the words are in the picture too."""
    root = ElementTree.fromstring(calibration([Group(10, 0.1, 0.2), Group(10, 0.2, 0.4)], title="Stated & found"))
    circles = [(float(one.attrib["cx"]), float(one.attrib["cy"])) for one in root.iter("{http://www.w3.org/2000/svg}circle")]
    axis = next(one for one in root.iter("{http://www.w3.org/2000/svg}line") if one.attrib["class"] == "axis hair")
    left, bottom = float(axis.attrib["x1"]), float(axis.attrib["y1"])
    (near_x, near_y), (far_x, far_y) = circles
    assert far_x - left == pytest.approx(2 * (near_x - left))
    assert bottom - far_y == pytest.approx(2 * (bottom - near_y)) == pytest.approx(4 * (near_x - left))
    assert "10 customers: 20.0 % stated, 40.0 % left" in "".join(root.itertext())


def test_a_calibration_of_nobody_says_so_and_one_that_can_not_be_is_refused() -> None:
    """S12"""
    assert "Nothing to show yet" in calibration([], title="None")
    with pytest.raises(ValueError, match="can not be"):
        calibration([Group(10, 0.1, 1.2)], title="None")


def test_the_claim_is_the_fields() -> None:
    """S12: 1,455 contacts without a model, 712 with one."""
    assert pytest.approx(2.04, abs=0.005) == metrics.CLAIM_RATIO
