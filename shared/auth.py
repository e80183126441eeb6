"""Between services: the secret that they share. Who calls from outside is the gateway's matter."""

from __future__ import annotations

import hmac

from starlette.types import ASGIApp, Receive, Scope, Send

from shared import telemetry
from shared.errors import ServicesOnly
from shared.settings import Settings

SECRET_HEADER = "x-service-secret"
OPEN_PATHS = frozenset({"/health/live", "/health/ready", "/metrics"})
"""What orchestrators and collectors ask each process."""


def require_secret(settings: Settings, given: str) -> None:
    """Raises ServicesOnly, also for everybody while no secret is set."""
    if settings.service_secret is None:
        raise ServicesOnly("HOLDFAST_SERVICE_SECRET is not set: nobody may ask")
    if not hmac.compare_digest(given.encode(), settings.service_secret.get_secret_value().encode()):
        raise ServicesOnly


def secret_headers(settings: Settings) -> dict[str, str]:
    """What a service shows when it asks another."""
    return {SECRET_HEADER: settings.service_secret.get_secret_value()} if settings.service_secret else {}


class OnlyServices:
    """Before the API of a service behind the gateway: who does not know the secret could say to be anybody."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app, self._settings = app, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in OPEN_PATHS:
            try:
                require_secret(self._settings, dict(scope["headers"]).get(SECRET_HEADER.encode(), b"").decode("latin-1"))
            except ServicesOnly as error:
                telemetry.REFUSALS.labels(error.code).inc()
                raise
        await self._app(scope, receive, send)
