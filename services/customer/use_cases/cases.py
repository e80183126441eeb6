"""Complaints as cases: folded again whenever something was reported about them, listed, and shown."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from services.customer.cases import COMPLAINT_TYPES, STAR_TYPES, Case, CaseFact, CaseState, cases_of
from services.customer.facts import Document, OwnFact, Stored
from services.customer.repository import cases as repository
from services.customer.repository import registry
from services.customer.repository.cases import Position
from services.customer.use_cases.reading import survivor_of
from services.customer.use_cases.sealing import opened
from shared import clock
from shared.contracts.care import ComplaintEscalated, ComplaintOpened, ComplaintProgressed, ComplaintResolved, SurveyAnswered
from shared.database import Transaction
from shared.errors import Conflict, NotFound
from shared.pii import Keyring, Show, mask

# In which field each fact about a complaint says something in words.
WORDS = {
    ComplaintOpened.type: "summary",
    ComplaintProgressed.type: "note",
    ComplaintEscalated.type: "reason",
    ComplaintResolved.type: "resolution",
    SurveyAnswered.type: "regarding",
}


async def follow(tx: Transaction, stored: Sequence[Stored], profiles: Mapping[str, Document]) -> list[OwnFact]:
    """Fold again what something was reported about. A star may be reported after the complaint that it counts for."""
    complained = {one.survivor_id for one in stored if one.type in COMPLAINT_TYPES}
    starred = {one.survivor_id for one in stored if one.type in STAR_TYPES and getattr(one.payload, "service_star", None)}
    if starred:
        complained |= await repository.with_cases(tx, starred)
    await refold(tx, complained)
    return []


async def refold(tx: Transaction, customer_ids: Collection[str]) -> None:
    """After facts of these (locked) customers came or went, or they were merged or made two again."""
    if not customer_ids:
        return
    survivors = await repository.survivors(tx, customer_ids)
    found = await cases_of_survivors(tx, survivors)
    now = clock.now()
    rows = [_row(survivor_id, case, now) for survivor_id, cases in found.items() for case in cases]
    await repository.replace_cases(tx, survivors.union(customer_ids), rows)


async def cases_of_survivors(tx: Transaction, survivor_ids: Collection[str]) -> dict[str, list[Case]]:
    """Survivor -> the cases of everybody it carries on for."""
    groups = await registry.members(tx, survivor_ids)
    facts = await repository.case_facts(tx, [member for group in groups.values() for member in group])
    return {survivor_id: cases_of(fact for member in group for fact in facts.get(member, ())) for survivor_id, group in groups.items()}


async def list_cases(
    tx: Transaction, *, state: CaseState | None, overdue: bool | None, customer_id: str | None, after: Position | None, limit: int
) -> list[Document]:
    """What is due first comes first. `customer_id` may be an alias."""
    now = clock.now()
    survivor_id = await survivor_of(tx, customer_id) if customer_id else None
    rows = await repository.list_cases(tx, state=state, overdue=overdue, survivor_id=survivor_id, now=now, after=after, limit=limit)
    return [_listed(row._asdict(), now) for row in rows]


async def surveys_due(tx: Transaction, *, after: Position | None, limit: int) -> list[Document]:
    """Resolved cases whose customer may still be asked whether it helped, with the channels on which they agreed to be asked."""
    rows = await repository.list_cases(tx, state="feedback", overdue=None, survivor_id=None, now=clock.now(), after=after, limit=limit)
    profiles = await registry.profiles(tx, {row.survivor_id for row in rows})
    return [
        {
            "complaint_id": row.complaint_id,
            "customer_id": row.survivor_id,
            "kind": row.kind,
            "channel": row.channel,
            "resolved_at": row.began_at,
            "due_at": row.due_at,
            "consented_channels": _survey_channels(profiles.get(row.survivor_id, {})),
        }
        for row in rows
    ]


async def view(tx: Transaction, keyring: Keyring, complaint_id: str, *, customer_id: str | None, show: Show = mask) -> Document:
    """One case with everything about it. Raises NotFound, Conflict when two customers have a complaint of this id."""
    row = await one_case(tx, complaint_id, customer_id)
    cases = await cases_of_survivors(tx, [row.survivor_id])
    case = next((one for one in cases.get(row.survivor_id, ()) if one.complaint_id == complaint_id), None)
    if case is None:
        raise NotFound(f"no case {complaint_id}")
    plain: Document = await opened(tx, keyring, _document(row.survivor_id, case, clock.now()), show)
    return plain


async def one_case(tx: Transaction, complaint_id: str, customer_id: str | None) -> sa.Row[Any]:
    """Raises NotFound, Conflict when two customers have a complaint of this id."""
    rows = await repository.find_cases(tx, complaint_id, await survivor_of(tx, customer_id) if customer_id else None)
    if not rows:
        raise NotFound(f"no case {complaint_id}")
    if len(rows) > 1:
        raise Conflict(f"several customers have a case {complaint_id}: say whose by customer_id")
    return rows[0]


def _row(survivor_id: str, case: Case, now: datetime) -> Document:
    return {
        "survivor_id": survivor_id,
        "complaint_id": case.complaint_id,
        "customer_id": case.customer_id,
        "kind": case.opening["kind"],
        "severity": case.severity,
        "channel": case.opening["channel"],
        "stage": case.stage.stage,
        "agent": case.stage.agent,
        "opened_at": case.stages[0].began_at,
        "began_at": case.stage.began_at,
        "due_at": case.stage.due_at,
        "closed_at": case.closed_at,
        "raise_at": None if case.state_at(now) == "closed" else case.raise_at,
    }


def _listed(row: Mapping[str, Any], now: datetime) -> Document:
    is_closed = row["closed_at"] is not None and row["closed_at"] <= now
    names = ("complaint_id", "kind", "severity", "channel", "agent", "opened_at", "due_at")
    return {name: row[name] for name in names} | {
        "customer_id": row["survivor_id"],
        "state": "closed" if is_closed else row["stage"],
        "overdue": not is_closed and row["due_at"] < now,
        "closed_at": row["closed_at"] if is_closed else None,
    }


def _document(survivor_id: str, case: Case, now: datetime) -> Document:
    return _listed(_row(survivor_id, case, now), now) | {
        "complained_as": case.customer_id,
        "network_fault": case.opening.get("network_fault"),
        "stages": [stage._asdict() | {"late": stage.is_late and stage.due_at < (stage.ended_at or now)} for stage in case.stages],
        "answer": _answer(case.answer),
        "history": [_told(fact) for fact in case.facts],
    }


def _survey_channels(profile: Document) -> list[str]:
    if profile.get("do_not_contact"):
        return []
    return [one["channel"] for one in profile.get("consents", ()) if one.get("purpose") == "survey" and one["granted"]]


def _answer(fact: CaseFact | None) -> Document | None:
    return {"answered_at": fact.occurred_at, "csat": fact.data.get("csat"), "nps": fact.data.get("nps")} if fact else None


def _told(fact: CaseFact) -> Document:
    said = {name: fact.data.get(name) for name in ("stage", "agent", "severity")}
    return {"at": fact.occurred_at, "source": fact.source, "id": fact.id, "type": fact.type, "text": fact.data.get(WORDS.get(fact.type, "")) or None} | said
