"""What servers on Whinny do with their clusters from Python: sockets of other servers, threads, values, timeouts."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from cluster.clusters import CLASSIC, ON_WHINNY, SHARDED, WITH_NODE, Kind
from cluster.members import Whom, sorted_answers, until
from whinny import AckTimeout, ClusterTimeout, EncodeError, RemoteSocket, Socket
from whinny.cluster import Selection
from whinny.server.acks import Relay

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from cluster.clusters import Cluster
    from cluster.members import ClusterServer

pytestmark = pytest.mark.anyio


def on(*kinds: Kind) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("cluster", kinds, indirect=True, ids=lambda kind: kind.name)


ON_WHINNY_AND_TO_NODE = on(*ON_WHINNY, WITH_NODE[0], WITH_NODE[2])


@dataclass
class Order:
    number: int
    when: datetime
    price: Decimal
    parts: tuple[str, ...]
    picture: bytes


ORDER = Order(7, datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC), Decimal("1.50"), ("ä", "b"), b"\x00\xff")


@ON_WHINNY_AND_TO_NODE
async def test_rich_values_arrive_everywhere_the_same(cluster: Cluster) -> None:
    """Dataclasses, dates, decimals and the like: as this server's clients get them, so do those of the others."""
    await cluster.one_each("r", answer="ok")
    first = cluster.whinny[0]
    values = [ORDER, {"at": ORDER.when, "id": UUID(int=5)}, ORDER.price, {1}, bytearray(b"\x01"), float("1e300")]
    await first.emit("rich", *values)
    await first.emit("rich", *values, whom=Whom(("r",)))
    await first.ask("rich", *values, whom=Whom(seconds=5))
    here, *others = await cluster.heard(first)
    assert len(here) == 3
    assert here[0][1]["picture"] == b"\x00\xff"
    assert here[0][3] == "1.50"
    assert others == [here, here]


@on(*ON_WHINNY[1:], WITH_NODE[0], WITH_NODE[2])
async def test_text_that_has_no_utf_8(cluster: Cluster) -> None:
    """Half of a surrogate pair, which any client can send, stops nothing; to the other servers it goes as U+FFFD."""
    await cluster.one_each(answer="ok")
    io = cluster.whinny[0].io
    io.emit("half", "a\ud800", {"\ud800": [b"\x01"]})
    here, *others = await cluster.heard(cluster.whinny[0])
    assert here[0][0] == "half"
    assert others == [[["half", "a\ufffd", {"\ufffd": [b"\x01"]}]]] * (cluster.size - 1)
    for socket in cluster.whinny[0].io.of("/").sockets.values():
        socket.data["half"] = "\udc00"
    if len(cluster.whinny) > 1:
        found = await cluster.whinny[1].io.fetch_sockets()
        assert "\ufffd" in [socket.data.get("half") for socket in found]


BIG = [10**30, -(2**63) - 1, 2**64, {str(10**30): [10**30, b"\x01"]}]


@ON_WHINNY_AND_TO_NODE
async def test_integers_beyond_64_bits(cluster: Cluster) -> None:
    """Clients of other servers get the numbers that JavaScript has for them, and may answer with such ones."""
    first = cluster.whinny[0]
    expected = [BIG if server in cluster.whinny else None for server in cluster.servers]  # Node has no way for them
    clients = [await cluster.open(each, "r", answer=big) for each, big in zip(cluster.servers, expected, strict=True)]
    first.io.emit("big", *BIG)
    first.io.to("r").emit("big", *BIG)
    first.io.server_side_emit("told", BIG[0])
    for heard in await cluster.heard(first):
        assert [as_floats(each) for each in heard] == [["big", *as_floats(BIG)]] * 2
    asked = await first.ask("question", whom=Whom(seconds=5))
    assert asked.complete
    assert sorted_answers(as_floats(asked.responses)) == sorted_answers(as_floats(expected))
    assert not any(client.is_gone for client in clients)
    for server in cluster.servers[1:] if cluster.size > 1 else ():
        assert as_floats(await server.told()) == [["/", 1e30]]


