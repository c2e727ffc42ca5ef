"""Stand-ins and real sockets do not drift apart: the same names, the same signatures, the same effects."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import pytest

from unit.clock import in_fake_time
from unit.fakes import FakeClient
from whinny import (
    ClientDisconnected,
    EncodeError,
    ServerOptions,
    ServiceManager,
    Settings,
    Socket,
    SocketIOController,
    WebsocketContext,
    WebsocketResponse,
    WsServer,
)
from whinny.server import BroadcastOperator, Namespace, Server
from whinny.server.operators import SocketOperator
from whinny.testing import Emission, RecordingSocket, RecordingWsServer
from whinny.testing.recording import RecordingNamespace, RecordingServer
from whinny.websocket.detached import DetachedNamespace, DetachedOperator, DetachedSocket, DetachedSocketOperator
from whinny.websocket.socket_like import NamespaceLike, OperatorLike, SocketLike, SocketOperatorLike

if TYPE_CHECKING:
    from collections.abc import Callable

OF_THE_SERVER: dict[type, set[str]] = {
    Socket: {
        "accept",
        "acknowledge",
        "check_answer",
        "connecting",
        "connection",
        "deliver",
        "describe",
        "expect_ack",
        "forget_ack",
        "has_open_acks",
        "leave_namespace",
        "new_context",
        "on_close",
        "on_packet",
        "refuse",
        "runner",
        "send_event",
        "waits_for_ack",
    },
}
"""What a socket has for the server alone."""

RECORDS = {"actions", "emitted", "listeners", "server_side_emitted"}


def public(cls: type) -> set[str]:
    """The public names of a class."""
    return {name for name in dir(cls) if not name.startswith("_")}


@pytest.mark.parametrize(
    ("like", "real", "stand_ins"),
    [
        (SocketLike, Socket, (DetachedSocket, RecordingSocket)),
        (SocketOperatorLike, SocketOperator, (DetachedSocketOperator,)),
        (OperatorLike, BroadcastOperator, (DetachedOperator,)),
    ],
)
def test_names_are_the_same(like: type, real: type, stand_ins: tuple[type, ...]) -> None:
    """What an app may ask of a real one, the Protocol names and the stand-ins have; and they have no more."""
    assert public(like) == public(real) - OF_THE_SERVER.get(real, set())
    for stand_in in stand_ins:
        assert public(stand_in) - RECORDS == public(like)


def shape(cls: type, name: str) -> object:
    """The kind and the parameters of a member; what it returns may differ."""
    member = inspect.getattr_static(cls, name)
    if not inspect.isfunction(member):
        return "attribute"
    parameters = list(inspect.signature(member).parameters.values())[1:]
    return inspect.iscoroutinefunction(member), parameters


PAIRS: list[tuple[type, type]] = [
    (Socket, SocketLike),
    (Socket, DetachedSocket),
    (Socket, RecordingSocket),
    (SocketOperator, SocketOperatorLike),
    (SocketOperator, DetachedSocketOperator),
    (BroadcastOperator, OperatorLike),
    (BroadcastOperator, DetachedOperator),
    (Namespace, NamespaceLike),
    (Namespace, DetachedNamespace),
    (Namespace, RecordingNamespace),
    (Server, RecordingServer),
    (WsServer, RecordingWsServer),
]


@pytest.mark.parametrize(("real", "stand_in"), PAIRS)
def test_signatures_are_the_same(real: type, stand_in: type) -> None:
    """Whether it is awaited, and the parameters with their kinds, defaults and annotations."""
    common = public(real) & public(stand_in)
    assert common
    assert [name for name in sorted(common) if shape(real, name) != shape(stand_in, name)] == []


def test_the_constructors_of_the_stand_ins_agree() -> None:
    """A recording socket takes what a detached one takes, and the answers."""
    detached, recording = inspect.signature(DetachedSocket).parameters, inspect.signature(RecordingSocket).parameters
    assert {name: part for name, part in recording.items() if name != "answers"} == dict(detached)


@pytest.mark.parametrize("cls", [Namespace, Server])
def test_a_recording_server_has_what_an_app_uses(cls: type) -> None:
    """All that concerns clients and the other servers; the rest is the server's own."""
    used = public(BroadcastOperator) | {
        "of",
        "on",
        "off",
        "close",
        "server_count",
        "server_side_emit",
        "server_side_emit_with_ack",
    }
    stand_in = RecordingServer if cls is Server else RecordingNamespace
    assert used & public(cls) <= public(stand_in)
    if cls is Server:
        assert used <= public(stand_in)


