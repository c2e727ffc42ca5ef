"""Controllers over a Socket.IO server."""

from whinny.websocket.context import WebsocketContext
from whinny.websocket.controller import SocketIOController
from whinny.websocket.decorators import (
    event_name,
    get_websocket_hook_function,
    get_websocket_hook_functions,
    merge_websocket_hooks,
    websocket_hook,
    ws_controller,
)
from whinny.websocket.errors import render_websocket_error
from whinny.websocket.response import WebsocketErrorResponse, WebsocketResponse
from whinny.websocket.routing import Route
from whinny.websocket.socket_like import OperatorLike, SocketLike
from whinny.websocket.validation import validate_payload
from whinny.websocket.ws_server import WsServer

__all__ = [
    "OperatorLike",
    "Route",
    "SocketIOController",
    "SocketLike",
    "WebsocketContext",
    "WebsocketErrorResponse",
    "WebsocketResponse",
    "WsServer",
    "event_name",
    "get_websocket_hook_function",
    "get_websocket_hook_functions",
    "merge_websocket_hooks",
    "render_websocket_error",
    "validate_payload",
    "websocket_hook",
    "ws_controller",
]
