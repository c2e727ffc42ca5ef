"""A Redis that refuses: the password, messages, subscriptions, every connection."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest
from redis.asyncio import Redis

from cluster.faults.away import lines
from cluster.pair import KINDS, One, Proxy, adapter_of, pair, serve, until
from whinny.cluster.redis import link, publishing
from whinny.errors import ClusterTimeout

if TYPE_CHECKING:
    from support.redis import RedisServer

pytestmark = pytest.mark.anyio


async def attempts(redis: RedisServer) -> int:
    async with Redis.from_url(redis.url) as client:
        return int((await client.info("stats"))["total_connections_received"])


async def test_a_wrong_password(redis: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    """It is said once, without the password, and tried again about once a second."""
    url = await user(redis, "forgetful", "+@all")
    server = One(adapter_of("classic", url.replace("secret", "hunter2")))
    async with serve(server):
        await until(lambda: "password" in caplog.text.lower())
        before = await attempts(redis)
        await asyncio.sleep(1)
        assert await attempts(redis) - before <= 6
        assert len(lines(caplog, "degraded: ")) == 1
        assert "hunter2" not in caplog.text


async def user(redis: RedisServer, name: str, *rules: str) -> str:
    """The URL of a user of Redis."""
    async with Redis.from_url(redis.url) as client:
        await client.execute_command("ACL", "SETUSER", name, "reset", "on", ">secret", *rules)
    return f"redis://{name}:secret@127.0.0.1:{redis.port}/0"


@pytest.mark.parametrize("kind", KINDS)
async def test_a_redis_that_refuses_to_publish(
    kind: str, redis: RedisServer, soon: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(publishing, "CALM", 0.1)
    everything = ("~*", "&*", "+@all")
    url = await user(redis, "quiet", *everything, "-publish", "-spublish")
    async with pair(kind, (url, redis.url)) as (one, other):
        for number in range(50):
            one.io.emit("from 0", number)
            await asyncio.sleep(0.001)
        await until(lambda: one.state == "degraded")
        await until(lambda: one.io.health().lost == 50)
        (line,) = lines(caplog, "degraded: ")
        assert "NOPERM" in line or "permission" in line
        assert len(lines(caplog, "are lost: ")) == 1
        assert not lines(caplog, "were lost")
        assert one.got("from 0") == list(range(50))
        other.io.emit("from 1", 1)
        await one.client.receive("from 1")
        await user(redis, "quiet", *everything)
        await asyncio.sleep(0.2)
        one.io.emit("from 0", 50)
        await until(lambda: one.is_ready)
        await until(lambda: other.got("from 0") == [50])
        assert lines(caplog, "were lost") == ["50 messages to the other servers were lost"]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_redis_that_refuses_to_subscribe(
    kind: str, redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    url = await user(redis, "deaf", "~*", "&*", "+@all", "-subscribe", "-psubscribe", "-ssubscribe")
    server = One(adapter_of(kind, url))
    async with serve(server):
        await until(lambda: "refuses a subscription" in caplog.text)
        before = await attempts(redis)
        await asyncio.sleep(1)
        assert await attempts(redis) - before <= 4
        assert len(lines(caplog, "degraded: ")) == 1
        with pytest.raises(ClusterTimeout, match="cannot be asked"):
            await server.io.fetch_sockets()


async def test_a_user_that_may_not_see_or_end_connections(redis: RedisServer, soon: None) -> None:
    """Who may do no more than publish and subscribe is in the cluster all the same, and comes back."""
    url = await user(redis, "plain", "&*", "+@pubsub", "+@connection", "-client")
    async with Proxy(redis.port) as proxy:
        via = url.replace(f":{redis.port}", f":{proxy.port}")
        async with pair("classic", (via, redis.url)) as (one, other):
            proxy.cut()
            await until(lambda: one.state == "degraded")
            await until(lambda: one.is_ready)
            other.io.emit("from 1")
            await one.client.receive("from 1")
            one.io.emit("from 0")
            await other.client.receive("from 0")


async def test_connections_that_break_at_once_are_no_busy_loop(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(link, "SETTLE", 0.0)
    async with Proxy(redis.port) as proxy, serve(one := One(adapter_of("classic", proxy.url))):
        end = time.monotonic() + 3
        before = proxy.accepted
        while time.monotonic() < end:
            if one.is_ready:
                proxy.cut()
            await asyncio.sleep(0.01)
        assert proxy.accepted - before <= 16
        assert len(lines(caplog, "degraded: ")) <= 8
