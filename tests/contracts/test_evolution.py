"""Contracts only grow. Each way to break one is planted here, and found; each way to grow is let through."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from shared.contracts import billing, care, customer
from shared.contracts.asyncapi import FOLDER, event_schema, files, update
from shared.contracts.evolution import breaks
from shared.contracts.registry import PAYLOADS

Schema = dict[str, Any]
Change = Callable[[Schema], None]

BILL = event_schema(billing.BillIssued)


def data_of(schema: Schema) -> Schema:
    found: Schema = schema["$defs"][schema["properties"]["data"]["$ref"].rpartition("/")[2]]
    return found


def changed(schema: Schema, change: Change) -> Schema:
    copied = copy.deepcopy(schema)
    change(copied)
    return copied


def in_data(**properties: Any) -> Change:
    return lambda schema: data_of(schema)["properties"].update(properties)


BREAKING: dict[str, tuple[Change, str]] = {
    "a field is removed": (lambda schema: data_of(schema)["properties"].pop("due_date"), ".data.due_date: removed"),
    "a field of the envelope is removed": (lambda schema: schema["properties"].pop("sequence"), ".sequence: removed"),
    "a new field is required": (lambda schema: data_of(schema)["required"].append("region"), ".data.region: required now"),
    "an optional field is required": (lambda schema: data_of(schema)["required"].append("lines"), ".data.lines: required now"),
    "another type": (in_data(amount_minor={"type": "string"}), ".data.amount_minor: was integer, now string"),
    "a narrower type": (in_data(due_date={"type": "integer"}), ".data.due_date: was string, now integer"),
    "a smaller maximum": (in_data(amount_minor={"type": "integer", "maximum": 10}), "maximum is 10 now"),
    "a new minimum": (in_data(amount_minor={"type": "integer", "minimum": 1}), "minimum is 1 now, was 0"),
    "a shorter text": (in_data(bill_id={"type": "string", "maxLength": 12}), "maxLength is 12 now, was 128"),
    "another pattern": (in_data(currency={"type": "string", "pattern": "^CNY$"}), "pattern is '^CNY$' now"),
    "only one value": (in_data(currency={"type": "string", "const": "CNY"}), "only CNY now"),
    "fewer lines": (lambda schema: data_of(schema)["properties"]["lines"].update(maxItems=10), "maxItems is 10 now, was 200"),
    "a value of an enumeration is removed": (
        lambda schema: schema["$defs"]["BillLine"]["properties"]["category"]["enum"].remove("roaming"),
        ".data.lines[].category: 'roaming' is no value of it any more",
    ),
}

ADDITIVE: dict[str, Change] = {
    "a new optional field": in_data(region={"type": "string"}),
    "a wider bound": in_data(amount_minor={"type": "integer", "minimum": 0, "maximum": 10**15}),
    "no bound": in_data(amount_minor={"type": "integer"}),
    "a wider type": in_data(amount_minor={"type": "number"}),
    "a type beside the old one": in_data(amount_minor={"anyOf": [data_of(BILL)["properties"]["amount_minor"], {"type": "null"}]}),
    "a new value of an enumeration": lambda schema: schema["$defs"]["BillLine"]["properties"]["category"]["enum"].append("insurance"),
    "a required field becomes optional": lambda schema: data_of(schema)["required"].remove("due_date"),
    "other words": lambda schema: data_of(schema).update(description="Otherwise said"),
}


@pytest.mark.parametrize(("change", "found"), BREAKING.values(), ids=BREAKING)
def test_what_breaks_is_found(change: Change, found: str) -> None:
    (broken,) = breaks(BILL, changed(BILL, change))
    assert found in broken


@pytest.mark.parametrize("change", ADDITIVE.values(), ids=ADDITIVE)
def test_what_only_adds_is_let_through(change: Change) -> None:
    assert breaks(BILL, changed(BILL, change)) == []


def test_an_alternative_that_is_gone_breaks() -> None:
    """`network_fault` may be null: taking that away refuses events that were good."""
    schema = event_schema(care.ComplaintOpened)
    only_text = {"type": "string", "enum": ["no_coverage", "dropped_calls", "slow_data", "roaming", "other"]}
    assert ".data.network_fault: was null, now string" in breaks(schema, changed(schema, in_data(network_fault=only_text)))


def test_the_values_of_a_map_may_not_become_narrower() -> None:
    schema = event_schema(customer.Activity)
    measures = {"type": "object", "additionalProperties": {"type": "object", "additionalProperties": {"type": "integer", "minimum": 0}}}
    (broken,) = breaks(schema, changed(schema, in_data(months=measures)))
    assert "minimum is 0 now, was none" in broken


def test_the_contracts_break_none_of_the_written_schemas() -> None:
    """Against what stands in docs/events/schemas, which the generator does not overwrite with what breaks it."""
    for written in sorted((FOLDER / "schemas").glob("*.json")):
        assert breaks(orjson.loads(written.read_bytes()), event_schema(PAYLOADS[written.stem])) == [], written.stem


def test_the_written_documents_are_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert update(FOLDER, files(), check=True, breaking=False) == 0, capsys.readouterr().err


def test_the_generator_does_not_overwrite_a_promise(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = Path("schemas") / "billing.bill_issued.v1.json"
    before, after = orjson.dumps(BILL), orjson.dumps(changed(BILL, lambda schema: data_of(schema)["properties"].pop("due_date")))
    assert update(tmp_path, {name: before}, check=False, breaking=False) == 0
    assert update(tmp_path, {name: after}, check=False, breaking=False) == 1
    assert "due_date: removed" in capsys.readouterr().err
    assert (tmp_path / name).read_bytes() == before
    assert update(tmp_path, {name: after}, check=False, breaking=True) == 0
    assert (tmp_path / name).read_bytes() == after


def test_an_event_type_may_not_go(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = Path("schemas") / "billing.bill_issued.v1.json"
    update(tmp_path, {name: orjson.dumps(BILL)}, check=False, breaking=False)
    assert update(tmp_path, {}, check=False, breaking=False) == 1
    assert "bill_issued.v1.json: removed" in capsys.readouterr().err
    assert update(tmp_path, {}, check=False, breaking=True) == 0
    assert not (tmp_path / name).exists()


def test_a_stale_document_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = Path("asyncapi.json")
    update(tmp_path, {name: b"{}"}, check=False, breaking=False)
    assert update(tmp_path, {name: b'{"new": 1}'}, check=True, breaking=False) == 1
    assert "asyncapi.json" in capsys.readouterr().err
    assert (tmp_path / name).read_bytes() == b"{}"