def as_floats(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: as_floats(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_floats(item) for item in value]
    return float(value) if isinstance(value, int) else value


async def test_an_answer_that_cannot_be_passed_on(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged, and counts as None; the client, from whose packet it was read, stays."""
    passed: list[Any] = []

    def answer(value: Any) -> None:
        if value is not None:
            raise OverflowError("too big")
        passed.append(value)

    Relay(answer).answered([5])
    assert passed == [None]
    assert "cannot be sent to the server" in caplog.text


@ON_WHINNY_AND_TO_NODE
async def test_what_changes_after_an_emit_reaches_nobody(cluster: Cluster) -> None:
    """The arguments are taken as they are when `emit` is called, and so for the other operations."""
    await cluster.one_each(answer="ok")
    io = cluster.whinny[0].io
    value: dict[str, Any] = {"list": [1, {"deep": True}], "bytes": bytearray(b"\x01")}
    io.emit("value", value)
    told = {"n": [1]}
    io.server_side_emit("told", told)
    asking = asyncio.ensure_future(io.emit_with_ack("value", value, timeout=5))
    await asyncio.sleep(0)
    value["list"][1]["deep"] = False
    value["list"].append(2)
    value["bytes"][0] = 2
    told["n"].append(2)
    assert await asking == ["ok"] * 3
    expected = [["value", {"list": [1, {"deep": True}], "bytes": b"\x01"}]] * 2
    assert await cluster.heard() == [expected] * 3
    for server in cluster.servers[1:] if cluster.size > 1 else ():
        assert await server.told() == [["/", {"n": [1]}]]


@ON_WHINNY_AND_TO_NODE
async def test_what_cannot_be_sent_reaches_nobody(cluster: Cluster) -> None:
    """It is an error at once, here and on the other servers alike."""
    await cluster.one_each(answer="ok")
    io = cluster.whinny[0].io
    endless: list[Any] = []
    endless.append(endless)
    for wrong in (object(), {"x": [object()]}, endless, {"n": float("nan"), "o": object()}):
        with pytest.raises(EncodeError):
            io.emit("wrong", wrong)
        with pytest.raises(EncodeError):
            await io.emit_with_ack("wrong", wrong)
        with pytest.raises(EncodeError):
            io.server_side_emit("told", wrong)
        with pytest.raises(EncodeError):
            await io.server_side_emit_with_ack("told", wrong)
    for reserved in ("connect", "disconnect"):
        with pytest.raises(ValueError, match="reserved"):
            io.emit(reserved)
    assert await cluster.heard() == [[], [], []]
    assert [await each.told() for each in cluster.servers] == [[], [], []]


async def _told(server: ClusterServer) -> list[list[Any]]:
    """What it is told of in the next seconds."""
    for _ in range(500):
        if told := await server.told():
            return told
        await asyncio.sleep(0.01)
    return []


@on(CLASSIC, SHARDED, WITH_NODE[0], WITH_NODE[2])
async def test_what_is_nested_too_deeply(cluster: Cluster) -> None:
    """It is an error at once for what goes to other servers; they are not told of it in the data of a socket."""

    def deep(levels: int) -> Any:
        return [deep(levels - 1)] if levels else "x"

    io = cluster.whinny[0].io
    for levels in (256, 300, 450, 500, 900):
        for value in (deep(levels), [deep(levels), b"x"]):
            with pytest.raises(EncodeError, match="deep"):
                io.server_side_emit("told", value)
            with pytest.raises(EncodeError, match="deep"):
                await asyncio.to_thread(io.server_side_emit, "told", value)
    io.server_side_emit("told", deep(250))
    second = cluster.whinny[1]
    await cluster.open(second)
    for server in cluster.servers[1:]:
        assert await _told(server) == [["/", deep(250)]]
    (socket,) = second.io.of("/").sockets.values()
    for levels in (300, 500, 900):
        socket.data = {"deep": deep(levels), "flat": 1}
        (found,) = await cluster.servers[-1].fetch() if cluster.kind.has_node else await io.fetch_sockets()
        assert found.data == {"flat": 1}


@on(CLASSIC, SHARDED)
async def test_nothing_is_kept_of_clients_that_have_answered(cluster: Cluster) -> None:
    """Nor of those that have left, however long the other server would wait."""
    _, second, third = cluster.whinny
    await cluster.open(second, answer="ok")
    silent = await cluster.open(third)
    loop: Any = asyncio.get_running_loop()

    def timers() -> int:
        return sum("_forget(" in repr(each) for each in loop._scheduled if not each.cancelled())

    asking = asyncio.create_task(cluster.whinny[0].io.timeout(3600).emit_with_ack("question"))
    await until(lambda: timers() == 1, "one server waits for its client")
    sockets = third.io.of("/").sockets
    sockets[silent.id].disconnect()
    await silent.left()
    assert timers() == 0
    asking.cancel()
    await asyncio.wait([asking])


@ON_WHINNY_AND_TO_NODE
async def test_threads_emit(cluster: Cluster) -> None:
    """What another thread emits reaches the clients of all servers in order, and so do its requests."""
    await cluster.one_each("r", answer="ünï")
    io = cluster.whinny[0].io

    def work() -> list[Any]:
        for number in range(100):
            io.emit("number", number)
            io.to("r").emit("number", number)
        io.sockets_join("s")
        io.server_side_emit("told", "thread")
        return asyncio.run(io.timeout(5).emit_with_ack("question"))

    assert await asyncio.to_thread(work) == ["ünï"] * 3
    numbers = [["number", number] for number in range(100) for _ in range(2)]
    assert await cluster.heard() == [[*numbers, ["question"]]] * 3
    assert len(await io.in_("s").fetch_sockets()) == 3
    for server in cluster.servers[1:] if cluster.size > 1 else ():
        assert await server.told() == [["/", "thread"]]


@ON_WHINNY_AND_TO_NODE
async def test_sockets_of_other_servers(cluster: Cluster) -> None:
    """`fetch_sockets` gives a Socket of this server, and RemoteSockets of the others: all can be led alike."""
    clients = await cluster.one_each("r")
    io = cluster.whinny[0].io
    sockets = {each.id: each for each in await io.fetch_sockets()}
    kinds = [RemoteSocket if cluster.size > 1 and number else Socket for number in range(3)]
    assert [type(sockets[client.id]) for client in clients] == kinds
    for number, client in enumerate(clients):
        socket = sockets[client.id]
        assert socket.rooms == {client.id, "r"}
        assert socket.namespace is io.of("/")
        socket.emit("you", number, "ünï", b"\x01")
        assert await socket.emit_with_ack("question", number, b"\x01", timeout=5) == client.answer
        assert await socket.timeout(5).emit_with_ack("again") == client.answer
        socket.join("s", "t")
        socket.leave("r")
    expected = [[["you", n, "ünï", b"\x01"], ["question", n, b"\x01"], ["again"]] for n in range(3)]
    assert await cluster.heard() == expected
    await cluster.settle()
    assert {each.rooms for each in await io.fetch_sockets()} == {frozenset({c.id, "s", "t"}) for c in clients}
    assert sockets[clients[2].id].rooms == {clients[2].id, "r"} or cluster.size == 1
    for socket in sockets.values():
        socket.volatile.emit("volatile")
        assert await cluster.heard() == [[["volatile"]] if each.id == socket.id else [] for each in clients]
    for client in clients:
        sockets[client.id].disconnect(close=True)
        await client.left()
    assert await io.fetch_sockets() == []


@on(*ON_WHINNY)
async def test_a_remote_socket_that_does_not_answer(cluster: Cluster) -> None:
    """AckTimeout, as from a socket of this server; one that is gone by then gives None."""
    silent = await cluster.open(cluster.servers[1])
    gone = await cluster.open(cluster.servers[2], answer="x")
    io = cluster.whinny[0].io
    sockets = {each.id: each for each in await io.fetch_sockets()}
    with pytest.raises(AckTimeout):
        await sockets[silent.id].timeout(0.1).emit_with_ack("question")
    sockets[gone.id].disconnect()
    await gone.left()
    if cluster.size > 1:
        assert await sockets[gone.id].emit_with_ack("question", timeout=5) is None


@on(*ON_WHINNY)
async def test_a_client_sends_to_the_others(cluster: Cluster) -> None:
    """A socket's own `to` and `broadcast` reach the clients of all servers but the one that sends."""
    clients = await cluster.one_each("r")
    io = cluster.whinny[0].io
    own = io.of("/").sockets[clients[0].id]
    own.to("r").emit("to", "ünï")
    own.broadcast.emit("broadcast", b"\x01")
    own.except_(clients[1].id).emit("except")
    to_all: list[Any] = [["to", "ünï"], ["broadcast", b"\x01"]]
    assert await cluster.heard() == [[], to_all, [*to_all, ["except"]]]


@ON_WHINNY_AND_TO_NODE
async def test_servers_that_do_not_answer(cluster: Cluster) -> None:
    """A server that listens to no such event gives no answer: AckTimeout holds the answers of those that did."""
    io = cluster.whinny[0].io
    if cluster.size == 1:
        assert await io.server_side_emit_with_ack("nobody") == []
        return
    cluster.servers[1].io.on("some", lambda: "ünï")
    some, nobody = await asyncio.gather(
        io.server_side_emit_with_ack("some", timeout=3),
        io.server_side_emit_with_ack("nobody", timeout=0.1),
        return_exceptions=True,
    )
    assert isinstance(some, AckTimeout)
    assert some.responses == ["ünï"]
    assert isinstance(nobody, AckTimeout)
    assert nobody.responses == []


@on(CLASSIC, SHARDED)
async def test_answers_of_servers_may_take_time(cluster: Cluster) -> None:
    """An `async def` answers when it ends; of two listeners, the first one; an error is no answer."""
    first, second, third = cluster.whinny
    release = asyncio.Event()

    async def slowly(value: str) -> str:
        await release.wait()
        return f"slow {value}"

    def fails(value: str) -> None:
        raise RuntimeError(value)

    second.io.on("work", slowly)
    third.io.on("work", lambda value: f"first {value}")
    third.io.on("work", lambda value: f"second {value}")
    asking = asyncio.ensure_future(first.io.server_side_emit_with_ack("work", "ü", timeout=5))
    await cluster.heard(third)
    assert not asking.done()
    release.set()
    assert sorted(await asking) == ["first ü", "slow ü"]
    second.io.off("work", slowly)
    second.io.on("work", fails)
    with pytest.raises(AckTimeout) as caught:
        await first.io.server_side_emit_with_ack("work", "ü", timeout=3)
    assert caught.value.responses == ["first ü"]


@on(CLASSIC, SHARDED)
async def test_what_listeners_answer(cluster: Cluster) -> None:
    """It arrives as a client would get it, binary values too."""
    first, second, third = cluster.whinny
    second.io.on("give", lambda: [ORDER, {"at": ORDER.when, "ids": {UUID(int=5)}}, (b"\x00\xff", None), 2**70])
    third.io.on("give", lambda: None)
    given = await first.io.server_side_emit_with_ack("give", timeout=5)
    assert len(given) == 2
    assert None in given
    when = "2026-01-02T03:04:05.678000Z"
    assert [
        {"number": 7, "when": when, "price": "1.50", "parts": ["ä", "b"], "picture": b"\x00\xff"},
        {"at": when, "ids": [str(UUID(int=5))]},
        [b"\x00\xff", None],
        float(2**70),
    ] in given


@on(CLASSIC, SHARDED)
async def test_what_looks_like_binary_data_of_node(cluster: Cluster) -> None:
    """The classic wire has no other form for binary values; the sharded one has."""
    first, second, third = cluster.whinny
    for each in second, third:
        each.io.on("give", lambda: {"type": "Buffer", "data": [1, 255]})
    expected = b"\x01\xff" if cluster.kind is CLASSIC else {"type": "Buffer", "data": [1, 255]}
    assert await first.io.server_side_emit_with_ack("give", timeout=5) == [expected] * 2


@on(CLASSIC, SHARDED)
async def test_a_server_that_says_nothing_of_its_sockets(cluster: Cluster) -> None:
    """ClusterTimeout holds the sockets that came, this server's among them."""
    clients = await cluster.one_each()
    channel = f"{cluster.key}-request#/#" if cluster.kind is CLASSIC else f"{cluster.key}#/#"
    listening = cluster.redis.pubsub()
    await (listening.subscribe if cluster.kind is CLASSIC else listening.ssubscribe)(channel)  # one that never answers
    await cluster.subscribed("NUMSUB" if cluster.kind is CLASSIC else "SHARDNUMSUB", {channel: 4})
    io = cluster.whinny[0].io
    fetched, acks = await asyncio.gather(
        io.timeout(3).fetch_sockets(), io.timeout(3).emit_with_ack("question"), return_exceptions=True
    )
    await listening.aclose()
    assert isinstance(fetched, ClusterTimeout)
    assert {each.id for each in fetched.responses} == {each.id for each in clients}
    assert isinstance(acks, AckTimeout)
    assert sorted(map(repr, acks.responses)) == sorted(repr(each.answer) for each in clients)


@pytest.mark.parametrize("kind", [CLASSIC, SHARDED], ids=lambda kind: kind.name)
async def test_a_server_leaves(cluster_of: Callable[..., Awaitable[Cluster]], kind: Kind) -> None:
    """Its clients leave with it; the others count one less, and do not wait for it."""
    cluster = await cluster_of(kind)
    clients = await cluster.one_each()
    first, second, third = cluster.whinny
    leaving = asyncio.ensure_future(third.io.close())
    await clients[2].left()
    await leaving
    await cluster.has_servers(2)
    assert await first.server_count() == await second.server_count() == 2
    assert {each.id for each in await first.fetch()} == {each.id for each in clients[:2]}
    assert len((await first.ask("question", whom=Whom(seconds=5))).responses) == 2
    assert (await first.tell_and_ask("told")).responses == [{"from": "b", "ünï": b"\x01\x02"}]


@on(*ON_WHINNY, *WITH_NODE)
async def test_who_is_let_into_a_room_hears_it_at_once(cluster: Cluster) -> None:
    """Whichever server the client is on: that server may not hear the room's channel yet."""
    for server in cluster.servers:
        await cluster.open(server)
    first = cluster.whinny[0]
    client = cluster.clients[-1]
    for room in ("new", "newer", "x" * 20, "new"):
        first.io.in_(client.id).sockets_join(room)
        first.io.to(room).emit("joined", room)
        first.io.in_(client.id).sockets_leave(room)
        first.io.to(room).emit("left", room)
    heard = await cluster.heard(first)
    assert heard == [[], [], [["joined", room] for room in ("new", "newer", "x" * 20, "new")]]


async def test_a_room_has_its_channel_again(
    cluster_of: Callable[..., Awaitable[Cluster]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some seconds after members were let into it; until then, what is sent to it goes to all servers."""
    monkeypatch.setattr("whinny.cluster.redis.sharded.LATELY", 0.05)
    cluster = await cluster_of(SHARDED)
    client = await cluster.open(cluster.servers[1])
    io = cluster.whinny[0].io
    publish = io.of("/").adapter._channel
    room, everybody = publish(Selection(("r",))), publish(Selection())
    assert room != everybody
    io.in_(client.id).sockets_join("r", "s")
    assert publish(Selection(("r",))) == everybody
    await until(lambda: publish(Selection(("r",))) == room, "the room has its channel")
    await cluster.rooms_are_heard()
    io.to("r").emit("r")
    assert await cluster.heard(cluster.servers[0]) == [[["r"]]]


@pytest.mark.parametrize("mode", ["static", "dynamic", "dynamic-private"])
async def test_which_rooms_have_channels(cluster_of: Callable[..., Awaitable[Cluster]], mode: str) -> None:
    """Of a server with a member in them, in "dynamic" mode; with those of sockets' ids in "dynamic-private"."""
    cluster = await cluster_of(Kind(mode, "sharded", options={"subscription_mode": mode}))
    first, second, third = cluster.servers
    await cluster.open(first, "r")
    client = await cluster.open(second, "r", "Grüße", "x" * 20)
    other = await cluster.open(second, "r")

    async def channels() -> set[str]:
        found = await cluster.redis.execute_command("PUBSUB", "SHARDCHANNELS", f"{cluster.key}#/#*")
        names = {each.decode().removeprefix(f"{cluster.key}#/#").removesuffix("#") for each in found}
        return {each for each in names if each and each not in uids}

    uids = {server.io.of("/").adapter.uid for server in cluster.whinny}
    expected = {"static": set(), "dynamic": {"r", "Grüße"}}.get(mode)
    if expected is None:
        expected = {"r", "Grüße", "x" * 20, *(each.id for each in cluster.clients)}
    assert await channels() == expected
    await third.emit("one", whom=Whom((client.id,)))
    await third.emit("r", whom=Whom(("r",)))
    await third.emit("x", whom=Whom(("x" * 20,)))
    assert await cluster.heard(third) == [[["r"]], [["one"], ["r"], ["x"]], [["r"]]]
    await first.join(other.id)  # a room that is a socket's id already
    await cluster.settle()
    await first.leave(other.id, "r")
    await cluster.settle()
    await third.emit("one", whom=Whom((other.id,)))
    assert await cluster.heard(third) == [[], [], [["one"]]]
    await first.disconnect(Whom((client.id,)))
    await client.left()
    assert await channels() == ({first_.id for first_ in cluster.clients if not first_.is_gone} & expected)


@pytest.mark.parametrize("mode", ["static", "dynamic-private"])
async def test_node_in_other_modes(cluster_of: Callable[..., Awaitable[Cluster]], mode: str) -> None:
    """A Node server with the same `subscriptionMode` reaches rooms and single sockets, and is reached."""
    names = ("a", "b", "node")
    options = {"subscription_mode": mode}
    cluster = await cluster_of(Kind(mode, "sharded", names, options, {"subscriptionMode": mode}))
    clients = await cluster.one_each("r")
    for server in cluster.servers:
        await server.emit("r", server.name, whom=Whom(("r",)))
        for client in clients:
            await server.emit("you", server.name, whom=Whom((client.id,)))
    for heard in await cluster.heard():
        assert sorted(heard) == sorted([event, name] for event in ("r", "you") for name in names)
