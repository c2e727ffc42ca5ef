"""Sessions that several servers share: a login holds on all, and whoever ends a session ends its sockets everywhere."""

from __future__ import annotations

import asyncio
import gc
import re
import secrets
import signal
import subprocess
import sys
import weakref
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from redis import Redis as SyncRedis
from redis.asyncio import Redis

from cluster.pair import Proxy, until
from sessions.apps import ROOTS, LoginController
from sessions.test_socket_sessions import World, data_of
from support.redis import RedisServer, redis_server
from whinny import (
    RedisAdapter,
    ServiceManager,
    Settings,
    SocketIOController,
    WebsocketContext,
    forward_http_session_to_websocket,
)
from whinny.cluster.redis import connection
from whinny.http import create_app
from whinny.sessions import MemoryStore, Sessions, Store, redis_announcements, session_id
from whinny.sessions.redis import RedisStore
from whinny.sessions.sql import SqlStore
from whinny.testing import TestClient
from whinny.websocket import WsServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    Pair = tuple["Server", "Server"]
    Make = Callable[[], AbstractAsyncContextManager[Pair]]

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def the_redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture
def redis(the_redis: RedisServer) -> RedisServer:
    """A Redis that runs, whatever a test has done to it."""
    the_redis.start()
    return the_redis


class Server(World):
    """One of several servers: the app of the tests of sessions, over a store that they share."""

    def __init__(self, store: Store, adapter: RedisAdapter | None = None) -> None:
        super().__init__(store)
        if adapter is not None:
            services = self.services = ServiceManager(Settings(session_store="memory:"))
            services.set(Store, store)
            roots = [type(root.__name__, (root,), {"adapter": adapter}) for root in ROOTS]
            for root in roots[1:]:
                services.get(root).attach()
            self.app = services.get(roots[0]).attach(create_app(LoginController, services))
            # the browser of World asks the app of its own
            transport = httpx.ASGITransport(self.app)  # type: ignore[arg-type]
            self.browser = httpx.AsyncClient(transport=transport, base_url="http://testserver")
        self.tokens: set[str] = set()

    @property
    def is_ready(self) -> bool:
        return self.services.get(WsServer).io.health().state == "ready"

    async def log_in(self, *others: Server) -> None:
        """Log in here; the browser goes to the other servers with the same cookies."""
        answer = await self.post("/cookie/log-in/1")
        assert answer.status_code == 200
        for other in others:
            other.browser.cookies.update(self.browser.cookies)
        self.tokens.add(self.token)

    @property
    def token(self) -> str:
        return str(self.browser.cookies["sessionID"])

    async def bearer(self, *, user: int = 1) -> str:
        """The token of a new session."""
        token = str((await self.post(f"/bearer/log-in/{user}")).json()["token"])
        self.tokens.add(token)
        return token

    async def bearer_socket(self, token: str, namespace: str = "/bearer") -> TestClient:
        return await self.socket(namespace, auth={"token": token})


@asynccontextmanager
async def serve(*servers: Server) -> AsyncIterator[tuple[Server, ...]]:
    if not servers:
        yield ()
        return
    first, *others = servers
    async with first.stack, first.browser, first.app.lifespan(), serve(*others) as rest:
        yield (first, *rest)


@pytest.fixture(params=["redis", "sqlite and the cluster"])
def make(request: pytest.FixtureRequest, redis: RedisServer, tmp_path: Path) -> Make:
    """Makes two servers, which hear of each other's sessions by their store or by the cluster."""
    name = f"s{secrets.token_hex(4)}"

    @asynccontextmanager
    async def two() -> AsyncIterator[Pair]:
        if request.param == "redis":
            one, other = (Server(RedisStore(redis.url, prefix=f"{name}:")) for _ in range(2))
        else:
            one, other = (
                Server(SqlStore(f"sqlite:///{tmp_path}/{name}.db"), RedisAdapter(redis.url, key=name)) for _ in range(2)
            )
        async with serve(one, other):
            if request.param != "redis":
                await until(lambda: one.is_ready and other.is_ready)
            yield one, other

    return two


async def ends(*clients: TestClient) -> set[str]:
    return {str(await each.wait_disconnected(15)) for each in clients}


async def test_a_login_holds_on_all(make: Make) -> None:
    async with make() as (one, other):
        await one.log_in(other)
        assert (await other.browser.get("/cookie/me")).json() == {"user": "Ada", "content": {}}
        here, there = await one.page_socket(), await other.page_socket()
        await data_of(here, "set", {"from": "one"})
        assert (await data_of(there, "me"))["content"] == {"from": "one"}
        await data_of(there, "set", {"from": "other"})
        assert (await data_of(here, "me"))["content"] == {"from": "other"}
        token = await one.bearer(user=2)
        assert (await data_of(await other.bearer_socket(token), "me"))["user"] == "Grace"


