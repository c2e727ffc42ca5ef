"""What apps give as stores and sessions, looked at before it is used."""

from __future__ import annotations

from typing import Any

from whinny.errors import ConfigurationError
from whinny.framework import shown
from whinny.sessions.session import Session
from whinny.sessions.store import Store


def check_store_given(store: object, where: str) -> None:
    """Raises ConfigurationError, which names `where`, for what is neither a store nor None."""
    if store is None or isinstance(store, Store):
        return
    if callable(store) and not (isinstance(store, type) and issubclass(store, Store)):
        raise ConfigurationError(f"{where} is called before it is used: write @{where}() above a method or a class.")
    raise ConfigurationError(f"{where} needs a Store object, such as MemoryStore(), not {shown(store)}.")


def check_session(session: Any) -> Session | None:
    """The session of a context. Raises TypeError where an app has put something else there."""
    if session is None or isinstance(session, Session):
        return session
    raise TypeError(f"ctx.session must be a Session, made by Sessions.create(), or None, not {type(session).__name__}.")
