"""Which servers see each other, and on which channels they answer."""

from __future__ import annotations

import asyncio
import json
import math
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from cluster.clusters import CLASSIC, FROM_NODE, ON_WHINNY, SHARDED, TO_NODE, WITH_NODE, Kind
from cluster.members import Whom, answers, sorted_answers
from whinny import (
    AckTimeout,
    AsyncRedisEmitter,
    ClusterTimeout,
    ConfigurationError,
    RedisAdapter,
    RedisEmitter,
    Server,
    ShardedRedisAdapter,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from cluster.clusters import Cluster

pytestmark = pytest.mark.anyio

SPECIFIC = {"specific_response_channel": True}
ON_NODE = {"publishOnSpecificResponseChannel": True}


@pytest.mark.parametrize(
    ("options", "node_options"), [(SPECIFIC, {}), ({}, ON_NODE), (SPECIFIC, ON_NODE)], ids=["Whinny", "Node", "both"]
)
@pytest.mark.parametrize("servers", [TO_NODE, FROM_NODE], ids=["to Node", "from Node"])
async def test_responses_on_channels_of_their_own(
    cluster_of: Callable[..., Awaitable[Cluster]],
    servers: tuple[str, ...],
    options: dict[str, Any],
    node_options: dict[str, Any],
) -> None:
    """Servers with the option answer the one that has asked, the others answer all; either way it is answered.

    Answers to `server_side_emit` go to all: Node's servers send them so in any case.
    """
    cluster = await cluster_of(Kind("specific", "classic", servers, options, node_options))
    clients = await cluster.one_each("r")
    responses = f"{cluster.key}-response#/#"
    listening = cluster.redis.pubsub()
    await listening.psubscribe(f"{responses}*")
    first = cluster.servers[0]
    assert {each.id for each in await first.fetch(Whom(("r",)))} == {each.id for each in clients}
    asked = await first.ask("question", b"\x01", whom=Whom(seconds=5))
    assert sorted_answers(asked.responses) == answers(clients)
    await cluster.redis.publish(f"{responses}end", "")
    at_all, at_one = 0, 0
    async for message in listening.listen():
        if message["channel"] == f"{responses}end".encode():
            break
        at_all += message["channel"] == responses.encode()
        at_one += message["type"] == "pmessage" and message["channel"] != responses.encode()
    others = ["node" if each == "node" else "whinny" for each in servers[1:]]
    specific = others.count("whinny") * bool(options) + others.count("node") * bool(node_options)
    assert (at_all, at_one) == (3 * (2 - specific), 3 * specific)  # the sockets, the number of clients, and an answer
    assert len((await first.tell_and_ask("told")).responses) == 2
    await listening.aclose()


@pytest.mark.parametrize("kind", [*ON_WHINNY[1:], WITH_NODE[1], WITH_NODE[3]], ids=lambda kind: kind.name)
async def test_clusters_with_other_keys_do_not_see_each_other(
    cluster_of: Callable[..., Awaitable[Cluster]], kind: Kind
) -> None:
    """On one Redis, each key is a cluster, even one that begins as another does."""
    one = await cluster_of(kind)
    others = [await cluster_of(kind, key) for key in (f"{one.key}x", f"{one.key}#", f"{one.key[:-1]}?")]
    for cluster in (one, *others):
        await cluster.one_each("r", answer=cluster.key)
    for cluster in (one, *others):
        first = cluster.servers[0]
        await first.emit("all", cluster.key)
        await first.emit("r", cluster.key, whom=Whom(("r",)))
        await first.join("s")
        await first.tell("told", cluster.key)
        assert (await first.ask("question", whom=Whom(seconds=5))).responses == [cluster.key] * 3
        assert {each.id for each in await first.fetch()} == {each.id for each in cluster.clients}
        assert await first.server_count() == 3
    for cluster in (one, *others):
        await cluster.servers[0].disconnect(Whom(("nobody",)))
        own = [["all", cluster.key], ["r", cluster.key], ["question"]]
        for heard in await cluster.heard():
            assert sorted(heard) == sorted(own)  # one server on Node asks its own clients at once
        assert [await server.told() for server in cluster.servers] == [[], [["/", cluster.key]], [["/", cluster.key]]]


async def test_an_emitter_with_another_key_reaches_nobody(cluster_of: Callable[..., Awaitable[Cluster]]) -> None:
    """Nor does one whose namespace is another."""
    cluster = await cluster_of(CLASSIC)
    await cluster.one_each()
    with RedisEmitter(cluster.redis_url, key=f"{cluster.key}x") as emitter:
        emitter.emit("x")
        emitter.disconnect_sockets()
    with RedisEmitter(cluster.redis_url, key=cluster.key, namespace="other") as emitter:
        emitter.emit("x")
        emitter.disconnect_sockets()
    assert await cluster.heard() == [[]] * 3


@pytest.mark.parametrize(
    ("adapter", "wrong"),
    [
        (RedisAdapter, {"key": ""}),
        (RedisAdapter, {"key": 5}),
        (RedisAdapter, {"key": "a\ud800"}),
        (RedisAdapter, {"specific_response_channel": "no"}),
        (RedisAdapter, {"request_timeout": 0}),
        (RedisAdapter, {"request_timeout": "5"}),
        (RedisAdapter, {"request_timeout": math.nan}),
        (RedisAdapter, {"max_buffer": 0}),
        (RedisAdapter, {"max_buffer": None}),
        (ShardedRedisAdapter, {"channel_prefix": ""}),
        (ShardedRedisAdapter, {"channel_prefix": "\udfffa"}),
        (ShardedRedisAdapter, {"subscription_mode": "some"}),
        (ShardedRedisAdapter, {"request_timeout": -1}),
        (ShardedRedisAdapter, {"request_timeout": True}),
        (ShardedRedisAdapter, {"max_buffer": 1.5}),
    ],
)
def test_wrong_options(adapter: type[Any], wrong: dict[str, Any]) -> None:
    """The error names the adapter and what is wrong."""
    with pytest.raises(ConfigurationError, match=f"{adapter.__name__} .*{next(iter(wrong))}|subscription modes"):
        adapter("redis://localhost", **wrong)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("redis://:pass-word@localhost?foo=pass-word", "URL redis://…"),
        ("redis://:pass-word@localhost?protocol=9", "URL redis://…"),
        ("redis://:pass-word@localhost:port", "URL redis://…"),
        ("rediss://:pass-word@localhost?ssl_cert_reqs=pass-word", "URL rediss://…"),
        ("http://:pass-word@localhost", "URL http://…"),
        ("pass-word@localhost", "<class 'str'>"),
        ("redis:pass-word@localhost", "<class 'str'>"),
        (b"redis://:pass-word@localhost", "<class 'bytes'>"),
        (None, "<class 'NoneType'>"),
    ],
)
@pytest.mark.parametrize("what", [RedisAdapter, ShardedRedisAdapter, RedisEmitter, AsyncRedisEmitter])
def test_what_is_no_way_to_redis(what: type[Any], given: object, words: str) -> None:
    """Is refused at once, also where redis-py would notice only when it connects; a password is not shown."""
    with pytest.raises(ConfigurationError, match=f"{what.__name__} .*{re.escape(words)}") as refused:
        what(given)
    assert "pass-word" not in str(refused.value)


