"""What TMF630 says of every list: `fields`, `offset`, `limit`, filters by attribute, and how much there is as headers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from typing import Annotated, Any, Generic, NamedTuple, TypeVar

import orjson
from fastapi import Depends, Query, Request
from starlette.responses import Response

from shared.errors import InvalidRequest

Document = dict[str, Any]
Row = TypeVar("Row")

UNPAGED = 100
MOST = 1_000
# What is not counted by a database is looked through, so far and no further.
MOST_LOOKED_AT = 2_000
AT_ONCE = 20
RESERVED = frozenset({"fields", "offset", "limit"})
# What is personal is revealed one resource at a time.
NOT_OFFERED = frozenset({"sort", "filter", "reveal"})
OPERATORS = frozenset({"eq", "ne", "gt", "gte", "lt", "lte", "regex"})
ALWAYS = frozenset({"id", "href"})


class Asked(NamedTuple):
    """`filters`: by attribute, dots lead inside; the values of which one has to be there."""

    fields: frozenset[str] | None
    offset: int
    limit: int
    is_paged: bool
    filters: Mapping[str, frozenset[str]]


class Page(NamedTuple, Generic[Row]):
    """`total` is null where not everything was looked at."""

    rows: Sequence[Row]
    total: int | None


def _chosen(
    fields: Annotated[str | None, Query(max_length=500, description="First-level attributes, with commas between; `id` and `href` always come")] = None,
) -> frozenset[str] | None:
    return None if fields is None else frozenset(name.strip() for name in fields.split(","))


Chosen = Annotated[frozenset[str] | None, Depends(_chosen)]


def _asked(
    request: Request,
    fields: Chosen,
    offset: Annotated[int | None, Query(ge=0, le=2**31, description="Of the first one to answer, from 0")] = None,
    limit: Annotated[int | None, Query(ge=0, le=MOST, description=f"Without it {UNPAGED}")] = None,
) -> Asked:
    is_paged = offset is not None or limit is not None
    return Asked(fields, offset or 0, UNPAGED if limit is None else limit, is_paged, filters_of(request.query_params.multi_items()))


Listing = Annotated[Asked, Depends(_asked)]


def filters_of(given: Collection[tuple[str, str]]) -> dict[str, frozenset[str]]:
    """Raises InvalidRequest for what TMF630 knows and is not offered here: a filter that is left out would answer too much."""
    filters: dict[str, frozenset[str]] = {}
    for name, value in given:
        if name in NOT_OFFERED or name.rpartition(".")[2] in OPERATORS:
            raise InvalidRequest(f"{name} is not offered of lists: filter by attribute=value, with commas between values")
        if "\x00" in value:
            raise InvalidRequest(f"{name} holds a character that no text has")
        if name not in RESERVED:
            filters[name] = filters.get(name, frozenset()) | frozenset(value.split(","))
    return filters


def selected(resource: Document, fields: frozenset[str] | None) -> Document:
    return resource if fields is None else {name: value for name, value in resource.items() if name in fields | ALWAYS}


def matches(resource: Document, filters: Mapping[str, frozenset[str]]) -> bool:
    return all(not wanted.isdisjoint(_values_at(resource, name.split("."))) for name, wanted in filters.items())


def _values_at(value: Any, steps: Sequence[str]) -> Iterator[str]:
    if isinstance(value, list):
        for one in value:
            yield from _values_at(one, steps)
    elif isinstance(value, dict):
        if steps and steps[0] in value:
            yield from _values_at(value[steps[0]], steps[1:])
    elif not steps:
        yield value if isinstance(value, str) else orjson.dumps(value).decode()


async def walked(rows: AsyncIterable[Row], asked: Asked, resource: Callable[[Row], Document]) -> Page[Row]:
    """The page of those whose resource matches. Raises InvalidRequest when it lies further than is looked."""
    found: list[Row] = []
    looked_at, end = 0, asked.offset + asked.limit
    async for row in rows:
        if looked_at == MOST_LOOKED_AT:
            if len(found) < end:
                raise InvalidRequest(f"the first {MOST_LOOKED_AT} do not fill this page: filter by customer or state, or page by /v1")
            return Page(found[asked.offset : end], None)
        looked_at += 1
        if matches(resource(row), asked.filters):
            found.append(row)
    return Page(found[asked.offset : end], len(found))


async def each(make: Callable[[Row], Awaitable[Document]], rows: Sequence[Row]) -> list[Document]:
    """The resources of a page that have to be asked for one by one: some at once, so that others get through too."""
    return [made for start in range(0, len(rows), AT_ONCE) for made in await asyncio.gather(*map(make, rows[start : start + AT_ONCE]))]


def listed(resources: Sequence[Document], asked: Asked, total: int | None) -> Response:
    """206 for a part that was asked for as such, else 200."""
    is_part = asked.is_paged and len(resources) != total
    headers = {"X-Result-Count": str(len(resources))} | ({} if total is None else {"X-Total-Count": str(total)})
    body = orjson.dumps([selected(one, asked.fields) for one in resources], option=orjson.OPT_UTC_Z)
    return Response(body, 206 if is_part else 200, headers, media_type="application/json")


def one(resource: Document, fields: frozenset[str] | None = None) -> Response:
    return Response(orjson.dumps(selected(resource, fields), option=orjson.OPT_UTC_Z), media_type="application/json")


def created(resource: Document) -> Response:
    return Response(orjson.dumps(resource, option=orjson.OPT_UTC_Z), 201, {"Location": resource["href"]}, media_type="application/json")
