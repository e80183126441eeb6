"""Complaints as cases: where each stands, by when each stage is to be done, and which stages were late.

A case is folded from the facts about its complaint, and only moves forward: a stage begins when the first fact says that it
or a later one has begun. So the order of arrival does not matter, and a fact that goes back changes nothing but the history;
a customer who comes again after the case was closed has a new complaint.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple, get_args

from shared.contracts.care import ComplaintEscalated, ComplaintOpened, ComplaintProgressed, ComplaintResolved, Severity, SurveyAnswered
from shared.contracts.customer import CaseOverdue, CaseStage
from shared.contracts.orders import CustomerRegistered, CustomerUpdated

CaseState = Literal[CaseStage, "closed"]

STAGES: tuple[CaseStage, ...] = get_args(CaseStage)
LOWEST_STAR = 1

COMPLAINT_TYPES = frozenset(one.type for one in (ComplaintOpened, ComplaintProgressed, ComplaintEscalated, ComplaintResolved, SurveyAnswered, CaseOverdue))
STAR_TYPES = frozenset(one.type for one in (CustomerRegistered, CustomerUpdated))

# How long a stage may take, in hours, by severity and service star.
ALLOWED_HOURS: Mapping[tuple[Severity, CaseStage], tuple[int, int, int, int, int]] = {
    #                             1★   2★   3★   4★   5★
    ("minor", "intake"):        ( 24,  16,  12,   8,   4),
    ("minor", "analysis"):      ( 72,  48,  36,  24,  12),
    ("minor", "resolution"):    (168, 120,  96,  72,  48),
    ("major", "intake"):        ( 12,   8,   6,   4,   2),
    ("major", "analysis"):      ( 48,  36,  24,  12,   8),
    ("major", "resolution"):    (120,  96,  72,  48,  24),
    ("critical", "intake"):     (  4,   3,   2,   1,   1),
    ("critical", "analysis"):   ( 24,  16,  12,   8,   4),
    ("critical", "resolution"): ( 72,  48,  36,  24,  12),
    # The customer's own time to answer the survey: the better customer is waited for longer.
    ("minor", "feedback"):      ( 72,  96, 120, 144, 168),
    ("major", "feedback"):      ( 72,  96, 120, 144, 168),
    ("critical", "feedback"):   ( 72,  96, 120, 144, 168),
}  # fmt: skip


class CaseFact(NamedTuple):
    """A fact about a complaint, or one that may name a service star. Sorts by event time, then by the event's name."""

    occurred_at: datetime
    source: str
    id: str
    customer_id: str
    type: str
    data: Mapping[str, Any]


class Stage(NamedTuple):
    """`raised`: that it was not done in time has been reported."""

    stage: CaseStage
    began_at: datetime
    due_at: datetime
    ended_at: datetime | None
    agent: str | None
    raised: bool

    @property
    def is_late(self) -> bool:
        """Or will be, if nothing happens. Feedback never is: its time is the customer's."""
        return self.stage != "feedback" and (self.ended_at is None or self.ended_at > self.due_at)


class Case(NamedTuple):
    """`customer_id`: who complained, before any merge. `closed_at` may lie ahead: a case closes by itself when the time to
    answer the survey has passed."""

    complaint_id: str
    customer_id: str
    opening: Mapping[str, Any]
    severity: Severity
    stages: tuple[Stage, ...]
    closed_at: datetime | None
    answer: CaseFact | None
    facts: tuple[CaseFact, ...]

    @property
    def stage(self) -> Stage:
        return self.stages[-1]

    @property
    def raise_at(self) -> datetime | None:
        """When the next stage is to be reported as overdue, if nothing happens until then."""
        return min((stage.due_at for stage in self.stages if stage.is_late and not stage.raised), default=None)

    def state_at(self, now: datetime) -> CaseState:
        return "closed" if self.closed_at and self.closed_at <= now else self.stage.stage

    def to_raise(self, now: datetime) -> list[Stage]:
        """Stages that were not done in time. Of a closed case none: there is nothing left to hurry, and years of imported
        history alarm nobody."""
        is_open = self.state_at(now) != "closed"
        return [stage for stage in self.stages if is_open and stage.is_late and not stage.raised and stage.due_at <= now]


def allowed(stage: CaseStage, severity: Severity, star: int) -> timedelta:
    return timedelta(hours=ALLOWED_HOURS[severity, stage][star - 1])


