"""Start and stop: once each, in order, and again where an app is served again."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from whinny import ServiceManager, Settings, SocketIOController, dependency

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from whinny.serving import Message, SocketIOApp


class Diary:
    """What happened, in order."""

    def __init__(self) -> None:
        self.entries: list[str] = []


class Database:
    diary = dependency(Diary)

    async def boot(self) -> None:
        self.diary.entries.append("boot")

    def close(self) -> None:
        self.diary.entries.append("close")


class Controller(SocketIOController):
    database = dependency(Database)


class Broken(SocketIOController):
    async def boot(self) -> None:
        raise RuntimeError("the database is not there")


class Host:
    """An ASGI server that does the lifespan of an app."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._to_app: asyncio.Queue[Message] = asyncio.Queue()
        self._from_app: asyncio.Queue[Message] = asyncio.Queue()
        self.task: asyncio.Task[None] | None = None

    async def start(self) -> Message:
        scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
        self.task = asyncio.create_task(self._app(scope, self._to_app.get, self._from_app.put))
        self._to_app.put_nowait({"type": "lifespan.startup"})
        return await self._from_app.get()

    async def stop(self) -> Message:
        self._to_app.put_nowait({"type": "lifespan.shutdown"})
        message = await self._from_app.get()
        assert self.task is not None
        await self.task
        return message


async def ask(app: SocketIOApp, path: str = "/socket.io/") -> tuple[int, bytes]:
    """A handshake by polling."""
    sent: list[Any] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "query_string": b"EIO=4&transport=polling",
        "headers": [],
    }
    await app(scope, receive, send)
    return sent[0]["status"], sent[1]["body"]


async def refuse_lifespan(scope: Any, receive: Any, send: Any) -> None:
    """An app like those that know nothing of lifespans."""
    if scope["type"] == "lifespan":
        raise ValueError("I can handle HTTP only")
    await PlainTextResponse("inner")(scope, receive, send)


@asynccontextmanager
async def inner_lifespan(app: Any) -> AsyncIterator[None]:
    services.get(Diary).entries.append("inner begins")
    yield
    services.get(Diary).entries.append("inner ends")


services = ServiceManager(Settings())


@pytest.fixture
def diary() -> list[str]:
    global services
    services = ServiceManager(Settings())
    return services.get(Diary).entries


async def test_the_inner_app_lives_around_the_server(diary: list[str]) -> None:
    """The inner app starts before the services and ends after them."""
    http = Starlette(routes=[Route("/", lambda request: PlainTextResponse("inner"))], lifespan=inner_lifespan)
    host = Host(services.get(Controller).attach(http))
    assert (await host.start())["type"] == "lifespan.startup.complete"
    assert diary == ["inner begins", "boot"]
    assert (await host.stop())["type"] == "lifespan.shutdown.complete"
    assert diary == ["inner begins", "boot", "close", "inner ends"]


async def test_an_inner_app_without_a_lifespan(diary: list[str]) -> None:
    """The lifespan is answered for an app that raises on it."""
    app = services.get(Controller).attach(refuse_lifespan)
    host = Host(app)
    assert (await host.start())["type"] == "lifespan.startup.complete"
    assert await ask(app, "/") == (200, b"inner")
    assert (await host.stop())["type"] == "lifespan.shutdown.complete"
    assert diary == ["boot", "close"]


