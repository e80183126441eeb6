"""G7: the console and the portal in a real browser, over a whole Holdfast: each view shows what the events said."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from deploy.browser import browser as open_browser
from deploy.browser import program
from services.retention.effect import Arm, measure
from tests.builders import activated, inquired, registered
from tests.gateway.console import PARKED, Running, asked, break_a_record, go, later, look, looked_at, number_of, running, told, until, violations

pytestmark = pytest.mark.timeout(300)
expect.set_options(timeout=20_000)

VIEWS = (
    "", "/warnings", "/customers", "/segments", "/segments/migration", "/segments/pyramid", "/risk", "/campaigns", "/campaigns/save-on-warning", "/tasks",
    "/operations", "/operations/feeds", "/operations/reconciliation", "/operations/parked", "/operations/dead",
)  # fmt: skip


SENTENCE = re.compile(r"[A-Za-z]{2,} [a-z]{2,} [a-z]{2,}")
"""Of English, and no name or id."""

# By people, in their own words.
WRITTEN = ("Call who gives a churn warning", "the offer is wrong")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if program() is None and os.environ.get("CI"):
        pytest.fail("CI has to run this, and lacks Chromium (Debian: chromium)")
    if program() is None:
        pytest.skip("this machine lacks Chromium (Debian: chromium)")
    with open_browser() as started:
        yield started


@pytest.fixture(scope="module")
def system(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("console")) as started:
        yield started


@pytest.fixture(scope="module")
def task(system: Running) -> dict[str, Any]:
    return told(system)


@pytest.fixture
def page(browser: Browser, system: Running, task: dict[str, Any]) -> Iterator[Page]:
    with looked_at(browser, system.url) as seen:
        yield seen


def test_the_overview_counts_what_is_new(page: Page, system: Running) -> None:
    go(page, "")
    figures = page.locator(".figure")
    urgent = system.get("/alerts", severity="urgent")["items"]
    expect(figures.filter(has_text="Warnings today")).to_contain_text(f"{len(urgent)} urgent")
    expect(figures.filter(has_text="Open tasks")).to_contain_text(str(len(system.get("/tasks", limit=200)["items"])))
    expect(figures.filter(has_text="System")).to_contain_text("3 services up")
    newest = system.get("/alerts", limit=1)["items"][0]
    expect(page.get_by_role("table", name="Newest warnings").locator("tbody tr").first).to_contain_text(newest["customer_id"])


def test_a_warning_appears_by_itself(page: Page, system: Running) -> None:
    go(page, "/warnings?kind=usage_fall")
    expect(page.get_by_text("No warnings.")).to_be_visible()
    page.get_by_label("Kind").select_option("port_out_inquiry")
    first = page.locator("tbody tr").first
    expect(first).to_contain_text("Asked for the PIN that taking the number away needs")
    assert page.url.endswith("/console/warnings?kind=port_out_inquiry")
    streams = asked(page, "/v1/stream")
    expect(page.locator(".connection")).to_contain_text("Live")
    page.get_by_role("link", name="Overview").click()
    page.get_by_role("link", name="All warnings").click()
    now = datetime.now(UTC)
    system.report(registered("C-new", at=now), activated("C-new", "8613700000001", at=now), inquired("customer:C-new", at=now))
    expect(first).to_contain_text("C-new")
    assert streams == []  # the one of before goes on
    look(page, hidden=True)
    with page.expect_request("**/v1/stream*") as resumed:
        look(page, hidden=False)
    assert int(resumed.value.headers["last-event-id"]) > 0
    expect(page.locator(".connection")).to_contain_text("Live")


def test_who_does_not_look_asks_nothing_and_who_meets_errors_asks_less(page: Page, task: dict[str, Any]) -> None:
    """By the browser's clock, which this drives; without the stream."""
    lists, views = asked(page, "/v1/alerts"), asked(page, f"/v1/customers/{task['customer_id']}")
    answered: list[int] = []
    page.on("response", lambda response: answered.append(response.status) if "/v1/customers/C" in response.url else None)
    page.route("**/v1/stream*", lambda route: route.abort())
    page.clock.install()
    go(page, "/warnings")
    expect(page.locator(".connection")).to_contain_text("Connected")
    expect(page.locator(".connection time")).to_contain_text("as of")
    assert later(page, 60, lists) in range(5, 8)
    look(page, hidden=True)
    assert later(page, 60, lists) == 0
    look(page, hidden=False)
    page.wait_for_timeout(500)
    assert len(lists) == 1
    page.route("**/v1/alerts*", lambda route: route.abort())
    assert 1 <= later(page, 120, lists) <= 4
    expect(page.locator(".connection")).to_contain_text("No connection")
    page.goto(f"/console/customers/{task['customer_id']}")
    expect(page.locator(".timeline")).to_be_visible()
    assert later(page, 60, views) in range(5, 8)
    assert answered[0] == 200 and 304 in answered


