"""G1: what every API does the same: commits before it answers, problem documents, cursors, idempotency."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

import httpx
import pytest
import sqlalchemy as sa
from fastapi import APIRouter, FastAPI, Query
from pydantic import SecretStr

from shared.database import insert_rows, metadata
from shared.idempotency import idempotency_table
from shared.settings import Settings
from shared.web import IdempotencyKey, InTransaction, create_app, decode_cursor, encode_cursor, once
from tests.databases import empty
from tests.settings_fixture import settings as settings

METADATA = metadata()
PARENTS = sa.Table("parents", METADATA, sa.Column("id", sa.Integer, primary_key=True))
# Deferred: the insert succeeds and the commit fails, which is the case that must not answer 200.
CHILDREN = sa.Table(
    "children", METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("parent", sa.ForeignKey(PARENTS.c.id, deferrable=True, initially="DEFERRED")),
)  # fmt: skip
KEYS = idempotency_table(METADATA)
ROUTER = APIRouter()


@ROUTER.post("/children")
async def add_child(tx: InTransaction, parent: int) -> dict[str, int]:
    await insert_rows(tx, CHILDREN, [{"id": 1, "parent": parent}])
    return {"parent": parent}


@ROUTER.post("/parents")
async def add_parent(tx: InTransaction, key: IdempotencyKey, id: Annotated[int, Query(ge=1, le=100)]) -> dict[str, Any]:
    async def act() -> dict[str, Any]:
        await insert_rows(tx, PARENTS, [{"id": id}])
        return {"id": id}

    answer: dict[str, Any] = await once(tx, KEYS, key=key, request={"id": id}, act=act)
    return answer


@ROUTER.get("/broken")
async def broken() -> None:
    raise ZeroDivisionError("secret 13800138000")


@pytest.fixture
async def http(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    app: FastAPI = create_app(service="customer", settings=settings, routers=[ROUTER], description="test")
    await empty(settings, "customer")
    async with app.router.lifespan_context(app):
        async with app.state.database.transaction() as tx:
            await tx.run_sync(METADATA.create_all)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://test") as client:
            yield client


async def test_a_failed_commit_is_not_a_success(http: httpx.AsyncClient) -> None:
    answer = await http.post("/children", params={"parent": 99})
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/parents", 405, "method_not_allowed"),
        ("POST", "/parents", 422, "invalid_request"),
        ("POST", "/parents?id=101", 422, "invalid_request"),
        ("POST", "/parents?id=99999999999999999999", 422, "invalid_request"),
        ("GET", "/broken", 500, "internal_error"),
    ],
)
async def test_every_error_is_a_problem_document(http: httpx.AsyncClient, method: str, path: str, status: int, code: str) -> None:
    answer = await http.request(method, path, headers={"Idempotency-Key": "k"})
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (answer.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert "13800138000" not in answer.text
    assert answer.headers["x-request-id"]


async def test_an_idempotency_key_does_it_once(http: httpx.AsyncClient) -> None:
    first, second, other, missing = [
        await http.post("/parents", params={"id": number}, headers={"Idempotency-Key": key} if key else {})
        for number, key in [(1, "a"), (1, "a"), (2, "a"), (3, "")]
    ]
    assert (first.status_code, first.json()) == (second.status_code, second.json()) == (200, {"id": 1})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert (missing.status_code, missing.json()["code"]) == (400, "idempotency_key_missing")


def test_a_cursor_comes_back_as_it_went() -> None:
    assert decode_cursor(encode_cursor("a", 3), str, int) == ("a", 3)
    assert decode_cursor(None, str) is None


@pytest.mark.parametrize("cursor", ["", "%%%", "bm90IGpzb24", encode_cursor("a"), encode_cursor(True), encode_cursor(1, 2)])
def test_a_foreign_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(Exception, match="cursor"):
        decode_cursor(cursor, int)


async def test_where_access_is_required_only_services_are_answered(settings: Settings) -> None:
    """G3: else whoever reaches a service behind the gateway could say in X-Actor to be anybody."""
    await empty(settings, "customer")
    secret = "s" * 32
    guarded = settings.model_copy(update={"auth": "required", "service_secret": SecretStr(secret)})
    app = create_app(service="customer", settings=guarded, routers=[ROUTER], description="test")
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        for given in ({}, {"X-Service-Secret": "x" * 32}, {"X-Service-Secret": ""}):
            answer = await client.post("/parents", headers=given | {"Idempotency-Key": "k"})
            assert (answer.status_code, answer.json()["code"], answer.headers["content-type"]) == (403, "services_only", "application/problem+json")
            assert answer.headers["x-request-id"]
        assert 'holdfast_refusals_total{code="services_only"}' in (await client.get("/metrics")).text
        assert (await client.post("/parents", headers={"X-Service-Secret": secret, "Idempotency-Key": "k"})).status_code == 422
        assert [(await client.get(path)).status_code for path in ("/health/live", "/metrics", "/openapi.json")] == [200, 200, 403]
