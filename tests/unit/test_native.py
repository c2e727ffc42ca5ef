"""The native path over a socket without a network: what is written when, what is read in which order, how it ends."""

from __future__ import annotations

import asyncio
import logging
import socket as socket_module
from itertools import pairwise
from socket import IPPROTO_TCP, socket, socketpair
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol, Side

from unit.clock import FakeTimeLoop, in_fake_time, run, turns
from unit.fakes import FakeSocket, Recorder, client_frame, make_engine, message, open_polling, request
from whinny.engine import Connection, Packet, Upgrade
from whinny.serving.frames import BINARY, CLOSE, CONTINUATION, NOT_UTF8, PING, PONG, PROTOCOL_ERROR, TEXT, TOO_BIG
from whinny.serving.native import AT_ONCE, CLOSE_GRACE, UNSENT, NativePath, NativeWebSocket

if TYPE_CHECKING:
    from collections.abc import Callable

    from unit.fakes import Wire

LIMIT = 100_000

TCP_NOTSENT_LOWAT = getattr(socket_module, "TCP_NOTSENT_LOWAT", 0)
needs_bound = pytest.mark.skipif(not TCP_NOTSENT_LOWAT, reason="the system knows no such bound")


def text(*packets: str) -> bytes:
    """Frames of a client, a packet each."""
    return b"".join(client_frame(TEXT, packet.encode()) for packet in packets)


def closing(code: int | None = None, reason: bytes = b"") -> bytes:
    """A client's close frame."""
    return client_frame(CLOSE, b"" if code is None else code.to_bytes(2, "big") + reason)


def read(data: bytes) -> list[Wire | tuple[Opcode, bytes]]:
    """What a client reads of these bytes: messages, and control frames with their payload."""
    protocol = Protocol(Side.CLIENT, max_size=None)
    protocol.receive_data(data)
    assert protocol.parser_exc is None
    assert not protocol.reader.buffer, "a frame is cut"
    items: list[Wire | tuple[Opcode, bytes]] = []
    for event in protocol.events_received():
        assert isinstance(event, Frame)
        assert event.fin
        payload = bytes(event.data)
        if event.opcode >= Opcode.CLOSE:
            items.append((event.opcode, payload))
        else:
            items.append(payload.decode() if event.opcode == Opcode.TEXT else payload)
    return items


def close(code: int | None) -> tuple[Opcode, bytes]:
    """A close frame of the server."""
    return Opcode.CLOSE, b"" if code is None else code.to_bytes(2, "big")


class Server:
    """An engine whose connections are native; what they have written for their opening is left out."""

    def __init__(self, **options: int) -> None:
        self.engine, self.handlers = make_engine(**options)
        self.shutdowns = 0
        self.path = NativePath(LIMIT, self.shut_down)
        self.sockets: set[object] = set()

    def shut_down(self) -> None:
        self.shutdowns += 1

    def transport(self, room: int | None = None) -> tuple[NativeWebSocket, FakeSocket]:
        """A WebSocket that nobody has been given yet."""
        socket = FakeSocket(room=room)
        return NativeWebSocket(self.path, socket, b"", self.sockets), socket

    async def open(self) -> Client:
        transport, socket = self.transport()
        connection = self.engine.open(request(), transport)
        transport.start()
        await turns(1)
        assert str(read(bytes(socket.out))[0]).startswith("0{")
        socket.writes.clear()
        socket.out.clear()
        return Client(connection, transport, socket, self.handlers[-1])


class Client:
    """One client of such a server."""

    def __init__(
        self, connection: Connection, transport: NativeWebSocket, socket: FakeSocket, handler: Recorder
    ) -> None:
        self.connection = connection
        self.transport = transport
        self.socket = socket
        self.handler = handler

    def answer(self, answer: Callable[[Wire], None]) -> None:
        """Have the server do this on each message, after it is noted."""
        note = self.handler.on_message

        def on_message(data: Wire) -> None:
            note(data)
            answer(data)

        self.handler.on_message = on_message  # type: ignore[method-assign]

    def echo(self) -> None:
        self.answer(lambda data: self.connection.send([message(data)]))

    def send(self, *data: Wire) -> None:
        """The server sends, each message on its own."""
        for each in data:
            self.connection.send([message(each)])

    @property
    def got(self) -> list[Wire | tuple[Opcode, bytes]]:
        return read(bytes(self.socket.out))


async def open_native(**options: int) -> Client:
    return await Server(**options).open()


# writing


@in_fake_time
async def test_what_is_sent_in_one_turn_is_one_write() -> None:
    client = await open_native()
    client.send("a", b"b", "c" * 70_000)
    client.connection.send([message("d"), message(b"e")])
    assert client.socket.writes == []
    await turns(1)
    assert len(client.socket.writes) == 1
    assert client.got == ["4a", b"b", "4" + "c" * 70_000, "4d", b"e"]
    client.send("f")
    await turns(1)
    assert len(client.socket.writes) == 2


@in_fake_time
async def test_answers_to_one_piece_are_one_write() -> None:
    """When the loop turns, in the order of what they answer, with what is sent besides."""
    client = await open_native()
    client.echo()
    client.socket.receive(text("4a", "4b") + client_frame(BINARY, b"c"))
    client.send("d")
    assert client.socket.writes == []
    await turns()
    assert len(client.socket.writes) == 1
    assert client.got == ["4a", "4b", b"c", "4d"]


@in_fake_time
async def test_nothing_is_written_for_nothing() -> None:
    client = await open_native()
    client.socket.receive(text("4a", "3"))
    client.transport.wake()
    await turns()
    assert client.socket.writes == []


