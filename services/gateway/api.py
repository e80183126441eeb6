"""Process 1 of the gateway: its HTTP API and its pages."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

from fastapi import Depends, FastAPI
from fastapi.middleware.cors import CORSMiddleware

from services.gateway.access.describing import describe
from services.gateway.access.guard import Guard, allowed, open_access
from services.gateway.access.issuer import Issuer
from services.gateway.access.settings import AccessSettings
from services.gateway.access.tokens import fetching
from services.gateway.circuit import Circuit
from services.gateway.document import whole
from services.gateway.forwarding import check_neighbours, open_client
from services.gateway.hot import HotPaths
from services.gateway.intake import MAX_BATCH_BYTES, UnderWay
from services.gateway.personal import PersonalData
from services.gateway.push.streaming import Streams
from services.gateway.repository import ViewReads
from services.gateway.routes import ROUTERS
from services.gateway.routes.hub import PINGS_AT_ONCE
from services.gateway.routes.issuer import ROUTER as ISSUER
from services.gateway.settings import load
from services.gateway.tables import WORKERS
from services.gateway.tmforum import ROUTERS as TMFORUM_ROUTERS
from services.gateway.tmforum import TAGS as TMFORUM_TAGS
from services.gateway.whole_view import WholeViews
from shared.bus.opening import open_bus
from shared.errors import catalogue
from shared.settings import PORT_OFFSETS, Settings, read
from shared.web import create_app
from shared.webhooks.guard import networks_of

TAGS = [
    {"name": "customers", "description": "The 360 view: one document per customer, answered whoever else is down."},
    {"name": "events", "description": "Reporting events over HTTP. What they are: [event docs](/events/docs)."},
    {"name": "subscriptions", "description": "Events pushed out: to listeners, signed and tried for days, or as a stream that can be resumed."},
    {"name": "alerts", "description": "Patterns of behaviour that come before churn, bad debt or fraud."},
    {"name": "tasks", "description": "The call list of the agents, and what came of each call."},
    {"name": "segments", "description": "RFM scores, named segments, and who moved from where to where."},
    {"name": "standings", "description": "Value, tiers, grades and stars, the lifecycle, the eleven moments, arrears."},
    {"name": "parameters", "description": "Every threshold and weight: draft, preview, approval by a second person, roll back."},
    {"name": "analysis", "description": "The business by subject, period and dimension, and the revenue at risk; also as CSV and Parquet."},
    {"name": "learning", "description": "What is learned from all customers: lifetime models, behaviour clusters, what goes together."},
    {"name": "churn", "description": "Who left, who may leave and why, and how well the models say so."},
    {"name": "pictures", "description": "The segment map, migration, the value pyramid and trends, as SVG."},
    {"name": "retention", "description": "Campaigns, offers, and why a customer was contacted or not."},
    {"name": "messages", "description": "What was written to customers, from which template, and what came of it."},
    {"name": "loyalty", "description": "Points of the loyalty club, what they bought, and when they expire."},
    {"name": "credits", "description": "What is paid back for late work and troubles of service: proposed, decided by a person, told to billing."},
    {"name": "identity", "description": "Who is the same person: merges, duplicates under review, values that are no evidence, customers who came back."},
    {"name": "cases", "description": "Complaints and when their stages are due, and who is to be asked whether it helped."},
    {"name": "prospects", "description": "Potential customers, from the first interest to the activation."},
    {"name": "privacy", "description": "What is personal, revealed, exported or erased; consents; who read or changed what."},
    {"name": "data quality", "description": "How complete and valid what is known of customers is, by who acquired them."},
    {"name": "operations", "description": "What was accepted, and what became of it."},
    {"name": "dead letters", "description": "Records that could not be applied: look, fix, replay."},
    {"name": "access", "description": "API keys, and who was refused. Scopes and settings: docs/access.md."},
    {"name": "health", "description": "Whether the gateway and what is behind it answer."},
    *TMFORUM_TAGS,
]
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
ALLOWED = ("Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match", "X-Actor", "X-Request-ID")
EXPOSED = ("Content-Disposition", "ETag", "Retry-After", "X-Request-ID")
_DESCRIPTION = """\
The one door to Holdfast. Lists are paged by `cursor`: pass `next_cursor` on until it is null; `fields` chooses the attributes of their items.
Every failure is a problem document (RFC 9457) whose `code` is one of the catalogue.

<details><summary>Error catalogue</summary>

| code | status | meaning |
| --- | --- | --- |
"""


def app(settings: Settings) -> FastAPI:
    access = read(AccessSettings)
    issuer = _demo_issuer(settings, access) if access.demo_issuer else None
    codes = "".join(f"| `{error.code}` | {error.status} | {error.title} |\n" for error in catalogue())
    token_url = access.token_url or ("/oauth2/token" if issuer else None)

    def described(document: dict[str, Any]) -> dict[str, Any]:
        return describe(whole(document), token_url=token_url, is_open=settings.auth == "open")

    created = create_app(
        service="gateway",
        settings=settings,
        routers=(*ROUTERS, *TMFORUM_ROUTERS, *([ISSUER] if issuer else [])),
        description=f"{_DESCRIPTION}{codes}\n</details>",
        workers=WORKERS,
        lifespan=_open,
        checks=check_neighbours,
        inner=HotPaths,
        sealed=True,
        guard=Guard,
        dependencies=[Depends(allowed)] if settings.auth == "required" else [],
        max_body_bytes=MAX_BATCH_BYTES,
        described=described,
    )
    created.title, created.openapi_tags = "Holdfast", TAGS
    created.state.access_settings, created.state.issuer = access, issuer
    if settings.cors_origins:
        origins = settings.cors_origins
        created.put_behind(partial(CORSMiddleware, allow_origins=origins, allow_methods=METHODS, allow_headers=ALLOWED, expose_headers=EXPOSED))
    return created


def _demo_issuer(settings: Settings, access: AccessSettings) -> Issuer:
    if settings.auth != "required" or not settings.is_local:
        raise SystemExit("HOLDFAST_AUTH_DEMO_ISSUER is for demo and tests: only with HOLDFAST_AUTH=required, on 127.0.0.1")
    return Issuer(name=settings.url_of("gateway"), audience=access.audience)


async def _open(app: FastAPI, stack: AsyncExitStack) -> None:
    app.state.under_way = UnderWay()
    app.state.circuits = {service: Circuit() for service in PORT_OFFSETS}
    own = load()
    app.state.listener_networks = networks_of(own.listener_networks)
    app.state.pings = asyncio.Semaphore(PINGS_AT_ONCE)
    app.state.streams = Streams(app.state.database, app.state.stopping, own)
    await stack.enter_async_context(app.state.streams.watching())
    app.state.client = await stack.enter_async_context(open_client())
    app.state.personal = PersonalData(app.state.client, app.state.settings.url_of("customer"))
    app.state.views = ViewReads(app.state.database)
    app.state.whole_views = WholeViews(app.state.views, own.kept_view_bytes)
    app.state.bus = open_bus(app.state.settings)
    stack.push_async_callback(app.state.bus.close)
    await app.state.bus.start()
    if app.state.settings.auth == "required":
        await _open_access(app, stack)


async def _open_access(app: FastAPI, stack: AsyncExitStack) -> None:
    access, issuer, fetch = app.state.access_settings, app.state.issuer, None
    if issuer:
        access, fetch = access.model_copy(update={"issuer": issuer.name}), issuer.keys
    elif access.jwks_url:
        fetch = fetching(app.state.client, access.jwks_url)
    await open_access(app, stack, access, fetch)