def root_of(adapter: RedisAdapter, store: Store | None) -> type[SocketIOController]:
    """A root that lets nobody in without a session of this store, and has no other use for sessions."""

    class Root(SocketIOController):
        async def on_connection(self, ctx: WebsocketContext[Any]) -> None:
            await forward_http_session_to_websocket(ctx, required=True, store=store)

    Root.adapter = adapter
    return Root


@pytest.mark.parametrize("where", ["the app's store", "another store"])
@pytest.mark.parametrize("how", ["destroyed", "regenerated"])
async def test_a_server_that_has_had_no_socket_tells_the_others(
    how: str, where: str, redis: RedisServer, tmp_path: Path
) -> None:
    """Of whatever ends there from its start on, in whichever store, though none of its events has a session."""
    key = secrets.token_hex(4)
    servers = []
    for _ in range(2):
        services = ServiceManager(Settings(session_store="memory:"))
        store = SqlStore(f"sqlite:///{tmp_path}/s.db")
        services.set(Store, store if where == "the app's store" else MemoryStore())
        services.keep(store)
        root = root_of(RedisAdapter(redis.url, key=key), None if where == "the app's store" else store)
        app = services.get(root).attach()
        servers.append((app, services, Sessions(store)))
    (quiet, services, sessions), (other, others, _) = servers
    async with quiet.lifespan(), other.lifespan():
        await until(lambda: all(each.get(WsServer).io.health().state == "ready" for each in (services, others)))
        session = sessions.create()
        await session.commit()
        async with TestClient(other, auth={"token": session.token}) as client:
            if how == "destroyed":
                await sessions.destroy(session.id)
                assert await ends(client) == {"io server disconnect"}
            else:
                session.regenerate()
                await session.commit()
                assert await ends(client) == {"transport close"}


@pytest.mark.parametrize("how", ["an event", "HTTP", "the service"])
async def test_the_end_of_a_session_ends_its_sockets_everywhere(how: str, make: Make) -> None:
    """In every namespace, at once, on the server where it ends and on the other; those of others stay."""
    async with make() as (one, other):
        await one.log_in(other)
        sockets = [await one.page_socket(), await other.page_socket(), await other.page_socket()]
        sockets.append(await other.socket("/required-cookie", **await page(other)))
        stranger = await other.bearer_socket(await one.bearer(user=2))
        if how == "an event":
            await data_of(sockets[0], "log out")
        elif how == "HTTP":
            assert (await one.post("/cookie/log-out")).status_code == 204
        else:
            await one.sessions.destroy(session_id(one.token))
        assert await ends(*sockets) == {"io server disconnect"}
        assert (await data_of(stranger, "me"))["user"] == "Grace"
        assert stranger.connected
        assert "Ada" not in (await other.browser.get("/cookie/me")).text


async def page(server: Server) -> dict[str, Any]:
    cookies = "; ".join(f"{name}={value}" for name, value in server.browser.cookies.items())
    return {"auth": {"csrfToken": server.browser.cookies["XSRF-TOKEN"]}, "headers": {"cookie": cookies}}


async def test_regeneration_closes_the_connections_of_the_old_token(make: Make) -> None:
    """As the network might: they come back by themselves, with the new token if they have it."""
    async with make() as (one, other):
        await one.log_in(other)
        sockets = [await one.page_socket(), await other.page_socket()]
        stranger = await other.bearer_socket(await one.bearer(user=2))
        assert (await one.post("/cookie/regenerate")).status_code == 204
        assert await ends(*sockets) == {"transport close"}
        assert stranger.connected
        other.browser.cookies.update(one.browser.cookies)
        assert (await data_of(await other.page_socket(), "me"))["user"] == "Ada"


async def test_regeneration_in_an_event(make: Make) -> None:
    """The socket in whose event it happens goes on; those with the old token elsewhere lose their connection."""
    async with make() as (one, other):
        token = await one.bearer()
        here, there = await one.bearer_socket(token), await other.bearer_socket(token)
        new = await data_of(here, "regenerate")
        assert await ends(there) == {"transport close"}
        assert (await data_of(here, "me"))["user"] == "Ada"
        back = await other.bearer_socket(new)
        await data_of(here, "log out")
        assert await ends(here, back) == {"io server disconnect"}


SCRIPT = """
import asyncio, sys
from whinny import ServiceManager, Settings
from whinny.sessions import Sessions, Store
from whinny.sessions.redis import RedisStore

async def main(url, prefix, id):
    store = RedisStore(url, prefix=prefix)
    await Sessions.over(store, Settings()).destroy(id)
    await store.close()

asyncio.run(main(*sys.argv[1:]))
"""


