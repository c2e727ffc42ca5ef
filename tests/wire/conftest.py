"""The servers of these tests, in processes of their own, and the clients of each."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

import pytest

from apps.wire import JOINS, PINGS
from support.servers import Kind, ServerProcess, serve
from wire.raw import Wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


@pytest.fixture(scope="session", params=["uvicorn", "whinny"])
def by(request: pytest.FixtureRequest) -> Kind:
    """What serves the apps."""
    return cast("Kind", request.param)


@pytest.fixture(scope="session")
def server(by: Kind) -> Iterator[ServerProcess]:
    """The app under each server; it expects nothing of its clients soon."""
    with serve_well("app", by) as process:
        yield process


@pytest.fixture(scope="session")
def timed(by: Kind) -> Iterator[ServerProcess]:
    """The app whose clients have little time, under each server."""
    with serve_well("timed", by) as process:
        yield process


@contextmanager
def serve_well(app: str, by: Kind) -> Iterator[ServerProcess]:
    """A server that in the end has logged no error of its own making."""
    with serve(f"apps.wire:{app}", by=by, args=["--log-level", "warning"] if by == "uvicorn" else []) as process:
        yield process
        log = process.log
    for sign in ("Exception in", "never retrieved", "was destroyed", "never awaited", "InvalidStateError"):
        assert sign not in log, "of all the tests on this server, one made it log this: " + log[log.index(sign) - 300 :]


@pytest.fixture
async def wire(server: ServerProcess) -> AsyncIterator[Wire]:
    """Clients that are left alone."""
    async with Wire(server.url) as clients:
        yield clients


@pytest.fixture
async def pinged(timed: ServerProcess) -> AsyncIterator[Wire]:
    """Clients that are pinged often, and must answer."""
    async with Wire(timed.url, PINGS.full_path) as clients:
        yield clients


@pytest.fixture
async def hurried(timed: ServerProcess) -> AsyncIterator[Wire]:
    """Clients that must join and upgrade in time, and are not pinged."""
    async with Wire(timed.url, JOINS.full_path) as clients:
        yield clients
