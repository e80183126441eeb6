"""HTTP in: each route calls one use case, or passes the request on."""

from __future__ import annotations

from services.gateway.routes import access, customers, dead_letters, events, hub, lists, pages, passed_on, stream

# Looked at in this order: the view is what is asked for most, and the gateway's own dead letters come before those of a service.
ROUTERS = (
    customers.ROUTER,
    events.ROUTER,
    lists.ROUTER,
    access.ROUTER,
    hub.ROUTER,
    stream.ROUTER,
    dead_letters.OWN,
    dead_letters.ROUTER,
    passed_on.ROUTER,
    pages.ROUTER,
)
