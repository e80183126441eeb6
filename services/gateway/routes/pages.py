"""Pages for people: the portal, the API docs, the event docs, the guides and the console. Nothing on them comes from another host."""

from __future__ import annotations

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from fastapi import APIRouter, Request
from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup, escape
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.staticfiles import StaticFiles

from services.gateway.event_docs import envelope, topics
from services.gateway.guides import guides, listed, pictures
from services.gateway.page_headers import page_headers
from services.gateway.static_files import CONSOLE, FOR_EVER, version
from shared.contracts.asyncapi import document
from shared.errors import NotFound

ROUTER = APIRouter(include_in_schema=False)

Asset = Literal["swagger-ui-bundle.js", "swagger-ui.css"]


def with_code(text: str) -> Markup:
    """`so` as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


_templates = Environment(loader=FileSystemLoader(Path(__file__).parents[1] / "templates"), autoescape=True)
_templates.filters["with_code"] = with_code
_templates.globals["static"] = f"/static/{version()}"
_files = StaticFiles(directory=CONSOLE)


@ROUTER.get("/")
async def index() -> HTMLResponse:
    return _page(_index())


@ROUTER.get("/console")
@ROUTER.get("/console/{view:path}")
async def console(view: str = "") -> HTMLResponse:
    """The same page for each view: which one it is, the browser finds in the address."""
    return _page(_console())


@ROUTER.get("/static/{of}/{path:path}")
async def static_file(request: Request, of: str, path: str) -> Response:
    """Of another version than ours (while releases change) it is the file as it is here, and not to be kept."""
    response = await _files.get_response(path, request.scope)
    response.headers.update(page_headers() | {"cache-control": FOR_EVER if of == version() else "no-cache"})
    return response


@ROUTER.get("/guide/{name:path}")
async def guide(name: str) -> HTMLResponse:
    found = guides().get(name)
    if found is None:
        raise NotFound(f"no guide {name}")
    return _page(_templates.get_template("guide.html").render(guide=found, html=Markup(found.html), groups=listed()))


@ROUTER.get("/guide-pictures/{name:path}")
async def picture(name: str) -> FileResponse:
    if name not in pictures():
        raise NotFound(f"no picture {name}")
    return FileResponse(pictures()[name], headers=page_headers(inline_styles=True) | {"cache-control": "no-cache"})


@ROUTER.get("/docs")
async def api_docs(request: Request) -> HTMLResponse:
    page = _templates.get_template("api.html").render(openapi_url=request.app.openapi_url)
    return _page(page, inline_styles=True)


@ROUTER.get("/docs/assets/{name}")
async def asset(name: Asset) -> FileResponse:
    return FileResponse(_assets() / name, headers=page_headers())


@ROUTER.get("/events/docs")
async def event_docs() -> HTMLResponse:
    return _page(_event_docs())


@ROUTER.get("/events/asyncapi.json")
async def asyncapi() -> dict[str, Any]:
    return document()


def _page(html: str, *, inline_styles: bool = False) -> HTMLResponse:
    return HTMLResponse(html, headers=page_headers(html, inline_styles=inline_styles) | {"cache-control": "no-cache"})


@cache
def _index() -> str:
    return _templates.get_template("index.html").render(groups=listed())


@cache
def _console() -> str:
    return _templates.get_template("console.html").render()


@cache
def _event_docs() -> str:
    page = _templates.get_template("events.html")
    return page.render(info=document()["info"], topics=topics(document()), envelope=envelope(document()))


@cache
def _assets() -> Path:
    spec = find_spec("fastapi_offline")
    assert spec and spec.origin
    return Path(spec.origin).parent / "static"
