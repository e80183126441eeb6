"""HTTP in: each route calls one use case, or passes the request on."""

from __future__ import annotations

from services.gateway.routes import commands, customers, events, lists, pages

ROUTERS = (customers.ROUTER, events.ROUTER, lists.ROUTER, commands.ROUTER, pages.ROUTER)
