"""The client without a network, against whole apps: what it sends, what it receives, and how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from unit.clock import in_fake_time, turns
from whinny import (
    AckTimeout,
    ClientDisconnected,
    ConnectionRefused,
    EncodeError,
    ServerOptions,
    ServiceManager,
    Settings,
    SocketIOController,
    WebsocketContext,
    WebsocketErrorResponse,
    WebsocketResponse,
    WsServer,
    dependency,
    event_name,
    validate_payload,
    websocket_hook,
    ws_controller,
)
from whinny.testing import Received, TestClient

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from whinny.serving import SocketIOApp

pytestmark = pytest.mark.anyio

OK = {"status": "ok"}


class Ended(Exception):
    """An error of the tests' own."""


async def log_user(ctx: WebsocketContext[Any], services: ServiceManager) -> None:
    await asyncio.sleep(0)
    ctx.user = ctx.socket.handshake.auth.get("user")


def logged_in(ctx: WebsocketContext[Any], services: ServiceManager) -> WebsocketErrorResponse | None:
    return None if ctx.user else WebsocketErrorResponse({"code": "UNAUTHORIZED"})


class Rooms:
    """The sub-controller of the tests."""

    @event_name("join")
    def join(self, ctx: WebsocketContext[Any], room: str) -> WebsocketResponse:
        ctx.socket.join(room)
        return WebsocketResponse(sorted(ctx.socket.rooms - {ctx.socket.id}))

    @event_name("say")
    def say(self, ctx: WebsocketContext[Any], room: str, *more: str) -> WebsocketResponse:
        ctx.socket.to(room).emit("said", *more)
        return WebsocketResponse()


