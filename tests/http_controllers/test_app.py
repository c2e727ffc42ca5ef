"""The app of HTTP controllers: its services, its lifespan, its headers, and its place beside Socket.IO."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from http_controllers.apps import ask, ask_app, client_of, make_app
from serving.in_process import running
from whinny import (
    ConfigurationError,
    ServiceManager,
    Settings,
    SocketIOController,
    WebsocketResponse,
    WsServer,
    dependency,
    event_name,
)
from whinny.http import Context, HttpResponseOK, controller, create_app, get, post, put
from whinny.testing import TestClient

log: list[str] = []


@pytest.fixture(autouse=True)
def _empty_log() -> None:
    log.clear()


class Base:
    async def boot(self) -> None:
        log.append(f"boot {type(self).__name__}")

    def close(self) -> None:
        log.append(f"close {type(self).__name__}")


class Products(Base):
    names: list[str]

    def __init__(self) -> None:
        self.names = []


class Api(Base):
    products = dependency(Products)
    ws_server = dependency(WsServer)

    @get("/products")
    def read(self) -> HttpResponseOK:
        return HttpResponseOK(self.products.names)

    @post("/products")
    async def create(self, ctx: Context, body: dict[str, str]) -> HttpResponseOK:
        self.products.names.append(body["name"])
        self.ws_server.io.emit("refresh products", WebsocketResponse(body["name"]))
        return HttpResponseOK()


class Root:
    sub_controllers = (controller("/api", Api),)


class Live(SocketIOController):
    products = dependency(Products)

    @event_name("count")
    def count(self) -> WebsocketResponse:
        return WebsocketResponse(len(self.products.names))


def both() -> Any:
    """Socket.IO around HTTP, with one manager."""
    services = ServiceManager(Settings())
    return services.get(Live).attach(make_app(Root, services))


# beside Socket.IO


async def test_an_http_method_reaches_the_clients_of_socket_io() -> None:
    """Over one port, with the services shared, which boot and close once."""
    async with running(both()) as server:
        assert log == ["boot Products", "boot Api"]
        async with httpx.AsyncClient(base_url=server.url) as client:
            await client.post("/api/products", json={"name": "x"})
            assert (await client.get("/api/products")).json() == ["x"]
            polled = await client.get("/socket.io/", params={"EIO": "4", "transport": "polling"})
            assert polled.status_code == 200
    assert log == ["boot Products", "boot Api", "close Api", "close Products"]


async def test_a_message_arrives() -> None:
    app = both()
    async with TestClient(app) as client, client_of(app) as http:
        assert (await http.post("/api/products", json={"name": "x"})).status_code == 200
        assert (await client.receive("refresh products")).payload == {"status": "ok", "data": "x"}
        assert await client.emit_with_ack("count") == {"status": "ok", "data": 1}
    assert log.count("boot Products") == log.count("boot Api") == 1


async def test_a_method_before_attach_gets_an_error_that_says_so(caplog: pytest.LogCaptureFixture) -> None:
    assert (await ask(Root, "POST", "/api/products", json={"name": "x"})).status_code == 500
    assert "There is no Socket.IO server here yet" in caplog.text


async def test_a_stream_ends_when_its_client_leaves(caplog: pytest.LogCaptureFixture) -> None:
    """Under a real server; the iterator is closed, and nothing is logged as an error."""
    closed = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x"
                await asyncio.sleep(0)
        finally:
            closed.set()

    class Streams:
        @get("/")
        def read(self) -> HttpResponseOK:
            return HttpResponseOK(endless())

    async with running(make_app(Streams)) as server, httpx.AsyncClient(base_url=server.url) as client:
        async with client.stream("GET", "/") as answer:
            assert await anext(answer.aiter_raw(1)) == b"x"
            assert not closed.is_set()
        await asyncio.wait_for(closed.wait(), 5)
    assert not [each for each in caplog.records if each.levelno >= logging.WARNING]


# the lifespan


async def test_the_lifespan_boots_and_closes() -> None:
    app = make_app(Root)
    for _ in range(2):
        async with app.router.lifespan_context(app):
            assert log == ["boot Products", "boot Api"]
            assert (await ask_app(app, path="/api/products")).json() == []
        assert log == ["boot Products", "boot Api", "close Api", "close Products"]
        log.clear()


async def test_without_a_lifespan_the_first_request_boots() -> None:
    """As where it is mounted in a router; an error of a boot is answered, and the next request tries again."""
    app = make_app(Root)
    outer = Starlette(routes=[Mount("/inner", app)])
    for _ in range(2):
        assert (await ask_app(outer, path="/inner/api/products")).json() == []
    assert log == ["boot Products", "boot Api"]


async def test_a_boot_that_fails_is_tried_again() -> None:
    class Fails(Base):
        failed = False

        async def boot(self) -> None:
            if not self.failed:
                self.failed = True
                raise RuntimeError("secret")

        @get("/")
        def read(self) -> HttpResponseOK:
            return HttpResponseOK("read")

    app = make_app(Fails)
    answer = await ask_app(app)
    assert (answer.status_code, "secret" in answer.text) == (500, False)
    assert (await ask_app(app)).text == "read"


class Slow(Base):
    """A service that takes a while to boot, and fails as often as it is told to."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()
        self.failures = 0

    async def boot(self) -> None:
        log.append("begin Slow")
        self.begun.set()
        await self.go_on.wait()
        if self.failures:
            self.failures -= 1
            raise RuntimeError("secret")
        await super().boot()


