"""G1: one OpenAPI document over all services, made of what each owner says of its own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import orjson
import pytest
from openapi_spec_validator import validate

from deploy.api_documents import files
from services.gateway.api import app
from services.gateway.owners import names_beside, operation, renamed
from services.gateway.routes.passed_on import ALL
from shared.settings import Settings

IDS = Path(__file__).parent / "operation_ids.txt"

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


def test_what_two_services_call_alike_is_told_apart(document: Document) -> None:
    """The reviews of duplicates are not those of decisions; what is the same everywhere has one name."""
    names = names_beside({})
    assert (names["customer"]["Reviews"], names["retention"]["Reviews"]) == ("CustomerReviews", "RetentionReviews")
    assert {names[service]["Problem"] for service in names} == {"Problem"}
    answers = {
        name: operations(document)[name]["responses"]["200"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
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
