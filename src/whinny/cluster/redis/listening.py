"""The connection of a server to Redis that listens, and who hears what comes.

Pub/sub keeps nothing: what others publish while this server is cut off never comes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import hiredis

from whinny.cluster.redis.connection import pack
from whinny.cluster.redis.encoding import Foreign
from whinny.errors import EncodeError
from whinny.logs import Sparing, brief, log_error

if TYPE_CHECKING:
    from whinny.cluster.redis.connection import Connection

log = logging.getLogger("whinny.cluster")

CONFIRM: Final = 3.0
"""Seconds that Redis has to confirm the subscriptions."""

Listener = Callable[[bytes, bytes], None]
"""Called with the channel and the data of a message."""

FOREIGN: Final = (Foreign, EncodeError)
"""What listeners raise for a message that no server has sent: nobody can read it, or clients could not be sent it."""


class Listening:
    """The connection that listens."""

    def __init__(self) -> None:
        self._connection: Connection | None = None
        self._subscriptions: dict[tuple[str, bytes], Listener] = {}  # by the command that makes them, and the channel
        self._unconfirmed: set[tuple[str, bytes]] = set()
        self._confirmed: asyncio.Event | None = None
        self._foreign = Sparing(log, "messages from the cluster that are none of a server's were skipped")
        self._failed = Sparing(log, "messages from the cluster failed")
        self.is_up = False

    def subscribe(self, command: str, channel: bytes, listener: Listener) -> None:
        """Hear what is published on a channel, or on those that match; `command` is SUBSCRIBE or one of its kin.

        Any thread may call this: namespaces are made in all of them.
        """
        self._subscriptions[command, channel] = listener
        connection = self._connection  # which the loop's thread may take away meanwhile
        if connection is not None:
            connection.write_from_anywhere(pack((command, channel)))

    def unsubscribe(self, command: str, channel: bytes) -> None:
        """Hear no more of it; `command` is the one that made the subscription."""
        if self._subscriptions.pop((command, channel), None) is not None and self._connection is not None:
            self._connection.write(pack((command.replace("SUB", "UNSUB"), channel)))

    async def begin(self, connection: Connection, _: float) -> None:
        """There is a connection: subscribe to everything, and wait until Redis has confirmed that.

        Raises TimeoutError, ConnectionError.
        """
        self._connection = connection
        known = tuple(self._subscriptions)  # others may come meanwhile
        self._unconfirmed = set(known)
        self._confirmed = asyncio.Event()
        if self._unconfirmed:
            connection.write(b"".join(pack(each) for each in known))
            async with asyncio.timeout(CONFIRM):
                await connection.wait(self._confirmed)
        self.is_up = True

    def over(self) -> None:
        """The connection is gone."""
        self._connection = None
        self.is_up = False

    def end(self) -> None:
        """Nothing will be heard any more."""
        self._foreign.close()
        self._failed.close()

    def ping(self) -> None:
        """Have Redis say something."""
        if self._connection is not None:
            self._connection.write(pack(("PING",)))

    def flush(self) -> None:
        """Everything was written at once."""

    def answered(self, reply: Any) -> None:
        """What Redis says: messages, and answers to commands."""
        if isinstance(reply, list):
            kind = reply[0]
            if kind == b"pmessage":
                self._hear("PSUBSCRIBE", reply[1], reply[2], reply[3])
            elif kind == b"message":
                self._hear("SUBSCRIBE", reply[1], reply[1], reply[2])
            elif kind == b"smessage":
                self._hear("SSUBSCRIBE", reply[1], reply[1], reply[2])
            elif self._unconfirmed and len(reply) == 3:
                self._unconfirmed.discard((kind.decode().upper(), reply[1]))
                if not self._unconfirmed and self._confirmed is not None:
                    self._confirmed.set()
        elif isinstance(reply, hiredis.HiredisError) and self._connection is not None:
            self._connection.abort(f"Redis refuses a subscription: {reply}")

    def _hear(self, command: str, subscribed: bytes, channel: bytes, data: bytes) -> None:
        """Act on a message; one that nobody can read is logged and skipped."""
        listener = self._subscriptions.get((command, subscribed))
        if listener is None:
            return
        try:
            listener(channel, data)
        except FOREIGN as error:
            if self._foreign.may_log():
                why = brief(str(error))
                log.warning(
                    "A message on the channel %s is none of a server's, and is skipped: %s", _name(channel), why
                )
        except (Exception, asyncio.CancelledError) as error:
            if self._failed.may_log():
                log_error(log, "A message on the channel %s is skipped", _name(channel), error=error)


def _name(channel: bytes) -> str:
    return brief(channel[:1000].decode(errors="replace"))