class SlowRoot:
    slow = dependency(Slow)

    @get("/")
    def read(self) -> HttpResponseOK:
        return HttpResponseOK(log.copy())


async def test_a_client_that_leaves_during_the_boot_leaves_it_to_others() -> None:
    """The first request is cancelled; the second one waits for the same boot."""
    services = ServiceManager(Settings())
    app, slow = make_app(SlowRoot, services), services.get(Slow)
    first, second = (asyncio.create_task(ask_app(app)) for _ in range(2))
    await slow.begun.wait()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    slow.go_on.set()
    assert (await second).json() == ["begin Slow", "boot Slow"]
    assert (await ask_app(app)).json() == ["begin Slow", "boot Slow"]


async def test_a_boot_that_fails_is_answered_to_all_who_wait_for_it() -> None:
    services = ServiceManager(Settings())
    app, slow = make_app(SlowRoot, services), services.get(Slow)
    slow.failures = 1
    asking = [asyncio.create_task(ask_app(app)) for _ in range(3)]
    await slow.begun.wait()
    slow.go_on.set()
    assert [answer.status_code for answer in await asyncio.gather(*asking)] == [500] * 3
    assert (await ask_app(app)).json() == ["begin Slow"] * 2 + ["boot Slow"]


async def test_the_end_of_a_lifespan_waits_for_a_boot() -> None:
    """Of a second app that has just been asked for the first time."""
    services = ServiceManager(Settings())
    app = make_app(Root, services)
    async with app.router.lifespan_context(app):
        slow, other = services.get(Slow), make_app(SlowRoot, services)
        log.clear()
        asking = asyncio.create_task(ask_app(other))
        await slow.begun.wait()
        asyncio.get_running_loop().call_later(0.01, slow.go_on.set)
    assert (await asking).status_code == 200
    assert log == ["begin Slow", "boot Slow", "close Slow", "close Api", "close Products"]


async def test_apps_with_one_manager_leave_each_other_their_services() -> None:
    """Whichever ends first; the last one closes them, and whoever is asked after that boots them again."""
    services = ServiceManager(Settings())
    first, second = make_app(Root, services), make_app(Root, services)
    for one, other in ((first, second), (second, first)):
        log.clear()
        async with one.router.lifespan_context(one):
            async with other.router.lifespan_context(other):
                assert log == ["boot Products", "boot Api"]
            assert (await ask_app(other, path="/api/products")).status_code == 200
            assert log == ["boot Products", "boot Api"]
        assert log[2:] == ["close Api", "close Products"]
    log.clear()
    assert (await ask_app(first, path="/api/products")).status_code == 200
    assert log == ["boot Products", "boot Api"]


@pytest.mark.parametrize("mounted", ["http", "socket.io"])
async def test_what_is_mounted_lives_with_the_other(mounted: str) -> None:
    """With one manager and one lifespan, that of the outer app; twice."""
    services = ServiceManager(Settings())
    http, live = make_app(Root, services), services.get(Live)
    if mounted == "http":
        app: Any = live.attach(Starlette(routes=[Mount("/http", http)]))
    else:
        http.mount("/live", live.attach())
        app = http
    inner, outer = ("/http", "") if mounted == "http" else ("", "/live")
    for _ in range(2):
        log.clear()
        async with running(app) as server, httpx.AsyncClient(base_url=server.url) as client:
            assert (await client.get(f"{inner}/api/products")).status_code == 200
            polled = await client.get(f"{outer}/socket.io/", params={"EIO": "4", "transport": "polling"})
            assert polled.status_code == 200
        assert log == ["boot Products", "boot Api", "close Api", "close Products"]


async def test_the_manager_is_at_hand() -> None:
    services = ServiceManager(Settings())
    assert make_app(Root, services).state.services is services
    assert isinstance(create_app(Root).state.services, ServiceManager)


# headers and middleware

PROTECTION = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
    "strict-transport-security": "max-age=31536000; includeSubDomains",
}


@pytest.mark.parametrize(("path", "status"), [("/api/products", 200), ("/nothing", 404)])
async def test_protection_headers_are_there(path: str, status: int) -> None:
    answer = await ask(Root, path=path)
    assert answer.status_code == status
    assert {name: answer.headers[name] for name in PROTECTION} == PROTECTION


