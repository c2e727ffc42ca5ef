"""Controllers over a Socket.IO server."""

from whinny.websocket.context import WebsocketContext
from whinny.websocket.controller import SocketIOController
from whinny.websocket.decorators import (
    PostFunction,
    event_name,
    get_websocket_hook_function,
    get_websocket_hook_functions,
    merge_websocket_hooks,
    websocket_hook,
    ws_controller,
)
from whinny.websocket.detached import DetachedNamespace, DetachedSocket, Outlet, Target
from whinny.websocket.errors import render_websocket_error
from whinny.websocket.http_hooks import http_to_websocket_hook
from whinny.websocket.listing import list_routes
from whinny.websocket.response import AnyResponse, WebsocketErrorResponse, WebsocketResponse
from whinny.websocket.sessions import forward_http_session_to_websocket, use_websocket_sessions
from whinny.websocket.socket_like import NamespaceLike, OperatorLike, SocketLike
from whinny.websocket.validation import validate_payload
from whinny.websocket.ws_server import WsServer

__all__ = [
    "AnyResponse",
    "DetachedNamespace",
    "DetachedSocket",
    "NamespaceLike",
    "OperatorLike",
    "Outlet",
    "PostFunction",
    "SocketIOController",
    "SocketLike",
    "Target",
    "WebsocketContext",
    "WebsocketErrorResponse",
    "WebsocketResponse",
    "WsServer",
    "event_name",
    "forward_http_session_to_websocket",
    "get_websocket_hook_function",
    "get_websocket_hook_functions",
    "http_to_websocket_hook",
    "list_routes",
    "merge_websocket_hooks",
    "render_websocket_error",
    "use_websocket_sessions",
    "validate_payload",
    "websocket_hook",
    "ws_controller",
]
