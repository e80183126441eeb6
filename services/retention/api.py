"""Process 1 of the retention service: its HTTP API."""

from __future__ import annotations

from fastapi import FastAPI

from services.retention.routes import ROUTERS
from services.retention.tables import INBOX, WORKERS
from shared.dead_letter_routes import dead_letter_router
from shared.settings import Settings
from shared.web import create_app

DEAD_LETTERS = dead_letter_router(INBOX, group="retention")


def app(settings: Settings) -> FastAPI:
    return create_app(
        service="retention",
        settings=settings,
        routers=(*ROUTERS, DEAD_LETTERS),
        description="Whom we contact, with what, and what came of it.",
        workers=WORKERS,
    )
