"""Events between servers: in a cluster of one, and by an adapter that knows another server."""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import TYPE_CHECKING, Any

import pytest

from unit.clock import in_fake_time, turns
from unit.fakes import FakeClient
from unit.test_sockets import Handler
from whinny import (
    AckTimeout,
    ConfigurationError,
    EncodeError,
    RedisAdapter,
    Server,
    ServiceManager,
    Settings,
    SocketIOController,
    WebsocketResponse,
)
from whinny.cluster import MemoryAdapter

if TYPE_CHECKING:
    from whinny.cluster import AdapterHost

RESERVED = ["connect", "connection", "new_namespace"]


class Wired(MemoryAdapter[Any]):
    """An adapter that calls the namespaces of its name on the other servers."""

    def __init__(self, network: list[Wired]) -> None:
        super().__init__()
        self._network = network
        network.append(self)

    def bind(self, host: AdapterHost) -> None:
        self.host = host

    @property
    def others(self) -> list[AdapterHost]:
        return [each.host for each in self._network if each is not self and each.host.name == self.host.name]

    def server_side_emit(self, data: list[Any]) -> None:
        for other in self.others:
            other.on_server_side_emit(data)

    async def server_side_emit_with_ack(self, data: list[Any], timeout: float | None) -> list[Any]:
        answers: list[Any] = []
        others = self.others
        for other in others:
            other.on_server_side_emit(data, answers.append)
        for _ in range(int(timeout or 5)):
            if len(answers) == len(others):
                return answers
            await asyncio.sleep(1)
        raise AckTimeout("not all servers answered", answers)

    async def server_count(self) -> int:
        return 1 + len(self.others)


def cluster(count: int) -> list[Server]:
    network: list[Wired] = []
    servers = [Server(adapter=lambda: Wired(network)) for _ in range(count)]
    for server in servers:
        server.bind_loop()
    return servers


# one server


@in_fake_time
async def test_a_cluster_of_one() -> None:
    """There are no others: nobody hears, nobody answers, and the count is one. Clients get nothing either."""
    server = Server()
    server.of("/").handler = Handler()
    client = FakeClient(server)
    client.connect()
    heard: list[Any] = []
    for choice in (server, server.of("/admin")):
        choice.on("e", heard.append)
        assert choice.server_side_emit("e", 1) is None
        assert await choice.server_side_emit_with_ack("e", 1, timeout=3) == []
        assert await choice.server_count() == 1
    await turns()
    assert heard == []
    assert client.events() == []


@in_fake_time
async def test_what_cannot_be_sent_raises_where_it_is_emitted() -> None:
    """Data that is no JSON, reserved names and names that are no text are refused, in a cluster of one as well."""
    server = Server()
    loop: list[Any] = []
    loop.append(loop)
    for data in (object(), loop):
        with pytest.raises(EncodeError):
            server.server_side_emit("e", data)
        with pytest.raises(EncodeError):
            await server.server_side_emit_with_ack("e", data)
    for name in RESERVED:
        with pytest.raises(ValueError, match="reserved"):
            server.server_side_emit(name)
        with pytest.raises(ValueError, match="reserved"):
            await server.server_side_emit_with_ack(name)
        with pytest.raises(ValueError, match="reserved"):
            server.on(name, print)
    with pytest.raises(TypeError, match="no text"):
        server.server_side_emit(5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="no function"):
        server.on("e", "print")  # type: ignore[arg-type]


@pytest.mark.parametrize("adapter", ["redis", dict, RedisAdapter, lambda: None])
def test_a_wrong_adapter_is_refused(adapter: Any) -> None:
    """What makes no adapter is an error that names it, when the server is made."""
    with pytest.raises(ConfigurationError, match=r"needs an adapter such as|adapter .* is wrong"):
        Server(adapter=adapter)


async def never() -> None: ...


@pytest.mark.parametrize("fn", [never, "print"])
def test_what_is_to_be_done_when_the_server_is_back_is_a_def(fn: Any) -> None:
    with pytest.raises(TypeError, match="it is no `def`"):
        Server().when_back(fn)


def test_a_wrong_adapter_of_a_root_is_refused_in_its_name() -> None:
    class Root(SocketIOController):
        adapter = RedisAdapter  # type: ignore[assignment]

    with pytest.raises(ConfigurationError, match=r"Root needs an adapter such as .*, not the class RedisAdapter\."):
        ServiceManager(Settings()).get(Root).attach()


@pytest.mark.parametrize("rooms", [(5,), ([5],), ("a", ["b", 5]), (None,), (b"ab",), ([b"ab"],)])
def test_the_name_of_a_room_is_a_text(rooms: Any) -> None:
    """What is none is refused before anything is done."""
    server = Server()
    for choose in (server.to, server.except_, server.sockets_join, server.sockets_leave):
        with pytest.raises(TypeError, match="The name of a room is a text"):
            choose(*rooms)
    assert server.to(["a", "b"], {"c"}, "d")._rooms == ("a", "b", "c", "d")


