"""`create_app`: an ASGI app of a root controller."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.routing import Route as StarletteRoute

from whinny.errors import ConfigurationError
from whinny.framework import ServiceManager, check_error_handler, controller_tree, shown
from whinny.http.context import Context
from whinny.http.dispatch import Dispatcher, HttpPipeline
from whinny.http.errors import RESPONSES, HttpErrorHandler, render_http_error, with_page
from whinny.http.response import HttpResponse, HttpResponseMethodNotAllowed, HttpResponseNotFound
from whinny.http.routing import Route, routes_of
from whinny.http.sending import render

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

ROOT_ONLY: Final = ("handle_error",)
"""What has a meaning on a root controller alone."""

MAX_BODY_SIZE: Final = 1_000_000
"""Bytes of a request's body that are read, unless `create_app` is told otherwise."""

PROTECTION: Final = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
    "strict-transport-security": "max-age=31536000; includeSubDomains",
}
"""Headers of every response that does not set them itself."""


def create_app(
    root: type,
    services: ServiceManager | None = None,
    *,
    middleware: Sequence[Middleware] = (),
    max_body_size: int | None = MAX_BODY_SIZE,
) -> Starlette:
    """An ASGI app that answers the requests for which the root controller and its sub-controllers have methods.

    It is a Starlette app, so that files and other apps can be mounted in it. Its lifespan boots the services, and
    closes them unless that of another app with the same manager still lasts; mounted where none reaches it, it boots
    them at the first request. `app.state.services` is their manager.

    A request's body of more than `max_body_size` bytes is answered with 413; None allows any. `middleware` is
    Starlette's.

    Raises ConfigurationError when something is wrong with a controller, naming it.
    """
    if not isinstance(root, type):
        raise ConfigurationError(f"create_app needs the class of the root controller, not an object: {shown(root)}.")
    if services is not None and not isinstance(services, ServiceManager):
        raise ConfigurationError(
            f"create_app needs an object of ServiceManager, ServiceManager(), not {shown(services)}."
        )
    if max_body_size is not None and (not isinstance(max_body_size, int) or max_body_size < 0):
        raise ConfigurationError(f"max_body_size must be a number of bytes, or None, not {shown(max_body_size)}.")
    if services is None:
        services = ServiceManager()
    controller: object = services.get(root)
    if hasattr(controller, "handle_error"):
        check_error_handler(controller)
    errors = HttpErrorHandler(controller, services.settings)
    pipeline: HttpPipeline = HttpPipeline(services, RESPONSES, errors)
    routes = routes_of(controller_tree(controller, services, ROOT_ONLY))
    routed = [_starlette_route(route, routes, Dispatcher(route, pipeline, max_body_size)) for route in routes]
    return _App(services, routed, middleware)


def _starlette_route(route: Route, routes: Sequence[Route], dispatcher: Dispatcher) -> StarletteRoute:
    made = StarletteRoute(route.path, dispatcher, methods=[route.http_method], name=route.name)
    own_head = any(each.http_method == "HEAD" and each.pattern == route.pattern for each in routes)
    if own_head and route.http_method == "GET" and made.methods is not None:
        made.methods.discard("HEAD")  # which Starlette adds
    return made


class _App(Starlette):
    """Starlette's app, which serves nothing without its services, and protects whatever it answers."""

    def __init__(self, services: ServiceManager, routes: Sequence[StarletteRoute], added: Sequence[Middleware]) -> None:
        super().__init__(
            routes=routes,
            middleware=added,
            exception_handlers={404: _not_found, 405: _not_allowed, Exception: _Failure(services)},
            lifespan=self._live,
        )
        self.state.services = services
        self._services = services

    def build_middleware_stack(self) -> ASGIApp:
        """Starlette's, with ours around all others, whenever these were added."""
        added = self.user_middleware
        self.user_middleware = [Middleware(Boot, services=self._services), *added]
        try:
            return Protection(super().build_middleware_stack())
        finally:
            self.user_middleware = added

    @asynccontextmanager
    async def _live(self, app: object) -> AsyncIterator[None]:
        holder = object()
        await self._services.hold(holder)
        try:
            yield
        finally:
            await self._services.release(holder)


class Boot:
    """The middleware before all others: nothing comes in before the services are booted, or where they cannot be."""

    def __init__(self, app: ASGIApp, services: ServiceManager) -> None:
        self._app = app
        self._services = services
        self._booted = False  # those that this app has brought

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI 3."""
        if scope["type"] != "lifespan" and not (self._booted and self._services.booted):
            await self._services.boot()
            self._booted = True
        await self._app(scope, receive, send)


class Protection:
    """Adds the protection headers to every answer, also to one for an error that nobody caught."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI 3."""

        async def send_protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in PROTECTION.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_protected if scope["type"] == "http" else send)


async def _not_found(request: Request, error: Exception) -> Response:
    return _page(HttpResponseNotFound(), error)


async def _not_allowed(request: Request, error: Exception) -> Response:
    """The routes know each only its own methods, so all are asked; what is mounted has said itself what it allows."""
    routes = [route for route in request.app.routes if isinstance(route, StarletteRoute)]
    answer = _page(HttpResponseMethodNotAllowed(), error)
    if any(route.endpoint is request.scope.get("endpoint") for route in routes):
        asked = [route.methods or set() for route in routes if route.matches(request.scope)[0] is not Match.NONE]
        answer.headers["allow"] = ", ".join(sorted(set[str]().union(*asked)))
    return answer


def _page(response: HttpResponse, error: Exception) -> Response:
    """The page, with the headers that the error brings."""
    for name, value in (getattr(error, "headers", None) or {}).items():
        response.set_header(name, value)
    return render(with_page(response))


class _Failure:
    """Answers an error of a middleware or of a service's boot. Starlette raises it again, and the server logs it."""

    def __init__(self, services: ServiceManager) -> None:
        self._services = services

    async def __call__(self, request: Request, error: Exception) -> Response:
        return render(render_http_error(error, Context(request), debug=self._services.settings.debug))
