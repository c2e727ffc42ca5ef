"""Emits, broadcasts, rooms and acknowledgements, through a server without a network."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from unit.clock import in_fake_time, turns
from unit.fakes import FakeClient
from whinny import AckTimeout, ClientDisconnected, EncodeError, Server, ServerOptions, Socket, WebsocketResponse
from whinny.protocol import RESERVED_EVENTS, Ack, Disconnect, Event


class Handler:
    """Lets everybody in."""

    def on_connect(self, socket: Socket) -> None:
        return None

    def on_event(self, socket: Socket, data: list[Any], ack_id: int | None) -> None:
        return None

    def on_disconnect(self, socket: Socket, reason: str) -> None:
        return None


def opened(count: int, **options: Any) -> tuple[Server, list[FakeClient], list[Socket]]:
    """A server with clients that are in."""
    server = Server(ServerOptions(ping_interval=1000, **options))
    server.of("/").handler = Handler()
    clients = [FakeClient(server) for _ in range(count)]
    ids = [client.connect() for client in clients]
    found = server.of("/").sockets
    return server, clients, [found[each] for each in ids]


@in_fake_time
async def test_emits_reach_whom_they_should() -> None:
    """Socket, broadcast, rooms and exclusions, each receiver once."""
    server, clients, (a, b, c) = opened(3)
    a.join("x", "y")
    b.join(["x", "z"])
    a.emit("a")
    a.broadcast.emit("not a")
    server.emit("all")
    server.to("x", "y").emit("x or y")
    server.to("x").except_("y").emit("x not y")
    a.to("x").emit("x but a")
    a.in_("x").to(["z"]).except_(c.id).emit("x but a, c")
    server.to(c.id).emit("c")
    server.to("nobody").emit("nobody")
    server.except_(a.id, [b.id]).emit("only c")
    a.leave("x")
    server.to("x").emit("x later")
    received = [[name for name, *_ in client.events()] for client in clients]
    assert received == [
        ["a", "all", "x or y"],
        ["not a", "all", "x or y", "x not y", "x but a", "x but a, c", "x later"],
        ["not a", "all", "c", "only c"],
    ]


@in_fake_time
async def test_operators_can_be_kept() -> None:
    """A step gives a new operator and leaves the one that it began with as it was."""
    server, clients, (a, b) = opened(2)
    a.join("x")
    b.join("y")
    only_x = server.to("x")
    both = only_x.to("y")
    only_x.volatile.except_("x").local.timeout(1)
    only_x.emit("x")
    both.emit("both")
    only_x.emit("x")
    assert [client.events() for client in clients] == [[["x"], ["both"], ["x"]], [["both"]]]


@in_fake_time
async def test_responses_are_sent_as_envelopes() -> None:
    """A response among the arguments of any emit is its envelope; a nested one cannot be sent."""
    server, [client], [socket] = opened(1)
    response = WebsocketResponse(b"x")
    for emitter in (socket, server, server.to(socket.id), socket.volatile):
        emitter.emit("e", 1, response)
    assert client.events() == [["e", 1, {"status": "ok", "data": b"x"}]] * 4
    with pytest.raises(EncodeError):
        socket.emit("e", [response])


@in_fake_time
async def test_what_cannot_be_sent_raises_where_it_is_emitted() -> None:
    """Data that is no JSON, and reserved names, raise at once, and nobody receives anything."""
    server, [client], [socket] = opened(1)
    for emitter in (socket, server, socket.broadcast, socket.volatile):
        with pytest.raises(EncodeError):
            emitter.emit("e", object())
        for name in RESERVED_EVENTS:
            with pytest.raises(ValueError, match="reserved"):
                emitter.emit(name)
        with pytest.raises(EncodeError):
            await emitter.emit_with_ack("e", object())
    assert client.events() == []


@in_fake_time
async def test_an_emit_takes_the_data_of_the_moment() -> None:
    """Data that is changed after the emit arrives as it was."""
    server, [client], _ = opened(1)
    data: dict[str, Any] = {"list": [1], "bytes": bytearray(b"a")}
    server.emit("e", data)
    data["list"].append(2)
    data["bytes"][:] = b"b"
    assert client.events() == [["e", {"list": [1], "bytes": b"a"}]]


# the send buffer


@in_fake_time
async def test_a_slow_client_is_disconnected() -> None:
    """More than max_send_buffer disconnects the slow client, and no other."""
    server, (slow, quick), _ = opened(2, max_send_buffer=1000)
    for _ in range(5):
        server.emit("e", "x" * 400)
        quick.events()
    await turns()
    assert slow.connection.state == "closed"
    assert quick.connection.state == "open"
    assert len(server.of("/").sockets) == 1


@pytest.mark.parametrize("data", ["x" * 5000, ["x" * 5000]])
@in_fake_time
async def test_a_large_event_passes_when_nothing_waits(data: Any) -> None:
    """One event above max_send_buffer reaches a client that has taken all before it."""
    server, [client], _ = opened(1, max_send_buffer=1000)
    server.emit("e", data)
    await turns()
    assert client.events() == [["e", data]]


@in_fake_time
async def test_a_large_binary_event_passes_when_nothing_waits() -> None:
    """The same for an event with one binary value: its text and its attachment are one event."""
    server, [client], _ = opened(1, max_send_buffer=1000)
    server.emit("e", b"x" * 5000)
    await turns()
    assert client.events() == [["e", b"x" * 5000]]


@in_fake_time
async def test_volatile_events_never_disconnect() -> None:
    """Volatile events beyond max_send_buffer are dropped, and the client stays."""
    server, [client], [socket] = opened(1, max_send_buffer=1000)
    for _ in range(5):
        server.volatile.emit("e", "x" * 400)
        socket.volatile.emit("e", b"x" * 400)
    await turns()
    assert client.connection.state == "open"
    assert 1 <= len(client.events()) <= 3


@in_fake_time
async def test_volatile_events_need_a_ready_client() -> None:
    """A client that cannot take it right now does not get a volatile event, binary parts included."""
    server, [client], [socket] = opened(1)
    client.transport.ready = False
    socket.volatile.emit("dropped", b"x")
    server.volatile.emit("dropped")
    client.transport.ready = True
    socket.volatile.emit("sent", b"x")
    assert client.events() == [["sent", b"x"]]


@in_fake_time
async def test_a_large_event_of_on_connection_passes() -> None:
    """A single event above max_send_buffer that on_connection emits follows the CONNECT packet."""

    class Greeting(Handler):
        def on_connect(self, socket: Socket) -> None:
            socket.emit("hello", "x" * 5000)

    server = Server(ServerOptions(max_send_buffer=1000))
    server.of("/").handler = Greeting()
    client = FakeClient(server)
    client.events()  # the opening packet goes out
    client.send_connect()
    await turns()
    assert client.events() == [["hello", "x" * 5000]]


@in_fake_time
async def test_what_waits_for_the_connect_packet_is_bounded() -> None:
    """An on_connection that emits more than max_send_buffer loses its client, and keeps nothing of what follows."""
    kept: list[object] = []

    class Talkative(Handler):
        def on_connect(self, socket: Socket) -> None:
            for _ in range(100):
                socket.emit("hello", "x" * 100)
            kept.append(socket._early)

    server = Server(ServerOptions(max_send_buffer=1000))
    server.of("/").handler = Talkative()
    client = FakeClient(server)
    client.events()
    client.send_connect()
    await turns()
    assert kept == [None]
    assert client.connection.state == "closed"
    assert not server.of("/").adapter.members


# rooms


@in_fake_time
async def test_rooms_of_a_socket_that_is_gone() -> None:
    """A socket that is gone shows the rooms that it was in last, and enters none any more."""
    server, [client], [socket] = opened(1)
    socket.join("x")
    client.connection.receive("1")
    socket.join("y")
    assert socket.rooms == {socket.id, "x"}
    assert server.of("/").adapter.room_names() == frozenset()
    assert not socket.connected


@in_fake_time
async def test_many_sockets_at_once() -> None:
    """Sockets that are meant by an operator join, leave, are fetched and disconnected together."""
    server, clients, sockets = opened(4)
    server.except_(sockets[0].id).sockets_join("x", ["y"])
    assert {socket.id for socket in await server.to("x").fetch_sockets()} == {socket.id for socket in sockets[1:]}
    server.to(sockets[1].id).sockets_leave("x")
    assert sockets[1].rooms == {sockets[1].id, "y"}
    server.to("x").disconnect_sockets()
    assert [socket.connected for socket in sockets] == [True, True, False, False]
    assert [[type(packet) for packet in client.receive()] for client in clients] == [[], [], [Disconnect], [Disconnect]]
    assert [client.connection.state for client in clients] == ["open"] * 4
    server.disconnect_sockets(close=True)
    for client in clients:
        client.transport.flush()
    assert [client.connection.state for client in clients] == ["closed", "closed", "open", "open"]


# acknowledgements


async def answer(clients: list[FakeClient], value: Any) -> None:
    """Acknowledge all that was asked of these clients."""
    await turns()
    for client in clients:
        for packet in client.receive():
            if isinstance(packet, Event) and packet.id is not None:
                client.send(Ack("/", [value], packet.id))


@in_fake_time
async def test_one_client_acknowledges() -> None:
    """The answer is the first argument of the acknowledgement, or None; a second answer is ignored."""
    _, [client], [socket] = opened(1)
    asked = asyncio.ensure_future(socket.emit_with_ack("q", 1))
    await turns()
    [packet] = client.receive()
    assert isinstance(packet, Event)
    client.send(Ack("/", [b"first", 2], packet.id))
    client.send(Ack("/", ["second"], packet.id))
    client.send(Ack("/", ["unasked"], 999))
    assert await asked == b"first"
    asked = asyncio.ensure_future(socket.timeout(5).emit_with_ack("q"))
    await turns()
    [packet] = client.receive()
    assert isinstance(packet, Event)
    client.send(Ack("/", [], packet.id))
    assert await asked is None


@in_fake_time
async def test_a_client_does_not_acknowledge() -> None:
    """In time there is an AckTimeout, without a timeout the end of the client is a ClientDisconnected."""
    _, [client], [socket] = opened(1)
    loop = asyncio.get_running_loop()
    for ask in (socket.timeout(2).emit_with_ack("q"), socket.emit_with_ack("q", timeout=2)):
        before = loop.time()
        with pytest.raises(AckTimeout) as caught:
            await ask
        assert loop.time() - before == pytest.approx(2)
        assert caught.value.responses == []
    asked = asyncio.ensure_future(socket.emit_with_ack("q"))
    await turns()
    client.connection.receive("1")
    with pytest.raises(ClientDisconnected):
        await asked
    with pytest.raises(ClientDisconnected):
        await socket.emit_with_ack("q")
    assert not socket._acks


@in_fake_time
async def test_all_clients_acknowledge() -> None:
    """The answers of all who were asked; of nobody, none."""
    server, clients, (a, *_) = opened(3)
    asked = asyncio.ensure_future(server.emit_with_ack("q", b"x"))
    await answer(clients, 1)
    assert await asked == [1, 1, 1]
    asked = asyncio.ensure_future(a.broadcast.emit_with_ack("q"))
    await answer(clients, 2)
    assert await asked == [2, 2]
    assert await server.to("nobody").emit_with_ack("q") == []


@in_fake_time
async def test_not_all_clients_acknowledge() -> None:
    """AckTimeout holds the answers that came; clients that leave are waited for no longer; nothing stays behind."""
    server, clients, sockets = opened(3)
    asked = asyncio.ensure_future(server.timeout(2).emit_with_ack("q"))
    await answer(clients[:2], 1)
    with pytest.raises(AckTimeout, match="1 of 3") as caught:
        await asked
    assert caught.value.responses == [1, 1]
    asked = asyncio.ensure_future(server.emit_with_ack("q", timeout=2))
    await answer(clients[:2], 2)
    clients[2].connection.receive("1")
    assert await asked == [2, 2]
    assert not any(socket._acks for socket in sockets)


@in_fake_time
async def test_acknowledgements_are_not_mixed_up() -> None:
    """Of several questions at once each gets its own answer, in whatever order they come."""
    server, [client], [socket] = opened(1)
    asked = [asyncio.ensure_future(socket.emit_with_ack("q", number)) for number in range(3)]
    asked.append(asyncio.ensure_future(server.emit_with_ack("q", 3)))
    await turns()
    for packet in reversed(client.receive()):
        assert isinstance(packet, Event)
        client.send(Ack("/", [packet.data[1] * 10], packet.id))
    assert await asyncio.gather(*asked) == [0, 10, 20, [30]]


# namespaces and the protocol


@in_fake_time
async def test_namespaces_are_apart() -> None:
    """One connection in two namespaces: each has its own socket, rooms and events."""
    server, [client], [main] = opened(1)
    server.of("/admin").handler = Handler()
    sid = client.connect("/admin")
    admin = server.of("admin").sockets[sid]
    assert admin.id != main.id
    main.join("x")
    server.of("/admin").to("x").emit("nobody")
    server.of("/admin").emit("admin")
    packets = client.receive()
    assert packets == [Event("/admin", ["admin"])]
    client.send(Disconnect("/admin"))
    assert not admin.connected
    assert main.connected


@pytest.mark.parametrize("wire", ["40", "42[]", "4x", "44{}", '42/nobody,["e"]', "41/nobody,", b"\x00", '451-["e"]4x'])
@in_fake_time
async def test_who_breaks_the_protocol_is_disconnected_alone(wire: str | bytes) -> None:
    """A packet that is none, or not allowed there, ends this connection with 'parse error', and no other."""
    server, (bad, good), _ = opened(2)
    bad.connection.receive(wire)
    if isinstance(wire, str) and wire.startswith("45"):
        bad.connection.receive("4x")
    assert bad.connection.state == "closed"
    assert good.connection.state == "open"
    assert len(server.clients) == 1


@in_fake_time
async def test_nobody_gets_into_an_unknown_namespace() -> None:
    """A namespace without a handler answers CONNECT_ERROR, and making it does not let anybody in."""
    server, [client], _ = opened(1)
    server.of("/known")
    for name in ("/known", "/unknown"):
        client.send_connect(name)
        [packet] = client.receive()
        assert packet.data == {"message": "Invalid namespace"}  # type: ignore[attr-defined]
        assert packet.namespace == name
    assert "/unknown" not in server.namespaces


@in_fake_time
async def test_who_joins_nothing_is_disconnected() -> None:
    """A connection that has joined no namespace within connect_timeout is closed."""
    server = Server(ServerOptions(connect_timeout=3, ping_interval=1000))
    server.of("/").handler = Handler()
    idle, active = FakeClient(server), FakeClient(server)
    assert active.connect()
    idle.receive()
    await asyncio.sleep(2.9)
    assert idle.connection.state == "open"
    await asyncio.sleep(0.2)
    assert idle.connection.state == "closed"
    await asyncio.sleep(10)
    assert active.connection.state == "open"


# the end


@in_fake_time
async def test_close_lets_everything_out() -> None:
    """A server that closes sends what was emitted before, tells the handlers, and takes nobody any more."""
    reasons: list[str] = []

    class Noting(Handler):
        def on_disconnect(self, socket: Socket, reason: str) -> None:
            reasons.append(reason)

    server, clients, _ = opened(2)
    server.of("/").handler = Noting()
    server.emit("last")
    closing = asyncio.ensure_future(server.close())
    await turns()
    assert [client.events() for client in clients] == [[["last"]], [["last"]]]
    await closing
    await server.close()
    assert reasons == ["server shutting down"] * 2
    assert server.clients == set()


@in_fake_time
async def test_close_does_not_wait_for_ever() -> None:
    """Clients that take nothing and tasks that do not end are cut off after a few seconds."""
    server, [client], _ = opened(1)
    task = server.tasks.start(asyncio.sleep(1000))
    server.emit("last")
    loop = asyncio.get_running_loop()
    before = loop.time()
    await server.close()
    assert loop.time() - before < 10
    assert client.transport.close_code == 1001
    assert task.cancelled()
