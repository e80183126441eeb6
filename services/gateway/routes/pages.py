"""Pages for people: where things are, the API docs and the event docs. Nothing on them comes from another host."""

from __future__ import annotations

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.openapi.docs import get_swagger_ui_html
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup, escape
from starlette.responses import FileResponse, HTMLResponse

from services.gateway.event_docs import envelope, topics
from shared.contracts.asyncapi import document

ROUTER = APIRouter(include_in_schema=False)

Asset = Literal["swagger-ui-bundle.js", "swagger-ui.css", "favicon.png"]
SWAGGER_SETTINGS = {"tryItOutEnabled": True, "displayRequestDuration": True, "docExpansion": "list", "validatorUrl": "none"}


def with_code(text: str) -> Markup:
    """`so` as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


_templates = Environment(loader=FileSystemLoader(Path(__file__).parents[1] / "templates"), autoescape=True)
_templates.filters["with_code"] = with_code


@ROUTER.get("/")
async def index() -> HTMLResponse:
    return HTMLResponse(_index())


@ROUTER.get("/docs")
async def api_docs(request: Request) -> HTMLResponse:
    return get_swagger_ui_html(
        openapi_url=str(request.app.openapi_url),
        title="Holdfast API",
        swagger_js_url="/docs/assets/swagger-ui-bundle.js",
        swagger_css_url="/docs/assets/swagger-ui.css",
        swagger_favicon_url="/docs/assets/favicon.png",
        swagger_ui_parameters=SWAGGER_SETTINGS,
    )


@ROUTER.get("/docs/assets/{name}")
async def asset(name: Asset) -> FileResponse:
    return FileResponse(_assets() / name)


@ROUTER.get("/events/docs")
async def event_docs() -> HTMLResponse:
    return HTMLResponse(_event_docs())


@ROUTER.get("/events/asyncapi.json")
async def asyncapi() -> dict[str, Any]:
    return document()


@cache
def _index() -> str:
    return _templates.get_template("index.html").render()


@cache
def _event_docs() -> str:
    page = _templates.get_template("events.html")
    return page.render(info=document()["info"], topics=topics(document()), envelope=envelope(document()))


@cache
def _assets() -> Path:
    spec = find_spec("fastapi_offline")
    assert spec and spec.origin
    return Path(spec.origin).parent / "static"
