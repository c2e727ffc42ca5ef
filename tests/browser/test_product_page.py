"""The example's page in a real browser: two windows and a server that comes and goes."""

from __future__ import annotations

import re
import signal
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect, sync_playwright

from support.browser import launch
from support.servers import TESTS, ServerProcess, serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, BrowserContext, Locator, Page, WebSocketRoute

ARTIFACTS = TESTS / "artifacts"
RECONNECTION = 20_000  # milliseconds; the client waits up to 7.5 seconds between two attempts


@dataclass
class Window:
    """A window that shows the page, and what a user sees there."""

    page: Page
    problems: list[str] = field(default_factory=list)

    @property
    def connection(self) -> Locator:
        return self.page.locator("#connection")

    @property
    def name(self) -> Locator:
        return self.page.get_by_label("New product")

    @property
    def error(self) -> Locator:
        return self.page.get_by_role("alert")

    @property
    def result(self) -> Locator:
        return self.page.locator("#result")

    @property
    def names(self) -> Locator:
        return self.page.locator("#products .name")

    def create(self, name: str) -> None:
        self.name.fill(name)
        self.page.get_by_role("button", name="Create").click()

    def item(self, state: str) -> Locator:
        return self.page.locator(f'#products li[data-state="{state}"]')

    def connected(self) -> None:
        expect(self.connection).to_have_text("Connected", timeout=RECONNECTION)

    def reconnecting(self) -> None:
        expect(self.connection).to_have_text("Reconnecting…", timeout=RECONNECTION)

    def created(self, *names: str) -> None:
        """The list shows these products, all of them created, in this order."""
        expect(self.names).to_have_text(list(names))
        expect(self.item("created")).to_have_count(len(names))

    def screenshot(self, name: str) -> None:
        self.page.screenshot(path=ARTIFACTS / f"products-{name}.png", animations="disabled")


class Windows:
    """Opens windows; each is a browser of its own unless it is given the context of another."""

    def __init__(self, browser: Browser, server: ServerProcess) -> None:
        self.browser = browser
        self.server = server
        self.contexts: list[BrowserContext] = []
        self.windows: list[Window] = []

    def context(self, **options: Any) -> BrowserContext:
        context = self.browser.new_context(**options)
        self.contexts.append(context)
        return context

    def open(self, context: BrowserContext | None = None, **options: Any) -> Window:
        window = Window((context or self.context(**options)).new_page())
        self.windows.append(window)
        window.page.on("pageerror", lambda error: window.problems.append(str(error)))
        window.page.on("request", lambda request: self._check(window, request.url))
        window.page.goto(self.server.url)
        window.connected()
        return window

    def _check(self, window: Window, url: str) -> None:
        if not url.startswith((f"{self.server.url}/", "data:")):
            window.problems.append(f"asked somebody else: {url}")

    def close(self) -> None:
        for context in self.contexts:
            context.close()
        assert [window.problems for window in self.windows if window.problems] == []


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright, launch(playwright) as browser:
        yield browser


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with serve("examples.products.app:app", env={"PRODUCTS_DATABASE": str(tmp_path / "products.sqlite3")}) as server:
        yield server


@pytest.fixture
def windows(browser: Browser, server: ServerProcess) -> Iterator[Windows]:
    windows = Windows(browser, server)
    try:
        yield windows
    finally:
        windows.close()


def test_a_product_appears_in_the_other_window_without_reload(windows: Windows) -> None:
    first, second = windows.open(), windows.open()
    expect(second.page.get_by_text("Nothing here yet.")).to_be_visible()
    second.page.evaluate("window.loadedOnce = true")

    first.create("Green tea")
    expect(first.result).to_have_text("“Green tea” was created.")
    first.created("Green tea")
    second.created("Green tea")
    second.create("Earl Grey")
    first.created("Earl Grey", "Green tea")

    assert second.page.evaluate("window.loadedOnce") is True
    expect(first.name).to_have_value("")
    first.screenshot("wide")


def test_what_users_write_is_text_in_every_script(windows: Windows) -> None:
    first, second = windows.open(), windows.open()
    names = ["<img src=x onerror=alert(1)>", "茶 · чай · شاي · 🍵", "&amp; '; DROP TABLE products; --"]
    for name in names:
        first.create(name)
        expect(first.result).to_contain_text(name)
    second.created(*reversed(names))