@in_fake_time
async def test_what_was_sent_before_a_piece_goes_before_its_answers() -> None:
    client = await open_native()
    client.echo()
    client.send("1")
    client.socket.receive(text("42"))
    client.send("3")
    await turns()
    assert client.got == ["41", "42", "43"]
    assert len(client.socket.writes) == 1


@in_fake_time
async def test_two_broadcasts_in_a_turn_are_a_write_for_each() -> None:
    """And its frame is made once for all."""
    server = Server()
    clients = [await server.open() for _ in range(100)]
    for packets in ([message("a")], [message("b"), message(b"c")]):
        for client in clients:
            client.connection.send(packets)
    await turns(1)
    assert sum(len(client.socket.writes) for client in clients) == 100
    assert all(client.got == ["4a", "4b", b"c"] for client in clients)


@in_fake_time
async def test_a_message_to_others_is_written_when_the_turn_ends() -> None:
    """What one client's message leads to goes to the others in one piece, too."""
    server = Server()
    sender, other = await server.open(), await server.open()
    sender.answer(lambda data: other.send(data))
    sender.socket.receive(text("4a", "4b"))
    assert other.socket.writes == []
    await turns(1)
    assert len(other.socket.writes) == 1
    assert other.got == ["4a", "4b"]


@in_fake_time
async def test_while_the_client_reads_nothing_no_more_is_written() -> None:
    """All of it goes in one piece once the client has taken what there was."""
    client = await open_native()
    client.socket.room = 0
    client.send("a" * 10)
    await turns(1)
    assert client.transport.ready is False
    for each in "bcd":
        client.send(each)
        await turns(1)
    assert len(client.socket.writes) == 1
    client.socket.drain(11)
    assert not client.transport.ready
    client.socket.drain()
    assert client.transport.ready
    await turns(1)
    assert len(client.socket.writes) == 2
    assert client.got == ["4" + "a" * 10, "4b", "4c", "4d"]


@in_fake_time
async def test_volatile_packets_are_dropped_while_the_client_reads_nothing() -> None:
    client = await open_native()
    client.socket.room = 0
    client.send("a")
    await turns(1)
    client.connection.send([message("v")], volatile=True)
    client.send("b")
    client.socket.drain()
    client.connection.send([message("w")], volatile=True)
    await turns()
    assert client.got == ["4a", "4b", "4w"]


@in_fake_time
async def test_a_client_that_reads_too_slowly_is_ended() -> None:
    """With a reason; what it had not taken, and all that comes after, is dropped with the socket."""
    client = await open_native(max_send_buffer=100)
    client.socket.room = 0
    client.send("a" * 60)
    await turns(1)
    client.send("b" * 60)
    await turns(1)
    [(reason, description)] = client.handler.closed
    assert reason == "transport error"
    assert "max_send_buffer" in description
    await asyncio.sleep(CLOSE_GRACE + 1)
    assert client.socket.aborted
    assert client.socket.lost
    assert client.handler.reasons == ["transport error"]


@in_fake_time
async def test_what_is_taken_counts_until_it_is_out() -> None:
    """A client that takes all in time is never ended for max_send_buffer."""
    client = await open_native(max_send_buffer=100)
    for _ in range(50):
        client.socket.room = 3
        client.send("a" * 60)
        await turns(1)
        client.socket.drain()
    await turns()
    assert client.got == ["4" + "a" * 60] * 50
    assert not client.handler.closed


@settings(deadline=None)
@given(
    st.lists(st.integers(1, 4) | st.sampled_from(["turn", "take 1", "take 9", "take", "receive", "ping"]), max_size=40)
)
def test_order_is_kept_however_the_client_reads(steps: list[int | str]) -> None:
    """Whatever is sent, at whatever pace it is taken: everything comes, once, in order."""

    async def main() -> None:
        client = await open_native(ping_interval=10_000)
        client.answer(lambda data: send())
        sent: list[Wire] = []

        def send() -> None:
            sent.append(f"4{len(sent)}" if len(sent) % 3 else b"%d" % len(sent))
            client.connection.send([Packet(sent[-1])])

        client.socket.room = 0
        for step in steps:
            if isinstance(step, int):
                for _ in range(step):
                    send()
            elif step == "turn":
                await turns(1)
            elif step == "receive":
                client.socket.receive(text("4a", "4b"))
            elif step == "ping":
                client.socket.receive(client_frame(PING, b"p"))
            else:
                client.socket.drain(int(step[5:]) if step[5:] else None)
        client.socket.drain()
        await turns()
        client.socket.drain()
        assert [each for each in client.got if not isinstance(each, tuple)] == sent
        assert not client.handler.closed
        assert not client.socket.errors

    run(main())


@in_fake_time
async def test_nothing_is_written_after_the_loss() -> None:
    """The socket is not even asked, though packets wait and somebody has just sent some."""
    client = await open_native()
    client.send("a")
    client.socket.fail(OSError("reset"))
    await turns()
    assert client.socket.writes == []
    client.transport.wake()
    client.transport.close()
    client.transport.pause()
    client.transport.resume()
    client.connection.send([message("b")])
    await asyncio.sleep(CLOSE_GRACE * 2)
    assert client.socket.writes == []
    assert client.handler.closed == [("transport close", "reset")]


