"""Emitters reach the clients of servers on Whinny and on Node: Whinny's own, with and without async, and Node's."""

from __future__ import annotations

import asyncio
import inspect
import socket
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.exceptions import RedisError

from cluster.clusters import WITH_NODE
from cluster.members import ALL, Whom
from cluster.pair import until
from whinny import AsyncRedisEmitter, ConfigurationError, EncodeError, RedisEmitter, WebsocketResponse
from whinny.cluster.redis import emitter as emitter_module

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from cluster.clusters import Cluster
    from support.redis import RedisServer

pytestmark = pytest.mark.anyio

CLASSIC_WITH_NODE = WITH_NODE[0]
UNICODE = "Grüße, 世界 🐎"


class Emitter(ABC):
    """An emitter, as a test leads it: `method` by the name that it has on Whinny."""

    @abstractmethod
    async def do(self, method: str, *args: Any, whom: Whom = ALL, **rest: Any) -> None: ...

    async def emit(self, *args: Any, whom: Whom = ALL) -> None:
        await self.do("emit", *args, whom=whom)


class WhinnyEmitter(Emitter):
    def __init__(self, emitter: RedisEmitter | AsyncRedisEmitter, *, in_thread: bool = False) -> None:
        self._emitter = emitter
        self._in_thread = in_thread

    async def do(self, method: str, *args: Any, whom: Whom = ALL, **rest: Any) -> None:
        choice: Any = self._emitter.of(whom.namespace).to(whom.rooms).except_(*whom.excluded)
        for flag in whom.flags:
            choice = getattr(choice, flag)
        if self._in_thread:
            await asyncio.to_thread(getattr(choice, method), *args, **rest)
        else:
            done = getattr(choice, method)(*args, **rest)
            assert inspect.isawaitable(done) == isinstance(self._emitter, AsyncRedisEmitter)
            if inspect.isawaitable(done):
                await done


NODES_NAMES = {
    "emit": "emit",
    "sockets_join": "socketsJoin",
    "sockets_leave": "socketsLeave",
    "disconnect_sockets": "disconnectSockets",
    "server_side_emit": "serverSideEmit",
}


class NodeEmitter(Emitter):
    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._numbers: dict[str, int] = {}

    async def do(self, method: str, *args: Any, whom: Whom = ALL, **rest: Any) -> None:
        node, name = self._cluster.node, whom.namespace
        assert node is not None
        if name not in self._numbers:
            opened = {"redis": self._cluster.redis_url, "key": self._cluster.key, "namespace": name}
            self._numbers[name] = await node.call("openEmitter", **opened)
        if method in ("sockets_join", "sockets_leave"):
            args = (args,)
        request = {**whom.on_wire(), "number": self._numbers[name], "method": NODES_NAMES[method]}
        await node.call("emitterDoes", **request, args=[*args, *rest.values()])


@pytest.fixture
async def cluster(cluster_of: Callable[..., Awaitable[Cluster]]) -> Cluster:
    return await cluster_of(CLASSIC_WITH_NODE)


@pytest.fixture(params=["sync", "sync in a thread", "async", "Node"])
async def emitter(cluster: Cluster, request: pytest.FixtureRequest) -> AsyncIterator[Emitter]:
    url, key = cluster.redis_url, cluster.key
    if request.param == "Node":
        yield NodeEmitter(cluster)
    elif request.param == "async":
        async with AsyncRedisEmitter(url, key=key) as emitting:
            yield WhinnyEmitter(emitting)
    else:
        with RedisEmitter(url, key=key) as in_sync:
            yield WhinnyEmitter(in_sync, in_thread=request.param == "sync in a thread")


