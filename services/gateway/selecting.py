"""`fields` of lists: of each item, the attributes that are asked for. It is done here for all lists; the services behind know nothing of it.

A list is a GET that answers an object with `items`. Only where `fields` is given is an answer parsed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine, Sequence
from typing import Any, get_args

import orjson
from fastapi import Request
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.responses import Response

from services.gateway.forwarding import body_of
from services.gateway.owners import REFERENCE, Document
from shared.fields import chosen, fields_description, fields_schema

Handle = Callable[[Request], Coroutine[Any, Any, Response]]

JSON = "application/json"
# Both are those of the whole list.
NOT_OF_A_PART = frozenset({"content-length", "etag"})


class ListRoute(APIRoute):
    """A route of the gateway's own; its model says whether it answers a list."""

    def get_route_handler(self) -> Handle:
        handle = super().get_route_handler()
        page = self.responses.get(200, {}).get("model", self.response_model)
        if not isinstance(page, type) or not issubclass(page, BaseModel) or "items" not in page.model_fields:
            return handle
        (item,) = get_args(page.model_fields["items"].annotation)
        return selecting(handle, tuple(item.model_fields))


def selecting(handle: Handle, names: Sequence[str]) -> Handle:
    """`handle`, the answer of which is cut to `fields`. Without names it has no items to be cut."""
    if not names:
        return handle

    async def select(request: Request) -> Response:
        fields = request.query_params.get("fields")
        if fields is None:
            return await handle(request)
        wanted = chosen(fields, names)
        return await _selected(await handle(request), wanted)

    return select


def item_names(operation: Document, schemas: Document) -> tuple[str, ...]:
    """The attributes of the items of a list; none for what is no list."""
    page = _page_of(operation, schemas)
    return tuple(schemas[_item_of(schemas[page])]["properties"]) if page else ()


def offer_fields(document: Document) -> None:
    """Say of each list that it takes `fields`, and that its items are partial then."""
    schemas = document["components"]["schemas"]
    for path in document["paths"].values():
        operation = path.get("get", {})
        if page := _page_of(operation, schemas):
            operation["parameters"] = [*operation.get("parameters", ()), _parameter(item_names(operation, schemas))]
            shown = operation["responses"]["200"]["content"][JSON]
            shown["schema"] = {"anyOf": [shown["schema"], _partial(page, schemas)]}


async def _selected(answer: Response, wanted: Collection[str]) -> Response:
    """Problems stay what they are."""
    if answer.status_code != 200 or not answer.headers.get("content-type", "").startswith(JSON):
        return answer
    page = orjson.loads(await body_of(answer))
    page["items"] = [{name: value for name, value in one.items() if name in wanted} for one in page["items"]]
    headers = {name: value for name, value in answer.headers.items() if name not in NOT_OF_A_PART}
    return Response(orjson.dumps(page), headers=headers)


def _parameter(names: Sequence[str]) -> Document:
    schema = {"type": "string", "title": "Fields"} | fields_schema(names)
    return {"name": "fields", "in": "query", "required": False, "schema": schema, "description": fields_description(names, "Attributes of each item")}


def _page_of(operation: Document, schemas: Document) -> str | None:
    """The name of the schema of the list that it answers."""
    reference = operation.get("responses", {}).get("200", {}).get("content", {}).get(JSON, {}).get("schema", {}).get("$ref", "")
    name = reference.removeprefix(REFERENCE)
    return name if "items" in schemas.get(name, {}).get("properties", {}) else None


def _item_of(page: Document) -> str:
    return str(page["properties"]["items"]["items"]["$ref"]).removeprefix(REFERENCE)


def _partial(page: str, schemas: Document) -> Document:
    """A reference to a list of the same items, of which none has to have anything."""
    item = _item_of(schemas[page])
    one = {name: value for name, value in schemas[item].items() if name != "required"}
    schemas[f"Partial{item}"] = one | {"description": f"Of `{item}` what `fields` asks for"}
    items = schemas[page]["properties"]["items"] | {"items": {"$ref": f"{REFERENCE}Partial{item}"}}
    schemas[f"Partial{page}"] = schemas[page] | {"properties": schemas[page]["properties"] | {"items": items}}
    return {"$ref": f"{REFERENCE}Partial{page}"}
