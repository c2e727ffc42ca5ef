"""What happens on an event: hooks, method, post functions, answer; and what errors become."""

from __future__ import annotations

import asyncio
import inspect
import linecache
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from support.answers import MASKED
from unit.apps import ask, attach
from unit.clock import in_fake_time, turns
from unit.fakes import FakeClient
from whinny import (
    ConnectionRefused,
    EncodeError,
    ServerOptions,
    ServiceManager,
    SocketIOController,
    WebsocketContext,
    WebsocketErrorResponse,
    WebsocketResponse,
    event_name,
    get_websocket_hook_function,
    get_websocket_hook_functions,
    merge_websocket_hooks,
    render_websocket_error,
    websocket_hook,
    ws_controller,
)
from whinny.framework import HookDecorator
from whinny.protocol import ConnectError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Coroutine, Iterator

OK = {"status": "ok"}
order: list[str] = []


@pytest.fixture(autouse=True)
def nothing_ran() -> Iterator[None]:
    order.clear()
    yield
    order.clear()


def note(name: str, *, later: bool = False, post: bool = True) -> HookDecorator:
    """A hook that notes when it runs, and when its post function does."""

    def after(response: Any) -> None:
        order.append(f"after {name}")

    async def after_waiting(response: Any) -> None:
        await asyncio.sleep(0)
        order.append(f"after {name}")

    def hook(ctx: WebsocketContext, services: ServiceManager) -> Any:
        order.append(name)
        return after if post else None

    async def waiting_hook(ctx: WebsocketContext, services: ServiceManager) -> Any:
        await asyncio.sleep(0)
        order.append(name)
        return after_waiting if post else None

    return websocket_hook(waiting_hook if later else hook)


# order


@note("sub 1")
@note("sub 2", later=True)
class Sub:
    @event_name("go")
    @note("method 1")
    @note("method 2", later=True)
    @note("method 3")
    def go(self) -> WebsocketResponse:
        order.append("go")
        return WebsocketResponse()


@note("parent")
class Parent(SocketIOController):
    sub_controllers = (ws_controller("sub ", Sub),)


@note("root 1")
@note("root 2", later=True)
class Root(Parent):
    @event_name("go")
    @note("method")
    async def go(self) -> None:
        order.append("go")


@in_fake_time
async def test_hooks_run_from_the_root_to_the_method() -> None:
    """Root, parents first, then the sub-controller, then the method; stacked from top to bottom; back the other way."""
    assert await ask(Root, "sub go") == OK
    hooks = ["parent", "root 1", "root 2", "sub 1", "sub 2", "method 1", "method 2", "method 3"]
    assert order == [*hooks, "go", *(f"after {hook}" for hook in reversed(hooks))]


@in_fake_time
async def test_hooks_of_a_sub_controller_are_not_those_of_the_root() -> None:
    """A method of the root has the root's hooks and its own."""
    assert await ask(Root, "go") == ""
    hooks = ["parent", "root 1", "root 2", "method"]
    assert order == [*hooks, "go", *(f"after {hook}" for hook in reversed(hooks))]


@in_fake_time
async def test_merged_hooks_run_in_their_order_wherever_they_stand() -> None:
    """A merged hook is a hook: it can be merged again and used on many methods and classes."""
    merged = merge_websocket_hooks(note("a", post=False), merge_websocket_hooks(note("b", post=False)))

    @merged
    class Controller(SocketIOController):
        @event_name("one")
        @merged
        def one(self) -> WebsocketResponse:
            return WebsocketResponse()

        @event_name("two")
        @note("first", post=False)
        @merged
        @merged
        def two(self) -> WebsocketResponse:
            return WebsocketResponse()

    await ask(Controller, "one")
    assert order == ["a", "b"] * 2
    order.clear()
    await ask(Controller, "two")
    assert order == ["a", "b", "first", "a", "b", "a", "b"]


def test_the_functions_of_a_hook_can_be_taken_out() -> None:
    """A hook gives its functions back, so that a test can call them."""

    def one(ctx: WebsocketContext, services: ServiceManager) -> None: ...
    def two(ctx: WebsocketContext, services: ServiceManager) -> None: ...

    merged = merge_websocket_hooks(websocket_hook(one), websocket_hook(two))
    assert get_websocket_hook_functions(merged) == (one, two)
    assert get_websocket_hook_function(merged) is one
    assert get_websocket_hook_functions(merge_websocket_hooks()) == ()


@in_fake_time
async def test_a_hook_knows_its_controller_and_the_services() -> None:
    """While a hook runs, `ctx.controller` is the one that bears it; in the method it is the method's own."""
    seen: list[tuple[str, str, bool]] = []

    def look(ctx: WebsocketContext, services: ServiceManager) -> None:
        own = services.get(type(ctx.controller)) is ctx.controller
        seen.append((type(ctx.controller).__name__, f"{ctx.controller_name}.{ctx.controller_method_name}", own))

    @websocket_hook(look)
    class Inner:
        @event_name("go")
        @websocket_hook(look)
        def go(self, ctx: WebsocketContext) -> WebsocketResponse:
            assert ctx.controller is self
            return WebsocketResponse()

    @websocket_hook(look)
    class Outer(SocketIOController):
        sub_controllers = (Inner,)

    assert await ask(Outer, "go") == OK
    assert seen == [(name, "Inner.go", True) for name in ("Outer", "Inner", "Inner")]


