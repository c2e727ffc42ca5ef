"""Controllers over a Socket.IO server."""

from whinny.websocket.context import WebsocketContext
from whinny.websocket.controller import SocketIOController
from whinny.websocket.decorators import (
    event_name,
    get_websocket_hook_function,
    get_websocket_hook_functions,
    merge_websocket_hooks,
    validate_payload,
    websocket_hook,
    ws_controller,
)
from whinny.websocket.errors import render_websocket_error
from whinny.websocket.response import WebsocketErrorResponse, WebsocketResponse
from whinny.websocket.ws_server import WsServer

__all__ = [
    "SocketIOController",
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
