"""Process 1 of the customer service: its HTTP API."""

from __future__ import annotations

from fastapi import Depends, FastAPI

from services.customer.routes import addresses, audit, cases, matching, privacy, prospects, quality, reentry, registry, watch
from services.customer.tables import INBOX, WORKERS
from shared.dead_letter_routes import dead_letter_router
from shared.errors import AuditBroken
from shared.openapi import raises
from shared.settings import Settings
from shared.web import create_app

DEAD_LETTERS = dead_letter_router(INBOX, group="customer", dependencies=[Depends(audit.noted("dead_letters"))], fails=raises(AuditBroken))


def app(settings: Settings) -> FastAPI:
    return create_app(
        service="customer",
        settings=settings,
        routers=(
            registry.ROUTER,
            audit.ROUTER,
            privacy.ROUTER,
            watch.ROUTER,
            cases.ROUTER,
            prospects.ROUTER,
            matching.ROUTER,
            reentry.ROUTER,
            quality.ROUTER,
            addresses.ROUTER,
            DEAD_LETTERS,
        ),
        description="Who the customers are and what was reported about them.",
        workers=WORKERS,
        lifespan=audit.open_journal,
        sealed=True,
    )