def test_each_namespace_has_an_adapter_of_its_own() -> None:
    """The adapter's class can be given as it is; it is made once for a namespace, and bound to it."""
    network: list[Wired] = []
    server = Server(adapter=lambda: Wired(network))
    server.of("/admin")
    server.of("/")
    assert [each.host.name for each in network] == ["/", "/admin"]
    assert [server.of(name).adapter for name in ("/", "/admin")] == network
    assert type(Server(adapter=MemoryAdapter).of("/").adapter) is MemoryAdapter


# several


@in_fake_time
async def test_the_others_hear() -> None:
    """All other servers hear an event in the same namespace, with its arguments; the one that emits does not."""
    a, b, c = cluster(3)
    heard: list[Any] = []
    for name, server in (("a", a), ("b", b), ("c", c)):
        server.on("e", lambda *args, name=name: heard.append((name, *args)))
    b.of("/admin").on("e", lambda: heard.append("admin"))
    a.server_side_emit("e", 1, b"x", ("t",), WebsocketResponse("r"))
    expected = (1, b"x", ["t"], {"status": "ok", "data": "r"})
    assert heard == [("b", *expected), ("c", *expected)]
    a.of("/admin").server_side_emit("e")
    a.server_side_emit("unheard")
    assert heard[2:] == ["admin"]
    assert [await server.server_count() for server in (a, b.of("/admin"), b.of("/new"))] == [3, 2, 1]


@in_fake_time
async def test_names_of_clients_events_are_free() -> None:
    """Only the reference server's three names are reserved; `disconnect`, say, is an event like any other."""
    a, b = cluster(2)
    heard: list[Any] = []
    b.on("disconnect", heard.append)
    a.server_side_emit("disconnect", "x" * 3, *[])
    b.on("", heard.append)
    a.server_side_emit("", [b"x"] * 20)
    assert heard == ["xxx", [b"x"] * 20]


@in_fake_time
async def test_listeners() -> None:
    """Several listen in their order, `async` ones as tasks; an error stops no other; who is off hears no more."""
    a, b = cluster(2)
    heard: list[Any] = []

    def first(value: int) -> None:
        heard.append(("first", value))

    async def later(value: int) -> None:
        await asyncio.sleep(1)
        heard.append(("later", value))

    def broken(value: int) -> None:
        b.off("e", first)
        raise ValueError("broken")

    for fn in (first, later, broken, first):
        b.on("e", fn)
    a.server_side_emit("e", 1)
    assert heard == [("first", 1), ("first", 1)]
    await asyncio.sleep(2)
    assert heard[2:] == [("later", 1)]
    heard.clear()
    b.off("e", broken)
    b.off("e", broken)
    b.off("never", first)
    a.server_side_emit("e", 2)
    await asyncio.sleep(2)
    assert heard == [("first", 2), ("later", 2)]


@in_fake_time
async def test_answers() -> None:
    """What the first listener returns, at once or later, is its server's answer."""
    a, b, c = cluster(3)

    async def slow(value: int) -> int:
        await asyncio.sleep(1)
        return value * 10

    b.on("q", slow)
    b.on("q", lambda value: "second")
    c.on("q", lambda value: None)
    assert await a.server_side_emit_with_ack("q", 7) == [None, 70]


@in_fake_time
async def test_no_answer(caplog: pytest.LogCaptureFixture) -> None:
    """A server whose listener fails, or that has none, does not answer: AckTimeout has the answers that came."""
    a, b, c, d = cluster(4)

    def broken() -> None:
        raise ValueError("broken")

    async def broken_later() -> None:
        raise ValueError("broken later")

    b.on("q", broken)
    c.on("q", broken_later)
    d.on("q", lambda: "here")
    with caplog.at_level(logging.ERROR), pytest.raises(AckTimeout) as caught:
        await a.server_side_emit_with_ack("q", timeout=3)
    assert caught.value.responses == ["here"]
    assert [str(record.exc_info[1]) for record in caplog.records if record.exc_info] == ["broken", "broken later"]


async def test_other_threads() -> None:
    """A thread listens and emits like the loop: it takes effect in the loop, in order, with the data of the moment."""
    a, b = cluster(2)
    heard: list[Any] = []
    here = threading.get_ident()

    def work() -> None:
        data = [1]
        b.on("e", lambda value: heard.append((value, threading.get_ident() == here)))
        a.server_side_emit("e", data)
        data.append(2)
        with pytest.raises(EncodeError):
            a.server_side_emit("e", object())

    await asyncio.to_thread(work)
    await turns()
    assert heard == [([1], True)]
    assert await asyncio.to_thread(asyncio.run, a.server_count()) == 2
    assert await asyncio.to_thread(asyncio.run, a.server_side_emit_with_ack("e", [1])) == [None]
