"""The example's page in a real browser: two windows, users that log in, and a server that comes and goes."""

from __future__ import annotations

import re
import signal
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
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
PASSWORD = "correct horse"


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
        return self.page.locator("#name-error")

    @property
    def user(self) -> Locator:
        return self.page.get_by_label("Name", exact=True)

    @property
    def password(self) -> Locator:
        return self.page.get_by_label("Password")

    @property
    def log_out(self) -> Locator:
        return self.page.get_by_role("button", name="Log out")

    @property
    def online(self) -> Locator:
        return self.page.locator("#online li")

    @property
    def result(self) -> Locator:
        return self.page.locator("#result")

    @property
    def names(self) -> Locator:
        return self.page.locator("#products .name")

    def create(self, name: str) -> None:
        self.name.fill(name)
        self.page.get_by_role("button", name="Create").click()

    def give(self, button: str, name: str, password: str) -> None:
        """Fill in the form for users, and press one of its buttons."""
        self.user.fill(name)
        self.password.fill(password)
        self.page.get_by_role("button", name=button).click()

    def sign_up(self, name: str) -> None:
        self.give("Sign up", name, PASSWORD)
        self.is_of(name)

    def log_in(self, name: str) -> None:
        self.give("Log in", name, PASSWORD)
        self.is_of(name)

    def is_of(self, name: str) -> None:
        """This user is logged in: the form for products is there, and that for users is not."""
        expect(self.page.locator("#me .who")).to_have_text(name)
        expect(self.name).to_be_visible()
        expect(self.user).to_be_hidden()
        self.connected()

    def is_of_a_guest(self) -> None:
        expect(self.user).to_be_visible()
        expect(self.name).to_be_hidden()
        expect(self.log_out).to_be_hidden()
        self.connected()

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
    """Opens windows; each is a browser of its own, with a user, unless it is given the context of another."""

    def __init__(self, browser: Browser, server: ServerProcess) -> None:
        self.browser = browser
        self.server = server
        self.contexts: list[BrowserContext] = []
        self.windows: list[Window] = []

    def context(self, **options: Any) -> BrowserContext:
        context = self.browser.new_context(**options)
        self.contexts.append(context)
        return context

    def user_context(self, **options: Any) -> BrowserContext:
        """A browser in which a new user is logged in."""
        context = self.context(**options)
        self.enter(context, "sign-up", f"User {len(self.contexts)}")
        return context

    def enter(self, context: BrowserContext, way: str, name: str) -> None:
        """Sign up or log in without a window."""
        context.request.get(f"{self.server.url}/session")
        cookies = {cookie["name"]: cookie["value"] for cookie in cookies_of(context)}
        answer = context.request.post(
            f"{self.server.url}/{way}",
            data={"name": name, "password": PASSWORD},
            headers={"X-XSRF-TOKEN": cookies["XSRF-TOKEN"]},
        )
        assert answer.ok, answer.text()

    def open_as_guest(self, **options: Any) -> Window:
        window = self.open(self.context(**options))
        window.is_of_a_guest()
        return window

    def open(self, context: BrowserContext | None = None, **options: Any) -> Window:
        window = Window((context or self.user_context(**options)).new_page())
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

    context = windows.user_context()
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
    context = windows.user_context()
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
    context = windows.user_context()
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
    window = windows.open_as_guest()
    window.page.keyboard.press("Tab")
    expect(window.user).to_be_focused()
    window.page.keyboard.type("Ada")
    window.page.keyboard.press("Tab")
    window.page.keyboard.type(PASSWORD)
    for button in ("Log in", "Sign up"):
        window.page.keyboard.press("Tab")
        expect(window.page.get_by_role("button", name=button)).to_be_focused()
    window.page.keyboard.press("Space")
    window.is_of("Ada")
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

    window.page.keyboard.press("Shift+Tab")
    expect(window.log_out).to_be_focused()
    window.page.keyboard.press("Enter")
    window.is_of_a_guest()
    expect(window.user).to_be_focused()
    window.page.keyboard.type("Ada")
    window.page.keyboard.press("Tab")
    window.page.keyboard.type(PASSWORD)
    window.page.keyboard.press("Enter")
    window.is_of("Ada")


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
    context = windows.user_context()  # as on a phone that opens http://<address>:3001, which is no secure context
    context.add_init_script("delete Crypto.prototype.randomUUID")
    window = windows.open(context)
    assert window.page.evaluate("typeof crypto.randomUUID") == "undefined"
    window.create("First")
    window.created("First")
    window.create("Second")
    window.created("Second", "First")


# users


def test_a_user_signs_up_creates_logs_out_and_logs_in_again(windows: Windows) -> None:
    window = windows.open_as_guest()
    expect(window.page.get_by_role("heading", name="Log in to create products")).to_be_visible()
    window.sign_up("Ada Lovelace")
    expect(window.result).to_have_text("You are logged in as Ada Lovelace.")
    expect(window.name).to_be_focused()
    window.create("Notes")
    window.created("Notes")

    window.log_out.click()
    window.is_of_a_guest()
    expect(window.result).to_have_text("You are logged out.")
    expect(window.password).to_have_value("")
    window.created("Notes")

    window.log_in("Ada Lovelace")
    window.create("More notes")
    window.created("More notes", "Notes")