# answers


@pytest.mark.parametrize("later", [False, True])
@in_fake_time
async def test_a_response_of_a_hook_stops_there(later: bool) -> None:
    """A hook's response is the answer: later hooks and the method do not run, earlier post functions do."""
    received: list[Any] = []

    def refuse(ctx: WebsocketContext, services: ServiceManager) -> WebsocketErrorResponse:
        return WebsocketErrorResponse("no")

    async def refuse_later(ctx: WebsocketContext, services: ServiceManager) -> WebsocketErrorResponse:
        await asyncio.sleep(0)
        return WebsocketErrorResponse("no")

    class Controller(SocketIOController):
        @event_name("go")
        @note("first")
        @websocket_hook(lambda ctx, services: received.append)
        @websocket_hook(refuse_later if later else refuse)
        @note("never")
        def go(self) -> WebsocketResponse:
            order.append("go")
            return WebsocketResponse()

    assert await ask(Controller, "go") == {"status": "error", "error": "no"}
    assert order == ["first", "after first"]
    assert [response.error for response in received] == ["no"]


@pytest.mark.parametrize(
    ("response", "received"),
    [
        (WebsocketResponse(), {"status": "ok"}),
        (WebsocketResponse(None), {"status": "ok", "data": None}),
        (WebsocketResponse([1, b"x", {"a": "ä"}]), {"status": "ok", "data": [1, b"x", {"a": "ä"}]}),
        (WebsocketErrorResponse(), {"status": "error"}),
        (WebsocketErrorResponse(None), {"status": "error", "error": None}),
        (WebsocketErrorResponse({"code": 1}), {"status": "error", "error": {"code": 1}}),
        (None, ""),
    ],
)
@in_fake_time
async def test_the_answer_is_the_responses_envelope(response: Any, received: Any) -> None:
    """What was given stands in the acknowledgement, null and nothing told apart; None answers nothing."""

    class Controller(SocketIOController):
        @event_name("def")
        def plain(self) -> Any:
            return response

        @event_name("async")
        async def later(self) -> Any:
            return response

    assert await ask(Controller, "def") == received
    assert await ask(Controller, "async") == received


