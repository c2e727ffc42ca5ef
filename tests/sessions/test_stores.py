"""Every store against the contract, two and more of them on one database, and what lies in that database."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import subprocess
import sys
import time
from importlib.abc import MetaPathFinder
from typing import TYPE_CHECKING, Any

import asyncpg  # type: ignore[import-untyped]
import pytest
from redis import Redis as SyncRedis
from redis.asyncio import Redis
from sqlalchemy import MetaData, StaticPool, create_engine, inspect, text
from sqlalchemy.ext.asyncio import create_async_engine

from sessions.conftest import KINDS, SHARED
from sessions.counting import count
from support.servers import TESTS, environment
from whinny.errors import ConfigurationError, SessionAlreadyExists
from whinny.sessions import Sessions, SessionState, Store, Timeouts, redis_announcements, session_id
from whinny.sessions.choice import store_from_url
from whinny.sessions.redis import RedisStore
from whinny.sessions.sql import SqlStore, sessions_table
from whinny.testing import check_store

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager, AsyncExitStack
    from pathlib import Path

    from support.postgres import PostgresServer
    from support.redis import RedisServer

    Booted = Callable[[str], AbstractAsyncContextManager[Store]]
    StoreOf = Callable[[str], Store]

pytestmark = pytest.mark.anyio

SQL = ["sqlite file", "sqlite in memory", "postgres"]
LONG = 3600.0


def new_state(**fields: Any) -> SessionState:
    now = time.time()
    given: dict[str, Any] = {"id": session_id(secrets.token_urlsafe()), "content": {"a": 1}, "flash": {}}
    return SessionState(**given | {"created_at": now, "updated_at": now} | fields)


async def connected(server: PostgresServer, at_the_end: AsyncExitStack) -> Any:
    """A connection past the stores."""
    connection = await asyncpg.connect(server.url.replace("+asyncpg", ""))
    at_the_end.push_async_callback(connection.close)
    return connection


def content(file: Path) -> bytes:
    """What lies in a file; nothing if it is gone, as a server's temporary ones may be."""
    try:
        return file.read_bytes() if file.is_file() else b""
    except FileNotFoundError:
        return b""


@pytest.mark.parametrize("kind", KINDS)
async def test_a_store_does_all_that_it_must(booted: Booted, kind: str) -> None:
    async with booted(kind) as store:
        await check_store(store)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_store_works_before_it_boots_and_after_it_was_closed(store_of: StoreOf, kind: str) -> None:
    """Many tasks at once may be the first."""
    store = store_of(kind)
    state = new_state()
    results = await asyncio.gather(*(store.save(state, LONG) for _ in range(10)), return_exceptions=True)
    assert sorted(type(result).__name__ for result in results) == ["NoneType", *["SessionAlreadyExists"] * 9]
    await store.boot()
    await store.boot()
    assert await store.read(state.id) == state
    await store.close()
    await store.close()
    assert await store.read(state.id) == (None if kind == "sqlite in memory" else state)
    await store.close()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_task_that_is_cancelled_does_no_harm(booted: Booted, kind: str) -> None:
    """Wherever it is: the store keeps what it kept, and works on."""
    async with booted(kind) as store:
        state = new_state()
        await store.save(state, LONG)
        for wait in range(30):
            new = new_state(version=state.version + 1, content={"wait": wait})
            replace = asyncio.create_task(store.replace(state.id, new, LONG))
            read = asyncio.create_task(store.read(state.id))
            for _ in range(wait):
                await asyncio.sleep(0)
            replace.cancel()
            read.cancel()
            await asyncio.gather(replace, read, return_exceptions=True)
            end = time.monotonic() + 20
            while (found := await store.read(new.id) or await store.read(state.id)) not in (state, new):
                assert time.monotonic() < end, found
            other = new_state(id=state.id, version=new.version, content={"other": wait})
            is_other = await store.update(other, LONG)  # what was cancelled may still be on its way: now it is late
            assert not (is_other and found == new), "two writes of one version"
            gone, state = (new, other) if is_other else (state, new)
            assert await store.read(state.id) == state
            assert await store.read(gone.id) is None