def test_a_login_outlasts_a_reload_and_a_restart_of_the_server(windows: Windows, server: ServerProcess) -> None:
    window = windows.open_as_guest()
    window.sign_up("Ada")
    window.page.reload()
    window.is_of("Ada")

    server.stop()
    window.reconnecting()
    server.start()
    window.is_of("Ada")
    window.create("After the restart")
    window.created("After the restart")


def test_logging_out_in_one_tab_ends_the_socket_of_the_other(windows: Windows) -> None:
    context = windows.user_context()
    first, second, stranger = windows.open(context), windows.open(context), windows.open()
    second.page.evaluate("window.loadedOnce = true")
    expect(second.online).to_have_text(["User 1 (you)", "User 2"])
    second.name.fill("half a na")

    first.log_out.click()
    for window in (first, second):
        window.is_of_a_guest()
        expect(window.result).to_have_text("You are logged out.")
        expect(window.online).to_have_text(["User 2"])
    expect(stranger.online).to_have_text(["User 2 (you)"])
    assert second.page.evaluate("window.loadedOnce") is True

    first.log_in("User 1")  # which the other tab takes part in
    second.is_of("User 1")
    expect(second.name).to_have_value("half a na")
    second.create("From the other tab")
    first.created("From the other tab")


def test_who_is_online(windows: Windows) -> None:
    """Each user once, whatever the number of tabs; guests see it, and are not shown."""
    guest = windows.open_as_guest()
    expect(guest.online).to_have_text(["Nobody is logged in."])
    first = windows.open_as_guest()
    first.sign_up("Grace")
    expect(guest.online).to_have_text(["Grace"])
    second = windows.open(first.page.context)
    other = windows.open_as_guest()
    other.sign_up("ada")
    for window, names in (
        (guest, ["ada", "Grace"]),
        (first, ["ada", "Grace (you)"]),
        (second, ["ada", "Grace (you)"]),
        (other, ["ada (you)", "Grace"]),
    ):
        expect(window.online).to_have_text(names)
    first.screenshot("users")

    first.page.close()
    other.create("After the first tab was closed")  # what this tells everybody comes after who was gone
    guest.created("After the first tab was closed")
    expect(guest.online).to_have_text(["ada", "Grace"])
    second.page.close()
    expect(guest.online).to_have_text(["ada"])
    expect(other.online).to_have_text(["ada (you)"])


def test_one_user_in_two_browsers_is_online_once(windows: Windows) -> None:
    """Logging out in one of them leaves the other logged in: it has a session of its own."""
    first, second = windows.open_as_guest(), windows.open_as_guest()
    first.sign_up("Ada")
    second.log_in("Ada")
    expect(first.online).to_have_text(["Ada (you)"])
    second.log_out.click()
    second.is_of_a_guest()
    expect(second.online).to_have_text(["Ada"])
    first.create("Still here")
    second.created("Still here")


def test_logins_that_are_refused_say_why_next_to_the_field(windows: Windows) -> None:
    window = windows.open_as_guest(color_scheme="dark")
    windows.enter(windows.context(), "sign-up", "Grace")

    def refused(button: str, name: str, password: str, at: Locator, why: str) -> None:
        window.give(button, name, password)
        expect(at).to_have_accessible_description(re.compile(rf"^{re.escape(why)}"))
        expect(at).to_have_attribute("aria-invalid", "true")
        expect(at).to_be_focused()

    refused("Sign up", "", PASSWORD, window.user, "Please enter a name.")
    refused("Sign up", "x" * 41, PASSWORD, window.user, "Please use at most 40 characters.")
    refused("Sign up", "A\u200bda", PASSWORD, window.user, "Please use only characters that can be seen.")
    refused("Sign up", "Ada", "seven77", window.password, "Please use at least 8 characters.")
    refused("Sign up", "Ada", "x" * 201, window.password, "Please use at most 200 characters.")
    refused("Sign up", "  gRACE ", PASSWORD, window.user, "The name “gRACE” is taken.")
    refused("Log in", "Grace", "", window.password, "Please enter a password.")
    refused("Log in", "Grace", "wrong horse", window.password, "There is no user with this name and password.")
    refused("Log in", "Nobody", PASSWORD, window.password, "There is no user with this name and password.")
    window.is_of_a_guest()
    window.screenshot("login-refused")

    window.password.press_sequentially("x")
    expect(window.password).not_to_have_attribute("aria-invalid", "true")
    window.give("Log in", "GRACE", PASSWORD)
    window.is_of("Grace")


