"""Real-time communication: Socket.IO v4 on the wire, controllers on the server. All that an app author writes with."""

from whinny.engine import CookieOptions
from whinny.errors import (
    AckTimeout,
    ClientDisconnected,
    ConfigurationError,
    ConnectionRefused,
    EncodeError,
    ServerNotAttached,
    WhinnyError,
)
from whinny.framework import ServiceManager, Settings, dependency
from whinny.server import BroadcastOperator, Handshake, Namespace, Server, ServerOptions, Socket
from whinny.types import DisconnectReason
from whinny.websocket import (
    OperatorLike,
    SocketIOController,
    SocketLike,
    WebsocketContext,
    WebsocketErrorResponse,
    WebsocketResponse,
    WsServer,
    event_name,
    get_websocket_hook_function,
    get_websocket_hook_functions,
    merge_websocket_hooks,
    render_websocket_error,
    validate_payload,
    websocket_hook,
    ws_controller,
)

__all__ = [
    "AckTimeout",
    "BroadcastOperator",
    "ClientDisconnected",
    "ConfigurationError",
    "ConnectionRefused",
    "CookieOptions",
    "DisconnectReason",
    "EncodeError",
    "Handshake",
    "Namespace",
    "OperatorLike",
    "Server",
    "ServerNotAttached",
    "ServerOptions",
    "ServiceManager",
    "Settings",
    "Socket",
    "SocketIOController",
    "SocketLike",
    "WebsocketContext",
    "WebsocketErrorResponse",
    "WebsocketResponse",
    "WhinnyError",
    "WsServer",
    "dependency",
    "event_name",
    "get_websocket_hook_function",
    "get_websocket_hook_functions",
    "merge_websocket_hooks",
    "render_websocket_error",
    "validate_payload",
    "websocket_hook",
    "ws_controller",
]
