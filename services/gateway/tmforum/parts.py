"""What several resources are made of, and how the API document shows them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Path
from starlette.responses import Response

from services.gateway.tmforum.errors import REFUSED, Error, TmForumRoute
from services.gateway.tmforum.listing import Document
from shared.errors import InvalidRequest, MethodNotAllowed

PRINTABLE = r"^[^\x00-\x1f]{1,128}$"
Id = Annotated[str, Path(pattern=PRINTABLE)]
ERRORS: dict[int | str, dict[str, Any]] = {"default": {"model": Error, "description": "As TMF630 has it: `code` says which of the error catalogue"}}
COUNTS = {
    "X-Total-Count": {"description": "Of all that match; not there when not all were counted", "schema": {"type": "integer"}},
    "X-Result-Count": {"description": "Of those in the answer", "schema": {"type": "integer"}},
}
CUSTOMER_API = "/tmf-api/customerManagement/v4"


def router(api: str, tag: str) -> APIRouter:
    return APIRouter(prefix=f"/tmf-api/{api}/v4", tags=[tag], route_class=TmForumRoute, responses=ERRORS)


def href(path: str, id: str) -> str:
    """Without a host: whatever name the gateway goes by, it holds."""
    return f"{path}/{quote(id, safe='')}"


def entity(path: str, type_name: str, id: str, **attributes: Any) -> Document:
    """A resource. What is not known is left out."""
    return {"id": id, "href": href(path, id), **known(attributes), "@type": type_name}


def known(attributes: Document) -> Document:
    return {name: value for name, value in attributes.items() if value not in (None, "", [], {})}


def customer_ref(customer_id: str) -> Document:
    return {"id": customer_id, "href": href(f"{CUSTOMER_API}/customer", customer_id), "role": "customer", "@referredType": "Customer"}


def party(id: str, *, role: str) -> Document:
    return {"id": id, "role": role, "@referredType": "Individual"}


def characteristics(given: Document) -> list[Document]:
    return [{"name": name, "value": value, "valueType": _VALUE_TYPES[type(value)]} for name, value in given.items() if value is not None]


_VALUE_TYPES = {str: "string", bool: "boolean", int: "number", float: "number", dict: "object", list: "array"}


def customer_in(parties: Any, *, named: str = "relatedParty") -> str:
    """Whom a request is about. Raises InvalidRequest."""
    found = party_in(parties, "customer")
    if found is None or not re.match(PRINTABLE, found):
        raise InvalidRequest(f"{named} has to name the customer: an id, and the role `customer` or the @referredType `Customer`")
    return found


def party_in(parties: Any, role: str) -> str | None:
    """The id of the first party of that role; the type Customer says the role too."""
    for one in parties if isinstance(parties, list) else [parties]:
        if isinstance(one, dict) and isinstance(one.get("id"), str) and role in (one.get("role"), str(one.get("@referredType")).lower()):
            return str(one["id"])
    return None


def shows_list(type_name: str, mandatory: Iterable[str]) -> dict[int | str, dict[str, Any]]:
    def content(title: str) -> Document:
        return {"application/json": {"schema": {"type": "array", "items": _schema(type_name, mandatory) | {"title": title}}}}

    return {
        200: {"description": "All that was asked for", "headers": COUNTS, "content": content(type_name)},
        206: {"description": "The part that `offset` and `limit` ask for", "headers": COUNTS, "content": content(f"{type_name}Part")},
    }


def shows_one(type_name: str, mandatory: Iterable[str], *, status: int = 200) -> dict[int | str, dict[str, Any]]:
    return {status: {"description": type_name, "content": {"application/json": {"schema": _schema(type_name, mandatory)}}}}


def takes(type_name: str, mandatory: Iterable[str], example: Document) -> Document:
    schema = {"title": type_name, "type": "object", "required": list(mandatory), "additionalProperties": True}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema, "example": example}}}}


def _schema(type_name: str, mandatory: Iterable[str]) -> Document:
    """`fields` may leave out what is mandatory."""
    said = f"Without `fields` there are {', '.join(mandatory)} too"
    return {"title": type_name, "type": "object", "required": ["id", "href"], "description": said, "additionalProperties": True}


def refuse(router: APIRouter, method: str, path: str, why: str) -> None:
    """A write of the specification that nothing here maps to: 405 that says what to do in place of it."""

    async def refused() -> Response:
        raise MethodNotAllowed(why)

    router.add_api_route(path, refused, methods=[method], name=REFUSED, response_class=Response, status_code=405, include_in_schema=False)
