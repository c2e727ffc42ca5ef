"""One run of hooks and method, with or without a task.

When nothing in it waits it is run without a task (see `server.events`). Should something wait all the same, it yields
once first, and whoever drives it goes on with it in a task of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Generator
from types import coroutine
from typing import Any, Generic, TypeVar

from msgspec import Struct

C = TypeVar("C")
R = TypeVar("R")


@coroutine
def _enter_task() -> Generator[None, None, None]:
    yield


class Run(Struct, eq=False):
    """Whether a run is in a task by now. One is made for each event: of all classes, a Struct is made fastest."""

    in_task: bool

    def settle(self, awaitable: Awaitable[Any]) -> Awaitable[Any]:
        """What to await for it: the same in a task."""
        return awaitable if self.in_task else self._settle_in_task(awaitable)

    async def _settle_in_task(self, awaitable: Awaitable[Any]) -> Any:
        await _enter_task()
        self.in_task = True
        return await awaitable

    def own_error(self, error: BaseException) -> Exception:
        """The error to answer with. Raises it again where it is none, but the end of this run.

        What ends the process (KeyboardInterrupt, SystemExit) does so from the loop, whoever has called this run.
        """
        if isinstance(error, Exception):
            return error
        if isinstance(error, asyncio.CancelledError):
            task = asyncio.current_task() if self.in_task else None
            if task is not None and task.cancelling():
                raise error
            return _shown("Something that was waited for was cancelled.", error)
        if isinstance(error, GeneratorExit) and self.in_task:
            raise error
        if isinstance(error, (KeyboardInterrupt, SystemExit)):
            asyncio.get_running_loop().call_soon(_raise, error)
        return _shown(f"{type(error).__name__} was raised, which is no Exception.", error)


class AnsweringRun(Run, Generic[C, R], eq=False):
    """A run that somebody may wait for the response of."""

    def own(self, response: R) -> R:
        """The response as post functions may change it: what the app returned may be one object for many runs."""
        return response

    def check(self, response: R) -> None:
        """Raises for a response that cannot be sent."""
        raise NotImplementedError

    def send(self, response: R) -> None:
        """Send the response to whoever waits for it. Raises when it cannot be sent."""
        raise NotImplementedError

    def finish(self, response: R | None, ctx: C) -> None:
        """The run has come to this response, or to none: note it, and `send` it."""
        raise NotImplementedError


def _shown(message: str, cause: BaseException) -> Exception:
    shown = RuntimeError(message)
    shown.__cause__ = cause
    return shown.with_traceback(cause.__traceback__)


def _raise(error: BaseException) -> None:
    raise error
