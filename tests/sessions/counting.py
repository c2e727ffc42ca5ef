"""A process that raises counters in a session: `counting.py URL TABLE_OR_PREFIX TOKEN NAME TIMES`."""

from __future__ import annotations

import asyncio
import sys

from whinny.sessions import Session, Sessions, Store, Timeouts


def store_at(url: str, place: str) -> Store:
    if url.startswith("redis:"):
        from whinny.sessions.redis import RedisStore

        return RedisStore(url, prefix=place)
    from whinny.sessions.sql import SqlStore

    return SqlStore(url, table=place)


async def count(sessions: Sessions, token: str, name: str, times: int) -> None:
    """Each time as a request of its own does."""
    for number in range(times):
        session: Session | None = await sessions.read(token)
        assert session is not None
        assert session.get(name, 0) == number, "what was committed has been lost"
        session.set(name, number + 1)
        await session.commit()


async def main(url: str, place: str, token: str, name: str, times: int) -> None:
    store = store_at(url, place)
    await store.boot()
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    sessions = Sessions(store, Timeouts())
    await asyncio.gather(*(count(sessions, token, f"{name}.{number}", times) for number in range(3)))
    await store.close()


if __name__ == "__main__":
    _, url, place, token, name, times = sys.argv
    asyncio.run(main(url, place, token, name, int(times)))
