"""HTTP in: each route calls one use case, or passes the request on."""

from __future__ import annotations

from services.gateway.routes import customers, dead_letters, events, lists, pages, passed_on

ROUTERS = (customers.ROUTER, events.ROUTER, lists.ROUTER, passed_on.ROUTER, dead_letters.ROUTER, pages.ROUTER)
