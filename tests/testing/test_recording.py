"""Stand-ins for sockets and servers: what they keep, what they refuse, and how what they were told is compared."""

from __future__ import annotations

from typing import Any

import pytest

from whinny import (
    AckTimeout,
    ClientDisconnected,
    ConfigurationError,
    ConnectionRefused,
    EncodeError,
    ServerNotAttached,
    SocketIOController,
    WebsocketContext,
    WebsocketErrorResponse,
    WebsocketResponse,
    WsServer,
    dependency,
    event_name,
    get_websocket_hook_function,
    websocket_hook,
)
from whinny.framework import ServiceManager, Settings
from whinny.protocol import RESERVED_EVENTS
from whinny.testing import Action, Emission, RecordingSocket, RecordingWsServer, create_controller
from whinny.websocket.detached import DetachedSocket

pytestmark = pytest.mark.anyio


# detached


def test_a_context_made_by_hand_has_a_socket() -> None:
    """Without a socket it has one that reaches nobody, and that one can be used like any."""
    ctx: WebsocketContext[Any] = WebsocketContext("create", {"name": "x"})
    ctx.socket.join("room")
    ctx.socket.data["user"] = 1
    ctx.socket.broadcast.emit("hello")
    ctx.socket.to("a").in_("b").except_("c").local.volatile.timeout(1).emit("hello")
    assert isinstance(ctx.socket, DetachedSocket)
    assert not ctx.socket.connected
    assert ctx.socket.rooms == {"room", ctx.socket.id}
    assert ctx.socket.data == {"user": 1}
    assert ctx.socket.namespace.name == "/"


def test_rooms_are_kept_as_by_a_real_socket() -> None:
    """One by one or as collections; the room of its own id stays; after the end nothing changes."""
    socket = DetachedSocket(id="me")
    socket.join("a", ["b", "c"], "me")
    socket.leave("b", "me", "unknown")
    before = socket.rooms
    socket.join("d")
    assert before == {"me", "a", "c"}
    socket.disconnect()
    socket.join("e")
    socket.leave("a")
    assert socket.rooms == {"me", "a", "c", "d"}


def test_ids_differ() -> None:
    """Each socket without an id given has one of its own, which stays."""
    first, second = DetachedSocket(), DetachedSocket()
    assert first.id == first.id != second.id


def test_the_handshake_shows_what_was_given() -> None:
    """Auth, headers of any case, query and address; a handshake without them is a plain one."""
    handshake = DetachedSocket(
        auth={"token": "t"},
        headers={"Cookie": "a=1", "X-Name": "é"},
        query={"room": "größe & more"},
        address="10.0.0.1",
    ).handshake
    assert handshake.auth == {"token": "t"}
    assert handshake.headers == {"cookie": "a=1", "x-name": "é"}
    assert handshake.query == {"EIO": "4", "transport": "websocket", "room": "größe & more"}
    assert handshake.address == "10.0.0.1"
    plain = DetachedSocket()
    assert plain.handshake is plain.handshake
    assert (plain.handshake.auth, plain.handshake.headers, plain.handshake.address) == ({}, {}, "")


async def test_nobody_is_there() -> None:
    """Of a detached socket nobody acknowledges, and its namespace is empty."""
    socket = DetachedSocket()
    with pytest.raises(ClientDisconnected):
        await socket.emit_with_ack("question")
    with pytest.raises(ClientDisconnected):
        await socket.timeout(1).emit_with_ack("question")
    assert await socket.broadcast.emit_with_ack("question") == []
    assert await socket.namespace.fetch_sockets() == []
    socket.broadcast.sockets_join("a")
    socket.broadcast.sockets_leave("a")
    socket.broadcast.disconnect_sockets()


