"""Process 1 of the segmentation service: its HTTP API."""

from __future__ import annotations

from fastapi import FastAPI

from services.segmentation.routes import ROUTERS
from services.segmentation.tables import INBOX, WORKERS
from shared.dead_letter_routes import dead_letter_router
from shared.settings import Settings
from shared.web import create_app

DEAD_LETTERS = dead_letter_router(INBOX, group="segmentation")


def app(settings: Settings) -> FastAPI:
    return create_app(
        service="segmentation",
        settings=settings,
        routers=(*ROUTERS, DEAD_LETTERS),
        description="What the customers' behaviour says: RFM, value, tier, lifecycle, warnings, and the analysis of the business.",
        workers=WORKERS,
    )
