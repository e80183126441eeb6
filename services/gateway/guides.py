"""The guides: the Markdown pages of docs/, as HTML for people who run Holdfast without internet."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from markdown_it import MarkdownIt
from markdown_it.token import Token

DOCS = Path(__file__).parents[2] / "docs"
PICTURES = frozenset({".svg", ".png"})
FIRST = ("guides/console", "guides/customer", "guides/segmentation", "guides/retention", "guides/privacy", "guides/import", "access", "errors")
"""In this order, where they are there; the others follow by their titles."""


class Heading(NamedTuple):
    id: str
    text: str


class Guide(NamedTuple):
    name: str
    """Its path below docs/, without the ending."""
    title: str
    headings: list[Heading]
    """Of the second level: the contents of the page."""
    html: str


@cache
def guides() -> dict[str, Guide]:
    """By name. Empty when the docs did not come with the installation."""
    names = sorted(file.relative_to(DOCS).with_suffix("").as_posix() for file in DOCS.rglob("*.md"))
    read = {name: _read(name, frozenset(names)) for name in names}
    order = {name: place for place, name in enumerate(FIRST)}
    return dict(sorted(read.items(), key=lambda item: (order.get(item[0], len(order)), item[1].title.lower())))


@cache
def pictures() -> dict[str, Path]:
    """By their path below docs/: nothing else there is served."""
    return {file.relative_to(DOCS).as_posix(): file for file in DOCS.rglob("*") if file.suffix in PICTURES}


def _read(name: str, names: frozenset[str]) -> Guide:
    markdown = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    tokens = markdown.parse((DOCS / f"{name}.md").read_text())
    headings = _with_ids(tokens)
    _without_empty_headings(tokens)
    for token in tokens:
        if token.children:
            token.children = _linked(token.children, name, names)
    title = next((text for level, _, text in headings if level == "h1"), name)
    contents = [Heading(id_, text) for level, id_, text in headings if level == "h2"]
    html = markdown.renderer.render(tokens, markdown.options, {})
    return Guide(name, title, contents, html.replace("<pre>", '<pre tabindex="0">'))  # the keyboard has to reach what scrolls


def _with_ids(tokens: Sequence[Token]) -> list[tuple[str, str, str]]:
    """(h1 ..., id, text) of each heading. Ids as GitHub makes them, so that links into pages hold here too."""
    found: list[tuple[str, str, str]] = []
    for token, inner in pairwise(tokens):
        if token.type == "heading_open":
            text = "".join(child.content for child in inner.children or ())
            token.attrSet("id", re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-"))
            found.append((token.tag, str(token.attrGet("id")), text))
    return found


def _without_empty_headings(tokens: Sequence[Token]) -> None:
    """A table of Markdown must have a heading row; where nothing is in it, a screen reader should announce none."""
    for opening, inner, closing in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if opening.type == "th_open" and not inner.content:
            opening.tag = closing.tag = "td"


def _linked(children: Sequence[Token], page: str, names: frozenset[str]) -> list[Token]:
    """Links between pages and to their pictures lead to where they are served. One to a file that is not served is its text only."""
    kept: list[Token] = []
    dropped = False
    for token in children:
        if token.type == "link_open":
            leads_to = _resolved(str(token.attrGet("href")), page, names)
            dropped = leads_to is None
            token.attrSet("href", leads_to or "")
        elif token.type == "image":
            token.attrSet("src", _picture(page, str(token.attrGet("src"))))
        if dropped and token.type in {"link_open", "link_close"}:
            continue
        kept.append(token)
    return kept


def _resolved(link: str, page: str, names: frozenset[str]) -> str | None:
    if re.match(r"[a-z]+:|#|/", link):
        return link
    path, _, anchor = link.partition("#")
    target = _below_docs(page, path)
    if target.removesuffix(".md") in names:
        return f"/guide/{target.removesuffix('.md')}{'#' + anchor if anchor else ''}"
    return _picture(page, path) if Path(path).suffix in PICTURES else None


def _picture(page: str, link: str) -> str:
    return f"/guide-pictures/{_below_docs(page, link)}"


def _below_docs(page: str, link: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(page), link))


def listed() -> list[dict[str, Any]]:
    """For the portal: the walks, then what else there is to read."""
    groups: dict[str, list[Guide]] = {"Guides": [], "Reference": [], "Model cards": [], "Decisions": []}
    for one in guides().values():
        groups[_group(one.name)].append(one)
    return [{"title": title, "guides": found} for title, found in groups.items() if found]


def _group(name: str) -> str:
    folder = name.partition("/")[0] if "/" in name else ""
    return "Guides" if name in FIRST or folder == "guides" else {"models": "Model cards", "decisions": "Decisions"}.get(folder, "Reference")