def test_a_wrong_password_and_an_unknown_name_are_answered_alike(tmp_path: Path) -> None:
    """With the same words, and after the same work: whoever guesses names learns nothing here."""
    env = {"PRODUCTS_DATABASE": str(tmp_path / "products.sqlite3")}
    with serve("apps.hashing:app", env=env) as server, httpx.Client(base_url=server.url) as client:
        client.get("/session")
        csrf = {"X-XSRF-TOKEN": client.cookies["XSRF-TOKEN"]}
        assert client.post("/sign-up", json={"name": "Ada", "password": PASSWORD}, headers=csrf).status_code == 200
        csrf = {"X-XSRF-TOKEN": client.cookies["XSRF-TOKEN"]}
        answers = set()
        for name in ("Ada", "Nobody"):
            answer = client.post("/log-in", json={"name": name, "password": "wrong horse"}, headers=csrf)
            answers.add((answer.status_code, answer.text))
        assert answers == {(401, '{"code":"WRONG_LOGIN"}')}
        known, unknown = re.findall(r"^verifies by (.+)$", server.log, re.M)
        assert known == unknown
        assert known.startswith("$argon2id$")


def test_nobody_logs_in_or_out_without_the_csrf_token(server: ServerProcess) -> None:
    """Nor without a session: a form on somebody else's page can do neither, whatever the browser sends with it."""
    login = {"name": "Ada", "password": PASSWORD}
    with httpx.Client(base_url=server.url) as client:
        assert client.post("/sign-up", json=login).status_code == 400
        client.get("/session")
        for path in ("/sign-up", "/log-in", "/log-out"):
            assert client.post(path, json=login).status_code == 403
            assert client.post(path, data=login, headers={"X-XSRF-TOKEN": "guessed"}).status_code == 403
        client.headers["X-XSRF-TOKEN"] = client.cookies["XSRF-TOKEN"]
        before = client.cookies["sessionID"]
        assert client.post("/sign-up", json=login).json() == {"user": "Ada"}
        assert client.cookies["sessionID"] != before


def test_the_server_lets_no_guest_create(windows: Windows) -> None:
    """Not even one whose page forgets to hide the form."""
    window = windows.open_as_guest()
    answer = window.page.evaluate(
        """async () => {
            const { io } = await import("/client/socket.io.esm.min.js");
            const socket = io({ forceNew: true });
            const product = { id: "00000000-0000-4000-8000-000000000000", name: "Smuggled" };
            const answer = await socket.timeout(5000).emitWithAck("create product", product);
            socket.disconnect();
            return answer;
        }"""
    )
    assert answer == {"status": "error", "error": {"statusCode": 401, "statusMessage": "UNAUTHORIZED"}}
    other = windows.open()
    other.create("Honest")
    window.created("Honest")


def test_cookies_of_a_session_that_is_over_do_no_harm(windows: Windows) -> None:
    """The page is a guest's then, and one can log in from it."""
    context = windows.user_context()
    kept = cookies_of(context)
    window = windows.open(context)
    window.log_out.click()
    window.is_of_a_guest()
    context.add_cookies(kept)
    window.page.reload()
    window.is_of_a_guest()

    context.add_cookies(kept)
    window.log_in("User 1")
    window.create("All is well")
    window.created("All is well")


def test_what_a_user_has_not_sent_yet_waits_for_that_user(windows: Windows, server: ServerProcess) -> None:
    """Somebody else who logs in to the same browser neither sees nor sends it."""
    window = windows.open_as_guest()
    window.sign_up("Ada")
    server.stop()
    window.reconnecting()
    window.create("Of Ada's")
    expect(window.item("waiting")).to_have_count(1)
    window.page.context.clear_cookies()

    server.start()
    window.is_of_a_guest()
    expect(window.result).to_have_text("You are logged out. What was not sent yet is kept until you log in again.")
    expect(window.names).to_have_count(0)
    window.sign_up("Grace")
    window.create("Of Grace's")
    window.created("Of Grace's")

    window.log_out.click()
    window.is_of_a_guest()
    window.log_in("Ada")
    window.created("Of Ada's", "Of Grace's")


def test_a_phone_has_room_for_the_login(windows: Windows) -> None:
    window = windows.open_as_guest(viewport={"width": 320, "height": 640}, is_mobile=True, has_touch=True)
    window.give("Log in", "W" * 40, "wrong horse")
    expect(window.password).to_have_attribute("aria-invalid", "true")
    assert window.page.evaluate("document.documentElement.scrollWidth") == 320
    window.screenshot("phone-login")
    window.sign_up("W" * 40)
    windows.open(None).create("Tea")
    window.created("Tea")
    assert window.page.evaluate("document.documentElement.scrollWidth") == 320
    window.screenshot("phone-users")


def cookies_of(context: BrowserContext) -> list[Any]:
    """The cookies of a browser, as it takes them back."""
    return list(context.cookies())


def wait_for(page: Page, frame: str, frames: list[str]) -> None:
    """Let the browser work until the frame has passed."""
    end = time.monotonic() + 10
    while frame not in frames:
        assert time.monotonic() < end, f"{frame} did not pass: {frames}"
        page.wait_for_timeout(20)
