"""What Node's servers ask for besides, and official clients of each server of a cluster."""

from __future__ import annotations

import asyncio
import json
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from cluster.clusters import CLASSIC, WITH_NODE
from cluster.members import NodeServer, Whom, node_client, sorted_answers
from support.servers import serve

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from cluster.clusters import Cluster

pytestmark = pytest.mark.anyio

CLASSIC_WITH_NODE, SHARDED_WITH_NODE = WITH_NODE[1], WITH_NODE[3]
both = pytest.mark.parametrize("cluster", [CLASSIC_WITH_NODE, SHARDED_WITH_NODE], indirect=True, ids=lambda k: k.name)
classic = pytest.mark.parametrize("cluster", [CLASSIC_WITH_NODE], indirect=True, ids=lambda k: k.name)


@both
async def test_nodes_remote_sockets(cluster: Cluster) -> None:
    """A socket of a server on Whinny that Node has fetched can be sent to, asked, moved and disconnected."""
    node, first, _ = cluster.servers
    assert isinstance(node, NodeServer)
    client = await cluster.open(first, "r", answer={"ünï": b"\x01"})
    other = await cluster.open(first, "r", answer="other")

    async def remote(method: str, *args: Any, **rest: Any) -> Any:
        return await node.call("remote", namespace="/", id=client.id, method=method, args=args, **rest)

    await remote("emit", "you", "ünï", b"\x01")
    assert await remote("emitWithAck", "question", b"\x02", seconds=5) == {"ünï": b"\x01"}
    await remote("join", "s")
    await remote("leave", "r")
    assert await cluster.heard(node) == [[["you", "ünï", b"\x01"], ["question", b"\x02"]], []]
    rooms = {each.id: each.rooms for each in await node.fetch()}
    assert rooms == {client.id: {client.id, "s"}, other.id: {other.id, "r"}}
    await remote("disconnect", True)
    await client.left()
    assert await cluster.heard(node) == [[], []]


@both
async def test_values_that_only_javascript_has(cluster: Cluster) -> None:
    """Dates, `undefined` and the like arrive at Whinny's clients as at Node's, and rooms may be numbers."""
    node = cluster.servers[0]
    assert isinstance(node, NodeServer)
    clients = [*await cluster.one_each(), *[await cluster.open(server, "5") for server in cluster.whinny]]
    await node.call("emitOdd")
    at_node, *others = await cluster.heard(node)
    assert at_node[0][1:4] == ["1970-01-01T00:00:00.000Z", None, {"at": ["2001-09-09T01:46:40.001Z"]}]
    assert at_node[2:] == [["to a number"]]
    assert others == [[*at_node[:2], ["but a number"]]] * 2 + [at_node] * 2
    rooms = {each.id: each.rooms - {each.id} for each in await cluster.whinny[0].fetch()}
    expected = [{"5"}, {"7.5"}, {"7.5"}, {"5"}, {"5"}]
    assert rooms == {client.id: each for client, each in zip(clients, expected, strict=True)}


@classic
async def test_all_rooms(cluster: Cluster) -> None:
    """Those of all servers, with the clients' own, in each namespace."""
    node, first, second = cluster.servers
    assert isinstance(node, NodeServer)
    clients = [await cluster.open(server, server.name) for server in cluster.servers]
    await cluster.open(first, "r", "Grüße 🐎")
    await cluster.open(second, "other", namespace="/chat")
    rooms = await node.call("allRooms", namespace="/")
    own = {each.id for each in [*clients, cluster.clients[3]]}
    assert set(rooms) == {*own, "node", "a", "b", "r", "Grüße 🐎"}
    assert set(await node.call("allRooms", namespace="/chat")) == {cluster.clients[4].id, "other"}


