"""Real-time communication: Socket.IO v4 on the wire, controllers on the server. All that an app author writes with."""

from __future__ import annotations

import typing as _typing
from importlib import import_module as _import_module

from whinny.engine import CookieOptions
from whinny.errors import (
    AckTimeout,
    ClientDisconnected,
    ClusterTimeout,
    ConfigurationError,
    ConnectionRefused,
    EncodeError,
    ServerNotAttached,
    WhinnyError,
)
from whinny.framework import HookDecorator, ServiceManager, Settings, SubController, dependency
from whinny.server import BroadcastOperator, Handshake, Namespace, RemoteSocket, Server, ServerOptions, Socket
from whinny.serving import SocketIOApp
from whinny.types import DisconnectReason
from whinny.websocket import (
    AnyResponse,
    OperatorLike,
    PostFunction,
    SocketIOController,
    SocketLike,
    WebsocketContext,
    WebsocketErrorResponse,
    WebsocketResponse,
    WsServer,
    event_name,
    forward_http_session_to_websocket,
    get_websocket_hook_function,
    get_websocket_hook_functions,
    http_to_websocket_hook,
    merge_websocket_hooks,
    render_websocket_error,
    use_websocket_sessions,
    validate_payload,
    websocket_hook,
    ws_controller,
)

if _typing.TYPE_CHECKING:
    from whinny.cluster.redis import AsyncRedisEmitter as AsyncRedisEmitter
    from whinny.cluster.redis import RedisAdapter as RedisAdapter
    from whinny.cluster.redis import RedisEmitter as RedisEmitter
    from whinny.cluster.redis import ShardedRedisAdapter as ShardedRedisAdapter
    from whinny.http import create_app as create_app

__all__ = [
    "AckTimeout",
    "AnyResponse",
    "BroadcastOperator",
    "ClientDisconnected",
    "ClusterTimeout",
    "ConfigurationError",
    "ConnectionRefused",
    "CookieOptions",
    "DisconnectReason",
    "EncodeError",
    "Handshake",
    "HookDecorator",
    "Namespace",
    "OperatorLike",
    "PostFunction",
    "RemoteSocket",
    "Server",
    "ServerNotAttached",
    "ServerOptions",
    "ServiceManager",
    "Settings",
    "Socket",
    "SocketIOApp",
    "SocketIOController",
    "SocketLike",
    "SubController",
    "WebsocketContext",
    "WebsocketErrorResponse",
    "WebsocketResponse",
    "WhinnyError",
    "WsServer",
    "dependency",
    "event_name",
    "forward_http_session_to_websocket",
    "get_websocket_hook_function",
    "get_websocket_hook_functions",
    "http_to_websocket_hook",
    "merge_websocket_hooks",
    "render_websocket_error",
    "use_websocket_sessions",
    "validate_payload",
    "websocket_hook",
    "ws_controller",
]


_ELSEWHERE: _typing.Final = {
    "AsyncRedisEmitter": "whinny.cluster.redis",
    "RedisAdapter": "whinny.cluster.redis",
    "RedisEmitter": "whinny.cluster.redis",
    "ShardedRedisAdapter": "whinny.cluster.redis",
    "create_app": "whinny.http",
}


def __getattr__(name: str) -> _typing.Any:
    """What needs a package that not everybody has (Starlette, redis) is here too, and is imported when it is used."""
    if name in _ELSEWHERE:
        return getattr(_import_module(_ELSEWHERE[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