@pytest.mark.parametrize("answer", [1, "ok", {}, [], False, WebsocketResponse, ConnectionRefused(), object()])
@in_fake_time
async def test_any_other_answer_is_an_error_that_names_the_method(
    answer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """A method that returns anything else is named in the log, and the client gets the masked error."""

    class Controller(SocketIOController):
        @event_name("def")
        def plain(self) -> Any:
            return answer

        @event_name("async")
        async def later(self) -> Any:
            return answer

    for event, method in (("def", "plain"), ("async", "later")):
        caplog.clear()
        assert await ask(Controller, event) == MASKED
        assert f"Controller.{method} returned" in caplog.text
        assert (answer if isinstance(answer, type) else type(answer)).__name__ in caplog.text


@pytest.mark.parametrize("result", [1, "x", {}, False, object(), WebsocketErrorResponse])
@in_fake_time
async def test_any_other_result_of_a_hook_is_an_error(result: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A hook that returns neither nothing, a response nor a function is an error that names the method."""

    class Controller(SocketIOController):
        @event_name("go")
        @websocket_hook(lambda ctx, services: result)
        def go(self) -> WebsocketResponse:
            order.append("go")
            return WebsocketResponse()

    assert await ask(Controller, "go") == MASKED
    assert "of Controller.go returned" in caplog.text
    assert order == []


@in_fake_time
async def test_without_a_callback_everything_runs_and_nothing_is_answered() -> None:
    """An event without an ack runs hooks, method and post functions all the same."""
    client = FakeClient(attach(Root))
    client.connect()
    client.emit("sub go")
    client.emit("sub nothing")
    await turns(20)
    assert client.receive() == []
    assert order[-1] == "after parent"


@pytest.mark.parametrize("event", ["unknown", "", "Go", "go ", "__init__", "5", "\ud800"])
@in_fake_time
async def test_an_unknown_event(event: str, caplog: pytest.LogCaptureFixture) -> None:
    """An event that nobody handles is logged at debug level, and answered if the client asked for it."""
    caplog.set_level(logging.DEBUG, "whinny")
    answer = await ask(Root, event, 1)
    assert answer == {"status": "error", "error": {"code": "UNKNOWN_EVENT", "message": answer["error"]["message"]}}
    [record] = [each for each in caplog.records if "No method handles" in each.message]
    assert record.levelno == logging.DEBUG


@in_fake_time
async def test_what_a_method_receives() -> None:
    """`payload` is the first argument or None, `args` all of them, `*more` the rest."""
    got: list[Any] = []

    class Controller(SocketIOController):
        @event_name("nothing")
        def nothing(self) -> None:
            got.append(())

        @event_name("context")
        def context(self, ctx: WebsocketContext) -> None:
            got.append((ctx.event_name, ctx.payload, ctx.args))

        @event_name("payload")
        def payload(self, ctx: WebsocketContext, payload: Any) -> None:
            got.append(payload)

        @event_name("more")
        def more(self, ctx: WebsocketContext, payload: Any, *more: Any) -> None:
            got.append((payload, more))

    for args in ((), (1,), (b"x", None, [3])):
        for event in ("nothing", "context", "payload", "more"):
            await ask(Controller, event, *args)
    assert got == [
        *((), ("context", None, ()), None, (None, ())),
        *((), ("context", 1, (1,)), 1, (1, ())),
        *((), ("context", b"x", (b"x", None, [3])), b"x", (b"x", (None, [3]))),
    ]


@in_fake_time
async def test_each_event_has_a_context_of_its_own() -> None:
    """State and message id are new for each event; hooks and method share them; the socket's data stays."""
    seen: list[tuple[Any, ...]] = []

    def count(ctx: WebsocketContext, services: ServiceManager) -> None:
        ctx.state["hook"] = True
        ctx.user = "ada"
        ctx.socket.data["count"] = ctx.socket.data.get("count", 0) + 1

    class Controller(SocketIOController):
        @event_name("go")
        @websocket_hook(count)
        def go(self, ctx: WebsocketContext) -> None:
            seen.append((ctx.message_id, dict(ctx.state), ctx.user, ctx.session, ctx.socket.data["count"]))
            ctx.state["method"] = True
            assert ctx.message_id == ctx.message_id

    client = FakeClient(attach(Controller))
    client.connect()
    client.emit("go")
    client.emit("go")
    assert [each[1:] for each in seen] == [({"hook": True}, "ada", None, 1), ({"hook": True}, "ada", None, 2)]
    assert len({each[0] for each in seen}) == 2


# post functions


@in_fake_time
async def test_a_post_function_gets_the_response() -> None:
    """Post functions are called with the method's response, or with None where there is none."""
    received: list[Any] = []

    async def later(response: Any) -> None:
        await asyncio.sleep(0)
        received.append(response)

    class Controller(SocketIOController):
        @event_name("answer")
        @websocket_hook(lambda ctx, services: received.append)
        @websocket_hook(lambda ctx, services: later)
        def answer(self) -> WebsocketResponse:
            return WebsocketResponse("x")

        @event_name("nothing")
        @websocket_hook(lambda ctx, services: received.append)
        def nothing(self) -> None: ...

    assert await ask(Controller, "answer") == {"status": "ok", "data": "x"}
    assert [response.data for response in received] == ["x", "x"]
    received.clear()
    assert await ask(Controller, "nothing") == ""
    assert received == [None]


@in_fake_time
async def test_what_a_post_function_returns_is_ignored() -> None:
    """A lambda that happens to return something is a post function like any other."""

    class Controller(SocketIOController):
        @event_name("go")
        @websocket_hook(lambda ctx, services: lambda response: 5)  # type: ignore[arg-type, return-value]
        def go(self) -> WebsocketResponse:
            return WebsocketResponse()

    assert await ask(Controller, "go") == OK


# errors


def failing(*, later: bool) -> Callable[..., Any]:
    def fail(*_: Any) -> Any:
        raise LookupError("secret")

    async def fail_later(*_: Any) -> Any:
        await asyncio.sleep(0)
        raise LookupError("secret")

    return fail_later if later else fail


PLACES = ["class hook", "hook", "method", "post function"]


def controller_that_fails(place: str, later: bool) -> type[SocketIOController]:
    fail = failing(later=later)

    def hook(ctx: WebsocketContext, services: ServiceManager) -> Any:
        return fail(ctx) if place == "hook" else fail if place == "post function" else None

    def class_hook(ctx: WebsocketContext, services: ServiceManager) -> Any:
        return fail(ctx) if place == "class hook" else None

    @note("outer")
    @websocket_hook(class_hook)
    class Failing(SocketIOController):
        @event_name("go")
        @note("inner")
        @websocket_hook(hook)
        def go(self) -> Any:
            return fail() if place == "method" else WebsocketResponse("fine")

    return Failing


@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize("place", PLACES)
@in_fake_time
async def test_an_error_is_masked_and_logged(place: str, later: bool, caplog: pytest.LogCaptureFixture) -> None:
    """Wherever an error comes from, the client reads nothing of it, the log all, and collected post functions run."""
    assert await ask(controller_that_fails(place, later), "go") == MASKED
    [record] = [each for each in caplog.records if each.levelno >= logging.ERROR]
    assert record.name.startswith("whinny.")
    assert "Failing.go" in record.message
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], LookupError)
    assert record.__dict__["event_name"] == "go"
    assert order[0] == "outer"
    assert order[-1] == "after outer"
    assert ("after inner" in order) is (place != "class hook")


