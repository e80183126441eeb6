"""C8: the rules of cases: the same in any order, only forward, each stage due by star and severity and raised once."""

from __future__ import annotations

import itertools
import random
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.customer.cases import COMPLAINT_TYPES, LOWEST_STAR, STAGES, CaseFact, allowed, cases_of
from shared.contracts import care
from shared.contracts.care import ComplaintEscalated, ComplaintOpened, ComplaintProgressed, ComplaintResolved, Severity, SurveyAnswered
from shared.contracts.customer import CaseOverdue
from shared.contracts.orders import CustomerUpdated

START = datetime(2026, 10, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
SEVERITIES = get_args(Severity)


def fact(payload: type, hours: float, *, customer: str = "C-1", complaint: str = "K-1", **data: Any) -> CaseFact:
    at = START + hours * HOUR
    return CaseFact(at, "care", f"{payload.__name__}-{hours}-{data}", customer, payload.type, {"complaint_id": complaint} | data)  # type: ignore[attr-defined]


def opened(hours: float = 0, severity: Severity = "minor", **data: Any) -> CaseFact:
    return fact(ComplaintOpened, hours, severity=severity, kind="network", channel="app", **data)


def starred(hours: float, star: int, *, customer: str = "C-1") -> CaseFact:
    return fact(CustomerUpdated, hours, customer=customer, service_star=star)


def moves() -> st.SearchStrategy[list[CaseFact]]:
    """Anything that may be reported about an open complaint of a customer whose star changes."""
    hours = st.integers(1, 400).map(float)
    one = st.one_of(
        st.builds(lambda at, stage: fact(ComplaintProgressed, at, stage=stage), hours, st.sampled_from(STAGES[1:])),
        st.builds(lambda at, severity: fact(ComplaintEscalated, at, severity=severity), hours, st.sampled_from(SEVERITIES)),
        st.builds(lambda at: fact(ComplaintResolved, at), hours),
        st.builds(lambda at, csat: fact(SurveyAnswered, at, csat=csat), hours, st.integers(1, 5)),
        st.builds(starred, hours, st.integers(1, 5)),
    )
    return st.lists(one, max_size=8, unique_by=lambda fact: fact.occurred_at)


@given(moves(), st.randoms())
def test_a_case_is_the_same_whatever_the_order(found: list[CaseFact], dice: random.Random) -> None:
    """C8 E6: by event time, not by arrival."""
    facts = [opened(), *found]
    assert cases_of(dice.sample(facts, len(facts))) == cases_of(facts)


@given(moves())
def test_a_case_only_moves_forward(found: list[CaseFact]) -> None:
    """C8: its stages follow each other without a gap; feedback is the last, and closes by itself."""
    (case,) = cases_of([opened(), *found])
    assert case.stages[0].stage == "intake"
    for one, following in itertools.pairwise(case.stages):
        assert STAGES.index(one.stage) < STAGES.index(following.stage)
        assert one.ended_at == following.began_at
    assert (case.closed_at is not None) == (case.stage.stage == "feedback")
    assert case.closed_at is None or case.stage.began_at <= case.closed_at <= case.stage.due_at


@given(moves())
def test_what_was_raised_is_not_raised_again(found: list[CaseFact]) -> None:
    """C8: once each, however often it is looked at."""
    (case,) = cases_of([opened(), *found])
    now = START + 5000 * HOUR if case.closed_at is None else case.closed_at - timedelta(microseconds=1)
    raised = [fact(CaseOverdue, 5000, stage=stage.stage) for stage in case.to_raise(now)]
    (again,) = cases_of([opened(), *found, *raised])
    assert again.to_raise(now) == []
    assert again.raise_at is None or again.raise_at > now


def test_the_better_customer_and_the_graver_complaint_wait_less() -> None:
    """C8: each stage's time depends on star and severity; to answer the survey the better customer has longer."""
    for stage in STAGES:
        for severity in SEVERITIES:
            times = [allowed(stage, severity, star) for star in range(1, 6)]
            assert times == sorted(times, reverse=stage != "feedback")
            assert times[0] != times[-1]
        for star in range(1, 6):
            times = [allowed(stage, severity, star) for severity in SEVERITIES]
            assert times == sorted(times, reverse=True)


def test_the_star_when_a_stage_begins_is_the_one_that_counts() -> None:
    """C8: an upgrade does not make late what was in time when it was done."""
    (case,) = cases_of([opened(), fact(ComplaintProgressed, 20, stage="analysis"), starred(10, 5)])
    intake, analysis = case.stages
    assert intake.due_at == START + allowed("intake", "minor", LOWEST_STAR)
    assert analysis.due_at == START + 20 * HOUR + allowed("analysis", "minor", 5)
    assert case.to_raise(START + 21 * HOUR) == []


def test_of_merged_customers_the_highest_star_counts() -> None:
    """C8 C4: a promise given to either holds."""
    (case,) = cases_of([opened(), starred(-2, 4, customer="C-1"), starred(-1, 2, customer="C-2")])
    assert case.stage.due_at == START + allowed("intake", "minor", 4)


def test_an_escalation_counts_from_when_it_came() -> None:
    """C8: due sooner, yet nothing is late at once."""
    (case,) = cases_of([opened(), fact(ComplaintEscalated, 10, severity="critical")])
    assert case.severity == "critical"
    assert case.stage.due_at == START + 10 * HOUR + allowed("intake", "critical", LOWEST_STAR)
    (lower,) = cases_of([opened(severity="major"), fact(ComplaintEscalated, 10, severity="minor")])
    assert (lower.severity, lower.stage.due_at) == ("major", START + allowed("intake", "major", LOWEST_STAR))


def test_nobody_is_alarmed_by_a_closed_case() -> None:
    """C8: years of imported history were late, and are over."""
    (case,) = cases_of([opened(), fact(ComplaintResolved, 500)])
    assert [stage.stage for stage in case.to_raise(START + 501 * HOUR)] == ["intake"]
    assert case.to_raise(START + 1000 * HOUR) == []


def test_a_complaint_that_nobody_opened_is_no_case() -> None:
    """C8 E6: it may be, when the opening arrives."""
    assert cases_of([fact(ComplaintResolved, 5)]) == []


@pytest.mark.parametrize("hours", [1, 100])
def test_an_answer_closes_the_case_unless_time_did(hours: int) -> None:
    """C8: the answer is kept either way."""
    (case,) = cases_of([opened(), fact(ComplaintResolved, 5), fact(SurveyAnswered, 2, csat=1), fact(SurveyAnswered, 5 + hours, csat=4)])
    assert case.closed_at == START + 5 * HOUR + min(hours * HOUR, allowed("feedback", "minor", LOWEST_STAR))
    assert case.answer and case.answer.data["csat"] == 4


def test_every_fact_of_a_complaint_is_folded() -> None:
    """C8: no event type that names a complaint is forgotten."""
    assert {one.type for one in care.PAYLOADS if "complaint_id" in one.model_fields} <= COMPLAINT_TYPES
