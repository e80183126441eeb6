"""What a decision looked at, written down so that it can be made again: the same rule on the same inputs gives the same answer.

The inputs are canonical JSON: what is as a field's default is left out, keys are sorted. Campaign and offers stand in it by version, the hash of
their content, which is kept once for all decisions that saw it. What is said of the person is their own part (`customer`, `zone`, and what
stands beside in `worth`): it goes when they are erased. A field that is added to a part needs a default, so that older receipts can be read.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, asdict, fields
from datetime import datetime, time, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import orjson

from services.retention.arbitration import Record, Weighed
from services.retention.calling_hours import CallingHours
from services.retention.campaign import Campaign, Offer, Variant
from services.retention.channel_choice import Choice
from services.retention.contact_policy import GATES, POLICY, Situation
from services.retention.contactable import Contactable
from services.retention.decision import Decision, Verdict, decide
from services.retention.offering import with_offer
from services.retention.reachability import Reach
from services.retention.service import Key, Trouble
from services.retention.worth import Worth

Document = dict[str, Any]

PLAIN = (
    "objections", "assigned", "assigned_variant", "contacts", "open_tasks", "members",
    "cost_minor", "budget_used_minor", "left", "contact_cost_minor", "facts", "exposed_days", "planned", "planned_why",
)  # fmt: skip
"""Fields of a situation that are JSON as they are."""


class Written(NamedTuple):
    inputs: str
    contents: Mapping[str, str]
    """Version -> what it stands for: the campaign and the offers."""


class Answer(NamedTuple):
    """What is compared when a decision is made again."""

    verdict: Verdict
    failed_gate: str | None
    arm: str | None
    variant: str | None
    offer_id: str | None
    gates: Sequence[Mapping[str, Any]]
    weighed: Sequence[Mapping[str, Any]]


def policy_version() -> str:
    """Of the rules: their number, and the gates in their order."""
    return f"{POLICY}-{hashlib.sha256(' '.join(rule.__name__ for rule in GATES).encode()).hexdigest()[:8]}"


def write(s: Situation, **beside: str) -> Written:
    """`beside`: what else the answer names, that no gate looks at."""
    contents: dict[str, str] = {}

    def version(thing: Campaign | Offer) -> str:
        content = _canonical(asdict(thing))
        name = hashlib.sha256(content.encode()).hexdigest()[:16]
        contents[name] = content
        return name

    defaults = {one.name: _default(one) for one in fields(Situation)}
    inputs: Document = {name: getattr(s, name) for name in PLAIN if getattr(s, name) != defaults[name]}
    inputs |= {"at": s.now, "campaign": version(s.campaign), "customer": _told(s.customer), "zone": s.zone.key if s.zone else None}
    inputs |= {"waited_us": s.waited // timedelta(microseconds=1)} if s.waited else {}
    inputs |= {"offer": version(s.offer)} if s.offer else {}
    inputs |= {"listed": [version(one) for one in s.listed]} if s.listed else {}
    inputs |= {"records": s.records} if s.records else {}
    inputs |= {"choice": s.choice} if s.choice else {}
    inputs |= {"troubles": [asdict(one) for one in s.troubles]} if s.troubles else {}
    inputs |= {"quiet_days": s.quiet_after_fix.days}
    inputs |= {"reach": asdict(s.reach)} if s.reach else {}
    inputs |= beside
    return Written(_canonical(inputs), contents)


def read(inputs: str, contents: Mapping[str, str], *, worth: Mapping[str, Any], weighed: Sequence[Mapping[str, Any]]) -> Situation:
    """`worth` and `weighed` stand beside the inputs, in columns of their own. Raises KeyError where a content is missing."""
    told: Document = orjson.loads(inputs)
    plain = {name: told[name] for name in PLAIN if name in told}
    return Situation(
        **{"assigned": None, "contacts": 0, "open_tasks": 0} | plain,
        now=datetime.fromisoformat(told["at"]),
        customer=_customer(told["customer"]),
        campaign=_campaign(orjson.loads(contents[told["campaign"]])),
        waited=timedelta(microseconds=told.get("waited_us", 0)),
        offer=_offer(orjson.loads(contents[told["offer"]])) if "offer" in told else None,
        listed=[_offer(orjson.loads(contents[one])) for one in told.get("listed", ())],
        zone=ZoneInfo(told["zone"]) if told["zone"] else None,
        records={offer_id: Record(*record) for offer_id, record in told.get("records", {}).items()},
        choice=Choice(*told["choice"]) if "choice" in told else None,
        troubles=[_trouble(one) for one in told.get("troubles", ())],
        quiet_after_fix=timedelta(days=told["quiet_days"]),
        reach=_reach(told["reach"]) if "reach" in told else None,
        weighed=[Weighed(**one) for one in weighed],
        worth=Worth(**worth) if worth else None,
    )


def versions_in(inputs: str) -> list[str]:
    told: Document = orjson.loads(inputs)
    return sorted({told["campaign"], *told.get("listed", ()), *([told["offer"]] if "offer" in told else [])})


def again(s: Situation) -> Answer:
    """The offer is chosen anew where it was chosen of a list; where something else chose it, that choice is an input."""
    chosen = with_offer(s) if s.listed else s
    return answer(chosen, decide(chosen))


def answer(s: Situation, made: Decision) -> Answer:
    offer_id = made.contact.offer.offer_id if made.contact else None
    gates = [gate.model_dump() for gate in made.gates]
    return Answer(made.verdict, made.failed_gate, made.arm, made.variant, offer_id, gates, [one._asdict() for one in s.weighed])


def difference(stored: Answer, today: Answer) -> list[str]:
    """What of the answer is another one; gates by name."""
    parts = [name for name in Answer._fields if name != "gates" and getattr(stored, name) != getattr(today, name)]
    before, after = ({gate["gate"]: gate for gate in one.gates} for one in (stored, today))
    return parts + [f"gate {name}" for name in before | after if before.get(name) != after.get(name)]


def _canonical(document: Mapping[str, Any]) -> str:
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS, default=_plain).decode()


def _plain(value: Any) -> Any:
    """What JSON does not know: named tuples and the like."""
    if isinstance(value, tuple | set | frozenset):
        return list(value) if isinstance(value, tuple) else sorted(value)
    raise TypeError(type(value).__name__)


def _told(customer: Contactable) -> Document:
    """`False` is no default: not to have been told is None."""
    return {one.name: getattr(customer, one.name) for one in fields(Contactable) if getattr(customer, one.name) != _default(one)}


def _default(one: Any) -> Any:
    return one.default if one.default is not MISSING else one.default_factory() if one.default_factory is not MISSING else MISSING


def _customer(told: Document) -> Contactable:
    moments = {name: datetime.fromisoformat(told[name]) for name in ("left_at", "bereaved_at") if told.get(name)}
    return Contactable(**told | moments)


def _trouble(told: Document) -> Trouble:
    moments = {name: datetime.fromisoformat(told[name]) for name in ("began_at", "ended_at") if told[name]}
    return Trouble(**told | {"key": Key(*told["key"])} | moments)


def _reach(told: Document) -> Reach:
    return Reach(**told | ({"seen_at": datetime.fromisoformat(told["seen_at"])} if told["seen_at"] else {}))


def _campaign(told: Document) -> Campaign:
    hours = CallingHours(*map(time.fromisoformat, told["hours"]))
    return Campaign(**told | {"hours": hours, "variants": [Variant(**one) for one in told["variants"]]})


def _offer(told: Document) -> Offer:
    ends = {"valid_to": datetime.fromisoformat(told["valid_to"]) if told["valid_to"] else None}
    return Offer(**told | {"valid_from": datetime.fromisoformat(told["valid_from"])} | ends)
