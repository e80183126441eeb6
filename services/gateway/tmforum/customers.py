"""TMF629 Customer Management v4.0.0: who the customer is and where they stand, from the read model; what is personal is masked unless it is revealed."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Any

import orjson
import sqlalchemy as sa
from fastapi import Query, Request
from starlette.responses import Response

from services.gateway import use_cases
from services.gateway.personal import personal_of
from services.gateway.reads import Views
from services.gateway.repository import ViewReads
from services.gateway.tmforum.listing import Asked, Chosen, Document, Listing, each, listed, one
from services.gateway.tmforum.neighbours import ask
from services.gateway.tmforum.parts import CUSTOMER_API, Id, characteristics, entity, known, party, refuse, router, shows_list, shows_one
from services.gateway.tmforum.read_model import block_of, page
from shared.errors import Gone, InvalidRequest, NotFound
from shared.pii import Keyring
from shared.web import Keys, Reading

ROUTER = router("customerManagement", "tmf629")
PATH = f"{CUSTOMER_API}/customer"
MANDATORY = ("name", "engagedParty")
# Without these nobody has to be asked who the customer is.
PERSONAL = frozenset({"name", "engagedParty", "contactMedium"})
NAMES = frozenset({"name", "engagedParty.name"})
PHONE = "contactMedium.characteristic.phoneNumber"
MEDIA = {"phone": ("phone", "phoneNumber"), "email": ("email", "emailAddress"), "address": ("postalAddress", "street1")}
PREFERRED = {"call": "phone", "sms": "phone", "email": "email"}


def customer(customer_id: str, profile: Document, *, segment: Document | None, standing: Document | None, personal: Document | None) -> Document:
    """`name` is mandatory: of one whose name is not known, or can not be asked for now, it is the id."""
    name = (personal or {}).get("name") or customer_id
    live = [one for one in profile.get("subscriptions", ()) if "terminated_at" not in one]
    manager = profile.get("account_manager")
    return entity(
        PATH,
        "Customer",
        customer_id,
        name=name,
        status=_status(profile.get("subscriptions", ()), live),
        engagedParty={"id": customer_id, "name": name, "@referredType": "Organization" if profile.get("kind") == "organisation" else "Individual"},
        account=[{"id": account, "@referredType": "BillingAccount"} for account in profile.get("accounts", ())],
        contactMedium=_media(profile, personal or {}),
        characteristic=characteristics(_known_of(profile, segment or {}, standing or {})),
        relatedParty=[party(manager, role="accountManager")] if manager else [],
        validFor=known({"startDateTime": profile.get("registered_at")}),
    )


def _status(subscriptions: Collection[Document], live: Collection[Document]) -> str:
    return "active" if live else "terminated" if subscriptions else "registered"


def _media(profile: Document, personal: Document) -> list[Document]:
    preferred = PREFERRED.get(profile.get("preferred_channel", ""))
    points = [(*MEDIA[one["kind"]], one["value"]) for one in personal.get("contact_points") or () if one["kind"] in MEDIA]
    numbers = [("mobile", "phoneNumber", one["msisdn"]) for one in personal.get("subscriptions") or () if one["msisdn"]]
    return [{"mediumType": medium, "preferred": medium == preferred, "characteristic": {name: value}} for medium, name, value in [*points, *numbers]]


def _known_of(profile: Document, segment: Document, standing: Document) -> Document:
    return {
        "region": profile.get("region"),
        "language": profile.get("language"),
        "serviceStar": standing.get("star", profile.get("service_star")),
        "segment": segment.get("segment"),
        "valueTier": standing.get("tier"),
        "lifecycleStage": standing.get("lifecycle"),
        "statusGroup": standing.get("status_group"),
        "doNotContact": profile.get("do_not_contact"),
    }


@ROUTER.get("/customer", operation_id="tmf629_list_customer", summary="List or find customers", responses=shows_list("Customer", MANDATORY))
async def list_customer(request: Request, connection: Reading, views: Views, keyring: Keys, asked: Listing) -> Response:
    """By id. Who has a number now is found by `contactMedium.characteristic.phoneNumber`, which is compared by its keyed hash; by names and
    addresses nobody is found, as nothing here knows them."""
    hidden = sorted(name for name in asked.filters if (name.split(".")[0] == "contactMedium" and name != PHONE) or name in NAMES)
    if hidden:
        raise InvalidRequest(f"nobody is found by {', '.join(hidden)}: what is personal is not known here")
    if PHONE in asked.filters:
        asked = await _by_number(views, keyring, asked)
    found = await page(connection, asked, block="profile", resource=_impersonal)
    asks_who = asked.fields is None or not asked.fields.isdisjoint(PERSONAL)
    resources = await each(lambda row: _with_name(request, row), found.rows) if asks_who else list(map(_impersonal, found.rows))
    return listed(resources, asked, found.total)


@ROUTER.get("/customer/{id}", operation_id="tmf629_retrieve_customer", summary="Retrieve a customer by id", responses=shows_one("Customer", MANDATORY))
async def retrieve_customer(
    request: Request,
    views: Views,
    id: Id,
    fields: Chosen,
    reveal: Annotated[bool, Query(description="In plain: goes into the audit log of the customer service")] = False,
) -> Response:
    """Of one who was merged: who carries on."""
    row = (await use_cases.view(views, id))[0]
    if reveal:
        return one(_resource(row, await ask(request, "customer", "customers", row.customer_id, "personal", params={"reveal": "true"})), fields)
    return one(await _with_name(request, row), fields)


async def _by_number(views: ViewReads, keyring: Keyring, asked: Asked) -> Asked:
    owners = set[str]()
    for number in asked.filters[PHONE]:
        try:
            owners.add((await use_cases.view_of_owner(views, keyring.subject(f"msisdn:{number}")))[0].customer_id)
        except (NotFound, Gone):
            continue
    ids = frozenset(owners) & asked.filters.get("id", frozenset(owners))
    return asked._replace(filters={name: value for name, value in asked.filters.items() if name != PHONE} | {"id": ids})


async def _with_name(request: Request, row: sa.Row[Any]) -> Document:
    told = await personal_of(request, row.customer_id, row.version)
    return _resource(row, orjson.loads(told.text) if told.text else None)


def _impersonal(row: sa.Row[Any]) -> Document:
    return _resource(row, None)


def _resource(row: sa.Row[Any], personal: Document | None) -> Document:
    profile, segment, standing = (block_of(row, name) for name in ("profile", "segment", "standing"))
    return customer(row.customer_id, profile or {}, segment=segment, standing=standing, personal=personal)


_BY_EVENT = "Customers come from order entry: report orders.customer_registered.v1 or orders.customer_updated.v1 to POST /v1/events"
refuse(ROUTER, "POST", "/customer", _BY_EVENT)
refuse(ROUTER, "PATCH", "/customer/{id}", _BY_EVENT)
refuse(ROUTER, "DELETE", "/customer/{id}", "Who is to be forgotten is erased, for a reason: POST /v1/customers/{id}/erasure")