@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize("place", PLACES)
@in_fake_time
async def test_debug_shows_the_error(place: str, later: bool) -> None:
    """With `debug` on, the client reads name, message, stack and place of the raise."""
    answer = await ask(controller_that_fails(place, later), "go", debug=True)
    assert answer["status"] == "error"
    error = answer["error"]
    assert set(error) == {"code", "name", "message", "stack", "filename", "line", "column"}
    assert error["code"] == "INTERNAL_SERVER_ERROR"
    assert error["name"] == "LookupError"
    assert error["message"] == "secret"
    assert "Traceback" in error["stack"]
    assert "secret" in error["stack"]
    assert error["filename"] == __file__
    line = linecache.getline(__file__, error["line"])
    assert line[error["column"] :].startswith('raise LookupError("secret")')


@in_fake_time
async def test_the_log_of_errors_can_be_turned_off(caplog: pytest.LogCaptureFixture) -> None:
    """With `log_errors` off nothing is logged, and the client gets the same."""
    assert await ask(controller_that_fails("method", False), "go", log_errors=False) == MASKED
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize("place", PLACES)
@in_fake_time
async def test_handle_error_may_answer(place: str, later: bool, caplog: pytest.LogCaptureFixture) -> None:
    """The root's `handle_error` answers in place of the default, and then nothing is logged above debug level."""
    seen: list[tuple[str, str]] = []

    class Handling(controller_that_fails(place, later)):  # type: ignore[misc]
        def handle_error(self, error: Exception, ctx: WebsocketContext) -> Any:
            seen.append((type(error).__name__, ctx.event_name))
            response = WebsocketResponse("handled")

            async def wait() -> WebsocketResponse:
                await asyncio.sleep(0)
                return response

            return wait() if later else response

    assert await ask(Handling, "go") == {"status": "ok", "data": "handled"}
    assert seen == [("LookupError", "go")]
    assert not [record for record in caplog.records if record.levelno > logging.DEBUG]


@pytest.mark.parametrize("answer", [None, 5, "text", ZeroDivisionError("its own")])
@in_fake_time
async def test_handle_error_may_decline_or_fail(answer: Any, caplog: pytest.LogCaptureFixture) -> None:
    """None gives the default answer; an error of its own, or a wrong answer, is rendered and logged instead."""

    class Handling(controller_that_fails("method", False)):  # type: ignore[misc]
        def handle_error(self, error: Exception, ctx: WebsocketContext) -> Any:
            if isinstance(answer, Exception):
                raise answer
            return answer

    assert await ask(Handling, "go") == MASKED
    rendered = (await ask(Handling, "go", debug=True))["error"]
    names = {type(None): "LookupError", ZeroDivisionError: "ZeroDivisionError"}
    assert rendered["name"] == names.get(type(answer), "TypeError")
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert len(errors) == 2


@in_fake_time
async def test_an_answer_that_cannot_be_sent_is_an_error(caplog: pytest.LogCaptureFixture) -> None:
    """Data that is no JSON gives the internal error, goes by `handle_error`, and is logged."""

    class Controller(SocketIOController):
        @event_name("def")
        def plain(self) -> WebsocketResponse:
            return WebsocketResponse({1, object()})

        @event_name("async")
        async def later(self) -> WebsocketResponse:
            return WebsocketErrorResponse(object())  # type: ignore[return-value]

        @event_name("binary")
        def binary(self) -> WebsocketResponse:
            return WebsocketResponse([b"x"] * 11)

    class Handling(Controller):
        def handle_error(self, error: Exception, ctx: WebsocketContext) -> WebsocketResponse:
            return WebsocketResponse(isinstance(error, EncodeError))

    for event in ("def", "async", "binary"):
        caplog.clear()
        assert await ask(Controller, event) == MASKED
        assert "EncodeError" in caplog.text
        assert await ask(Handling, event) == {"status": "ok", "data": True}


@in_fake_time
async def test_an_answer_of_handle_error_that_cannot_be_sent() -> None:
    """Even if what `handle_error` answers cannot be sent, the client gets the internal error and stays connected."""

    class Handling(controller_that_fails("method", False)):  # type: ignore[misc]
        def handle_error(self, error: Exception, ctx: WebsocketContext) -> WebsocketResponse:
            return WebsocketResponse(object())

    assert await ask(Handling, "go") == MASKED


@in_fake_time
async def test_debug_shows_an_error_without_words() -> None:
    """An exception whose text cannot be made is shown all the same."""

    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    class Controller(SocketIOController):
        @event_name("go")
        def go(self) -> None:
            raise Mute

    answer = await ask(Controller, "go", debug=True)
    assert answer["error"]["name"] == "Mute"


