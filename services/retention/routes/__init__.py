"""HTTP in: each route calls one use case."""

from __future__ import annotations

from services.retention.routes import campaigns, care_programmes, effects, loyalty, messages, objections, receipts, retention, save_desk
from services.retention.routes import credits as credits_routes

ROUTERS = (
    retention.ROUTER, effects.ROUTER, campaigns.ROUTER, messages.ROUTER, save_desk.ROUTER, loyalty.ROUTER, receipts.ROUTER, objections.ROUTER,
    credits_routes.ROUTER, care_programmes.ROUTER,
)  # fmt: skip
