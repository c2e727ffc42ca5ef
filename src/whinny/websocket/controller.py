"""The root of a tree of controllers."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final

from whinny.cluster import check_namespace
from whinny.errors import ConfigurationError
from whinny.framework import SubController, check_error_handler, controller_tree, mark_of, services_of, shown
from whinny.server import ServerOptions
from whinny.serving import SocketIOApp
from whinny.types import DisconnectReason
from whinny.websocket.dispatch import Dispatcher
from whinny.websocket.socket_sessions import SocketSessions
from whinny.websocket.ws_server import WsServer

if TYPE_CHECKING:
    from whinny.cluster import AdapterOption
    from whinny.framework import ServiceManager
    from whinny.serving import ASGIApp
    from whinny.websocket.context import WebsocketContext
    from whinny.websocket.response import AnyResponse


ROOT_ONLY: Final = ("handle_error", "options", "namespace", "adapter")
"""What has a meaning on a root controller alone."""


class SocketIOController:
    """A root controller: it has a namespace of its own, options, and the three methods that may be overridden.

    All of them may be `def` or `async def`; a `def` runs on the event loop and must not block. `adapter` makes what
    connects this server to others; by default there are no others.
    """

    sub_controllers: ClassVar[Sequence[SubController | type]] = ()
    options: ClassVar[ServerOptions] = ServerOptions()
    namespace: ClassVar[str] = "/"
    adapter: ClassVar[AdapterOption | None] = None

    def __init_subclass__(cls, **more: Any) -> None:
        """Raises ConfigurationError when an event's method has the name of something that every root has."""
        super().__init_subclass__(**more)
        for name in vars(SocketIOController):
            mark = mark_of(inspect.getattr_static(cls, name))
            if mark is not None:
                raise ConfigurationError(
                    f"{cls.__name__}.{name} has {mark.decorator}, but {name} is what every root has."
                )

    @property
    def services(self) -> ServiceManager:
        """The manager that made this controller."""
        return services_of(self)

    def on_connection(self, ctx: WebsocketContext[Any]) -> Awaitable[None] | None:
        """A client wants in: raise ConnectionRefused to refuse it. It is connected when this has ended."""

    def on_disconnect(self, ctx: WebsocketContext[Any], reason: DisconnectReason) -> Awaitable[None] | None:
        """A client that was connected is gone; `reason` is one of `DisconnectReason`."""

    def handle_error(
        self, error: Exception, ctx: WebsocketContext[Any]
    ) -> Awaitable[AnyResponse | None] | AnyResponse | None:
        """An error that nobody caught: the response to give instead of the default one, or None for that."""

    def attach(self, http: ASGIApp | None = None) -> SocketIOApp:
        """An ASGI app that answers Socket.IO, and everything else with the app `http`.

        Raises ConfigurationError when something is wrong with the controller, naming it.
        """
        cls = type(self)
        if http is not None and (not callable(http) or inspect.isclass(http)):
            raise ConfigurationError(f"{cls.__name__}.attach needs an ASGI app, not {shown(http)}.")
        services = services_of(self)
        if services.get(cls) is not self:
            raise ConfigurationError(
                f"This {cls.__name__} is not the one of its manager: services.get({cls.__name__})."
            )
        if not isinstance(self.options, ServerOptions):
            raise ConfigurationError(f"{cls.__name__}.options must be ServerOptions(…), not {shown(self.options)}.")
        check_error_handler(self)
        if not isinstance(self.namespace, str):
            raise ConfigurationError(f"{cls.__name__}.namespace must be a text, not {shown(self.namespace)}.")
        name = check_namespace(self.namespace)
        handler = Dispatcher(self, controller_tree(self, services, ROOT_ONLY), services)
        ws_server = services.get(WsServer)
        if not isinstance(ws_server, WsServer):
            raise ConfigurationError(f"The service WsServer is a {type(ws_server).__name__} here, which cannot serve.")
        opened = ws_server.open(self.options, inspect.getattr_static(self, "adapter"), cls.__name__)
        if (known := opened.server.namespaces.get(name)) is not None and known.handler is not None:
            raise ConfigurationError(f"{cls.__name__} cannot be attached: the namespace {name!r} has a root already.")
        app = SocketIOApp(opened.server, opened.lifecycle, http)
        if handler.event_decoders:
            opened.server.event_decoders[name] = handler.event_decoders
        opened.server.of(name).handler = handler  # from here on, nothing is refused
        ws_server.keep(opened)
        services.get(SocketSessions).begin_to_watch()
        return app
