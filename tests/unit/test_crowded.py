"""A client for whom much waits is read no further until it has taken some of it, and is not cut off for asking much."""

from __future__ import annotations

import asyncio

from unit.clock import in_fake_time, turns
from unit.fakes import FakeWebSocket, make_engine, message, request
from whinny.engine import Connection
from whinny.engine.connection import STALL_TIMEOUT


def open_one(**options: int) -> tuple[Connection, FakeWebSocket]:
    engine, _ = make_engine(**options)
    transport = FakeWebSocket()
    connection = engine.open(request(), transport)
    transport.flush()
    transport.frames.clear()
    return connection, transport


@in_fake_time
async def test_reading_pauses_while_much_waits_and_goes_on_when_little_does() -> None:
    connection, transport = open_one(max_send_buffer=1000)
    connection.send([message("x" * 399)])
    assert not transport.paused
    connection.send([message("x" * 199)])
    assert transport.paused
    transport.take()
    connection.sent(300)
    assert transport.paused
    connection.sent(200)
    assert not transport.paused
    assert connection.state == "open"


@in_fake_time
async def test_one_that_takes_nothing_is_given_up_although_it_is_not_read() -> None:
    """Its pong may be unread, but so much waits for it that it would have taken some if it were there."""
    connection, transport = open_one(max_send_buffer=1000, ping_interval=1000)
    connection.send([message("x" * 399)])
    connection.send([message("x" * 199)])
    transport.take()
    await asyncio.sleep(STALL_TIMEOUT - 1)
    assert connection.state == "open"
    await asyncio.sleep(2)
    assert connection.state == "closed"


@in_fake_time
async def test_one_that_takes_something_now_and_then_is_not_given_up() -> None:
    connection, transport = open_one(max_send_buffer=1000, ping_interval=1000)
    connection.send([message("x" * 399)])
    connection.send([message("x" * 499)])
    transport.take()
    for left in (890, 880, 870, 860):
        await asyncio.sleep(STALL_TIMEOUT - 1)
        connection.sent(left)
    assert transport.paused
    assert connection.state == "open"


@in_fake_time
async def test_each_time_that_much_waits_has_its_own_patience() -> None:
    connection, transport = open_one(max_send_buffer=1000, ping_interval=1000)
    for seconds in (STALL_TIMEOUT - 1, STALL_TIMEOUT - 1, 0):
        connection.send([message("x" * 399)])
        connection.send([message("x" * 199)])
        assert transport.paused
        await asyncio.sleep(2)
        assert connection.state == "open", "what it did not take the time before counts no more"
        transport.flush()
        assert not transport.paused
        await asyncio.sleep(max(0, seconds - 2))


@in_fake_time
async def test_what_the_socket_takes_at_once_does_not_count() -> None:
    """More than may wait can be sent in one turn of the loop to a client that takes it."""
    connection, transport = open_one(max_send_buffer=1000)
    transport.try_write = transport.flush  # type: ignore[method-assign]
    for number in range(20):
        connection.send([message(f"{number}" * 300)])
    await turns()
    transport.flush()
    assert connection.state == "open"
    assert len(transport.frames) == 20
