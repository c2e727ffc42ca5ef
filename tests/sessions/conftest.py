"""The databases of these tests, and each kind of store on them."""

from __future__ import annotations

import secrets
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from support.postgres import PostgresServer, postgres_server
from support.redis import RedisServer, redis_server
from whinny.sessions import MemoryStore, Store
from whinny.sessions.redis import RedisStore
from whinny.sessions.sql import SqlStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

KINDS = ["memory", "sqlite file", "sqlite in memory", "postgres", "redis"]
SHARED = ["sqlite file", "postgres", "redis"]
"""Those that several processes can use at once."""


@pytest.fixture(scope="session")
def redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


@pytest.fixture
async def at_the_end() -> AsyncIterator[AsyncExitStack]:
    """What is to be closed after the test, though it fails: nothing of it is left for the next ones."""
    async with AsyncExitStack() as stack:
        yield stack


@pytest.fixture
def store_of(tmp_path: Path, request: pytest.FixtureRequest, at_the_end: AsyncExitStack) -> Callable[[str], Store]:
    """Makes a store of a kind; all of one kind that a test makes are on the same database, which begins empty.

    They are closed after the test.
    """
    name = f"s{secrets.token_hex(6)}"

    def store_of(kind: str) -> Store:
        store = new(kind)
        at_the_end.push_async_callback(store.close)
        return store

    def new(kind: str) -> Store:
        if kind == "memory":
            return MemoryStore()
        if kind == "redis":
            return RedisStore(request.getfixturevalue("redis").url, prefix=f"{name}:")
        if kind == "postgres":
            return SqlStore(request.getfixturevalue("postgres").url, table=name)
        return SqlStore(f"sqlite:///{tmp_path}/{name}.db" if kind == "sqlite file" else "sqlite://", table=name)

    return store_of


@pytest.fixture
def booted(store_of: Callable[[str], Store]) -> Callable[[str], AbstractAsyncContextManager[Store]]:
    """A store of a kind that has booted, and is closed in the end."""

    @asynccontextmanager
    async def booted(kind: str) -> AsyncIterator[Store]:
        store = store_of(kind)
        await store.boot()
        try:
            yield store
        finally:
            await store.close()

    return booted
