"""What a server has published comes back to it through Redis: it is dropped unread, and nobody else's is."""

from __future__ import annotations

from typing import Any

import pytest

from whinny import RedisAdapter, ShardedRedisAdapter
from whinny.cluster import Selection
from whinny.cluster.redis.classic import ClassicAdapter
from whinny.cluster.redis.sharded import ShardedAdapter

URL = "redis://127.0.0.1:1/0"


class Channels:
    """Stands for the link: all broadcasts are heard by every adapter, whoever has published them."""

    taken = settled = 0

    def check(self) -> None:
        """The others can be asked."""

    def __init__(self) -> None:
        self.published: list[bytes] = []
        self.listeners: list[Any] = []

    def subscribe(self, command: str, channel: bytes, listener: Any) -> None:
        if channel in (b"socket.io#/chat#*", b"socket.io#/chat#"):
            self.listeners.append(listener)

    def publish(self, command: str, channel: bytes, data: bytes) -> None:
        self.published.append(data)
        for listener in self.listeners:
            listener(channel, data)


class Host:
    """Stands for a namespace that keeps what reaches it."""

    name = "/chat"

    def __init__(self) -> None:
        self.heard: list[Any] = []

    def on_broadcast(self, data: list[Any], selection: Selection, volatile: bool) -> None:
        self.heard.append((data, selection, volatile))


def adapter(kind: str, link: Any) -> tuple[Any, Host]:
    made: Any = (
        ClassicAdapter(link, RedisAdapter(URL)) if kind == "classic" else ShardedAdapter(link, ShardedRedisAdapter(URL))
    )
    host = Host()
    made.bind(host)
    return made, host


@pytest.mark.parametrize("kind", ["classic", "sharded"])
@pytest.mark.parametrize("volatile", [False, True])
def test_only_the_others_act_on_a_broadcast(kind: str, volatile: bool) -> None:
    """Text and binary, to all and to all but some: once for each other server, never for the one that sent it."""
    link = Channels()
    one, own = adapter(kind, link)
    _, other = adapter(kind, link)
    for value in ("text", 'ends with "uid":"x"}', b"\x93\xa6", {"uid": one.uid, "nsp": "/chat"}):
        for selection in (Selection(), Selection(excluded=("r",)), Selection(("r", "s"))):
            one.publish(one.wire(["event", value]), selection, volatile)
            assert other.heard.pop() == (["event", value], selection, volatile)
    assert own.heard == other.heard == []


@pytest.mark.parametrize("kind", ["classic", "sharded"])
def test_own_broadcasts_are_known_by_their_bytes(kind: str) -> None:
    """What begins or ends like a server's own is not even decoded: else this would raise an error."""
    link = Channels()
    one, own = adapter(kind, link)
    one.publish(one.wire(["event", "text"]), Selection(), False)
    data = link.published[0]
    broken = data[:15] + b"\xff" if kind == "classic" else b"\xff" + data[-60:]
    for listener in link.listeners:
        listener(b"socket.io#/chat#", broken)
    assert own.heard == []


@pytest.mark.parametrize("kind", ["classic", "sharded"])
def test_data_that_holds_another_servers_id_is_not_taken_for_its_own(kind: str) -> None:
    """Whatever a client may put into an event, the server whose id it holds acts on it."""
    link = Channels()
    one, _ = adapter(kind, link)
    two, host = adapter(kind, link)
    imitation = f'","uid":"{two.uid}","nsp":"/chat"}}'
    values = [imitation, {"uid": two.uid, "nsp": "/chat"}, [two.uid]]
    for value in values:
        one.publish(one.wire([imitation, value]), Selection(), False)
    assert [data for data, _, _ in host.heard] == [[imitation, value] for value in values]
