"""Process 1 of the customer service: its HTTP API."""

from __future__ import annotations

from fastapi import FastAPI

from services.customer.routes import ROUTER
from services.customer.tables import INBOX, WORKERS
from shared.dead_letter_routes import dead_letter_router
from shared.settings import Settings
from shared.web import create_app


def app(settings: Settings) -> FastAPI:
    return create_app(
        service="customer",
        settings=settings,
        routers=(ROUTER, dead_letter_router(INBOX, group="customer")),
        description="Who the customers are and what was reported about them.",
        workers=WORKERS,
    )
