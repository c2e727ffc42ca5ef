"""Pings, pongs, and what happens without them; in fake time."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from unit.clock import in_fake_time, run
from unit.fakes import FakeWebSocket, Recorder, make_engine, message, request
from whinny.engine import Connection, Engine
from whinny.engine.heartbeat import SLACK

INTERVAL, TIMEOUT = 0.3, 0.2


def opened(count: int = 1, **options: Any) -> tuple[Engine, list[Connection], list[FakeWebSocket], list[Recorder]]:
    engine, handlers = make_engine(**{"ping_interval": INTERVAL, "ping_timeout": TIMEOUT, **options})
    sockets = [FakeWebSocket(auto=True) for _ in range(count)]
    connections = [engine.open(request(), socket) for socket in sockets]
    for socket in sockets:
        socket.frames.clear()
    return engine, connections, sockets, handlers


@in_fake_time
async def test_a_ping_comes_each_interval() -> None:
    """The first ping comes one interval after the opening, the next ones an interval after each pong."""
    _, [connection], [socket], [handler] = opened()
    await asyncio.sleep(INTERVAL - 2 * SLACK)
    assert socket.frames == []
    await asyncio.sleep(3 * SLACK)
    for count in range(1, 5):
        assert socket.frames == ["2"] * count
        connection.receive("3")
        await asyncio.sleep(INTERVAL + SLACK)
    assert not handler.closed


@in_fake_time
async def test_silence_ends_the_connection() -> None:
    """Without a pong the connection ends one timeout after the ping."""
    _, _, [socket], [handler] = opened()
    await asyncio.sleep(INTERVAL + TIMEOUT - 3 * SLACK)
    assert not handler.closed
    await asyncio.sleep(4 * SLACK)
    assert handler.reasons == ["ping timeout"]
    assert socket.frames == ["2"]
    assert socket.close_code == 1000


@in_fake_time
async def test_a_message_renews_the_timeout_once() -> None:
    """A message while a pong is due gives the client one timeout more; the messages after it give nothing."""
    _, [connection], _, [handler] = opened()
    await asyncio.sleep(INTERVAL + SLACK)
    await asyncio.sleep(TIMEOUT * 0.75)
    connection.receive("4busy")
    for _ in range(3):
        await asyncio.sleep(TIMEOUT * 0.25)
        assert not handler.closed
        connection.receive(b"still busy")
    await asyncio.sleep(TIMEOUT * 0.25 + SLACK)
    assert handler.reasons == ["ping timeout"]


@in_fake_time
async def test_a_message_renews_again_after_the_next_ping() -> None:
    """The renewal, which pings again, counts for one ping only: after a pong there is another one."""
    _, [connection], [socket], [handler] = opened()
    for count in (1, 2, 3):
        await asyncio.sleep(INTERVAL + SLACK)
        assert socket.frames == ["2"] * (2 * count - 1)
        await asyncio.sleep(TIMEOUT * 0.75)
        connection.receive("4busy")
        assert socket.frames == ["2"] * (2 * count)
        await asyncio.sleep(TIMEOUT * 0.75)
        connection.receive("3")
    assert not handler.closed


@in_fake_time
async def test_messages_are_no_pongs() -> None:
    """A client that sends messages but never a pong is gone in the end."""
    _, [connection], _, [handler] = opened()
    while not handler.closed:
        connection.receive("4talk")
        await asyncio.sleep(0.01)
        assert asyncio.get_running_loop().time() < 1000 + INTERVAL + 2 * TIMEOUT + 0.1


@in_fake_time
async def test_a_message_before_the_ping_renews_nothing() -> None:
    """Messages while no pong is due do not count."""
    _, [connection], _, [handler] = opened()
    connection.receive("4early")
    await asyncio.sleep(INTERVAL + TIMEOUT + SLACK)
    assert handler.reasons == ["ping timeout"]


@given(
    st.lists(
        st.tuples(st.sampled_from(["pong", "talk", "close", "wait"]), st.integers(0, 4), st.floats(0, 0.3)), max_size=40
    )
)
def test_all_who_answer_stay_and_all_others_go(steps: list[tuple[str, int, float]]) -> None:
    """A model of each client says when it must be gone at the latest, and when it must be there still."""

    async def main() -> None:
        engine, connections, _, handlers = opened(5)
        loop = asyncio.get_running_loop()
        opening = loop.time()
        last_pong = [opening] * 5
        closed: set[int] = set()
        for action, which, seconds in steps:
            if action == "pong" and connections[which].state == "open":
                connections[which].receive("3")
                last_pong[which] = loop.time()
            elif action == "talk":
                connections[which].receive("4talk")
            elif action == "close" and connections[which].state == "open":
                connections[which].end("transport close")
                closed.add(which)
            await asyncio.sleep(seconds)
            assert len(engine.heartbeat) == len(engine.connections)
            for number, handler in enumerate(handlers):
                silence = loop.time() - last_pong[number]
                if number in closed:
                    assert handler.reasons == ["transport close"]
                elif silence > INTERVAL + 2 * TIMEOUT + SLACK:
                    assert handler.reasons == ["ping timeout"]
                elif silence < INTERVAL + TIMEOUT - 2 * SLACK and not handler.closed:
                    assert connections[number].state == "open"

    run(main())


@in_fake_time
async def test_one_timer_serves_all() -> None:
    """Connections of one moment are pinged and ended by one timer, and each once."""
    engine, _, sockets, handlers = opened(1000)
    loop: Any = asyncio.get_running_loop()
    assert sum(not handle.cancelled() for handle in loop._scheduled) == 1
    await asyncio.sleep(INTERVAL + SLACK)
    assert all(socket.frames == ["2"] for socket in sockets)
    assert sum(not handle.cancelled() for handle in loop._scheduled) == 1
    await asyncio.sleep(TIMEOUT + SLACK)
    assert all(handler.reasons == ["ping timeout"] for handler in handlers)
    assert len(engine.heartbeat) == 0


@in_fake_time
async def test_removal_costs_the_same_however_many_there_are() -> None:
    """Removing a connection compares it with none of the others, and leaves no entry."""
    engine, connections, _, _ = opened(500)
    await asyncio.sleep(INTERVAL + SLACK)  # all owe a pong now
    for connection in connections[::2]:
        connection.receive("3")
    assert len(engine.heartbeat) == 500
    looked_at = 0

    class Asked:
        def __init__(self, connection: Connection) -> None:
            self.connection = connection

        def __hash__(self) -> int:
            return hash(self.connection)

        def __eq__(self, other: object) -> bool:
            nonlocal looked_at
            looked_at += 1
            return other is self.connection

    for connection in reversed(connections):
        engine.heartbeat.remove(Asked(connection))  # type: ignore[arg-type]
    assert len(engine.heartbeat) == 0
    assert looked_at < 6 * 500  # itself in each lookup, and now and then a collision
    engine.heartbeat.remove(connections[0])


@in_fake_time
async def test_a_closed_connection_leaves_no_entry() -> None:
    """Whichever queue it stood in, a connection that ends is in neither of them, and gets no ping any more."""
    engine, connections, sockets, _ = opened(3)
    connections[0].end("transport close")
    await asyncio.sleep(INTERVAL + SLACK)
    connections[1].end("transport close")
    connections[2].receive("3")
    connections[2].close()
    assert len(engine.heartbeat) == 0
    await asyncio.sleep(10)
    assert [socket.frames for socket in sockets] == [[], ["2"], ["2"]]


@in_fake_time
async def test_stop_ends_the_pings() -> None:
    """After `stop` no timer is left, and stopping again is no error."""
    engine, _, [socket], [handler] = opened()
    engine.heartbeat.stop()
    engine.heartbeat.stop()
    loop: Any = asyncio.get_running_loop()
    await asyncio.sleep(10)
    assert socket.frames == []
    assert not handler.closed
    assert not loop._scheduled


@in_fake_time
async def test_tiny_times_do_not_spin() -> None:
    """An interval and a timeout below the timer's slack work as well."""
    _, [connection], [socket], [handler] = opened(ping_interval=0.001, ping_timeout=5)
    for count in range(1, 10):
        await asyncio.sleep(0.002)
        assert socket.frames == ["2"] * count
        connection.receive("3")
    assert not handler.closed
    _, _, [socket], [handler] = opened(ping_interval=5, ping_timeout=0.001)
    await asyncio.sleep(5.01)
    assert socket.frames == ["2"]
    assert handler.reasons == ["ping timeout"]


