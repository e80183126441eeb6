"""TMF696 Risk Management v4.0.0: how likely a customer leaves and why, from the read model."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from fastapi import Request
from starlette.responses import Response

from services.gateway import use_cases
from services.gateway.reads import Views
from services.gateway.repository import ViewReads
from services.gateway.tmforum.listing import Chosen, Document, Listing, created, listed, one
from services.gateway.tmforum.neighbours import body_of
from services.gateway.tmforum.parts import Id, characteristics, customer_in, customer_ref, entity, refuse, router, shows_list, shows_one, takes
from services.gateway.tmforum.read_model import block_of, page
from shared.errors import NotFound
from shared.web import Reading

ROUTER = router("riskManagement", "tmf696")
PATH = "/tmf-api/riskManagement/v4/partyRoleRiskAssessment"
MANDATORY = ("partyRole", "riskAssessmentResult", "status")
# The specification's own names of risks are of fraud and payment; RiskScore takes others.
RISKS = {"leave": "ChurnRisk", "brand_downgrade": "BrandDowngradeRisk", "arpu_decline": "RevenueDeclineRisk"}


def risk_assessment(customer_id: str, churn: Document) -> Document:
    """Scores are probabilities, 0 to 1, within the horizon of the churn definition. The reasons, strongest first, are characteristics."""
    reasons = [
        {"name": f"reason:{reason['cause']}", "value": {"text": reason["text"], "contribution": reason["contribution"]}, "valueType": "object"}
        for reason in churn.get("reasons", ())
    ]
    about = {"asOf": churn["as_of"], "basis": churn["basis"], "basisReason": churn["basis_reason"], "scoredAt": churn["scored_at"]}
    scores = churn.get("probabilities") or {"leave": churn["probability"]}
    return entity(
        PATH,
        "PartyRoleRiskAssessment",
        customer_id,
        status="Succeeded",
        partyRole=customer_ref(customer_id),
        riskAssessmentResult={
            "overallScore": churn["probability"],
            "score": [{"riskName": RISKS.get(target, target), "score": score, "@type": "RiskScore"} for target, score in scores.items()],
            "@type": "RiskAssessmentResult",
        },
        characteristic=[*characteristics(about), *reasons],
    )


@ROUTER.get(
    "/partyRoleRiskAssessment", operation_id="tmf696_list_risk", summary="List or find churn scores", responses=shows_list("PartyRoleRiskAssessment", MANDATORY)
)
async def list_risk(connection: Reading, asked: Listing) -> Response:
    """One per customer, the latest. Likeliest first: GET /v1/churn/scores."""
    whose = asked.filters.get("partyRole.id")
    if whose is not None:
        asked = asked._replace(filters={**asked.filters, "id": whose & asked.filters.get("id", whose)})
    found = await page(connection, asked, block="churn", resource=_resource)
    return listed([_resource(row) for row in found.rows], asked, found.total)


@ROUTER.get(
    "/partyRoleRiskAssessment/{id}",
    operation_id="tmf696_retrieve_risk",
    summary="Retrieve the churn score of a customer",
    responses=shows_one("PartyRoleRiskAssessment", MANDATORY),
)
async def retrieve_risk(views: Views, id: Id, fields: Chosen) -> Response:
    return one(await _assessed(views, id), fields)


@ROUTER.post(
    "/partyRoleRiskAssessment",
    operation_id="tmf696_create_risk",
    summary="Ask for the churn score of a customer",
    status_code=201,
    responses=shows_one("PartyRoleRiskAssessment", MANDATORY, status=201),
    openapi_extra=takes("PartyRoleRiskAssessment_Create", ["partyRole"], {"partyRole": {"id": "C-1", "@referredType": "Customer"}}),
)
async def create_risk(request: Request, views: Views) -> Response:
    """The task is done at once: customers are scored whenever something was told of them."""
    return created(await _assessed(views, customer_in((await body_of(request)).get("partyRole"), named="partyRole")))


async def _assessed(views: ViewReads, customer_id: str) -> Document:
    row = (await use_cases.view(views, customer_id))[0]
    if block_of(row, "churn") is None:
        raise NotFound(f"{row.customer_id} has no churn score yet")
    return _resource(row)


def _resource(row: sa.Row[Any]) -> Document:
    churn = block_of(row, "churn")
    assert churn, "only rows that have the block are listed"
    return risk_assessment(row.customer_id, churn)


refuse(ROUTER, "DELETE", "/partyRoleRiskAssessment/{id}", "A score goes with its customer")
