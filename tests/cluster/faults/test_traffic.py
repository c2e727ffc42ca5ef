"""Redis restarted, killed, paused and cut off, in the middle of traffic between two servers."""

from __future__ import annotations

import asyncio
import gc
import os
import time
from typing import TYPE_CHECKING, Any

import pytest
from redis.asyncio import Redis

from cluster.faults.away import AWAY, check, fault, lines, mend
from cluster.pair import KINDS, Proxy, Traffic, pair, until
from whinny.cluster.redis import link
from whinny.errors import ClusterTimeout

if TYPE_CHECKING:
    from support.redis import RedisServer

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["restarted", "killed", "paused"])
async def test_redis_goes_and_comes_back(
    kind: str, name: str, redis: RedisServer, soon: None, caplog: pytest.LogCaptureFixture
) -> None:
    async with pair(kind, (redis.url, redis.url)) as (one, other):
        async with Traffic(one, other) as traffic:
            await traffic.more()
            await until(lambda: one.got("from 1") and other.got("from 0"))
            await fault(redis, name)
            await until(lambda: one.state == other.state == "degraded")
            before = traffic.sent
            await asyncio.sleep(AWAY)
            await traffic.more(100)
            after = traffic.sent
            assert one.got("from 0")[: after - 5] == other.got("from 1")[: after - 5] == list(range(after - 5)), "go on"
            assert one.io.health().waiting >= after - before
            assert len(lines(caplog, "degraded: ")) == 2, "once for each server"
            await mend(redis, name)
            await until(lambda: one.is_ready and other.is_ready)
            await traffic.more(50)
        await until(lambda: one.got("from 1")[-1] == other.got("from 0")[-1] == traffic.sent - 1)
        # Killed between its answer to a publisher and its word to the others, it takes with it what nobody can count.
        in_its_hands = 10 if name == "killed" else 0
        check(one, 1, traffic.sent, other.io.health().lost, in_its_hands)
        check(other, 0, traffic.sent, one.io.health().lost, in_its_hands)
        for got in (one.got("from 1"), other.got("from 0")):
            assert set(range(before, after)) <= set(got), "what waited has come"
        assert one.got("from 0") == other.got("from 1") == list(range(traffic.sent))
        assert len(await one.io.fetch_sockets()) == 2, "they have subscribed again"
        assert len(lines(caplog, "degraded: ")) == len(lines(caplog, "ready: ")) == 2
        assert len(lines(caplog, "are lost: ")) == len(lines(caplog, "were lost")) <= 2


@pytest.mark.parametrize("kind", KINDS)
async def test_order_when_redis_had_much_to_read(kind: str, redis: RedisServer, soon: None) -> None:
    """What a paused Redis was sent, and reads when it goes on, does not come behind what was sent after it."""
    async with pair(kind, (redis.url, redis.url)) as (one, other):
        redis.pause()
        for number in range(3000):
            one.io.emit("from 0", number, "x" * 1000)
        await until(lambda: one.state == other.state == "degraded")
        for number in range(3000, 3500):
            one.io.emit("from 0", number, "x" * 1000)
        await asyncio.sleep(AWAY)
        redis.resume()
        await until(lambda: other.got("from 0") and other.got("from 0")[-1] == 3499)
        check(other, 0, 3500, one.io.health().lost)
        assert one.io.health().lost <= 3000


