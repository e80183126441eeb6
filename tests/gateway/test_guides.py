"""G7: the guides as pages, without internet: their links and pictures lead somewhere, and nothing else of docs/ is served."""

from __future__ import annotations

from services.gateway.guides import DOCS, guides, pictures
from tests.gateway.test_pages import Links
from tests.harness import ServiceUnderTest


async def test_every_page_of_the_docs_is_a_guide(door: ServiceUnderTest) -> None:
    names = {file.relative_to(DOCS).with_suffix("").as_posix() for file in DOCS.rglob("*.md")}
    assert guides().keys() == names
    front = Links((await door.http.get("/")).text)
    assert {f"/guide/{name}" for name in names} <= set(front.linked)
    page = (await door.http.get("/guide/guides/retention")).text
    assert "<h1" in page and "<table>" in page and "<script>" not in page


def test_every_link_of_a_guide_leads_somewhere() -> None:
    ids = {name: Links(guide.html).ids for name, guide in guides().items()}
    for name, guide in guides().items():
        links = Links(guide.html)
        for url in links.linked:
            path, _, anchor = url.partition("#")
            to = path.removeprefix("/guide/") if path else name
            if path.startswith("/guide/") or not path:
                assert to in ids and (not anchor or anchor in ids[to]), f"{name}: {url}"
            elif path.startswith("/guide-pictures/"):
                assert path.removeprefix("/guide-pictures/") in pictures(), f"{name}: {url}"
        for url in links.loaded:
            assert url.removeprefix("/guide-pictures/") in pictures(), f"{name}: {url}"


async def test_nothing_else_of_the_docs_is_served(door: ServiceUnderTest) -> None:
    picture = await door.http.get("/guide-pictures/guides/pictures/value-pyramid.svg")
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/svg+xml")
    for path in ("/guide/none", "/guide/..%2f..%2fREADME", "/guide-pictures/events/asyncapi.json", "/guide-pictures/..%2fflow.svg"):
        answer = await door.http.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path