@websocket_hook(log_user)
class Root(SocketIOController):
    """The app of the tests."""

    ws_server = dependency(WsServer)
    sub_controllers = (ws_controller("room ", Rooms),)

    def __init__(self) -> None:
        self.ends: list[str] = []

    def on_connection(self, ctx: WebsocketContext[Any]) -> None:
        if "refuse" in ctx.socket.handshake.auth:
            raise ConnectionRefused("Not you", {"code": 7})
        ctx.socket.emit("welcome", ctx.socket.handshake.query.get("name"))

    def on_disconnect(self, ctx: WebsocketContext[Any], reason: str) -> None:
        self.ends.append(reason)

    @event_name("echo")
    def echo(self, ctx: WebsocketContext[Any]) -> WebsocketResponse:
        ctx.socket.emit("echo", *ctx.args)
        return WebsocketResponse(list(ctx.args))

    @event_name("create")
    @validate_payload({"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}})
    def create(self, ctx: WebsocketContext[Any], payload: dict[str, str]) -> WebsocketResponse:
        ctx.socket.broadcast.emit("refresh", WebsocketResponse(payload["name"]))
        return WebsocketResponse(payload)

    @event_name("secret")
    @websocket_hook(logged_in)
    def secret(self, ctx: WebsocketContext[Any]) -> WebsocketResponse:
        return WebsocketResponse(ctx.user)

    @event_name("ask back")
    async def ask_back(self, ctx: WebsocketContext[Any]) -> WebsocketResponse:
        return WebsocketResponse(await ctx.socket.emit_with_ack("question", b"\x00", timeout=5))

    @event_name("ask all")
    async def ask_all(self, ctx: WebsocketContext[Any]) -> WebsocketResponse:
        return WebsocketResponse(sorted(await self.ws_server.io.emit_with_ack("question")))

    @event_name("silence")
    def silence(self, ctx: WebsocketContext[Any]) -> None:
        return

    @event_name("fail")
    def fail(self, ctx: WebsocketContext[Any]) -> None:
        raise Ended

    @event_name("leave me")
    def leave_me(self, ctx: WebsocketContext[Any], close: bool) -> None:
        ctx.socket.emit("bye")
        ctx.socket.disconnect(close)


def make(**settings: Any) -> tuple[SocketIOApp, Root]:
    """An app and its root controller."""
    services = ServiceManager(Settings(**settings))
    root = services.get(Root)
    return root.attach(), root


async def test_events_and_answers() -> None:
    """What the client sends reaches the method, and what the method answers and emits reaches the client."""
    async with TestClient(make()[0], query={"name": "a b"}) as client:
        assert client.connected
        assert len(client.id) == 20
        assert await client.receive() == Received("welcome", "a b")
        args = (1, "größe", None, {"nested": [b"\x00\xff", 1.5]}, b"")
        assert await client.emit_with_ack("echo", *args) == {"status": "ok", "data": list(args)}
        echo = await client.receive("echo")
        assert (echo.event, echo.args, echo.payload) == ("echo", args, 1)
        client.emit("echo")
        received = await client.receive("echo")
        assert (received.args, received.payload, received.wants_ack) == ((), None, False)
        assert client.received == []


async def test_hooks_and_validation_run() -> None:
    """The whole pipeline answers, errors included."""
    app, _ = make(log_errors=False)
    async with TestClient(app) as nobody, TestClient(app, auth={"user": "me"}) as me:
        assert await nobody.emit_with_ack("secret") == {"status": "error", "error": {"code": "UNAUTHORIZED"}}
        assert await me.emit_with_ack("secret") == {"status": "ok", "data": "me"}
        refused = await me.emit_with_ack("create", {"name": 1})
        assert refused["error"]["code"] == "VALIDATION_PAYLOAD_ERROR"
        assert await me.emit_with_ack("create", {"name": "x"}) == {"status": "ok", "data": {"name": "x"}}
        assert (await nobody.receive("refresh")).payload == {"status": "ok", "data": "x"}
        assert [each.event for each in me.received] == ["welcome"]
        assert (await me.emit_with_ack("fail"))["error"]["code"] == "INTERNAL_SERVER_ERROR"
        assert (await me.emit_with_ack("no such"))["error"]["code"] == "UNKNOWN_EVENT"


async def test_rooms() -> None:
    """Several clients of one app in one loop."""
    app, _ = make()
    async with TestClient(app) as a, TestClient(app) as b, TestClient(app) as c:
        for client in (a, b):
            assert await client.emit_with_ack("room join", "x") == {"status": "ok", "data": ["x"]}
        assert await a.emit_with_ack("room say", "x", "hello") == OK
        assert (await b.receive("said")).args == ("hello",)
        for client in (a, c):
            await client.emit_with_ack("echo")
            assert [each.event for each in client.received] == ["welcome", "echo"]
        assert len({a.id, b.id, c.id}) == 3


async def test_the_order_of_events_is_kept() -> None:
    """Of all events, and of those of one name when others are taken first."""
    async with TestClient(make()[0]) as client:
        for number in range(100):
            client.emit("echo", number)
        await client.emit_with_ack("room join", "x")
        assert (await client.receive()).event == "welcome"
        assert (await client.receive("echo")).payload == 0
        assert [(await client.receive()).payload for _ in range(99)] == list(range(1, 100))


async def test_the_server_asks() -> None:
    """The client acknowledges, with binary data too; one client or all."""
    app, _ = make()
    async with TestClient(app) as a, TestClient(app) as b:
        asking = asyncio.create_task(a.emit_with_ack("ask back"))
        question = await a.receive("question")
        assert (question.args, question.wants_ack) == ((b"\x00",), True)
        question.acknowledge({"answer": b"\x01"}, "more")
        assert await asking == {"status": "ok", "data": {"answer": b"\x01"}}
        asking = asyncio.create_task(a.emit_with_ack("ask all"))
        for client, answer in ((a, 1), (b, 2)):
            (await client.receive("question")).acknowledge(answer)
        assert await asking == {"status": "ok", "data": [1, 2]}
        welcome = await a.receive("welcome")
        with pytest.raises(RuntimeError, match="'welcome'"):
            welcome.acknowledge()


@in_fake_time
async def test_what_does_not_come_is_named() -> None:
    """Which event, in what time, and what came instead. An answer that comes later disturbs nobody."""
    async with TestClient(make()[0]) as client:
        with pytest.raises(TimeoutError, match=r"event 'refresh' came within 2 s; what came: 'welcome'"):
            await client.receive("refresh", timeout=2)
        await client.receive()
        with pytest.raises(TimeoutError, match=r"No event came within 5\.0 s; what came: nothing"):
            await client.receive()
        with pytest.raises(AckTimeout, match=r"did not acknowledge 'silence' within 3 s"):
            await client.emit_with_ack("silence", timeout=3)
        with pytest.raises(AckTimeout):
            await client.emit_with_ack("ask back", timeout=1)
        (await client.receive("question")).acknowledge("late")
        assert await client.emit_with_ack("echo") == {"status": "ok", "data": []}
        with pytest.raises(TimeoutError, match="was not disconnected"):
            await client.wait_disconnected()


@in_fake_time
async def test_pings_are_answered() -> None:
    """A client that does nothing for hours stays connected."""
    async with TestClient(make()[0]) as client:
        await asyncio.sleep(7200)
        assert (await client.emit_with_ack("echo", 1))["data"] == [1]


async def test_what_cannot_be_sent_is_refused() -> None:
    """As by the official clients, and nothing of it is sent."""
    async with TestClient(make()[0]) as client:
        with pytest.raises(EncodeError):
            client.emit("echo", object())
        with pytest.raises(ValueError, match="reserved"):
            await client.emit_with_ack("connect")
        assert (await client.emit_with_ack("echo"))["data"] == []


# coming and going


async def test_a_client_that_is_not_let_in() -> None:
    """The server's message and data, out of entering; of an unknown namespace too."""
    app, root = make()
    with pytest.raises(ConnectionRefused) as refused:
        async with TestClient(app, auth={"refuse": True}):
            raise AssertionError
    assert (refused.value.message, refused.value.data) == ("Not you", {"code": 7})
    with pytest.raises(ConnectionRefused, match="Invalid namespace"):
        await TestClient(app, namespace="nowhere").__aenter__()
    assert root.ends == []
    assert not app.server.clients


async def test_a_handshake_that_is_refused() -> None:
    """Status and body of the answer; or what the app did instead."""
    app, _ = make()
    with pytest.raises(ConnectionError, match=r'403 \{"code":4,"message":"Forbidden"\}'):
        await TestClient(app, headers={"Origin": "http://evil.example"}).__aenter__()
    with pytest.raises(ConnectionError, match=r"'/other/': closed with 1000"):
        await TestClient(app, path="/other/").__aenter__()
    async with TestClient(app, headers={"Origin": "http://testserver"}) as client:
        assert client.connected


async def test_an_app_that_does_not_answer() -> None:
    """One that ends without a word, and one that never ends."""

    async def mute(scope: Any, receive: Any, send: Any) -> None:
        return

    async def deaf(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.Event().wait()

    with pytest.raises(ConnectionError, match="ended without an answer"):
        await TestClient(mute).__aenter__()
    with pytest.raises(TimeoutError, match=r"within 0\.01 s"):
        await TestClient(deaf, timeout=0.01).__aenter__()


async def test_the_client_leaves() -> None:
    """By itself, by the end of the block, or by a broken connection: the app hears what it was."""
    app, root = make()
    async with TestClient(app) as client:
        client.disconnect()
        assert not client.connected
        assert await client.wait_disconnected() == "io client disconnect"
        assert root.ends == ["client namespace disconnect"]
        with pytest.raises(ClientDisconnected, match="io client disconnect"):
            client.emit("echo")
    async with TestClient(app):
        pass
    async with TestClient(app) as client:
        client.drop()
        assert await client.wait_disconnected() == "transport close"
    assert root.ends == ["client namespace disconnect"] * 2 + ["transport close"]


async def test_the_server_disconnects() -> None:
    """The namespace or the connection; what came before can still be taken, and who waits is told."""
    app, root = make()
    async with TestClient(app) as client:
        await client.receive("welcome")
        with pytest.raises(ClientDisconnected, match="io server disconnect"):
            await client.emit_with_ack("leave me", False)
        assert await client.wait_disconnected() == "io server disconnect"
        assert await client.receive() == Received("bye")
        with pytest.raises(ClientDisconnected):
            await client.receive()
    async with TestClient(app) as client:
        client.emit("leave me", True)
        assert await client.wait_disconnected() == "io server disconnect"
    assert root.ends == ["server namespace disconnect"] * 2


async def test_the_end_of_the_app_ends_its_clients() -> None:
    """Its lifespan around clients: services are closed, and a client that is still there is told."""
    closed: list[str] = []

    class Service:
        async def boot(self) -> None:
            closed.append("boot")

        async def close(self) -> None:
            closed.append("close")

    class Other(SocketIOController):
        service = dependency(Service)

    app = ServiceManager(Settings()).get(Other).attach()
    client = TestClient(app)
    async with app.lifespan():
        await client.__aenter__()
        assert closed == ["boot"]
    assert closed == ["boot", "close"]
    assert await client.wait_disconnected() == "transport close"
    await client.__aexit__(None, None, None)


async def test_a_client_connects_once() -> None:
    """Another connection is another client."""
    client = TestClient(make()[0])
    async with client:
        pass
    with pytest.raises(RuntimeError, match="connects once"):
        await client.__aenter__()


# namespaces, mounts


async def test_namespaces_are_apart() -> None:
    """Each client is in the namespace that it names; binary and acknowledgements work there as well."""

    class Admin(SocketIOController):
        namespace = "/admin"

        @event_name("echo")
        def echo(self, ctx: WebsocketContext[Any]) -> WebsocketResponse:
            ctx.socket.emit("admin echo", *ctx.args)
            return WebsocketResponse(ctx.payload)

    services = ServiceManager(Settings())
    services.get(Root).attach()
    app = services.get(Admin).attach()
    async with TestClient(app) as user, TestClient(app, namespace="/admin") as admin:
        assert await admin.emit_with_ack("echo", b"1") == {"status": "ok", "data": b"1"}
        assert await admin.receive() == Received("admin echo", b"1")
        services.get(WsServer).io.of("admin").emit("to admins")
        assert (await admin.receive()).event == "to admins"
        await user.emit_with_ack("echo")
        assert [each.event for each in user.received] == ["welcome", "echo"]


async def test_an_app_inside_another() -> None:
    """Mounted under a prefix; a path that nobody serves is said to be refused."""
    app, _ = make()

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with app.lifespan():
            yield

    outer = Starlette(routes=[Mount("/live", app)], lifespan=lifespan)
    async with TestClient(outer, path="/live/socket.io/") as client:
        assert (await client.emit_with_ack("echo", 1))["data"] == [1]
    with pytest.raises(ConnectionError, match=r"'/socket\.io/'"):
        await TestClient(outer).__aenter__()
    await app.server.close()


# errors of the app, and what is left


def failing(when: str) -> Callable[[Any, Any, Any], Awaitable[None]]:
    """An app around an app, which fails when it is told to."""
    app, _ = make()

    async def fails(scope: Any, receive: Any, send: Any) -> None:
        if when == "at once":
            raise Ended(when)
        await app(scope, receive, send)
        raise Ended(when)

    return fails


async def test_an_error_of_the_app_reaches_the_test() -> None:
    """Out of entering, out of what is awaited, and out of the end; but once, and in no other error's place."""
    with pytest.raises(Ended):
        await TestClient(failing("at once")).__aenter__()
    with pytest.raises(Ended):
        async with TestClient(failing("later")):
            pass
    async with TestClient(failing("later")) as client:
        await client.receive("welcome")
        client.drop()
        with pytest.raises(Ended):
            await client.wait_disconnected()
    with pytest.raises(KeyError) as other:
        async with TestClient(failing("later")):
            raise KeyError
    assert other.value.__notes__ == ["The app had raised Ended('later')"]


async def test_a_service_that_does_not_boot() -> None:
    """Its error reaches the test."""

    class Service:
        def boot(self) -> None:
            raise TimeoutError("no database")

    class Other(SocketIOController):
        service = dependency(Service)

    with pytest.raises(TimeoutError, match="no database"):
        await TestClient(ServiceManager(Settings()).get(Other).attach()).__aenter__()


async def leave(how: str, client: TestClient) -> None:
    async with client:
        if how == "raise":
            raise Ended
        if how == "cancel":
            await asyncio.sleep(60)


@pytest.mark.parametrize("how", ["end", "raise", "cancel", "cancel early"])
async def test_no_task_is_left(how: str) -> None:
    """However the block ends."""
    app, _ = make()
    before = asyncio.all_tasks()
    task = asyncio.create_task(leave(how, TestClient(app)))
    for _ in range(2 if how == "cancel early" else 50):
        await asyncio.sleep(0)
    if how.startswith("cancel"):
        task.cancel()
    await asyncio.wait([task])
    assert task.cancelled() == how.startswith("cancel")
    assert isinstance(task.cancelled() or task.exception(), {"raise": Ended}.get(how, object))
    assert asyncio.all_tasks() == before
    assert not app.server.clients


async def test_no_task_is_left_in_a_scope_that_is_cancelled() -> None:
    """Where every further wait is cancelled too, the app's task ends all the same."""
    app, _ = make()
    before = asyncio.all_tasks()
    with anyio.CancelScope() as scope:
        async with TestClient(app):
            scope.cancel()
            await asyncio.sleep(60)
    await turns()
    assert scope.cancelled_caught
    assert asyncio.all_tasks() == before
    assert not app.server.clients


@in_fake_time
async def test_an_app_that_does_not_end_is_cancelled() -> None:
    """After a grace; what it is in the middle of does not hold up the test."""
    cancelled: list[bool] = []

    async def stuck(scope: Any, receive: Any, send: Any) -> None:
        app, _ = make()
        await app(scope, receive, send)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    async with TestClient(stuck) as client:
        assert client.connected
    assert cancelled == [True]


async def test_a_server_that_breaks_the_protocol() -> None:
    """The client leaves, as the official ones do."""

    async def broken(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": "0{}"})
        await send({"type": "websocket.send", "text": '40{"sid":"x"}'})
        await send({"type": "websocket.send", "text": "4nonsense"})
        while (await receive())["type"] != "websocket.disconnect":
            pass

    client = await TestClient(broken).__aenter__()
    assert await client.wait_disconnected() == "parse error"
    await client.__aexit__(None, None, None)


def test_it_runs_under_plain_asyncio() -> None:
    """Without a plugin, several loops one after the other."""

    async def ask(app: SocketIOApp) -> Any:
        async with app.lifespan(), TestClient(app) as client:
            return await client.emit_with_ack("echo", 1)

    app, _ = make()
    assert [asyncio.run(ask(app)) for _ in range(2)] == [{"status": "ok", "data": [1]}] * 2


async def test_options_of_the_server_hold() -> None:
    """What is too large for it ends the connection, as over a network."""

    class Small(SocketIOController):
        options = ServerOptions(max_http_buffer_size=100)

    async with TestClient(ServiceManager(Settings()).get(Small).attach()) as client:
        client.emit("x", "y" * 200)
        assert await client.wait_disconnected() == "transport close"