@in_fake_time
async def test_a_cancellation_in_a_def_stays_there() -> None:
    """A `def` that raises CancelledError (of a future that it looked into, say) ends its own event only."""

    class Controller(SocketIOController):
        @event_name("go")
        def go(self) -> None:
            raise asyncio.CancelledError

    assert await ask(Controller, "go") == MASKED


@pytest.mark.parametrize("place", ["post function", "handle_error"])
@in_fake_time
async def test_a_cancellation_after_the_method_stays_there(place: str) -> None:
    """The same for post functions and `handle_error`: the client gets the internal error."""

    def cancelled(*_: Any) -> None:
        raise asyncio.CancelledError

    class Controller(controller_that_fails("method" if place == "handle_error" else "nowhere", False)):  # type: ignore[misc]
        handle_error = cancelled if place == "handle_error" else SocketIOController.handle_error  # pyright: ignore

        @websocket_hook(lambda ctx, services: cancelled if place == "post function" else None)
        def go(self) -> Any:
            return super().go()  # pyright: ignore

    assert await ask(Controller, "go") == MASKED


@in_fake_time
async def test_a_socket_that_is_gone_is_not_answered() -> None:
    """A method that ends after its client has left answers nobody, and that is no error."""

    class Controller(SocketIOController):
        @event_name("leave")
        def leave(self, ctx: WebsocketContext) -> WebsocketResponse:
            ctx.socket.disconnect()
            ctx.socket.emit("late")
            return WebsocketResponse()

        @event_name("wait")
        async def wait(self) -> WebsocketResponse:
            await asyncio.sleep(1)
            order.append("done")
            return WebsocketResponse()

    client = FakeClient(attach(Controller))
    client.connect()
    client.emit("wait", ack_id=1)
    client.emit("leave", ack_id=2)
    await asyncio.sleep(2)
    assert [type(packet).__name__ for packet in client.receive()] == ["Disconnect"]
    assert order == ["done"]


def test_errors_can_be_rendered_by_hand() -> None:
    """`render_websocket_error` gives the default answer, by the settings of the controller's manager."""
    ctx: WebsocketContext = WebsocketContext("go")
    with pytest.raises(KeyError) as caught:
        raise KeyError("x")
    assert render_websocket_error(caught.value, ctx).envelope() == MASKED
    shown = render_websocket_error(caught.value, ctx, debug=True).error
    assert shown["name"] == "KeyError"
    assert render_websocket_error(ValueError("never raised"), ctx, debug=True).error["line"] is None


# logs


@in_fake_time
async def test_events_are_logged_at_debug_level(caplog: pytest.LogCaptureFixture) -> None:
    """Each event is a line with its name, its status and its message id; connections are at info level."""
    caplog.set_level(logging.DEBUG, "whinny")
    await ask(Root, "sub go")
    await ask(Root, "go")
    events = [record.__dict__ for record in caplog.records if "message_id" in record.__dict__]
    assert [(each["event_name"], each["status"], each["levelname"]) for each in events] == [
        ("sub go", "ok", "DEBUG"),
        ("go", None, "DEBUG"),
    ]
    connected = [record for record in caplog.records if record.message.startswith("Client connected")]
    assert [record.levelno for record in connected] == [logging.INFO] * 2


# connections


async def join(controller: type[SocketIOController], seconds: float = 1, **settings: Any) -> tuple[FakeClient, Any]:
    """A client that wants in, and the first packet that it gets."""
    server = attach(controller, **settings)
    client = FakeClient(server)
    client.send_connect()
    await asyncio.sleep(seconds)
    packets = client.receive()
    assert len(packets) <= 1
    if not packets or isinstance(packets[0], ConnectError):
        assert server.of("/").sockets == {}
        assert server.of("/").adapter.room_names() == frozenset()
    return client, packets[0] if packets else None


def connecting(action: Callable[[WebsocketContext], Any], *, later: bool) -> type[SocketIOController]:
    class Sync(SocketIOController):
        def on_connection(self, ctx: WebsocketContext) -> None:
            ctx.socket.join("room")
            action(ctx)

    class Async(SocketIOController):
        async def on_connection(self, ctx: WebsocketContext) -> None:
            ctx.socket.join("room")
            await asyncio.sleep(0)
            action(ctx)

    return Async if later else Sync


def throw(error: Exception) -> Callable[[WebsocketContext], Any]:
    def action(ctx: WebsocketContext) -> None:
        raise error

    return action


@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize(
    ("error", "data"),
    [
        (ConnectionRefused(), {"message": "Connection refused"}),
        (ConnectionRefused("no"), {"message": "no"}),
        (ConnectionRefused("no", {"code": 1}), {"message": "no", "data": {"code": 1}}),
        (ConnectionRefused("no", 0), {"message": "no", "data": 0}),
        (ConnectionRefused("no", object()), {"message": "no"}),
        (ConnectionRefused("no", b"binary"), {"message": "no"}),
        (
            LookupError("secret"),
            {"message": MASKED["error"]["message"], "data": {"code": "INTERNAL_SERVER_ERROR"}},  # type: ignore[index]
        ),
    ],
)
@in_fake_time
async def test_a_refused_client_reads_why(error: Exception, data: Any, later: bool) -> None:
    """ConnectionRefused reaches the client as it is, any other error masked, and nothing of the socket stays."""
    _, packet = await join(connecting(throw(error), later=later))
    assert packet == ConnectError("/", data)