@in_fake_time
async def test_one_clients_trouble_is_not_that_of_the_others(caplog: pytest.LogCaptureFixture) -> None:
    """A write that fails is logged and ends its own client; the others get theirs in the same turn."""
    server = Server()
    clients = [await server.open() for _ in range(3)]

    def fail(data: object) -> None:
        raise ValueError("broken here")

    clients[1].socket.write = fail  # type: ignore[method-assign]
    with caplog.at_level(logging.ERROR, "whinny.serving"):
        for client in clients:
            client.send("a")
        await turns(1)
    assert [client.got for client in clients] == [["4a"], [], ["4a"]]
    assert "Writing to a client failed" in caplog.text
    assert "broken here" in caplog.text
    await turns()
    assert [client.handler.reasons for client in clients] == [[], ["transport close"], []]
    assert clients[1].socket.aborted
    assert len(server.sockets) == 2


def test_a_path_outlives_its_event_loop() -> None:
    """A loop that ends in the middle of a turn leaves nothing behind that would keep the next one's clients waiting."""
    loop = FakeTimeLoop()

    async def end_within_a_turn() -> Server:
        server = Server()
        client = await server.open()
        client.send("never written")
        loop.stop()
        return server

    task = loop.create_task(end_within_a_turn())
    loop.run_forever()
    loop.close()
    server = task.result()
    server.engine.reset()

    async def main() -> None:
        client = await server.open()
        client.send("a")
        await turns(1)
        assert client.got == ["4a"]

    run(main())


# reading


@settings(deadline=None)
@given(
    st.integers(0, 12),
    st.lists(st.integers(0, 150), max_size=8),
    st.sets(st.integers(0, 12)),
    st.sets(st.integers(0, 12)),
    st.booleans(),
)
def test_pauses_lose_nothing(count: int, cuts: list[int], pauses: set[int], resumes: set[int], forced: bool) -> None:
    """Messages come once and in order, however they are cut and wherever the peer pauses and goes on.

    None is given to a peer that has asked for a pause, though some loops hand data over even then.
    """

    async def main() -> None:
        client = await open_native(ping_interval=10_000)
        data = text(*(f"4{number}" for number in range(count)))
        edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})

        def on_message(_: Wire) -> None:
            number = len(client.handler.messages) - 1
            assert not client.connection.paused
            if number in pauses:
                client.connection.pause("test")
                if number in resumes:
                    client.connection.resume("test")
                else:
                    asyncio.get_running_loop().call_later(1, client.connection.resume, "test")

        client.answer(on_message)
        for start, end in pairwise(edges):
            if not forced:
                await asyncio.sleep(20)
                assert client.socket.reading
            client.socket.receive(data[start:end], although_paused=forced)
        await asyncio.sleep(20)
        assert client.handler.messages == [str(number) for number in range(count)]
        assert client.socket.reading
        assert not client.socket.errors

    run(main())


@in_fake_time
async def test_a_pause_stops_the_socket() -> None:
    """Between two pieces nothing more is read of it, until the last who has asked for the pause says so."""
    client = await open_native()
    for _ in range(3):
        client.connection.pause("a")
        client.connection.pause("b")
        assert not client.socket.reading
        client.connection.resume("a")
        await turns()
        assert not client.socket.reading
        client.connection.resume("b")
        await turns()
        assert client.socket.reading


@in_fake_time
async def test_a_pause_within_a_piece_keeps_the_rest() -> None:
    client = await open_native()
    client.answer(lambda data: client.connection.pause("test") if data == "2" else None)
    client.socket.receive(text("41", "42", "43", "44"))
    await turns()
    assert client.handler.messages == ["1", "2"]
    assert not client.socket.reading
    client.socket.receive(text("45") + b"\x81", although_paused=True)
    assert client.handler.messages == ["1", "2"]
    client.connection.resume("test")
    assert client.handler.messages == ["1", "2"], "a resume may come from within anything"
    await turns()
    assert client.handler.messages == ["1", "2", "3", "4", "5"]
    assert client.socket.reading
    client.socket.receive(text("46")[1:])
    assert client.handler.messages[-1] == "6"


@in_fake_time
async def test_a_pause_that_ends_within_its_message_is_none() -> None:
    client = await open_native()

    def on_message(_: Wire) -> None:
        client.connection.pause("test")
        client.connection.resume("test")

    client.answer(on_message)
    client.socket.receive(text("41", "42", "43"))
    assert client.handler.messages == ["1", "2", "3"]
    assert client.socket.reading