def test_a_customer_is_found_by_number_and_told_whole(page: Page, system: Running, task: dict[str, Any]) -> None:
    customer = task["customer_id"]
    go(page, "/customers")
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type(number_of(int(customer.removeprefix("C-"))))
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_contain_text(customer)
    assert page.url.endswith(f"/console/customers/{customer}")
    view = system.get(f"/customers/{customer}")
    main = page.locator("main")
    expect(main).to_contain_text("gotone-128 · gotone · postpaid")
    expect(main).to_contain_text(view["personal"]["contact_points"][0]["value"] if view["personal"]["contact_points"] else "call, SMS")
    expect(page.get_by_role("table", name="Warnings")).to_contain_text("Asked for the PIN that taking the number away needs")
    expect(page.locator(".timeline")).to_contain_text("Payment received")
    paid = 8000 + 100 * int(customer.removeprefix("C-"))
    expect(page.locator(".timeline")).to_contain_text(f"¥{paid / 100:.2f}")
    expect(page.locator(".figure").filter(has_text="Future value")).to_contain_text("¥")
    page.get_by_role("link", name="save-on-warning").first.click()
    expect(page.locator("h1")).to_have_text("Receipt of a decision")


def test_a_receipt_shows_every_gate_with_its_values(page: Page, system: Running, task: dict[str, Any]) -> None:
    decision = system.get(f"/decisions/{task['task_id']}")
    go(page, f"/decisions/{task['task_id'].replace(':', '%3A')}")
    gates = page.get_by_role("table", name="Gates")
    expect(gates.locator("tbody tr")).to_have_count(len(decision["gates"]))
    saw = {gate["gate"]: gate["detail"] for gate in decision["gates"]}
    for gate in ("hold_out", "frequency_cap", "capacity", "timezone"):
        expect(gates).to_contain_text(saw[gate])
    profit = int(saw["expected_profit"].split()[0])
    expect(gates).to_contain_text(f"{'-' if profit < 0 else ''}¥{abs(profit) / 100:,.2f} by {decision['offer_id']}")
    page.get_by_role("button", name="Make it again").click()
    expect(page.get_by_text("Made again from the stored inputs, it is the same.")).to_be_visible()
    expect(page.locator("main")).to_contain_text("A computer decided.")


def test_an_outcome_is_reported_from_the_work_list(page: Page, system: Running, task: dict[str, Any]) -> None:
    go(page, "/tasks")
    page.get_by_role("row").filter(has=page.get_by_text(task["customer_id"], exact=True)).get_by_role("link").click()
    expect(page.locator("main")).to_contain_text(task["script"])
    page.get_by_label("Result").select_option("saved")
    page.get_by_label("Offer accepted").check()
    page.get_by_label("Note").fill("stays, with the discount")
    page.get_by_label("Your name").fill("陈静")
    page.get_by_role("button", name="Report the outcome").click()
    expect(page.get_by_text("stays, with the discount")).to_be_visible()
    reported = until(lambda: system.get(f"/tasks/{task['task_id']}")["outcome"])
    assert (reported["result"], reported["offer_accepted"], reported["agent"]) == ("saved", True, "陈静")


def test_segments_are_counted_drawn_and_compared(page: Page, system: Running) -> None:
    go(page, "/segments")
    cells = system.get("/segments/map")["cells"]
    expect(page.locator("table.heat td b")).to_have_count(len(cells))
    assert sum(int(text) for text in page.locator("table.heat td b").all_inner_texts()) == sum(cell["customers"] for cell in cells) > 0
    page.get_by_role("link", name="Migration").click()
    expect(page.locator("main")).to_contain_text("customers stayed where they were")
    page.get_by_role("link", name="Value pyramid").click()
    for tier in system.get("/tiers")["tiers"]:
        expect(page.locator(".pyramid")).to_contain_text(f"{tier['customers']} customers, {round(100 * tier['share'])}%")


def test_a_campaign_is_paused_by_name_and_runs_again(page: Page, system: Running) -> None:
    go(page, "/campaigns")
    page.get_by_role("link", name="Call who gives a churn warning").click()
    expect(page.locator("main")).to_contain_text("nobody was exposed long enough ago to tell")
    page.get_by_role("button", name="Pause").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Pause").click()
    expect(dialog.get_by_label("Your name")).to_be_focused()
    assert system.get("/campaigns/save-on-warning")["state"] == "running"
    dialog.get_by_label("Your name").fill("lin")
    dialog.get_by_label("Why").fill("the offer is wrong")
    dialog.get_by_role("button", name="Pause").click()
    expect(dialog).to_have_count(0)
    expect(page.get_by_role("button", name="Resume")).to_be_visible()
    step = system.get("/campaigns/save-on-warning")["steps"][-1]
    assert (step["step"], step["actor"], step["reason"]) == ("pause", "lin", "the offer is wrong")
    page.get_by_role("button", name="Resume").click()
    dialog.get_by_label("Why").fill("mended")
    dialog.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    assert system.get("/campaigns/save-on-warning")["state"] == "running"