@pytest.mark.parametrize("later", [False, True])
@in_fake_time
async def test_debug_shows_why_a_client_was_refused(later: bool) -> None:
    """With `debug` on, the client reads the whole error."""
    _, packet = await join(connecting(throw(LookupError("secret")), later=later), debug=True)
    assert packet.data["message"] == "secret"
    assert packet.data["data"]["name"] == "LookupError"
    assert set(packet.data["data"]) == {"code", "name", "stack", "filename", "line", "column"}


@pytest.mark.parametrize("later", [False, True])
@in_fake_time
async def test_a_refused_client_may_try_again(later: bool) -> None:
    """A client that was refused may ask again on the same connection."""
    attempts: list[int] = []

    def action(ctx: WebsocketContext) -> None:
        attempts.append(1)
        if len(attempts) == 1:
            raise ConnectionRefused

    client, packet = await join(connecting(action, later=later))
    assert isinstance(packet, ConnectError)
    client.send_connect()
    await turns()
    [packet] = client.receive()
    assert not isinstance(packet, ConnectError)


@in_fake_time
async def test_on_connection_may_be_a_def_that_returns_an_awaitable() -> None:
    """A `def` on_connection may return what is to be awaited, as its type says."""

    class Controller(SocketIOController):
        def on_connection(self, ctx: WebsocketContext) -> Awaitable[None]:
            return asyncio.ensure_future(asyncio.sleep(0.1))

    _, packet = await join(Controller)
    assert packet is not None
    assert not isinstance(packet, ConnectError)


@in_fake_time
async def test_a_client_that_leaves_at_once_leaves_nothing_unawaited() -> None:
    """A client that leaves before the task of its on_connection begins leaves no coroutine behind."""
    coroutines: list[Coroutine[Any, Any, None]] = []

    class Controller(SocketIOController):
        def on_connection(self, ctx: WebsocketContext) -> Awaitable[None]:
            coroutines.append(later_returning(None))
            return coroutines[0]

    client = FakeClient(attach(Controller))
    client.send_connect()
    client.connection.receive("1")
    await turns()
    state = inspect.getcoroutinestate(coroutines[0])
    coroutines[0].close()
    assert state == inspect.CORO_CLOSED


@in_fake_time
async def test_on_connection_has_its_time(caplog: pytest.LogCaptureFixture) -> None:
    """An on_connection that takes longer than connect_timeout is cancelled, and the client is not let in."""

    class Controller(SocketIOController):
        options = ServerOptions(connect_timeout=0.5)

        async def on_connection(self, ctx: WebsocketContext) -> None:
            try:
                await asyncio.sleep(100)
            except asyncio.CancelledError:
                order.append("cancelled")
                raise

        def on_disconnect(self, ctx: WebsocketContext, reason: str) -> None:
            order.append("disconnected")

    client, packet = await join(Controller)
    assert packet is None or isinstance(packet, ConnectError)
    client.transport.flush()
    await turns()
    assert client.connection.state == "closed"
    assert order == ["cancelled"]


@in_fake_time
async def test_a_client_that_leaves_meanwhile_ends_on_connection() -> None:
    """When the connection ends, an on_connection that still runs is cancelled, and on_disconnect is not called."""

    class Controller(SocketIOController):
        async def on_connection(self, ctx: WebsocketContext) -> None:
            try:
                await asyncio.sleep(100)
            except asyncio.CancelledError:
                order.append("cancelled")
                raise

        def on_disconnect(self, ctx: WebsocketContext, reason: str) -> None:
            order.append("disconnected")

    server = attach(Controller)
    client = FakeClient(server)
    client.send_connect()
    await turns()
    client.connection.receive("1")
    await turns()
    assert order == ["cancelled"]
    assert len(server.tasks) == 0
    assert server.clients == set()


@pytest.mark.parametrize("later", [False, True])
@in_fake_time
async def test_what_on_connection_emits_follows_the_connect_packet(later: bool) -> None:
    """Emits and rooms of on_connection count, in order, behind the CONNECT packet; broadcasts to it too."""
    server_of: list[Any] = []

    def action(ctx: WebsocketContext) -> None:
        assert not ctx.socket.connected
        ctx.socket.emit("one", 1)
        server_of.append(ctx.socket.namespace.server)  # type: ignore[attr-defined]
        server_of[0].to("room").emit("two", b"x")
        ctx.socket.emit("three")

    client = FakeClient(attach(connecting(action, later=later)))
    client.send_connect()
    await turns()
    kinds = client.receive()
    assert [type(packet).__name__ for packet in kinds] == ["Connect", "Event", "Event", "Event"]
    assert [packet.data for packet in kinds[1:]] == [["one", 1], ["two", b"x"], ["three"]]  # type: ignore[attr-defined]


