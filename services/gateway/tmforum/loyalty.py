"""TMF658 Loyalty Management v4.0.0: members of the club and the points they can spend. The account of v4.0.0 holds no balance: LoyaltyBalance does."""

from __future__ import annotations

from collections.abc import AsyncIterator

from fastapi import Request
from starlette.responses import Response

from services.gateway.tmforum.errors import Refused
from services.gateway.tmforum.listing import Asked, Chosen, Document, Listing, each, listed, one, walked
from services.gateway.tmforum.neighbours import ask, every
from services.gateway.tmforum.parts import Id, entity, href, refuse, router, shows_list, shows_one
from shared.errors import InvalidRequest

ROUTER = router("loyalty", "tmf658")
MEMBER, BALANCE = "/tmf-api/loyalty/v4/loyaltyProgramMember", "/tmf-api/loyalty/v4/loyaltyBalance"
NAMES_MEMBER = frozenset({"id", "loyaltyProgramMember.id"})
MANDATORY_OF_MEMBER, MANDATORY_OF_BALANCE = ("status",), ("loyaltyProgramMember", "quantity")
MEMBERS, ONE_MEMBER = shows_list("LoyaltyProgramMember", MANDATORY_OF_MEMBER), shows_one("LoyaltyProgramMember", MANDATORY_OF_MEMBER)
BALANCES, ONE_BALANCE = shows_list("LoyaltyBalance", MANDATORY_OF_BALANCE), shows_one("LoyaltyBalance", MANDATORY_OF_BALANCE)


def loyalty_member(customer_id: str, level: str | None) -> Document:
    """Named by the customer's id, and so by no person's name. Who has no level earned nothing yet."""
    return entity(MEMBER, "LoyaltyProgramMember", customer_id, name=customer_id, status=level or "none")


def loyalty_balance(customer_id: str, points: int) -> Document:
    member = {"id": customer_id, "href": href(MEMBER, customer_id)}
    return entity(BALANCE, "LoyaltyBalance", customer_id, loyaltyProgramMember=member, quantity={"unit": "points", "value": points})


@ROUTER.get(
    "/loyaltyProgramMember",
    operation_id="tmf658_list_member",
    summary="List or find members of the club",
    responses=MEMBERS,
)
async def list_member(request: Request, asked: Listing) -> Response:
    found = await walked(every(request, "retention", "loyalty"), asked, _listed_member)
    return listed([_listed_member(row) for row in found.rows], asked, found.total)


@ROUTER.get(
    "/loyaltyProgramMember/{id}",
    operation_id="tmf658_retrieve_member",
    summary="Retrieve a member by id",
    responses=ONE_MEMBER,
)
async def retrieve_member(request: Request, id: Id, fields: Chosen) -> Response:
    held = await ask(request, "retention", "loyalty", id)
    return one(loyalty_member(held["customer_id"], held["level"]), fields)


@ROUTER.get(
    "/loyaltyBalance",
    operation_id="tmf658_list_balance",
    summary="List or find balances of points",
    responses=BALANCES,
)
async def list_balance(request: Request, asked: Listing) -> Response:
    """Of members, or of the customers that `id` or `loyaltyProgramMember.id` name; the points are asked for one by one."""
    unknown = sorted(set(asked.filters) - NAMES_MEMBER)
    if unknown:
        raise InvalidRequest(f"balances are found by {' or '.join(sorted(NAMES_MEMBER))}, not by {', '.join(unknown)}")
    found = await walked(_whose(request, asked), asked, lambda row: loyalty_balance(row["customer_id"], 0))
    return listed(await each(lambda row: _balance_of(request, row["customer_id"]), found.rows), asked, found.total)


@ROUTER.get(
    "/loyaltyBalance/{id}",
    operation_id="tmf658_retrieve_balance",
    summary="Retrieve the points of a member",
    responses=ONE_BALANCE,
)
async def retrieve_balance(request: Request, id: Id, fields: Chosen) -> Response:
    return one(await _balance_of(request, id), fields)


async def _whose(request: Request, asked: Asked) -> AsyncIterator[Document]:
    """Those who are named are asked for, however many members there are."""
    named = frozenset[str]().union(*asked.filters.values())
    if not named:
        async for row in every(request, "retention", "loyalty"):
            yield row
    for customer_id in sorted(named):
        try:
            yield await ask(request, "retention", "loyalty", customer_id)
        except Refused as refused:
            if refused.problem["status"] not in {404, 410}:
                raise


def _listed_member(row: Document) -> Document:
    return loyalty_member(row["customer_id"], row["level"])


async def _balance_of(request: Request, customer_id: str) -> Document:
    held = await ask(request, "retention", "loyalty", customer_id)
    return loyalty_balance(held["customer_id"], held["balance"])


_BY_PAYMENT = "Points are earned by payments and spent by POST /v1/loyalty/{customer_id}/redeem; who earns is a member"
refuse(ROUTER, "POST", "/loyaltyProgramMember", _BY_PAYMENT)
refuse(ROUTER, "PATCH", "/loyaltyProgramMember/{id}", _BY_PAYMENT)
refuse(ROUTER, "DELETE", "/loyaltyProgramMember/{id}", _BY_PAYMENT)
refuse(ROUTER, "POST", "/loyaltyBalance", _BY_PAYMENT)
refuse(ROUTER, "DELETE", "/loyaltyBalance/{id}", _BY_PAYMENT)
