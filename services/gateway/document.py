"""The one OpenAPI document: what the gateway answers itself, and what the owners say of what is passed on to them."""

from __future__ import annotations

from services.gateway.examples import show_examples
from services.gateway.owners import Document, document_of, names_beside, referred, renamed
from services.gateway.owners import operation as operation_of
from services.gateway.routes.events import EVENT
from services.gateway.routes.passed_on import ALL, PREFIX, Passed
from services.gateway.selecting import offer_fields
from shared.errors import NotFound
from shared.openapi import CODES, finished


def whole(own: Document) -> Document:
    """`own`, FastAPI's document of the gateway, with the operations of the owners in their places and the schemas they need."""
    schemas = own["components"]["schemas"]
    schemas |= EVENT
    names = names_beside(schemas)
    offered = {
        called: renamed(document_of(service)["components"]["schemas"][name], names[service])
        for service in names
        for name, called in names[service].items()
    }  # fmt: skip
    _add_past_view(own, names["customer"])
    _add(schemas, offered, referred(own["paths"]["/v1/customers/{customer_id}"]))
    for one in ALL:
        operation = _passed_on(one, names[one.service])
        own["paths"][PREFIX + one.path][one.method.lower()] = operation
        _add(schemas, offered, referred(operation))
    offer_fields(own)
    show_examples(own)
    return finished(own)


def _add_past_view(own: Document, names: dict[str, str]) -> None:
    """A view of a past moment is the customer service's own."""
    said = renamed(operation_of("customer", "GET", "/customers/{customer_id}"), names)
    shown = own["paths"]["/v1/customers/{customer_id}"]["get"]["responses"]["200"]["content"]["application/json"]
    shown["schema"] = {"anyOf": [shown["schema"], said["responses"]["200"]["content"]["application/json"]["schema"]]}


def _passed_on(one: Passed, names: dict[str, str]) -> Document:
    described: Document = renamed(one.described, names)
    codes = [*described[CODES], *((NotFound.code,) if "{" in one.path else ())]  # an id may not lead to another resource
    return described | {"operationId": one.operation_id, "summary": one.summary, "tags": [one.tag], CODES: codes}


def _add(schemas: Document, offered: Document, names: set[str]) -> None:
    for name in sorted(names - schemas.keys()):
        schemas[name] = offered[name]
        _add(schemas, offered, referred(offered[name]))