def test_an_empty_name_is_refused_next_to_the_field(windows: Windows) -> None:
    window = windows.open(color_scheme="dark")
    window.create("Assam")
    window.created("Assam")
    window.create("")

    expect(window.error).to_have_text("Please enter a name.")
    expect(window.name).to_have_attribute("aria-invalid", "true")
    expect(window.name).to_have_accessible_description(re.compile(r"^Please enter a name\."))
    expect(window.name).to_be_focused()
    window.screenshot("dark-error")

    window.name.press_sequentially("D")
    expect(window.error).to_be_empty()
    expect(window.name).not_to_have_attribute("aria-invalid", "true")
    window.name.press_sequentially("arjeeling")
    window.name.press("Enter")
    window.created("Darjeeling", "Assam")


def test_a_name_that_is_too_long_is_refused_and_stays_in_the_field(windows: Windows) -> None:
    window = windows.open()
    window.create("x" * 101)

    expect(window.error).to_have_text("Please use at most 100 characters.")
    expect(window.name).to_have_attribute("aria-invalid", "true")
    expect(window.name).to_have_value("x" * 101)
    expect(window.names).to_have_count(0)

    window.create("x" * 100)
    window.created("x" * 100)
    expect(window.error).to_be_empty()


def test_a_restart_of_the_server_loses_nothing(windows: Windows, server: ServerProcess) -> None:
    first, second = windows.open(), windows.open()
    first.create("Green tea")
    second.created("Green tea")
    first.name.fill("half a na")

    server.stop()
    first.reconnecting()
    second.reconnecting()
    second.create("Sent while down")
    expect(second.item("waiting")).to_contain_text("Sent while down")
    expect(second.result).to_have_text("“Sent while down” is kept here and sent once the connection is back.")
    second.name.fill("and another")
    second.screenshot("reconnecting")

    server.start()
    first.connected()
    second.connected()
    first.created("Sent while down", "Green tea")
    second.created("Sent while down", "Green tea")
    expect(first.name).to_have_value("half a na")
    expect(second.name).to_have_value("and another")

    first.create("The last")  # everything before it has been handled by now: nothing came twice
    first.created("The last", "Sent while down", "Green tea")
    second.created("The last", "Sent while down", "Green tea")


def test_a_product_that_the_dying_server_never_read_is_created_once(windows: Windows, server: ServerProcess) -> None:
    first, second = windows.open(), windows.open()

    assert server.process is not None
    server.process.send_signal(signal.SIGSTOP)
    first.create("In the air")
    server.stop(signal.SIGKILL)
    first.reconnecting()

    server.start()
    second.connected()
    first.created("In the air")
    second.created("In the air")


def test_a_product_whose_answer_was_lost_is_created_once(windows: Windows, server: ServerProcess) -> None:
    frames: list[str] = []

    def forward_all_but_the_first_answer(route: WebSocketRoute) -> None:
        upstream = route.connect_to_server()

        def from_page(message: str | bytes) -> None:
            frames.append(f"> {message!r}")
            upstream.send(message)

        def from_server(message: str | bytes) -> None:
            known = any(frame.startswith("< '43") for frame in frames)
            frames.append(f"< {message!r}")
            if known or not str(message).startswith("43"):
                route.send(message)

        route.on_message(from_page)
        upstream.on_message(from_server)

    context = windows.context()
    context.route_web_socket(re.compile("transport=websocket"), forward_all_but_the_first_answer)
    first, second = windows.open(context), windows.open()
    wait_for(first.page, "> '5'", frames)  # the connection is a WebSocket from here on

    first.create("Answered in vain")
    second.created("Answered in vain")
    expect(first.result).to_be_empty()

    server.stop(signal.SIGKILL)
    first.reconnecting()
    server.start()
    expect(first.result).to_have_text("“Answered in vain” was created.", timeout=RECONNECTION)
    second.connected()
    first.created("Answered in vain")
    second.created("Answered in vain")


