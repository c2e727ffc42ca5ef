"""What every adapter does, between servers on Whinny and with a server on Node, whichever of them begins.

Each test begins its operations at the cluster's first server, and sees them at clients of all servers. In the cluster
of one, the in-memory adapter's, all names are of the same server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cluster.clusters import ON_WHINNY, WITH_NODE
from cluster.members import SILENT, Responses, Whom, answers, sorted_answers

if TYPE_CHECKING:
    from cluster.clusters import Cluster

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.parametrize("cluster", [*ON_WHINNY, *WITH_NODE], indirect=True, ids=lambda kind: kind.name),
]

UNICODE = "Grüße, 世界 🐎\x00\u2028"
NESTED: dict[str, Any] = {
    "list": [1, -2.5, True, None, "", [], {}],
    "ключ": {"deep": [{"er": UNICODE}]},
    "big": 2**53 - 1,
    "blobs": [b"\x01", {"more": b""}],
}
VALUES: list[Any] = ["text", UNICODE, b"\x00\x01\xff" * 100, None, False, 0, 1.25, NESTED]


async def test_a_broadcast_reaches_all_clients_of_all_servers(cluster: Cluster) -> None:
    """Text, binary and nested values arrive as they were, on each server the same."""
    await cluster.one_each()
    first = cluster.servers[0]
    await first.emit("nothing")
    await first.emit("values", *VALUES)
    for value in VALUES:
        await first.emit(UNICODE, value)
    expected = [["nothing"], ["values", *VALUES], *([UNICODE, value] for value in VALUES)]
    assert await cluster.heard(first) == [expected] * 3


@pytest.mark.parametrize("room", ["r", "Grüße 🐎", "*[a]?#b\\", "x" * 20, "🐎" * 10, "🐎" * 20, "__proto__"])
async def test_a_room_has_members_on_several_servers(cluster: Cluster, room: str) -> None:
    """Only they receive what goes to the room, whatever its name.

    In a sharded cluster that is guaranteed once Redis has the server's subscription to the room's channel, which the
    server makes as its first member comes: `open` waits for that. Later members need not wait.
    """
    first, second, third = cluster.servers
    for server in (first, second, third):
        await cluster.open(server, room)
        await cluster.open(server)
    await first.emit("text", UNICODE, whom=Whom((room,)))
    await first.emit("binary", b"\x01", whom=Whom((room,)))
    expected: list[Any] = [["text", UNICODE], ["binary", b"\x01"]]
    assert await cluster.heard(first) == [expected, []] * 3


async def test_a_client_in_several_rooms_receives_once(cluster: Cluster) -> None:
    """And who is in one of them does as well."""
    for server in cluster.servers:
        await cluster.open(server, "r", "s")
        await cluster.open(server, "s")
        await cluster.open(server, "t")
    first = cluster.servers[0]
    await first.emit("both", b"\x01", whom=Whom(("r", "s")))
    assert await cluster.heard(first) == [[["both", b"\x01"]], [["both", b"\x01"]], []] * 3


async def test_each_client_is_a_room(cluster: Cluster) -> None:
    """A client of any server is reached by its id, alone or left out."""
    clients = await cluster.one_each()
    first = cluster.servers[0]
    for number, client in enumerate(clients):
        await first.emit("you", number, whom=Whom((client.id,)))
        await first.emit("but you", number, whom=Whom(excluded=(client.id,)))
    assert await cluster.heard(first) == [
        [["you" if number == own else "but you", number] for number in range(3)] for own in range(3)
    ]


async def test_rooms_are_left_out(cluster: Cluster) -> None:
    """Of all clients, and of those in a room."""
    for server in cluster.servers:
        await cluster.open(server, "r")
        await cluster.open(server, "r", "s")
        await cluster.open(server)
    first = cluster.servers[0]
    await first.emit("of all", UNICODE, whom=Whom(excluded=("s", "nobody")))
    await first.emit("of r", b"\x01", whom=Whom(("r",), ("s",)))
    of_all, of_r = ["of all", UNICODE], ["of r", b"\x01"]
    assert await cluster.heard(first) == [[of_all, of_r], [], [of_all]] * 3


async def test_volatile_messages_reach_those_who_can_take_them(cluster: Cluster) -> None:
    """On every server; one at a time, for on Node even the next packet may find the transport busy."""
    await cluster.one_each("r")
    first = cluster.servers[0]
    await cluster.settle()
    await first.emit("volatile", UNICODE, b"\x01", whom=Whom(flags=("volatile",)))
    assert await cluster.heard(first) == [[["volatile", UNICODE, b"\x01"]]] * 3
    await first.emit("in r", whom=Whom(("r",), flags=("volatile",)))
    assert await cluster.heard(first) == [[["in r"]]] * 3


async def test_what_is_local_stays_on_its_server(cluster: Cluster) -> None:
    """Broadcasts, questions, joining, leaving and disconnecting; `fetch_sockets` finds only the server's own.

    Node's server is not asked to ask its own: it would wait for the others, of whom it has asked nothing.
    """
    clients = await cluster.one_each("r")
    first, others = cluster.servers[0], cluster.size - 1
    here = Whom(flags=("local",))
    own = [client.id for client in clients[: 3 - others]]
    await first.emit("local", UNICODE, whom=here)
    assert await cluster.heard() == [*[[["local", UNICODE]]] * len(own), *[[]] * others]
    if first.name != "node":
        asked = await first.ask("question", whom=Whom(flags=("local",), seconds=5))
        assert sorted_answers(asked.responses) == answers(clients[: 3 - others])
        assert await cluster.heard() == [*[[["question"]]] * len(own), *[[]] * others]
    assert sorted(each.id for each in await first.fetch(here)) == sorted(own)
    await first.join("s", whom=here)
    await first.leave("r", whom=here)
    await cluster.settle()
    assert {each.id for each in await first.fetch(Whom(("s",)))} == set(own)
    assert {each.id for each in await first.fetch(Whom(("r",)))} == {each.id for each in clients} - set(own)
    await first.disconnect(here)
    for client in clients[: len(own)]:
        await client.left()
    assert len(await first.fetch()) == others


async def test_namespaces_are_apart(cluster: Cluster) -> None:
    """Of clients in rooms of the same name, those of the namespace receive; each operation knows its namespace."""
    for server in cluster.servers:
        await cluster.open(server, "r")
        await cluster.open(server, "r", namespace="/chat", answer="chat ünï")
    first = cluster.servers[0]
    chat, chat_room = Whom(namespace="/chat"), Whom(("r",), namespace="/chat")
    await first.emit("root", UNICODE)
    await first.emit("root room", b"\x01", whom=Whom(("r",)))
    await first.emit("chat", UNICODE, whom=chat)
    await first.emit("chat room", b"\x01", whom=chat_room)
    of_root: list[Any] = [["root", UNICODE], ["root room", b"\x01"]]
    of_chat: list[Any] = [["chat", UNICODE], ["chat room", b"\x01"]]
    assert await cluster.heard(first) == [of_root, of_chat] * 3
    asked = await first.ask("question", whom=Whom(namespace="/chat", seconds=5))
    assert asked == Responses(True, ["chat ünï"] * 3)
    assert await cluster.heard(first) == [[], [["question"]]] * 3
    chatting = {client.id for client in cluster.clients if client.namespace == "/chat"}
    assert {each.id for each in await first.fetch(chat)} == chatting
    await first.leave("r", whom=chat)
    await cluster.settle()
    assert await first.fetch(chat_room) == []
    assert len(await first.fetch(Whom(("r",)))) == 3
    await first.disconnect(chat)
    for client in cluster.clients[1::2]:
        await client.left()
    assert len(await first.fetch()) == 3


async def test_messages_keep_their_order(cluster: Cluster) -> None:
    """A thousand from one server, to all and to a room in turns, arrive in order and complete."""
    await cluster.one_each("r")
    first = cluster.servers[0]
    await first.emit_in_order(500)
    await first.emit_in_order(500, Whom(("r",)))
    numbers = [["number", number] for number in range(500)]
    for heard in await cluster.heard(first):
        assert heard == [*numbers, *numbers]


async def test_all_clients_are_asked(cluster: Cluster) -> None:
    """The answer is complete when the clients of all servers have acknowledged: the first argument of each."""
    clients = await cluster.one_each()
    clients.append(await cluster.open(cluster.servers[1], answer=None))
    asked = await cluster.servers[0].ask("question", UNICODE, b"\x01", NESTED, whom=Whom(seconds=5))
    assert asked.complete
    assert sorted_answers(asked.responses) == answers(clients)
    assert await cluster.heard() == [[["question", UNICODE, b"\x01", NESTED]]] * 4


async def test_some_clients_are_asked(cluster: Cluster) -> None:
    """A question goes to a room, to one client or to nobody; nobody else hears of it."""
    first, second, third = cluster.servers
    await cluster.open(first, answer="first")
    two = await cluster.open(second, "r", answer="second")
    three = await cluster.open(third, "r", "s", answer={"blob": b"\x01"})
    assert await first.ask("nobody", whom=Whom(("nobody",), seconds=5)) == Responses(True, [])
    assert await first.ask("s", whom=Whom(("s",), seconds=5)) == Responses(True, [{"blob": b"\x01"}])
    assert await first.ask("r but s", whom=Whom(("r",), ("s",), seconds=5)) == Responses(True, ["second"])
    assert await first.ask("you", whom=Whom((three.id,), seconds=5)) == Responses(True, [{"blob": b"\x01"}])
    asked = await first.ask("r", whom=Whom(("r",), seconds=5))
    assert sorted_answers(asked.responses) == answers([two, three])
    assert await cluster.heard() == [[], [["r but s"], ["r"]], [["s"], ["you"], ["r"]]]


async def test_who_does_not_answer_is_not_waited_for_for_ever(cluster: Cluster) -> None:
    """When the time is over, the answers of the others are there: here of clients on all servers."""
    clients = await cluster.one_each()
    for server in cluster.servers[1:]:
        await cluster.open(server, answer=SILENT)
    asked = await cluster.servers[0].ask("question", whom=Whom(seconds=3))
    assert not asked.complete
    assert sorted_answers(asked.responses) == answers(clients)


async def test_sockets_of_all_servers_are_fetched(cluster: Cluster) -> None:
    """With rooms, data and handshake; of the sockets of Whinny's servers, other servers see nothing that is secret."""
    secret = {
        "authorization": "Bearer s3cret",
        "cookie": "sid=s3cret",
        "x-csrf-token": "s3cret",
        "x-xsrf-token": "s3cret",
    }
    first = cluster.servers[0]
    for server in cluster.servers:
        headers = {**secret, "x-plain": "shown"}
        await cluster.open(server, "r", "Grüße", headers=headers, auth={"token": "s3cret"})
    found = {each.id: each for each in await first.fetch()}
    assert set(found) == {client.id for client in cluster.clients}
    for server, client in zip(cluster.servers, cluster.clients, strict=True):
        socket = found[client.id]
        assert socket.rooms == {client.id, "r", "Grüße"}
        assert socket.data["server"] == ("node" if server.name == "node" else "whinny")
        assert socket.handshake["headers"]["x-plain"] == "shown"
        assert socket.handshake["query"]["EIO"] == "4"
        assert socket.handshake["address"] == "127.0.0.1"
        assert socket.handshake["secure"] is False
        assert socket.handshake["url"].startswith("/socket.io/?")
        if server is not first and server.name != "node":
            assert "s3cret" not in repr(socket)
            assert socket.handshake["auth"] == {}
            assert "unsendable" not in socket.data
        elif server.name == "node" and first.name != "node":
            assert "s3cret" not in repr(socket.handshake)


