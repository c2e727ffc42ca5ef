"""A Redis of its own for each file, which runs again for each test, and a server that is quick to notice."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from support.redis import RedisServer, redis_server
from whinny.cluster.redis import connection, link

if TYPE_CHECKING:
    from collections.abc import Iterator


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
    """It is noticed sooner that Redis is silent, and tried sooner to come back."""
    monkeypatch.setattr(connection, "TICK", 1.5)
    monkeypatch.setattr(link, "PAUSES", (0.02, 0.05, 0.1))
