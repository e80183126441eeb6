"""What customers may ask for, and how long what is kept is kept."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import StreamingResponse

from services.customer.routes.audit import Reads
from services.customer.schemas.privacy import (
    Consents,
    Erasure,
    Export,
    KeyState,
    LegalHold,
    LegalHolds,
    PrivacyReason,
    RetentionPeriod,
    RetentionPeriods,
)
from services.customer.use_cases import legal_holds, privacy, upkeep
from shared.errors import AuditBroken, Conflict, ErasureRefused, Gone, NotFound
from shared.openapi import raises
from shared.web import PLAIN_TEXT, Actor, InTransaction, Keys, Reading

ROUTER = APIRouter(tags=["privacy"])

CustomerId = Annotated[str, Path(max_length=128, pattern=PLAIN_TEXT)]
HoldId = Annotated[str, Path(max_length=64, pattern=PLAIN_TEXT)]


@ROUTER.get(
    "/customers/{customer_id}/export",
    operation_id="export_customer",
    summary="Everything about one customer, in plain: goes into the audit log",
    response_class=StreamingResponse,
    responses=raises(AuditBroken, Gone, NotFound, also={200: {"model": Export}}),
)
async def export_customer(request: Request, connection: Reading, keyring: Keys, journal: Reads, actor: Actor, customer_id: CustomerId) -> StreamingResponse:
    group = await privacy.group_of(connection, customer_id)
    await journal.note(actor=actor, action="export", customer_id=group[0])
    headers = {"Content-Disposition": 'attachment; filename="customer.json"'}
    return StreamingResponse(privacy.export(request.app.state.database, keyring, group), media_type="application/json", headers=headers)


@ROUTER.get(
    "/customers/{customer_id}/consents",
    operation_id="get_consents",
    summary="What the customer agreed to, now and ever, with the source of each",
    responses=raises(Gone, NotFound),
)
async def get_consents(connection: Reading, customer_id: CustomerId) -> Consents:
    return Consents.model_validate(await privacy.consents(connection, customer_id), strict=False)


@ROUTER.post(
    "/customers/{customer_id}/erasure",
    operation_id="erase_customer",
    summary="Forget the customer for good",
    status_code=201,
    responses=raises(AuditBroken, ErasureRefused, Gone, NotFound),
)
async def erase_customer(tx: InTransaction, keyring: Keys, actor: Actor, customer_id: CustomerId, body: PrivacyReason) -> Erasure:
    """409 `erasure_refused` with the `reasons` when a contract, a debt, a complaint or a legal hold stands against it."""
    return Erasure.model_validate(await privacy.erase(tx, keyring, customer_id, actor=actor, reason=body.reason))


@ROUTER.get("/customers/{customer_id}/erasure", operation_id="get_erasure", summary="The proof that the customer was erased", responses=raises(NotFound))
async def get_erasure(connection: Reading, customer_id: CustomerId) -> Erasure:
    return Erasure.model_validate(await privacy.proof_of(connection, customer_id))


@ROUTER.post(
    "/customers/{customer_id}/legal-holds",
    operation_id="place_legal_hold",
    summary="The customer's data has to be kept",
    status_code=201,
    responses=raises(AuditBroken, Gone, NotFound),
)
async def place_legal_hold(tx: InTransaction, keyring: Keys, actor: Actor, customer_id: CustomerId, body: PrivacyReason) -> LegalHold:
    """Told on `activity`, without the reason: nothing is sold to the customer until it is lifted."""
    return LegalHold.model_validate(await legal_holds.place(tx, keyring, customer_id, actor=actor, reason=body.reason))


@ROUTER.get(
    "/customers/{customer_id}/legal-holds",
    operation_id="list_legal_holds",
    summary="What obliges to keep the customer's data, or did",
    responses=raises(Gone, NotFound),
)
async def list_legal_holds(connection: Reading, customer_id: CustomerId) -> LegalHolds:
    return LegalHolds(items=[LegalHold.model_validate(one) for one in await legal_holds.of(connection, customer_id)])


@ROUTER.post(
    "/legal-holds/{hold_id}/lift", operation_id="lift_legal_hold", summary="It need not be kept any more", responses=raises(AuditBroken, Conflict, NotFound)
)
async def lift_legal_hold(tx: InTransaction, keyring: Keys, actor: Actor, hold_id: HoldId) -> LegalHold:
    return LegalHold.model_validate(await legal_holds.lift(tx, keyring, hold_id, actor=actor))


@ROUTER.get("/keys", operation_id="get_keys", summary="How many data keys are under which master key")
async def get_keys(connection: Reading, keyring: Keys) -> KeyState:
    return KeyState.model_validate(await upkeep.keys(connection, keyring))


@ROUTER.get("/retention-periods", operation_id="list_retention_periods", summary="How long each kind of data is kept, and how much was deleted")
async def list_retention_periods(connection: Reading) -> RetentionPeriods:
    return RetentionPeriods(items=[RetentionPeriod.model_validate(one) for one in await upkeep.expiries(connection)])