def test_a_product_is_kept_when_its_window_is_closed(windows: Windows, server: ServerProcess) -> None:
    context = windows.context()
    first = windows.open(context)
    server.stop()
    first.reconnecting()
    first.create("From a closed window")
    expect(first.item("waiting")).to_have_count(1)
    first.page.close()

    server.start()
    windows.open(context).created("From a closed window")
    windows.open().created("From a closed window")


def test_windows_of_one_browser_send_a_kept_product_once(windows: Windows, server: ServerProcess) -> None:
    context = windows.context()
    first, second = windows.open(context), windows.open(context)
    server.stop()
    first.reconnecting()
    second.reconnecting()
    first.create("Kept")
    expect(second.item("waiting")).to_contain_text("Kept")

    server.start()
    first.connected()
    second.connected()
    first.created("Kept")
    second.created("Kept")
    second.create("After it")
    first.created("After it", "Kept")
    second.created("After it", "Kept")


def test_a_kept_product_that_is_refused_does_not_touch_what_is_typed(windows: Windows, server: ServerProcess) -> None:
    window = windows.open(viewport={"width": 320, "height": 640}, color_scheme="dark")
    server.stop()
    window.reconnecting()
    window.create("y" * 101)
    window.create("Fine")
    window.name.fill("typing")

    server.start()
    window.connected()
    expect(window.item("created")).to_contain_text("Fine")
    refused = window.item("refused")
    expect(refused).to_contain_text("Please use at most 100 characters.")
    expect(window.name).to_have_value("typing")
    window.screenshot("phone-refused")

    refused.get_by_role("button", name="Edit").click()
    expect(window.result).to_have_text("Create or clear the name in the field first.")
    expect(window.name).to_have_value("typing")
    window.name.fill("")
    refused.get_by_role("button", name="Edit").click()
    expect(window.name).to_have_value("y" * 101)
    expect(window.name).to_be_focused()
    expect(window.error).to_have_text("Please use at most 100 characters.")
    window.created("Fine")


def test_the_page_works_by_keyboard_alone(windows: Windows) -> None:
    window = windows.open()
    window.page.keyboard.press("Tab")
    expect(window.name).to_be_focused()
    window.page.keyboard.type("By Enter")
    window.page.keyboard.press("Enter")
    window.created("By Enter")
    expect(window.name).to_be_focused()

    window.page.keyboard.type("By the button")
    window.page.keyboard.press("Tab")
    expect(window.page.get_by_role("button", name="Create")).to_be_focused()
    window.page.keyboard.press("Space")
    window.created("By the button", "By Enter")
    expect(window.name).to_be_focused()


def test_a_phone_needs_no_horizontal_scrolling(windows: Windows) -> None:
    window = windows.open(viewport={"width": 320, "height": 640}, is_mobile=True, has_touch=True)
    for name in ("W" * 100, "A rather long name of several words that has to be broken somewhere", "Tea"):
        window.create(name)
        expect(window.result).to_contain_text(name)
    window.create("Z" * 101)
    expect(window.error).not_to_be_empty()

    assert window.page.evaluate("document.documentElement.scrollWidth") == 320
    window.screenshot("phone")


def test_animations_stop_when_the_user_wants_none(windows: Windows, server: ServerProcess) -> None:
    window = windows.open(reduced_motion="reduce")
    window.create("Calm")
    window.created("Calm")
    server.stop()
    window.reconnecting()
    assert window.page.evaluate("document.getAnimations().length") == 0


def test_the_page_makes_ids_where_the_browser_offers_none(windows: Windows) -> None:
    context = windows.context()  # as on a phone that opens http://<address>:3001, which is no secure context
    context.add_init_script("delete Crypto.prototype.randomUUID")
    window = windows.open(context)
    assert window.page.evaluate("typeof crypto.randomUUID") == "undefined"
    window.create("First")
    window.created("First")
    window.create("Second")
    window.created("Second", "First")


def wait_for(page: Page, frame: str, frames: list[str]) -> None:
    """Let the browser work until the frame has passed."""
    end = time.monotonic() + 10
    while frame not in frames:
        assert time.monotonic() < end, f"{frame} did not pass: {frames}"
        page.wait_for_timeout(20)