async def test_some_sockets_are_fetched(cluster: Cluster) -> None:
    """Those of a room, without those of another, one by its id, or none."""
    for server in cluster.servers:
        await cluster.open(server, "r")
        await cluster.open(server, "r", "s")
    ids = [client.id for client in cluster.clients]
    first = cluster.servers[0]

    async def fetched(*rooms: str, excluded: tuple[str, ...] = ()) -> list[str]:
        return sorted(each.id for each in await first.fetch(Whom(rooms, excluded)))

    assert await fetched("s") == sorted(ids[1::2])
    assert await fetched("r", "s") == sorted(ids)
    assert await fetched("r", excluded=("s",)) == sorted(ids[::2])
    assert await fetched(ids[-1]) == [ids[-1]]
    assert await fetched("nobody") == []


async def test_sockets_join_and_leave(cluster: Cluster) -> None:
    """Sockets of all servers enter rooms and leave them, all of them or those of a room."""
    for server in cluster.servers:
        await cluster.open(server, "r")
        await cluster.open(server, "q")
    first = cluster.servers[0]
    await first.join("s", "Grüße 🐎", whom=Whom(("r",)))
    await first.join("all", whom=Whom(excluded=(cluster.clients[5].id,)))
    await cluster.settle()
    for room in ("s", "Grüße 🐎", "all"):
        await first.emit("in", room, whom=Whom((room,)))
    in_both, in_all = [["in", "s"], ["in", "Grüße 🐎"], ["in", "all"]], [["in", "all"]]
    assert await cluster.heard(first) == [in_both, in_all, in_both, in_all, in_both, []]
    await first.leave("s", "all", whom=Whom(("r",)))
    await cluster.settle()
    for room in ("s", "Grüße 🐎", "all"):
        await first.emit("in", room, whom=Whom((room,)))
    assert await cluster.heard(first) == [[["in", "Grüße 🐎"]], in_all] * 2 + [[["in", "Grüße 🐎"]], []]