# two and more on one database


@pytest.mark.parametrize("kind", SHARED)
async def test_two_stores_on_one_database_are_one(booted: Booted, kind: str) -> None:
    async with booted(kind) as one, booted(kind) as other:
        state = new_state(user_id=5)
        await one.save(state, LONG)
        assert await other.read(state.id) == state
        with pytest.raises(SessionAlreadyExists):
            await other.save(state, LONG)
        state.version = 2
        written = await asyncio.gather(*(store.update(state, LONG) for store in [one, other] * 10))
        assert written.count(True) == 1
        new = new_state(version=3)
        assert await other.replace(state.id, new, LONG)
        assert not await one.touch(state.id, time.time(), LONG)
        assert await one.destroy(new.id)
        assert await other.read(new.id) is None


@pytest.mark.parametrize("kind", SHARED)
async def test_many_stores_boot_at_once_on_an_empty_database(store_of: StoreOf, kind: str) -> None:
    stores = [store_of(kind) for _ in range(8)]
    await asyncio.gather(*(store.boot() for store in stores))
    state = new_state()
    await stores[0].save(state, LONG)
    assert await asyncio.gather(*(store.read(state.id) for store in stores)) == [state] * 8


@pytest.mark.parametrize("kind", SHARED)
async def test_two_processes_lose_nothing(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest, at_the_end: AsyncExitStack
) -> None:
    """Both begin with no table, and then six tasks in them commit the same session at once, and two here."""
    place = f"p{secrets.token_hex(6)}"
    url = f"sqlite:///{tmp_path}/counted.db?timeout=20" if kind == "sqlite file" else request.getfixturevalue(kind).url
    store: Store = RedisStore(url, prefix=place) if kind == "redis" else SqlStore(url, table=place)
    at_the_end.push_async_callback(store.close)
    sessions = Sessions(store, Timeouts())
    session = sessions.create()
    times = 20
    argv = [sys.executable, "-m", "sessions.counting", url, place, session.token]
    processes = [
        await asyncio.create_subprocess_exec(
            *argv,
            name,
            str(times),
            cwd=TESTS,
            env=environment({"PYTHONPATH": os.pathsep.join(sys.path)}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for name in ("first", "second")
    ]
    try:
        for process in processes:
            assert process.stdout is not None
            assert await process.stdout.readline() == b"ready\n"
        await session.commit()
        for process in processes:
            assert process.stdin is not None
            process.stdin.write(b"go\n")
        await asyncio.gather(*(count(sessions, session.token, f"here.{number}", times) for number in range(2)))
        assert [await process.wait() for process in processes] == [0, 0]
    finally:
        for process in processes:
            if process.returncode is None:
                process.kill()
            await process.communicate()
    counted = await sessions.read(session.token)
    assert counted is not None
    found = {key: value for key, value in counted.content.items() if "." in key}
    names = [f"{name}.{number}" for name in ("first", "second") for number in range(3)] + ["here.0", "here.1"]
    assert found == dict.fromkeys(names, times)


@pytest.mark.parametrize("kind", SHARED)
async def test_a_burst_of_commits_of_one_session_loses_nothing(booted: Booted, kind: str) -> None:
    """As when a client sends a hundred events at once, each of which changes the session."""
    async with booted(kind) as store:
        sessions = Sessions(store, Timeouts())
        first = sessions.create()
        await first.commit()

        async def event(number: int) -> None:
            session = await sessions.read(first.token)
            assert session is not None
            session.set(str(number), number)
            await session.commit()

        await asyncio.gather(*(event(number) for number in range(100)))
        last = await sessions.read(first.token)
        assert last is not None
        assert {key: last.get(key) for key in map(str, range(100))} == {str(number): number for number in range(100)}


# what lies there


@pytest.mark.parametrize("kind", SHARED)
async def test_nothing_that_is_kept_tells_a_token(
    store_of: StoreOf, kind: str, tmp_path: Path, request: pytest.FixtureRequest, at_the_end: AsyncExitStack
) -> None:
    """Neither of a session that is kept, nor of one that was regenerated or destroyed."""
    store = store_of(kind)
    sessions = Sessions(store, Timeouts())
    session, other = sessions.create(), sessions.create()
    tokens, ids = [session.token, other.token], [session.id]
    session.set("name", "ann")
    session.set("flash", 1, flash=True)
    await session.commit()
    await other.commit()
    session.regenerate()
    tokens.append(session.token)
    ids.append(session.id)
    await session.commit()
    await other.destroy()
    places = [tmp_path]
    if kind != "sqlite file":
        server = request.getfixturevalue(kind)
        places.append(server.folder)
    if kind == "postgres":
        connection = await connected(server, at_the_end)
        await connection.execute("CHECKPOINT")
    lying = b"".join(content(file) for place in places for file in sorted(place.rglob("*")))
    assert all(id_.encode() in lying for id_ in ids[-1:])
    assert b"ann" in lying
    for token in tokens:
        assert token.encode() not in lying


# SQL


@pytest.mark.parametrize("kind", SQL)
async def test_a_table_made_by_others_is_used(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest, at_the_end: AsyncExitStack
) -> None:
    """By Alembic for instance; `sessions_table` tells it what to make, and that is what the store makes itself."""
    url = "sqlite+aiosqlite://" if kind == "sqlite in memory" else f"sqlite+aiosqlite:///{tmp_path}/app.db"
    if kind == "postgres":
        url = request.getfixturevalue("postgres").url
    engine = create_async_engine(url)
    at_the_end.push_async_callback(engine.dispose)
    made, metadata = f"m{secrets.token_hex(6)}", MetaData()
    sessions_table(metadata, made)
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    store, own = SqlStore(engine, made), SqlStore(engine, f"own{made}")
    for each in (store, own):
        at_the_end.push_async_callback(each.close)
        await each.boot()
    await check_store(store)
    for each in (store, own):
        await each.close()

    def shape(connection: Any, name: str) -> Any:
        found = inspect(connection)
        columns = [(each["name"], str(each["type"]), each["nullable"]) for each in found.get_columns(name)]
        return columns, sorted(each["column_names"] for each in found.get_indexes(name)), found.get_pk_constraint(name)

    async with engine.connect() as connection:  # which was not closed
        of_others, of_store = [await connection.run_sync(shape, each.table.name) for each in (store, own)]
        assert of_others[:2] == of_store[:2]
        assert of_others[1] == [["created_at"], ["updated_at"]]
        assert of_others[2]["constrained_columns"] == of_store[2]["constrained_columns"] == ["id"]
        for name in (made, f"own{made}"):
            await connection.execute(text(f"DROP TABLE {name}"))
        await connection.commit()


async def test_an_engine_with_one_connection_for_all_is_used_by_one_at_a_time(at_the_end: AsyncExitStack) -> None:
    engine = create_async_engine("sqlite+aiosqlite://", poolclass=StaticPool)
    at_the_end.push_async_callback(engine.dispose)
    store = SqlStore(engine)
    at_the_end.push_async_callback(store.close)
    await check_store(store)
    state = new_state()
    await store.save(state, LONG)
    await store.close()
    assert await store.read(state.id) == state


async def test_a_user_who_may_not_make_tables_can_use_one(postgres: PostgresServer, at_the_end: AsyncExitStack) -> None:
    name = f"r{secrets.token_hex(6)}"
    owner = SqlStore(postgres.url, table=name)
    at_the_end.push_async_callback(owner.close)
    await owner.boot()
    connection = await connected(postgres, at_the_end)
    await connection.execute(f"CREATE ROLE {name} LOGIN; GRANT SELECT, INSERT, UPDATE, DELETE ON {name} TO {name}")
    store = SqlStore(postgres.url.replace("whinny@", f"{name}@"), table=name)
    at_the_end.push_async_callback(store.close)
    await store.boot()
    state = new_state()
    await store.save(state, LONG)
    assert await store.read(state.id) == state
    await store.close()
    await connection.execute(f"DROP OWNED BY {name}; DROP ROLE {name}; DROP TABLE {name}")


async def test_sqlite_is_used_so_that_processes_do_not_wait_for_one_another(
    tmp_path: Path, at_the_end: AsyncExitStack
) -> None:
    """A reader is not kept waiting by a writer, and the table is what other tools can read."""
    store = SqlStore(f"sqlite:///{tmp_path}/app.db?timeout=20")
    at_the_end.push_async_callback(store.close)
    await store.boot()
    state = new_state(user_id="7")
    await store.save(state, LONG)
    engine = create_engine(f"sqlite:///{tmp_path}/app.db")
    at_the_end.callback(engine.dispose)
    with engine.connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        connection.execute(text("UPDATE sessions SET version = 1"))  # begins a write, and is not done
        assert await asyncio.wait_for(store.read(state.id), 10) == state  # and not when the driver gives up
        row = connection.execute(text("SELECT user_id, content FROM sessions")).one()
        assert tuple(row) == ('"7"', '{"a":1}')
        connection.rollback()


async def test_the_loop_runs_on_while_sqlite_waits(tmp_path: Path, at_the_end: AsyncExitStack) -> None:
    store = SqlStore(f"sqlite:///{tmp_path}/app.db?timeout=20")
    at_the_end.push_async_callback(store.close)
    await store.boot()
    engine = create_engine(f"sqlite:///{tmp_path}/app.db")
    at_the_end.callback(engine.dispose)
    with engine.connect() as connection:
        connection.execute(text("DELETE FROM sessions"))
        save = asyncio.create_task(store.save(new_state(), LONG))
        longest = 0.0
        for _ in range(30):
            began = time.monotonic()
            await asyncio.sleep(0.01)
            longest = max(longest, time.monotonic() - began)
        assert not save.done()
        assert longest < 10  # and not the twenty seconds that the write waits
        connection.rollback()
    await asyncio.wait_for(save, 20)


# Redis


async def test_redis_forgets_sessions_that_are_not_used(redis: RedisServer, at_the_end: AsyncExitStack) -> None:
    """Each write asks it to keep the session for the idle time from then on."""
    store = RedisStore(redis.url, prefix=f"{secrets.token_hex(6)}:")
    at_the_end.push_async_callback(store.close)
    client = await at_the_end.enter_async_context(Redis.from_url(redis.url))
    state = new_state()

    async def left(id_: str) -> float:
        return await client.pttl(f"{store._prefix}{id_}") / 1000

    await store.save(state, 100)
    assert 90 < await left(state.id) <= 100
    assert await store.touch(state.id, state.updated_at, 200)
    assert 190 < await left(state.id) <= 200
    state.version = 2
    assert await store.update(state, 300.0005)
    assert 290 < await left(state.id) <= 300.001
    new = new_state(version=3)
    assert await store.replace(state.id, new, 1e30)
    assert await left(new.id) > 3e9
    assert not await store.update(state, 5)
    new.version = 4
    assert await store.update(new, 0.1)
    end = time.monotonic() + 20
    while await store.read(new.id) is not None:
        assert time.monotonic() < end
        await asyncio.sleep(0.02)
    assert await client.keys(f"{store._prefix}*") == []
    new.version = 5
    assert not await store.update(new, LONG)


@pytest.mark.parametrize("prefix", ["a:", "a[bc]*?\\:", "{a}:", "", "\u4e2d:"])
async def test_clear_removes_sessions_of_its_own_only(
    redis: RedisServer, prefix: str, at_the_end: AsyncExitStack
) -> None:
    """Not those of a store whose prefix begins alike, nor what else an app keeps in Redis."""
    client = await at_the_end.enter_async_context(Redis.from_url(redis.url))
    await client.flushdb()
    at_the_end.push_async_callback(client.flushdb)
    store = RedisStore(redis.url, prefix)
    at_the_end.push_async_callback(store.close)
    stays = [prefix + "other", prefix + "0" * 63, prefix + "0" * 65, "b" + prefix + "0" * 64, prefix + "x:" + "0" * 64]
    for other in [*stays, "ab:" + "0" * 64]:
        await client.set(other, "1")
    states = [new_state() for _ in range(1200)]
    await asyncio.gather(*(store.save(state, LONG) for state in states))
    assert await client.dbsize() == 1206
    await store.clear()
    assert sorted({key.decode() async for key in client.scan_iter()}) == sorted([*stays, "ab:" + "0" * 64])


@pytest.mark.parametrize("options", [{}, {"decode_responses": True}, {"protocol": 2}, {"protocol": 3}])
async def test_a_redis_client_is_used_and_not_closed(
    redis: RedisServer, options: dict[str, Any], at_the_end: AsyncExitStack
) -> None:
    client = await at_the_end.enter_async_context(Redis.from_url(redis.url, **options))
    store = RedisStore(client, prefix=f"{secrets.token_hex(6)}:")
    at_the_end.push_async_callback(store.close)
    await store.boot()
    await check_store(store)
    state = new_state()
    await store.save(state, LONG)
    await store.close()
    assert client.connection_pool is not None
    assert await store.read(state.id) == state


async def test_what_goes_on_when_a_redis_store_closes_leaves_no_connection_open(
    redis: RedisServer, at_the_end: AsyncExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Commands of others, and news for other stores: they come to their end, and so do their connections."""
    monkeypatch.setattr(redis_announcements, "FAREWELL", 20.0)
    prefix = f"{secrets.token_hex(6)}:"
    async with Redis.from_url(redis.url) as client, client.pubsub() as heard:
        await heard.subscribe(f"{prefix}ended")
        assert await heard.get_message(timeout=20)

        async def connections() -> set[str]:
            return {each["id"] for each in await client.client_list()}

        before = await connections()
        store = RedisStore(redis.url, prefix)
        at_the_end.push_async_callback(store.close)
        await store.boot()
        reads = [asyncio.create_task(store.read("a" * 64)) for _ in range(50)]
        for each in store.observers:
            for number in range(10):
                each.session_replaced(f"{number:064}", "b" * 64)
        await asyncio.sleep(0)
        await store.close()
        assert await asyncio.gather(*reads) == [None] * 50
        for _ in range(10):
            message = await heard.get_message(timeout=20)
            assert message is not None
            assert b"replaced" in message["data"]
        end = time.monotonic() + 20
        while await connections() - before:
            assert time.monotonic() < end, "connections stay open"
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("operation", ["save", "update", "replace"])
async def test_a_write_whose_answer_was_lost_is_done_once(
    redis: RedisServer, operation: str, at_the_end: AsyncExitStack
) -> None:
    """The client sends it again over another connection; the answer is that of the first time."""
    lost: list[bytes] = []

    forwarding: set[asyncio.Task[None] | None] = set()

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        forwarding.add(asyncio.current_task())
        there, back = await asyncio.open_connection("127.0.0.1", redis.port)

        async def answers() -> None:
            while data := await there.read(65_536):
                if lose and not lost and b"EVALSHA" in asked:
                    lost.append(data)
                    break
                writer.write(data)
            writer.close()

        asked = bytearray()
        answering = asyncio.create_task(answers())
        while data := await reader.read(65_536):
            asked[:] = data
            back.write(data)
        back.close()
        await answering

    async def end() -> None:
        proxy.close()
        await asyncio.wait_for(asyncio.gather(*filter(None, forwarding)), 20)

    lose = False
    proxy = await asyncio.start_server(forward, "127.0.0.1", 0)
    at_the_end.push_async_callback(end)
    port = proxy.sockets[0].getsockname()[1]
    store = RedisStore(f"redis://127.0.0.1:{port}/0", prefix=f"{secrets.token_hex(6)}:")
    at_the_end.push_async_callback(store.close)
    state = new_state()
    await store.save(state, LONG)
    lose = True
    if operation == "save":
        state = new_state()
        await store.save(state, LONG)
    else:
        before = state
        state = new_state(version=2, **({"id": before.id} if operation == "update" else {}))
        assert await getattr(store, operation)(*([before.id] if operation == "replace" else []), state, LONG)
    assert lost == [b":1\r\n"]
    assert await store.read(state.id) == state


# which store


@pytest.mark.parametrize(
    ("url", "package", "advice"),
    [
        ("redis://127.0.0.1/0", "redis", r'package redis: pip install "whinny\[redis\]"'),
        ("sqlite:///app.db", "sqlalchemy", r'package sqlalchemy: pip install "whinny\[sql\]"'),
        ("sqlite:///app.db", "aiosqlite", "package aiosqlite: pip install aiosqlite"),
        ("postgresql://host/db", "asyncpg", "package asyncpg: pip install asyncpg"),
    ],
)
def test_a_store_whose_package_is_missing_says_which(
    url: str, package: str, advice: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Missing(MetaPathFinder):
        def find_spec(self, fullname: str, path: object, target: object = None) -> None:
            if fullname == package:
                raise ModuleNotFoundError(f"No module named {package!r}", name=package)

    for module in list(sys.modules):
        if module.startswith(("whinny.sessions.redis", "whinny.sessions.sql")) or module.split(".")[0] == package:
            monkeypatch.delitem(sys.modules, module)
    monkeypatch.setattr(sys, "meta_path", [Missing(), *sys.meta_path])
    with pytest.raises(ConfigurationError, match=advice):
        store_from_url(url)


async def test_a_url_names_a_store(
    tmp_path: Path, redis: RedisServer, postgres: PostgresServer, at_the_end: AsyncExitStack
) -> None:
    """With a driver or without."""
    urls = [
        "memory:",
        f"sqlite:///{tmp_path}/a.db",
        f"sqlite+aiosqlite:///{tmp_path}/b.db",
        redis.url,
        postgres.url,
        postgres.url.replace("+asyncpg", ""),
        postgres.url.replace("postgresql+asyncpg", "postgres") + "?timeout=30&command_timeout=20.5",
    ]
    for url in urls:
        store = store_from_url(url)
        at_the_end.push_async_callback(store.close)
        await store.boot()
        state = new_state()
        await store.save(state, LONG)
        assert await store.read(state.id) == state
        await store.destroy(state.id)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "URL"),
        ("nonsense", "URL"),
        ("whinny.db", "sqlite:///app.sqlite3"),
        ("postgresql+psycopg2://user:pass-word@host/db", r"not async.*postgresql\+asyncpg:"),
        ("mysql://user:pass-word@host/db", r"not async.*mysql\+aiomysql:"),
        ("oracle-of-delphi://host/db", "URL oracle-of-delphi:"),
        ("mysql+aiomysql://user:pass-word@host/db", "package aiomysql: pip install aiomysql"),
        ("sqlite+pysqlite:///a.db", "async"),
        ("postgresql://user:pass-word@host:port/db", "URL postgresql:"),
        ("postgresql://user:pass-word@host/db?timeout=soon", "URL postgresql:"),
        ("redis://:pass-word@host:port/0", "URL redis:"),
        ("redis://:pass-word@host:99999999/0", "URL redis:"),
        ("redis://:pass-word@host?foo=pass-word", "URL redis://…"),
        ("rediss://:pass-word@host?ssl_cert_reqs=pass-word", "URL rediss://…"),
        ("redis:pass-word@host", "redis://.*<class 'str'>"),
    ],
)
def test_a_url_that_names_no_store_is_refused(url: str, words: str) -> None:
    """The error names what is wrong, and not the password."""
    with pytest.raises(ConfigurationError, match=words) as refused:
        store_from_url(url)
    assert "pass-word" not in str(refused.value)


@pytest.mark.parametrize("given", ["pass-word@host", b"redis://:pass-word@host", SyncRedis(password="pass-word"), None])
def test_what_is_no_way_to_redis_is_refused(given: Any) -> None:
    """Of what may be a password, the type is all that is shown."""
    with pytest.raises(ConfigurationError, match="RedisStore needs a URL .*" + re.escape(str(type(given)))) as refused:
        RedisStore(given)
    assert "pass-word" not in str(refused.value)
