"""Databases that are killed, hang or lose what they had, while stores are at work."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from sessions.conftest import SHARED
from sessions.test_stores import LONG, connected, new_state
from whinny.errors import SessionDestroyed
from whinny.sessions import Session, Sessions, SessionState, Store, Timeouts
from whinny.sessions.redis import RedisStore
from whinny.sessions.sql import SqlStore

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from contextlib import AsyncExitStack
    from pathlib import Path

    from support.postgres import PostgresServer
    from support.programs import Program
    from support.redis import RedisServer

    StoreOf = Callable[[str], Store]

pytestmark = pytest.mark.anyio

SERVERS = ["postgres", "redis"]
KILL = {"postgres": signal.SIGQUIT, "redis": signal.SIGKILL}
"""What ends a server at once; PostgreSQL's processes do not end together by SIGKILL."""

END = {"postgres": signal.SIGINT, "redis": signal.SIGTERM}


@pytest.fixture
def server(kind: str, request: pytest.FixtureRequest) -> Iterator[Program]:
    """The server of a kind of store; it runs again after the test."""
    server: Program = request.getfixturevalue(kind)
    yield server
    server.stop(KILL[kind])
    server.start()


async def errors_of(*operations: Awaitable[Any]) -> list[BaseException]:
    """The errors of operations each of which must fail, soon."""
    results = await asyncio.wait_for(asyncio.gather(*operations, return_exceptions=True), 20)
    errors: list[BaseException] = [result for result in results if isinstance(result, Exception)]
    assert len(errors) == len(results), results
    assert not any(isinstance(error, (AssertionError, SessionDestroyed)) for error in errors), errors
    return errors


async def works(store: Store) -> None:
    """Each operation, by many at once, at the first try."""

    async def once() -> None:
        state = new_state()
        await store.save(state, LONG)
        changed = new_state(id=state.id, version=2, content={"b": 2})
        assert await store.update(changed, LONG)
        assert await store.touch(state.id, changed.updated_at + 5, LONG)
        moved = new_state(version=3)
        assert await store.replace(state.id, moved, LONG)
        assert await store.read(state.id) is None
        assert await store.read(moved.id) == moved
        assert await store.destroy(moved.id)

    await asyncio.gather(*(once() for _ in range(20)))


@pytest.mark.parametrize("how", [KILL, END], ids=["killed", "ended"])
@pytest.mark.parametrize("kind", SERVERS)
async def test_while_a_server_is_down_everything_fails_and_then_works(
    store_of: StoreOf, kind: str, server: Program, how: dict[str, signal.Signals]
) -> None:
    """What was kept is still there, as it was, and the store is the same object."""
    store = store_of(kind)
    await store.boot()
    await works(store)
    kept = [new_state(content={"number": number}) for number in range(5)]
    for state in kept:
        await store.save(state, LONG)
    await asyncio.to_thread(server.stop, how[kind])
    fresh = new_state()
    await errors_of(
        store.read(kept[0].id),
        store.save(fresh, LONG),
        store.update(new_state(id=kept[1].id, version=2), LONG),
        store.touch(kept[2].id, time.time() + 50, LONG),
        store.replace(kept[3].id, new_state(version=2), LONG),
        store.destroy(kept[4].id),
        store.clear(),
        store.boot(),
    )
    await asyncio.to_thread(server.start)
    await works(store)
    assert [await store.read(state.id) for state in kept] == kept
    assert await store.read(fresh.id) is None


@pytest.mark.parametrize("kind", SERVERS)
async def test_a_server_that_is_killed_leaves_nothing_half_written(
    store_of: StoreOf, kind: str, server: Program
) -> None:
    """In the middle of many writes: what was answered is kept, and what was not is kept whole or not at all."""
    store = store_of(kind)
    await store.boot()

    busy = asyncio.Semaphore(0)  # counts the writes

    async def updates(history: list[SessionState]) -> None:
        await store.save(history[0], LONG)
        while True:
            busy.release()
            version = history[-1].version + 1
            words = [f"{version}"] * 200
            new = new_state(id=history[0].id, version=version, content={"words": words}, flash={"words": words})
            history.append(new)
            assert await store.update(new, LONG)

    async def replaces(history: list[SessionState]) -> None:
        await store.save(history[0], LONG)
        while True:
            busy.release()
            new = new_state(version=history[-1].version + 1)
            history.append(new)
            assert await store.replace(history[-2].id, new, LONG)

    updated, replaced = ([[new_state()] for _ in range(5)] for _ in range(2))
    at_work = [asyncio.create_task(updates(history)) for history in updated]
    at_work += [asyncio.create_task(replaces(history)) for history in replaced]
    for _ in range(300):
        await busy.acquire()
    await asyncio.to_thread(server.stop, KILL[kind])
    await errors_of(*at_work)
    await asyncio.to_thread(server.start)
    await works(store)
    assert sum(map(len, updated + replaced)) >= 300
    for history in updated:
        assert await store.read(history[0].id) in history[-2:]
    for history in replaced:
        kept = [await store.read(state.id) for state in history]
        assert not any(kept[:-2])
        assert kept[-2:] in ([history[-2], None], [None, history[-1]])