@pytest.mark.parametrize("cluster", [CLASSIC], indirect=True, ids=["classic"])
async def test_requests_of_older_servers(cluster: Cluster) -> None:
    """They ask for the ids in some rooms, and to move or disconnect one socket; who has it says that it is done."""
    clients = [*await cluster.one_each("r"), await cluster.open(cluster.servers[1], "s")]
    prefix = f"{cluster.key}-re"
    responses = cluster.redis.pubsub()
    await responses.subscribe(f"{prefix}sponse#/#")
    await cluster.subscribed("NUMSUB", {f"{prefix}sponse#/#": 4})

    async def asked(expected: int, **request: Any) -> list[Any]:
        await cluster.redis.publish(f"{prefix}quest#/#", json.dumps({"requestId": "i", **request}))
        found: list[Any] = []
        async with asyncio.timeout(8):
            while len(found) < expected:
                message = await responses.get_message(ignore_subscribe_messages=True, timeout=8)
                if message is not None:
                    found.append(json.loads(message["data"]))
        await cluster.settle()
        assert await responses.get_message(ignore_subscribe_messages=True) is None
        return sorted_answers(found)

    def ids(*numbers: int) -> list[str]:
        return sorted(clients[number].id for number in numbers)

    async def answered(**request: Any) -> list[str]:
        found = await asked(3, type=0, uid="older1", **request)
        assert all(each.keys() == {"requestId", "sockets"} for each in found)
        return sorted(id_ for each in found for id_ in each["sockets"])

    assert await answered(rooms=[]) == ids(0, 1, 2, 3)
    assert await answered(rooms=["r"]) == ids(0, 1, 2)
    assert await answered(rooms=["r", "s"]) == ids(0, 1, 2, 3)
    done = [{"requestId": "i"}]
    assert await asked(1, type=2, sid=clients[1].id, room="s") == done
    assert await answered(rooms=["s"]) == ids(1, 3)
    assert await asked(1, type=3, sid=clients[1].id, room="r") == done
    assert await answered(rooms=["r"]) == ids(0, 2)
    clients[2].is_gone = True
    assert await asked(1, type=4, sid=clients[2].id, close=False) == done
    await clients[2].left()
    assert await answered(rooms=[]) == ids(0, 1, 3)
    await responses.aclose()


@pytest.mark.parametrize("kind", WITH_NODE[1::2], ids=lambda kind: kind.name)
async def test_official_clients_of_each_server(cluster_of: Callable[..., Awaitable[Cluster]], kind: Any) -> None:
    """Two servers of `whinny run`, one on Node, and a client of each: all reach all, by text, binary and questions."""
    cluster = await cluster_of(kind)
    node = cluster.servers[0]
    assert isinstance(node, NodeServer)
    with ExitStack() as stack:
        env = {"CLUSTER_REDIS": cluster.redis_url, "CLUSTER_KEY": cluster.key, "CLUSTER_KIND": kind.adapter}
        urls = [node.url, *(stack.enter_context(serve("apps.cluster:app", env=env)).url for _ in range(2))]
        await cluster.has_servers(5)
        clients = [await node_client(node.node, url, answer=number) for number, url in enumerate(urls)]
        cluster.clients += clients
        for client in clients[1:]:
            assert await client.ask("join", "r") == {"status": "ok"}
        await node.join("r", whom=Whom((clients[0].id,)))
        await cluster.heard()
        if kind.is_sharded:
            await cluster.subscribed("SHARDNUMSUB", {f"{cluster.key}#/#r#": 3})
        for client in clients[1:]:
            await client.ask("to all", {"ünï 🐎": b"\x00\xff"})
            await client.ask("to the others", {"x": [b"\x01"]})
            assert await client.ask("ask all") == {"status": "ok", "data": [0, 1, 2]}
            assert await client.ask("who") == {"status": "ok", "data": sorted(each.id for each in clients)}
        to_all = ["to all", {"ünï 🐎": b"\x00\xff"}]
        to_others = ["to the others", {"x": [b"\x01"]}]
        assert await cluster.heard() == [
            [to_all, to_others, ["question"], to_all, to_others, ["question"]],
            [to_all, ["question"], to_all, to_others, ["question"]],
            [to_all, to_others, ["question"], to_all, ["question"]],
        ]
        await node.emit("from Node", "ünï 🐎", b"\x00\xff", whom=Whom(("r",)))
        assert await cluster.heard() == [[["from Node", "ünï 🐎", b"\x00\xff"]]] * 3
        asked = await node.ask("question", whom=Whom(seconds=5))
        assert sorted(asked.responses) == [0, 1, 2]
