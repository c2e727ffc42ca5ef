"""A server that starts or ends, whatever state Redis is in."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from cluster.faults.away import fault, lines, mend
from cluster.pair import KINDS, One, Proxy, adapter_of, pair, serve, until
from whinny.cluster.redis import link
from whinny.errors import ClusterTimeout

if TYPE_CHECKING:
    from support.redis import RedisServer

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("state", ["ready", "refused", "paused", "just paused", "cut off", "never up"])
async def test_close_in_each_state(state: str, redis: RedisServer, soon: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends in about a second, and tells of what was not sent."""
    if state == "ready":
        monkeypatch.setattr(link, "FAREWELL", 10.0)  # for a Redis that is there but slow
    async with Proxy(redis.port) as proxy:
        if state == "never up":
            proxy.refuse()
        server = One(adapter_of("classic", proxy.url))
        async with server.app.lifespan():
            if state != "never up":
                await until(lambda: server.is_ready)
            if state == "refused":
                proxy.refuse()
            elif state == "cut off":
                proxy.swallow()
            elif state != "ready":
                redis.pause()
            if state not in ("ready", "just paused"):
                await until(lambda: server.state == "degraded")
            server.io.emit("event")
            asked = asyncio.create_task(server.io.timeout(20).fetch_sockets())
            await asyncio.sleep(0)
            began = time.monotonic()
        assert time.monotonic() - began < 6
        lost = {"ready": 0, "just paused": 2}.get(state, 1)
        assert server.io.health().lost == lost, "the event, and the request if it was sent"
        if state != "ready":
            with pytest.raises(ClusterTimeout):
                await asked
        await asyncio.wait([asked])


async def test_what_a_closed_server_emits_is_lost(redis: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    """It counts at once, and is no old news at the next start; what is emitted before the first one waits."""
    one, other = (One(adapter_of("classic", redis.url)) for _ in range(2))
    one.io.emit("from 0", "early")
    async with serve(other):
        await until(lambda: other.is_ready)
        async with one.app.lifespan():
            await until(lambda: other.got("from 0") == ["early"])
        before = one.io.health()
        assert (before.waiting, before.lost) == (0, 0)
        one.io.emit("from 0", "too late")
        one.io.emit("from 0", "too late")
        assert (one.io.health().waiting, one.io.health().lost) == (0, 2)
        assert len(lines(caplog, "are lost: the server is closed")) == 1
        async with one.app.lifespan():
            await until(lambda: one.is_ready)
            one.io.emit("from 0", "again")
            await until(lambda: other.got("from 0")[-1] == "again")
        assert other.got("from 0") == ["early", "again"]
        assert lines(caplog, "were lost") == ["2 messages to the other servers were lost"]


async def test_close_while_it_connects(redis: RedisServer, soon: None) -> None:
    """At whatever point of that."""
    for number in range(40):
        server = One(adapter_of("classic", redis.url))
        await server.io.start()
        peers: Any = server.io._peers  # type: ignore[attr-defined]
        peers._link._in._connection.abort("the test says so")
        await asyncio.sleep(0.02 + number / 10_000)
        await asyncio.wait_for(peers.close(), 5)


async def test_a_server_that_starts_while_redis_is_down(
    redis: RedisServer, soon: None, caplog: pytest.LogCaptureFixture
) -> None:
    await fault(redis, "killed")
    one, other = One(adapter_of("classic", redis.url)), One(adapter_of("classic", redis.url))
    began = time.monotonic()
    async with serve(one):
        assert time.monotonic() - began < 7
        assert one.state == "degraded"
        assert len(lines(caplog, "degraded: ")) == 1
        one.io.emit("hello")
        assert (await one.client.receive("hello")).args == ()
        await mend(redis, "killed")
        await until(lambda: one.is_ready)
        async with serve(other):
            one.io.emit("hello")
            await other.client.receive("hello")
            other.io.emit("hello")
            await one.client.receive("hello")


async def test_a_server_that_starts_while_redis_is_paused(redis: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    """It does so in about two seconds; why there is no answer is told when it is known."""
    redis.pause()
    began = time.monotonic()
    one = One(adapter_of("classic", redis.url))
    async with serve(one):
        assert 1.5 < time.monotonic() - began < 7
        assert one.state == "degraded"
        (line,) = lines(caplog, "degraded: ")
        assert "has not answered yet" in line, "it did not wait for the end of its attempt, which takes three"
        await until(lambda: lines(caplog, "still cut off"))
        redis.resume()
        await until(lambda: one.is_ready)
    assert lines(caplog, "still cut off") == [
        "This server is still cut off from the others of its cluster: Redis did not answer within 3.0 s"
    ]


def test_a_server_in_a_second_event_loop(redis: RedisServer) -> None:
    """A server that was not closed in its first loop joins the cluster in the next one."""
    server = One(adapter_of("classic", redis.url))

    async def run() -> None:
        await server.io.start()
        await until(lambda: server.is_ready)
        assert await server.io.server_count() == 1

    asyncio.run(run())
    asyncio.run(run())


@pytest.mark.parametrize("kind", KINDS)
async def test_namespaces_that_threads_make(kind: str, redis: RedisServer) -> None:
    """All threads have the same one, and it hears the other servers."""
    async with pair(kind, (redis.url, redis.url)) as (one, other):
        heard: set[str] = set()
        for name in (names := [f"/{number}" for number in range(30)]):
            together = threading.Barrier(4)

            def make(name: str = name, together: threading.Barrier = together) -> object:
                together.wait(5)
                return one.io.of(name)

            made = await asyncio.gather(*(asyncio.to_thread(make) for _ in range(4)))
            assert len({id(each) for each in made}) == 1
            one.io.of(name).on("hello", lambda name=name: heard.add(name))

        def all_hear() -> bool:
            for name in set(names) - heard:  # it may be a moment until Redis knows that they listen
                other.io.of(name).server_side_emit("hello")
            return heard == set(names)

        await until(all_hear)