async def test_what_is_emitted_reaches_the_clients_of_all_servers(cluster: Cluster, emitter: Emitter) -> None:
    """Text, binary and nested values: to all, to rooms, without rooms, to one client and in another namespace."""
    for server in cluster.servers:
        await cluster.open(server, "r", "s")
        await cluster.open(server, "s", "Grüße 🐎")
        await cluster.open(server, "r", namespace="/chat")
    one = cluster.clients[-2]
    await emitter.emit("all", UNICODE, b"\x00\xff", None, {"x": [1.5, b"\x01"]})
    await emitter.emit("r", b"\x01", whom=Whom(("r",)))
    await emitter.emit("r and s", whom=Whom(("r", "s")))
    await emitter.emit("Grüße", whom=Whom(("Grüße 🐎",)))
    await emitter.emit("but r", UNICODE, whom=Whom(excluded=("r",)))
    await emitter.emit("s but r", whom=Whom(("s",), ("r", "nobody")))
    await emitter.emit("chat", UNICODE, b"\x01", whom=Whom(("r",), namespace="/chat"))
    to_all = ["all", UNICODE, b"\x00\xff", None, {"x": [1.5, b"\x01"]}]
    assert (
        await cluster.heard(emitter)
        == [
            [to_all, ["r", b"\x01"], ["r and s"]],
            [to_all, ["r and s"], ["Grüße"], ["but r", UNICODE], ["s but r"]],
            [["chat", UNICODE, b"\x01"]],
        ]
        * 3
    )
    await emitter.emit("you", b"\x02", whom=Whom((one.id,)))
    assert await cluster.heard(emitter) == [*[[]] * 7, [["you", b"\x02"]], []]
    await emitter.emit("volatile", UNICODE, whom=Whom(("s",), flags=("volatile",)))
    assert await cluster.heard(emitter) == [[["volatile", UNICODE]], [["volatile", UNICODE]], []] * 3


async def test_sockets_are_led(cluster: Cluster, emitter: Emitter) -> None:
    """Those of all servers join and leave rooms and are disconnected: all, those of rooms, or those of no rooms."""
    for server in cluster.servers:
        await cluster.open(server, "r")
        await cluster.open(server)
        await cluster.open(server, "r", namespace="/chat")
    root = cluster.servers[0]

    async def members(room: str, namespace: str = "/") -> list[bool]:
        found = {each.id for each in await root.fetch(Whom((room,), namespace=namespace))}
        return [each.id in found for each in cluster.clients]

    await emitter.do("sockets_join", "s", "Grüße 🐎", whom=Whom(("r",)))
    await emitter.do("sockets_join", "t", whom=Whom(excluded=("r",)))
    await emitter.do("sockets_join", "s", whom=Whom(namespace="/chat"))
    await cluster.heard(emitter)
    assert await members("s") == await members("Grüße 🐎") == [True, False, False] * 3
    assert await members("t") == [False, True, False] * 3
    assert await members("s", "/chat") == [False, False, True] * 3
    await emitter.do("sockets_leave", "s", "t")
    await cluster.heard(emitter)
    assert await members("s") == await members("t") == [False] * 9
    assert await members("r") == [True, False, False] * 3
    assert await members("s", "/chat") == [False, False, True] * 3
    await emitter.do("disconnect_sockets", whom=Whom(("Grüße 🐎",)))
    await emitter.do("disconnect_sockets", whom=Whom(namespace="/chat"), close=True)
    for client in [*cluster.clients[::3], *cluster.clients[2::3]]:
        assert await client.left() in ("io server disconnect", "transport close")
    assert {each.id for each in await root.fetch()} == {each.id for each in cluster.clients[1::3]}
    assert await root.fetch(Whom(namespace="/chat")) == []


async def test_all_servers_are_told(cluster: Cluster, emitter: Emitter) -> None:
    """Each of them hears it, and no client does."""
    await cluster.one_each()
    await emitter.do("server_side_emit", "told", UNICODE, None, {"x": [1.5]})
    await emitter.do("server_side_emit", "told", "chat", whom=Whom(namespace="/chat"))
    assert await cluster.heard(emitter) == [[]] * 3
    for server in cluster.servers:
        assert await server.told() == [["/", UNICODE, None, {"x": [1.5]}], ["/chat", "chat"]]


