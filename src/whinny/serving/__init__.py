"""How bytes come in: ASGI, and uvicorn to serve it."""

from whinny.serving.asgi import SocketIOApp, socket_io_apps
from whinny.serving.lifecycle import Lifecycle
from whinny.serving.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["ASGIApp", "Lifecycle", "Message", "Receive", "Scope", "Send", "SocketIOApp", "socket_io_apps"]
