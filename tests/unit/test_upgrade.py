"""From polling to WebSocket: in whatever moment it happens, nothing is lost, doubled or overtaken."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unit.clock import in_fake_time, run, turns
from unit.fakes import FakeWebSocket, message, open_polling
from whinny.engine import Connection, Upgrade, decode_payload
from whinny.engine.upgrade import RELEASE_INTERVAL

if TYPE_CHECKING:
    from unit.fakes import Wire

TIMEOUT = 10.0


def begin(connection: Connection, timeout: float = TIMEOUT) -> FakeWebSocket:
    """A WebSocket of the same session has come."""
    socket = FakeWebSocket()
    connection.upgrade = socket.peer = Upgrade(connection, socket, timeout)
    return socket


class Client:
    """A client as the official ones are: it polls, posts, probes, pauses polling and goes over."""

    def __init__(self) -> None:
        self.connection, self.polling, self.handler = open_polling(ping_interval=10_000, upgrade_timeout=TIMEOUT)
        self.socket: FakeWebSocket | None = None
        self.upgraded = False
        self.sent_by_server: list[Wire] = []
        self.sent_by_client: list[Wire] = []
        self.received: list[Wire] = []
        self._poll: asyncio.Future[str] | None = None
        self._post: asyncio.Task[None] | None = None
        self._frames = 0
        self._unread: list[Wire] = []

    # the server's steps

    def send(self) -> None:
        number = len(self.sent_by_server)
        self.sent_by_server.append(b"%d" % number if number % 3 == 2 else f"{number}")
        self.connection.send([message(self.sent_by_server[-1])])

    def pause(self) -> None:
        self.connection.pause("test")

    def resume(self) -> None:
        self.connection.resume("test")

    # the client's steps

    def poll(self) -> None:
        self.collect()
        if self._poll is None and not self.upgraded:
            self._poll = self.polling.poll()
            self.collect()

    def post(self) -> None:
        if self.upgraded:
            for wire in self._next(2):
                self._unread.append(wire)
        elif self._post is None or self._post.done():
            wires = self._next(3)
            body = "\x1e".join(message(wire[1:] if isinstance(wire, str) else wire).in_payload for wire in wires)
            self._post = asyncio.ensure_future(self._send(body.encode()))

    async def _send(self, body: bytes) -> None:
        self.polling.begin_data()
        await self.polling.data(body)
        self.polling.end_data()

    def _next(self, count: int) -> list[Wire]:
        """The next messages, as they stand on a WebSocket."""
        first = len(self.sent_by_client)
        self.sent_by_client += [b"%d" % n if n % 4 == 3 else f"{n}" for n in range(first, first + count)]
        return ["4" + wire if isinstance(wire, str) else wire for wire in self.sent_by_client[first:]]

    def probe(self) -> None:
        if self.socket is None:
            self.socket = begin(self.connection)
            self.socket.peer.receive("2probe")

    def fail(self) -> None:
        if self.socket is not None and not self.upgraded:
            self.socket.peer.lost(self.socket, "transport close")
            self.socket, self._frames = None, 0

    def upgrade(self) -> None:
        """The official client: the probe is answered, no poll and no data request is under way."""
        self.collect()
        posting = self._post is not None and not self._post.done()
        probed = self.socket is not None and "3probe" in self.socket.frames
        if self.socket is not None and probed and not self.upgraded and self._poll is None and not posting:
            self.upgraded = True
            self.socket.peer.receive("5")

    def take(self) -> None:
        if self.socket is not None:
            self.socket.take()

    def finish(self) -> None:
        if self.socket is not None:
            self.socket.finish()

    def read(self) -> None:
        """The server reads what stands in the WebSocket, while it is not paused."""
        while self.upgraded and self.socket is not None and not self.socket.paused and self._unread:
            self.socket.peer.receive(self._unread.pop(0))

    def collect(self) -> None:
        """Note what has come."""
        if self._poll is not None and self._poll.done():
            self._note(decode_payload(self._poll.result().encode()))
            self._poll = None
        if self.socket is not None:
            frames, self._frames = self.socket.frames[self._frames :], len(self.socket.frames)
            self._note(frames)

    def _note(self, wires: list[Wire]) -> None:
        for wire in wires:
            if not isinstance(wire, str):
                self.received.append(wire)
            elif wire[0] == "4":
                self.received.append(wire[1:])
            else:
                assert wire in ("6", "3probe")

    async def drain(self) -> None:
        """Let all that is under way come to its end."""
        self.resume()
        if self._post is not None:
            await self._post
        self.read()
        for _ in range(3):
            if self.socket is not None:
                self.socket.flush()
            if not self.upgraded and self._poll is None:
                self.poll()
            self.collect()


STEPS = ["send", "send", "poll", "poll", "post", "probe", "upgrade", "upgrade", "take", "finish", "read"]


@settings(max_examples=400)
@given(st.lists(st.sampled_from([*STEPS, "pause", "resume", "fail", "turn", "wait"]), max_size=60))
def test_no_interleaving_loses_doubles_or_reorders(steps: list[str]) -> None:
    """Sends, polls, data requests, pauses and the steps of upgrades in any order: both streams arrive as sent."""

    async def main() -> None:
        client = Client()
        for step in steps:
            if step == "turn":
                await asyncio.sleep(0)
            elif step == "wait":
                await asyncio.sleep(RELEASE_INTERVAL)
            else:
                getattr(client, step)()
        await client.drain()
        assert client.received == client.sent_by_server
        assert client.handler.messages == client.sent_by_client
        assert not client.handler.closed
        assert client.connection.upgraded is client.upgraded
        # and it goes on
        client.send()
        client.post()
        await client.drain()
        assert client.received == client.sent_by_server
        assert client.handler.messages == client.sent_by_client

    run(main())


@in_fake_time
async def test_the_steps_of_an_upgrade() -> None:
    """Probe, answer, noop to the waiting poll, upgrade: then packets go out by the WebSocket."""
    connection, polling, handler = open_polling()
    poll = polling.poll()
    socket = begin(connection)
    assert connection.upgrade is socket.peer
    socket.peer.receive("2probe")
    socket.flush()
    assert socket.frames == ["3probe"]
    assert not poll.done()
    await asyncio.sleep(RELEASE_INTERVAL * 1.1)
    assert poll.result() == "6"
    connection.send([message("queued")])
    socket.peer.receive("5")
    assert connection.transport is socket
    assert connection.upgraded
    assert connection.upgrade is None
    socket.flush()
    assert socket.frames == ["3probe", "4queued"]
    socket.peer.receive("4hello")
    assert handler.messages == ["hello"]


@in_fake_time
async def test_messages_go_by_polling_until_the_upgrade() -> None:
    """While the WebSocket is only probed, a waiting poll brings the messages."""
    connection, polling, _ = open_polling()
    poll = polling.poll()
    socket = begin(connection)
    socket.peer.receive("2probe")
    connection.send([message("a")])
    socket.flush()
    assert poll.result() == "4a"
    assert socket.frames == ["3probe"]


@in_fake_time
async def test_every_poll_of_the_meantime_is_released() -> None:
    """Polls are released again and again until the client has gone over, and not any more after it."""
    connection, polling, _ = open_polling()
    socket = begin(connection)
    socket.peer.receive("2probe")
    for _ in range(3):
        poll = polling.poll()
        await asyncio.sleep(RELEASE_INTERVAL * 1.1)
        assert poll.result() == "6"
    socket.peer.receive("5")
    loop = asyncio.get_running_loop()
    assert all(handle.cancelled() or handle.when() > loop.time() + 1 for handle in loop._scheduled)  # type: ignore[attr-defined]


@in_fake_time
async def test_a_poll_that_waits_at_the_upgrade_is_released() -> None:
    """A client that goes over while a poll waits gets a noop for it, not a close packet."""
    connection, polling, handler = open_polling()
    poll = polling.poll()
    socket = begin(connection)
    socket.peer.receive("5")
    assert poll.result() == "6"
    assert not handler.closed


@pytest.mark.parametrize("wire", ["4early", "2", "2other", "1", "3", b"binary", ""])
@in_fake_time
async def test_anything_else_gives_the_upgrade_up(wire: Wire) -> None:
    """A WebSocket that does not follow the steps is closed, and polling goes on."""
    connection, polling, handler = open_polling()
    socket = begin(connection)
    socket.peer.receive("2probe")
    socket.peer.receive(wire)
    assert socket.close_code == 1000
    assert connection.upgrade is None
    assert connection.transport is polling
    connection.send([message("x")])
    assert polling.poll().result() == "4x"
    assert handler.messages == []
    assert not handler.closed


@pytest.mark.parametrize("probed", [False, True])
@in_fake_time
async def test_an_upgrade_has_its_time(probed: bool) -> None:
    """An upgrade that is not done in time is given up, whether it was probed or not; no poll is released any more."""
    connection, polling, handler = open_polling(ping_interval=100)
    socket = begin(connection, timeout=1.0)
    if probed:
        socket.peer.receive("2probe")
    await asyncio.sleep(0.95)
    assert socket.close_code is None
    await asyncio.sleep(0.1)
    assert socket.close_code == 1000
    assert connection.upgrade is None
    poll = polling.poll()
    await asyncio.sleep(5)
    assert not poll.done()
    assert not handler.closed


@in_fake_time
async def test_a_lost_websocket_leaves_polling() -> None:
    """A WebSocket that is lost before it took over ends nothing, and another one may follow."""
    connection, polling, handler = open_polling()
    first = begin(connection)
    first.peer.receive("2probe")
    first.peer.lost(first, "transport close")
    assert connection.upgrade is None
    assert connection.transport is polling
    second = begin(connection)
    second.peer.receive("2probe")
    second.peer.receive("5")
    assert connection.transport is second
    assert not handler.closed


@in_fake_time
async def test_the_end_of_the_connection_ends_the_upgrade() -> None:
    """A connection that ends closes the WebSocket that was to take over, which cannot bring it back."""
    connection, polling, handler = open_polling()
    socket = begin(connection)
    upgrade = socket.peer
    upgrade.receive("2probe")
    polling.poll_gone(polling.poll())
    assert handler.reasons == ["transport error"]
    assert socket.close_code == 1000
    upgrade.receive("5")
    assert connection.transport is polling
    assert connection.state == "closed"
    await turns()


@in_fake_time
async def test_the_loss_of_the_new_transport_ends_the_connection() -> None:
    """After the upgrade the WebSocket is what counts, and the former polling is not."""
    connection, polling, handler = open_polling()
    socket = begin(connection)
    socket.peer.receive("5")
    polling.peer.lost(polling, "transport error")
    assert not handler.closed
    socket.peer.lost(socket, "transport close")
    assert handler.reasons == ["transport close"]


@pytest.mark.parametrize("waits", [False, True])
@in_fake_time
async def test_a_connection_that_is_closing_may_still_go_over(waits: bool) -> None:
    """What was sent before `close` goes out by the WebSocket that takes over."""
    connection, _, handler = open_polling()
    socket = begin(connection)
    socket.peer.receive("2probe")
    socket.flush()
    if waits:
        connection.send([message("last")])
    connection.close()
    socket.peer.receive("5")
    socket.flush()
    assert socket.frames == ["3probe", *(["4last"] if waits else [])]
    assert handler.reasons == ["forced close"]


@in_fake_time
async def test_a_pause_goes_over_with_the_connection() -> None:
    """A connection whose reading is paused reads nothing from the new transport before it is resumed."""
    connection, _, _ = open_polling()
    connection.pause("test")
    socket = begin(connection)
    socket.peer.receive("5")
    assert socket.paused
    connection.resume("test")
    assert not socket.paused


@in_fake_time
async def test_an_upgrade_that_was_given_up_does_not_disturb_the_next() -> None:
    """The late loss of a first WebSocket leaves the second one registered, so that the connection's end ends it."""
    connection, _, _ = open_polling()
    first = begin(connection)
    first.peer.receive("4junk")
    second = begin(connection)
    first.peer.lost(first, "transport close")
    assert connection.upgrade is second.peer
    connection.end("ping timeout")
    assert second.close_code == 1000


@in_fake_time
async def test_an_upgrade_that_was_given_up_stays_so() -> None:
    """A client that goes over just when the time is out keeps its polling: the WebSocket is closed already."""
    connection, polling, _ = open_polling()
    socket = begin(connection, timeout=1.0)
    socket.peer.receive("2probe")
    await asyncio.sleep(1.1)
    assert socket.close_code == 1000
    socket.peer.receive("5")
    assert connection.transport is polling
    assert not connection.upgraded