async def test_a_protection_header_that_was_set_is_kept() -> None:
    class Own:
        @get("/")
        def read(self) -> HttpResponseOK:
            return HttpResponseOK().set_header("X-Frame-Options", "DENY")

    assert (await ask(Own)).headers.get_list("x-frame-options") == ["DENY"]


async def test_starlettes_middleware_can_be_used() -> None:
    app = make_app(Root, middleware=[Middleware(CORSMiddleware, allow_origins=["https://localhost"])])
    headers = {"origin": "https://localhost", "access-control-request-method": "GET"}
    answer = await ask_app(app, "OPTIONS", "/api/products", headers=headers)
    assert answer.headers["access-control-allow-origin"] == "https://localhost"


class Answering:
    """Middleware that answers itself, or fails."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/fails":
            raise RuntimeError("secret")
        log.append("middleware")
        await PlainTextResponse("answered")(scope, receive, send)


async def own_answer(request: Any, error: Exception) -> PlainTextResponse:
    return PlainTextResponse("my own", 500)


async def test_middleware_may_be_added_later() -> None:
    """What it answers is protected too, and its services are booted."""
    app = make_app(Root)
    app.add_middleware(Answering)
    answer = await ask_app(app)
    assert answer.text == "answered"
    assert PROTECTION.items() <= answer.headers.items()
    assert log == ["boot Products", "boot Api", "middleware"]


@pytest.mark.parametrize("own", [False, True])
async def test_an_error_of_middleware_is_answered_with_protection(own: bool) -> None:
    app = make_app(Root)
    app.add_middleware(Answering)
    if own:
        app.add_exception_handler(Exception, own_answer)
    answer = await ask_app(app, path="/fails")
    assert (answer.status_code, answer.text == "my own", "secret" in answer.text) == (500, own, False)
    assert PROTECTION.items() <= answer.headers.items()


async def test_files_that_are_mounted_say_what_they_allow(tmp_path: Path) -> None:
    """Though a controller has a route of the same name below another prefix."""

    class Files:
        @put("/page.txt")
        def write(self) -> HttpResponseOK:
            return HttpResponseOK()

    (tmp_path / "page.txt").write_text("page")
    app = make_app(Files)
    app.mount("/static", StaticFiles(directory=tmp_path))
    assert (await ask_app(app, path="/static/page.txt")).text == "page"
    refused = await ask_app(app, "POST", "/static/page.txt")
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD")
    assert "405 - METHOD NOT ALLOWED" in refused.text
    missing = await ask_app(app, path="/static/missing.txt")
    assert (missing.status_code, "404 - NOT FOUND" in missing.text) == (404, True)
    own = await ask_app(app, "POST", "/page.txt")
    assert (own.status_code, own.headers.get_list("allow")) == (405, ["PUT"])


@pytest.mark.parametrize("status", [404, 405])
async def test_headers_of_a_mounted_apps_refusal_are_kept(status: int) -> None:
    async def refuse(scope: Any, receive: Any, send: Any) -> None:
        raise HTTPException(status, headers={"X-Reason": "none", "Allow": "PUT"})

    app = make_app(Root)
    app.mount("/other", refuse)
    answer = await ask_app(app, path="/other/api/products")
    assert answer.status_code == status
    assert (answer.headers["x-reason"], answer.headers.get_list("allow")) == ("none", ["PUT"])


async def test_other_apps_can_be_mounted() -> None:
    async def hello(request: Any) -> PlainTextResponse:
        return PlainTextResponse("hello")

    app = make_app(Root)
    app.mount("/other", Starlette(routes=[Route("/", hello)]))
    answer = await ask_app(app, path="/other/")
    assert answer.text == "hello"
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"
    assert (await ask_app(app, path="/api/products")).json() == []


async def test_a_websocket_is_no_business_of_it() -> None:
    with pytest.raises(Exception, match=r"refused|closed|403|1000"):
        async with TestClient(make_app(Root)):
            pass


# without Starlette

WITHOUT = """
import sys
sys.modules["starlette"] = None
import whinny
assert not any(name.startswith("starlette.") for name in sys.modules)
try:
    import whinny.http
except ModuleNotFoundError as error:
    print(error)
"""


def test_whinny_needs_no_starlette_and_http_says_what_it_needs() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, timeout=30)
    assert done.stdout == 'whinny.http needs Starlette: pip install "whinny[http]"\n', done.stderr


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((Root(),), r"create_app needs the class of the root controller, not an object: <.*Root object"),
        ((Root, ServiceManager), r"create_app needs an object of ServiceManager, ServiceManager\(\), not <class"),
        ((Root, Settings()), r"create_app needs an object of ServiceManager"),
    ],
)
def test_what_create_app_is_not_made_for_is_refused(given: Any, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        create_app(*given)


def test_a_root_that_cannot_be_made_is_refused() -> None:
    class Needs:
        def __init__(self, url: str) -> None: ...

    with pytest.raises(ConfigurationError, match="Needs takes"):
        make_app(Needs)
