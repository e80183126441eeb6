"""G3 C9 C11: who may ask what, by API key; who acts; what is limited; what is noted of refusals."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from fastapi.routing import iter_route_contexts
from starlette.responses import Response

from services.gateway import keys
from services.gateway.access import managing
from services.gateway.access.guard import is_open
from services.gateway.access.scopes import ACT_FOR_OTHERS, ALL, PERSONAL, needed
from services.gateway.api import app
from services.gateway.tables import API_KEYS, REFUSALS, USAGE
from shared import clock
from shared.settings import Settings
from tests.gateway.access import SECRET, TokenIssuer, at_address, bearer, embedded, guarded, key_for
from tests.gateway.test_forwarding import Neighbour
from tests.harness import ServiceUnderTest, listening

NUMBER = "8613800138000"


@pytest.fixture
async def neighbour() -> Neighbour:
    return Neighbour()


@pytest.fixture
async def gateway(settings: Settings, neighbour: Neighbour, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ServiceUnderTest]:
    async with listening(neighbour) as url:
        urls = {f"{service}_url": url for service in ("customer", "segmentation", "retention")}
        async with guarded(settings, monkeypatch, update=urls) as running:
            yield running


@pytest.fixture
async def door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[ServiceUnderTest]:
    async with guarded(embedded(tmp_path), monkeypatch, burst=10_000) as running:
        yield running


async def refusals(gateway: ServiceUnderTest) -> list[tuple[str, str, str, int]]:
    await gateway.app.state.access.ledger.flush()
    rows = await gateway.rows(
        sa.select(REFUSALS.c.client, REFUSALS.c.code, REFUSALS.c.reason, sa.func.sum(REFUSALS.c.count)).group_by("client", "code", "reason")
    )
    return sorted(tuple(row) for row in rows)


def is_in_files(text: str, folder: Path) -> bool:
    return any(text.encode() in file.read_bytes() for file in folder.rglob("*") if file.is_file())


async def test_a_key_opens_what_its_scopes_say(gateway: ServiceUnderTest, neighbour: Neighbour) -> None:
    """As far as the service behind: it believes the gateway, by their secret."""
    key = await key_for(gateway, "campaigns:read", "privacy:read", "customers:read", "events:write")
    get, post = gateway.http.get, gateway.http.post
    nothing = await get("/v1/campaigns")
    assert (nothing.status_code, nothing.json()["code"], nothing.headers["www-authenticate"]) == (401, "unauthenticated", 'Bearer realm="holdfast"')
    assert nothing.headers["content-type"] == "application/problem+json"
    assert (await get("/v1/nowhere")).status_code == 401, "what is there and what is not is told to nobody"

    assert (await get("/v1/campaigns", headers=bearer(key))).json() == {"ok": True}
    assert neighbour.asked[-1]["actor"] == "crm"
    refused = await post("/v1/campaigns", headers=bearer(key, **{"Idempotency-Key": "k"}))
    assert (refused.status_code, refused.json()["code"], refused.json()["scope"]) == (403, "forbidden", "campaigns:write")
    assert 'error="insufficient_scope", scope="campaigns:write"' in refused.headers["www-authenticate"]
    assert (await get("/v1/alerts", headers=bearer(key))).status_code == 403
    assert (await post("/v1/events", headers=bearer(key), json={})).status_code == 415, "it may, and this is no event"
    assert len(neighbour.asked) == 1

    personal = "/v1/customers/C-1/personal"
    assert (await get(personal, headers=bearer(key))).status_code == 200, "masked"
    for path in (f"{personal}?reveal=true", f"{personal}?reveal=1", f"{personal}?reveal=false&reveal=yes", f"{personal}?re%76eal=true",
                 "/v1/customers/C-1?as_of=2026-10-01T00:00:00Z&reveal=true", "/v1/customers/C-1/export", f"/v1/customers?msisdn={NUMBER}"):  # fmt: skip
        answer = await get(path, headers=bearer(key))
        assert (answer.status_code, answer.json()["scope"]) == (403, PERSONAL), path
    assert (await get(f"{personal}?reveal=false", headers=bearer(key))).status_code == 200
    seeing = await key_for(gateway, "customers:read", "privacy:read", PERSONAL)
    assert (await get(f"{personal}?reveal=true", headers=bearer(seeing))).status_code == 200
    assert (await get(f"/v1/customers?msisdn={NUMBER}", headers=bearer(seeing))).status_code == 404, "nobody has it"
    assert {one["secret"] for one in neighbour.asked} == {SECRET}
    neighbour.answer = Response(status_code=403)
    assert (await get("/v1/campaigns", headers=bearer(key))).status_code == 403
    found = await refusals(gateway)
    assert ("crm", "http_403", "", 1) in found and ("", "unauthenticated", "nothing_presented", 2) in found and ("crm", "forbidden", PERSONAL, 7) in found


async def test_keys_are_managed_over_http_and_kept_as_hashes(gateway: ServiceUnderTest, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    admin = await key_for(gateway, "access:read", "access:write", "alerts:read", client="admin")
    body = {"client": "desk", "scopes": ["alerts:read"], "days": 1}
    made = (await gateway.http.post("/v1/api-keys", headers=bearer(admin), json=body)).json()
    assert (made["client"], made["scopes"], made["created_by"], made["revoked_at"]) == ("desk", ["alerts:read"], "admin", None)
    assert (await gateway.http.get("/v1/alerts", headers=bearer(made["key"]))).status_code == 200

    beyond = await gateway.http.post("/v1/api-keys", headers=bearer(admin), json=body | {"scopes": ["alerts:read", PERSONAL]})
    assert (beyond.status_code, beyond.json()["scope"]) == (403, PERSONAL), "a key is no way to more"
    assert ("admin", "forbidden", PERSONAL, 1) in await refusals(gateway)
    for wrong in ({"scopes": ["alerts:all"]}, {"scopes": []}, {"days": 0}, {"days": 731}, {"client": "a\nb"}, {"client": " a"}, {"more": 1}):
        assert (await gateway.http.post("/v1/api-keys", headers=bearer(admin), json=body | wrong)).status_code == 422, wrong
    assert (await gateway.http.get("/v1/api-keys", headers=bearer(made["key"]))).status_code == 403

    listed = (await gateway.http.get("/v1/api-keys?limit=1", headers=bearer(admin))).json()
    rest = (await gateway.http.get("/v1/api-keys", headers=bearer(admin), params={"cursor": listed["next_cursor"]})).json()
    assert {one["client"] for one in listed["items"] + rest["items"]} == {"admin", "desk"}
    secret = made["key"].removeprefix(f"hf_{made['key_id']}_")
    assert secret not in str(listed) + str(rest)

    await gateway.app.state.access.ledger.flush()
    (used,) = await gateway.rows(sa.select(API_KEYS).where(API_KEYS.c.key_id == made["key_id"]))
    assert used.last_used_at is not None
    revoked = (await gateway.http.post(f"/v1/api-keys/{made['key_id']}/revoke", headers=bearer(admin))).json()
    assert revoked["revoked_by"] == "admin"
    answer = await gateway.http.get("/v1/alerts", headers=bearer(made["key"]))
    assert (answer.status_code, answer.json()["detail"]) == (401, "the API key was revoked")
    again = (await gateway.http.post(f"/v1/api-keys/{made['key_id']}/revoke", headers=bearer(admin))).json()
    assert again == revoked
    assert (await gateway.http.post("/v1/api-keys/none/revoke", headers=bearer(admin))).status_code == 404

    rows = await gateway.rows(sa.select(API_KEYS))
    assert not any(secret in str(value) for row in rows for value in row)
    assert not is_in_files(secret, tmp_path)
    captured = capfd.readouterr()
    assert secret not in captured.out + captured.err


async def test_an_expired_key_and_one_that_never_was_are_refused(door: ServiceUnderTest) -> None:
    key = await key_for(door, "alerts:read", days=1)
    async with door.database.transaction() as tx:
        await tx.execute(sa.update(API_KEYS).values(expires_at=clock.wall() - timedelta(seconds=1)))
    for presented, detail in ((key, "the API key has expired"), (f"{key[:-1]}{'a' if key[-1] != 'a' else 'b'}", "there is no such API key"),
                              (f"hf_{'a' * 12}_{'b' * 43}", "there is no such API key"), ("hf_short", "it is no API key"),
                              ("eyJhbGciOiJFUzI1NiJ9.e30.x", "only API keys are taken here")):  # fmt: skip
        answer = await door.http.get("/v1/alerts", headers=bearer(presented))
        assert (answer.status_code, answer.json()["detail"]) == (401, detail)
    for header in ("Basic YTpi", "Bearer", "hf_", "Bearer \xe9"):
        async with at_address(door, "10.1.1.1") as http:
            assert (await http.get("/v1/alerts", headers=[(b"authorization", header.encode("latin-1"))])).status_code == 401


async def test_who_acts_can_not_be_forged(gateway: ServiceUnderTest, neighbour: Neighbour) -> None:
    key = await key_for(gateway, "campaigns:write", client="planner")
    desk = await key_for(gateway, "campaigns:write", ACT_FOR_OTHERS, client="desk")

    async def acts(presented: str, *said: str) -> tuple[int, str | None]:
        headers = [("authorization", f"Bearer {presented}"), *(("x-actor", name) for name in said)]
        answer = await gateway.http.post("/v1/campaigns/c/pause", headers=headers)
        return answer.status_code, neighbour.asked[-1]["actor"] if answer.is_success else answer.json()["scope"]

    assert await acts(key) == (200, "planner")
    assert await acts(key, "planner") == (200, "planner")
    assert await acts(key, "wu") == (403, ACT_FOR_OTHERS)
    assert await acts(key, "wu", "planner") == (200, "planner"), "one is passed on, and it is true"
    assert await acts(desk) == (200, "desk")
    assert await acts(desk, "wu") == (200, "wu")


async def test_a_person_acts_by_the_subject_of_their_token(tmp_path: Path, neighbour: Neighbour, monkeypatch: pytest.MonkeyPatch) -> None:
    issuer = TokenIssuer()
    async with listening(neighbour) as url, guarded(embedded(tmp_path), monkeypatch, issuer=issuer, update={"retention_url": url}) as gateway:
        token = issuer.token("campaigns:write", sub="wu", client_id="console")
        assert (await gateway.http.post("/v1/campaigns/c/pause", headers=bearer(token))).status_code == 200
        assert neighbour.asked[-1]["actor"] == "wu"
        refused = await gateway.http.post("/v1/campaigns/c/pause", headers=bearer(token, **{"X-Actor": "lin"}))
        assert refused.status_code == 403
        assert await refusals(gateway) == [("console", "forbidden", ACT_FOR_OTHERS, 1)]


async def test_a_client_is_told_what_is_left_and_stopped_when_nothing_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with guarded(embedded(tmp_path), monkeypatch, rate_per_second=0.01, burst=3, daily_quota=5) as gateway:
        key, other = await key_for(gateway, "alerts:read"), await key_for(gateway, "alerts:read", client="other")
        first = await gateway.http.get("/v1/alerts", headers=bearer(key))
        assert first.headers["ratelimit-policy"] == '"burst";q=3;w=300, "day";q=5;w=86400'
        assert first.headers["ratelimit"].startswith('"burst";r=2;t=100, "day";r=4;t=')
        await gateway.http.get("/v1/alerts", headers=bearer(key))
        await gateway.http.get("/v1/tasks", headers=bearer(key))
        stopped = await gateway.http.get("/v1/alerts", headers=bearer(key))
        assert (stopped.status_code, stopped.json()["code"]) == (429, "rate_limited")
        assert 30 <= int(stopped.headers["retry-after"]) <= 100
        assert stopped.headers["ratelimit"].startswith('"burst";r=0;')
        assert (await gateway.http.get("/v1/alerts", headers=bearer(other))).status_code == 200, "others are not held up"
        assert await refusals(gateway) == [("crm", "forbidden", "tasks:read", 1), ("crm", "rate_limited", "", 1)]


async def test_the_quota_of_a_day_is_that_of_all_processes_and_outlives_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with guarded(embedded(tmp_path), monkeypatch, daily_quota=5) as gateway:
        key = await key_for(gateway, "alerts:read")
        assert {(await gateway.http.get("/v1/alerts", headers=bearer(key))).status_code for _ in range(3)} == {200}
    async with guarded(embedded(tmp_path), monkeypatch, daily_quota=5) as gateway:
        assert (await gateway.rows(sa.select(USAGE.c.requests)))[0][0] == 3, "put down at the end"
        assert (await gateway.http.get("/v1/alerts", headers=bearer(key))).status_code == 200
        await gateway.app.state.access.ledger.flush()
        assert (await gateway.http.get("/v1/alerts", headers=bearer(key))).headers["ratelimit"].split('"day";')[1].startswith("r=0;")
        over = await gateway.http.get("/v1/alerts", headers=bearer(key))
        assert (over.status_code, over.json()["code"]) == (429, "quota_exceeded")
        assert 1 <= int(over.headers["retry-after"]) <= 86_400


async def test_guessing_is_slowed_by_address_and_holds_up_nobody_who_is_known(door: ServiceUnderTest) -> None:
    key = await key_for(door, "alerts:read")
    assert (await door.http.get("/v1/alerts", headers=bearer(key))).status_code == 200
    guesses: list[httpx.Response] = []
    while sum(answer.status_code == 429 for answer in guesses) < 6:
        guesses.append(await door.http.get("/v1/alerts", headers=bearer(f"hf_{'a' * 12}_{len(guesses):043d}")))
    wrong = len(guesses) - 6
    assert [answer.status_code for answer in guesses[:6]] == [401] * 6 and wrong <= 12
    assert guesses[-1].json()["code"] == "too_many_failures" and int(guesses[-1].headers["retry-after"]) >= 1
    assert (await door.http.get("/v1/alerts", headers=bearer(key))).status_code == 200
    async with at_address(door, "10.2.2.2") as http:
        ended = await key_for(door, "alerts:read")
        async with door.database.transaction() as tx:
            await managing.revoke(tx, ended.split("_")[1], by="test")
        assert {(await http.get("/v1/alerts", headers=bearer(ended))).status_code for _ in range(12)} == {401}, "that is no guess"
        assert (await http.get("/v1/alerts", headers=bearer(f"hf_{'a' * 12}_{'b' * 43}"))).status_code == 401, "another address"
    assert await refusals(door) == [
        ("", "too_many_failures", "backing_off", 6),
        ("", "unauthenticated", "revoked", 12),
        ("", "unauthenticated", "unknown_key", wrong + 1),
    ]


async def test_refusals_are_listed_and_can_not_fill_the_table(door: ServiceUnderTest) -> None:
    key = await key_for(door, "access:read", client="auditor")
    ledger = door.app.state.access.ledger
    for number in range(1_500):
        ledger.refused(client="", address=f"10.{number // 250}.{number % 250}.9", code="unauthenticated", reason="malformed")
    await asyncio.gather(*(door.http.get("/v1/alerts", headers=bearer(key)) for _ in range(20)))
    await ledger.flush()
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        page = (await door.http.get("/v1/access/refusals", headers=bearer(key), params={"limit": 200} | ({"cursor": cursor} if cursor else {}))).json()
        found += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert sum(one["count"] for one in found) == 1_520
    assert len(found) <= 1_004
    mine = (await door.http.get("/v1/access/refusals", headers=bearer(key), params={"client": "auditor"})).json()["items"]
    assert {(one["code"], one["reason"]) for one in mine} <= {("forbidden", "alerts:read")}


async def test_every_route_has_a_resource_or_is_open(door: ServiceUnderTest) -> None:
    """And each that is not open is refused to nobody in particular, and to a key that may do nothing of it."""
    powerless = await key_for(door, ACT_FOR_OTHERS)
    routes = [(method, context.path, context) for context in iter_route_contexts(door.app.routes) for method in context.methods or ()]
    assert len(routes) > 150
    for method, path, route in routes:
        if is_open(path):
            assert not path.startswith("/v1"), path
            continue
        assert set(needed(route.tags, route.operation_id, method, "")) <= set(ALL), path
        filled = path.replace("{service}", "customer").replace("{dead_id}", "1").replace("{", "").replace("}", "")
        assert (await door.http.request(method, filled)).status_code == 401, path
        assert (await door.http.request(method, filled, headers=bearer(powerless))).status_code == 403, path


async def test_the_document_names_the_scopes(door: ServiceUnderTest) -> None:
    api = (await door.http.get("/openapi.json")).json()
    assert set(api["components"]["securitySchemes"]) == {"api_key"}, "no issuer, no tokens"
    assert api["paths"]["/v1/customers/{customer_id}/export"]["get"]["security"] == [{"api_key": ["privacy:read", PERSONAL]}]
    assert api["paths"]["/v1/events"]["post"]["security"] == [{"api_key": ["events:write"]}]
    assert "security" not in api["paths"]["/health/live"]["get"]


async def test_the_demo_issuer_gives_tokens_for_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with guarded(embedded(tmp_path), monkeypatch, demo_issuer=True) as gateway:
        key_id, secret = (await key_for(gateway, "alerts:read", "tasks:read")).removeprefix("hf_").split("_", 1)

        async def token(auth: tuple[str, str] | None = None, **form: str) -> httpx.Response:
            return await gateway.http.post("/oauth2/token", data={"grant_type": "client_credentials"} | form, auth=auth or httpx.USE_CLIENT_DEFAULT)

        issued = (await token(client_id=key_id, client_secret=secret)).json()
        assert (issued["token_type"], issued["scope"], issued["expires_in"]) == ("Bearer", "alerts:read tasks:read", 900)
        assert (await gateway.http.get("/v1/alerts", headers=bearer(issued["access_token"]))).status_code == 200
        narrow = (await token((key_id, secret), scope="tasks:read")).json()["access_token"]
        assert (await gateway.http.get("/v1/tasks", headers=bearer(narrow))).status_code == 200
        assert (await gateway.http.get("/v1/alerts", headers=bearer(narrow))).status_code == 403
        for answer, status, error in (
            (await token((key_id, secret), scope="pii:read"), 400, "invalid_scope"),
            (await token((key_id, secret), grant_type="password"), 400, "unsupported_grant_type"),
            (await token((key_id, "wrong")), 401, "invalid_client"),
            (await token(), 401, "invalid_client"),
        ):
            assert (answer.status_code, answer.json()) == (status, {"error": error})
        flow = (await gateway.http.get("/openapi.json")).json()["components"]["securitySchemes"]["oauth2"]["flows"]["clientCredentials"]
        assert flow["tokenUrl"] == "/oauth2/token" and set(flow["scopes"]) == set(ALL)


@pytest.mark.parametrize("common", [{"auth": "open"}, {"auth": "required", "host": "10.0.0.5"}])
def test_the_demo_issuer_serves_this_machine_only(common: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOLDFAST_AUTH_DEMO_ISSUER", "true")
    with pytest.raises(SystemExit, match="DEMO_ISSUER"):
        app(Settings(**common))


@pytest.mark.parametrize(
    ("name", "value", "fix"),
    [
        ("JWKS_URL", "http://login.example/jwks.json", "use https"),
        ("ISSUER", "https://login.example", "set ISSUER and JWKS_URL"),
        ("LEEWAY_SECONDS", "3600", "300"),
    ],
)
def test_a_bad_setting_of_access_ends_the_start_with_its_fix(name: str, value: str, fix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"HOLDFAST_AUTH_{name}", value)
    with pytest.raises(SystemExit, match=fix):
        app(Settings())


async def test_keys_are_made_by_hand_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """`make api-key`: with the database in hand, and nobody's leave."""
    async with guarded(embedded(tmp_path), monkeypatch) as gateway:

        async def by_hand(*arguments: str) -> tuple[int, str]:
            monkeypatch.setattr(sys, "argv", ["keys", *arguments])
            code = await keys.run(gateway.settings.database_url("gateway"), keys.parsed())
            return code, "".join(capsys.readouterr())

        code, said = await by_hand("create", "crm", "alerts:read", "--days", "7")
        key = said.strip()
        assert code == 0 and (await gateway.http.get("/v1/alerts", headers=bearer(key))).status_code == 200
        key_id = key.split("_")[1]
        assert f"{key_id}  crm  until" in (await by_hand("list"))[1]
        assert "was revoked" in (await by_hand("revoke", key_id))[1]
        assert f"{key_id}  crm  revoked" in (await by_hand("list"))[1]
        code, said = await by_hand("create", "crm", "all-of-it")
        assert code == 1 and "there is no scope all-of-it" in said
        with pytest.raises(SystemExit):
            await by_hand("create", "a\nb", "all")
