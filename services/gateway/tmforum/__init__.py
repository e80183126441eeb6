"""The facade for systems that speak TM Forum: six APIs of version 4 over what the services know. docs/tmforum.md says what maps to what."""

from __future__ import annotations

from fastapi import APIRouter, Request

from services.gateway.tmforum import customers, hub, loyalty, messages, recommendations, risk, tickets
from services.gateway.tmforum.errors import TmForumRoute, offered
from shared.errors import MethodNotAllowed, NotFound

TAGS = [
    {"name": "tmf621", "description": "TM Forum TMF621 Trouble Ticket v4.0.0: complaints as tickets."},
    {"name": "tmf629", "description": "TM Forum TMF629 Customer Management v4.0.0: who the customer is, masked, and where they stand."},
    {"name": "tmf658", "description": "TM Forum TMF658 Loyalty Management v4.0.0: members of the club and their points."},
    {"name": "tmf680", "description": "TM Forum TMF680 Recommendation Management v4.0.0: offers chosen for a customer, and what goes with what they hold."},
    {"name": "tmf681", "description": "TM Forum TMF681 Communication Management v4.0.0: what was written to customers."},
    {"name": "tmf696", "description": "TM Forum TMF696 Risk Management v4.0.0: how likely a customer leaves, and why."},
]

# Every route needs a resource, or nobody is let through to it: this one's is that of the first API.
_ELSEWHERE = APIRouter(prefix="/tmf-api", tags=["tmf629"], route_class=TmForumRoute, include_in_schema=False)


@_ELSEWHERE.api_route("/{path:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
async def elsewhere(request: Request, path: str) -> None:
    """Last of all: what is not there is said in the same shape."""
    if methods := offered(request):
        raise MethodNotAllowed(f"/tmf-api/{path} takes {', '.join(methods)}")
    raise NotFound(f"no /tmf-api/{path}: docs/tmforum.md lists the resources")


ROUTERS = (customers.ROUTER, messages.ROUTER, recommendations.ROUTER, loyalty.ROUTER, tickets.ROUTER, risk.ROUTER, *hub.ROUTERS, _ELSEWHERE)