@in_fake_time
async def test_much_that_comes_during_a_pause_is_read_after_it() -> None:
    """However many pieces a loop hands over although it was told not to."""
    client = await open_native()
    client.answer(lambda data: client.connection.pause("test") if data == "first" else None)
    client.socket.receive(text("4first", "4a"))
    count = 100_000
    for _ in range(count):
        client.socket.receive(text("4b"), although_paused=True)
    client.connection.resume("test")
    await turns(count // AT_ONCE + 10)
    assert client.handler.messages == ["first", "a"] + ["b"] * count
    assert client.socket.reading


@in_fake_time
async def test_a_thousand_messages_leave_others_their_turn() -> None:
    """After AT_ONCE of them; the socket is not read on meanwhile."""
    client = await open_native()
    client.echo()
    client.socket.receive(text(*(f"4{number}" for number in range(1000))))
    counts = [len(client.handler.messages)]
    while not client.socket.reading:
        await turns(1)
        counts.append(len(client.handler.messages))
    assert counts[0] == AT_ONCE
    assert all(after - before <= AT_ONCE for before, after in pairwise(counts))
    assert client.handler.messages == [str(number) for number in range(1000)]
    assert client.got == [f"4{number}" for number in range(1000)]
    assert len(client.socket.writes) == 1000 // AT_ONCE


@pytest.mark.parametrize("count", [AT_ONCE - 1, AT_ONCE, AT_ONCE + 1, 2 * AT_ONCE])
@in_fake_time
async def test_the_rest_of_a_frame_behind_many_messages_is_kept(count: int) -> None:
    client = await open_native()
    data = text(*["4a"] * count, "4last")
    client.socket.receive(data[:-3])
    await turns()
    assert client.socket.reading
    client.socket.receive(data[-3:])
    await turns()
    assert client.handler.messages == ["a"] * count + ["last"]


@in_fake_time
async def test_pauses_do_not_hasten_reading() -> None:
    """However often a peer pauses and goes on in between, a client has its AT_ONCE messages a turn and no more."""
    client = await open_native()
    client.socket.receive(text(*["4a"] * 2000))
    for _ in range(10):
        client.connection.pause("test")
        client.connection.resume("test")
    before = len(client.handler.messages)
    await turns(1)
    assert len(client.handler.messages) - before <= AT_ONCE
    await turns(30)
    assert len(client.handler.messages) == 2000


@in_fake_time
async def test_an_error_in_a_handler_ends_its_client_alone() -> None:
    """Whether it comes with the first messages of a piece or after others have had their turn."""
    for number in (0, 50, AT_ONCE - 1, AT_ONCE, AT_ONCE + 50):
        server = Server()
        client, other = await server.open(), await server.open()

        def on_message(_: Wire, client: Client = client, number: int = number) -> None:
            if len(client.handler.messages) == number + 1:
                raise ValueError("broken handler")

        client.answer(on_message)
        other.echo()
        client.socket.receive(text(*["4a"] * 1000))
        other.socket.receive(text("4b"))
        await turns(30)
        assert client.handler.messages == ["a"] * (number + 1)
        assert client.handler.reasons == ["transport close"]
        assert client.socket.lost
        assert other.got == ["4b"]
        assert not other.handler.closed
        assert server.sockets == {other.transport}


@in_fake_time
async def test_after_an_error_in_a_handler_nothing_is_heard() -> None:
    """Neither what stands behind the message nor what a loop handed over during a pause; but of the loss, once."""
    client = await open_native()

    def on_message(data: Wire) -> None:
        if data == "pause":
            client.connection.pause("test")
        elif data == "fail":
            raise ValueError("broken handler")

    client.answer(on_message)
    client.socket.receive(text("4pause", "4fail", "4a"))
    client.socket.receive(text("4b"), although_paused=True)
    client.connection.resume("test")
    await turns()
    assert client.handler.messages == ["pause", "fail"]
    assert client.handler.reasons == ["transport close"]
    assert client.socket.lost


@in_fake_time
async def test_a_write_that_fails_between_many_messages_ends_the_client() -> None:
    client = await open_native()

    def fail(data: object) -> None:
        raise ValueError("broken here")

    client.socket.write = fail  # type: ignore[method-assign]
    client.answer(lambda data: client.send("x") if len(client.handler.messages) == AT_ONCE + 1 else None)
    client.socket.receive(text(*["4a"] * 1000))
    await turns(30)
    assert client.handler.reasons == ["transport close"]
    assert len(client.handler.messages) == 2 * AT_ONCE


# pings of the WebSocket


@pytest.mark.parametrize("payload", [b"", b"abc", b"\xff" * 125])
@in_fake_time
async def test_a_ping_is_answered_with_its_payload(payload: bytes) -> None:
    client = await open_native()
    client.socket.receive(client_frame(PING, payload))
    await turns()
    assert client.got == [(Opcode.PONG, payload)]


@in_fake_time
async def test_of_many_pings_the_last_is_answered() -> None:
    """A pong answers all pings before it, so a flood of them is one answer (RFC 6455 §5.5.3)."""
    client = await open_native()
    client.echo()
    pings = b"".join(client_frame(PING, b"%d" % number) for number in range(AT_ONCE - 1))
    client.socket.receive(pings + text("4a"))
    await turns()
    assert sorted(client.got, key=str) == [(Opcode.PONG, b"98"), "4a"]
    await turns()
    assert len(client.got) == 2


@in_fake_time
async def test_pings_of_a_client_that_reads_nothing_do_not_pile_up() -> None:
    client = await open_native()
    client.socket.room = 0
    client.send("a")
    await turns(1)
    for number in range(1000):
        client.socket.receive(client_frame(PING, b"%d" % number))
        await turns(1)
    assert len(client.socket.writes) == 1
    client.socket.drain()
    await turns(1)
    assert client.got == ["4a", (Opcode.PONG, b"999")]


@in_fake_time
async def test_a_ping_between_fragments_is_answered_before_the_message_ends() -> None:
    client = await open_native()
    client.socket.receive(client_frame(TEXT, b"4a", final=False) + client_frame(PING, b"x"))
    await turns()
    assert client.got == [(Opcode.PONG, b"x")]
    client.socket.receive(client_frame(CONTINUATION, b"b"))
    assert client.handler.messages == ["ab"]


@in_fake_time
async def test_pongs_that_nobody_asked_for_are_ignored() -> None:
    client = await open_native()
    client.socket.receive(client_frame(PONG, b"x") + text("4a"))
    await turns()
    assert client.handler.messages == ["a"]
    assert client.socket.writes == []


@in_fake_time
async def test_no_pong_goes_behind_a_close_frame() -> None:
    """Though one was owed to a client that had taken nothing until then (RFC 6455 §5.5.1)."""
    client = await open_native()
    client.socket.room = 0
    client.send("a")
    await turns(1)
    client.socket.receive(client_frame(PING, b"x"))
    client.socket.drain()
    client.connection.end("forced close")
    client.socket.receive(client_frame(PING, b"y"))
    await turns()
    assert client.got == ["4a", close(1000)]


@in_fake_time
async def test_a_ping_does_not_hold_up_an_orderly_close() -> None:
    """A pong that blocks is no packet: the connection ends when its packets are out."""
    client = await open_native()
    client.socket.room = 0
    client.socket.receive(client_frame(PING, b"x"))
    client.send("a")
    client.connection.close()
    await turns()
    client.socket.drain()
    await turns()
    assert client.got == [(Opcode.PONG, b"x"), "4a", close(1000)]
    assert client.handler.reasons == ["forced close"]


# the close handshake


@pytest.mark.parametrize("code", [None, 1000, 1001, 3000, 4999])
@in_fake_time
async def test_a_client_that_closes_is_answered_its_code(code: int | None) -> None:
    """Behind what was sent before; then the socket is closed by the server (RFC 6455 §7.1.1)."""
    server = Server()
    client = await server.open()
    client.send("a")
    client.socket.receive(closing(code, b"" if code is None else b"bye"))
    assert client.got == ["4a", close(code)]
    assert client.socket.is_closing()
    [(reason, description)] = client.handler.closed
    assert reason == "transport close"
    assert str(code or 1005) in description
    await turns()
    assert client.socket.lost
    assert not client.socket.aborted
    assert not server.sockets
    assert len(client.handler.closed) == 1


@in_fake_time
async def test_what_came_before_the_close_is_answered() -> None:
    """In the same piece; what stands behind the close is ignored, whatever it is."""
    client = await open_native()
    client.echo()
    behind = text("4b") + client_frame(PING) + closing(1001) + b"\xff\xff\xff"
    client.socket.receive(text("4a") + client_frame(PING, b"x") + closing(1000) + behind)
    assert client.handler.messages == ["a"]
    assert client.got[-1] == close(1000)
    assert sorted(client.got[:-1], key=str) == [(Opcode.PONG, b"x"), "4a"]
    assert client.handler.closed == [("transport close", "WebSocket close code 1000")]
    await turns()
    assert client.socket.lost
    assert not client.socket.errors


@pytest.mark.parametrize("count", [AT_ONCE - 1, AT_ONCE, AT_ONCE + 1])
@in_fake_time
async def test_a_close_behind_many_messages(count: int) -> None:
    client = await open_native()
    client.socket.receive(text(*["4a"] * count) + closing(1000) + text(*["4b"] * 300))
    await turns(20)
    assert client.handler.messages == ["a"] * count
    assert client.got == [close(1000)]
    assert client.handler.reasons == ["transport close"]
    assert client.socket.lost


@in_fake_time
async def test_a_close_between_fragments_is_a_close() -> None:
    client = await open_native()
    client.socket.receive(client_frame(TEXT, b"4a", final=False) + closing(1000))
    assert client.got == [close(1000)]
    assert client.handler.reasons == ["transport close"]
    assert client.handler.messages == []


@in_fake_time
async def test_the_server_closes() -> None:
    """It reads on until the client answers, but nothing that the client says meanwhile is heard."""
    server = Server()
    client = await server.open()
    client.send("a")
    client.connection.close()
    await turns()
    assert client.got == ["4a", close(1000)]
    assert client.handler.reasons == ["forced close"]
    assert not client.socket.is_closing()
    client.socket.receive(text("4b") + client_frame(PING, b"x"))
    client.socket.receive(closing(1000))
    await turns()
    assert client.handler.messages == []
    assert client.got == ["4a", close(1000)]
    assert client.socket.lost
    assert not client.socket.aborted
    assert not server.sockets


@pytest.mark.parametrize("last", [closing(1001), client_frame(3), text("1")])
@in_fake_time
async def test_a_close_of_both_sides_in_one_piece_is_one_close_frame(last: bytes) -> None:
    """An orderly close waits for an answer, which goes out only because the client closes, too."""
    client = await open_native()

    def on_message(data: Wire) -> None:
        client.connection.send([message("bye")])
        client.connection.close()

    client.answer(on_message)
    client.socket.receive(text("4a") + last)
    await turns()
    assert client.got == ["4bye", close(1000)]
    assert len(client.handler.closed) == 1


@in_fake_time
async def test_both_close_at_once() -> None:
    client = await open_native()
    client.connection.end("forced close", code=1001)
    client.connection.end("forced close")
    client.transport.close(4000)
    client.socket.receive(closing(1000))
    await turns()
    assert client.got == [close(1001)]
    assert client.handler.reasons == ["forced close"]
    assert client.socket.lost


@in_fake_time
async def test_a_client_that_does_not_answer_the_close_is_dropped() -> None:
    """After CLOSE_GRACE, however much it sends meanwhile."""
    client = await open_native()
    client.connection.end("forced close")
    for _ in range(4):
        await asyncio.sleep(CLOSE_GRACE / 5)
        client.socket.receive(text("4a") + client_frame(PING))
    assert not client.socket.aborted
    await asyncio.sleep(CLOSE_GRACE / 4)
    assert client.socket.aborted
    assert client.socket.lost
    assert client.handler.reasons == ["forced close"]


@in_fake_time
async def test_a_close_that_is_answered_leaves_no_timer() -> None:
    client = await open_native()
    client.connection.end("forced close")
    client.socket.receive(closing(1000))
    await asyncio.sleep(CLOSE_GRACE * 2)
    assert not client.socket.aborted


@in_fake_time
async def test_closing_while_the_client_reads_nothing() -> None:
    """The close frame goes behind what was taken; the socket closes when all of it is out, or is dropped."""
    for patient in (True, False):
        client = await open_native()
        client.socket.room = 0
        client.send("a")
        await turns(1)
        client.connection.end("forced close")
        client.send("never")
        await asyncio.sleep(CLOSE_GRACE / 2)
        if patient:
            client.socket.drain()
            client.socket.receive(closing(1000))
        await asyncio.sleep(CLOSE_GRACE)
        assert client.got == (["4a", close(1000)] if patient else [])
        assert client.socket.aborted is not patient
        assert client.socket.lost


@in_fake_time
async def test_a_client_that_closes_and_reads_nothing_is_dropped() -> None:
    client = await open_native()
    client.socket.room = 0
    client.send("a")
    await turns(1)
    client.socket.receive(closing(1000))
    assert client.handler.reasons == ["transport close"]
    assert not client.socket.lost
    await asyncio.sleep(CLOSE_GRACE + 1)
    assert client.socket.aborted
    assert client.socket.lost


@in_fake_time
async def test_an_orderly_close_waits_for_what_was_sent() -> None:
    """Also for what was sent while the client took nothing."""
    client = await open_native()
    client.socket.room = 0
    client.send("a")
    await turns(1)
    client.send("b")
    client.connection.close()
    await asyncio.sleep(10)
    assert client.handler.closed == []
    client.socket.drain()
    await turns()
    assert client.got == ["4a", "4b", close(1000)]
    assert client.handler.reasons == ["forced close"]


@in_fake_time
async def test_a_pause_does_not_keep_the_answer_to_a_close_away() -> None:
    """Whether it was asked for before the close or after it."""
    for before in (True, False):
        client = await open_native()
        if before:
            client.connection.pause("test")
        client.connection.end("forced close")
        if not before:
            client.connection.pause("test")
        await turns()
        assert client.socket.reading
        client.socket.receive(closing(1000))
        await turns()
        assert client.socket.lost
        assert not client.socket.aborted


@in_fake_time
async def test_a_close_during_a_pause_gives_no_more_messages() -> None:
    client = await open_native()
    client.answer(lambda data: client.connection.pause("test"))
    client.socket.receive(text("4a", "4b") + client_frame(PING) + closing(1000))
    client.connection.end("forced close")
    await turns()
    assert client.handler.messages == ["a"]
    assert client.got == [close(1000)]
    assert client.socket.lost


@pytest.mark.parametrize(
    "last", [text("1"), text("7"), text(""), text("2"), client_frame(3), client_frame(TEXT, b"\xff")]
)
@in_fake_time
async def test_answers_go_out_before_an_end_in_the_same_piece(last: bytes) -> None:
    """As they would have, had it come alone: a close packet, a packet of no known type, a frame that breaks a rule."""
    got = []
    for pieces in ([text("4a", "4b") + last], [text("4a"), text("4b"), last]):
        client = await open_native()
        client.echo()
        for piece in pieces:
            client.socket.receive(piece)
        await turns()
        got.append((client.got, client.handler.reasons))
    assert got[0] == got[1]
    assert got[0][0][:2] == ["4a", "4b"]


# clients that break the protocol


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (client_frame(TEXT, b"4a", masked=False), PROTOCOL_ERROR),
        (client_frame(3), PROTOCOL_ERROR),
        (client_frame(TEXT, reserved=0x40), PROTOCOL_ERROR),
        (client_frame(CONTINUATION), PROTOCOL_ERROR),
        (closing(1005), PROTOCOL_ERROR),
        (client_frame(CLOSE, b"x"), PROTOCOL_ERROR),
        (closing(1000, b"\xff"), NOT_UTF8),
        (client_frame(TEXT, b"4\xff"), NOT_UTF8),
        (client_frame(TEXT, declared=LIMIT + 1), TOO_BIG),
    ],
)
@in_fake_time
async def test_a_client_that_breaks_the_protocol(data: bytes, code: int) -> None:
    """It is told the code, and the server's half of the socket ends; whatever it sends then is ignored."""
    server = Server()
    client = await server.open()
    client.socket.receive(text("4a") + data + text("4b"))
    assert client.got == [close(code)]
    assert client.socket.eof_written
    [(reason, description)] = client.handler.closed
    assert reason == "transport error"
    assert description
    for more in (text("4c"), data, closing(1000), client_frame(PING), bytes(100_000)):
        client.socket.receive(more)
        await turns(1)
    assert client.handler.messages == ["a"]
    assert client.got == [close(code)]
    assert not client.socket.is_closing()
    assert not client.socket.errors
    client.socket.eof()
    await turns()
    assert client.socket.lost
    assert not client.socket.aborted
    assert not server.sockets
    assert len(client.handler.closed) == 1


