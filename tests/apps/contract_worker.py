"""Gunicorn's uvicorn worker with Whinny's WebSocket class."""

from __future__ import annotations

from typing import Any, ClassVar

from uvicorn_worker import UvicornWorker


class Worker(UvicornWorker):  # type: ignore[misc]
    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {
        **UvicornWorker.CONFIG_KWARGS,
        "ws": "whinny.serving.uvicorn:WebSocketProtocol",
    }
