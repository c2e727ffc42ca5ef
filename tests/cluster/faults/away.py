"""Begins and ends a fault of Redis, and says what may be lost by it."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

    from cluster.pair import One
    from support.redis import RedisServer

AWAY = 1.5
"""Seconds that a fault lasts whose servers come back one after the other: by that they know how long to wait."""


async def fault(redis: RedisServer, name: str) -> None:
    """Begin a fault."""
    if name == "paused":
        redis.pause()
    else:
        sig = signal.SIGKILL if name == "killed" else signal.SIGTERM
        await asyncio.to_thread(redis.stop, sig)


async def mend(redis: RedisServer, name: str) -> None:
    """End it."""
    if name == "paused":
        redis.resume()
    else:
        await asyncio.to_thread(redis.start)


def check(server: One, index: int, sent: int, lost: int, in_its_hands: int = 0) -> None:
    """What a client of `server` has of another one's messages: in order, none twice, and no more missing than said."""
    got = server.got(f"from {index}")
    assert got == sorted(set(got))
    assert got[-1] == sent - 1
    assert sent - len(got) <= lost + in_its_hands


def lines(caplog: pytest.LogCaptureFixture, part: str) -> list[str]:
    return [text for text in (record.getMessage() for record in caplog.records) if part in text]