@in_fake_time
async def test_a_ping_waits_with_the_messages_of_a_slow_client() -> None:
    """A ping stands in the queue like any packet, and behind what was sent before it."""
    engine, handlers = make_engine(ping_interval=INTERVAL, ping_timeout=TIMEOUT)
    socket = FakeWebSocket()
    connection = engine.open(request(), socket)
    connection.send([message("first")])
    await asyncio.sleep(INTERVAL + SLACK)
    connection.send([message("last")])
    socket.flush()
    assert socket.frames[1:] == ["4first", "2", "4last"]
    assert not handlers[0].closed


@in_fake_time
async def test_a_paused_connection_is_not_ended_for_its_unread_pong() -> None:
    """While reading is paused a pong cannot be read: the client is asked again until reading goes on."""
    _, [connection], [socket], [handler] = opened()
    connection.pause("test")
    await asyncio.sleep(INTERVAL + 3.5 * TIMEOUT)
    assert not handler.closed
    assert socket.frames == ["2"] * 4
    connection.resume("test")
    connection.receive("3")
    await asyncio.sleep(INTERVAL + SLACK)
    assert socket.frames == ["2"] * 5
    connection.pause("test")
    connection.resume("test")
    await asyncio.sleep(2 * TIMEOUT)
    assert handler.reasons == ["ping timeout"]
