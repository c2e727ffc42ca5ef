"""The servers and the Node client that the scenario tests share."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from scenarios.node import NodeClient
from support.servers import Kind, ServerProcess, serve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(scope="session")
def node() -> Iterator[NodeClient]:
    client = NodeClient()
    yield client
    client.stop()


@pytest.fixture(scope="session")
def server_of() -> Iterator[Callable[[str, Kind], ServerProcess]]:
    """The server of an app, started at its first use and kept for the session; for tests that leave it as it was."""
    running: dict[tuple[str, Kind], ServerProcess] = {}
    with ExitStack() as stack:

        def server_of(app: str, by: Kind = "whinny") -> ServerProcess:
            if (app, by) not in running:
                running[app, by] = stack.enter_context(serve(app, by=by))
            return running[app, by]

        yield server_of
