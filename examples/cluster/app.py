"""A Whinny server of the cluster: tells clients its name, and everybody what one of its clients says.

`start.py` runs two of them; the Node server in server.mjs does the same for its clients.
"""

import os

from whinny import (
    RedisAdapter,
    ServiceManager,
    SocketIOController,
    WebsocketContext,
    WebsocketResponse,
    WsServer,
    dependency,
    event_name,
    validate_payload,
)

NAME = os.environ.get("SERVER_NAME", "Whinny")


class ClusterController(SocketIOController):
    adapter = RedisAdapter(os.environ.get("REDIS_URL", "redis://localhost:6379"))

    ws_server = dependency(WsServer)

    def on_connection(self, ctx: WebsocketContext) -> None:
        ctx.socket.emit("server", NAME)

    @event_name("say")
    @validate_payload({"type": "string", "pattern": r"\S", "maxLength": 200})  # not blank
    def say(self, ctx: WebsocketContext, payload: str) -> WebsocketResponse:
        self.ws_server.io.emit("said", {"text": payload, "by": NAME})
        return WebsocketResponse()


app = ServiceManager().get(ClusterController).attach()
