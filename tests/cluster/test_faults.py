"""Redis restarted, killed, paused, cut off and refusing, in the middle of traffic between two servers."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from redis.asyncio import Redis

from cluster.pair import KINDS, One, Proxy, Traffic, adapter_of, pair, serve, until
from support.redis import RedisServer, redis_server
from whinny import AckTimeout
from whinny.cluster.redis import connection, link, listening, publishing
from whinny.errors import ClusterTimeout

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def the_redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture
def redis(the_redis: RedisServer) -> Iterator[RedisServer]:
    """A Redis that runs, whatever a test has done to it."""
    the_redis.start()
    yield the_redis
    with suppress(ProcessLookupError):
        the_redis.resume()


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes seconds takes less."""
    monkeypatch.setattr(connection, "TICK", 0.4)
    monkeypatch.setattr(link, "PATIENCE", 0.5)
    monkeypatch.setattr(listening, "CONFIRM", 0.5)
    monkeypatch.setattr(link, "PAUSES", (0.02, 0.05, 0.1))
    monkeypatch.setattr(link, "SETTLE", 1.0)


async def fault(redis: RedisServer, name: str) -> None:
    """Begin a fault."""
    if name == "paused":
        redis.pause()
    else:
        sig = signal.SIGKILL if name == "killed" else signal.SIGTERM
        await asyncio.to_thread(redis.stop, sig)


async def mend(redis: RedisServer, name: str) -> None:
    """End it."""
    if name == "paused":
        redis.resume()
    else:
        await asyncio.to_thread(redis.start)


def check(server: One, index: int, sent: int, lost: int, in_its_hands: int = 0) -> None:
    """What a client of `server` has of another one's messages: in order, none twice, and no more missing than said."""
    got = server.got(f"from {index}")
    assert got == sorted(set(got))
    assert got[-1] == sent - 1
    assert sent - len(got) <= lost + in_its_hands


def lines(caplog: pytest.LogCaptureFixture, part: str) -> list[str]:
    return [text for text in (record.getMessage() for record in caplog.records) if part in text]


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
            await until(lambda: one.state == other.state == "degraded", 8)
            before = traffic.sent
            await asyncio.sleep(began + 10 - time.monotonic())
            after = traffic.sent
            proxy.flow()
            await until(lambda: one.is_ready and other.is_ready, 12)
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
                await asyncio.sleep(0.01)
            end = time.monotonic() + 5
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


@pytest.mark.parametrize("state", ["ready", "refused", "paused", "just paused", "cut off", "never up"])
async def test_close_in_each_state(state: str, redis: RedisServer, soon: None) -> None:
    """It ends in about a second, and tells of what was not sent."""
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
            asked = asyncio.create_task(server.io.timeout(2).fetch_sockets())
            await asyncio.sleep(0)
            began = time.monotonic()
        assert time.monotonic() - began < 3
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
        assert time.monotonic() - began < 4
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
        assert 1.5 < time.monotonic() - began < 4
        assert one.state == "degraded"
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
        await until(lambda: server.is_ready, 3)
        assert await server.io.server_count() == 1

    asyncio.run(run())
    asyncio.run(run())


# a Redis that refuses


async def attempts(redis: RedisServer) -> int:
    async with Redis.from_url(redis.url) as client:
        return int((await client.info("stats"))["total_connections_received"])


async def test_a_wrong_password(redis: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    """It is said once, without the password, and tried again about once a second."""
    url = await user(redis, "forgetful", "+@all")
    server = One(adapter_of("classic", url.replace("secret", "hunter2")))
    async with serve(server):
        (line,) = lines(caplog, "degraded: ")
        assert "password" in line.lower()
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
        (line,) = lines(caplog, "degraded: ")
        assert "refuses a subscription" in line
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


# requests


async def asked(one: One) -> Sequence[Any]:
    """All kinds of requests at once: what each raises."""
    return await asyncio.gather(
        one.io.timeout(0.5).emit_with_ack("question"),
        one.io.timeout(0.5).fetch_sockets(),
        one.io.server_side_emit_with_ack("question", timeout=0.5),
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
        assert time.monotonic() - began < 3
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
        await mend(redis, "killed")
        await other.client.receive("news")
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
                await asyncio.wait_for(asking, 3)
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
            asking = asyncio.create_task(asked(one))
            await third.client.receive("question")
        acks, sockets, events = await asyncio.wait_for(asking, 3)
        await asyncio.gather(one_answers, other_answers)
        assert isinstance(acks, AckTimeout)
        assert acks.responses == ["an answer"] * 2
        assert len(sockets) in (2, 3)
        assert isinstance(events, AckTimeout)
        assert events.responses == ["an answer"]