@pytest.mark.parametrize("close", [False, True])
async def test_sockets_are_disconnected(cluster: Cluster, close: bool) -> None:
    """Those of a room on all servers; with `close`, their connections are closed as well."""
    for server in cluster.servers:
        await cluster.open(server, "r")
        await cluster.open(server)
    first = cluster.servers[0]
    await first.disconnect(Whom(("r",)), close=close)
    reasons = {await client.left() for client in cluster.clients[::2]}
    assert reasons <= ({"io server disconnect", "transport close"} if close else {"io server disconnect"})
    await first.emit("still here")
    assert await cluster.heard(first) == [[], [["still here"]]] * 3
    assert {each.id for each in await first.fetch()} == {client.id for client in cluster.clients[1::2]}


async def test_servers_tell_each_other(cluster: Cluster) -> None:
    """The other servers hear it, once each, and no client does; the server that has told does not."""
    await cluster.one_each()
    first, second, third = cluster.servers
    await first.tell("told", UNICODE, None, 1.25, {"list": [1, {"x": UNICODE}]})
    await first.tell("told", "chat", namespace="/chat")
    assert await cluster.heard(first) == [[], [], []]
    expected = [["/", UNICODE, None, 1.25, {"list": [1, {"x": UNICODE}]}], ["/chat", "chat"]]
    assert await first.told() == []
    assert [await each.told() for each in (second, third)] == [expected if cluster.size > 1 else []] * 2


async def test_servers_ask_each_other(cluster: Cluster) -> None:
    """Each of the others answers, with binary values in it; where there are none, the answer is there at once."""
    first = cluster.servers[0]
    asked = await first.tell_and_ask("told", UNICODE)
    assert asked.complete
    others = cluster.servers[1:] if cluster.size > 1 else []
    assert sorted(each["from"] for each in asked.responses) == sorted(each.name for each in others)
    for each in others:
        assert await each.told() == [["/", UNICODE]]
    if first.name != "node" or cluster.kind.is_sharded:  # for JSON, Node's classic adapter makes bytes lists
        assert all(each["ünï"] == b"\x01\x02" for each in asked.responses)


async def test_servers_are_counted(cluster: Cluster) -> None:
    """Each server counts itself and the others, in every namespace."""
    for server in cluster.servers:
        assert await server.server_count() == await server.server_count("/chat") == cluster.size
