"""The AsyncAPI document is valid, whole, and says what is really published."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
from jsonschema import Draft7Validator

from shared.contracts import topics
from shared.contracts.asyncapi import document, example_event
from shared.contracts.registry import INPUTS, PAYLOADS
from shared.contracts.topics import TOPICS

# As the AsyncAPI initiative publishes it (Apache-2.0), without line breaks.
SPECIFICATION = Path(__file__).parent / "asyncapi-3.1.0.schema.json"


def test_it_is_valid_by_the_specification() -> None:
    validator = Draft7Validator(orjson.loads(SPECIFICATION.read_bytes()))
    assert [f"{error.json_path}: {error.message}" for error in validator.iter_errors(document())] == []


def test_every_reference_leads_somewhere() -> None:
    for reference in references(document()):
        target: Any = document()
        for step in reference.removeprefix("#/").split("/"):
            target = target[step]
        assert target


def references(node: Any) -> set[str]:
    if isinstance(node, list):
        return set().union(*map(references, node)) if node else set()
    if not isinstance(node, dict):
        return set()
    own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
    return own.union(*map(references, node.values()))


def test_every_topic_and_every_type_is_in_it() -> None:
    assert set(document()["channels"]) == {topic.name for topic in TOPICS}
    listed = [name for channel in document()["channels"].values() for name in channel["messages"]]
    assert sorted(listed) == sorted(PAYLOADS) == sorted(document()["components"]["messages"])
    taken = {name for name, one in document()["operations"].items() if one["action"] == "receive"}
    assert taken == {f"take_{topic}" for topic in topics.INPUTS}


def test_every_input_example_names_whom_it_is_about() -> None:
    assert all(example_event(payload)["subject"].partition(":")[0] in payload.about for payload in INPUTS)
