"""Types that several rooms of the house name."""

from __future__ import annotations

from typing import Literal

DisconnectReason = Literal[
    "transport error",
    "transport close",
    "forced close",
    "ping timeout",
    "parse error",
    "server shutting down",
    "forced server close",
    "client namespace disconnect",
    "server namespace disconnect",
]
"""Why a client is gone, in the words of the reference server."""


class Envelope:
    """Something that is sent as an object of its own form when it is given to an emit.

    The two WebSocket responses are the only kinds.
    """

    __slots__ = ()

    def envelope(self) -> dict[str, object]:
        """What the other side receives."""
        raise NotImplementedError