async def test_messages_keep_their_order(cluster: Cluster, emitter: Emitter) -> None:
    """To all and to a room in turns."""
    await cluster.one_each("r")
    for number in range(100):
        await emitter.emit("number", number, whom=Whom(("r",) * (number % 2)))
    assert await cluster.heard(emitter) == [[["number", number] for number in range(100)]] * 3


async def test_clients_that_are_given_stay_open(cluster: Cluster) -> None:
    """An emitter closes what it has made of a URL; a client that it was given works afterwards."""
    await cluster.one_each()
    given, given_async = Redis.from_url(cluster.redis_url), AsyncRedis.from_url(cluster.redis_url)
    emitter, emitter_async = RedisEmitter(given, key=cluster.key), AsyncRedisEmitter(given_async, key=cluster.key)
    emitter.close()
    await emitter_async.close()
    emitter.emit("one")
    await emitter_async.emit("two")
    assert await cluster.heard(WhinnyEmitter(emitter)) == [[["one"], ["two"]]] * 3
    assert given.ping()
    assert await given_async.ping()
    given.close()
    await given_async.aclose()


async def test_whoever_is_closed_closes_the_connection_of_all(redis: RedisServer) -> None:
    """An emitter and the choices made of it have one; of a client that was given nobody closes it."""
    given, given_async = (each.from_url(redis.url, client_name="given") for each in (Redis, AsyncRedis))
    asking: Redis = Redis.from_url(redis.url)

    def names() -> list[str]:
        return sorted(each["name"] for each in asking.client_list() if each["name"])

    with RedisEmitter(f"{redis.url}?client_name=a").of("/chat").to("r").volatile as choice:
        async with AsyncRedisEmitter(f"{redis.url}?client_name=b").of("/chat") as choice_async:
            with RedisEmitter(given).of("/chat") as choice_given:
                async with AsyncRedisEmitter(given_async).of("/chat") as choice_given_async:
                    choice.emit("hello")
                    choice_given.emit("hello")
                    await choice_async.emit("hello")
                    await choice_given_async.emit("hello")
                    assert names() == ["a", "b", "given", "given"]
    await until(lambda: names() == ["given", "given"])
    given.close()
    asking.close()
    await given_async.aclose()


async def test_an_emitter_says_what_is_wrong(cluster: Cluster) -> None:
    """Values that cannot be sent, reserved names and wrong namespaces: nothing is published."""
    await cluster.one_each()
    with RedisEmitter(cluster.redis_url, key=cluster.key) as emitter:
        with pytest.raises(EncodeError):
            emitter.emit("x", object())
        with pytest.raises(EncodeError):
            emitter.server_side_emit("told", object())
        for reserved in ("connect", "disconnect"):
            with pytest.raises(ValueError, match="reserved"):
                emitter.emit(reserved)
        with pytest.raises(ValueError, match="reserved"):
            emitter.server_side_emit("connection")
        for wrong in ("a,b", None, 5):
            with pytest.raises(ConfigurationError, match=r"namespace .* is wrong"):
                emitter.of(wrong)  # type: ignore[arg-type]
        emitter.to("r").of("chat").emit("another namespace, without the rooms of the first")
        emitter.emit("right", WebsocketResponse({"ü": 1}))
        assert await cluster.heard(WhinnyEmitter(emitter)) == [[["right", {"status": "ok", "data": {"ü": 1}}]]] * 3
    assert [await server.told() for server in cluster.servers] == [[]] * 3
    with pytest.raises(ConfigurationError):
        RedisEmitter(cluster.redis_url, key="")
    with pytest.raises(ConfigurationError):
        RedisEmitter(cluster.redis_url, namespace=5)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError):
        RedisEmitter("http://localhost")
    with pytest.raises(ConfigurationError):
        AsyncRedisEmitter(Redis.from_url(cluster.redis_url))  # type: ignore[arg-type]


def test_a_redis_that_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """An emitter that was made of a URL does not wait for ever."""
    monkeypatch.setattr(emitter_module, "PATIENCE", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}"
        with RedisEmitter(url) as emits, pytest.raises(RedisError):
            emits.emit("hello")