@pytest.mark.parametrize("socket", [DetachedSocket(), RecordingSocket()])
async def test_what_cannot_be_sent_is_found(socket: DetachedSocket) -> None:
    """Every emit of every operator refuses what a real one refuses, and records nothing of it."""
    operators: list[Any] = [socket, socket.volatile, socket.timeout(1), socket.broadcast, socket.to("a").local]
    for operator in [*operators, socket.namespace]:
        for bad in (object(), WebsocketResponse(object()), [b""] * 11):
            with pytest.raises(EncodeError):
                operator.emit("event", bad)
            with pytest.raises(EncodeError):
                await operator.emit_with_ack("event", bad)
        for name in RESERVED_EVENTS:
            with pytest.raises(ValueError, match="is a reserved event name"):
                operator.emit(name)
    assert getattr(socket, "emitted", []) == []


# recording


def test_emissions_are_recorded_in_order() -> None:
    """To itself, to others, to rooms; with the responses that were given."""
    socket = RecordingSocket()
    socket.emit("a", 1, b"2", None)
    socket.broadcast.emit("refresh products", WebsocketResponse())
    socket.to("x", ["y"]).except_("z").emit("b", WebsocketErrorResponse({"code": 1}))
    socket.volatile.emit("c")
    socket.volatile.broadcast.emit("d")
    socket.local.volatile.emit("e")
    socket.except_("z").emit("f")
    assert socket.emitted == [
        Emission("a", 1, b"2", None),
        Emission("refresh products", WebsocketResponse(), broadcast=True),
        Emission("b", WebsocketErrorResponse({"code": 1}), rooms={"x", "y"}, excluded="z"),
        Emission("c", volatile=True),
        Emission("d", volatile=True, broadcast=True),
        Emission("e", volatile=True, local=True),
        Emission("f", excluded=["z"]),
    ]


@pytest.mark.parametrize(
    "other",
    [
        Emission("a"),
        Emission("b", 1),
        Emission("a", 1, 2),
        Emission("a", 1, broadcast=True),
        Emission("a", 1, rooms="x"),
        Emission("a", 1, excluded="x"),
        Emission("a", 1, volatile=True),
        Emission("a", 1, local=True),
        Action("a"),
        "a",
    ],
)
def test_emissions_that_differ_are_not_equal(other: object) -> None:
    """Every part of an emission counts."""
    assert Emission("a", 1) == Emission("a", 1)
    assert Emission("a", 1) != other


def test_rooms_mean_others() -> None:
    """What goes to rooms is a broadcast, whether that is said or not."""
    assert Emission("a", rooms="x") == Emission("a", rooms={"x"}, broadcast=True)
    assert Emission("a", rooms="x").rooms == {"x"}
    assert Emission("a", rooms="x").broadcast
    assert not Emission("a").broadcast


def test_emissions_read_as_they_are_written() -> None:
    """A failed assertion shows what to write."""
    shown = [
        "Emission('a', 1, WebsocketResponse(), broadcast=True)",
        "Emission('a', rooms={'x', 'y'}, excluded={'z'}, volatile=True)",
        "Emission('a', local=True)",
        "Action('sockets_join', 'vip', rooms={'x'})",
        "Action('disconnect', close=True)",
    ]
    names = {"Emission": Emission, "Action": Action, "WebsocketResponse": WebsocketResponse}
    assert [repr(eval(each, names)) for each in shown] == shown


def test_emissions_cannot_be_changed() -> None:
    """They are values."""
    with pytest.raises(AttributeError):
        Emission("a").event = "b"  # type: ignore[misc]


def test_operators_can_be_kept() -> None:
    """A step gives a new operator and leaves the one that it began with as it was."""
    socket = RecordingSocket()
    only_x = socket.to("x")
    both = only_x.to("y")
    only_x.volatile.except_("x").local.timeout(1)
    loud = socket.timeout(1)
    assert loud.volatile is not loud
    only_x.emit("x")
    both.emit("both")
    loud.emit("loud")
    assert socket.emitted == [Emission("x", rooms="x"), Emission("both", rooms={"x", "y"}), Emission("loud")]


