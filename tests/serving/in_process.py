"""A real uvicorn with Whinny's WebSocket class in the event loop of the test, so that the test sees what it holds."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import uvicorn

from whinny.serving.uvicorn import WebSocketProtocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Running:
    """A server, its address, and the task in which it runs."""

    def __init__(self, app: Any, kind: Any = WebSocketProtocol, **settings: Any) -> None:
        self.config = uvicorn.Config(app, ws=kind, log_config=None, access_log=False, **settings)
        self.server = uvicorn.Server(self.config)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.task = asyncio.create_task(self.server.serve([self.listener]))

    async def empty(self) -> None:
        """Wait until it has no connections."""
        while self.server.server_state.connections:  # noqa: ASYNC110  # it is uvicorn's table, which tells nobody
            await asyncio.sleep(0.005)

    async def stop(self, within: float = 10) -> float:
        """Tell it to end; how many seconds that took."""
        began = asyncio.get_running_loop().time()
        self.server.should_exit = True
        await asyncio.wait_for(self.task, within)
        return asyncio.get_running_loop().time() - began


@asynccontextmanager
async def running(app: Any, **settings: Any) -> AsyncIterator[Running]:
    """Serve an app until the block ends."""
    host = Running(app, **settings)
    try:
        while not host.server.started:
            assert not host.task.done(), host.task
            await asyncio.sleep(0.005)
        yield host
    finally:
        await host.stop()
        host.listener.close()
