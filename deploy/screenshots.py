"""`python -m deploy.screenshots`: the pictures of the console in docs/guides/console.md, taken of a running `make run`."""

from __future__ import annotations

import argparse
import json
import sys
import urllib.request
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from playwright.sync_api import Browser, Page, expect

from deploy.browser import browser
from deploy.stack import StackError

FOLDER = Path(__file__).parents[1] / "docs" / "guides" / "pictures"
WIDE, PHONE_WIDE, HIGH = 1280, 390, 800
MAX_BYTES = 200_000


class Picture(NamedTuple):
    name: str
    address: str
    theme: str = "light"
    language: str = "en"
    wide: int = WIDE


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="of the gateway (default: %(default)s)")
    url = parser.parse_args().url
    try:
        with browser() as running:
            for picture in _pictures(url):
                _take(running, url, picture)
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _pictures(url: str) -> list[Picture]:
    """Of what there is to see: the likeliest to leave of those warned of, and the newest call that was decided."""
    customer = _get(url, "/v1/churn/scores?limit=1")["items"][0]["customer_id"]
    task = _get(url, "/v1/tasks?status=done&limit=1")["items"][0]["task_id"]
    return [
        Picture("overview", "/console"),
        Picture("overview-dark", "/console", theme="dark"),
        Picture("customer", f"/console/customers/{quote(customer, safe='')}"),
        Picture("decision", f"/console/decisions/{quote(task, safe='')}"),
        Picture("customer-chinese", f"/console/customers/{quote(customer, safe='')}", language="zh"),
        Picture("segments", "/console/segments"),
        Picture("pyramid", "/console/segments/pyramid"),
        Picture("campaign", "/console/campaigns/save-on-warning"),
        Picture("risk", "/console/risk"),
        Picture("operations", "/console/operations/reconciliation"),
        Picture("phone", "/console/warnings", theme="dark", wide=PHONE_WIDE),
    ]


def _take(running: Browser, url: str, picture: Picture) -> None:
    chosen = {"holdfast.theme": picture.theme, "holdfast.language": picture.language}
    with running.new_context(base_url=url, viewport={"width": picture.wide, "height": HIGH}, locale="en-GB", timezone_id="Asia/Shanghai") as context:
        context.add_init_script(f"for (const [name, value] of Object.entries({json.dumps(chosen)})) localStorage.setItem(name, value);")
        page = context.new_page()
        page.goto(picture.address)
        _until_there(page)
        path = FOLDER / f"console-{picture.name}.png"
        page.screenshot(path=path)
    print(f"{path.name}: {path.stat().st_size:,} bytes")
    if path.stat().st_size > MAX_BYTES:
        raise StackError(f"{path.name} is more than {MAX_BYTES:,} bytes")


def _until_there(page: Page) -> None:
    page.locator("main h1").wait_for()
    expect(page.locator("main .skeleton, .busy")).to_have_count(0, timeout=30_000)


def _get(url: str, path: str) -> Any:
    with urllib.request.urlopen(url + path, timeout=10) as answer:
        return json.loads(answer.read())


if __name__ == "__main__":
    sys.exit(main())
