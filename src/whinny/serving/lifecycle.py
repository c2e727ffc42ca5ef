"""When a server starts and stops: once each, however the app is hosted.

A lifespan starts and stops it; mounted in a router, which passes no lifespan on, the first connection starts it. ASGI
servers run the lifespan's end only after all open requests have ended, and polls are requests that stay open: so the
signal that ends the process is listened for as well, and the connections are closed at once.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

if TYPE_CHECKING:
    from whinny.server import Server

log = logging.getLogger("whinny.serving")

NATIVE: Final = "whinny.serving.uvicorn"

Handler = Callable[[int, FrameType | None], Any]


class Bootable(Protocol):
    """What boots before the first client and closes after the last one, though others may use it as well."""

    @property
    def booted(self) -> bool:
        """Whether it has booted, and is not closed."""
        ...

    async def boot(self) -> None:
        """Boot once for all who call, though one of them is cancelled."""

    async def hold(self, holder: object) -> None:
        """Boot, and stay booted until `release`."""

    async def release(self, holder: object) -> None:
        """Close, unless others hold it."""


class Lifecycle:
    """Starts and stops one server, with the services that its handlers need.

    One that was stopped can be started again, in another loop too.
    """

    def __init__(self, server: Server, services: Bootable) -> None:
        self._server = server
        self._services = services
        self._begun = False
        self._started = False
        self._stopping = False
        self._signals = StopSignals(server)

    @property
    def started(self) -> bool:
        """Whether the server has started, and not been stopped since.

        One that closes because the process is told to end stays as it is, and takes nobody in, until `stop`.
        """
        return self._started and self._services.booted and (self._server.is_bound or self._server.closing)

    async def start(self) -> None:
        """Boot, once. An error of the boot is raised here, for every caller; the next one tries again."""
        await self._begin()
        await self._services.boot()
        self._started = True

    async def hold(self) -> None:
        """Start, and keep the services booted until `stop`."""
        await self._begin()
        await self._services.hold(self)
        self._started = True

    async def _begin(self) -> None:
        if self.started:
            return
        if not self._begun:
            self._begun = True
            _log_path()
        await self._server.start()

    def ended(self) -> None:
        """The server was closed with the services: the next connection starts it again."""
        self._started = False

    def listen_for_signals(self) -> None:
        """Close the connections as soon as the process is told to end."""
        self._signals.install()

    async def stop(self) -> None:
        """Close all connections, then what was booted, unless others hold it; once."""
        if not self._begun or self._stopping:
            return
        self._stopping = True
        try:
            self._signals.remove()
            await self._server.close()
            await self._services.release(self)
        finally:
            self._begun = self._started = self._stopping = False


def _log_path() -> None:
    """Say how WebSockets are served."""
    # An app that has set up no logging sees what its server logs.
    to = log if log.hasHandlers() else logging.getLogger("uvicorn.error")
    if NATIVE in sys.modules:  # nobody imports it but a server that is told to use it
        to.info("Socket.IO: WebSockets are served natively")
    else:
        to.info(
            "Socket.IO: WebSockets are served by ASGI; `whinny run`, or uvicorn with --ws %s:WebSocketProtocol, serves "
            "them natively, in about half the time",
            NATIVE,
        )


class StopSignals:
    """Hears SIGTERM and SIGINT before the ASGI server's own handler, which is called as ever."""

    __slots__ = ("_installed", "_server")

    def __init__(self, server: Server) -> None:
        self._server = server
        self._installed: list[_Chained] = []

    def install(self) -> None:
        """Only in the main thread, and only where the ASGI server has a handler of its own."""
        if self._installed or threading.current_thread() is not threading.main_thread():
            return
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            former = cast("Any", signal.getsignal(number))
            while isinstance(former, _Chained) and former.loop.is_closed():
                former = former.former  # of a server that nobody has stopped, whose loop is over
            if callable(former) and former is not signal.default_int_handler:
                own = _Chained(number, loop, self._server, former)
                signal.signal(number, own)
                self._installed.append(own)

    def remove(self) -> None:
        """Put the former handlers back, unless somebody else has replaced ours."""
        if threading.current_thread() is threading.main_thread():
            for own in self._installed:
                current: object = signal.getsignal(own.number)
                if current is own:
                    signal.signal(own.number, own.former)
        self._installed.clear()


@dataclass(frozen=True, slots=True, eq=False)
class _Chained:
    """A signal handler before another one."""

    number: signal.Signals
    loop: asyncio.AbstractEventLoop
    server: Server
    former: Handler

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self.server.begin_close)
        self.former(number, frame)
