"""Which servers see each other, and on which channels they answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cluster.clusters import CLASSIC, FROM_NODE, ON_WHINNY, TO_NODE, WITH_NODE, Kind
from cluster.members import Whom, answers, sorted_answers
from whinny import ConfigurationError, RedisAdapter, RedisEmitter, ShardedRedisAdapter

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
        (RedisAdapter, {"request_timeout": 0}),
        (ShardedRedisAdapter, {"channel_prefix": ""}),
        (ShardedRedisAdapter, {"subscription_mode": "some"}),
        (ShardedRedisAdapter, {"request_timeout": -1}),
    ],
)
def test_wrong_options(adapter: type[Any], wrong: dict[str, Any]) -> None:
    """The error names the adapter and what is wrong."""
    with pytest.raises(ConfigurationError, match=adapter.__name__):
        adapter("redis://localhost", **wrong)
