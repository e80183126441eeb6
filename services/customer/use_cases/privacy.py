"""What customers may ask for: everything about them, what they agreed to, and to be forgotten."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import AsyncIterator, Collection
from datetime import datetime, timedelta
from typing import Any

import orjson

from services.customer.facts import Document
from services.customer.obligations import Obligation, obligations, owed
from services.customer.repository import legal_holds, matching, registry
from services.customer.repository import privacy as repository
from services.customer.tables.holdings import HOLDINGS
from services.customer.use_cases import audit
from services.customer.use_cases.publishing import send
from services.customer.use_cases.reading import live
from services.customer.use_cases.sealing import opened
from services.customer.use_cases.work import Work
from shared import clock
from shared.contracts.personal import personal_fields, rewrite
from shared.contracts.registry import PAYLOADS
from shared.contracts.topics import INPUTS, TOPICS
from shared.database import Database, Transaction
from shared.errors import ErasureRefused, NotFound
from shared.pii import ERASED, SUBJECTS_INDEXED, Keyring

EXPORT_ROWS = 500
STRIPPED_AT_ONCE = 1000
NOBODY: Document = {"accounts": [], "subscriptions": []}


async def group_of(tx: Transaction, customer_id: str) -> list[str]:
    """The customer, and everybody it carries on for. Raises NotFound, Gone."""
    survivor_id = (await live(tx, customer_id)).customer_id
    return (await registry.members(tx, [survivor_id]))[survivor_id]


async def export(database: Database, keyring: Keyring, group: Collection[str]) -> AsyncIterator[bytes]:
    """Everything about the customer, table by table, in plain, as one JSON document in pieces."""
    head = {"customer_id": next(iter(group)), "aliases": list(group)[1:], "exported_at": clock.now()}
    yield orjson.dumps(head)[:-1] + b',"tables":['
    async with database.reading() as connection:
        for number, holding in enumerate(HOLDINGS):
            about = orjson.dumps({"table": holding.table.name, "holds": holding.holds})
            yield (b"," if number else b"") + about[:-1] + b',"rows":['
            is_first = True
            async for page in repository.pages_of(connection, holding, group, limit=EXPORT_ROWS):
                rows = await opened(connection, keyring, page)
                yield (b"" if is_first else b",") + orjson.dumps(rows)[1:-1]
                is_first = False
            yield b"]}"
    yield b"]}"


async def consents(tx: Transaction, customer_id: str) -> Document:
    """What holds now, and everything that was ever said about it. Raises NotFound, Gone."""
    group = await group_of(tx, customer_id)
    profile = (await registry.profiles(tx, group[:1]))[group[0]]
    history = [
        consent | {"said_at": row.occurred_at, "recorded_at": row.recorded_at, "customer_id": row.customer_id, "source": row.source, "event_id": row.id}
        for row in await repository.consent_facts(tx, group)
        for consent in row.data.get("consents") or ()
    ]
    return {"customer_id": group[0], "do_not_contact": bool(profile.get("do_not_contact")), "consents": profile.get("consents") or [], "history": history}


async def erase(tx: Transaction, keyring: Keyring, customer_id: str, *, actor: str, reason: str) -> Document:
    """Destroy what identifies the customer, for good; what was counted stays. The proof of it. Raises NotFound, Gone, ErasureRefused.

    1. Everybody the customer is one person with is locked, so nothing new comes while it is done.
    2. Nothing may stand against it.
    3. The data keys are destroyed: sealed copies on the bus, in other services and in logs can not be opened any more.
    4. What leads to the customer is deleted; facts keep what was counted by them and lose every personal text.
    5. Whoever reads `activity` is told, under every id the customer had.
    6. The proof is kept, and its digest stands in the audit log.
    """
    work = Work(tx, keyring, clock.now())
    group = await _locked(work, customer_id)
    against = await _obligations(work, group)
    if against:
        raise ErasureRefused(f"{group[0]} can not be erased yet", reasons=[one._asdict() for one in against])
    owners = [*group, *(f"prospect:{one}" for one in await repository.strip_prospects(tx, group))]
    key_ids = await repository.destroy_keys(tx, owners, work.now)
    counts = await _strip(work, group)
    # Who compares them at this moment does not see this yet, and would put back what they are compared by.
    await matching.enqueue(tx, group)
    await send(work, {one: [{"resets": True, "restated": True, "erased": True}] for one in group})
    proof = _proof(group, actor=actor, reason=reason, at=work.now, key_ids=key_ids, counts=counts)
    await repository.insert_erasure(tx, proof)
    details = {"erasure_id": proof["erasure_id"], "digest": proof["digest"]}
    await audit.note(tx, keyring, actor=actor, action="erase", customer_id=group[0], details=details)
    return proof


async def proof_of(tx: Transaction, customer_id: str) -> Document:
    """Of the last time the customer was erased. Raises NotFound."""
    row = await registry.get_customer(tx, customer_id)
    found = await repository.last_erasure(tx, row.survivor_id or customer_id) if row else None
    if found is None:
        raise NotFound(f"{customer_id} was not erased")
    return found._asdict()


def digest_of(proof: Document) -> str:
    """What the audit log holds of the proof: whoever alters the one contradicts the other."""
    content = {str(name): value for name, value in proof.items() if name != "digest"}
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z)).hexdigest()


async def _locked(work: Work, customer_id: str) -> list[str]:
    await live(work.tx, customer_id)
    await work.lock([customer_id])
    survivor_id = work.survivor_of[customer_id]
    group = (await registry.members(work.tx, [survivor_id]))[survivor_id]
    await work.lock(group)
    await live(work.tx, customer_id)
    return group


async def _obligations(work: Work, group: list[str]) -> list[Obligation]:
    profile = (await registry.profiles(work.tx, group[:1]))[group[0]]
    return obligations(
        profile,
        owed=owed(await repository.billing_facts(work.tx, group)),
        open_cases=await repository.open_cases(work.tx, group[0], work.now),
        holds=[row.hold_id for row in await legal_holds.of(work.tx, group) if row.lifted_at is None],
    )


async def _strip(work: Work, group: list[str]) -> dict[str, int]:
    """How many rows of each table; dead letters go first: the identifiers lead to them."""
    counts = {"dead_letters": await repository.delete_dead_letters(work.tx, group)}
    counts |= await repository.delete_holdings(work.tx, group)
    counts["identifiers"] = await repository.delete_identifiers(work.tx, group)
    counts["facts"] = await _strip_facts(work, group)
    await repository.strip_customers(work.tx, group, profile=NOBODY, at=work.now)
    return counts


async def _strip_facts(work: Work, group: Collection[str]) -> int:
    """The keyed index in a token and in a subject is still somebody's number: it goes with the text."""
    rows = [stripped for row in await registry.facts_of(work.tx, group) if (stripped := _stripped(row._asdict()))]
    for first in range(0, len(rows), STRIPPED_AT_ONCE):
        await repository.save_stripped(work.tx, rows[first : first + STRIPPED_AT_ONCE])
    return len(rows)


def _stripped(fact: Document) -> Document | None:
    """None when there is nothing personal in it."""
    fields = personal_fields(PAYLOADS[fact["type"]])
    is_by_number = fact["subject"].partition(":")[0] in SUBJECTS_INDEXED
    if not fields and not is_by_number:
        return None
    rewrite(fact["data"], fields, lambda kind, value: ERASED)
    return fact | ({"subject": f"customer:{fact['customer_id']}"} if is_by_number else {})


def _proof(group: list[str], *, actor: str, reason: str, at: datetime, key_ids: list[str], counts: dict[str, int]) -> Document:
    plain = {topic.name: at + timedelta(days=topic.retention_days) for topic in TOPICS if topic.name in INPUTS}
    proof: dict[str, Any] = {
        "erasure_id": uuid.uuid4().hex,
        "customer_id": group[0],
        "aliases": group[1:],
        "reason": reason,
        "erased_by": actor,
        "erased_at": at,
        "key_ids": key_ids,
        "counts": counts,
        "readable_until": {name: moment.isoformat() for name, moment in plain.items()},
    }
    return proof | {"digest": digest_of(proof)}
