"""The servers of these tests, in processes of their own, and a client of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.servers import ServerProcess, serve
from wire.raw import Wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


@pytest.fixture(scope="session", params=["uvicorn", "whinny"])
def server(request: pytest.FixtureRequest) -> Iterator[ServerProcess]:
    """The app under each server, which in the end has logged no error of its own making."""
    args = ["--log-level", "warning"] if request.param == "uvicorn" else []
    with serve("apps.wire:app", by=request.param, args=args) as process:
        yield process
        log = process.log
    for sign in ("Exception in", "never retrieved", "was destroyed", "never awaited", "InvalidStateError"):
        assert sign not in log, "of all the tests on this server, one made it log this: " + log[log.index(sign) - 300 :]


@pytest.fixture
async def wire(server: ServerProcess) -> AsyncIterator[Wire]:
    async with Wire(server.url) as clients:
        yield clients