@pytest.mark.parametrize("kind", KINDS)
async def test_a_black_hole_of_ten_seconds(kind: str, redis: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    """With the real constants: bytes go nowhere, and nobody is told, Redis neither, that a connection is over."""
    async with Proxy(redis.port) as proxy, pair(kind, (proxy.url, proxy.url)) as (one, other):
        async with Traffic(one, other, pause=0.02) as traffic:
            await traffic.more()
            proxy.swallow()
            began = time.monotonic()
            await until(lambda: one.state == other.state == "degraded", 20)
            before = traffic.sent
            await asyncio.sleep(max(2, began + 10 - time.monotonic()))
            after = traffic.sent
            proxy.flow()
            await until(lambda: one.is_ready and other.is_ready)
            await traffic.more(20)
        await until(lambda: one.got("from 1")[-1] == other.got("from 0")[-1] == traffic.sent - 1)
        check(one, 1, traffic.sent, other.io.health().lost)
        check(other, 0, traffic.sent, one.io.health().lost)
        assert set(range(before, after)) <= set(one.got("from 1")) & set(other.got("from 0"))
        assert one.got("from 0") == list(range(traffic.sent))
        assert await one.io.server_count() == 2, "those that Redis still held are gone"
        assert len(await other.io.fetch_sockets()) == 2
        assert len(lines(caplog, "degraded: ")) == 2


@pytest.mark.parametrize("kind", KINDS)
async def test_a_network_that_brings_late_what_it_held(kind: str, redis: RedisServer, soon: None) -> None:
    """One server alone is cut off, and what it sent arrives when it has long given up: it stays in order."""
    async with Proxy(redis.port) as proxy, pair(kind, (proxy.url, redis.url)) as (one, other):
        async with Traffic(one, other) as traffic:
            await traffic.more()
            proxy.hold()
            await until(lambda: one.state == "degraded")
            assert other.is_ready
            await traffic.more()
            proxy.flow()
            await until(lambda: one.is_ready)
            first_back = traffic.sent
            await traffic.more()
        await until(lambda: one.got("from 1")[-1] == other.got("from 0")[-1] == traffic.sent - 1)
        check(other, 0, traffic.sent, one.io.health().lost)
        assert set(range(first_back, traffic.sent)) <= set(one.got("from 1")), "pub/sub keeps nothing, but goes on"
        assert other.io.health().lost == 0


@pytest.mark.parametrize("kind", KINDS)
async def test_more_than_may_wait(kind: str, redis: RedisServer, soon: None, caplog: pytest.LogCaptureFixture) -> None:
    """What is above max_buffer is lost, counted, and told of once at the start and once in all."""
    async with pair(kind, (redis.url, redis.url), max_buffer=20_000) as (one, other):
        await fault(redis, "killed")
        await until(lambda: one.state == other.state == "degraded")
        for number in range(300):
            one.io.emit("from 0", number, "x" * 500)
        waiting, lost = one.io.health().waiting, one.io.health().lost
        assert waiting + lost == 300
        assert 20 < waiting < 40
        assert one.got("from 0")[-1:] in ([], [299])
        assert len(lines(caplog, "are lost: more than 20000 bytes wait already")) == 1
        await asyncio.sleep(AWAY)
        await mend(redis, "killed")
        await until(lambda: one.io.health().waiting == 0)
        await until(lambda: len(other.got("from 0")) == waiting)
        assert other.got("from 0") == list(range(waiting))
        await until(lambda: lines(caplog, "were lost"))
        assert lines(caplog, "were lost") == [f"{lost} messages to the other servers were lost"]
        one.io.emit("from 0", 300)
        await until(lambda: other.got("from 0")[-1] == 300)


@pytest.mark.parametrize("kind", KINDS)
async def test_much_in_one_turn_of_the_loop_is_not_lost(kind: str, redis: RedisServer) -> None:
    async with pair(kind, (redis.url, redis.url), max_buffer=20_000) as (one, other):
        for number in range(100):
            one.io.emit("from 0", number, "x" * 500)
        await until(lambda: len(other.got("from 0")) == 100)
        assert one.io.health().lost == 0


@pytest.mark.parametrize("kind", KINDS)
async def test_more_than_the_network_takes_at_once_is_not_lost(kind: str, redis: RedisServer) -> None:
    """While Redis reads, much more may wait than while it is away."""
    async with (
        Proxy(redis.port) as proxy,
        pair(kind, (proxy.url, redis.url), max_buffer=1_600_000) as (one, other),
    ):
        heard: list[int] = []
        other.io.on("photo", lambda number, _: heard.append(number))
        proxy.hold()
        for number in range(24):
            one.io.server_side_emit("photo", number, "x" * 1_000_000)
        proxy.flow()
        await until(lambda: len(heard) == 24)
        assert heard == list(range(24))
        assert one.io.health().lost == 0


@pytest.mark.parametrize("kind", KINDS)
async def test_redis_gives_up_a_server_that_does_not_read(
    kind: str, redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """What waits for it is lost; it is back by itself, and hears what comes from then on."""
    async with (
        Redis.from_url(redis.url) as client,
        Proxy(redis.port) as proxy,
        pair(kind, (redis.url, proxy.url)) as (one, other),
    ):
        heard: list[int] = []
        other.io.on("photo", lambda number, _: heard.append(number))
        limit = await client.config_get("client-output-buffer-limit")
        await client.config_set("client-output-buffer-limit", "pubsub 8mb 0 0")
        try:
            there = len(await client.client_list())
            proxy.hold()
            for number in range(50):
                one.io.server_side_emit("photo", number, "x" * 500_000)
                await until(lambda: one.io.health().waiting == 0)  # Redis sends it to this server as well
            end = time.monotonic() + 20
            while len(await client.client_list()) == there:
                assert time.monotonic() < end, "Redis keeps the connection"
                await asyncio.sleep(0.05)
            proxy.flow()
            await until(lambda: lines(caplog, "degraded: "))
            await until(lambda: other.is_ready)
        finally:
            await client.config_set("client-output-buffer-limit", limit["client-output-buffer-limit"])
        assert heard == list(range(len(heard)))
        assert len(heard) < 50
        assert one.is_ready
        assert one.io.health().lost == 0, "Redis had taken them"
        one.io.server_side_emit("photo", 50, "")
        await until(lambda: heard[-1:] == [50])
    assert len(lines(caplog, "degraded: ")) == 1


def open_files() -> int:
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("kind", KINDS)
async def test_nothing_stays_of_lost_connections(
    kind: str, redis: RedisServer, soon: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(link, "SETTLE", 0.05)
    loop: Any = asyncio.get_running_loop()
    async with Proxy(redis.port) as proxy, pair(kind, (proxy.url, redis.url)) as (one, _):

        async def lose(how: str) -> None:
            accepted = proxy.accepted
            getattr(proxy, how)()
            await until(lambda: one.state == "degraded")
            waiting = asyncio.create_task(one.io.timeout(0.05).fetch_sockets())
            await asyncio.wait([waiting])
            assert isinstance(waiting.exception(), ClusterTimeout)
            proxy.flow()
            await until(lambda: one.is_ready and proxy.accepted >= accepted + 2)
            await until(lambda: proxy.open_connections == 2)

        await lose("cut")
        await until(lambda: one.io.health().waiting == 0)
        await asyncio.sleep(0)
        tasks, files, timers = len(asyncio.all_tasks()), open_files(), _timers(loop)
        for number in range(20):
            await lose("cut" if number % 2 else "refuse")
        await until(lambda: one.io.health().waiting == 0)
        await until(lambda: len(asyncio.all_tasks()) <= tasks)
        assert open_files() <= files
        assert _timers(loop) <= timers + 2
        waiting: Any = one.io.of("/").adapter._waiting  # type: ignore[attr-defined]
        assert not waiting._gatherings
        assert not waiting._asks
        assert not waiting._tasks


def _timers(loop: Any) -> int:
    return sum(not timer.cancelled() for timer in loop._scheduled)
