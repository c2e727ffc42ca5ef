"""The Redis and the Node process of these tests, and a new cluster for each test."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest

from cluster.clusters import Cluster, Kind
from cluster.node import Node
from support.redis import RedisServer, redis_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator


@pytest.fixture(scope="session")
def redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture(scope="session")
def node_process() -> Iterator[Node]:
    process = Node()
    yield process
    process.stop()


@pytest.fixture
async def node(node_process: Node) -> AsyncIterator[Node]:
    """Where clients and emitters are opened; they are gone after the test."""
    yield node_process
    await node_process.call("clear")


@pytest.fixture
async def cluster_of(
    request: pytest.FixtureRequest, redis: RedisServer
) -> AsyncIterator[Callable[..., Awaitable[Cluster]]]:
    """Makes clusters of a kind, each with a key of its own unless it is given one."""
    process: Node | None = None
    async with AsyncExitStack() as stack:

        async def cluster_of(kind: Kind, key: str = "") -> Cluster:
            nonlocal process
            if kind.has_node and process is None:
                process = request.getfixturevalue("node_process")
                stack.push_async_callback(process.call, "clear")
            return await stack.enter_async_context(Cluster(kind, redis.url, process, key))

        yield cluster_of


@pytest.fixture
async def cluster(request: pytest.FixtureRequest, cluster_of: Callable[..., Awaitable[Cluster]]) -> Cluster:
    """A cluster of the test's kind."""
    kind: Kind = request.param
    return await cluster_of(kind)
