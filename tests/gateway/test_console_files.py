"""G7: what the console is made of: libraries as they were published, the same words in each language, files that a browser may keep."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import orjson

from tests.harness import ServiceUnderTest

CONSOLE = Path(__file__).parents[2] / "services" / "gateway" / "console"
LANGUAGES = ("en", "zh")
SCRIPTS = "\n".join(file.read_text() for file in sorted(CONSOLE.rglob("*.js")))


def words_of(language: str) -> dict[str, str]:
    words: dict[str, str] = orjson.loads((CONSOLE / "words" / f"{language}.json").read_bytes())
    return words


def test_libraries_are_as_their_makers_published_them() -> None:
    table = re.findall(r"^\| (\S+\.mjs) \|.*`([0-9a-f]{64})` \|$", (CONSOLE / "vendor" / "README.md").read_text(), re.MULTILINE)
    assert dict(table) == {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in (CONSOLE / "vendor").glob("*.mjs")}
    assert {file.name for file in (CONSOLE / "vendor").glob("LICENSE-*")} == {"LICENSE-preact", "LICENSE-signals", "LICENSE-htm"}


def test_each_language_has_a_text_for_every_word() -> None:
    english, others = words_of("en"), [words_of(language) for language in LANGUAGES[1:]]
    for words in others:
        assert words.keys() == english.keys()
        assert all(words.values())
        assert {name: placeholders(text) for name, text in words.items()} == {name: placeholders(text) for name, text in english.items()}


def placeholders(text: str) -> set[str]:
    return set(re.findall(r"{(\w+)}", text))


def test_views_use_words_that_are_there_and_no_word_is_left_over() -> None:
    used = set(re.findall(r"""\bt\("([a-z_.]+)""", SCRIPTS)) | set(re.findall(r'"(view\.[a-z]+)"', SCRIPTS))
    chosen = tuple(re.findall(r"\bt\(`([a-z]+\.(?:[a-z]+_)?)\$", SCRIPTS)) + tuple(f"{group}." for group in re.findall(r"""\bword\("([a-z]+)",""", SCRIPTS))
    chosen += tuple(f"{group}." for group in re.findall(r"""group="([a-z]+)\"""", SCRIPTS)) + tuple(
        f"{group}." for group in re.findall(r"""bars\("([a-z]+)",""", SCRIPTS)
    )
    sentences = words_of("said")
    used |= sentences.keys()
    chosen += tuple(f"{group}." for text in sentences.values() for group in re.findall(r"{\w+:(\w+)}", text))
    gates = {"gate.passed", "gate.failed", "act.yes", "act.no", "operations.balanced", "operations.unbalanced"}
    words = words_of("en").keys()
    assert used - words == set()
    assert {name for name in words if name not in used | gates and not name.startswith(chosen)} == set()


async def test_files_are_kept_until_they_change(door: ServiceUnderTest) -> None:
    page = (await door.http.get("/console")).text
    url = re.search(r'src="(/static/[0-9a-f]{16}/app\.js)"', page)
    assert url
    file = await door.http.get(url[1])
    assert (file.status_code, file.headers["cache-control"]) == (200, "public, max-age=31536000, immutable")
    assert file.headers["content-type"].startswith(("text/javascript", "application/javascript"))
    again = await door.http.get(url[1], headers={"if-none-match": file.headers["etag"]})
    assert again.status_code == 304
    other = await door.http.get("/static/0000000000000000/app.js")
    assert (other.text, other.headers["cache-control"]) == (file.text, "no-cache")


async def test_only_the_files_of_the_console_are_served(door: ServiceUnderTest) -> None:
    for path in ("%2e%2e/api.py", "..%2fapi.py", "words", "none.js"):
        answer = await door.http.get(f"/static/0/{path}")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path


async def test_every_page_lets_a_browser_run_nothing_of_others(door: ServiceUnderTest) -> None:
    for path in ("/", "/console", "/console/customers/C-1", "/docs", "/events/docs", "/static/0/app.js", "/docs/assets/swagger-ui.css"):
        headers = (await door.http.get(path)).headers
        policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
        assert (policy["default-src"], policy["object-src"], policy["frame-ancestors"]) == ("'self'", "'none'", "'none'"), path
        assert "unsafe" not in policy["script-src"], path
        assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "no-referrer"), path