@in_fake_time
async def test_all_controllers_hear_of_connections() -> None:
    """`on_connection` and `on_disconnect` of all controllers are called, the root's first, each once."""

    class Leaf:
        async def on_connection(self, ctx: WebsocketContext) -> None:
            await asyncio.sleep(0)
            order.append("leaf")

        async def on_disconnect(self, ctx: WebsocketContext, reason: str) -> None:
            order.append(f"leaf {reason}")

    class Silent:
        sub_controllers = (ws_controller("b ", Leaf),)

    class Top(SocketIOController):
        sub_controllers = (ws_controller("a ", Leaf), Silent)

        def on_connection(self, ctx: WebsocketContext) -> None:
            order.append("top")

        def on_disconnect(self, ctx: WebsocketContext, reason: str) -> None:
            assert not ctx.socket.connected
            order.append(f"top {reason} {sorted(ctx.socket.rooms - {ctx.socket.id})}")

    server = attach(Top)
    client = FakeClient(server)
    client.send_connect()
    await turns()
    server.sockets_join("x", "y")
    client.connection.receive("1")
    await turns()
    assert order == ["top", "leaf", "top transport close ['x', 'y']", "leaf transport close"]


@in_fake_time
async def test_an_error_of_on_disconnect_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Whether it waits or not, an on_disconnect that fails keeps no other controller from hearing."""

    class Later:
        async def on_disconnect(self, ctx: WebsocketContext, reason: str) -> None:
            raise LookupError("later")

    class Last:
        async def on_disconnect(self, ctx: WebsocketContext, reason: str) -> None:
            order.append("last")

    class Top(SocketIOController):
        sub_controllers = (Later, Last)

        def on_disconnect(self, ctx: WebsocketContext, reason: str) -> None:
            raise LookupError("top")

    client = FakeClient(attach(Top))
    client.send_connect()
    client.connection.receive("1")
    await turns()
    assert order == ["last"]
    assert len([record for record in caplog.records if "on_disconnect" in record.message]) == 2


def later_returning(value: Any) -> Coroutine[Any, Any, Any]:
    """Something to await."""

    async def wait() -> Any:
        return value

    return wait()


@in_fake_time
async def test_a_def_may_return_something_to_await_that_is_wrong() -> None:
    """What comes of an awaitable is judged like what a method returns itself."""

    class Controller(SocketIOController):
        @event_name("wrong")
        def wrong(self) -> Any:
            return later_returning(5)

        @event_name("none")
        def nothing(self) -> Any:
            return later_returning(None)

    assert await ask(Controller, "wrong") == MASKED
    assert await ask(Controller, "none") == ""


# methods that take less


@pytest.mark.parametrize("later", [False, True])
@in_fake_time
async def test_who_hears_of_connections_may_take_less(later: bool) -> None:
    """`on_connection` and `on_disconnect` leave out what they do not need; root first, nobody is told twice."""

    class Nothing:
        def on_connection(self) -> None:
            order.append("nothing in")

        async def on_disconnect(self) -> None:
            order.append("nothing out")

    class Defaults:
        async def on_connection(self, ctx: WebsocketContext, more: int = 5) -> None:
            order.append(f"defaults in {more}")

        def on_disconnect(self, ctx: WebsocketContext, reason: str = "no reason") -> None:
            order.append(f"defaults out {reason}")

    class Everything:
        def on_connection(self, *args: Any) -> None:
            order.append(f"everything in {len(args)}")

        async def on_disconnect(self, *args: Any) -> None:
            order.append(f"everything out {len(args)}")

    class Silent:
        on_connection = None
        on_disconnect = None

    class Sync(SocketIOController):
        sub_controllers = (Silent, Nothing, Defaults, ws_controller("again ", Nothing), Everything)

        def on_disconnect(self, ctx: WebsocketContext) -> None:  # type: ignore[override]
            order.append("root out")

    class Async(Sync):
        async def on_connection(self) -> None:  # type: ignore[override]
            await asyncio.sleep(0)
            order.append("root in")

    client = FakeClient(attach(Async if later else Sync))
    client.send_connect()
    await turns(10)
    assert order == ["root in"] * later + ["nothing in", "defaults in 5", "everything in 1"]
    order.clear()
    client.connection.receive("1")
    await turns(10)
    assert sorted(order) == ["defaults out transport close", "everything out 2", "nothing out", "root out"]
    assert order[0] == "root out"


@pytest.mark.parametrize("later", [False, True])
@in_fake_time
async def test_a_sub_controller_may_refuse_a_client(later: bool) -> None:
    """Those behind it are not asked any more, none hears of a disconnection, and nothing stays."""

    class Refusing:
        def on_connection(self) -> None:
            raise ConnectionRefused("no", {"by": "sub"})

    class RefusingLater:
        async def on_connection(self) -> None:
            await asyncio.sleep(0)
            raise ConnectionRefused("no", {"by": "sub"})

    class Behind:
        def on_connection(self) -> None:
            order.append("behind")

    class Root(SocketIOController):
        sub_controllers = (RefusingLater if later else Refusing, Behind)

        def on_connection(self, ctx: WebsocketContext) -> None:
            ctx.socket.join("room")
            order.append("root")

        def on_disconnect(self, ctx: WebsocketContext, reason: str) -> None:
            order.append("disconnected")

    client, packet = await join(Root)
    assert packet == ConnectError("/", {"message": "no", "data": {"by": "sub"}})
    client.connection.receive("1")
    await turns()
    assert order == ["root"]


# what log records and responses carry


@in_fake_time
async def test_an_event_tells_what_its_log_lines_carry() -> None:
    """`log_extra` has event, message and socket; in a record it stands beside what logging has there itself."""
    seen: list[tuple[dict[str, Any], WebsocketContext]] = []

    class Root(SocketIOController):
        @event_name("go")
        def go(self, ctx: WebsocketContext) -> None:
            seen.append((ctx.log_extra(), ctx))

    client = FakeClient(attach(Root))
    sid = client.connect()
    client.emit("go")
    [(extra, ctx)] = seen
    assert extra == {"event_name": "go", "message_id": ctx.message_id, "socket_id": sid}
    record = logging.getLogger("app").makeRecord("app", logging.INFO, "f", 1, "created", (), None, extra=extra)
    assert vars(record)["socket_id"] == sid


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("create\nERROR:root:fake", "create\\nERROR:root:fake"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("\u202ereversed", "\\u202ereversed"),
        ("half \ud83d", "half \\ud83d"),
        ("größe 漢字", "größe 漢字"),
        ("x" * 500, "x" * 200),
    ],
)
def test_log_extra_shows_any_name_on_one_line(name: str, shown: str) -> None:
    """A client chooses the event's name: what does not print is escaped, and what is long is cut."""
    assert WebsocketContext(name).log_extra()["event_name"] == shown


