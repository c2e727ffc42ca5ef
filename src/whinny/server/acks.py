"""Acknowledgements that the server waits for."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Protocol

from whinny.errors import AckTimeout, ClientDisconnected
from whinny.logs import log_error

log = logging.getLogger("whinny.server")


class AckListener(Protocol):
    """Who waits for the acknowledgement of one client."""

    def answered(self, args: list[Any]) -> None:
        """The client acknowledged."""

    def left(self) -> None:
        """The client is gone without an answer."""


def first(args: list[Any]) -> Any:
    """What an acknowledgement is worth: its first argument, or None."""
    return args[0] if args else None


class SingleAck:
    """The answer of one client."""

    __slots__ = ("_future",)

    def __init__(self) -> None:
        self._future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def answered(self, args: list[Any]) -> None:
        """The client acknowledged."""
        if not self._future.done():
            self._future.set_result(first(args))

    def left(self) -> None:
        """The client is gone without an answer."""
        if not self._future.done():
            self._future.set_exception(ClientDisconnected("The client left before it acknowledged."))

    async def wait(self, timeout: float | None) -> Any:
        """The answer. Raises AckTimeout, ClientDisconnected."""
        try:
            async with asyncio.timeout(timeout):
                return await self._future
        except TimeoutError:
            raise AckTimeout(f"The client did not acknowledge within {timeout} s.") from None


class Relay:
    """Passes the acknowledgements of this server's clients on to another server, as long as that waits for them."""

    __slots__ = ("_answer", "_end", "_missing")

    def __init__(self, answer: Callable[[Any], None]) -> None:
        self._answer = answer
        self._missing = 0
        self._end: asyncio.TimerHandle | None = None

    def expect(self, count: int) -> None:
        """So many clients are asked; the other server is told so by who has asked them."""
        self._missing += count

    def end_after(self, timeout: float, end: Callable[[], None]) -> None:
        """Call `end` when so many seconds are over and not all have answered; what hangs on it is let go of then."""
        if self._missing:
            self._end = asyncio.get_running_loop().call_later(timeout, end)

    def answered(self, args: list[Any]) -> None:
        """A client acknowledged. One whose answer cannot be passed on counts as one that has answered None."""
        self._one_less()
        for answer in (first(args), None):
            try:
                self._answer(answer)
                return
            except Exception as error:  # it must not end the client, from whose packet this is called
                log_error(log, "An acknowledgement cannot be sent to the server that has asked", error=error)

    def left(self) -> None:
        """A client is gone without an answer. The protocol between servers has no word for that."""
        self._one_less()

    def _one_less(self) -> None:
        self._missing -= 1
        if not self._missing and self._end is not None:
            self._end.cancel()


class GroupAck:
    """The answers of many clients, on this server and on others. One of this server that leaves is waited for no more.

    It is complete when it is known how many other servers there are, all of them have said how many clients they ask,
    and all those have answered.
    """

    __slots__ = ("_all", "_asked", "_knows_servers", "_missing", "_responses", "_servers")

    def __init__(self) -> None:
        self._responses: list[Any] = []
        self._asked = 0
        self._missing = 0
        self._servers = 0  # that have been asked, less those that have said how many clients they ask
        self._knows_servers = False
        self._all: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def expect(self, count: int) -> None:
        """So many clients are asked."""
        self._asked += count
        self._missing += count

    def expect_servers(self, count: int) -> None:
        """So many other servers were asked."""
        self._servers += count
        self._knows_servers = True
        self._look()

    def server_asked(self, clients: int) -> None:
        """One of them has asked so many clients. That may come before it is known how many servers there are."""
        self.expect(clients)
        self._servers -= 1
        self._look()

    def answered(self, args: list[Any]) -> None:
        """A client acknowledged."""
        self._responses.append(first(args))
        self._one_less()

    def left(self) -> None:
        """A client is gone without an answer."""
        self._asked -= 1
        self._one_less()

    def _one_less(self) -> None:
        self._missing -= 1
        self._look()

    def _look(self) -> None:
        if self._knows_servers and self._servers <= 0 and not self._missing and not self._all.done():
            self._all.set_result(None)

    async def wait(self, timeout: float) -> list[Any]:
        """The answers in the order of their arrival. Raises AckTimeout, which holds those that came."""
        try:
            async with asyncio.timeout(timeout):
                await self._all
        except TimeoutError:
            raise AckTimeout(f"{self._who_is_missing()} within {timeout} s.", self._responses) from None
        return self._responses

    def _who_is_missing(self) -> str:
        if not self._knows_servers:
            return "The other servers of the cluster could not be asked"
        if self._servers > 0:
            return f"{self._servers} other servers of the cluster did not answer"
        return f"{self._missing} of {self._asked} clients did not acknowledge"