@in_fake_time
async def test_a_client_that_breaks_the_protocol_and_stays_is_dropped() -> None:
    client = await open_native()
    client.socket.receive(client_frame(3))
    await asyncio.sleep(CLOSE_GRACE + 1)
    assert client.socket.aborted
    assert client.socket.lost


@in_fake_time
async def test_a_socket_that_cannot_be_half_closed() -> None:
    """As those of TLS: the close frame alone tells the client."""
    client = await open_native()
    client.socket.can_write_eof = lambda: False  # type: ignore[method-assign]
    client.socket.receive(client_frame(3))
    assert client.got == [close(PROTOCOL_ERROR)]
    assert not client.socket.eof_written
    await asyncio.sleep(CLOSE_GRACE + 1)
    assert client.socket.lost


@in_fake_time
async def test_a_client_that_breaks_the_protocol_after_the_servers_close() -> None:
    """It has been told already."""
    client = await open_native()
    client.connection.end("forced close", code=1001)
    client.socket.receive(client_frame(3))
    assert client.got == [close(1001)]
    assert client.handler.reasons == ["forced close"]
    await asyncio.sleep(CLOSE_GRACE + 1)
    assert client.socket.lost


@in_fake_time
async def test_a_client_that_breaks_the_protocol_during_a_pause_is_heard_of_after_it() -> None:
    client = await open_native()
    client.answer(lambda data: client.connection.pause("test"))
    client.socket.receive(text("4a") + client_frame(3) + text("4b"))
    await turns()
    assert client.handler.closed == []
    client.connection.resume("test")
    await turns()
    assert client.handler.reasons == ["transport error"]
    assert client.got == [close(PROTOCOL_ERROR)]
    assert client.socket.reading