async def answer_anything(scope: Any, receive: Any, send: Any) -> None:
    """An app that does not look at what it is asked."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"naive"})


async def test_a_naive_inner_app(diary: list[str]) -> None:
    """An inner app that answers a lifespan as if it were a request does not stand in its way."""
    app = services.get(Controller).attach(answer_anything)
    host = Host(app)
    assert (await host.start())["type"] == "lifespan.startup.complete"
    assert await ask(app, "/") == (200, b"naive")
    assert (await host.stop())["type"] == "lifespan.shutdown.complete"
    assert diary == ["boot", "close"]


def test_each_event_loop_is_a_new_start() -> None:
    """An app that is asked in one loop after another, as by test clients, serves each of them."""
    app = ServiceManager(Settings()).get(SocketIOController).attach()

    async def visit() -> None:
        status, body = await ask(app)
        assert status == 200
        [connection] = app.server.engine.connections.values()
        assert connection.id in body.decode()
        assert len(app.server.engine.heartbeat) == 1

    for _ in range(3):
        asyncio.run(visit())


class Fickle:
    """A service whose first boot fails."""

    boots = 0

    async def boot(self) -> None:
        self.boots += 1
        if self.boots == 1:
            raise RuntimeError("not yet")


class FickleController(SocketIOController):
    database = dependency(Database)
    fickle = dependency(Fickle)


async def test_a_boot_that_failed_is_tried_again(diary: list[str]) -> None:
    """The first connection meets the error, what was booted is closed again, and the next one boots all."""
    app = services.get(FickleController).attach()
    with pytest.raises(RuntimeError, match="not yet"):
        await ask(app)
    assert diary == ["boot", "close"]
    assert (await ask(app))[0] == 200
    assert diary == ["boot", "close", "boot"]
    assert services.get(Fickle).boots == 2


async def test_an_app_can_be_served_again(diary: list[str]) -> None:
    """What was stopped starts again, as tests that use one app several times ask for."""
    app = services.get(Controller).attach()
    for _ in range(2):
        host = Host(app)
        await host.start()
        assert (await ask(app))[0] == 200
        await host.stop()
    assert diary == ["boot", "close"] * 2


async def test_the_first_connection_starts_the_server(diary: list[str]) -> None:
    """Mounted where no lifespan comes, the app starts when it is first asked, once."""
    app = services.get(Controller).attach()
    answers = await asyncio.gather(*(ask(app) for _ in range(5)))
    assert [status for status, _ in answers] == [200] * 5
    assert diary == ["boot"]
    async with app.lifespan():
        assert diary == ["boot"]
    assert diary == ["boot", "close"]


class Slow:
    """A service that takes a while to boot."""

    diary = dependency(Diary)

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()

    async def boot(self) -> None:
        self.begun.set()
        await self.go_on.wait()
        self.diary.entries.append("boot")


class SlowController(SocketIOController):
    slow = dependency(Slow)


async def test_a_client_that_leaves_during_the_boot_leaves_it_to_others(diary: list[str]) -> None:
    """The first connection is cancelled; the second one waits for the same boot."""
    app, slow = services.get(SlowController).attach(), services.get(Slow)
    first, second = (asyncio.create_task(ask(app)) for _ in range(2))
    await slow.begun.wait()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    slow.go_on.set()
    assert (await second)[0] == 200
    assert diary == ["boot"]


async def test_services_that_others_hold_stay_open(diary: list[str]) -> None:
    """The end of the lifespan closes the connections, and leaves the services to who holds them."""
    app = services.get(Controller).attach()
    await services.hold("another app")
    async with app.lifespan():
        assert (await ask(app))[0] == 200
    assert not app.server.engine.connections
    assert diary == ["boot"]
    await services.release("another app")
    assert diary == ["boot", "close"]


async def test_services_that_others_have_closed_are_booted_again(diary: list[str]) -> None:
    """As when an HTTP app with the same manager has ended, and the next connection comes."""
    app = services.get(Controller).attach()
    for _ in range(2):
        assert (await ask(app))[0] == 200
        await services.close()
    assert diary == ["boot", "close"] * 2


async def test_a_failed_boot_fails_the_start() -> None:
    """The ASGI server is told why, and serves nothing."""
    host = Host(ServiceManager(Settings()).get(Broken).attach())
    message = await host.start()
    assert message == {"type": "lifespan.startup.failed", "message": "RuntimeError: the database is not there"}
    assert host.task is not None
    with pytest.raises(RuntimeError, match="the database is not there"):
        await host.task


async def test_other_paths_without_an_inner_app() -> None:
    """Alone, the app answers 404 for what is not its own."""
    app = ServiceManager(Settings()).get(SocketIOController).attach()
    assert await ask(app, "/elsewhere") == (404, b"Not Found")
