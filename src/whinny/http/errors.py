"""The answers to errors of requests, and the pages that a browser shows for them."""

from __future__ import annotations

import logging
from html import escape
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from whinny.framework import ErrorHandler, Responses, find_services, render_error
from whinny.http.body import BodyTooLarge, UnreadableBody
from whinny.http.response import (
    HttpResponse,
    HttpResponseBadRequest,
    HttpResponseClientError,
    HttpResponseInternalServerError,
    HttpResponseRedirection,
    HttpResponseServerError,
    HttpResponseSuccess,
    check_status,
)

if TYPE_CHECKING:
    from whinny.framework import Run, Settings
    from whinny.http.context import Context

log = logging.getLogger("whinny.http")

R = TypeVar("R", bound=HttpResponse)

RESPONSES: Final[Responses[HttpResponse]] = Responses((HttpResponse,), optional=False)

_FAMILIES: Final[dict[int, type[HttpResponse]]] = {
    2: HttpResponseSuccess,
    3: HttpResponseRedirection,
    4: HttpResponseClientError,
}

_OF_THE_REQUEST: Final = (UnreadableBody, BodyTooLarge, ClientDisconnect)
"""What is wrong with the request itself, which is no error of the app."""


def render_http_error(
    error: BaseException, ctx: Context[Any], *, debug: bool | None = None
) -> HttpResponseInternalServerError:
    """The page for an error that nobody caught: masked, or whole where the setting `debug` is on."""
    if debug is None:
        manager = find_services(ctx.controller)
        debug = manager is not None and manager.settings.debug
    details = _details(render_error(error, debug=True)) if debug else ""
    answer = HttpResponseInternalServerError(exception=error, ctx=ctx)
    return with_page(answer, details)


def _details(shown: dict[str, Any]) -> str:
    lines = {"File": shown["filename"], "Line": shown["line"], "Column": shown["column"]}
    place = "".join(f"<dt>{name}</dt><dd>{escape(str(value))}</dd>" for name, value in lines.items())
    return (
        f"<h2>{escape(shown['name'])}: {escape(shown['message'])}</h2><dl>{place}</dl>"
        f"<pre>{escape(shown['stack'])}</pre>"
    )


def with_page(response: R, details: str = "") -> R:
    """The response with a page that says its status as its body; `details` are HTML."""
    title = f"{response.status_code} - {response.status_message}"
    response.body = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>'
        f"<body><h1>{title}</h1>{details}</body></html>"
    )
    response.set_header("Content-Type", "text/html; charset=utf-8")
    return response


def answer_to(error: Exception) -> HttpResponse | None:
    """The answer that an error is itself, being one of the request or an HTTPException; None for any other.

    Raises ValueError for an HTTPException with a status or a header that no response can have.
    """
    if isinstance(error, UnreadableBody):
        return HttpResponseBadRequest({"body": error.errors})
    if isinstance(error, ClientDisconnect):
        return HttpResponseBadRequest()  # to nobody
    if not isinstance(error, HTTPException):
        return None
    check_status(error.status_code, type(error).__name__)
    response = _with_status(error.status_code, error.detail or None)
    for name, value in (error.headers or {}).items():
        response.set_header(name, value)
    return response


def _with_status(status: int, body: Any) -> HttpResponse:
    family = _FAMILIES.get(status // 100, HttpResponseServerError)
    try:
        message = HTTPStatus(status).phrase.upper()
    except ValueError:
        message = ""
    cls = type(f"HttpResponse{status}", (family,), {"status_code": status, "status_message": message, "__slots__": ()})
    response: HttpResponse = cls(body)
    return response


class _Silent:
    """Stands for a root controller that leaves all errors to the default answer."""

    def handle_error(self, error: Exception, ctx: Context[Any]) -> None:
        """Give none."""


class HttpErrorHandler(ErrorHandler["Context[Any]", HttpResponse]):
    """Answers the errors under a root controller, which may have a `handle_error`.

    That is not asked about what is wrong with the request itself, so that it cannot take it for an error of the app.
    """

    __slots__ = ()

    def __init__(self, root: object, settings: Settings) -> None:
        super().__init__(root if hasattr(root, "handle_error") else _Silent(), settings, RESPONSES, _render, log)

    async def respond(self, run: Run, raised: BaseException, ctx: Context[Any]) -> HttpResponse:
        """The answer to an error."""
        if isinstance(raised, _OF_THE_REQUEST):
            return self.render(raised, ctx)
        return await super().respond(run, raised, ctx)

    def own_answer(self, error: Exception, ctx: Context[Any]) -> HttpResponse | None:
        """That of what is wrong with the request, or of an HTTPException."""
        return answer_to(error)


def _render(error: Exception, ctx: Context[Any], debug: bool) -> HttpResponse:
    return render_http_error(error, ctx, debug=debug)
