"""Which store a URL names. What a store needs is imported when it is chosen: not every app has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whinny.errors import ConfigurationError

if TYPE_CHECKING:
    from whinny.sessions.store import Store


def store_from_url(url: str) -> Store:
    """The store of a URL: `memory:`, `redis://…`, `rediss://…`, `unix://…` (Redis), or a database's for SQLAlchemy.

    Raises ConfigurationError where what it needs is not installed, or the URL is none.
    """
    scheme = url.partition(":")[0].lower()
    if scheme == "memory":
        from whinny.sessions.memory import MemoryStore

        return MemoryStore()
    if scheme in ("redis", "rediss", "unix"):
        try:
            from whinny.sessions.redis import RedisStore
        except ModuleNotFoundError as error:
            raise _missing(url, error, "redis") from None
        return RedisStore(url)
    try:
        from whinny.sessions.sql import SqlStore
    except ModuleNotFoundError as error:
        raise _missing(url, error, "sql") from None
    return SqlStore(url)


def _missing(url: str, error: ModuleNotFoundError, extra: str) -> ConfigurationError:
    scheme = url.partition(":")[0]
    return ConfigurationError(
        f'Sessions in a {scheme} store need the package {error.name}: pip install "whinny[{extra}]", or choose another '
        "store with the setting WHINNY_SESSION_STORE, for example memory: for a trial."
    )