def cases_of(facts: Iterable[CaseFact]) -> list[Case]:
    """Every case of one customer, or of several who were merged. A complaint that nobody reported as opened is none yet."""
    ordered = sorted(facts)
    by_complaint: dict[str, list[CaseFact]] = defaultdict(list)
    for fact in ordered:
        if fact.type in COMPLAINT_TYPES and fact.data.get("complaint_id"):
            by_complaint[fact.data["complaint_id"]].append(fact)
    named = [fact for fact in ordered if fact.type in STAR_TYPES and fact.data.get("service_star")]
    return [_case(found, named) for found in by_complaint.values() if any(fact.type == ComplaintOpened.type for fact in found)]


def star_at(named: Sequence[CaseFact], at: datetime) -> int:
    """The service star at a moment, of facts in event-time order. Of customers who were merged the highest: a promise that was
    given to either holds."""
    latest = {fact.customer_id: int(fact.data["service_star"]) for fact in named if fact.occurred_at <= at}
    return max(latest.values(), default=LOWEST_STAR)


def _case(facts: Sequence[CaseFact], named: Sequence[CaseFact]) -> Case:
    opening = next(fact for fact in facts if fact.type == ComplaintOpened.type)
    raised = {fact.data["stage"] for fact in facts if fact.type == CaseOverdue.type}
    severities = _severities(opening, facts)
    stages: list[Stage] = []
    for stage, began_at, ended_at in _course(opening, facts):
        due_at = _due_at(stage, began_at, ended_at, severities, star_at(named, began_at))
        stages.append(Stage(stage, began_at, due_at, ended_at, _agent(stage, facts), stage in raised))
    answer = _answer(stages[-1], facts)
    closed_at = _closed_at(stages[-1], answer)
    stages[-1] = stages[-1]._replace(ended_at=closed_at)
    return Case(
        complaint_id=opening.data["complaint_id"],
        customer_id=opening.customer_id,
        opening=opening.data,
        severity=max((severity for _, severity in severities), key=get_args(Severity).index),
        stages=tuple(stages),
        closed_at=closed_at,
        answer=answer,
        facts=tuple(facts),
    )


def _course(opening: CaseFact, facts: Iterable[CaseFact]) -> list[tuple[CaseStage, datetime, datetime | None]]:
    """The stages that the case went through, each with when it began and ended. One is left out when a later one had begun."""
    began: dict[CaseStage, datetime] = {"intake": opening.occurred_at}
    for fact in facts:
        stage = _stage_begun(fact)
        if stage:
            # Clocks differ: what is said to come before the opening begins with it.
            began.setdefault(stage, max(fact.occurred_at, opening.occurred_at))
    course: list[tuple[CaseStage, datetime, datetime | None]] = []
    next_at: datetime | None = None
    for stage in reversed(STAGES):
        at = began.get(stage)
        if at is not None and (next_at is None or at < next_at or stage == "intake"):
            course.append((stage, at, next_at))
            next_at = at
    return course[::-1]


def _stage_begun(fact: CaseFact) -> CaseStage | None:
    if fact.type == ComplaintResolved.type:
        return "feedback"
    stage: CaseStage | None = fact.data["stage"] if fact.type == ComplaintProgressed.type else None
    return stage


def _severities(opening: CaseFact, facts: Iterable[CaseFact]) -> list[tuple[datetime, Severity]]:
    raises = (fact for fact in facts if fact.type == ComplaintEscalated.type)
    return [(fact.occurred_at, fact.data["severity"]) for fact in (opening, *raises)]


def _due_at(stage: CaseStage, began_at: datetime, ended_at: datetime | None, severities: Iterable[tuple[datetime, Severity]], star: int) -> datetime:
    """A complaint that becomes more severe within a stage is due sooner, counted from then: nothing is late at once."""
    counted = ((max(began_at, at), severity) for at, severity in severities if ended_at is None or at < ended_at or at <= began_at)
    return min(at + allowed(stage, severity, star) for at, severity in counted)


def _agent(stage: CaseStage, facts: Iterable[CaseFact]) -> str | None:
    """Who had the stage last."""
    named = [fact.data.get("agent") for fact in facts if _stage_begun(fact) == stage]
    return next((agent for agent in reversed(named) if agent), None)


def _answer(stage: Stage, facts: Iterable[CaseFact]) -> CaseFact | None:
    """The first that came after the complaint was resolved."""
    if stage.stage != "feedback":
        return None
    return next((fact for fact in facts if fact.type == SurveyAnswered.type and fact.occurred_at >= stage.began_at), None)


def _closed_at(stage: Stage, answer: CaseFact | None) -> datetime | None:
    if stage.stage != "feedback":
        return None
    return min(answer.occurred_at, stage.due_at) if answer else stage.due_at
