"""HTTP in: each route calls one use case."""

from __future__ import annotations

from services.retention.routes import campaigns, effects, retention, save_desk

ROUTERS = (retention.ROUTER, effects.ROUTER, campaigns.ROUTER, save_desk.ROUTER)