async def test_a_script_that_serves_no_sockets(redis: RedisServer) -> None:
    one, other = (Server(RedisStore(redis.url, prefix="scripted:")) for _ in range(2))
    async with serve(one, other):
        token = await one.bearer()
        sockets = [await one.bearer_socket(token), await other.bearer_socket(token)]
        sockets.append(await other.bearer_socket(token, "/required"))
        stranger = await other.bearer_socket(await one.bearer(user=2))
        args = [sys.executable, "-c", SCRIPT, redis.url, "scripted:", session_id(token)]
        await asyncio.to_thread(subprocess.run, args, check=True, timeout=30)
        assert await ends(*sockets) == {"io server disconnect"}
        assert stranger.connected


@pytest.mark.parametrize("how", ["killed", "cut off", "a blip"])
async def test_sessions_that_ended_while_redis_was_away(
    how: str, redis: RedisServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Their sockets are found when it is back; those of sessions that are still there stay."""
    monkeypatch.setattr(redis_announcements, "QUIET", 0.3)
    monkeypatch.setattr(redis_announcements, "AGAIN", 0.1)
    name = f"s{secrets.token_hex(4)}:"
    async with Proxy(redis.port) as proxy:
        one, other = (Server(RedisStore(url, prefix=name)) for url in (redis.url, proxy.url))
        async with serve(one, other):
            for times in (1, 2):
                token = await one.bearer()
                socket, stays = await other.bearer_socket(token), await other.bearer_socket(await one.bearer())
                if how == "killed":
                    await asyncio.to_thread(redis.stop, signal.SIGKILL)
                    await until(lambda times=times: caplog.text.count("not heard of, for now") >= times)
                    await asyncio.to_thread(redis.start)
                    async with Redis.from_url(redis.url) as client:
                        await client.delete(name + session_id(token))
                elif how == "cut off":
                    proxy.swallow()
                    await one.sessions.destroy(session_id(token))
                    await until(lambda times=times: caplog.text.count("not heard of, for now") >= times)
                    proxy.flow()
                else:
                    async with Redis.from_url(redis.url) as client:
                        pipeline = client.pipeline()
                        pipeline.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
                        pipeline.delete(name + session_id(token))
                        await pipeline.execute()
                assert await ends(socket) == {"io server disconnect"}
                assert (await data_of(stays, "me"))["user"] == "Ada"
                assert stays.connected


class Hearing:
    """What an observer of a store hears."""

    def __init__(self, store: Store) -> None:
        self.ended: list[str] = []
        self.unsure = 0
        store.observers.add(self)

    def sessions_ended(self, ids: Sequence[str]) -> None:
        self.ended += ids

    def session_replaced(self, old: str, new: str) -> None:
        raise AssertionError

    def sessions_unsure(self) -> None:
        self.unsure += 1


async def test_a_client_without_limits_hears_again(
    redis: RedisServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Though its connections, and those that it opened while it was cut off, lead nowhere for good."""
    for limit in ("QUIET", "AGAIN", "PATIENCE"):
        monkeypatch.setattr(redis_announcements, limit, 0.2)
    limits: dict[str, Any] = {"socket_timeout": None, "socket_connect_timeout": None}
    async with (
        Proxy(redis.port) as proxy,
        Redis.from_url(proxy.url, **limits) as client,
        Redis.from_url(redis.url) as other,
    ):
        store = RedisStore(client, prefix="limitless:")
        hearing = Hearing(store)
        await store.boot()
        await until(lambda: proxy.accepted == 2)
        proxy.swallow()
        await until(lambda: "not heard of, for now" in caplog.text)
        await until(lambda: proxy.accepted > 2)
        proxy.flow()
        await until(lambda: hearing.unsure)
        await other.publish("limitless:ended", b'["x","ended",["a"]]')
        await until(lambda: hearing.ended == ["a"])
        await store.close()


async def test_a_store_that_was_closed_has_no_timers(redis: RedisServer) -> None:
    """Nothing holds it any more, also when it has just heard that a session goes on under another id."""
    store = RedisStore(redis.url, prefix="timers:")
    hearing = Hearing(store)
    await store.boot()
    with SyncRedis.from_url(redis.url) as other:
        await until(lambda: other.publish("timers:ended", b'["x","moved",["a","b"]]'))
        other.publish("timers:ended", b'["x","ended",["c"]]')
    await until(lambda: hearing.ended == ["c"])
    await store.close()
    gone = weakref.ref(store)
    del store
    gc.collect()
    assert gone() is None


async def test_sessions_that_ended_while_a_server_was_cut_off(
    redis: RedisServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the servers tell each other by their cluster does not come then: the database knows."""
    monkeypatch.setattr(connection, "TICK", 0.3)
    url = f"sqlite:///{tmp_path}/s.db"
    async with Proxy(redis.port) as proxy:
        one, other = (Server(SqlStore(url), RedisAdapter(each, key="cut")) for each in (redis.url, proxy.url))
        async with serve(one, other):
            token = await one.bearer()
            socket, stays = await other.bearer_socket(token), await other.bearer_socket(await one.bearer())
            await until(lambda: one.is_ready and other.is_ready)
            proxy.swallow()
            await one.sessions.destroy(session_id(token))
            await until(lambda: not other.is_ready)
            assert socket.connected
            proxy.flow()
            assert await ends(socket) == {"io server disconnect"}
            assert (await data_of(stays, "me"))["user"] == "Ada"


async def test_foreign_bytes_on_the_channel_of_announcements(
    redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    one = Server(RedisStore(redis.url, prefix="foreign:"))
    async with serve(one), Redis.from_url(redis.url) as client:
        token = await one.bearer()
        socket = await one.bearer_socket(token)
        for data in (
            b"",
            b"\xff",
            b"{",
            b"[]",
            b"[" * 100_000,
            b"9" * 100_000,
            b'["x","ended","y"]',
            b'["x","ended",[1]]',
            b'["x","ended",["nobody"]]',
            b'["x","replaced",[]]',
            b'["x","replaced",["a"]]',
            b'["x","replaced",["a","b","c"]]',
            b'["x","unknown",["a"]]',
            b'["\\ud800","ended",["\\ud800"]]',
        ):
            for _ in range(20):
                assert await client.publish("foreign:ended", data) == 1
        await client.publish("foreign:ended", b'["x","ended",["' + session_id(token).encode() + b'"]]')
        assert await ends(socket) == {"io server disconnect"}
    told = [each.getMessage() for each in caplog.records if each.name == "whinny.sessions"]
    assert len(told) == 2
    assert all(len(each) < 1000 for each in told)
    assert "more messages" in told[-1]


async def test_foreign_events_of_the_cluster(
    redis: RedisServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What another server says of sessions in a wrong form ends none, and raises nothing."""
    one = Server(SqlStore(f"sqlite:///{tmp_path}/s.db"), RedisAdapter(redis.url, key="foreign"))
    other = Server(SqlStore(f"sqlite:///{tmp_path}/s.db"), RedisAdapter(redis.url, key="foreign"))
    async with serve(one, other):
        token = await one.bearer()
        socket = await one.bearer_socket(token)
        await until(lambda: one.is_ready and other.is_ready)
        io = other.services.get(WsServer).io
        for args in ((), (1,), ([1],), ([[]],), ({},), (None,), ("x", "y", "z"), ([None], [])):
            io.server_side_emit("whinny sessions ended", *args)
            io.server_side_emit("whinny session replaced", *args)
        io.server_side_emit("whinny sessions ended", [session_id(token)])
        assert await ends(socket) == {"io server disconnect"}
        assert not [each for each in caplog.records if each.exc_info]


async def test_no_token_on_any_channel(make: Make, redis: RedisServer) -> None:
    """Nor in what a server keeps of the sockets of others: who listens to Redis can act as nobody."""
    heard: list[bytes] = []
    async with make() as (one, other), Redis.from_url(redis.url) as client, client.pubsub() as pubsub:
        await pubsub.psubscribe("*")
        await one.log_in(other)
        await one.page_socket()
        await other.page_socket()
        token = await one.bearer()
        here, there = await one.bearer_socket(token), await other.bearer_socket(token)
        one.tokens.add(new := await data_of(here, "regenerate"))
        await ends(there)
        there = await other.bearer_socket(new)
        await other.services.get(WsServer).io.fetch_sockets()
        await one.post("/cookie/regenerate")
        one.tokens.add(one.token)
        await one.post("/cookie/log-out")
        await data_of(here, "log out")
        await ends(here, there)
        while (message := await pubsub.get_message(timeout=0.3)) is not None:
            if message["type"] == "pmessage":
                heard.append(message["channel"] + b" " + message["data"])
    assert len(heard) >= 4
    assert len(one.tokens) == 4
    said = b"\n".join(heard).decode(errors="replace")
    for each in one.tokens:
        assert each not in said
        assert each.rpartition(".")[2] not in said
        assert session_id(each) in said or each == token or len(re.findall(session_id(each), said)) == 0


async def test_a_client_with_one_connection(redis: RedisServer) -> None:
    """A store that listens takes none of those of the client that it was given."""
    async with Redis.from_url(redis.url, max_connections=1) as client:
        one, other = Server(RedisStore(client, prefix="single:")), Server(RedisStore(redis.url, prefix="single:"))
        async with serve(one, other):
            await one.log_in(other)
            here = await one.page_socket()
            await other.sessions.destroy(session_id(one.token))
            assert await ends(here) == {"io server disconnect"}
