"""What happens on an event: hooks, method, post functions, answer; and how errors become answers.

One coroutine does it all. When nothing in it waits it is run without a task (see `server.events`); should something
wait all the same, it yields once first, so that whatever waits does so in a task of its own.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Coroutine, Generator
from types import coroutine
from typing import TYPE_CHECKING, Any, cast

from whinny.errors import ConnectionRefused, EncodeError
from whinny.framework import ServiceManager, find_services, render_error
from whinny.server import Job, Socket
from whinny.websocket.context import WebsocketContext
from whinny.websocket.response import AnyResponse, WebsocketErrorResponse, WebsocketResponse

if TYPE_CHECKING:
    from whinny.websocket.controller import SocketIOController
    from whinny.websocket.decorators import PostFunction
    from whinny.websocket.routing import ControllerTree, Route

log = logging.getLogger("whinny.websocket")

_RESPONSES = (WebsocketResponse, WebsocketErrorResponse)


@coroutine
def _enter_task() -> Generator[None, None, None]:
    """Yield once: whoever drives this coroutine goes on with it in a task."""
    yield


class Dispatcher:
    """Handles the clients of a root controller; the NamespaceHandler of its namespace."""

    __slots__ = ("_connecting", "_debug", "_disconnecting", "_log_errors", "_root", "_services", "_tree", "_waits")

    def __init__(self, root: SocketIOController, tree: ControllerTree, services: ServiceManager) -> None:
        self._root = root
        self._tree = tree
        self._services = services
        self._debug = services.settings.debug
        self._log_errors = services.settings.log_errors
        self._connecting = _methods(tree, "on_connection")
        self._disconnecting = _methods(tree, "on_disconnect")
        self._waits = any(map(inspect.iscoroutinefunction, self._connecting))

    # events

    def on_event(self, socket: Socket, data: list[Any], ack_id: int | None) -> Job | None:
        """An event came: the job that handles it."""
        name = data[0]
        route = self._tree.routes.get(name)
        if route is None:
            self._answer_unknown(socket, name, ack_id)
            return None
        args = tuple(data[1:])
        ctx: WebsocketContext[Any] = WebsocketContext(
            name,
            args[0] if args else None,
            socket,
            args=args,
            controller_name=route.controller_name,
            controller_method_name=route.method_name,
        )
        return Job(self._handle(route, ctx, ack_id), route.waits)

    @staticmethod
    def _answer_unknown(socket: Socket, name: str, ack_id: int | None) -> None:
        log.debug("No method handles the event %r", name[:200])
        if ack_id is not None:
            error = {"code": "UNKNOWN_EVENT", "message": "The server does not know this event."}
            socket.acknowledge(ack_id, WebsocketErrorResponse(error))

    async def _handle(self, route: Route, ctx: WebsocketContext[Any], ack_id: int | None) -> None:
        run = _Run(route.waits)
        posts: list[PostFunction] = []
        try:
            response = await self._run_hooks_and_method(run, route, ctx, posts)
        except Exception as error:
            response = await self._respond_to_error(run, error, ctx)
        except asyncio.CancelledError as error:
            if run.is_cancelled:
                raise
            response = await self._respond_to_error(run, _not_cancelled(error), ctx)
        for post in reversed(posts):
            try:
                result = post(response)
                if inspect.isawaitable(result):
                    await run.settle(result)
            except Exception as error:
                response = await self._respond_to_error(run, error, ctx)
        if log.isEnabledFor(logging.DEBUG):
            self._log_event(ctx, response)
        if response is not None and ack_id is not None:
            try:
                ctx.socket.acknowledge(ack_id, response)
            except EncodeError as error:
                await self._acknowledge_error(run, error, ctx, ack_id)

    async def _acknowledge_error(self, run: _Run, error: EncodeError, ctx: WebsocketContext[Any], ack_id: int) -> None:
        """The answer could not be sent: answer with that error."""
        try:
            ctx.socket.acknowledge(ack_id, await self._respond_to_error(run, error, ctx))
        except EncodeError as second:  # that of handle_error could not be sent either
            self._log(second, ctx)
            ctx.socket.acknowledge(ack_id, render_websocket_error(second, ctx, debug=self._debug))

    async def _run_hooks_and_method(
        self, run: _Run, route: Route, ctx: WebsocketContext[Any], posts: list[PostFunction]
    ) -> AnyResponse | None:
        for hook in route.hooks:
            ctx.controller = hook.controller
            result = hook.function(ctx, self._services)
            if result is None:
                continue
            if inspect.isawaitable(result):
                result = await run.settle(result)
            if isinstance(result, _RESPONSES):
                return result
            if callable(result):
                posts.append(cast("PostFunction", result))
            elif result is not None:
                raise TypeError(f"A hook of {_where(route)} returned {_kind(result)}: {_HOOK_RULE}")
        ctx.controller = route.method.__self__  # type: ignore[attr-defined]
        answer = _call(route, ctx)
        if answer is None or isinstance(answer, _RESPONSES):
            return answer
        if inspect.isawaitable(answer):
            answer = await run.settle(answer)
        if answer is None or isinstance(answer, _RESPONSES):
            return answer
        raise TypeError(f"{_where(route)} returned {_kind(answer)}: {_METHOD_RULE}")

    async def _respond_to_error(self, run: _Run, error: Exception, ctx: WebsocketContext[Any]) -> AnyResponse:
        handle_error = getattr(self._root, "handle_error", None)
        if handle_error is not None:
            try:
                answer = handle_error(error, ctx)
                if inspect.isawaitable(answer):
                    answer = await run.settle(answer)
                if isinstance(answer, _RESPONSES):
                    log.debug("handle_error answered an error", exc_info=error)
                    return answer
                if answer is not None:
                    raise TypeError(f"handle_error returned {_kind(answer)}: it must return a response or None.")
            except Exception as second:
                error = second
        self._log(error, ctx)
        return render_websocket_error(error, ctx, debug=self._debug)

    def _log(self, error: Exception, ctx: WebsocketContext[Any]) -> None:
        if self._log_errors:
            where = f"{ctx.controller_name}.{ctx.controller_method_name}" if ctx.controller_name else "on_connection"
            extra = {"event_name": ctx.event_name, "socket_id": getattr(ctx.socket, "id", None)}
            log.error("An error in %s was not caught", where, exc_info=error, extra=extra)

    @staticmethod
    def _log_event(ctx: WebsocketContext[Any], response: AnyResponse | None) -> None:
        status = None if response is None else response.envelope()["status"]
        log.debug(
            "Event %r: %s",
            ctx.event_name[:200],
            status or "no answer",
            extra={"event_name": ctx.event_name, "status": status, "message_id": ctx.message_id},
        )

    # connections

    def on_connect(self, socket: Socket) -> Coroutine[Any, Any, None] | None:
        """A client wants in: the `on_connection` of all controllers, the root's first."""
        ctx: WebsocketContext[Any] = WebsocketContext("", None, socket, args=())
        methods = list(self._connecting)
        if self._waits:
            # All of it runs in the task, so that nothing is left behind when it never starts.
            return self._connect(None, methods, ctx)
        try:
            while methods:
                result = methods.pop(0)(ctx)
                if inspect.isawaitable(result):
                    return self._connect(result, methods, ctx)
        except Exception as error:
            raise self._refusal(error, ctx) from None
        return None

    async def _connect(self, first: Awaitable[None] | None, methods: list[Any], ctx: WebsocketContext[Any]) -> None:
        try:
            if first is not None:
                await first
            for method in methods:
                result = method(ctx)
                if inspect.isawaitable(result):
                    await result
        except Exception as error:
            raise self._refusal(error, ctx) from None

    def _refusal(self, error: Exception, ctx: WebsocketContext[Any]) -> ConnectionRefused:
        if isinstance(error, ConnectionRefused):
            return error
        self._log(error, ctx)
        data = render_error(error, self._debug)
        message = data.pop("message")
        return ConnectionRefused(message, data)

    def on_disconnect(self, socket: Socket, reason: str) -> Awaitable[None] | None:
        """A client is gone: the `on_disconnect` of all controllers, the root's first."""
        ctx: WebsocketContext[Any] = WebsocketContext("", None, socket, args=())
        pending: list[Awaitable[Any]] = []
        for method in self._disconnecting:
            try:
                result = method(ctx, reason)
                if inspect.isawaitable(result):
                    pending.append(result)
            except Exception:
                log.exception("An error in on_disconnect was not caught")
        return _settle_all(pending) if pending else None