def test_a_socket_without_an_id_has_none_in_the_log() -> None:
    """A stand-in of a test need not have one."""
    ctx: WebsocketContext = WebsocketContext("go", None, object())  # type: ignore[arg-type]
    assert ctx.log_extra()["socket_id"] is None


RESPONSES: list[WebsocketResponse | WebsocketErrorResponse] = [
    WebsocketResponse(),
    WebsocketResponse(None),
    WebsocketResponse("x"),
    WebsocketResponse({"a": [1, b"x"]}),
    WebsocketErrorResponse(),
    WebsocketErrorResponse(None),
    WebsocketErrorResponse("x"),
]


def test_responses_are_equal_when_clients_cannot_tell_them_apart() -> None:
    """The same kind with the same content; None and nothing differ, as does what is no response."""
    for number, one in enumerate(RESPONSES):
        assert [one == other for other in RESPONSES] == [number == index for index in range(len(RESPONSES))]
        assert one != one.envelope()
        assert one != "x"
    assert WebsocketResponse({"a": 1}) == WebsocketResponse({"a": 1})
    assert WebsocketErrorResponse("x", exception=ValueError()) == WebsocketErrorResponse("x")


def test_responses_are_no_keys() -> None:
    """What they hold may change, so they have no hash."""
    for response in RESPONSES:
        with pytest.raises(TypeError, match="unhashable"):
            hash(response)


def test_responses_show_what_they_hold() -> None:
    """A failed assertion of a test is to be read."""
    assert [repr(each) for each in RESPONSES[:3]] == [
        "WebsocketResponse()",
        "WebsocketResponse(None)",
        "WebsocketResponse('x')",
    ]
    assert repr(WebsocketErrorResponse()) == "WebsocketErrorResponse()"
    assert repr(WebsocketErrorResponse({"code": 1})) == "WebsocketErrorResponse({'code': 1})"
    assert repr(WebsocketContext("go")) == "<WebsocketContext 'go'>"


@pytest.mark.parametrize("later", [False, True])
@in_fake_time
async def test_post_functions_learn_of_the_error_itself(later: bool) -> None:
    """The answer to an error has `exception` and `ctx`; one that the app made itself has none, and none is sent."""
    received: list[Any] = []

    @websocket_hook(lambda ctx, services: received.append)
    class Root(controller_that_fails("method", later)):  # type: ignore[misc]
        @event_name("own")
        def own(self) -> WebsocketErrorResponse:
            return WebsocketErrorResponse("own")

    assert await ask(Root, "go") == MASKED
    assert await ask(Root, "own") == {"status": "error", "error": "own"}
    failed, own = received
    assert isinstance(failed.exception, LookupError)
    assert (failed.ctx.event_name, failed.ctx.controller_method_name) == ("go", "go")
    assert (own.exception, own.ctx) == (None, None)