# the change from polling


async def begin_upgrade(server: Server | None = None) -> tuple[Connection, Client]:
    """A connection by polling, and the WebSocket that is to replace it."""
    connection, _, handler = open_polling()
    transport, socket = (server or Server()).transport()
    connection.upgrade = transport.peer = Upgrade(connection, transport, 10)
    transport.start()
    return connection, Client(connection, transport, socket, handler)


@in_fake_time
async def test_an_upgrade() -> None:
    connection, client = await begin_upgrade()
    client.socket.receive(text("2probe"))
    await turns()
    assert client.got == ["3probe"]
    client.send("waits")
    await turns()
    client.socket.receive(text("5"))
    await turns()
    assert connection.transport is client.transport
    assert client.got == ["3probe", "4waits"]


@in_fake_time
async def test_an_upgrade_in_one_piece() -> None:
    """The peer changes in its middle: what stands behind the `5` is the connection's, and so are its answers."""
    connection, client = await begin_upgrade()
    client.echo()
    client.send("waits")
    client.socket.receive(text("2probe"))
    await turns()
    client.socket.receive(text("5", "4a") + client_frame(BINARY, b"b"))
    assert connection.transport is client.transport
    assert client.handler.messages == ["a", b"b"]
    await turns()
    assert client.got == ["3probe", "4waits", "4a", b"b"]
    assert len(client.socket.writes) == 2


