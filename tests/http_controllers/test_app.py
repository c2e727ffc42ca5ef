"""The app of HTTP controllers: its services, its lifespan, its headers, and its place beside Socket.IO."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

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
from whinny.http import Context, HttpResponseOK, controller, create_app, get, post
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


def test_a_root_that_cannot_be_made_is_refused() -> None:
    class Needs:
        def __init__(self, url: str) -> None: ...

    with pytest.raises(ConfigurationError, match="Needs takes"):
        make_app(Needs)