def test_an_effect_is_drawn_with_its_interval_or_refused_in_words(page: Page, system: Running) -> None:
    """Nobody is exposed for 30 days here: what retention would answer then, by its own rules."""
    known = system.get("/campaigns/save-on-warning/effect")
    shown, few = measure(Arm(4000, 3600), Arm(1000, 820)), measure(Arm(40, 38), Arm(10, 9))
    for horizon, effect in zip(known["horizons"], (shown, few), strict=False):
        horizon["effect"] |= {name: one._asdict() if hasattr(one, "_asdict") else one for name, one in effect._asdict().items()}
    page.route("**/v1/campaigns/save-on-warning/effect", lambda route: route.fulfill(json=known))
    go(page, "/campaigns/save-on-warning")
    forest = page.get_by_role("img", name="Difference of the share retained, with intervals")
    expect(forest.locator("circle.good")).to_have_count(1)
    assert shown.lift and shown.any_time
    expect(forest).to_contain_text(f"+{100 * shown.lift:.0f}")
    left, right = (float(forest.locator("line.wide.good").get_attribute(name) or 0) for name in ("x1", "x2"))
    middle = float(forest.locator("circle.good").get_attribute("cx") or 0)
    assert left < middle < right and float(forest.locator("line.zero").get_attribute("x1") or 0) < left
    rows = page.get_by_role("table", name="What it changed").locator("tbody tr")
    expect(rows.nth(0)).to_contain_text(shown.reason)
    expect(rows.nth(1)).to_contain_text("too few to tell")
    expect(rows.nth(1)).to_contain_text(few.reason)


def test_the_keyboard_is_enough(page: Page) -> None:
    go(page, "")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    for letter, title in (("w", "Warnings"), ("s", "Segments"), ("t", "Work list"), ("x", "Operations"), ("w", "Warnings")):
        page.keyboard.press("g")
        page.keyboard.press(letter)
        expect(page.locator("h1")).to_have_text(title)
    expect(page.locator("tbody tr").first).to_be_visible()
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    expect(page.locator("tbody tr").first.get_by_role("link")).to_be_focused()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_contain_text("g w")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.go_back()
    expect(page.locator("h1")).to_have_text("Operations")
    expect(page).to_have_title("Operations · Holdfast")


def test_colours_and_language_are_kept(browser: Browser, system: Running, task: dict[str, Any]) -> None:
    with looked_at(browser, system.url, color_scheme="dark") as page:
        go(page, "/warnings")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(16, 20, 26)"
        page.get_by_role("button", name="Light or dark").click()
        page.get_by_role("button", name="中文").click()
        expect(page.locator("h1")).to_have_text("预警")
        page.reload()
        expect(page.locator("tbody")).to_contain_text("咨询携号转网")
        expect(page.locator("tbody tr").first).to_contain_text("紧急")
        expect(page.locator("tbody tr").first).to_contain_text(re.compile(r"\d{4}年\d+月\d+日"))
        expect(page.locator("tbody tr").first).to_contain_text("申请了携号转网授权码")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(245, 246, 248)"
        assert page.locator("html").get_attribute("lang") == "zh-Hans"
        decided = task["task_id"].replace(":", "%3A")
        for view in (f"/customers/{task['customer_id']}", f"/decisions/{decided}", "/tasks", "/operations/parked", "/campaigns/save-on-warning"):
            go(page, view)
            shown = [text for text in page.locator("main").locator("td, dd, li, .bars span, .note").all_inner_texts() if SENTENCE.search(text)]
            assert [text for text in shown if not any(one in text for one in WRITTEN)] == [], view


def test_a_key_is_asked_for_and_sent(page: Page) -> None:
    """As an API that is closed would answer."""
    sent: list[str | None] = []

    def closed(route: Route) -> None:
        sent.append(route.request.headers.get("authorization"))
        if sent[-1] == "Bearer hf-key":
            route.continue_()
        else:
            route.fulfill(status=401, content_type="application/problem+json", json={"code": "unauthorized", "detail": "who asks?", "status": 401})

    page.route("**/v1/campaigns", closed)
    go(page, "/campaigns")
    dialog = page.get_by_role("dialog", name="The API asks who you are")
    dialog.get_by_label("API key or token").fill("hf-key")
    dialog.get_by_role("button", name="Use it").click()
    expect(page.locator("tbody")).to_contain_text("save-on-warning")
    assert sent[0] is None and sent[-1] == "Bearer hf-key"
    with page.expect_request("**/v1/stream*") as stream:
        page.get_by_role("link", name="Warnings").click()
    assert stream.value.headers["authorization"] == "Bearer hf-key"
    assert page.evaluate("[sessionStorage['holdfast.key'], localStorage['holdfast.key'] ?? null]") == ["hf-key", None]


