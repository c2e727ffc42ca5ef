"""How an app finds the user of a session."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from whinny.errors import ConfigurationError
from whinny.framework import ServiceManager, count_positional, shown

if TYPE_CHECKING:
    from whinny.sessions.session import Session

FindUser = Callable[..., Awaitable[Any] | Any]
"""Gives the user of an id, or None: `user(id)` or `user(id, services)`, `def` or `async def`."""

UserFinder = Callable[["Session", ServiceManager], Awaitable[Any]]


def user_finder(user: FindUser | None, where: str) -> UserFinder | None:
    """What finds the user of a session. Raises ConfigurationError, which names `where`, for what cannot be called."""
    if user is None:
        return None
    takes = count_positional(user, 2) if callable(user) else None
    if not takes:
        raise ConfigurationError(
            f"The user of {where} must be a function of (id) or (id, services), not {shown(user)}."
        )

    async def find(session: Session, services: ServiceManager) -> Any:
        found = user(session.user_id, services) if takes == 2 else user(session.user_id)
        return await found if inspect.isawaitable(found) else found

    return find
