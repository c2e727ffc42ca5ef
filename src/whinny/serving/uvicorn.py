"""What uvicorn is made to do for WebSockets."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

DRAIN_TIMEOUT: Final = 5.0
"""Seconds in which a client must take what is left for it once the app is done with its WebSocket."""


class WebSocketProtocol(WebSocketsSansIOProtocol):
    """Uvicorn's own, but a client that never reads does not keep its connection, and what waits for it, for ever."""

    def on_task_complete(self, task: asyncio.Task[Any]) -> None:
        """The app has left the WebSocket."""
        super().on_task_complete(task)
        self.loop.call_later(DRAIN_TIMEOUT, self.transport.abort)
