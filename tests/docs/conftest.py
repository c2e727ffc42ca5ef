"""The Node process and the servers of the examples."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from docs.clients import Node
from support.servers import serve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.servers import ServerProcess

PRODUCTION = {"WHINNY_DEBUG": "0"}  # whatever the environment of the tests says


@pytest.fixture(scope="module")
def node_process() -> Iterator[Node]:
    process = Node()
    yield process
    process.stop()


@pytest.fixture
def node(node_process: Node) -> Iterator[Node]:
    """Where clients are opened; they are gone after the test."""
    yield node_process
    node_process.close_clients()


@pytest.fixture(scope="module")
def serve_code(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], ServerProcess]]:
    """Serves code as a reader's app.py; the server stays until other code is to be served."""
    served: dict[str, ServerProcess] = {}
    stack = ExitStack()

    def serve_code(code: str) -> ServerProcess:
        if code not in served:
            stack.close()
            served.clear()
            folder = tmp_path_factory.mktemp("example")
            (folder / "app.py").write_text(code)
            env = PRODUCTION | {"WHINNY_SESSION_STORE": f"sqlite:///{folder / 'whinny.sqlite3'}"}
            served[code] = stack.enter_context(serve("app:app", args=["--app-dir", str(folder)], env=env))
        return served[code]

    with stack:
        yield serve_code