@pytest.mark.parametrize("kind", SERVERS)
async def test_a_session_can_be_committed_when_the_server_is_back(
    store_of: StoreOf, kind: str, server: Program
) -> None:
    store = store_of(kind)
    sessions = Sessions(store, Timeouts())

    def change(session: Session, value: int) -> None:
        session.set("a", value)
        session.set_user(value)
        session.set("flash", value, flash=True)

    known, regenerated, new = sessions.create(), sessions.create(), sessions.create()
    await known.commit()
    await regenerated.commit()
    old = regenerated.token
    for session in (known, regenerated, new):
        change(session, 2)
    regenerated.regenerate()
    await asyncio.to_thread(server.stop, KILL[kind])
    await errors_of(*(session.commit() for session in (known, regenerated, new)))
    await asyncio.to_thread(server.start)
    for session in (known, regenerated, new):
        await session.commit()
        found = await sessions.read(session.token)
        assert found is not None
        assert (found.get("a"), found.user_id, found.get("flash")) == (2, 2, 2)
    assert await sessions.read(old) is None


async def test_redis_that_hangs_is_given_up(redis: RedisServer, at_the_end: AsyncExitStack) -> None:
    store = RedisStore(f"{redis.url}?socket_timeout=3&socket_connect_timeout=3", prefix="hangs:")
    at_the_end.push_async_callback(store.close)
    await works(store)
    redis.pause()
    try:
        await errors_of(store.read("a"), store.save(new_state(), LONG))
    finally:
        redis.resume()
    await works(store)


async def test_postgres_that_hangs_is_given_up(postgres: PostgresServer, at_the_end: AsyncExitStack) -> None:
    store = SqlStore(f"{postgres.url}?command_timeout=4", table="hangs")
    at_the_end.push_async_callback(store.close)
    state = new_state()
    await store.save(state, LONG)
    other = await connected(postgres, at_the_end)
    at_the_end.push_async_callback(other.execute, "DROP TABLE IF EXISTS hangs")
    changed = new_state(id=state.id, version=2)
    async with other.transaction():
        await other.execute("LOCK TABLE hangs IN ACCESS EXCLUSIVE MODE")
        await errors_of(store.read(state.id), store.update(changed, LONG), store.destroy(state.id))
    assert await store.read(state.id) == state
    await works(store)


async def test_sqlite_that_others_lock_for_long_fails_and_then_works(
    tmp_path: Path, at_the_end: AsyncExitStack
) -> None:
    store = SqlStore(f"sqlite:///{tmp_path}/app.db?timeout=0.1")
    at_the_end.push_async_callback(store.close)
    state = new_state()
    await store.save(state, LONG)
    other = sqlite3.connect(tmp_path / "app.db", isolation_level=None)
    at_the_end.callback(other.close)
    other.execute("BEGIN IMMEDIATE")
    changed = new_state(id=state.id, version=2)
    errors = await errors_of(store.update(changed, LONG), store.save(new_state(), LONG), store.destroy(state.id))
    assert all("locked" in str(error) for error in errors)
    assert await store.read(state.id) == state
    other.execute("ROLLBACK")
    assert await store.update(changed, LONG)
    await works(store)


@pytest.mark.parametrize("kind", SHARED)
async def test_a_database_that_was_emptied_is_made_ready_again(
    store_of: StoreOf, kind: str, request: pytest.FixtureRequest, tmp_path: Path, at_the_end: AsyncExitStack
) -> None:
    """A table that was dropped, the scripts that Redis forgot: at the latest the second operation works."""
    store = store_of(kind)
    await store.save(new_state(), LONG)
    if isinstance(store, SqlStore):
        if kind == "postgres":
            other = await connected(request.getfixturevalue("postgres"), at_the_end)
            await other.execute(f"DROP TABLE {store.table.name}")
        else:
            with closing(sqlite3.connect(tmp_path / f"{store.table.name}.db", timeout=20)) as connection, connection:
                connection.execute(f"DROP TABLE {store.table.name}")
        await errors_of(store.read("a"))
    else:
        assert isinstance(store, RedisStore)
        await store._redis.flushall()
        await store._redis.script_flush()
    await works(store)


@pytest.mark.parametrize(
    "url", ["redis://127.0.0.1:1/0", "postgresql://whinny@127.0.0.1:1/app", "sqlite:////nowhere/at/all/app.db"]
)
async def test_a_database_that_is_not_there_stops_the_start(url: str, at_the_end: AsyncExitStack) -> None:
    store: Store = RedisStore(url) if url.startswith("redis") else SqlStore(url)
    at_the_end.push_async_callback(store.close)
    await errors_of(store.boot())
    await errors_of(store.read("a"))
    await store.close()
    for thread in threading.enumerate():  # aiosqlite ends that of a connection which failed a little later
        if "_connection_worker_thread" in thread.name:
            await asyncio.to_thread(thread.join, 20)
