"""The ASGI lifespan of a server around another app, which may have a lifespan of its own or none."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from whinny.serving.lifecycle import Lifecycle
    from whinny.serving.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger("whinny.serving")


class Lifespan:
    """One run of the lifespan protocol.

    The inner app starts before the server and stops after it, so that whatever its handlers need is there.
    """

    def __init__(self, lifecycle: Lifecycle, inner: ASGIApp | None) -> None:
        self._lifecycle = lifecycle
        self._inner = inner
        self._begun = False  # the start-up message was received
        self._answered = False  # its answer was sent

    async def run(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the lifespan, with the inner app where it takes part."""

        async def inner_receive() -> Message:
            message = await receive()
            self._begun = True
            if message["type"] == "lifespan.shutdown":
                await self._lifecycle.stop()
            return message

        async def inner_send(message: Message) -> None:
            if not message["type"].startswith("lifespan."):
                return  # an app that does not look at what it is asked
            self._answered = True
            if message["type"] == "lifespan.startup.complete":
                await self._start(send, message)
            else:
                await send(message)

        if self._inner is not None:
            try:
                await self._inner(scope, inner_receive, inner_send)
            except Exception:
                if self._answered:
                    raise
                log.debug("The inner app has no lifespan", exc_info=True)
            if self._answered:
                return
        await self._run_alone(receive, send)

    async def _start(self, send: Send, message: Message) -> None:
        try:
            await self._lifecycle.hold()
        except Exception as error:
            log.exception("The start-up failed")
            await send({"type": "lifespan.startup.failed", "message": f"{type(error).__name__}: {error}"})
            raise
        self._lifecycle.listen_for_signals()
        await send(message)

    async def _run_alone(self, receive: Receive, send: Send) -> None:
        if not self._begun:
            await receive()
        await self._start(send, {"type": "lifespan.startup.complete"})
        await receive()
        try:
            await self._lifecycle.stop()
        except Exception as error:
            log.exception("The shutdown failed")
            await send({"type": "lifespan.shutdown.failed", "message": f"{type(error).__name__}: {error}"})
            raise
        await send({"type": "lifespan.shutdown.complete"})
