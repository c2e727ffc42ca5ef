"""What a store of sessions must do, and who hears of sessions that end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol
from weakref import WeakSet

from msgspec import Struct

if TYPE_CHECKING:
    from whinny.framework import Settings


MOVES_KNOWN: Final = 10_000
"""How many regenerations a store remembers."""


class SessionState(Struct, kw_only=True):
    """A session as it is kept.

    `id` is the SHA-256 of the client's token in hexadecimal, so nobody who reads a store can use what is in it.
    `content` and `flash` hold JSON values by name; the times are in seconds since 1970. Each write of `content`,
    `flash` or `user_id` raises `version` by one.
    """

    id: str
    user_id: int | str | None = None
    content: dict[str, Any]
    flash: dict[str, Any]
    created_at: float
    updated_at: float
    version: int = 1


class SessionObserver(Protocol):
    """Hears of the sessions of a store that end, or go on under another id. An observer is held weakly."""

    def sessions_ended(self, ids: Sequence[str]) -> None:
        """These sessions were destroyed, or have expired."""

    def session_replaced(self, old: str, new: str) -> None:
        """A session was regenerated: its `old` id is worth nothing any more."""

    def sessions_unsure(self) -> None:
        """Some may have ended in other processes without anybody having heard of it here."""


class Store(ABC):
    """Keeps sessions. Every method may be called at any time by any number of tasks.

    A store has the musts that its methods name; `whinny.testing.check_store` holds a store against all of them. What
    cannot be done because the database is gone is raised, whatever the error's type, and must have changed nothing; the
    store works again when the database does. A store is a service: `boot` and `close` run with the app's.
    """

    announces: bool = False
    """Whether the store itself tells its like in other processes of sessions that end: their observers hear of it."""

    _observers: WeakSet[SessionObserver] | None = (
        None  # made when it is needed: an __init__ may forget to call this one
    )

    @abstractmethod
    async def save(self, state: SessionState, idle: float) -> None:
        """Keep a new session, to be forgotten after `idle` seconds without a write, at the earliest.

        Raises SessionAlreadyExists where one with this id is kept, and leaves that as it is.
        """

    @abstractmethod
    async def read(self, id: str) -> SessionState | None:  # noqa: A002
        """The session as it was written last, for the caller to change as he likes; None when there is none."""

    @abstractmethod
    async def update(self, state: SessionState, idle: float) -> bool:
        """Write a session of which version `state.version - 1` is kept; False, and nothing, where that is not so.

        The comparison and the write must be one step. A session that is gone must not come back.
        """

    @abstractmethod
    async def touch(self, id: str, updated_at: float, idle: float) -> bool:  # noqa: A002
        """Write only the time of the last use, which must not go back; False when there is no such session."""

    @abstractmethod
    async def replace(self, id: str, state: SessionState, idle: float) -> bool:  # noqa: A002
        """Keep `state`, which has another id, in the place of session `id` of version `state.version - 1`.

        False, and nothing, where that version is not kept. It must be one step: at no time are both kept, or neither.
        """

    @abstractmethod
    async def destroy(self, id: str) -> bool:  # noqa: A002
        """Forget a session; False when there is none."""

    @abstractmethod
    async def clear(self) -> None:
        """Forget all sessions, and nothing that is no session."""

    @abstractmethod
    async def clean_up(self, idle_since: float, created_before: float) -> Sequence[str]:
        """Forget the sessions that were last used, or created, at these times or before; returns their ids.

        A store whose database forgets by itself has nothing to do.
        """

    async def boot(self) -> None:  # noqa: B027  # not every store needs it
        """The app starts: connect, and make what is missing."""

    async def close(self) -> None:  # noqa: B027
        """The app ends: let go of all connections."""

    @classmethod
    def service_for(cls, settings: Settings) -> Store:
        """The store that the setting `session_store` names; for apps that set none with `services.set(Store, …)`."""
        from whinny.sessions.choice import store_from_url  # the stores come after their contract

        return store_from_url(settings.session_store)

    # who hears of it

    @property
    def moved(self) -> dict[str, str]:
        """The latest sessions that were regenerated in this process: the old id and the new one."""
        found: dict[str, str] | None = self.__dict__.get("_moved")
        if found is None:
            found = {}
            setattr(self, "_moved", found)  # noqa: B010  # subclasses need not call `__init__`
        return found

    def note_move(self, old: str, new: str) -> None:
        """A session was regenerated. Who has it by its old id, and destroys it, means the new one."""
        moved = self.moved
        moved[old] = new
        if len(moved) > MOVES_KNOWN:
            del moved[next(iter(moved))]

    @property
    def observers(self) -> WeakSet[SessionObserver]:
        """Those who hear of sessions that end in this process."""
        if self._observers is None:
            self._observers = WeakSet()
        return self._observers