def test_a_failure_is_shown_with_its_code(page: Page) -> None:
    page.goto("/console/customers/C-none")
    expect(page.get_by_role("alert")).to_contain_text("not_found 404")
    page.route("**/v1/segments/map*", lambda route: route.abort())
    page.goto("/console/segments")
    expect(page.get_by_role("alert")).to_contain_text("The API does not answer")
    page.unroute("**/v1/segments/map*")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("table.heat")).to_be_visible()
    page.goto("/console/nowhere")
    expect(page.locator("main")).to_contain_text("There is no such view.")


def test_views_ask_for_little(page: Page) -> None:
    """The operator's currency is asked for once a page where offers are kept from who looks, else once a tab."""
    page.route("**/v1/offers", lambda route: route.fulfill(status=403, json={"code": "forbidden"}))
    requests, currency = asked(page, ""), asked(page, "/v1/offers")
    for view in VIEWS:
        requests.clear()
        go(page, view)
        of_view = {one for one in requests if re.search("/v1/(?!stream|offers)|/health", one)}
        assert 1 <= len(of_view) <= 5, (view, of_view)
    assert len(currency) == len(VIEWS)


def test_everybody_can_use_it(browser: Browser, system: Running, task: dict[str, Any]) -> None:
    """No violation that axe finds; in the dark the page is the same but for its colours."""
    decided = task["task_id"].replace(":", "%3A")
    details = (f"/customers/{task['customer_id']}", f"/decisions/{decided}", f"/tasks/{decided}")
    pages = [*(f"/console{view}" for view in (*VIEWS, *details)), "/", "/guide/guides/privacy"]
    colourful = ["/console", "/console/segments", "/console/campaigns/save-on-warning", f"/console{details[0]}", f"/console{details[1]}", "/"]
    with looked_at(browser, system.url) as page:
        assert {address: found for address in pages if (found := violations(page, address))} == {}
    with looked_at(browser, system.url, color_scheme="dark") as page:
        assert {address: found for address in colourful if (found := violations(page, address, runOnly=["color-contrast"]))} == {}


def test_the_api_reference_can_be_tried(page: Page) -> None:
    page.set_default_timeout(90_000)  # the page draws two hundred operations
    page.goto("/docs")
    page.locator("#operations-campaigns-list_campaigns, #operations-retention-list_campaigns").first.click()
    page.get_by_role("button", name="Execute").click()
    expect(page.locator(".live-responses-table")).to_contain_text("save-on-warning")


def test_pictures_in_the_docs_are_of_this_console() -> None:
    pictures = sorted((Path(__file__).parents[2] / "docs" / "guides" / "pictures").glob("console-*.png"))
    assert len(pictures) >= 6
    assert all(picture.stat().st_size < 200_000 for picture in pictures)


def test_operations_show_lag_feeds_what_waits_and_what_died(page: Page, system: Running) -> None:
    break_a_record(system)
    dead = until(lambda: system.get("/dead-letters/customer")["items"])[0]
    go(page, "/operations")
    workers = page.get_by_role("table", name="Workers").locator("tbody tr")
    expect(workers.filter(has_text="running")).to_have_count(4)
    until(lambda: system.get("/feeds")["items"])  # looked at once a minute
    page.get_by_role("link", name="Feeds").click()
    expect(page.get_by_role("table", name="Feeds")).to_contain_text("healthy")
    page.get_by_role("link", name="Reconciliation").click()
    expect(page.get_by_role("row").last).to_contain_text("balanced")
    assert system.get("/reconciliation")["balanced"]
    page.get_by_role("link", name="Parked").click()
    expect(page.locator("tbody tr")).to_have_count(50)
    page.get_by_role("button", name="More").click()
    expect(page.locator("tbody tr")).to_have_count(PARKED)
    expect(page.get_by_role("button", name="More")).to_have_count(0)
    page.get_by_role("link", name="Dead letters").click()
    page.get_by_role("link", name=re.compile(r"^care ")).click()
    expect(page.locator("main")).to_contain_text(dead["detail"])
    page.get_by_label("Your name").fill("wu")
    page.get_by_label("Event").fill("{")
    page.get_by_role("button", name="Replay").click()
    expect(page.get_by_role("alert")).to_contain_text("malformed_json")
    page.get_by_label("Event").fill(str(inquired("customer:C-1", "tariff")).replace("'", '"'))
    page.get_by_role("button", name="Replay").click()
    expect(page.locator(".badge", has_text="replayed")).to_be_visible()
    assert system.get(f"/dead-letters/customer/{dead['id']}")["status"] == "replayed"
