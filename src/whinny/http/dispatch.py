"""A request on its way through the hooks and the method of its route, to the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from whinny.framework import AnsweringRun, Pipeline
from whinny.http.body import bounded
from whinny.http.context import Context
from whinny.http.response import HttpResponse, copy_of
from whinny.http.sending import add_cookies, render, send_rendered

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from whinny.http.routing import Route

HttpPipeline = Pipeline[Context[Any], HttpResponse]


class Dispatcher:
    """Answers the requests of one route; an ASGI app."""

    __slots__ = ("_max_body_size", "_pipeline", "route")

    def __init__(self, route: Route, pipeline: HttpPipeline, max_body_size: int | None) -> None:
        self.route = route
        self._pipeline = pipeline
        self._max_body_size = max_body_size

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI 3, for HTTP alone."""
        most = self._max_body_size
        request = Request(scope, receive if most is None else bounded(receive, most), send)
        ctx: Context[Any] = Context(request, self.route.controller_name, self.route.method_name)
        run = HttpRun(in_task=True, answer=Response())
        try:
            await self._pipeline.run(run, self.route, ctx)
            add_cookies(run.answer, ctx.cookies_due)
            await send_rendered(run.answer, scope, receive, send)
        finally:
            ctx.was_sent()
            await request.close()  # the files of a form


class HttpRun(AnsweringRun[Context[Any], HttpResponse], eq=False):
    """A request on its way: the `answer` is sent when the pipeline has ended."""

    answer: Response

    def own(self, response: HttpResponse) -> HttpResponse:
        """A copy: headers and cookies of this request are for nobody else."""
        return copy_of(response)

    def check(self, response: HttpResponse) -> None:
        """Raises EncodeError for a response that cannot be sent."""
        render(response)

    def send(self, response: HttpResponse) -> None:
        """This is the answer. Raises EncodeError."""
        self.answer = render(response)

    def finish(self, response: HttpResponse | None, ctx: Context[Any]) -> None:
        """This is the answer. Raises EncodeError."""
        if response is not None:
            self.send(response)
