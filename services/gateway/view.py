"""The 360 view of one customer: blocks of JSON, each changed by the events of one service, in whatever order they come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any, NamedTuple

import orjson

from shared.contracts.customer import Activity, Fact, Lookup, Profile
from shared.contracts.envelope import Event, Payload
from shared.contracts.retention import DecisionMade, OutcomeRecorded, TaskCancelled, TaskOpened, TaskRescheduled
from shared.contracts.segmentation import AlertRaised, ChurnScored, ChurnScoreDropped, MomentReached, RfmDropped, RfmScored, StandingChanged, StandingDropped
from shared.errors import InvalidEvent
from shared.pii import ERASED, SEALED

Document = dict[str, Any]

MONTHS_KEPT = 13
FACTS_KEPT = 50
ALERTS_KEPT = 50
MOMENTS_KEPT = 50
CONTACTS_KEPT = 50
# Of what is longer, the timeline shows no lists: fifty facts have to stay one answer.
FACT_BYTES = 2_000
# Nothing of it says anything but who the customer is: `personal` has it, asked for and masked each time.
PERSONAL_PARTS = frozenset({"lookups", "contact_points"})


class Block(NamedTuple):
    """A part of the view: the service whose events make it, and what it says before the first of them."""

    source: str
    nothing: str


class Order(NamedTuple):
    """What names an entry of a list, and what it is sorted by."""

    name: itemgetter[Any]
    key: itemgetter[Any]


FACTS = Order(itemgetter("source", "id"), itemgetter("occurred_at", "source", "id"))
ALERTS = Order(itemgetter("alert_id"), itemgetter("raised_at", "alert_id"))
MOMENTS = Order(itemgetter("moment_id"), itemgetter("reached_at", "moment_id"))
DECISIONS = Order(itemgetter("decision_id"), itemgetter("decided_at", "decision_id"))
TASKS = Order(itemgetter("task_id"), itemgetter("opened_at", "task_id"))

BLOCKS = {
    "profile": Block("customer", "null"),
    "behaviour": Block("customer", '{"months":{}}'),
    "timeline": Block("customer", "[]"),
    "segment": Block("segmentation", "null"),
    "standing": Block("segmentation", "null"),
    "churn": Block("segmentation", "null"),
    "moments": Block("segmentation", "[]"),
    "alerts": Block("segmentation", "[]"),
    "contacts": Block("retention", '{"decisions":[],"tasks":[]}'),
}


RETOLD = ("profile", "behaviour", "timeline")
"""The blocks that a customer told anew starts again with; the others are of other services, which tell nothing anew."""


@dataclass(slots=True)
class View:
    """The blocks of one customer while a batch works on them; `stored` is the row, with the blocks as text.

    Of one who was merged, the blocks of the other services are kept: the one who carries on is shown with them.
    """

    customer_id: str
    last_sequence: int = 0
    reset_sequence: int = 0
    merged_into: str | None = None
    erased_at: datetime | None = None
    stored: Mapping[str, Any] = field(default_factory=dict)
    changed: dict[str, Any] = field(default_factory=dict)
    claims: Sequence[Claim] | None = None
    """What the customer owns now, when that was told."""

    @property
    def is_gone(self) -> bool:
        return self.merged_into is not None or self.erased_at is not None

    def now(self, block: str) -> Any:
        """The document of a block as it stands."""
        return self.changed[block] if block in self.changed else orjson.loads(self.stored.get(block) or BLOCKS[block].nothing)

    def forget(self, blocks: Iterable[str]) -> None:
        self.changed |= {name: orjson.loads(BLOCKS[name].nothing) for name in blocks}
        self.claims = ()


class Claim(NamedTuple):
    """An identifier that a customer says to own since then."""

    identifier: str
    since: datetime


def apply(view: View, event: Event[Payload], *, replayed: bool) -> None:
    """What the event changes. Once: the same activity again changes nothing, nor does anything older than what is there."""
    if isinstance(event.data, Activity):
        _apply_activity(view, event, event.data, replayed=replayed)
    elif view.erased_at is None:
        _CHANGES[type(event.data)](view, event)


def claims(lookups: Iterable[Lookup]) -> list[Claim]:
    """Each identifier once, since the latest."""
    found = sorted(Claim(one.identifier, one.since) for one in lookups)
    return list({claim.identifier: claim for claim in found}.values())


def _apply_activity(view: View, event: Event[Any], activity: Activity, *, replayed: bool) -> None:
    """An activity in its sequence is applied whole. An older one is a duplicate; but if a dead letter was published again,
    its facts are new, and its months and profile older than those that came since. What is older than a reset is void."""
    if event.sequence is None:
        raise InvalidEvent("an activity has a sequence")
    is_next = event.sequence > view.last_sequence
    if not is_next and (not replayed or event.sequence <= view.reset_sequence):
        return
    if activity.resets:
        if not is_next:
            raise InvalidEvent("a reset can not be applied behind what was told after it: have the customer told again")
        view.reset_sequence = event.sequence
        _reset(view, activity, event.time)
    view.last_sequence = max(view.last_sequence, event.sequence)
    view.changed.setdefault("timeline", view.now("timeline"))
    if view.is_gone:
        return
    if is_next:
        _replace(view, activity)
    view.changed["timeline"] = newest([*view.now("timeline"), *map(_entry, activity.facts)], FACTS, kept=FACTS_KEPT)


def _reset(view: View, activity: Activity, at: datetime) -> None:
    view.merged_into = activity.merged_into
    view.erased_at = at if activity.erased else None
    view.forget(BLOCKS if activity.erased else RETOLD)


def _replace(view: View, activity: Activity) -> None:
    if activity.profile is not None:
        profile = _document(activity.profile)
        view.changed["profile"] = bare({name: value for name, value in profile.items() if name not in PERSONAL_PARTS})
        view.claims = claims(activity.profile.lookups)
    if activity.months:
        months = sorted((view.now("behaviour")["months"] | activity.months).items(), reverse=True)
        view.changed["behaviour"] = {"months": dict(months[:MONTHS_KEPT])}


def bare(value: Any) -> Any:
    """Without what is sealed: a copy of it here could be forgotten by nobody."""
    if isinstance(value, dict):
        return {name: bare(one) for name, one in value.items() if not _is_sealed(one)}
    if isinstance(value, list):
        return [bare(one) for one in value if not _is_sealed(one)]
    return value


def _is_sealed(value: Any) -> bool:
    return isinstance(value, str) and (value.startswith(SEALED) or value == ERASED)


def _entry(fact: Fact) -> Document:
    data = bare(fact.data)
    if len(orjson.dumps(data)) > FACT_BYTES:
        data = {name: value for name, value in data.items() if not isinstance(value, list | dict)}
    return {"type": fact.type, "occurred_at": _text(fact.occurred_at), "source": fact.source, "id": fact.id, "data": data}


def _on_rfm_scored(view: View, event: Event[RfmScored]) -> None:
    held, scored_at = view.now("segment"), _text(event.time)
    if held is None or held["scored_at"] <= scored_at:
        view.changed["segment"] = _document(event.data) | {"scored_at": scored_at}


def _on_rfm_dropped(view: View, event: Event[RfmDropped]) -> None:
    held = view.now("segment")
    if held is not None and held["scored_at"] <= _text(event.time):
        view.changed["segment"] = None


def _on_standing_changed(view: View, event: Event[StandingChanged]) -> None:
    held, assessed_at = view.now("standing"), _text(event.time)
    if held is None or held["assessed_at"] <= assessed_at:
        view.changed["standing"] = _document(event.data) | {"assessed_at": assessed_at}


def _on_standing_dropped(view: View, event: Event[StandingDropped]) -> None:
    held = view.now("standing")
    if held is not None and held["assessed_at"] <= _text(event.time):
        view.changed["standing"] = None


def _on_churn_scored(view: View, event: Event[ChurnScored]) -> None:
    held, scored_at = view.now("churn"), _text(event.time)
    if held is None or held["scored_at"] <= scored_at:
        view.changed["churn"] = _document(event.data) | {"scored_at": scored_at}


def _on_churn_score_dropped(view: View, event: Event[ChurnScoreDropped]) -> None:
    held = view.now("churn")
    if held is not None and held["scored_at"] <= _text(event.time):
        view.changed["churn"] = None


def _on_moment_reached(view: View, event: Event[MomentReached]) -> None:
    reached = _document(event.data) | {"reached_at": _text(event.data.reached_at)}
    view.changed["moments"] = newest([*view.now("moments"), reached], MOMENTS, kept=MOMENTS_KEPT)


def _on_alert_raised(view: View, event: Event[AlertRaised]) -> None:
    raised = _document(event.data) | {"raised_at": _text(event.data.raised_at)}
    view.changed["alerts"] = newest([*view.now("alerts"), raised], ALERTS, kept=ALERTS_KEPT)


def _on_decision_made(view: View, event: Event[DecisionMade]) -> None:
    contacts = view.now("contacts")
    decided = _document(event.data) | {"decided_at": _text(event.data.decided_at)}
    decisions = newest([*contacts["decisions"], decided], DECISIONS, kept=CONTACTS_KEPT)
    view.changed["contacts"] = contacts | {"decisions": decisions}


def _on_task_opened(view: View, event: Event[TaskOpened]) -> None:
    times = {"opened_at": _text(event.data.opened_at), "due_at": _text(event.data.due_at)}
    _merge_task(view, {"status": "open", "outcome": None}, _document(event.data) | times)


def _on_outcome_recorded(view: View, event: Event[OutcomeRecorded]) -> None:
    said = _document(event.data) | {"recorded_at": _text(event.data.recorded_at)}
    about = {name: said.pop(name) for name in ("task_id", "campaign_id", "alert_id", "offer_id")}
    # Until the task itself comes, its outcome says when there was one.
    _merge_task(view, {"opened_at": said["recorded_at"]}, about | {"status": "done", "outcome": said})


def _on_task_cancelled(view: View, event: Event[TaskCancelled]) -> None:
    """One that has its outcome stays done: the agent was on the phone."""
    if any(task["task_id"] == event.data.task_id and task["status"] == "done" for task in view.now("contacts")["tasks"]):
        return
    said = _document(event.data) | {"cancelled_at": _text(event.data.cancelled_at)}
    about = {name: said.pop(name) for name in ("task_id", "campaign_id", "alert_id", "offer_id")}
    _merge_task(view, {"opened_at": said["cancelled_at"], "outcome": None}, about | {"status": "cancelled", "cancelled": said})


def _on_task_rescheduled(view: View, event: Event[TaskRescheduled]) -> None:
    """It is told by the topic that told of the task, after it."""
    moved = {"due_at": _text(event.data.due_at), "attempts": event.data.attempts}
    contacts = view.now("contacts")
    tasks = [task | moved if task["task_id"] == event.data.task_id else task for task in contacts["tasks"]]
    view.changed["contacts"] = contacts | {"tasks": tasks}


def _merge_task(view: View, unless_known: Document, known: Document) -> None:
    """A task and its outcome come by two topics: either may be first."""
    contacts = view.now("contacts")
    held: Document = next((task for task in contacts["tasks"] if task["task_id"] == known["task_id"]), {})
    tasks = [*contacts["tasks"], unless_known | held | known]
    view.changed["contacts"] = contacts | {"tasks": newest(tasks, TASKS, kept=CONTACTS_KEPT)}


def newest(entries: Iterable[Document], order: Order, *, kept: int) -> list[Document]:
    """The `kept` newest, newest first. Of those with the same name the last one stands."""
    unique = {order.name(entry): entry for entry in entries}
    return sorted(unique.values(), key=order.key, reverse=True)[:kept]


def _document(payload: Payload | Profile) -> Document:
    return payload.model_dump(mode="json", exclude_none=True)


def _text(moment: datetime) -> str:
    """UTC, of one width: it sorts as the time does."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


_CHANGES: dict[type[Payload], Callable[[View, Event[Any]], None]] = {
    RfmScored: _on_rfm_scored,
    RfmDropped: _on_rfm_dropped,
    StandingChanged: _on_standing_changed,
    StandingDropped: _on_standing_dropped,
    ChurnScored: _on_churn_scored,
    ChurnScoreDropped: _on_churn_score_dropped,
    MomentReached: _on_moment_reached,
    AlertRaised: _on_alert_raised,
    DecisionMade: _on_decision_made,
    TaskOpened: _on_task_opened,
    TaskCancelled: _on_task_cancelled,
    TaskRescheduled: _on_task_rescheduled,
    OutcomeRecorded: _on_outcome_recorded,
}
