"""What we report of cases ourselves: that our own desk took one further, and that a stage was not done in time."""

from __future__ import annotations

import uuid
from typing import Literal

from services.customer.cases import STAGES, Case, Stage
from services.customer.facts import Document, OwnFact
from services.customer.repository import cases as repository
from services.customer.repository import registry
from services.customer.use_cases import audit
from services.customer.use_cases.cases import cases_of_survivors, one_case, refold, view
from services.customer.use_cases.recording import report
from shared import clock
from shared.contracts.care import ComplaintProgressed, ComplaintResolved
from shared.contracts.customer import CaseOverdue
from shared.contracts.envelope import Payload
from shared.database import Database, Transaction
from shared.errors import Conflict
from shared.pii import Keyring

LOOK_SECONDS = 5.0
RAISED_AT_ONCE = 200
# Names the facts that are found out here: customer, complaint and stage together are longer than an id may be.
_NAMES = uuid.UUID("6f3b6a54-6d1c-4f3e-9a59-2f6b8a0f4c11")

LaterStage = Literal["analysis", "resolution", "feedback"]


async def progress(
    tx: Transaction, keyring: Keyring, complaint_id: str, *, stage: LaterStage, agent: str, note: str, customer_id: str | None, actor: str
) -> Document:
    """Take a case to a later stage: reported as the care desk would, and the same again changes nothing.

    Raises NotFound, Conflict when the case is further than that, or closed.
    """
    row = await one_case(tx, complaint_id, customer_id)
    await registry.lock_customers(tx, {row.survivor_id, row.customer_id})
    row = await one_case(tx, complaint_id, row.survivor_id)
    now = clock.now()
    if row.closed_at and row.closed_at <= now:
        raise Conflict(f"the case was closed at {row.closed_at.isoformat()}: who complains again has a new one")
    if STAGES.index(row.stage) > STAGES.index(stage) or (row.stage == stage and row.agent != agent):
        raise Conflict(f"the case is in {row.stage} already" + (f", with {row.agent}" if row.agent else ""))
    if row.stage == stage:
        return await view(tx, keyring, complaint_id, customer_id=row.survivor_id)
    fact = OwnFact(row.customer_id, _name(row.customer_id, complaint_id, stage), _progressed(complaint_id, stage, agent, note), now)
    await report(tx, keyring, [fact])
    await refold(tx, [row.survivor_id])
    found = await view(tx, keyring, complaint_id, customer_id=row.survivor_id)
    details = {"complaint_id": complaint_id, "stage": stage, "agent": agent}
    await audit.note(tx, keyring, actor=actor, action="progress_case", customer_id=row.survivor_id, details=details)
    return found


async def raise_overdue(database: Database, keyring: Keyring | None) -> bool:
    """A page of the stages that were not done in time: each is reported once. Whether there may be more at once."""
    assert keyring, "the worker of this service is sealed"
    async with database.transaction() as tx:
        now = clock.now()
        survivors = await repository.survivors_to_raise(tx, now, limit=RAISED_AT_ONCE)
        if not survivors:
            return False
        await registry.lock_customers(tx, survivors)
        cases = await cases_of_survivors(tx, survivors)
        own = [_overdue(case, stage) for listed in cases.values() for case in listed for stage in case.to_raise(now)]
        if own:
            await report(tx, keyring, own)
        await refold(tx, survivors)
    return len(survivors) == RAISED_AT_ONCE


def _progressed(complaint_id: str, stage: LaterStage, agent: str, note: str) -> Payload:
    """Downstream a complaint is over when it was resolved, whoever said so."""
    if stage == "feedback":
        return ComplaintResolved(complaint_id=complaint_id, resolution=note, agent=agent)
    return ComplaintProgressed(complaint_id=complaint_id, stage=stage, agent=agent, note=note)


def _overdue(case: Case, stage: Stage) -> OwnFact:
    """It happened when the time had passed, however late it is found out."""
    payload = CaseOverdue(complaint_id=case.complaint_id, stage=stage.stage, severity=case.severity, due_at=stage.due_at)
    return OwnFact(case.customer_id, _name(case.customer_id, case.complaint_id, "overdue", stage.stage), payload, stage.due_at)


def _name(*parts: str) -> str:
    return f"case:{uuid.uuid5(_NAMES, '|'.join(parts))}"
