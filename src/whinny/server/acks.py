"""Acknowledgements that the server waits for."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from whinny.errors import AckTimeout, ClientDisconnected


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


class GroupAck:
    """The answers of many clients. One that leaves is waited for no longer."""

    __slots__ = ("_all", "_missing", "_responses")

    def __init__(self) -> None:
        self._responses: list[Any] = []
        self._missing = 0
        self._all: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def expect(self, count: int) -> None:
        """So many clients were asked."""
        self._missing += count
        if not self._missing and not self._all.done():
            self._all.set_result(None)

    def answered(self, args: list[Any]) -> None:
        """A client acknowledged."""
        self._responses.append(first(args))
        self._one_less()

    def left(self) -> None:
        """A client is gone without an answer."""
        self._one_less()

    def _one_less(self) -> None:
        self._missing -= 1
        if not self._missing and not self._all.done():
            self._all.set_result(None)

    async def wait(self, timeout: float) -> list[Any]:
        """The answers in the order of their arrival. Raises AckTimeout, which holds those that came."""
        try:
            async with asyncio.timeout(timeout):
                await self._all
        except TimeoutError:
            raise AckTimeout(
                f"{self._missing} of {self._missing + len(self._responses)} clients did not acknowledge within "
                f"{timeout} s.",
                self._responses,
            ) from None
        return self._responses