async def test_answers_are_those_that_were_prepared() -> None:
    """A value for the socket, a list for the others; an exception is raised; without one it is late at once."""
    socket = RecordingSocket(answers={"question": "fine", "all": ["yes", "no"], "late": AckTimeout("late", ["yes"])})
    assert await socket.emit_with_ack("question", 1) == "fine"
    assert await socket.timeout(3).emit_with_ack("question") == "fine"
    assert await socket.broadcast.emit_with_ack("all") == ["yes", "no"]
    assert await socket.to("nobody").emit_with_ack("other") == []
    with pytest.raises(AckTimeout, match="'other'"):
        await socket.emit_with_ack("other")
    with pytest.raises(AckTimeout) as late:
        await socket.to("x").emit_with_ack("late")
    assert late.value.responses == ["yes"]
    assert [each.event for each in socket.emitted] == ["question", "question", "all", "other", "other", "late"]


async def test_a_socket_that_was_disconnected_is_gone() -> None:
    """It is noted once; what is emitted to it reaches nobody any more, what it sends to others does."""
    socket = RecordingSocket()
    connected = [socket.connected]
    socket.disconnect(close=True)
    socket.disconnect()
    assert [*connected, socket.connected] == [True, False]
    assert socket.actions == [Action("disconnect", close=True)]
    socket.emit("late")
    socket.broadcast.emit("bye")
    assert socket.emitted == [Emission("bye", broadcast=True)]
    with pytest.raises(ClientDisconnected):
        await socket.emit_with_ack("late")


def test_what_is_done_to_others_is_recorded() -> None:
    """Rooms of others and their disconnection."""
    socket = RecordingSocket()
    socket.to("x").sockets_join("y", ["z"])
    socket.broadcast.sockets_leave("y")
    socket.broadcast.disconnect_sockets(close=True)
    assert socket.actions == [
        Action("sockets_join", "y", "z", rooms="x"),
        Action("sockets_leave", "y", broadcast=True),
        Action("disconnect_sockets", close=True, broadcast=True),
    ]


def test_the_namespace_of_a_socket_records_by_itself() -> None:
    """What goes to all is not among what the socket sends."""
    socket = RecordingSocket(namespace="admin")
    socket.namespace.emit("all")
    socket.namespace.to("x").emit("some")
    assert socket.namespace.name == "/admin"
    assert socket.namespace.emitted == [Emission("all"), Emission("some", rooms="x")]
    assert socket.emitted == []


async def test_a_server_records_by_namespace() -> None:
    """`io` stands for the namespace `/`; others are apart, under one name with and without its slash."""
    ws_server = RecordingWsServer(answers={"question": ["a"]})
    ws_server.io.emit("refresh users")
    ws_server.io.to("admins").emit("alert", WebsocketResponse("disk"))
    ws_server.io.of("/admin").volatile.emit("alert")
    ws_server.io.of("admin").sockets_join("x")
    ws_server.io.of("/").in_("x").disconnect_sockets()
    assert await ws_server.io.emit_with_ack("question") == ["a"]
    assert await ws_server.io.of("/admin").emit_with_ack("question") == ["a"]
    assert await ws_server.io.fetch_sockets() == []
    assert ws_server.io.emitted == [
        Emission("refresh users"),
        Emission("alert", WebsocketResponse("disk"), rooms={"admins"}),
        Emission("question"),
    ]
    assert ws_server.io.actions == [Action("disconnect_sockets", rooms="x")]
    assert ws_server.io.of("/admin").emitted == [Emission("alert", volatile=True), Emission("question")]
    assert ws_server.io.of("/admin").actions == [Action("sockets_join", "x")]
    await ws_server.close()
    assert ws_server.io.actions[-1] == Action("close")


