"""Emitting from other threads and other loops."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from unit.clock import turns
from unit.fakes import FakeClient
from unit.test_sockets import Handler
from whinny import AckTimeout, EncodeError, Server
from whinny.protocol import Ack, Event


def opened() -> tuple[Server, FakeClient, Any]:
    server = Server()
    server.of("/").handler = Handler()
    client = FakeClient(server)
    sid = client.connect()
    return server, client, server.of("/").sockets[sid]


async def test_emits_from_another_thread_are_in_order() -> None:
    """What a thread calls happens in the loop's thread, in the order of the calls, rooms and emits alike."""
    server, client, socket = opened()

    def work() -> None:
        for number in range(200):
            [server, socket, server.to(socket.id)][number % 3].emit("e", number)
        socket.join("x")
        server.to("x").emit("x")
        server.sockets_leave("x")
        server.to("x").emit("nobody")
        socket.emit("last")
        socket.disconnect()
        socket.emit("late")

    await asyncio.to_thread(work)
    await turns()
    assert client.events() == [*(["e", number] for number in range(200)), ["x"], ["last"]]
    assert not socket.connected


async def test_an_emit_from_a_thread_takes_the_data_of_the_moment() -> None:
    """Data is encoded in the thread that emits: what cannot be sent raises there, later changes do not count."""
    server, client, _ = opened()

    def work() -> None:
        data = [1]
        server.emit("e", data)
        data.append(2)
        with pytest.raises(EncodeError):
            server.emit("e", object())

    await asyncio.to_thread(work)
    await turns()
    assert client.events() == [["e", [1]]]


async def test_many_threads_keep_their_own_order() -> None:
    """Events of several threads may mix, but those of one do not."""
    server, client, _ = opened()
    threads = [
        threading.Thread(target=lambda name=name: [server.emit("e", name, number) for number in range(50)])
        for name in "abc"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        await asyncio.to_thread(thread.join)
    await turns()
    events = client.events()
    for name in "abc":
        assert [number for _, whose, number in events if whose == name] == list(range(50))


async def test_another_loop_may_ask() -> None:
    """`emit_with_ack` and `fetch_sockets` can be awaited in a loop of another thread; answers and errors come there."""
    server, client, socket = opened()

    async def elsewhere() -> list[Any]:
        own = threading.get_ident()
        answers = [
            await socket.emit_with_ack("q", timeout=10),
            await server.emit_with_ack("q", timeout=10),
            [each.id for each in await server.fetch_sockets()],
        ]
        with pytest.raises(AckTimeout):
            await socket.emit_with_ack("unanswered", timeout=0.01)
        assert threading.get_ident() == own
        return answers

    asking = asyncio.ensure_future(asyncio.to_thread(asyncio.run, elsewhere()))
    while not asking.done():
        for packet in client.receive():
            if isinstance(packet, Event) and packet.data == ["q"]:
                client.send(Ack("/", [threading.get_ident()], packet.id))
        await asyncio.sleep(0.001)
    here = threading.get_ident()
    assert await asking == [here, [here], [socket.id]]