class _Run:
    """Whether this run of the coroutine is in a task by now."""

    __slots__ = ("_in_task",)

    def __init__(self, in_task: bool) -> None:
        self._in_task = in_task

    @property
    def is_cancelled(self) -> bool:
        """Whether the task of this run is cancelled, rather than something that it waited for."""
        task = asyncio.current_task() if self._in_task else None
        return task is not None and task.cancelling() > 0

    async def settle(self, awaitable: Awaitable[Any]) -> Any:
        """Await, in a task."""
        if not self._in_task:
            await _enter_task()
            self._in_task = True
        return await awaitable


def _methods(tree: ControllerTree, name: str) -> list[Any]:
    found = [getattr(controller, name, None) for controller in tree.controllers]
    return [method for method in found if method is not None]


def _not_cancelled(error: asyncio.CancelledError) -> RuntimeError:
    """The error to show for a cancellation of something that a method waited for."""
    shown = RuntimeError("Something that the method waited for was cancelled.")
    shown.__cause__ = error
    return shown.with_traceback(error.__traceback__)


_HOOK_RULE = "it must return nothing, a WebsocketResponse, a WebsocketErrorResponse or a function."
_METHOD_RULE = "it must return a WebsocketResponse, a WebsocketErrorResponse or None."


def _call(route: Route, ctx: WebsocketContext[Any]) -> Any:
    if route.call == "payload":
        return route.method(ctx, ctx.payload)
    if route.call == "context":
        return route.method(ctx)
    if route.call == "nothing":
        return route.method()
    return route.method(ctx, *(ctx.args or (None,)))


def _where(route: Route) -> str:
    return f"{route.controller_name}.{route.method_name}"


def _kind(value: object) -> str:
    return f"an object of the type {type(value).__name__}"


async def _settle_all(pending: list[Awaitable[Any]]) -> None:
    for each in pending:
        try:
            await each
        except Exception:
            log.exception("An error in on_disconnect was not caught")


def render_websocket_error(
    error: BaseException, ctx: WebsocketContext[Any], *, debug: bool | None = None
) -> WebsocketErrorResponse:
    """The answer to an error that nobody caught: masked, or whole where the setting `debug` is on."""
    if debug is None:
        manager = find_services(ctx.controller)
        debug = manager is not None and manager.settings.debug
    return WebsocketErrorResponse(render_error(error, debug))
