"""What happens when a client comes and goes: the `on_connection` and `on_disconnect` of all controllers of a root."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import TYPE_CHECKING, Any, NamedTuple

from whinny.errors import ConfigurationError
from whinny.framework import ControllerNode, Run, check_order, count_positional, kind, waits
from whinny.server import Pending, Socket
from whinny.types import DisconnectReason
from whinny.websocket.context import WebsocketContext
from whinny.websocket.sessions import commit_forwarded_session

if TYPE_CHECKING:
    from whinny.websocket.errors import WebsocketErrorHandler


class Connections:
    """Runs them, the root's first."""

    __slots__ = ("_connecting", "_disconnecting", "_errors", "_waits")

    def __init__(self, tree: ControllerNode, errors: WebsocketErrorHandler) -> None:
        """Raises ConfigurationError that names a method which takes something else."""
        self._errors = errors
        self._connecting = _methods(tree, "on_connection", ("ctx",))
        self._disconnecting = _methods(tree, "on_disconnect", ("ctx", "reason"))
        self._waits = any(waits(method.call) for method in self._connecting)

    def on_connect(self, socket: Socket) -> Pending | None:
        """A client wants in. Raises ConnectionRefused; what it returns is awaited first."""
        ctx: WebsocketContext[Any] = WebsocketContext("", None, socket, args=())
        methods = list(self._connecting)
        if self._waits:
            # All of it runs in the task, so that nothing is left behind when it never starts.
            return self._connect(None, methods, ctx)
        try:
            while methods:
                result = methods.pop(0).start(ctx, ctx)
                if inspect.isawaitable(result):
                    return _Begun(self._connect(result, methods, ctx), result)
                _check_nothing(result)
        except BaseException as error:
            raise self._errors.refusal(Run(in_task=False).own_error(error), ctx) from None
        return None

    async def _connect(self, first: Awaitable[Any] | None, methods: list[_Method], ctx: WebsocketContext[Any]) -> None:
        try:
            if first is not None:
                _check_nothing(await first)
            for method in methods:
                result = method.start(ctx, ctx)
                _check_nothing(await result if inspect.isawaitable(result) else result)
            await commit_forwarded_session(ctx)
        except BaseException as error:
            raise self._errors.refusal(Run(in_task=True).own_error(error), ctx) from None

    def on_disconnect(self, socket: Socket, reason: DisconnectReason) -> Coroutine[Any, Any, None] | None:
        """A client is gone. One method's error keeps no other from running."""
        ctx: WebsocketContext[Any] = WebsocketContext("", None, socket, args=())
        methods = list(self._disconnecting)
        while methods:
            try:
                result = methods.pop(0).start(ctx, ctx, reason)
                if inspect.isawaitable(result):
                    return self._disconnect(result, methods, ctx, reason)
            except BaseException as error:
                self._errors.log_uncaught(Run(in_task=False).own_error(error), ctx)
        return None

    async def _disconnect(
        self, first: Awaitable[Any], methods: list[_Method], ctx: WebsocketContext[Any], reason: DisconnectReason
    ) -> None:
        pending: Awaitable[Any] | None = first
        while pending is not None or methods:
            try:
                result = pending if pending is not None else methods.pop(0).start(ctx, ctx, reason)
                pending = None
                if inspect.isawaitable(result):
                    await result
            except BaseException as error:
                self._errors.log_uncaught(Run(in_task=True).own_error(error), ctx)


class _Method(NamedTuple):
    """An `on_connection` or `on_disconnect` of one controller."""

    controller: object
    name: str
    call: Callable[..., Any]

    def start(self, ctx: WebsocketContext[Any], *args: Any) -> Any:
        """Call it; the context tells whose it is."""
        ctx.controller = self.controller
        ctx.controller_name, ctx.controller_method_name = type(self.controller).__name__, self.name
        return self.call(*args)


def _check_nothing(result: object) -> None:
    if result is not None:
        raise TypeError(
            f"on_connection returned {kind(result)}: it must return None; raise ConnectionRefused to refuse."
        )


class _Begun:
    """An `on_connection` that is to be awaited, of which a part is made already."""

    __slots__ = ("_coroutine", "_part")

    def __init__(self, coroutine: Coroutine[Any, Any, None], part: Awaitable[Any]) -> None:
        self._coroutine = coroutine
        self._part = part

    def __await__(self) -> Generator[Any, Any, None]:
        return self._coroutine.__await__()

    def close(self) -> None:
        """It is not wanted any more."""
        self._coroutine.close()
        if inspect.iscoroutine(self._part):
            self._part.close()


def _methods(tree: ControllerNode, name: str, takes: tuple[str, ...]) -> list[_Method]:
    """These methods of all controllers, each controller once; one may leave out what it does not need."""
    second = takes[1] if len(takes) > 1 else ""
    listed = ", ".join(("self", *takes))
    found: list[_Method] = []
    for controller in {id(node.controller): node.controller for node in tree.walk()}.values():
        method: Callable[..., Any] | None = getattr(controller, name, None)
        if method is None:
            continue
        where = f"{type(controller).__name__}.{name}"
        count = count_positional(method, len(takes)) if callable(method) else None
        if count is None:
            raise ConfigurationError(f"{where} must be a method that takes ({listed}).")
        check_order(method, WebsocketContext, second, type(controller), where, f"it must take ({listed})")
        found.append(_Method(controller, name, method if count == len(takes) else _shortened(method, count)))
    return found


def _shortened(method: Callable[..., Any], count: int) -> Callable[..., Any]:
    if waits(method):

        async def call_later(*args: Any) -> Any:
            return await method(*args[:count])

        return call_later
    return lambda *args: method(*args[:count])
