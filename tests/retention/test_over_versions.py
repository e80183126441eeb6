"""G1: changes are made over the version that was read, which If-Match says, or the body's own field."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.settings import Settings
from tests.harness import ServiceUnderTest

CONTENT = {"name": "Keep the silent", "offers": {"usage_fall": ["loyalty-10"]}}
CALENDAR = {"rest": [6, 7]}
ANN = {"X-Actor": "ann"}


@pytest.fixture
async def retention(tmp_path: Path) -> AsyncIterator[ServiceUnderTest]:
    async with ServiceUnderTest("retention", Settings(data_dir=tmp_path, log_level="error")) as running:
        yield running


async def put(retention: ServiceUnderTest, path: str, body: dict[str, Any], tag: str | None) -> httpx.Response:
    return await retention.http.put(path, json=body, headers=ANN | ({"If-Match": tag} if tag else {}))


async def test_every_change_says_over_which_version_it_is_made(retention: ServiceUnderTest) -> None:
    await retention.http.post("/campaigns", json=CONTENT | {"campaign_id": "keep"}, headers=ANN | {"Idempotency-Key": "k"})
    for path, body in (("/campaigns/keep", CONTENT), ("/calendars/north", CALENDAR)):
        first = await put(retention, path, body, '"0"' if path.startswith("/calendars") else '"1"')
        read = await retention.http.get(path)
        assert (first.status_code, first.headers["etag"], read.headers["etag"]) == (200, f'"{read.json()["revision"]}"', first.headers["etag"]), first.text
        now = read.json()["revision"]
        refused = {
            (None, None): (428, "precondition_missing"),
            (f'"{now - 1}"', None): (412, "precondition_failed"),
            (f'"{now + 1}"', None): (412, "precondition_failed"),
            (None, now + 1): (409, "stale_draft"),
            (f'"{now}"', now + 1): (422, "invalid_request"),
            (f'W/"{now}"', None): (422, "invalid_request"),
            ("*", None): (422, "invalid_request"),
        }
        for (tag, field), expected in refused.items():
            answer = await put(retention, path, body if field is None else body | {"revision": field}, tag)
            assert (answer.status_code, answer.json()["code"]) == expected, (path, tag, field)
        assert (await put(retention, path, body | {"revision": now}, f'"{now}"')).headers["etag"] == f'"{now + 1}"'
        assert (await put(retention, path, body | {"revision": now + 1}, None)).headers["etag"] == f'"{now + 2}"'


async def test_what_is_approved_is_what_was_read(retention: ServiceUnderTest) -> None:
    await retention.http.post("/campaigns", json=CONTENT | {"campaign_id": "keep"}, headers=ANN | {"Idempotency-Key": "k"})
    await put(retention, "/campaigns/keep", CONTENT, '"1"')
    second = {"X-Actor": "bob"}
    tags: list[dict[str, str]] = [{}, {"If-Match": '"1"'}, {"If-Match": '"2"'}]
    answers = [await retention.http.post("/campaigns/keep/approve", json={}, headers=second | tag) for tag in tags]
    assert [one.status_code for one in answers] == [428, 412, 200]


async def test_a_template_follows_the_one_that_was_read(retention: ServiceUnderTest) -> None:
    """Without If-Match it follows whichever is the newest, as always."""
    template = {"channel": "sms", "purpose": "keep", "language": "en", "body": "Dear {{ name }}"}
    answers = [
        await retention.http.post("/message-templates", json=template, headers=ANN | tag | {"Idempotency-Key": str(number)})
        for number, tag in enumerate(({"If-Match": '"0"'}, {"If-Match": '"0"'}, {"If-Match": '"1"'}, {}))
    ]
    assert [(one.status_code, one.json().get("version") or one.json()["code"]) for one in answers] == [
        (201, 1), (412, "precondition_failed"), (201, 2), (201, 3),
    ]  # fmt: skip
    assert answers[0].headers["etag"] == '"1"'


async def test_a_region_without_its_own_calendar_has_none(retention: ServiceUnderTest) -> None:
    assert (await retention.http.get("/calendars/nowhere")).status_code == 404
    assert (await retention.http.get("/calendars/default")).headers["etag"] == '"1"'
