"""Holds up a reader while the handler is busy."""

from __future__ import annotations

import asyncio


class Gate:
    """Open until it is shut. Costs nothing until then."""

    __slots__ = ("_kept_open", "_open")

    def __init__(self) -> None:
        self._open: asyncio.Event | None = None
        self._kept_open = False

    def shut(self) -> None:
        """Hold up whoever comes."""
        if self._kept_open:
            return
        if self._open is None:
            self._open = asyncio.Event()
        self._open.clear()

    def open(self, for_good: bool = False) -> None:
        """Let all through, and `for_good` from here on."""
        self._kept_open = self._kept_open or for_good
        if self._open is not None:
            self._open.set()

    @property
    def is_shut(self) -> bool:
        """Whether whoever comes must wait."""
        return self._open is not None and not self._open.is_set()

    async def wait(self) -> None:
        """Wait while it is shut."""
        if self._open is not None:
            await self._open.wait()
