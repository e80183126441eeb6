"""G1: every list takes `fields`, and answers of each item what is asked for; the document says both. Of what is passed on: test_behind.py."""

from __future__ import annotations

import re
from typing import Any

import jsonschema
import pytest

from tests.builders import NOON
from tests.gateway.published import alerted
from tests.harness import ServiceUnderTest

Document = dict[str, Any]
PATH_VALUES = {"service": "customer"}


def lists(document: Document) -> dict[str, Document]:
    """By path: each GET that answers `items`."""
    schemas = document["components"]["schemas"]
    found = {}
    for path, operations in document["paths"].items():
        shown = operations.get("get", {"responses": {}})["responses"].get("200", {}).get("content", {}).get("application/json", {}).get("schema", {})
        first = shown.get("anyOf", [shown])[0].get("$ref", "").rpartition("/")[2]
        if "items" in schemas.get(first, {}).get("properties", {}):
            found[path] = operations["get"]
    return found


def names_of(operation: Document) -> list[str]:
    (fields,) = [one for one in operation["parameters"] if one["name"] == "fields"]
    return re.findall(r"\w+", fields["schema"]["pattern"].partition(")")[0])


def fits(document: Document, path: str, answer: Any) -> None:
    shown = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    jsonschema.validate(answer, shown | {"components": document["components"]})


async def test_every_list_takes_what_its_items_have_and_nothing_else(door: ServiceUnderTest) -> None:
    """Where its owner answers it too: nobody is asked before the names are known to be right."""
    found = lists(door.app.openapi())
    assert len(found) > 40 and {"/v1/alerts", "/v1/campaigns", "/v1/audit", "/v1/hub", "/v1/dead-letters/{service}"} <= found.keys()
    for path, operation in found.items():
        url, names = re.sub(r"{(\w+)}", lambda step: PATH_VALUES.get(step[1], "x"), path), names_of(operation)
        for asked in ("", "nothing", f"{names[0]},", f"{names[0]}, {names[-1]}", ",".join([*names, names[0]])):
            answer = await door.http.get(url, params={"fields": asked})
            assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request"), (path, asked)
            assert answer.json()["detail"].endswith(f"choose among {', '.join(names)}"), path


async def test_of_a_list_of_its_own_the_gateway_answers_what_is_asked_for(door: ServiceUnderTest) -> None:
    await door.send(alerted("a-1"), alerted("a-2", at=NOON.replace(hour=9)))
    whole = (await door.http.get("/v1/alerts", params={"limit": 1})).json()
    answer = await door.http.get("/v1/alerts", params={"limit": 1, "fields": "kind,alert_id"})
    assert answer.json() == {"items": [{"alert_id": "a-1", "kind": whole["items"][0]["kind"]}], "next_cursor": whole["next_cursor"]}
    assert int(answer.headers["content-length"]) == len(answer.content)
    next_page = await door.http.get("/v1/alerts", params={"limit": 1, "fields": "alert_id", "cursor": whole["next_cursor"]})
    assert next_page.json()["items"] == [{"alert_id": "a-2"}]
    fits(door.app.openapi(), "/v1/alerts", answer.json())
    with pytest.raises(jsonschema.ValidationError):
        fits(door.app.openapi(), "/v1/alerts", {"items": [{"alert_id": 1}], "next_cursor": None})
