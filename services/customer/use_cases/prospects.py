"""Potential customers: put down, taken on, and recognised when they become customers."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from services.customer.facts import Document, OwnFact, Stored
from services.customer.prospects import STAGES, OpenStage, ProspectStage, became_customer_at, indexes_of, keys_of
from services.customer.repository import prospects as repository
from services.customer.use_cases import audit
from services.customer.use_cases.sealing import keys_for, opened, seal
from shared import clock
from shared.contracts.orders import CustomerRegistered
from shared.contracts.personal import Fields
from shared.database import Transaction
from shared.errors import Conflict, NotFound
from shared.pii import Keyring, Show, mask

PERSONAL: Fields = ((("name",), "name"), (("document",), "document"), (("contact_point", "value"), "contact"))


async def follow(tx: Transaction, stored: Sequence[Stored], profiles: Mapping[str, Document]) -> list[OwnFact]:
    """Convert whoever has a subscription now and is recognised by their document, number or contact point, or was named by
    the registration. Two prospects who are one person are both converted."""
    await _name(tx, stored)
    customers: dict[str, set[str]] = defaultdict(set)
    for one in stored:
        if one.survivor_id in profiles:
            customers[_customer_key(one.customer_id)].add(one.survivor_id)
    for survivor_id, profile in profiles.items():
        for key in keys_of(profile):
            customers[key].add(survivor_id)
    if customers:
        await _convert(tx, customers, profiles)
    return []


async def create(tx: Transaction, keyring: Keyring, prospect: Document, *, actor: str) -> str:
    """The new prospect's id."""
    prospect_id, now = f"P-{uuid.uuid4().hex}", clock.now()
    owner = f"prospect:{prospect_id}"
    personal = {name: prospect[name] for name in ("name", "document", "contact_point") if prospect.get(name)}
    seal(keyring, (await keys_for(tx, keyring, [owner]))[owner], personal, PERSONAL)
    keys = indexes_of([personal.get("document"), personal.get("contact_point", {}).get("value")])
    row = {name: prospect.get(name) for name in ("source", "interest", "agent")}
    row |= {"prospect_id": prospect_id, "stage": "new", "personal": personal, "created_at": now, "changed_at": now}
    await repository.insert_prospect(tx, row, keys)
    await audit.note(tx, keyring, actor=actor, action="create_prospect", details={"prospect_id": prospect_id})
    return prospect_id


async def set_stage(tx: Transaction, keyring: Keyring, prospect_id: str, *, stage: OpenStage, agent: str | None, actor: str) -> Document:
    """Raises NotFound, Conflict when they are a customer already."""
    if not await repository.set_stage(tx, prospect_id, stage=stage, agent=agent, now=clock.now()):
        found = await view(tx, keyring, prospect_id)
        raise Conflict(f"prospect {prospect_id} is customer {found['customer_id']} already")
    found = await view(tx, keyring, prospect_id)
    await audit.note(tx, keyring, actor=actor, action="set_prospect_stage", details={"prospect_id": prospect_id, "stage": stage})
    return found


async def view(tx: Transaction, keyring: Keyring, prospect_id: str, *, show: Show = mask) -> Document:
    """Raises NotFound."""
    row = await repository.get_prospect(tx, prospect_id)
    if row is None:
        raise NotFound(f"no prospect {prospect_id}")
    plain: Document = await opened(tx, keyring, _document(row), show)
    return plain


async def list_prospects(
    tx: Transaction, keyring: Keyring, *, source: str | None, stage: ProspectStage | None, before: tuple[datetime, str] | None, limit: int
) -> list[Document]:
    """Newest first, masked."""
    rows = await repository.list_prospects(tx, source=source, stage=stage, before=before, limit=limit)
    plain: list[Document] = await opened(tx, keyring, [_document(row) for row in rows], mask)
    return plain


async def funnel(tx: Transaction) -> list[Document]:
    """Per source, how many stand at each stage, and the share that became customers."""
    counts: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(STAGES, 0))
    for row in await repository.funnel(tx):
        counts[row.source][row.stage] = row.prospects
    totals = {source: sum(stages.values()) for source, stages in counts.items()}
    return [
        {"source": source, "stages": stages, "total": totals[source], "converted_share": round(stages["converted"] / totals[source], 4)}
        for source, stages in counts.items()
    ]


async def _name(tx: Transaction, stored: Sequence[Stored]) -> None:
    """A registration may say who the customer was as a prospect: known until a subscription is activated."""
    named = [(one.payload.prospect_id, one.customer_id) for one in stored if type(one.payload) is CustomerRegistered and one.payload.prospect_id]
    if named:
        still_open = await repository.open_among(tx, {prospect_id for prospect_id, _ in named})
        await repository.insert_keys(tx, {(_customer_key(customer_id), prospect_id) for prospect_id, customer_id in named if prospect_id in still_open})


async def _convert(tx: Transaction, customers: Mapping[str, set[str]], profiles: Mapping[str, Document]) -> None:
    """Of several customers who could be the prospect, the first to be activated is."""
    found: dict[str, tuple[datetime, str]] = {}
    for one in await repository.recognised(tx, customers):
        for survivor_id in customers[one.key]:
            at = became_customer_at(profiles[survivor_id], one.created_at, named=one.key.startswith("customer:"))
            if at is not None:
                found[one.prospect_id] = min((at, survivor_id), found.get(one.prospect_id, (at, survivor_id)))
    for prospect_id, (at, survivor_id) in found.items():
        await repository.convert(tx, prospect_id, customer_id=survivor_id, at=at, now=clock.now())


def _customer_key(customer_id: str) -> str:
    return f"customer:{customer_id}"


def _document(row: Any) -> Document:
    names = ("prospect_id", "source", "stage", "interest", "agent", "created_at", "changed_at", "customer_id", "converted_at")
    document: Document = {name: getattr(row, name) for name in names} | row.personal
    return document
