"""How an app finds the user of a session."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from whinny.errors import ConfigurationError
from whinny.framework import ServiceManager, shown, signature_of

if TYPE_CHECKING:
    from whinny.sessions.session import Session

FindUser = Callable[..., Awaitable[Any] | Any]
"""Gives the user of an id, or None: `user(id)` or `user(id, services)`, `def` or `async def`.

The services go into a second parameter that has no default; one that has is the function's own affair.
"""

UserFinder = Callable[["Session", ServiceManager], Awaitable[Any]]


def user_finder(user: FindUser | None, where: str) -> UserFinder | None:
    """What finds the user of a session. Raises ConfigurationError, which names `where`, for what cannot be called."""
    if user is None:
        return None
    takes = _takes(user)
    if takes is None:
        raise ConfigurationError(
            f"The user of {where} must be a function of (id) or (id, services), not {_described(user)}."
        )

    async def find(session: Session, services: ServiceManager) -> Any:
        found = user(session.user_id, services) if takes == 2 else user(session.user_id)
        return await found if inspect.isawaitable(found) else found

    return find


def _takes(user: object) -> int | None:
    """With how many arguments to call it; None for what takes neither one nor two, and for a method without its object.

    What does not tell, as some that is written in C, is called with the id.
    """
    if not callable(user):
        return None
    signature = signature_of(user)
    if signature is None:
        return 1
    if next(iter(signature.parameters), None) == "self":
        return None
    for count in (1, 2):
        try:
            signature.bind(*[None] * count)
        except TypeError:
            continue
        return count
    return None


def _described(user: object) -> str:
    signature = signature_of(user) if callable(user) else None
    return shown(user) + ("" if signature is None else f", which takes {shown(signature)}")