def test_a_namespace_that_would_share_a_channel_with_a_room() -> None:
    """A sharded adapter refuses it; to the other one it is a name like any."""
    with pytest.raises(ConfigurationError, match="'/#foo'"):
        Server(adapter=ShardedRedisAdapter("redis://localhost")).of("/#foo")
    assert Server(adapter=RedisAdapter("redis://localhost")).of("/#foo").name == "/#foo"


@pytest.mark.parametrize("cluster", [SHARDED], indirect=True, ids=["sharded"])
async def test_a_server_that_answers_twice(cluster: Cluster) -> None:
    """Counts once: the other one is waited for."""
    listening = cluster.redis.pubsub()
    await listening.ssubscribe(f"{cluster.key}#/#")
    await cluster.subscribed("SHARDNUMSUB", {f"{cluster.key}#/#": 4})
    answers = {5: {}, 7: {"sockets": [{"id": "x"}]}, 9: {"packet": "twice"}, 3: {"clientCount": 0}}

    async def answer_twice() -> None:
        async for message in listening.listen():
            asked = json.loads(message["data"]) if message["type"] == "smessage" else {"uid": "twice"}
            if asked["uid"] != "twice":
                kind = 11 if asked["type"] == 3 else asked["type"] + 1
                data = {"requestId": asked["data"]["requestId"], **answers[asked["type"]]}
                response = json.dumps({"uid": "twice", "nsp": "/", "type": kind, "data": data})
                for _ in range(2):
                    await cluster.redis.spublish(f"{cluster.key}#/#{asked['uid']}#", response)

    answering = asyncio.ensure_future(answer_twice())
    silent, io = cluster.whinny[1], cluster.whinny[0].io
    adapter = silent.io.of("/").adapter
    adapter._link.unsubscribe("SSUBSCRIBE", f"{cluster.key}#/#".encode())
    await cluster.subscribed("SHARDNUMSUB", {f"{cluster.key}#/#": 3})
    deaf = cluster.redis.pubsub()
    await deaf.ssubscribe(f"{cluster.key}#/#")
    await cluster.subscribed("SHARDNUMSUB", {f"{cluster.key}#/#": 4})
    fetched, told, acks = await asyncio.gather(
        io.timeout(3).fetch_sockets(),
        io.server_side_emit_with_ack("told", timeout=3),
        io.emit_with_ack("question", timeout=3),
        return_exceptions=True,
    )
    assert isinstance(fetched, ClusterTimeout)
    assert "1 of 3" in str(fetched)
    assert [each.id for each in fetched.responses] == ["x"]
    assert isinstance(told, AckTimeout)
    assert "1 of 3" in str(told)
    assert sorted(map(str, told.responses)) == sorted(["twice", str({"from": "c", "ünï": b"\x01\x02"})])
    assert isinstance(acks, AckTimeout)
    assert "1 other server" in str(acks)
    answering.cancel()
    await listening.aclose()
    await deaf.aclose()


WITHOUT = """
import sys
sys.modules[sys.argv[1]] = None
import whinny
for name in ("RedisAdapter", "ShardedRedisAdapter", "RedisEmitter", "AsyncRedisEmitter"):
    for module in ("whinny", "whinny.cluster.redis"):
        try:
            exec(f"from {module} import {name}")
        except ModuleNotFoundError as error:
            print(error)
"""


@pytest.mark.parametrize("package", ["redis", "hiredis"])
def test_without_the_packages(package: str) -> None:
    """The error says how they are installed."""
    done = subprocess.run([sys.executable, "-c", WITHOUT, package], capture_output=True, text=True, timeout=30)
    hint = 'whinny.cluster.redis needs redis and hiredis: pip install "whinny[redis]"\n'
    assert done.stdout == hint * 8, done.stderr
