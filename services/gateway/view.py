"""The 360 view of one customer: blocks of JSON, each changed by the events of one service, in whatever order they come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any, NamedTuple

import orjson

from shared.contracts.customer import Activity, Fact, Profile
from shared.contracts.envelope import Event, Payload
from shared.contracts.retention import DecisionMade, OutcomeRecorded, TaskOpened
from shared.contracts.segmentation import AlertRaised, RfmScored
from shared.errors import InvalidEvent

Document = dict[str, Any]

MONTHS_KEPT = 13
FACTS_KEPT = 50
ALERTS_KEPT = 50
CONTACTS_KEPT = 50
# Of what is longer, the timeline shows no lists: fifty facts have to stay one answer.
FACT_BYTES = 2_000
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


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
DECISIONS = Order(itemgetter("decision_id"), itemgetter("decided_at", "decision_id"))
TASKS = Order(itemgetter("task_id"), itemgetter("opened_at", "task_id"))

BLOCKS = {
    "profile": Block("customer", "null"),
    "behaviour": Block("customer", '{"months":{}}'),
    "timeline": Block("customer", "[]"),
    "segment": Block("segmentation", "null"),
    "alerts": Block("segmentation", "[]"),
    "contacts": Block("retention", '{"decisions":[],"tasks":[]}'),
}


@dataclass(slots=True)
class View:
    """The blocks of one customer while a batch works on them; `stored` is the row, with the blocks as text."""

    customer_id: str
    last_sequence: int = 0
    stored: Mapping[str, Any] = field(default_factory=dict)
    changed: dict[str, Any] = field(default_factory=dict)

    def now(self, block: str) -> Any:
        """The document of a block as it stands."""
        return self.changed[block] if block in self.changed else orjson.loads(self.stored.get(block) or BLOCKS[block].nothing)


class Claim(NamedTuple):
    """An identifier that a customer says to own since then."""

    identifier: str
    since: datetime


def apply(view: View, event: Event[Payload], *, replayed: bool) -> None:
    """What the event changes. Once: the same activity again changes nothing, nor does anything older than what is there."""
    if isinstance(event.data, Activity):
        _apply_activity(view, event, event.data, replayed=replayed)
    else:
        _CHANGES[type(event.data)](view, event)


def claims(profile: Document) -> list[Claim]:
    """The accounts and numbers of a profile; not the numbers whose subscription ended. Each once, since the latest."""
    found = [Claim(f"account:{account}", BEGINNING) for account in profile["accounts"]]
    for one in profile["subscriptions"]:
        if "msisdn" in one and "terminated_at" not in one:
            since = datetime.fromisoformat(one["activated_at"]) if "activated_at" in one else BEGINNING
            found.append(Claim(f"msisdn:{one['msisdn']}", since))
    return list({claim.identifier: claim for claim in sorted(found)}.values())


def answer(row: Any) -> bytes:
    """The view as JSON, put together from the stored text of its blocks: nothing is parsed, nothing is written anew."""
    parts = [f'{{"customer_id":{orjson.dumps(row.customer_id).decode()},"sequence":{row.last_sequence}']
    parts += [f'"{name}":{getattr(row, name) or block.nothing}' for name, block in BLOCKS.items()]
    parts.append(f'"freshness":{orjson.dumps(_freshness(row), option=orjson.OPT_UTC_Z).decode()}}}')
    return ",".join(parts).encode()


def _freshness(row: Any) -> Document:
    return {name: {"updated_at": getattr(row, f"{name}_at"), "source": block.source} for name, block in BLOCKS.items()}


def _apply_activity(view: View, event: Event[Any], activity: Activity, *, replayed: bool) -> None:
    """An activity in its sequence is applied whole. An older one is a duplicate; but if a dead letter was published again,
    its facts are new, and its months and profile older than those that came since."""
    if event.sequence is None:
        raise InvalidEvent("an activity has a sequence")
    if event.sequence > view.last_sequence:
        view.last_sequence = event.sequence
        if activity.profile is not None:
            view.changed["profile"] = _document(activity.profile)
        if activity.months:
            months = sorted((view.now("behaviour")["months"] | activity.months).items(), reverse=True)
            view.changed["behaviour"] = {"months": dict(months[:MONTHS_KEPT])}
    elif not replayed:
        return
    facts = [*view.now("timeline"), *map(_entry, activity.facts)]
    view.changed["timeline"] = _newest(facts, FACTS, kept=FACTS_KEPT)


def _entry(fact: Fact) -> Document:
    entry = {"type": fact.type, "occurred_at": _text(fact.occurred_at), "source": fact.source, "id": fact.id, "data": fact.data}
    if len(orjson.dumps(fact.data)) > FACT_BYTES:
        entry["data"] = {name: value for name, value in fact.data.items() if not isinstance(value, list | dict)}
    return entry


def _on_rfm_scored(view: View, event: Event[RfmScored]) -> None:
    held, scored_at = view.now("segment"), _text(event.time)
    if held is None or held["scored_at"] <= scored_at:
        view.changed["segment"] = _document(event.data) | {"scored_at": scored_at}


def _on_alert_raised(view: View, event: Event[AlertRaised]) -> None:
    raised = _document(event.data) | {"raised_at": _text(event.data.raised_at)}
    view.changed["alerts"] = _newest([*view.now("alerts"), raised], ALERTS, kept=ALERTS_KEPT)


def _on_decision_made(view: View, event: Event[DecisionMade]) -> None:
    contacts = view.now("contacts")
    decided = _document(event.data) | {"decided_at": _text(event.data.decided_at)}
    decisions = _newest([*contacts["decisions"], decided], DECISIONS, kept=CONTACTS_KEPT)
    view.changed["contacts"] = contacts | {"decisions": decisions}


def _on_task_opened(view: View, event: Event[TaskOpened]) -> None:
    times = {"opened_at": _text(event.data.opened_at), "due_at": _text(event.data.due_at)}
    _merge_task(view, {"status": "open", "outcome": None}, _document(event.data) | times)


def _on_outcome_recorded(view: View, event: Event[OutcomeRecorded]) -> None:
    said = _document(event.data) | {"recorded_at": _text(event.data.recorded_at)}
    about = {name: said.pop(name) for name in ("task_id", "campaign_id", "alert_id", "offer_id")}
    # Until the task itself comes, its outcome says when there was one.
    _merge_task(view, {"opened_at": said["recorded_at"]}, about | {"status": "done", "outcome": said})


def _merge_task(view: View, unless_known: Document, known: Document) -> None:
    """A task and its outcome come by two topics: either may be first."""
    contacts = view.now("contacts")
    held: Document = next((task for task in contacts["tasks"] if task["task_id"] == known["task_id"]), {})
    tasks = [*contacts["tasks"], unless_known | held | known]
    view.changed["contacts"] = contacts | {"tasks": _newest(tasks, TASKS, kept=CONTACTS_KEPT)}


def _newest(entries: Iterable[Document], order: Order, *, kept: int) -> list[Document]:
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
    AlertRaised: _on_alert_raised,
    DecisionMade: _on_decision_made,
    TaskOpened: _on_task_opened,
    OutcomeRecorded: _on_outcome_recorded,
}
