"""ASGI's types, as far as they are needed here, and what a server may offer beyond ASGI."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

SOCKET_EXTENSION: Final = "whinny.socket"
"""The entry in a WebSocket scope's `extensions` by which a server offers the socket itself.

It is a function to be called before the accept, with a TakeSocket; that one gets the socket right after the accept, and
the app has nothing more to do with `receive` and `send`.
"""

OpenSockets = set[Any]
"""A server's table of open connections; when it ends, it calls the `shutdown` method of each."""

TakeSocket = Callable[[asyncio.Transport, bytes, OpenSockets], None]
"""Takes the socket of a WebSocket that was accepted, with the answer to its handshake, which is still to be written."""