# effects


def real_socket() -> tuple[Socket, FakeClient, FakeClient]:
    """A socket with its client, and another client of the same namespace, which is in the room `x`."""
    contexts: list[WebsocketContext[Any]] = []

    class Root(SocketIOController):
        options = ServerOptions(ping_interval=1000)

        def on_connection(self, ctx: WebsocketContext[Any]) -> None:
            contexts.append(ctx)

    services = ServiceManager(Settings())
    services.get(Root).attach()
    server = services.get(WsServer).io
    clients = FakeClient(server), FakeClient(server)
    for client in clients:
        client.connect()
    contexts[1].socket.join("x")
    real = contexts[0].socket
    assert isinstance(real, Socket)
    return real, *clients


def emit_everywhere(socket: SocketLike) -> None:
    socket.emit("a", 1, b"2")
    socket.broadcast.emit("b", WebsocketResponse({"k": [1]}))
    socket.to("x").emit("c")
    socket.to(["y", "x"]).in_("z").emit("d")
    socket.to("y").emit("e")
    socket.except_("x").emit("f")
    socket.volatile.emit("g")
    socket.volatile.broadcast.emit("h")
    socket.local.emit("i")
    socket.timeout(1).emit("j")
    socket.namespace.emit("k")
    socket.namespace.except_("x").emit("l")


def reached(emissions: list[Emission], *, itself: bool, namespace: bool) -> list[list[Any]]:
    """What a client receives of what was recorded: the socket's own, or the other one, which is in the room `x`."""
    found = []
    for each in emissions:
        to_rooms = not each.rooms or (not itself and "x" in each.rooms)
        excluded = not itself and "x" in each.excluded
        if to_rooms and not excluded and (namespace or each.broadcast != itself):
            found.append([each.event, *[arg.envelope() if hasattr(arg, "envelope") else arg for arg in each.args]])
    return found


@in_fake_time
async def test_what_is_recorded_is_what_clients_receive() -> None:
    """The same script on both: who receives what follows from the record."""
    real, own, other = real_socket()
    stand_in = RecordingSocket()
    emit_everywhere(real)
    emit_everywhere(stand_in)
    for client, itself in ((own, True), (other, False)):
        received = reached(stand_in.emitted, itself=itself, namespace=False)
        received += reached(stand_in.namespace.emitted, itself=itself, namespace=True)
        assert client.events() == received


def move(socket: SocketLike) -> list[Any]:
    seen: list[Any] = []
    socket.data["k"] = 1
    steps: list[Callable[[], None]] = [
        lambda: socket.join("a", ["b", "c"]),
        lambda: socket.join(socket.id),
        lambda: socket.leave("b", socket.id, "unknown"),
        lambda: socket.leave(["c"]),
        socket.disconnect,
        lambda: socket.join("d"),
        lambda: socket.leave("a"),
        lambda: socket.disconnect(close=True),
        lambda: socket.emit("gone"),
    ]
    for step in steps:
        step()
        seen.append((sorted(socket.rooms - {socket.id}), socket.id in socket.rooms, socket.connected, socket.data))
    return seen


@in_fake_time
async def test_rooms_and_the_end_are_the_same() -> None:
    """Joining, leaving, disconnecting, and what is without effect afterwards."""
    real, *_ = real_socket()
    assert move(RecordingSocket()) == move(real)


async def errors_of(socket: SocketLike) -> list[str]:
    cycle: list[Any] = []
    cycle.append(cycle)
    found: list[str] = []
    for name, arg in (("connect", 1), ("newListener", 1), ("a", object()), ("a", [b""] * 11), ("a", cycle)):
        for emit in (socket.emit, socket.volatile.emit, socket.broadcast.emit, socket.namespace.emit):
            with pytest.raises((EncodeError, ValueError)) as raised:
                emit(name, arg)
            found.append(f"{type(raised.value).__name__}: {raised.value}".partition(" at 0x")[0])
    socket.disconnect()
    with pytest.raises(ClientDisconnected):
        await socket.emit_with_ack("a")
    return found


@in_fake_time
async def test_errors_are_the_same() -> None:
    """Of data that cannot be sent and of reserved names, to the word."""
    real, *_ = real_socket()
    expected = await errors_of(real)
    assert await errors_of(RecordingSocket()) == expected
    assert await errors_of(DetachedSocket()) == expected
