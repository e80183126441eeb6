"""G1: one OpenAPI document over all services, made of what each owner says of its own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jsonschema
import orjson
import pytest
from openapi_spec_validator import validate

from deploy.api_documents import files
from deploy.examples.choosing import WITHOUT
from deploy.examples.fitting import Said
from services.gateway.api import app
from services.gateway.examples import FILES, recorded
from services.gateway.owners import names_beside, operation, renamed
from services.gateway.routes.passed_on import ALL
from shared.errors import catalogue
from shared.settings import Settings

IDS = Path(__file__).parent / "operation_ids.txt"

CODES = {one.code: one.status for one in catalogue()}

Document = dict[str, Any]


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Document:
    return app(Settings(data_dir=tmp_path_factory.mktemp("gateway"))).openapi()


def operations(document: Document) -> dict[str, Document]:
    return {one["operationId"]: one for path in document["paths"].values() for one in path.values()}


def test_it_is_valid_and_every_reference_leads_somewhere(document: Document) -> None:
    validate(document)
    text = orjson.dumps(document).decode()
    referred = set(re.findall(r'"#/components/schemas/([^"]+)"', text))
    assert referred == set(document["components"]["schemas"])


def test_no_operation_id_is_taken_back(document: Document) -> None:
    """Clients are generated from them. A new operation is added to the list; none leaves it without a new version of the API."""
    missing = set(IDS.read_text().split()) - operations(document).keys()
    assert missing == set()


def test_every_operation_id_is_on_the_list(document: Document) -> None:
    assert sorted(operations(document)) == IDS.read_text().split()


def test_what_the_gateway_reads_of_the_owners_is_what_they_say() -> None:
    stale = [path.name for path, content in files().items() if path.read_bytes() != content]
    assert stale == [], "run `make docs`"


def test_what_is_passed_on_is_described_as_its_owner_describes_it(document: Document) -> None:
    one = operations(document)["edit_campaign"]
    assert one["requestBody"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/CampaignEdit"}
    assert document["components"]["schemas"]["CampaignEdit"]["properties"]["cap_days"]["maximum"] == 365
    (campaign_id,) = (parameter for parameter in one["parameters"] if parameter["in"] == "path")
    assert campaign_id["schema"]["maxLength"] == 128
    assert one["responses"]["200"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/CampaignDetail"}


def test_a_view_of_a_past_moment_is_the_customer_services_own(document: Document) -> None:
    schema = operations(document)["get_customer"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert [one["$ref"].rpartition("/")[2] for one in schema["anyOf"]] == ["CustomerView", "KnownCustomer"]


def test_what_two_services_call_alike_is_told_apart(document: Document) -> None:
    """The reviews of duplicates are not those of decisions; what is the same everywhere has one name."""
    names = names_beside({})
    assert (names["customer"]["Reviews"], names["retention"]["Reviews"]) == ("CustomerReviews", "RetentionReviews")
    assert {names[service]["Problem"] for service in names} == {"Problem"}
    answers = {
        name: operations(document)[name]["responses"]["200"]["content"]["application/json"]["schema"]["anyOf"][0]["$ref"].rpartition("/")[2]
        for name in ("list_reviews", "list_decision_reviews")
    }
    assert answers == {"list_reviews": "CustomerReviews", "list_decision_reviews": "RetentionReviews"}


def test_a_name_that_is_also_a_field_stays_what_it_is() -> None:
    node = {"properties": {"$ref": {"type": "string"}}, "items": [{"$ref": "#/components/schemas/A"}], "enum": ["A"]}
    assert renamed(node, {"A": "B"}) == {"properties": {"$ref": {"type": "string"}}, "items": [{"$ref": "#/components/schemas/B"}], "enum": ["A"]}


def test_a_route_that_no_owner_has_is_refused() -> None:
    with pytest.raises(LookupError, match="retention has no GET /nowhere"):
        operation("retention", "GET", "/nowhere")
    assert all(one.described for one in ALL)


def test_every_operation_shows_how_it_fails(document: Document) -> None:
    """Each code it lists, at its status, with a problem document as the example; and no status that says nothing."""
    schema = {"$ref": "#/components/schemas/Problem", "components": document["components"]}
    for one in operations(document).values():
        if one["tags"][0].startswith("tmf"):
            assert one["responses"]["default"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Error"}, "as TM Forum has it"
            continue
        shown: dict[str, int] = {}
        for status, response in one["responses"].items():
            assert status != "default"
            if "$ref" in response:
                content = document["components"]["responses"][response["$ref"].rpartition("/")[2]]["content"]["application/problem+json"]
                shown |= {code: int(status) for code in content["examples"]}
                for code, example in content["examples"].items():
                    jsonschema.validate(example["value"], schema)
                    assert (example["value"]["code"], example["value"]["status"]) == (code, int(status))
        assert shown == {code: CODES[code] for code in one["x-errors"]}, one["operationId"]


@pytest.mark.parametrize(
    ("operation_id", "codes"),
    [
        ("edit_campaign", {"actor_missing", "already_decided", "stale_draft", "not_found", "invalid_request", "unsupported_media_type", "body_too_large"}),
        ("report_outcome", {"idempotency_key_missing", "idempotency_key_reused", "conflict", "not_found"}),
        ("erase_customer", {"erasure_refused", "gone", "audit_broken"}),
        ("take_events", {"too_many_requests", "bus_unavailable", "invalid_event", "malformed_json", "event_too_large"}),
        ("list_campaigns", {"unavailable", "internal_error"}),
        ("list_merges", {"bad_cursor", "invalid_request"}),
    ],
)
def test_the_errors_of_an_operation_are_its_own(document: Document, operation_id: str, codes: set[str]) -> None:
    assert codes <= set(operations(document)[operation_id]["x-errors"])


def test_what_is_required_is_said_to_be(document: Document) -> None:
    """An Idempotency-Key is refused by a code of its own, so FastAPI takes it for optional. A query has no null."""
    parameters = [parameter for one in operations(document).values() for parameter in one.get("parameters", ())]
    assert {parameter["required"] for parameter in parameters if parameter["name"] == "Idempotency-Key"} == {True}
    assert not any({"type": "null"} in parameter["schema"].get("anyOf", ()) for parameter in parameters)


def test_what_a_client_sends_with_every_call_no_default_overwrites(document: Document) -> None:
    """A generated client sends the defaults of a call: `X-Actor: anonymous` in place of who it was made for."""
    headers = [parameter for one in operations(document).values() for parameter in one.get("parameters", ()) if parameter["in"] == "header"]
    assert {"X-Actor", "Idempotency-Key"} <= {one["name"] for one in headers}
    assert not any("default" in one["schema"] for one in headers)


def test_every_body_has_an_example_that_is_one(document: Document) -> None:
    """tests/deploy/test_fuzz.py sends them, and gets what the document says; events have one of each type."""
    components = document["components"]
    for one in operations(document).values():
        for kind, content in one.get("requestBody", {"content": {}})["content"].items():
            if one["operationId"] == "take_events" and kind == "application/json":
                continue  # the data alone: the attributes of the event are headers
            schema = _without_null(content["schema"])
            body = components["schemas"].get(schema.get("$ref", "").rpartition("/")[2], {})
            examples = (
                [named["value"] for named in content.get("examples", {}).values()]
                or body.get("examples", ())
                or ([content["example"]] if "example" in content else ())
            )
            assert examples, (one["operationId"], kind)
            for example in examples:
                jsonschema.validate(example, schema | {"components": components}, format_checker=jsonschema.FormatChecker())


def test_every_good_answer_has_an_example_that_is_one(document: Document) -> None:
    """Each was given to a test (tests/recording.py), and holds against its own operation's schema; what is not in that is not in the example."""
    said = Said(document)
    assert len(list(said.places())) > 190 and list(WITHOUT) == ["export_customer", "get_parameter_schema"]
    lacking = {}
    for operation_id, place in said.places():
        content = operations(document)[operation_id]["responses"][place.status]["content"]["application/json"]
        why = said.why_not(operation_id, place.status, content["example"]) if "example" in content else "there is none"
        lacking |= {(operation_id, place.status): why} if why else {}
    assert lacking == {}, "run `make examples`"


def test_an_example_with_an_attribute_that_its_operation_does_not_have_is_none(document: Document) -> None:
    said, task = Said(document), operations(document)["get_task"]["responses"]["200"]["content"]["application/json"]["example"]
    assert said.why_not("get_task", "200", task) is None
    assert "'urgency' was unexpected" in str(said.why_not("get_task", "200", task | {"urgency": 1}))
    assert "'script' is a required property" in str(said.why_not("get_task", "200", {name: one for name, one in task.items() if name != "script"}))


def test_no_example_is_of_an_operation_or_a_status_that_there_is_not(document: Document) -> None:
    shown = {(place.service, operation_id, place.status) for operation_id, place in Said(document).places()}
    assert {(file, operation_id, status) for file in FILES for operation_id, one in recorded(file).items() for status in one} <= shown


def _without_null(schema: Document) -> Document:
    return next((one for one in schema.get("anyOf", ()) if one != {"type": "null"}), schema)
