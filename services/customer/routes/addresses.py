"""HTTP in, from our own services only: the one address that a message is to go to. The gateway passes none of it on."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Header, Path, Query, Request

from services.customer.routes.audit import Reads
from services.customer.schemas.addresses import Address
from services.customer.use_cases import reading
from shared.auth import require_secret
from shared.errors import AuditBroken, Gone, NotFound, ServicesOnly
from shared.openapi import raises
from shared.web import PLAIN_TEXT, Actor, Keys, Reading


async def _of_a_service(request: Request, secret: Annotated[str, Header(alias="X-Service-Secret", max_length=500)] = "") -> None:
    """Raises ServicesOnly."""
    require_secret(request.app.state.settings, secret)


ROUTER = APIRouter(prefix="/internal", tags=["internal"], dependencies=[Depends(_of_a_service)], responses=raises(ServicesOnly))


@ROUTER.get(
    "/customers/{customer_id}/address",
    operation_id="get_address",
    summary="Where a message to the customer goes, in plain: goes into the audit log",
    responses=raises(AuditBroken, Gone, NotFound),
)
async def get_address(
    connection: Reading,
    keyring: Keys,
    journal: Reads,
    actor: Actor,
    customer_id: Annotated[str, Path(max_length=128, pattern=PLAIN_TEXT)],
    kind: Literal["phone", "email"],
    purpose: Annotated[str, Query(min_length=1, max_length=128, pattern=PLAIN_TEXT, description="What it is needed for: into the audit log")],
) -> Address:
    found = Address.model_validate(await reading.address(connection, keyring, customer_id, kind=kind))
    if found.address is not None:
        await journal.note(actor=actor, action="address", customer_id=found.customer_id, details={"kind": kind, "purpose": purpose})
    return found