@in_fake_time
async def test_a_client_that_does_not_wait_for_the_answer_to_its_probe() -> None:
    """It has it first, and its messages come, though `2probe`, `5` and they are one piece."""
    connection, client = await begin_upgrade()
    client.echo()
    client.socket.receive(text("2probe", "5", "4a", "4b"))
    await turns()
    assert connection.transport is client.transport
    assert client.handler.messages == ["a", "b"]
    assert client.got == ["3probe", "4a", "4b"]
    assert not client.handler.closed


@in_fake_time
async def test_an_upgrade_during_a_pause() -> None:
    """The new transport keeps it: messages behind the `5` wait."""
    connection, client = await begin_upgrade()
    connection.pause("test")
    client.socket.receive(text("2probe"))
    client.socket.receive(text("5", "4a"))
    await turns()
    assert client.handler.messages == []
    assert not client.socket.reading
    connection.resume("test")
    await turns()
    assert client.handler.messages == ["a"]
    assert client.socket.reading


@pytest.mark.parametrize("data", [text("2probe") + text("4a"), client_frame(3), closing(1000)])
@in_fake_time
async def test_an_upgrade_that_fails(data: bytes) -> None:
    """The connection stays with polling, and another may try."""
    connection, client = await begin_upgrade()
    client.socket.receive(data)
    await asyncio.sleep(CLOSE_GRACE + 1)
    assert client.socket.lost
    assert connection.state == "open"
    assert connection.upgrade is None
    assert connection.transport.name == "polling"


@in_fake_time
async def test_an_upgrade_whose_socket_is_lost() -> None:
    connection, client = await begin_upgrade()
    client.socket.receive(text("2probe"))
    client.socket.fail(OSError("reset"))
    await turns()
    assert connection.state == "open"
    assert connection.upgrade is None


# what the system may keep for a client


async def open_over(system_socket: socket, **options: int) -> Client:
    """A client whose transport has this socket of the system."""
    server = Server(**options)
    fake = FakeSocket(extra={"socket": system_socket})
    transport = NativeWebSocket(server.path, fake, b"", server.sockets)
    connection = server.engine.open(request(), transport)
    transport.start()
    await turns(1)
    assert str(read(bytes(fake.out))[0]).startswith("0{")
    return Client(connection, transport, fake, server.handlers[-1])


def unsent(system_socket: socket) -> int:
    """How much of what is not sent yet the system may keep; 0: all it likes."""
    return system_socket.getsockopt(IPPROTO_TCP, TCP_NOTSENT_LOWAT)


@needs_bound
@in_fake_time
async def test_the_system_keeps_little_for_a_client_until_it_is_seen_to_read() -> None:
    with socket() as system_socket:
        client = await open_over(system_socket)
        assert unsent(system_socket) == UNSENT
        client.socket.room = 0
        client.send("a")
        await turns(1)
        client.send("b")
        await turns(1)
        assert unsent(system_socket) == UNSENT
        client.socket.drain()
        assert unsent(system_socket) == 0


@needs_bound
@in_fake_time
async def test_a_client_that_takes_a_part_is_seen_to_read_where_much_waits() -> None:
    with socket() as system_socket:
        client = await open_over(system_socket, max_send_buffer=1000)
        client.socket.room = 0
        client.send("a" * 500)
        await turns(1)
        client.send("b", "c")
        assert unsent(system_socket) == UNSENT
        client.socket.drain(100)
        client.send("d")
        assert not client.transport.ready
        assert unsent(system_socket) == 0


