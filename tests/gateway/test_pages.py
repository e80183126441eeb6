"""G7: docs without internet, that say what the running system does."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from openapi_spec_validator import validate

from shared.contracts.asyncapi import document
from shared.contracts.registry import INPUTS, PAYLOADS
from shared.contracts.topics import TOPICS
from shared.errors import catalogue
from tests.harness import ServiceUnderTest

PAGES = ["/", "/docs", "/events/docs"]


class Links(HTMLParser):
    """What a page makes a browser load, where its links lead, and what they may lead to on itself."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.linked: list[str] = []
        self.ids: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.ids.add(given.get("id", ""))
        if tag == "a":
            self.linked.append(given["href"])
        else:
            self.loaded += [given[name] for name in ("src", "href", "action") if name in given]


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_loads_nothing_from_elsewhere(door: ServiceUnderTest, path: str) -> None:
    page = await door.http.get(path)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert re.findall(r"(?:https?:)?//[a-z][^\s\"'<]*", page.text) == []
    for url in Links(page.text).loaded:
        assert (await door.http.get(url)).status_code in {200, 422}, url


@pytest.mark.parametrize("path", PAGES)
async def test_every_link_leads_somewhere(door: ServiceUnderTest, path: str) -> None:
    """To a resource that is there; that its service is away now is another matter."""
    links = Links((await door.http.get(path)).text)
    for url in links.linked:
        if url.startswith("#"):
            assert url[1:] in links.ids
        else:
            assert (await door.http.get(url)).status_code in {200, 503}, url


async def test_the_api_docs_find_their_description(door: ServiceUnderTest) -> None:
    page = (await door.http.get("/docs")).text
    assert "url: '/openapi.json'" in page
    assert len((await door.http.get("/docs/assets/swagger-ui-bundle.js")).content) > 1_000_000
    assert (await door.http.get("/docs/assets/redoc.standalone.js")).status_code == 422


async def test_the_api_description_is_valid_and_whole(door: ServiceUnderTest) -> None:
    api = (await door.http.get("/openapi.json")).json()
    validate(api)
    operations = [operation for path in api["paths"].values() for operation in path.values()]
    ids = [operation["operationId"] for operation in operations]
    assert len(ids) == len(set(ids))
    tags = {tag["name"] for tag in api["tags"]}
    assert all(operation["summary"] and set(operation["tags"]) <= tags for operation in operations)
    assert all({"500", "503"} <= operation["responses"].keys() or "default" in operation["responses"] for operation in operations)
    assert all(f"`{error.code}`" in api["info"]["description"] for error in catalogue())
    body = api["paths"]["/v1/events"]["post"]["requestBody"]["content"]
    assert set(body["application/cloudevents+json"]["examples"]) == {payload.type for payload in INPUTS}


async def test_the_event_docs_show_every_topic_type_and_field(door: ServiceUnderTest) -> None:
    page = (await door.http.get("/events/docs")).text
    assert {topic.name for topic in TOPICS} | set(PAYLOADS) <= Links(page).ids
    for name in ("amount_minor", "lines[].category", "on_net.out_seconds", "profile.subscriptions[].msisdn"):
        assert f"<code>{name}</code>" in page, name
    assert "Minor units of the currency (cents, fen)" in page
    assert (await door.http.get("/events/asyncapi.json")).json() == document()


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/v1/customers/C-none", 404, "not_found"),
        ("GET", "/v1/tasks/none", 404, "not_found"),
        ("GET", "/v1/customers?msisdn=8613899999999", 404, "not_found"),
        ("GET", "/v1/dead-letters/gateway/7", 404, "not_found"),
        ("DELETE", "/v1/alerts", 405, "method_not_allowed"),
        ("GET", "/v1/events", 405, "method_not_allowed"),
        ("GET", "/v1/customers", 422, "invalid_request"),
        ("GET", "/v1/customers?msisdn=8613800138000&account=A-1", 422, "invalid_request"),
        ("GET", "/v1/customers?msisdn=0138", 422, "invalid_request"),
        ("GET", "/v1/customers/%00", 422, "invalid_request"),
        ("GET", f"/v1/customers/{'x' * 129}", 422, "invalid_request"),
        ("GET", "/v1/alerts?limit=0", 422, "invalid_request"),
        ("GET", "/v1/alerts?limit=201", 422, "invalid_request"),
        ("GET", "/v1/alerts?kind=none", 422, "invalid_request"),
        ("GET", "/v1/alerts?customer_id=%00", 422, "invalid_request"),
        ("GET", "/v1/tasks?status=half", 422, "invalid_request"),
        ("GET", "/v1/tasks?cursor=x", 400, "bad_cursor"),
        ("GET", "/v1/dead-letters/billing", 422, "invalid_request"),
        ("GET", "/v1/dead-letters/customer/99999999999999999999", 422, "invalid_request"),
    ],
)
async def test_every_failure_is_a_problem_document(gateway: ServiceUnderTest, method: str, path: str, status: int, code: str) -> None:
    answer = await gateway.http.request(method, path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    assert answer.json()["code"] == code
    assert {"type", "title", "status", "detail", "instance"} <= set(answer.json())
