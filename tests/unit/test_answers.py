"""Answers that are none: what hooks return, what cannot be sent, and whose error it was."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from support.answers import MASKED
from unit.apps import ask, attach
from unit.clock import in_fake_time
from unit.fakes import FakeClient
from whinny import (
    ServerOptions,
    ServiceManager,
    SocketIOController,
    WebsocketContext,
    WebsocketErrorResponse,
    WebsocketResponse,
    event_name,
    websocket_hook,
)

if TYPE_CHECKING:
    from whinny.framework import HookDecorator


def returning(value: Any, *, later: bool) -> HookDecorator:
    """A hook that returns this."""

    def hook(ctx: WebsocketContext, services: ServiceManager) -> Any:
        return value

    async def waiting_hook(ctx: WebsocketContext, services: ServiceManager) -> Any:
        await asyncio.sleep(0)
        return value

    return websocket_hook(waiting_hook if later else hook)


class OwnResponse(WebsocketErrorResponse):
    """A response of the app's own kind."""


# what a hook returns


@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize("place", ["method", "class", "root above"])
@pytest.mark.parametrize("result", [WebsocketResponse, WebsocketErrorResponse, OwnResponse, dict, Exception])
@in_fake_time
async def test_a_hook_that_returns_a_class_lets_nothing_through(
    result: type, place: str, later: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """`return WebsocketErrorResponse` without the brackets is an error that names the hook, and no post function."""
    runs: list[str] = []
    hook = returning(result, later=later)

    def go(self: object) -> WebsocketResponse:
        runs.append("go")
        return WebsocketResponse()

    inner = type("Inner", (), {"go": event_name("go")(hook(go) if place == "method" else go)})
    if place == "class":
        inner = hook(inner)
    root = type("Root", (SocketIOController,), {"sub_controllers": (inner,)})
    if place == "root above":
        root = hook(root)
    assert await ask(root) == MASKED
    assert runs == []
    name = "waiting_hook" if later else "hook"
    assert (
        f"The hook {name} of Inner.go returned the class {result.__name__} itself: "
        "it must return None, a WebsocketResponse, a WebsocketErrorResponse or a function." in caplog.text
    )


@in_fake_time
async def test_a_hook_may_return_an_object_that_is_called() -> None:
    """It is a post function, as a function is."""
    received: list[Any] = []

    class Post:
        def __call__(self, response: Any) -> None:
            received.append(response)

    class Root(SocketIOController):
        @event_name("go")
        @returning(Post(), later=False)
        def go(self) -> WebsocketResponse:
            return WebsocketResponse("x")

    assert await ask(Root) == {"status": "ok", "data": "x"}
    assert [response.data for response in received] == ["x"]


# what cannot be sent


UNSENDABLE = {
    "an object": object(),
    "a deep one": [{"deep": {1, object()}}],
    "much binary": [b"x"] * 11,
    "a tuple as a key": {(1, 2): 3},
    "a class": type,
}


def posted(value: Any, received: list[Any], *, later: bool) -> type[SocketIOController]:
    """A root whose events answer this, well or badly, and whose post functions note what they are told."""

    def note(response: Any) -> None:
        received.append(response)

    async def note_later(response: Any) -> None:
        await asyncio.sleep(0)
        received.append(response)

    hook = returning(note_later if later else note, later=later)

    class Root(SocketIOController):
        @event_name("ok")
        @hook
        @hook
        def ok(self) -> Any:
            return WebsocketResponse(value)

        @event_name("error")
        @hook
        @hook
        async def error(self) -> Any:
            return WebsocketErrorResponse(value)

        @event_name("from a hook")
        @hook
        @hook
        @websocket_hook(lambda ctx, services: WebsocketResponse(value))
        def from_a_hook(self) -> Any:
            return WebsocketResponse("never")

    return Root


@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize("event", ["ok", "error", "from a hook"])
@pytest.mark.parametrize("value", UNSENDABLE.values(), ids=UNSENDABLE)
@in_fake_time
async def test_post_functions_are_told_of_an_answer_that_cannot_be_sent(value: Any, event: str, later: bool) -> None:
    """They hear of the error that the client gets, with the exception, and not of a success that nobody sees."""
    received: list[Any] = []
    assert await ask(posted(value, received, later=later), event) == MASKED
    assert [response.envelope() for response in received] == [MASKED, MASKED]
    assert [type(response.exception).__name__ for response in received] == ["EncodeError"] * 2


@in_fake_time
async def test_post_functions_are_told_what_handle_error_answers() -> None:
    """Of an answer that cannot be sent as of any other error."""
    received: list[Any] = []

    class Handling(posted(object(), received, later=False)):  # type: ignore[misc]
        def handle_error(self, error: Exception, ctx: WebsocketContext) -> WebsocketErrorResponse:
            return WebsocketErrorResponse(type(error).__name__)

    assert await ask(Handling, "ok") == {"status": "error", "error": "EncodeError"}
    assert [response.error for response in received] == ["EncodeError", "EncodeError"]


@pytest.mark.parametrize(("most", "count", "fits"), [(20, 15, True), (5, 7, False)])
@in_fake_time
async def test_post_functions_are_told_by_the_limit_of_the_server(most: int, count: int, fits: bool) -> None:
    """The number of attachments that the server allows decides, with post functions as without."""
    received: list[Any] = []
    limited = type("Limited", (posted([b"x"] * count, received, later=False),), {})
    limited.options = ServerOptions(max_attachments=most)
    client = FakeClient(attach(limited))
    client.connect()
    client.emit("ok", ack_id=1)
    assert [type(response) is WebsocketResponse for response in received] == [fits, fits]


@in_fake_time
async def test_post_functions_are_told_the_masked_error_when_handle_error_fails_them() -> None:
    """An answer of `handle_error` that cannot be sent either is not what the client gets."""
    received: list[Any] = []

    class Handling(posted(object(), received, later=False)):  # type: ignore[misc]
        def handle_error(self, error: Exception, ctx: WebsocketContext) -> WebsocketResponse:
            return WebsocketResponse(object())

    assert await ask(Handling, "ok") == MASKED
    assert [response.envelope() for response in received] == [MASKED, MASKED]


@in_fake_time
async def test_what_a_post_function_spoils_is_an_error_all_the_same() -> None:
    """An answer that could be sent until a post function changed it gives the internal error."""

    def spoil(response: Any) -> None:
        response.data.append(object())

    class Root(SocketIOController):
        @event_name("go")
        @returning(spoil, later=False)
        def go(self) -> WebsocketResponse:
            return WebsocketResponse([])

    assert await ask(Root) == MASKED


# whose error it was


@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize("method", ["on_connection", "on_disconnect"])
@pytest.mark.parametrize("place", ["Root", "Middle", "Leaf"])
@in_fake_time
async def test_errors_of_connections_name_the_controller(
    place: str, method: str, later: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Wherever in the tree it stands, and whether or not others have run or waited before it."""

    async def wait(*_: Any) -> None:
        await asyncio.sleep(0)

    async def fail_later(*_: Any) -> None:
        await asyncio.sleep(0)
        raise LookupError("x")

    def fail(*_: Any) -> None:
        raise LookupError("x")

    def parts(name: str, **more: Any) -> dict[str, Any]:
        failing = {method: (lambda self, ctx: fail_later()) if later else (lambda self, ctx: fail())}
        return {"on_connection": lambda self, ctx: wait() if later else None, **more} | (
            failing if name == place else {}
        )

    leaf = type("Leaf", (), parts("Leaf"))
    middle = type("Middle", (), parts("Middle", sub_controllers=(leaf,)))
    root = type("Root", (SocketIOController,), parts("Root", sub_controllers=(middle,)))
    client = FakeClient(attach(root))
    client.send_connect()
    await asyncio.sleep(1)
    client.connection.receive("1")
    await asyncio.sleep(1)
    errors = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert errors == [f"An error in {place}.{method} was not caught"]