@pytest.mark.parametrize("kind", ["unix", "closed"])
@in_fake_time
async def test_a_socket_without_such_a_bound(kind: str) -> None:
    """It serves its client like any other."""
    one, other = socketpair()
    with one, other:
        if kind == "closed":
            one.close()
        client = await open_over(one)
        client.socket.room = 0
        client.send("a")
        await turns(1)
        client.socket.drain()
        await turns(1)
        assert client.got[-1] == "4a"
        assert not client.socket.errors


# a socket for which there is no peer


@pytest.mark.parametrize("data", [closing(1000), text("4a") + closing(1000), client_frame(3), b""])
@in_fake_time
async def test_a_websocket_that_nobody_takes_is_closed(data: bytes) -> None:
    """As when its session is gone by the time it is accepted: the client is told, and nobody else hears of it."""
    server = Server()
    transport, socket = server.transport()
    transport.start()
    transport.close()
    socket.receive(data)
    transport.wake()
    await asyncio.sleep(CLOSE_GRACE + 1)
    assert read(bytes(socket.out)) == [close(1000)]
    assert socket.lost
    assert not socket.errors
    assert not server.sockets


# the end of the socket and of the server


@in_fake_time
async def test_a_lost_socket_is_the_end() -> None:
    for error, description in ((None, ""), (ConnectionResetError("reset by peer"), "reset by peer")):
        server = Server()
        client = await server.open()
        client.socket.fail(error)
        await turns()
        assert client.handler.closed == [("transport close", description)]
        assert not server.sockets
        assert not server.engine.connections


@in_fake_time
async def test_the_end_of_what_the_client_sends_is_the_end() -> None:
    """After what was sent to it before, if it takes that."""
    client = await open_native()
    client.socket.room = 0
    client.send("a")
    await turns(1)
    client.socket.eof()
    await turns()
    assert not client.handler.closed
    client.socket.drain()
    await turns()
    assert client.got == ["4a"]
    assert client.handler.reasons == ["transport close"]


@in_fake_time
async def test_what_came_before_the_loss_is_heard_before_it() -> None:
    """All of it and in turns, though the socket is gone before the last of a piece was given to the peer."""
    client = await open_native()
    heard: list[int] = []
    client.handler.on_close = lambda *_: heard.append(len(client.handler.messages))  # type: ignore[method-assign]
    client.socket.receive(text(*["4a"] * 1000))
    client.socket.fail(OSError("reset"))
    await turns(1)
    assert len(client.handler.messages) < 1000
    await turns(30)
    assert heard == [1000]


@pytest.mark.parametrize("later", [False, True])
@in_fake_time
async def test_a_pause_does_not_hold_up_the_loss(later: bool) -> None:
    """Whoever pauses may wait for the client, in vain: messages that were kept for after the pause are dropped."""
    client = await open_native()
    if later:
        client.socket.receive(text(*["4a"] * 1000))
        client.socket.fail(OSError("reset"))
        client.connection.pause("test")
    else:
        client.answer(lambda data: client.connection.pause("test"))
        client.socket.receive(text("4a", "4b"))
        client.socket.fail(OSError("reset"))
    await turns()
    assert client.handler.messages == ["a"] * (AT_ONCE if later else 1)
    assert client.handler.closed == [("transport close", "reset")]
    client.connection.resume("test")
    await turns()
    assert len(client.handler.messages) == (AT_ONCE if later else 1)


@pytest.mark.parametrize("last", [closing(1000), client_frame(3), client_frame(PING), text("1")])
@in_fake_time
async def test_whatever_comes_before_the_loss_leaves_the_lost_socket_alone(last: bytes) -> None:
    client = await open_native()
    client.echo()
    client.socket.receive(text(*["4a"] * 500) + last + text("4b"))
    client.socket.fail(OSError("reset"))
    await asyncio.sleep(CLOSE_GRACE * 2)
    assert client.handler.messages == ["a"] * 500 + (["b"] if last == client_frame(PING) else [])
    assert len(client.handler.closed) == 1
    assert not client.socket.errors


@in_fake_time
async def test_a_connection_that_ends_of_itself_after_the_loss_hears_no_more() -> None:
    client = await open_native()
    client.socket.receive(text(*["4a"] * 1000))
    client.socket.fail(None)
    client.connection.end("ping timeout")
    await turns(30)
    assert len(client.handler.messages) == AT_ONCE
    assert client.handler.reasons == ["ping timeout"]


@in_fake_time
async def test_the_server_ends() -> None:
    """What the ASGI server calls for each socket begins the server's own end."""
    server = Server()
    client = await server.open()
    assert server.sockets == {client.transport}
    client.transport.shutdown()
    assert server.shutdowns == 1
    assert not client.handler.closed
    server.engine.close()
    await turns()
    assert client.got == [close(1000)]


@in_fake_time
async def test_ends_while_others_are_written_to() -> None:
    """An end that leads to messages for others, in the middle of writing to all, loses none."""
    server = Server()
    clients = [await server.open() for _ in range(5)]

    def on_close(*_: str) -> None:
        for client in clients:
            client.send("gone")

    clients[2].handler.on_close = on_close  # type: ignore[method-assign,assignment]
    for client in clients:
        client.send("a")
    clients[2].connection.close()
    await turns()
    assert clients[2].got == ["4a", close(1000)]
    assert [client.got for client in clients if client is not clients[2]] == [["4a", "4gone"]] * 4
