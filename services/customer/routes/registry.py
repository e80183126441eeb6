"""HTTP in: each route calls one use case."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from services.customer.repository import registry as repository
from services.customer.routes.audit import Reads
from services.customer.schemas.registry import (
    KnownCustomer,
    MergeRequest,
    Merges,
    MergeView,
    Owner,
    ParkedEvent,
    ParkedEvents,
    Personal,
    Reconciliation,
    UndoRequest,
)
from services.customer.use_cases import merging, reading
from shared import clock
from shared.errors import AlreadyMerged, AuditBroken, Conflict, Gone, NotFound
from shared.fields import chosen, fields_query
from shared.openapi import raises
from shared.web import PLAIN_TEXT, Actor, InTransaction, Keys, Moment, Reading, decode_cursor, encode_cursor, moment_of

ROUTER = APIRouter(tags=["customer"])


CustomerId = Annotated[str, Path(max_length=128, pattern=PLAIN_TEXT)]
Reveal = Annotated[bool, Query(description="In plain: goes into the audit log")]
KINDS = r"^(msisdn|imsi|imei|document|account|customer):[^\x00-\x1f]+$"
IdentifierAsked = Annotated[
    str, Query(max_length=160, pattern=KINDS, description="`msisdn:`, `imsi:`, `imei:`, `document:`, `account:` or `customer:` and the value")
]
Fields = Annotated[str | None, fields_query(reading.BLOCKS, "Blocks")]
At = Annotated[Moment | None, Query(description="ISO 8601 with its offset")]


@ROUTER.get(
    "/customers",
    operation_id="find_customer",
    summary="The customer whom an identifier belongs to, in one call",
    response_model=KnownCustomer,
    responses=raises(Gone, NotFound),
)
async def find_customer(connection: Reading, keyring: Keys, identifier: IdentifierAsked, fields: Fields = None) -> Response:
    customer_id = await reading.resolve(connection, keyring, identifier, clock.now())
    return _answer(await reading.view(connection, keyring, customer_id, blocks=chosen(fields, reading.BLOCKS)))


@ROUTER.get(
    "/customers/{customer_id}",
    operation_id="get_customer",
    summary="Everything this service knows of one customer, now or at a past moment",
    response_model=KnownCustomer,
    responses=raises(Gone, NotFound),
)
async def get_customer(connection: Reading, keyring: Keys, customer_id: CustomerId, fields: Fields = None, as_of: At = None, known_at: At = None) -> Response:
    """By its id or by an alias. `as_of`: what had happened by then; `known_at`: what had been recorded by then. Either is now
    unless it is given."""
    blocks = chosen(fields, reading.BLOCKS)
    if as_of is None and known_at is None:
        return _answer(await reading.view(connection, keyring, customer_id, blocks=blocks))
    now = clock.now()
    return _answer(await reading.view_as_of(connection, keyring, customer_id, as_of=as_of or now, known_at=known_at or now, blocks=blocks))


@ROUTER.get(
    "/customers/{customer_id}/personal",
    operation_id="get_personal",
    summary="Who the customer is and how they are reached",
    responses=raises(AuditBroken, Gone, NotFound),
)
async def get_personal(
    connection: Reading,
    keyring: Keys,
    journal: Reads,
    actor: Actor,
    customer_id: CustomerId,
    reveal: Reveal = False,
) -> Personal:
    if not reveal:
        return Personal.model_validate(await reading.personal(connection, keyring, customer_id))
    found = Personal.model_validate(await reading.personal(connection, keyring, customer_id, show=lambda kind, value: value))
    await journal.note(actor=actor, action="reveal", customer_id=found.customer_id)
    return found


@ROUTER.get("/owner", operation_id="get_owner", summary="Whose an identifier is, now or at a past moment", responses=raises(NotFound))
async def get_owner(connection: Reading, keyring: Keys, identifier: IdentifierAsked, at: At = None) -> Owner:
    return Owner(identifier=identifier, customer_id=await reading.resolve(connection, keyring, identifier, at or clock.now()))


@ROUTER.post(
    "/merges",
    operation_id="merge_customers",
    summary="Two customers are one person",
    status_code=201,
    responses=raises(AlreadyMerged, AuditBroken, Conflict, NotFound),
)
async def merge_customers(tx: InTransaction, keyring: Keys, actor: Actor, body: MergeRequest) -> MergeView:
    one, other = body.customers
    return MergeView.model_validate(await merging.merge(tx, keyring, one, other, actor=actor, reason=body.reason))


@ROUTER.post("/merges/{merge_id}/undo", operation_id="undo_merge", summary="They were two persons after all", responses=raises(AuditBroken, Conflict, NotFound))
async def undo_merge(
    tx: InTransaction, keyring: Keys, actor: Actor, merge_id: Annotated[str, Path(max_length=64, pattern=PLAIN_TEXT)], body: UndoRequest
) -> MergeView:
    return MergeView.model_validate(await merging.unmerge(tx, keyring, merge_id, actor=actor, reason=body.reason))


@ROUTER.get("/merges", operation_id="list_merges", summary="Who was merged with whom, by whom and why, undone or not")
async def list_merges(
    connection: Reading,
    customer_id: Annotated[str | None, Query(max_length=128, pattern=PLAIN_TEXT)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=1000)] = None,
) -> Merges:
    position = decode_cursor(cursor, str, str)
    before = (moment_of(position[0]), position[1]) if position else None
    rows = await merging.list_merges(connection, customer_id=customer_id, before=before, limit=limit)
    following = encode_cursor(rows[-1]["merged_at"], rows[-1]["merge_id"]) if len(rows) == limit else None
    return Merges(items=[MergeView.model_validate(row) for row in rows], next_cursor=following)


@ROUTER.get("/reconciliation", operation_id="customer_reconciliation", summary="What was accepted, and what became of it")
async def reconciliation(
    connection: Reading, recount: Annotated[bool, Query(description="Count the stored facts too: slow on millions")] = False
) -> Reconciliation:
    return Reconciliation.model_validate(await reading.reconcile(connection, recount=recount))


@ROUTER.get("/parked", operation_id="list_parked", summary="Events that wait for their customer to appear")
async def parked(
    connection: Reading,
    keyring: Keys,
    subject: Annotated[str | None, Query(max_length=110, pattern=PLAIN_TEXT, description="As in an event: `msisdn:8613800138000`")] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=1000)] = None,
) -> ParkedEvents:
    after = decode_cursor(cursor, str, str) or ("", "")
    rows = await repository.list_parked(connection, subject=keyring.subject(subject) if subject else None, after=(after[0], after[1]), limit=limit)
    items = [ParkedEvent.model_validate(one, strict=False) for one in await reading.parked(connection, keyring, rows)]
    return ParkedEvents(items=items, next_cursor=encode_cursor(rows[-1].source, rows[-1].id) if len(rows) == limit else None)


def _answer(document: bytes) -> Response:
    """As it is: it was made from what was validated when it came, and validating fifty facts again is half of the call."""
    return Response(document, media_type="application/json")
