"""An app that does what the text of docs/real-time.md says beyond its examples; test_real_time_text.py talks to it.

Each namespace is a section of the page. `app` has them all, `hasty` loses patience with an `on_connection`.
"""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import msgspec
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
from typing_extensions import TypedDict

from whinny import (
    AckTimeout,
    ClientDisconnected,
    DisconnectReason,
    EncodeError,
    ServerOptions,
    ServiceManager,
    SocketIOController,
    WebsocketContext,
    WebsocketErrorResponse,
    WebsocketResponse,
    WsServer,
    dependency,
    event_name,
    merge_websocket_hooks,
    render_websocket_error,
    validate_payload,
    websocket_hook,
    ws_controller,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from whinny.framework import HookDecorator

AnyResponse = WebsocketResponse | WebsocketErrorResponse


# Controllers


class WhereController:
    """Stands under several prefixes, at several depths."""

    @event_name("where")
    def where(self, ctx: WebsocketContext) -> WebsocketResponse:
        return WebsocketResponse(ctx.event_name)


class MiddleController:
    """Stands between the root and another controller."""

    sub_controllers = (ws_controller("inner ", WhereController),)


class ParametersController:
    """What a method takes."""

    @event_name("takes nothing")
    def takes_nothing(self) -> WebsocketResponse:
        return WebsocketResponse("called")

    @event_name("takes the context")
    async def takes_the_context(self, ctx: WebsocketContext) -> WebsocketResponse:
        return WebsocketResponse(list(ctx.args))

    @event_name("takes a payload")
    def takes_a_payload(self, ctx: WebsocketContext, payload: Any) -> WebsocketResponse:
        return WebsocketResponse({"payload": payload, "args": list(ctx.args)})

    @event_name("takes a default")
    async def takes_a_default(self, ctx: WebsocketContext, payload: str = "the default") -> WebsocketResponse:
        return WebsocketResponse(payload)

    @event_name("takes more")
    def takes_more(self, ctx: WebsocketContext, payload: Any, *more: Any) -> WebsocketResponse:
        return WebsocketResponse([payload, list(more)])


def leave_word(ctx: WebsocketContext, services: ServiceManager) -> None:
    """A hook that tells the method that it has run."""
    ctx.state["hooked"] = True


class ParentController:
    """Has a method that is overridden."""

    @event_name("inherited")
    @websocket_hook(leave_word)
    def inherited(self, ctx: WebsocketContext) -> WebsocketResponse:
        return WebsocketResponse("parent")


class ChildController(ParentController):
    """Overrides it without its decorators."""

    def inherited(self, ctx: WebsocketContext) -> WebsocketResponse:
        return WebsocketResponse(["child", ctx.state["hooked"]])


word: ContextVar[str] = ContextVar("word", default="none")


class OrderController:
    """Events that wait for each other, and for their client to leave."""

    @event_name("wait")
    async def wait(self, ctx: WebsocketContext, payload: str) -> WebsocketResponse:
        ctx.socket.data["began"].append(payload)
        before = word.get()
        word.set(payload)
        await ctx.socket.data["gate"].wait()
        return WebsocketResponse([before, word.get(), ctx.socket.data["began"]])

    @event_name("open the gate")
    async def open_the_gate(self, ctx: WebsocketContext) -> WebsocketResponse:
        ctx.socket.data["gate"].set()
        return WebsocketResponse(ctx.socket.data["began"])

    @event_name("outlive")
    async def outlive(self, ctx: WebsocketContext) -> None:
        await ctx.socket.data["gone"].wait()
        await asyncio.sleep(0)
        ctx.socket.namespace.emit("went on", ctx.socket.connected)


class ControllersController(SocketIOController):
    """The section "Controllers"."""

    namespace = "/controllers"
    sub_controllers = (
        ws_controller("", WhereController),
        ws_controller("one ", WhereController),
        ws_controller("outer ", MiddleController),
        ws_controller("", ParametersController),
        ws_controller("", ChildController),
        ws_controller("", OrderController),
    )

    def on_connection(self, ctx: WebsocketContext) -> None:
        ctx.socket.data.update(began=[], gate=asyncio.Event(), gone=asyncio.Event())

    def on_disconnect(self, ctx: WebsocketContext, reason: DisconnectReason) -> None:
        ctx.socket.data["gone"].set()


# Contexts, responses and hooks


def mark(name: str, *, later: bool = False) -> HookDecorator:
    """A hook that notes that it ran, and by whose controller, and that notes the answer afterwards."""

    def hook(ctx: WebsocketContext, services: ServiceManager) -> Callable[[AnyResponse | None], None]:
        ctx.state.setdefault("before", []).append([name, type(ctx.controller).__name__])

        def after(response: AnyResponse | None) -> None:
            said = None if response is None else type(response).__name__
            ctx.socket.data.setdefault("after", []).append([name, said])

        return after

    async def hook_later(ctx: WebsocketContext, services: ServiceManager) -> Callable[[AnyResponse | None], Any]:
        await asyncio.sleep(0)
        after = hook(ctx, services)

        async def after_later(response: AnyResponse | None) -> None:
            await asyncio.sleep(0)
            after(response)

        return after_later

    return websocket_hook(hook_later if later else hook)


def fail(ctx: WebsocketContext, services: ServiceManager) -> None:
    """A hook that does not end well."""
    raise ValueError("a secret of a hook")


def answer(ctx: WebsocketContext, services: ServiceManager) -> WebsocketResponse:
    """A hook that answers in place of the method."""
    return WebsocketResponse("the hook")


def introduce(ctx: WebsocketContext, services: ServiceManager) -> None:
    """A hook that leaves something in each place of the context."""
    ctx.state["word"] = "left by a hook"
    ctx.user, ctx.session = "Ada", "a session"


twice = merge_websocket_hooks(mark("merged 1"), mark("merged 2"))


@mark("parent class")
class HookedParent:
    """Its hook is kept by its subclass."""


@mark("child class")
class HookedController(HookedParent):
    """Under the root's hook; its own comes after its parent's."""

    @event_name("order")
    @mark("first", later=True)
    @mark("second")
    def order(self, ctx: WebsocketContext) -> WebsocketResponse:
        return WebsocketResponse(ctx.state["before"])

    @event_name("merged")
    @twice
    def merged(self, ctx: WebsocketContext) -> None:
        ctx.socket.emit("before", ctx.state["before"])

    @event_name("merged again")
    @twice
    def merged_again(self, ctx: WebsocketContext) -> WebsocketResponse:
        return WebsocketResponse(ctx.state["before"])

    @event_name("answered")
    @mark("first")
    @websocket_hook(answer)
    @mark("never")
    def answered(self, ctx: WebsocketContext) -> WebsocketResponse:
        return WebsocketResponse("the method")

    @event_name("failed")
    @mark("first")
    @websocket_hook(fail)
    @mark("never")
    def failed(self) -> WebsocketResponse:
        return WebsocketResponse("the method")


@mark("root class")
class HooksController(SocketIOController):
    """The sections "The context", "Responses" and "Hooks"."""

    namespace = "/hooks"
    sub_controllers = (ws_controller("", HookedController),)

    @event_name("after")
    def after(self, ctx: WebsocketContext) -> WebsocketResponse:
        return WebsocketResponse(ctx.socket.data.pop("after", []))

    @event_name("context")
    @websocket_hook(introduce)
    def context(self, ctx: WebsocketContext, payload: str) -> WebsocketResponse:
        seen = ctx.socket.data["seen"] = ctx.socket.data.get("seen", 0) + 1
        return WebsocketResponse(
            {
                "event_name": ctx.event_name,
                "message_id": ctx.message_id,
                "payload": ctx.payload,
                "args": list(ctx.args),
                "socket": ctx.socket.id,
                "word": ctx.state["word"],
                "user": ctx.user,
                "session": ctx.session,
                "controller": ctx.controller is self,
                "controller_name": ctx.controller_name,
                "controller_method_name": ctx.controller_method_name,
                "seen": seen,
            }
        )

    @event_name("respond")
    def respond(self, ctx: WebsocketContext, payload: str, *more: Any) -> AnyResponse | None:
        ctx.socket.emit("ran", payload)
        if payload == "nothing":
            return None
        return WebsocketResponse(*more) if payload == "ok" else WebsocketErrorResponse(*more)


# Talking to clients


class MessagesController(SocketIOController):
    """The sections "Sending a message", "Broadcasting" and "Rooms"."""

    namespace = "/messages"
    ws_server = dependency(WsServer)

    @event_name("send kinds")
    def send_kinds(self, ctx: WebsocketContext) -> None:
        ctx.socket.emit("text", "first message")
        ctx.socket.emit("several", 1, None, {"three": [3.5]})
        ctx.socket.emit("answer", WebsocketResponse("data"), WebsocketErrorResponse("why"))
        ctx.socket.emit("binary", {"deep": [b"\x01\x02"]})

    @event_name("send an error")
    def send_an_error(self, ctx: WebsocketContext) -> None:
        ctx.socket.emit("event 1", WebsocketErrorResponse("why"))

    @event_name("send from a thread")
    async def send_from_a_thread(self, ctx: WebsocketContext) -> WebsocketResponse:
        def work() -> None:
            ctx.socket.join("threads")
            self.ws_server.io.of("/messages").to("threads").emit("from a thread")

        await asyncio.to_thread(work)
        return WebsocketResponse()

    @event_name("send what cannot be sent")
    def send_what_cannot_be_sent(self, ctx: WebsocketContext) -> WebsocketResponse:
        try:
            ctx.socket.emit("text", object())
        except EncodeError as error:
            return WebsocketResponse(type(error).__name__)
        return WebsocketResponse("sent")

    @event_name("ask in vain")
    async def ask_in_vain(self, ctx: WebsocketContext, payload: float) -> None:
        try:
            await ctx.socket.emit_with_ack("question", timeout=payload)
        except (AckTimeout, ClientDisconnected) as error:
            ctx.socket.namespace.emit("asked in vain", type(error).__name__)

    @event_name("send volatile")
    def send_volatile(self, ctx: WebsocketContext, payload: int) -> None:
        for number in range(payload):
            ctx.socket.volatile.emit("position", number, number)
        ctx.socket.emit("arrived")

    @event_name("send to all")
    def send_to_all(self, ctx: WebsocketContext) -> None:
        ctx.socket.namespace.emit("to all")

    @event_name("send to another namespace")
    def send_to_another_namespace(self) -> None:
        self.ws_server.io.of("/hooks").emit("from elsewhere")

    @event_name("join")
    def join(self, ctx: WebsocketContext) -> WebsocketResponse:
        ctx.socket.join(*ctx.args)
        return WebsocketResponse(sorted(ctx.socket.rooms))

    @event_name("leave")
    def leave(self, ctx: WebsocketContext) -> WebsocketResponse:
        ctx.socket.leave(*ctx.args)
        return WebsocketResponse(sorted(ctx.socket.rooms))

    @event_name("send to rooms")
    def send_to_rooms(self, ctx: WebsocketContext) -> WebsocketResponse:
        ctx.socket.to(*ctx.args).emit("to rooms")
        return WebsocketResponse()

    @event_name("keep a choice")
    def keep_a_choice(self, ctx: WebsocketContext, payload: str, *more: str) -> WebsocketResponse:
        kept = ctx.socket.namespace.to(payload)
        fewer = kept.except_(*more)
        fewer.emit("to fewer")
        kept.emit("to the kept choice")
        return WebsocketResponse()

    @event_name("move")
    async def move(self, ctx: WebsocketContext, payload: str, *more: str) -> WebsocketResponse:
        counts = [len(await ctx.socket.namespace.to(*more).fetch_sockets())]
        ctx.socket.namespace.to(payload).sockets_join(*more)
        counts.append(len(await ctx.socket.namespace.to(*more).fetch_sockets()))
        ctx.socket.namespace.to(payload).sockets_leave(*more)
        counts.append(len(await ctx.socket.namespace.to(*more).fetch_sockets()))
        return WebsocketResponse(counts)

    @event_name("throw out")
    def throw_out(self, ctx: WebsocketContext, payload: str) -> WebsocketResponse:
        ctx.socket.namespace.to(payload).disconnect_sockets()
        return WebsocketResponse()


# Services


class Store:
    """Is needed by another service."""

    def boot(self) -> None:
        print("boot Store")

    async def close(self) -> None:
        print("close Store")


class Shop:
    """Needs another service, and fails when it is asked."""

    store = dependency(Store)

    async def boot(self) -> None:
        print("boot Shop")

    def close(self) -> None:
        print("close Shop")

    async def buy(self) -> None:
        raise LookupError("a secret of a service")


# Errors


def fail_afterwards(ctx: WebsocketContext, services: ServiceManager) -> Callable[[AnyResponse | None], None]:
    """A hook whose function fails."""

    def after(response: AnyResponse | None) -> None:
        raise ValueError("a secret of a function")

    return after


class ErrorsController(SocketIOController):
    """The section "Errors": nobody handles them."""

    namespace = "/errors"
    shop = dependency(Shop)

    @event_name("method")
    def method(self) -> WebsocketResponse:
        raise ValueError("a secret of a method")

    @event_name("hook")
    @websocket_hook(fail)
    def hook(self) -> WebsocketResponse:
        return WebsocketResponse()

    @event_name("function")
    @websocket_hook(fail_afterwards)
    def function(self) -> WebsocketResponse:
        return WebsocketResponse()

    @event_name("service")
    async def service(self) -> WebsocketResponse:
        await self.shop.buy()
        return WebsocketResponse()


class HandledController(SocketIOController):
    """The section "Errors": `handle_error` has its say."""

    namespace = "/handled"

    @event_name("fail")
    def fail(self, ctx: WebsocketContext, payload: str) -> WebsocketResponse:
        raise ValueError(payload)

    def handle_error(self, error: Exception, ctx: WebsocketContext) -> AnyResponse | None:
        match str(error):
            case "answer":
                return WebsocketErrorResponse(f"answered {ctx.event_name}")
            case "render":
                return render_websocket_error(error, ctx)
            case "raise":
                raise KeyError("of handle_error")
            case _:
                return None


# Payloads


class Sort(TypedDict):
    """A typed dict."""

    by: str


class Size(msgspec.Struct):
    """A struct."""

    width: int


class Price(BaseModel):
    """A pydantic model, which takes a number from a text as pydantic does."""

    amount: int


@dataclass
class Sale:
    """A dataclass with something that JSON has no type for."""

    until: date


COUNTED = {"count": {"type": "integer"}, "unit": {"type": "string", "default": "kg"}}


def note_raw(ctx: WebsocketContext, services: ServiceManager) -> None:
    """A hook that keeps the payload as it sees it."""
    ctx.state["raw"] = ctx.payload


class PayloadsController(SocketIOController):
    """The sections "Payload validation" and "Typed payloads"."""

    namespace = "/payloads"

    @event_name("integer")
    def integer(self, ctx: WebsocketContext, payload: int) -> WebsocketResponse:
        return WebsocketResponse(payload)

    @event_name("typed dict")
    def typed_dict(self, ctx: WebsocketContext, payload: Sort) -> WebsocketResponse:
        return WebsocketResponse(payload["by"])

    @event_name("struct")
    def struct(self, ctx: WebsocketContext, payload: Size) -> WebsocketResponse:
        return WebsocketResponse(payload.width)

    @event_name("pydantic")
    def pydantic(self, ctx: WebsocketContext, payload: Price) -> WebsocketResponse:
        return WebsocketResponse(payload.amount)

    @event_name("any")
    def any_payload(self, ctx: WebsocketContext, payload: Any) -> WebsocketResponse:
        return WebsocketResponse(payload)

    @event_name("object")
    def object_payload(self, ctx: WebsocketContext, payload: object) -> WebsocketResponse:
        return WebsocketResponse(payload)

    @event_name("raw and converted")
    @websocket_hook(note_raw)
    def raw_and_converted(self, ctx: WebsocketContext, payload: Sale) -> WebsocketResponse:
        return WebsocketResponse([ctx.state["raw"], payload.until.year, [*asdict(payload)]])

    @event_name("not reached")
    @validate_payload({"type": "string"})
    def not_reached(self, ctx: WebsocketContext) -> None:
        ctx.socket.emit("reached")

    @event_name("as it is")
    @validate_payload({"type": "object", "properties": COUNTED})
    def as_it_is(self, ctx: WebsocketContext, payload: Any) -> WebsocketResponse:
        return WebsocketResponse(payload)

    @event_name("changed")
    @validate_payload(
        {"type": "object", "properties": COUNTED, "additionalProperties": False},
        coerce_types=True,
        use_defaults=True,
        remove_additional=True,
    )
    def changed(self, ctx: WebsocketContext, payload: Any) -> WebsocketResponse:
        return WebsocketResponse(payload)


# When a client comes


class Visitors:
    """Stands below the root, whose `on_connection` comes first."""

    async def on_connection(self, ctx: WebsocketContext) -> None:
        ctx.socket.data["came by"].append("sub-controller")

    @event_name("handshake")
    def handshake(self, ctx: WebsocketContext) -> WebsocketResponse:
        shown = ctx.socket.handshake
        return WebsocketResponse(
            {
                "came by": ctx.socket.data["came by"],
                "header": shown.headers.get("x-reader"),
                "query": shown.query.get("page"),
                "address": shown.address,
                "auth": shown.auth,
            }
        )


class DoorController(SocketIOController):
    """The section "When a client comes and goes"."""

    namespace = "/door"
    sub_controllers = (ws_controller("", Visitors),)

    async def on_connection(self, ctx: WebsocketContext) -> None:
        ctx.socket.data["came by"] = ["root"]
        wish = ctx.socket.handshake.auth.get("wish")
        if wish == "error":
            raise ValueError("a secret of the door")
        if wish == "caught":
            try:
                raise ValueError("a secret of the door")
            except ValueError:
                ctx.socket.emit("let in all the same", ctx.event_name)


# The reference's own examples where the page's say it in another way


class UserController:
    """Its events stand under "users "; the hook trusts the client to send an object."""

    @event_name("create")
    @websocket_hook(
        lambda ctx, services: (
            None if isinstance(ctx.payload["name"], str) else WebsocketErrorResponse("Invalid name type")
        )
    )
    def create_user(self, ctx: WebsocketContext) -> WebsocketResponse:
        return WebsocketResponse(ctx.payload["name"])


class Products:
    """Holds what was created."""

    def __init__(self) -> None:
        self.names: list[str] = []


class ReferenceController(SocketIOController):
    """Answers "create product" with nothing, and tells the others with a bare event."""

    sub_controllers = (ws_controller("users ", UserController),)
    products = dependency(Products)

    @event_name("create product")
    @validate_payload(
        {
            "type": "object",
            "properties": {"name": {"type": "string"}},
            "required": ["name"],
            "additionalProperties": False,
        }
    )
    async def create_product(self, ctx: WebsocketContext, payload: dict[str, str]) -> None:
        self.products.names.append(payload["name"])
        ctx.socket.broadcast.emit("refresh products")

    @event_name("read products")
    def read_products(self) -> WebsocketResponse:
        return WebsocketResponse(self.products.names)


services = ServiceManager()


async def create_user(request: Request) -> Response:
    """POST /users."""
    services.get(WsServer).io.emit("refresh users")
    return Response()


for root in (
    ControllersController,
    HooksController,
    MessagesController,
    ErrorsController,
    HandledController,
    PayloadsController,
    DoorController,
):
    services.get(root).attach()
app = services.get(ReferenceController).attach(Starlette(routes=[Route("/users", create_user, methods=["POST"])]))


class HastyController(SocketIOController):
    """Takes longer than it may."""

    options = ServerOptions(connect_timeout=3.0)

    async def on_connection(self, ctx: WebsocketContext) -> None:
        if ctx.socket.handshake.auth.get("wish") == "slow":
            await asyncio.Event().wait()


hasty = ServiceManager().get(HastyController).attach()
