"""What the other servers are asked while Redis, or one of them, goes away."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

import pytest

from cluster.faults.away import AWAY, fault, mend
from cluster.pair import KINDS, One, adapter_of, pair, serve, until
from whinny import AckTimeout
from whinny.errors import ClusterTimeout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from support.redis import RedisServer

pytestmark = pytest.mark.anyio


async def asked(one: One, seconds: float = 2) -> Sequence[Any]:
    """All kinds of requests at once: what each raises."""
    return await asyncio.gather(
        one.io.timeout(seconds).emit_with_ack("question"),
        one.io.timeout(seconds).fetch_sockets(),
        one.io.server_side_emit_with_ack("question", timeout=seconds),
        return_exceptions=True,
    )


async def answer(one: One) -> None:
    (await one.client.receive("question")).acknowledge("an answer")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["killed", "paused", "just paused"])
async def test_requests_while_redis_is_away(kind: str, name: str, redis: RedisServer, soon: None) -> None:
    """They end in time, with what came from this server."""
    async with pair(kind, (redis.url, redis.url)) as (one, _):
        await fault(redis, name.removeprefix("just "))
        if name != "just paused":
            await until(lambda: one.state == "degraded")
        began = time.monotonic()
        (acks, sockets, events), _ = await asyncio.gather(asked(one), answer(one))
        assert time.monotonic() - began < 4.5, "not the five seconds of those who say nothing"
        assert isinstance(acks, AckTimeout)
        assert acks.responses == ["an answer"]
        assert isinstance(sockets, ClusterTimeout)
        assert [each.id for each in sockets.responses] == [one.client.id]
        assert isinstance(events, AckTimeout)
        assert events.responses == []


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_asked_while_redis_is_away_is_not_done_later(kind: str, redis: RedisServer, soon: None) -> None:
    """Whoever gets an error may try again, without anything being done twice."""
    async with pair(kind, (redis.url, redis.url)) as (one, other):
        heard: list[Any] = []
        other.io.on("question", heard.append)
        other.io.on("told", heard.append)
        await fault(redis, "killed")
        await until(lambda: one.state == other.state == "degraded")
        began = time.monotonic()
        with pytest.raises(ClusterTimeout, match="cannot be asked: this server is cut off from the others"):
            await one.io.fetch_sockets()
        with pytest.raises(AckTimeout, match="cannot be asked"):
            await one.io.server_side_emit_with_ack("question", 1)
        with pytest.raises(ConnectionError):
            await one.io.server_count()
        assert time.monotonic() - began < 3
        with pytest.raises(AckTimeout):
            await one.io.timeout(0.05).emit_with_ack("question")
        assert one.io.health().waiting == 0
        one.io.server_side_emit("told", 2)
        one.io.emit("news")
        assert one.io.health().waiting == 2
        await asyncio.sleep(AWAY)
        await mend(redis, "killed")
        await other.client.receive("news", timeout=30)
        assert heard == [2]
        assert other.got("question") == []
        assert one.io.health().lost == 0


@pytest.mark.parametrize("kind", KINDS)
async def test_a_question_ends_with_the_connection(kind: str, redis: RedisServer) -> None:
    """Sent or not; what was published before it stays."""
    async with pair(kind, (redis.url, redis.url)) as (one, other):
        out = one.io._peers._link._out  # type: ignore[attr-defined]
        for can_write in (True, False):
            out._connection.can_write = can_write
            if not can_write:
                one.io.emit("news")
            asking = asyncio.create_task(one.io.server_count())
            await asyncio.sleep(0)
            out._connection.abort("the test says so")
            with pytest.raises(ConnectionError):
                await asyncio.wait_for(asking, 10)
            with pytest.raises(ConnectionError, match="cut off"):
                await one.io.server_count()
            await until(lambda: one.is_ready)
        await other.client.receive("news")
        assert one.io.health().lost == 0
        assert await one.io.server_count() == 2


@pytest.mark.parametrize("kind", KINDS)
async def test_a_server_that_leaves_in_the_middle_of_requests(kind: str, redis: RedisServer, soon: None) -> None:
    async with pair(kind, (redis.url, redis.url)) as (one, other):
        third = One(adapter_of(kind, redis.url))
        async with serve(third):
            await until(lambda: third.is_ready)
            one_answers = asyncio.create_task(answer(one))
            other_answers = asyncio.create_task(answer(other))

            async def slow(*_: Any) -> None:
                await asyncio.sleep(60)

            other.io.on("question", lambda: "an answer")
            third.io.on("question", slow)
            asking = asyncio.create_task(asked(one, 5))
            await third.client.receive("question")
        acks, sockets, events = await asyncio.wait_for(asking, 15)
        await asyncio.gather(one_answers, other_answers)
        assert isinstance(acks, AckTimeout)
        assert acks.responses == ["an answer"] * 2
        assert len(sockets) in (2, 3)
        assert isinstance(events, AckTimeout)
        assert events.responses == ["an answer"]
