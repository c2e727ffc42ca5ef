"""How an error that nobody caught is logged and answered."""

from __future__ import annotations

import inspect
import logging
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from whinny.framework.pipeline import Context, Responses, kind
from whinny.logs import describe, log_error, said

if TYPE_CHECKING:
    from whinny.framework.run import Run
    from whinny.framework.settings import Settings

INTERNAL_ERROR: Final = {
    "code": "INTERNAL_SERVER_ERROR",
    "message": "An internal server error has occurred.",
}


def render_error(error: BaseException, debug: bool) -> dict[str, Any]:
    """The error masked, or whole where `debug` is on: with its name, message, stack and the place of the raise."""
    if not debug:
        return dict(INTERNAL_ERROR)
    place = _place(error)
    return {
        "code": INTERNAL_ERROR["code"],
        "name": type(error).__name__,
        "message": said(error),
        "stack": _stack(error),
        "filename": place.filename if place else "",
        "line": place.lineno if place else None,
        "column": place.colno if place else None,
    }


def _place(error: BaseException) -> traceback.FrameSummary | None:
    try:
        return traceback.extract_tb(error.__traceback__)[-1]
    except BaseException:  # it was raised nowhere, in code with a strange name, or cannot be looked at
        return None


def _stack(error: BaseException) -> str:
    try:
        return "".join(traceback.format_exception(error))
    except BaseException:  # of something strange in the error
        return describe(error)


C = TypeVar("C", bound=Context)
R = TypeVar("R")


class ErrorHandler(Generic[C, R]):
    """Answers the errors under a root controller: by its `handle_error`, else by `render(error, ctx, debug)`."""

    __slots__ = ("_log", "_render", "_responses", "_root", "_settings")

    def __init__(
        self,
        root: Any,
        settings: Settings,
        responses: Responses[R],
        render: Callable[[Exception, C, bool], R],
        log: logging.Logger,
    ) -> None:
        self._root = root
        self._settings = settings
        self._responses = responses
        self._render = render
        self._log = log

    async def respond(self, run: Run, raised: BaseException, ctx: C) -> R:
        """The answer to an error. Raises it again where it means that the run itself is cancelled."""
        error = run.own_error(raised)
        try:
            answer = self._root.handle_error(error, ctx)
            if inspect.isawaitable(answer):
                answer = await run.settle(answer)
            if isinstance(answer, self._responses.types):
                if self._log.isEnabledFor(logging.DEBUG):
                    words, extra = "handle_error answered an error", ctx.log_extra()
                    log_error(self._log, words, error=error, level=logging.DEBUG, extra=extra)
                return answer
            if answer is not None:
                raise TypeError(f"handle_error returned {kind(answer)}: it must return a response or None.")
        except BaseException as second:
            error = run.own_error(second)
        return self.render(error, ctx)

    async def deliver_instead(self, run: Run, error: Exception, ctx: C, send: Callable[[R], None]) -> R:
        """A response could not be sent: send the answer to that error, and where that fails too the default answer.

        Returns what was sent.
        """
        response = await self.respond(run, error, ctx)
        try:
            send(response)
        except Exception as second:  # what handle_error has answered cannot be sent either
            response = self.render(second, ctx)
            send(response)
        return response

    def own_answer(self, error: Exception, ctx: C) -> R | None:
        """The answer that an error is itself; None for most. Raises for one that is no answer, though it was to be."""
        return None

    def render(self, error: Exception, ctx: C) -> R:
        """What the error is an answer itself, else the default answer; then it is logged."""
        try:
            answer = self.own_answer(error, ctx)
        except Exception as second:
            second.__cause__ = error
            error = second
        else:
            if answer is not None:
                return answer
        self.log_uncaught(error, ctx)
        return self._render(error, ctx, self._settings.debug)

    def describe(self, error: Exception) -> dict[str, Any]:
        """The error as the settings let it be shown to a client."""
        return render_error(error, self._settings.debug)

    def log_uncaught(self, error: BaseException, ctx: C) -> None:
        """Log an error that nobody caught, unless the settings say otherwise."""
        if self._settings.log_errors:
            where = f"{ctx.controller_name}.{ctx.controller_method_name}"
            log_error(self._log, "An error in %s was not caught", where, error=error, extra=ctx.log_extra())
