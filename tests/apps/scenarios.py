"""The app that the clients of tests/scenarios talk to.

`app` has the default options, `large` takes larger messages, `lively` pings often, and `restless` soon loses patience
as well: sooner than by default, and later than a busy machine may stand still.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any

from apps.scenarios_http import inner_app
from whinny import (
    AckTimeout,
    ClientDisconnected,
    ConnectionRefused,
    ServerOptions,
    ServiceManager,
    SocketIOController,
    WebsocketContext,
    WebsocketErrorResponse,
    WebsocketResponse,
    WsServer,
    dependency,
    event_name,
    validate_payload,
    ws_controller,
)

if TYPE_CHECKING:
    from starlette.types import ASGIApp


class Notebook:
    """Values that one connection writes under a name and another waits for."""

    def __init__(self) -> None:
        self._written: dict[str, Any] = {}
        self._events: dict[str, asyncio.Event] = {}
        self.readers: Counter[str] = Counter()

    def get(self, name: str) -> Any:
        """What is written under the name so far, or None."""
        return self._written.get(name)

    def write(self, name: str, value: Any) -> None:
        """Write and wake those who wait."""
        self._written[name] = value
        self._event(name).set()

    async def read(self, name: str, within: float = 7) -> Any:
        """What is written under the name, once it is; TimeoutError if it does not come."""
        self.readers[name] += 1
        await asyncio.wait_for(self._event(name).wait(), within)
        return self._written[name]

    def _event(self, name: str) -> asyncio.Event:
        return self._events.setdefault(name, asyncio.Event())


departures = Notebook()
notes = Notebook()


def body_of(number: int) -> str | bytes:
    """The body of a numbered message: odd ones are binary."""
    return f"bytes {number}".encode() if number % 2 else f"text {number}"


class AckController:
    """Answers, questions and errors."""

    @event_name("echo")
    def echo(self, ctx: WebsocketContext, payload: Any) -> WebsocketResponse:
        return WebsocketResponse(payload)

    @event_name("echo all")
    def echo_all(self, ctx: WebsocketContext) -> WebsocketResponse:
        return WebsocketResponse(list(ctx.args))

    @event_name("echo later")
    async def echo_later(self, ctx: WebsocketContext, payload: float, *more: Any) -> WebsocketResponse:
        await asyncio.sleep(payload)
        return WebsocketResponse(more[0])

    @event_name("payload and more")
    def payload_and_more(self, ctx: WebsocketContext, payload: Any, *more: Any) -> WebsocketResponse:
        return WebsocketResponse({"payload": payload, "more": list(more)})

    @event_name("kind of")
    def kind_of(self, ctx: WebsocketContext, payload: Any) -> WebsocketResponse:
        return WebsocketResponse(type(payload).__name__)

    @event_name("respond")
    def respond(self, ctx: WebsocketContext, payload: str, *more: Any) -> WebsocketResponse | WebsocketErrorResponse:
        return WebsocketResponse(*more) if payload.startswith("ok") else WebsocketErrorResponse(*more)

    @event_name("ask me")
    async def ask_me(
        self, ctx: WebsocketContext, payload: dict[str, Any]
    ) -> WebsocketResponse | WebsocketErrorResponse:
        try:
            answer = await ctx.socket.emit_with_ack("question", payload["question"], timeout=payload["timeout"])
        except (AckTimeout, ClientDisconnected) as error:
            name = type(error).__name__
            if "label" in payload:
                notes.write(payload["label"], name)
            return WebsocketErrorResponse(name)
        return WebsocketResponse(answer)

    @event_name("noted")
    async def noted(self, ctx: WebsocketContext, payload: str) -> WebsocketResponse:
        return WebsocketResponse(await notes.read(payload))

    @event_name("echo once noted")
    async def echo_once_noted(self, ctx: WebsocketContext, payload: str, *more: Any) -> WebsocketResponse:
        await notes.read(payload, within=30)
        return WebsocketResponse(more[0])

    @event_name("readers of")
    def readers_of(self, ctx: WebsocketContext, payload: str) -> WebsocketResponse:
        return WebsocketResponse(notes.readers[payload])

    @event_name("note")
    def note(self, ctx: WebsocketContext, payload: str) -> WebsocketResponse:
        notes.write(payload, "noted")
        return WebsocketResponse()

    @event_name("keep silent")
    def keep_silent(self, ctx: WebsocketContext) -> None:
        ctx.socket.emit("silence kept")

    @event_name("fail")
    def fail(self, ctx: WebsocketContext) -> WebsocketResponse:
        raise ValueError("a secret of the house")

    @event_name("fail later")
    async def fail_later(self, ctx: WebsocketContext) -> WebsocketResponse:
        await asyncio.sleep(0)
        raise ValueError("a secret of the house")

    @event_name("return a string")
    def return_a_string(self, ctx: WebsocketContext) -> Any:
        return "no response"

    @event_name("create product")
    @validate_payload(
        {
            "type": "object",
            "properties": {"name": {"type": "string"}, "price": {"type": "number"}},
            "required": ["name"],
            "additionalProperties": False,
        }
    )
    def create_product(self, ctx: WebsocketContext, payload: Any) -> WebsocketResponse:
        return WebsocketResponse(payload["name"])


class MessageController:
    """What the server sends to the client that asks for it."""

    @event_name("send back")
    def send_back(self, ctx: WebsocketContext) -> None:
        ctx.socket.emit("sent back", *ctx.args)

    @event_name("emit kinds")
    def emit_kinds(self, ctx: WebsocketContext) -> WebsocketResponse:
        ctx.socket.emit("kind", WebsocketResponse("x"))
        ctx.socket.emit("kind", WebsocketResponse())
        ctx.socket.emit("kind", WebsocketResponse(None))
        ctx.socket.emit("kind", WebsocketErrorResponse("e"))
        ctx.socket.emit("kind", WebsocketErrorResponse())
        ctx.socket.emit("kind", "raw")
        ctx.socket.emit("kind", {"status": "raw"})
        ctx.socket.emit("kind", None)
        ctx.socket.emit("kind")
        ctx.socket.emit("kind", 1, WebsocketResponse([2, b"\x03"]), "three")
        return WebsocketResponse()

    @event_name("make text")
    def make_text(self, ctx: WebsocketContext, payload: int) -> WebsocketResponse:
        return WebsocketResponse("x" * payload)

    @event_name("make unicode")
    def make_unicode(self, ctx: WebsocketContext) -> WebsocketResponse:
        return WebsocketResponse(
            {
                "astral": "\N{HORSE}",
                "combining": "e\u0301",
                "nul": "a\x00b",
                "separators": "\u2028\u2029",
                "lone surrogate": "\ud83d",
            }
        )

    def same_name(self, ctx: WebsocketContext) -> WebsocketResponse:
        ctx.socket.emit(ctx.event_name, ctx.event_name)
        return WebsocketResponse(ctx.event_name)

    @event_name("horse \N{HORSE} e\u0301 \x00 \u2028 漢字")
    def any_script(self, ctx: WebsocketContext) -> WebsocketResponse:
        return self.same_name(ctx)

    @event_name("half \ud83d")
    def half(self, ctx: WebsocketContext) -> WebsocketResponse:
        return self.same_name(ctx)

    @event_name(" spaces ")
    def spaces(self, ctx: WebsocketContext) -> WebsocketResponse:
        return self.same_name(ctx)

    @event_name('"quoted\\"')
    def quoted(self, ctx: WebsocketContext) -> WebsocketResponse:
        return self.same_name(ctx)

    @event_name("collect")
    def collect(self, ctx: WebsocketContext, payload: Any) -> None:
        ctx.socket.data.setdefault("collected", []).append(payload)

    @event_name("collected")
    def collected(self, ctx: WebsocketContext) -> WebsocketResponse:
        return WebsocketResponse(ctx.socket.data.get("collected", []))

    @event_name("count")
    def count(self, ctx: WebsocketContext, payload: int) -> None:
        for number in range(payload):
            ctx.socket.emit("number", number)

    @event_name("count slowly")
    async def count_slowly(self, ctx: WebsocketContext, payload: int) -> None:
        for number in range(payload):
            ctx.socket.emit("number", number)
            await asyncio.sleep(0.001)

    @event_name("send volatile")
    def send_volatile(self, ctx: WebsocketContext, payload: Any) -> WebsocketResponse:
        ctx.socket.volatile.emit("volatile", payload)
        return WebsocketResponse()

    @event_name("flood")
    async def flood(self, ctx: WebsocketContext, payload: dict[str, Any]) -> None:
        socket = ctx.socket.volatile if payload["volatile"] else ctx.socket
        for _ in range(payload["count"]):
            socket.emit("flood", "x" * payload["size"])
            await asyncio.sleep(0)
        notes.write(payload["label"], "over")


class UserController:
    """An event whose name is put together from two."""

    @event_name("créer")
    def create(self, ctx: WebsocketContext) -> WebsocketResponse:
        ctx.socket.emit(ctx.event_name, ctx.event_name)
        return WebsocketResponse(ctx.event_name)


class FlowController:
    """Numbered messages both ways at once."""

    @event_name("flow text")
    def flow_text(self, ctx: WebsocketContext, payload: int, *more: str) -> None:
        self.receive(ctx, payload, more[0])

    @event_name("flow bytes")
    def flow_bytes(self, ctx: WebsocketContext, payload: int, *more: bytes) -> None:
        self.receive(ctx, payload, more[0])

    def receive(self, ctx: WebsocketContext, number: int, body: str | bytes) -> None:
        flow = ctx.socket.data["flow"]
        expected = flow["received"]
        if number != expected or body != body_of(number):
            flow["faults"].append([expected, number])
        flow["received"] += 1

    @event_name("flow start")
    async def start(self, ctx: WebsocketContext) -> None:
        flow = ctx.socket.data["flow"]
        while not flow["stopped"] and ctx.socket.connected:
            for _ in range(2):
                number = flow["sent"]
                flow["sent"] += 1
                ctx.socket.emit("flow bytes" if number % 2 else "flow text", number, body_of(number))
            await asyncio.sleep(0.001)

    @event_name("flow stop")
    def stop(self, ctx: WebsocketContext) -> WebsocketResponse:
        flow = ctx.socket.data["flow"]
        flow["stopped"] = True
        return WebsocketResponse({key: flow[key] for key in ("received", "sent", "faults")})


class RoomController:
    """Rooms and broadcasts."""

    ws_server = dependency(WsServer)

    @event_name("join")
    def join(self, ctx: WebsocketContext, payload: list[str]) -> WebsocketResponse:
        for room in payload:
            ctx.socket.join(room)
        return WebsocketResponse()

    @event_name("leave")
    def leave(self, ctx: WebsocketContext, payload: str) -> WebsocketResponse:
        ctx.socket.leave(payload)
        return WebsocketResponse()

    @event_name("rooms")
    def rooms(self, ctx: WebsocketContext) -> WebsocketResponse:
        return WebsocketResponse(sorted(ctx.socket.rooms - {ctx.socket.id}))

    @event_name("room size")
    async def room_size(self, ctx: WebsocketContext, payload: str) -> WebsocketResponse:
        return WebsocketResponse(len(await self.ws_server.io.in_(payload).fetch_sockets()))

    @event_name("send")
    def send(self, ctx: WebsocketContext, payload: dict[str, Any]) -> WebsocketResponse:
        self.send_by(ctx.socket, payload)
        return WebsocketResponse()

    @event_name("send from server")
    def send_from_server(self, ctx: WebsocketContext, payload: dict[str, Any]) -> WebsocketResponse:
        self.send_by(self.ws_server.io, payload)
        return WebsocketResponse()

    @staticmethod
    def send_by(sender: Any, payload: dict[str, Any]) -> None:
        for room in payload["rooms"]:
            sender = sender.to(room)
        for room in payload.get("except", []):
            sender = sender.except_(room)
        sender.emit(payload["event"], *payload["args"])

    @event_name("ask room")
    async def ask_room(
        self, ctx: WebsocketContext, payload: dict[str, Any]
    ) -> WebsocketResponse | WebsocketErrorResponse:
        room = self.ws_server.io.to(payload["room"]).timeout(payload["timeout"])
        try:
            return WebsocketResponse(await room.emit_with_ack("question", payload["question"]))
        except AckTimeout as error:
            return WebsocketErrorResponse(error.responses)

    @event_name("emit kinds to")
    def emit_kinds_to(self, ctx: WebsocketContext, payload: str) -> WebsocketResponse:
        ctx.socket.to(payload).emit("kind", WebsocketResponse("to"))
        self.ws_server.io.to(payload).emit("kind", WebsocketErrorResponse("server"))
        ctx.socket.broadcast.to(payload).emit("kind", WebsocketResponse("broadcast"))
        return WebsocketResponse()

    @event_name("broadcast")
    def broadcast(self, ctx: WebsocketContext, payload: str, *more: Any) -> WebsocketResponse:
        ctx.socket.broadcast.emit(payload, *more)
        return WebsocketResponse()


class ScenarioController(SocketIOController):
    """The root of the default namespace: who is let in, and who has left."""

    sub_controllers = (
        ws_controller("", AckController),
        ws_controller("", MessageController),
        ws_controller("users ", UserController),
        ws_controller("", FlowController),
        ws_controller("", RoomController),
    )

    async def on_connection(self, ctx: WebsocketContext) -> None:
        auth = ctx.socket.handshake.auth
        if "join" in auth:
            ctx.socket.join(auth["join"])
        if "welcome" in auth:
            ctx.socket.emit("welcome", auth["welcome"])
        if "wait" in auth:
            await asyncio.sleep(auth["wait"])
        match auth.get("refuse"):
            case "named":
                raise ConnectionRefused("not in this stable \N{HORSE}", {"code": "NO_STABLE", "places": [1, None]})
            case "bare":
                raise ConnectionRefused("full")
            case "plain":
                raise ValueError("a secret of the house")
        ctx.socket.data["flow"] = {"received": 0, "sent": 0, "faults": [], "stopped": False}

    def on_disconnect(self, ctx: WebsocketContext, reason: str) -> None:
        label = ctx.socket.handshake.auth.get("label")
        if label:
            before = departures.get(label)
            times = before["times"] + 1 if before else 1
            departures.write(label, {"reason": reason, "rooms": sorted(ctx.socket.rooms), "times": times})
            print(f"on_disconnect {label}: {reason}")

    @event_name("departed")
    async def departed(self, ctx: WebsocketContext, payload: str) -> WebsocketResponse:
        return WebsocketResponse(await departures.read(payload))

    @event_name("own id")
    def own_id(self, ctx: WebsocketContext) -> WebsocketResponse:
        return WebsocketResponse(ctx.socket.id)

    @event_name("handshake auth")
    def handshake_auth(self, ctx: WebsocketContext) -> WebsocketResponse:
        return WebsocketResponse(ctx.socket.handshake.auth)

    @event_name("handshake request")
    def handshake_request(self, ctx: WebsocketContext, payload: str, *more: str) -> WebsocketResponse:
        handshake = ctx.socket.handshake
        return WebsocketResponse({"query": handshake.query[payload], "header": handshake.headers[more[0]]})

    @event_name("handshake address")
    def handshake_address(self, ctx: WebsocketContext) -> WebsocketResponse:
        return WebsocketResponse(ctx.socket.handshake.address)

    @event_name("remove me")
    def remove_me(self, ctx: WebsocketContext, payload: dict[str, bool]) -> None:
        ctx.socket.emit("last words", "goodbye")
        ctx.socket.disconnect(close=payload["close"])


class ChatController(SocketIOController):
    """The root of a second namespace."""

    namespace = "/chat"
    ws_server = dependency(WsServer)

    def on_connection(self, ctx: WebsocketContext) -> None:
        if ctx.socket.handshake.auth.get("refuse"):
            raise ConnectionRefused("no chat", ["for", "you"])

    @event_name("echo")
    def echo(self, ctx: WebsocketContext, payload: str | bytes) -> WebsocketResponse:
        return WebsocketResponse(f"chat: {payload if isinstance(payload, str) else 'bytes'}")

    @event_name("handshake auth")
    def handshake_auth(self, ctx: WebsocketContext) -> WebsocketResponse:
        return WebsocketResponse(ctx.socket.handshake.auth)

    @event_name("join")
    def join(self, ctx: WebsocketContext, payload: list[str]) -> WebsocketResponse:
        for room in payload:
            ctx.socket.join(room)
        return WebsocketResponse()

    @event_name("send from server")
    def send_from_server(self, ctx: WebsocketContext, payload: dict[str, Any]) -> WebsocketResponse:
        RoomController.send_by(self.ws_server.io.of("/chat"), payload)
        return WebsocketResponse()


def build(options: ServerOptions) -> ASGIApp:
    """Both namespaces with these options, around an app with HTTP routes and a WebSocket of its own."""
    services = ServiceManager()
    root = type("Root", (ScenarioController,), {"options": options})
    chat = type("Chat", (ChatController,), {"options": options})
    with_chat: ASGIApp = services.get(chat).attach(inner_app(services))
    app: ASGIApp = services.get(root).attach(with_chat)
    return app


app = build(ServerOptions())
large = build(ServerOptions(max_http_buffer_size=2_000_000))
lively = build(ServerOptions(ping_interval=0.3))
restless = build(ServerOptions(ping_interval=0.3, ping_timeout=4.0, connect_timeout=5.0))