async def test_a_server_records_what_is_for_other_servers() -> None:
    """Apart from what is for clients, with the names that are reserved there."""
    io = RecordingWsServer(answers={"count": [1, 2]}).io
    heard: list[Any] = []
    io.on("reload", heard.append)
    io.server_side_emit("reload", WebsocketResponse())
    assert await io.server_side_emit_with_ack("count") == [1, 2]
    assert await io.server_count() == 1
    io.listeners["reload"][0]("x")
    io.off("reload", heard.append)
    io.off("reload", print)
    assert (heard, io.listeners) == (["x"], {"reload": []})
    assert io.server_side_emitted == [Emission("reload", WebsocketResponse()), Emission("count")]
    assert io.emitted == []
    with pytest.raises(ValueError, match="reserved"):
        io.server_side_emit("connection")
    with pytest.raises(EncodeError):
        io.server_side_emit("reload", object())


# controllers


class Counter:
    """A service of the tests."""

    def __init__(self) -> None:
        self.count = 0


class Users(SocketIOController):
    """A controller that uses what it depends on as soon as it is made."""

    ws_server = dependency(WsServer)
    counter = dependency(Counter)

    def __init__(self) -> None:
        self.counter.count += 1

    @event_name("create")
    def create(self, ctx: WebsocketContext[Any], payload: dict[str, str]) -> WebsocketResponse:
        ctx.socket.broadcast.emit("refresh", WebsocketResponse(payload["name"]))
        self.ws_server.io.emit("created")
        return WebsocketResponse(payload)


class FakeCounter:
    count = 10


def test_a_controller_gets_stand_ins() -> None:
    """They are there before `__init__`; the method is called as it stands."""
    ws_server, counter, socket = RecordingWsServer(), FakeCounter(), RecordingSocket()
    controller = create_controller(Users, ws_server=ws_server, counter=counter)
    assert counter.count == 11
    response = controller.create(WebsocketContext("create", None, socket), {"name": "x"})
    assert response == WebsocketResponse({"name": "x"})
    assert socket.emitted == [Emission("refresh", WebsocketResponse("x"), broadcast=True)]
    assert ws_server.io.emitted == [Emission("created")]


def test_a_controller_without_stand_ins_has_services_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each its own, with default settings but for sessions in memory, whatever the environment says."""
    monkeypatch.setenv("WHINNY_DEBUG", "nonsense")
    first, second = create_controller(Users), create_controller(Users)
    assert first is not second
    assert first.counter is not second.counter
    assert first.counter.count == 1
    assert first.services.settings == Settings(session_store="memory:")
    with pytest.raises(ServerNotAttached):
        _ = first.ws_server.io


def test_a_stand_in_that_nothing_depends_on_is_refused() -> None:
    """The error names what there is."""
    with pytest.raises(ConfigurationError, match="ws_server, counter"):
        create_controller(Users, wsserver=RecordingWsServer())


def test_a_hook_is_called_alone() -> None:
    """It needs a context and a manager of services, no more."""

    def admins_only(ctx: WebsocketContext[Any], services: ServiceManager) -> WebsocketErrorResponse | None:
        return None if "admins" in ctx.socket.rooms else WebsocketErrorResponse({"code": "FORBIDDEN"})

    hook = get_websocket_hook_function(websocket_hook(admins_only))
    socket = RecordingSocket()
    ctx: WebsocketContext[Any] = WebsocketContext("x", None, socket)
    services = ServiceManager(Settings())
    assert hook(ctx, services) == WebsocketErrorResponse({"code": "FORBIDDEN"})
    socket.join("admins")
    assert hook(ctx, services) is None


def test_on_connection_is_called_alone() -> None:
    """With a socket whose handshake shows what the client would."""

    class Root(SocketIOController):
        def on_connection(self, ctx: WebsocketContext[Any]) -> None:
            if ctx.socket.handshake.auth.get("token") != "secret":
                raise ConnectionRefused("Who are you?")
            ctx.socket.join("known")

    controller = create_controller(Root)
    socket = RecordingSocket(auth={"token": "secret"})
    controller.on_connection(WebsocketContext("", None, socket))
    assert "known" in socket.rooms
    with pytest.raises(ConnectionRefused):
        controller.on_connection(WebsocketContext("", None, RecordingSocket()))
