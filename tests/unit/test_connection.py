"""One client: what is sent goes out in order, what waits is bounded, and the end comes once."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unit.clock import in_fake_time, run, turns
from unit.fakes import FakeWebSocket, Recorder, make_engine, message, open_polling, open_websocket, request
from whinny.engine import Connection, Packet, decode_payload
from whinny.engine.connection import CLOSE_TIMEOUT

TOO_SLOW = "max_send_buffer"

# out


@given(st.lists(st.integers(1, 9) | st.sampled_from(["take", "finish"]), max_size=40))
def test_what_is_sent_is_written_once_and_in_order(steps: list[int | str]) -> None:
    """However slowly a WebSocket writes, it writes every packet once, in the order of sending."""

    async def main() -> None:
        connection, socket, handler = open_websocket()
        sent: list[str | bytes] = []
        for step in steps:
            if isinstance(step, str):
                getattr(socket, step)()
            else:
                for _ in range(step):
                    packet = message(str(len(sent)) if len(sent) % 2 else b"%d" % len(sent))
                    sent.append(packet.wire)
                    connection.send([packet])
        socket.flush()
        assert socket.frames == sent
        assert not handler.closed
        assert connection.take() == []

    run(main())


@given(st.integers(1, 60), st.lists(st.tuples(st.sampled_from("tf.."), st.integers(1, 30), st.booleans()), max_size=30))
def test_no_more_waits_than_allowed(limit: int, steps: list[tuple[str, int, bool]]) -> None:
    """What waits never exceeds max_send_buffer, except by a single packet on an empty buffer.

    Volatile packets beyond it are dropped, any other ends the connection; a model says which.
    """

    async def main() -> None:
        connection, socket, handler = open_websocket(max_send_buffer=limit)
        buffered, taken, expected, alive = 0, 0, [], True
        for step, size, volatile in steps:
            if step == "t":
                taken, buffered = taken + buffered, 0
                socket.take()
            elif step == "f":
                taken = 0
                socket.finish()
            else:
                packet = Packet(("v" if volatile else "m") * size)
                connection.send([packet], volatile=volatile)
                if not buffered + taken or buffered + taken + size <= limit:
                    buffered += size
                    expected.append(packet.wire)
                elif not volatile:
                    alive = False
                    break
        await turns()
        assert (connection.state == "open") is alive
        if alive:
            socket.flush()
            assert socket.frames == expected
        else:
            [(reason, description)] = handler.closed
            assert reason == "transport error"
            assert TOO_SLOW in description

    run(main())


@in_fake_time
async def test_packets_of_one_event_are_sent_all_or_none() -> None:
    """Packets that are sent together count together: all are queued, all dropped, or they end the connection."""
    parts = [message("header"), message(b"x" * 50)]
    connection, socket, _ = open_websocket(max_send_buffer=20)
    connection.send(parts)
    connection.send([message("y"), message("z")], volatile=True)
    socket.flush()
    assert socket.frames == ["4header", b"x" * 50]
    connection.send([message("first")])
    connection.send(parts, volatile=True)
    await turns()
    assert connection.state == "open"
    connection.send(parts)
    await turns()
    assert connection.state == "closed"
    socket.flush()
    assert len(socket.frames) == 2


@pytest.mark.parametrize("taken", [False, True])
@in_fake_time
async def test_a_single_packet_may_be_larger_than_the_buffer(taken: bool) -> None:
    """A packet above max_send_buffer passes when nothing waits; another one behind it does not."""
    connection, socket, handler = open_websocket(max_send_buffer=10)
    connection.send([message("x" * 100)])
    await turns()
    assert connection.state == "open"
    if taken:
        socket.take()
    connection.send([message("y")], volatile=True)
    await turns()
    assert connection.state == "open"
    connection.send([message("z")])
    await turns()
    assert connection.state == "closed"
    assert handler.reasons == ["transport error"]


@in_fake_time
async def test_sizes_are_those_of_utf8() -> None:
    """What waits is counted in bytes, not in characters."""
    connection, _, _ = open_websocket(max_send_buffer=20)
    connection.send([message("ü" * 4)])  # 9 bytes
    connection.send([message("ü" * 5)])  # 11 bytes
    await turns()
    assert connection.state == "open"
    connection.send([message("")])
    await turns()
    assert connection.state == "closed"


@in_fake_time
async def test_an_overflow_ends_the_connection_only_in_the_next_turn() -> None:
    """While a broadcast runs, no handler is told of an end, and the tables do not change under it."""
    connection, socket, handler = open_websocket(max_send_buffer=10)
    connection.send([message("x" * 9)])
    connection.send([message("y")])
    connection.send([message("z")])
    assert not handler.closed
    await turns()
    assert handler.reasons == ["transport error"]
    assert socket.close_code == 1000
    socket.flush()
    assert socket.frames == []


@in_fake_time
async def test_an_overflow_keeps_its_reason() -> None:
    """A write that ends between the overflow and the end does not turn it into an orderly close."""
    connection, socket, handler = open_websocket(max_send_buffer=10)
    connection.send([message("x" * 5)])
    socket.take()
    connection.send([message("y" * 50)])
    socket.finish()
    await turns()
    assert handler.reasons == ["transport error"]


@in_fake_time
async def test_volatile_packets_need_a_ready_transport() -> None:
    """A volatile packet is dropped when the transport is not ready, and sent when it is."""
    connection, socket, _ = open_websocket()
    socket.ready = False
    connection.send([message("dropped")], volatile=True)
    connection.send([message("kept")])
    socket.ready = True
    connection.send([message("volatile")], volatile=True)
    socket.flush()
    assert socket.frames == ["4kept", "4volatile"]


# in


@in_fake_time
async def test_messages_reach_the_handler_and_nothing_else_does() -> None:
    """Text loses its type digit, binary is as it is, pongs and what a server ignores are not heard."""
    connection, _, handler = open_websocket()
    for wire in ("4a", b"\x00", "4", "3", "3probe", "0", "5", "6", b"4", "4\u20ac"):
        connection.receive(wire)
    assert handler.messages == ["a", b"\x00", "", b"4", "\u20ac"]
    assert connection.state == "open"


@pytest.mark.parametrize(
    ("wire", "reason"),
    [
        ("1", "transport close"),
        ("2", "transport error"),
        ("7", "parse error"),
        ("", "parse error"),
        ("x", "parse error"),
    ],
)
@in_fake_time
async def test_other_packets_end_the_connection(wire: str, reason: str) -> None:
    """A close packet, a ping and unknown packets end the connection, and nothing is heard afterwards."""
    connection, socket, handler = open_websocket()
    connection.receive(wire)
    connection.receive("4late")
    assert handler.reasons == [reason]
    assert handler.messages == []
    assert socket.close_code == 1000


@in_fake_time
async def test_pauses_reach_the_transport() -> None:
    """The handler's pauses are the transport's."""
    connection, socket, _ = open_websocket()
    connection.pause("test")
    assert socket.paused
    connection.resume("test")
    assert not socket.paused


# the end


@given(st.lists(st.sampled_from(["send", "take", "finish"]), max_size=12))
def test_close_flushes_what_was_sent_before(steps: list[str]) -> None:
    """All that was sent before `close` goes out, nothing that is sent after it, and the handler hears of it once."""

    async def main() -> None:
        connection, socket, handler = open_websocket()
        sent: list[str | bytes] = []
        for step in steps:
            if step == "send":
                sent.append(f"4{len(sent)}")
                connection.send([Packet(sent[-1])])
            else:
                getattr(socket, step)()
        connection.close()
        connection.close()
        connection.send([message("late")])
        connection.receive("4late")
        while connection.state != "closed":
            socket.take()
            socket.finish()
        assert socket.frames == sent
        assert handler.reasons == ["forced close"]
        assert handler.messages == []

    run(main())


@in_fake_time
async def test_an_orderly_close_has_a_deadline() -> None:
    """A client that takes nothing is cut off after CLOSE_TIMEOUT seconds."""
    connection, socket, handler = open_websocket(ping_interval=100)
    connection.send([message("x")])
    connection.close()
    await asyncio.sleep(CLOSE_TIMEOUT - 0.1)
    assert not handler.closed
    await asyncio.sleep(0.2)
    assert handler.reasons == ["forced close"]
    assert socket.close_code == 1000


@in_fake_time
async def test_closing_by_polling_waits_for_the_next_poll() -> None:
    """A client that polls gets what was sent, and with the poll after it a close packet."""
    connection, transport, handler = open_polling()
    connection.send([message("last")])
    connection.close()
    assert transport.poll().result() == "4last"
    assert connection.state == "closing"
    assert transport.poll().result() == "1"
    assert handler.reasons == ["forced close"]


@in_fake_time
async def test_closing_answers_the_waiting_poll() -> None:
    """A poll that waits is answered by the close packet at once."""
    connection, transport, handler = open_polling()
    answer = transport.poll()
    connection.close()
    assert decode_payload(answer.result().encode()) == ["1"]
    assert handler.reasons == ["forced close"]


@pytest.mark.parametrize("times", [1, 2])
@in_fake_time
async def test_the_end_comes_once(times: int) -> None:
    """However often and in whatever ways a connection ends, the handler hears of the first."""
    engine, handlers = make_engine()
    socket = FakeWebSocket()
    connection = engine.open(request(), socket)
    for _ in range(times):
        connection.end("ping timeout", code=1001)
        connection.lost(socket, "transport close")
        connection.close()
        connection.sent()
    assert handlers[0].reasons == ["ping timeout"]
    assert socket.close_code == 1001
    assert connection.id not in engine.connections
    assert len(engine.heartbeat) == 0


@in_fake_time
async def test_another_transport_that_is_lost_does_not_matter() -> None:
    """Only the transport in use ends the connection."""
    connection, socket, handler = open_websocket()
    connection.lost(FakeWebSocket(), "transport close")
    assert not handler.closed
    connection.lost(socket, "transport close", "why")
    assert handler.closed == [("transport close", "why")]


@in_fake_time
async def test_a_handler_may_end_the_connection_while_it_is_told_a_message() -> None:
    """The packets behind a message that made the handler end the connection are not heard."""

    class Ender(Recorder):
        connection: Connection

        def on_message(self, data: str | bytes) -> None:
            super().on_message(data)
            self.connection.end("parse error")

    connection, _, _ = open_websocket()
    handler = connection.handler = Ender()
    handler.connection = connection
    connection.receive("4one")
    connection.receive("4two")
    assert handler.messages == ["one"]
    assert handler.reasons == ["parse error"]


# the engine's table


@in_fake_time
async def test_the_engine_closes_all_and_waits_for_them() -> None:
    """`close` lets everything out, `wait_closed` returns with the last connection, at the latest after its timeout."""
    engine, handlers = make_engine(ping_interval=100)
    sockets = [FakeWebSocket() for _ in range(3)]
    for socket in sockets:
        engine.open(request(), socket)
    engine.close()
    assert [len(handler.closed) for handler in handlers] == [0, 0, 0]  # the OPEN packets wait
    for socket in sockets[:2]:
        socket.flush()
    loop = asyncio.get_running_loop()
    before = loop.time()
    await engine.wait_closed(5)
    assert loop.time() - before == pytest.approx(5)
    loop.call_later(1, sockets[2].flush)
    before = loop.time()
    await engine.wait_closed(5)
    assert loop.time() - before == pytest.approx(1)
    assert engine.connections == {}


@in_fake_time
async def test_the_engine_discards_what_does_not_go() -> None:
    """`discard` ends every connection with the close code 1001."""
    engine, handlers = make_engine()
    socket = FakeWebSocket()
    engine.open(request(), socket)
    engine.close()
    engine.end_all()
    assert socket.close_code == 1001
    assert handlers[0].reasons == ["forced close"]
    assert engine.connections == {}


@in_fake_time
async def test_the_open_packet_names_the_terms() -> None:
    """The OPEN packet carries the session id and the options in the reference server's units."""
    engine, _ = make_engine(ping_interval=0.3, ping_timeout=0.25, max_http_buffer_size=77)
    socket = FakeWebSocket()
    connection = engine.open(request(), socket, "the-sid")
    socket.flush()
    [opening] = socket.frames
    assert isinstance(opening, str)
    assert opening[0] == "0"
    assert json.loads(opening[1:]) == {
        "sid": "the-sid",
        "upgrades": [],
        "pingInterval": 300,
        "pingTimeout": 250,
        "maxPayload": 77,
    }
    assert engine.connections == {"the-sid": connection}
