"""The issuer of tokens for demo and tests, there only where the settings say so."""

from __future__ import annotations

import base64
import binascii
from typing import Any
from urllib.parse import parse_qs, unquote_plus

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from services.gateway.access.api_keys import PREFIX
from services.gateway.access.guard import Access, address_of
from services.gateway.access.issuer import Issuer
from services.gateway.body import read_body
from shared.errors import BodyTooLarge, HoldfastError, Unauthenticated
from shared.web import problem

ROUTER = APIRouter(include_in_schema=False)

MAX_BODY_BYTES = 10_000
NOT_KEPT = {"cache-control": "no-store"}


@ROUTER.get("/.well-known/jwks.json")
async def key_set(request: Request) -> Response:
    issuer: Issuer = request.app.state.issuer
    return Response(await issuer.keys(), media_type="application/json")


@ROUTER.post("/oauth2/token")
async def token(request: Request) -> Response:
    """RFC 6749, client credentials alone: the id and the secret of an API key, by HTTP Basic or in the form."""
    access: Access = request.app.state.access
    issuer: Issuer = request.app.state.issuer
    body = await read_body(request, limit_bytes=MAX_BODY_BYTES, too_large=BodyTooLarge())
    form = {name: values[0] for name, values in parse_qs(body.decode("latin-1")).items()}
    if form.get("grant_type") != "client_credentials":
        return _refused("unsupported_grant_type")
    client_id, secret = _credentials(request.headers.get("authorization", ""), form)
    try:
        principal = await access.principal(f"Bearer {PREFIX}{client_id}_{secret}".encode(), address_of(request.scope))
    except HoldfastError as error:
        access.note(request.scope, "", error, error.status)
        return _refused("invalid_client", status=401) if isinstance(error, Unauthenticated) else problem(error, instance=request.url.path)
    wanted = frozenset(form.get("scope", "").split()) or principal.scopes
    if not wanted <= principal.scopes:
        return _refused("invalid_scope")
    issued = issuer.issue(principal, wanted)
    return JSONResponse({**issued._asdict(), "token_type": "Bearer"}, headers=NOT_KEPT)


def _credentials(authorization: str, form: dict[str, str]) -> tuple[str, str]:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.casefold() != "basic":
        return form.get("client_id", ""), form.get("client_secret", "")
    try:
        client_id, _, secret = base64.b64decode(encoded).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return unquote_plus(client_id), unquote_plus(secret)


def _refused(error: str, *, status: int = 400) -> Response:
    """As OAuth clients expect it."""
    content: dict[str, Any] = {"error": error}
    return JSONResponse(content, status, NOT_KEPT | ({"www-authenticate": 'Basic realm="holdfast"'} if status == 401 else {}))
