"""Sessions: what an app keeps about a client from one request to the next, and how that is written."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from whinny.errors import ConfigurationError, EncodeError, SessionDestroyed, SessionError
from whinny.framework import ServiceManager, dependency
from whinny.logs import log_error
from whinny.sessions.store import SessionState, Store
from whinny.sessions.tokens import new_token, same, session_id

if TYPE_CHECKING:
    from whinny.framework import Settings

log = logging.getLogger("whinny.sessions")

CSRF_KEY: Final = "csrf_token"
"""Where the content holds the token that protects from forged requests."""

MOST_CONFLICTS: Final = 20
"""How often a commit begins anew because another one came between."""

CLEAN_UP_EVERY: Final = 300.0
"""Seconds between two looks for expired sessions, which a commit sets off."""

UserId = int | str | None


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds after which a session ends: `idle` after its last use, `absolute` after it was made."""

    idle: float = 900.0
    absolute: float = 604_800.0

    def __post_init__(self) -> None:
        """Raises ConfigurationError."""
        if self.idle <= 0 or self.absolute <= 0:
            raise ConfigurationError("The timeouts of sessions must be positive numbers of seconds.")
        if self.absolute < self.idle:
            raise ConfigurationError("The absolute timeout of sessions must not be below the idle timeout.")

    @classmethod
    def of(cls, settings: Settings) -> Timeouts:
        """Those of the settings."""
        return cls(settings.session_idle_timeout, settings.session_absolute_timeout)

    def end(self, state: SessionState) -> float:
        """When a session ends that is not used again, in seconds since 1970."""
        return min(state.updated_at + self.idle, state.created_at + self.absolute)


class Sessions:
    """The sessions of a store. As a service, of the app's `Store`: `sessions = dependency(Sessions)`."""

    _services = dependency(ServiceManager)
    _store = dependency(Store)

    def __init__(
        self,
        store: Store | None = None,
        timeouts: Timeouts | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.store = self._store if store is None else store
        self.timeouts = Timeouts.of(self._services.settings) if timeouts is None else timeouts
        self.clock = clock
        self._cleaned_up = clock()

    @classmethod
    def over(cls, store: Store, settings: Settings) -> Sessions:
        """The sessions of this store, with the timeouts of the settings."""
        return cls(store, Timeouts.of(settings))

    def create(self) -> Session:
        """A new session; it is not kept before it is committed."""
        now = self.clock()
        token = new_token()
        content = {CSRF_KEY: new_token()}
        state = SessionState(id=session_id(token), content=content, flash={}, created_at=now, updated_at=now)
        return Session(self, state, token, is_new=True)

    async def read(self, token: str) -> Session | None:
        """The session of a token; None when there is none, or when it has expired, and then it is destroyed."""
        state = await self.store.read(session_id(token))
        if state is None:
            return None
        if self.timeouts.end(state) <= self.clock():
            await self.destroy(state.id)
            return None
        return Session(self, state, token, is_new=False)

    async def ends_at(self, id: str) -> float | None:  # noqa: A002
        """When a session ends, in seconds since 1970; None when there is none any more, or it has ended."""
        state = await self.store.read(id)
        if state is None:
            return None
        end = self.timeouts.end(state)
        return end if end > self.clock() else None

    async def destroy(self, *ids: str) -> None:
        """Destroy sessions by their ids: what they leave, their sockets above all, is closed."""
        for id_ in ids:
            await self.store.destroy(id_)
        self._ended(ids)

    async def clean_up(self) -> None:
        """Destroy all sessions that have expired."""
        now = self.clock()
        self._cleaned_up = now
        ended = await self.store.clean_up(now - self.timeouts.idle, now - self.timeouts.absolute)
        if ended:
            self._ended(ended)

    async def clean_up_now_and_then(self) -> None:
        """`clean_up`, if that was long ago. An error is logged: whoever commits is not to suffer."""
        if self.clock() - self._cleaned_up >= CLEAN_UP_EVERY:
            try:
                await self.clean_up()
            except Exception as error:
                log_error(log, "Expired sessions could not be cleaned up", error=error)

    def _ended(self, ids: Any) -> None:
        for observer in list(self.store.observers):
            observer.sessions_ended(list(ids))

    def replaced(self, old: str, new: str) -> None:
        """Tell that a session was regenerated."""
        for observer in list(self.store.observers):
            observer.session_replaced(old, new)


class Session:
    """One client's session, as one request or one event sees it. What it changes is kept when it commits.

    `content` holds JSON values by name, which may be changed in place. `token` is what the client shows: a secret;
    `id` is not, and is what stores and logs know the session by.
    """

    __slots__ = (
        "__weakref__",
        "_destroyed",
        "_fixed",
        "_flash",
        "_is_new",
        "_kept",
        "_sessions",
        "_snapshot",
        "_state",
        "token",
    )

    def __init__(self, sessions: Sessions, state: SessionState, token: str, is_new: bool) -> None:
        self.token = token
        self._sessions = sessions
        self._state = state
        self._is_new = is_new
        self._destroyed = False
        self._fixed: str | None = None  # why it cannot be regenerated
        self._flash: dict[str, Any] = {}  # set now, for the next who reads the session
        self._kept: tuple[str, UserId] = state.id, state.user_id  # what the store has
        self._snapshot: dict[str, bytes] = {} if is_new else _encoded(state.content)

    def __repr__(self) -> str:
        return f"<Session {self._state.id[:8]}…>"

    # what it is

    @property
    def id(self) -> str:
        """The SHA-256 of the token, in hexadecimal."""
        return self._state.id

    @property
    def user_id(self) -> UserId:
        """The id of the user that `set_user` was given, or None."""
        return self._state.user_id

    @property
    def content(self) -> dict[str, Any]:
        """The values by name."""
        return self._state.content

    @property
    def is_new(self) -> bool:
        """Whether it was never kept."""
        return self._is_new

    @property
    def is_destroyed(self) -> bool:
        """Whether it was destroyed, here or, as a commit has found, elsewhere."""
        return self._destroyed

    @property
    def expires_at(self) -> float:
        """When it ends unless it is used again, in seconds since 1970."""
        return self._sessions.timeouts.end(self._state)

    @property
    def csrf_token(self) -> str:
        """The token that requests which change something must bring. Raises SessionError when the session has none."""
        token = self._state.content.get(CSRF_KEY)
        if not isinstance(token, str) or not token:
            raise SessionError(f"The session's content has no {CSRF_KEY!r}: make sessions with Sessions.create().")
        return token

    def is_csrf_token(self, given: str) -> bool:
        """Whether this is the session's CSRF token, found out in constant time."""
        return same(self.csrf_token, given)

    # its values

    def get(self, key: str, default: Any = None) -> Any:
        """A value: what the request before has left as flash, else what is in the content."""
        if key in self._state.flash:
            return self._state.flash[key]
        return self._state.content.get(key, default)

    def set(self, key: str, value: Any, *, flash: bool = False) -> None:
        """Set a value. One that is `flash` is there for the next request that reads the session, and only for that.

        Raises EncodeError for a value that JSON cannot hold.
        """
        _encode(key, value)
        (self._flash if flash else self._state.content)[key] = value

    def delete(self, key: str) -> None:
        """Take a value out, if it is there."""
        self._state.content.pop(key, None)

    def set_user(self, user: Any) -> None:
        """Whose session it is: the user's id, or an object that has an `id`; None for nobody's."""
        user_id = user if user is None or isinstance(user, (int, str)) else getattr(user, "id", None)
        if isinstance(user_id, bool) or (user_id is None and user is not None):
            raise TypeError(f"set_user needs an id or an object with one, not {type(user).__name__}.")
        self._state.user_id = user_id if user_id is None or isinstance(user_id, int) else str(user_id)

    # its life

    def regenerate(self) -> None:
        """Give it another token, as is due when a user logs in; from the commit on the old one is worth nothing.

        Raises SessionError where the client cannot be given another token.
        """
        self._check_alive()
        if self._fixed is not None:
            raise SessionError(self._fixed)
        self.token = new_token()
        self._state.id = session_id(self.token)

    def fix(self, reason: str) -> None:
        """Have `regenerate` refuse, with this reason."""
        self._fixed = reason

    async def destroy(self) -> None:
        """End it: it is forgotten at once, and nothing of it is committed."""
        if self._destroyed:
            return
        if not self._is_new:
            await self._sessions.destroy(self._kept[0])
        self._destroyed = True

    async def commit(self) -> None:
        """Keep what was changed, and that the session was used.

        Of the content only the values that were changed here are written: what others committed meanwhile to others
        stays. Raises SessionDestroyed where the session has ended, EncodeError for a value that JSON cannot hold, and
        what the store raises; then nothing was kept, and a commit may be tried again.
        """
        self._check_alive()
        sessions, store, idle = self._sessions, self._sessions.store, self._sessions.timeouts.idle
        now = sessions.clock()
        if self._is_new:
            _encoded(self._state.content)
            first = msgspec.structs.replace(self._state, updated_at=now, flash=dict(self._flash))
            await store.save(first, idle)
            self._is_kept(first)
        elif (change := self._change()) is None:
            if not await store.touch(self._state.id, now, idle):
                self._has_ended()
            self._state.updated_at = max(now, self._state.updated_at)
        else:
            await self._write(change, now)
        await sessions.clean_up_now_and_then()

    def _check_alive(self) -> None:
        if self._destroyed:
            raise SessionDestroyed("The session was destroyed: there is nothing to commit or to regenerate.")

    def _has_ended(self) -> None:
        self._destroyed = True
        raise SessionDestroyed("The session was destroyed, or has expired, while it was in use.")

    def _change(self) -> _Change | None:
        encoded = _encoded(self._state.content)
        changed = {key: self._state.content[key] for key in encoded if encoded[key] != self._snapshot.get(key)}
        gone = [key for key in self._snapshot if key not in encoded]
        id_, user_id = self._kept
        same_user = self._state.user_id == user_id
        if not (changed or gone or self._flash or self._state.flash) and same_user and self._state.id == id_:
            return None
        return _Change(changed, gone, list(self._state.flash), dict(self._flash), same_user)

    async def _write(self, change: _Change, now: float) -> None:
        sessions = self._sessions
        store, idle = sessions.store, sessions.timeouts.idle
        old = self._kept[0]
        base = self._state
        for _ in range(MOST_CONFLICTS):
            new = change.apply(base, self._state, now)
            replaces = new.id != old
            if await (store.replace(old, new, idle) if replaces else store.update(new, idle)):
                self._is_kept(new)
                if replaces:
                    sessions.replaced(old, new.id)
                return
            fresh = await store.read(old)
            if fresh is None:
                self._has_ended()
            else:
                base = fresh
        raise SessionError(f"Others have committed this session {MOST_CONFLICTS} times while it was to be committed.")

    def _is_kept(self, state: SessionState) -> None:
        self._is_new = False
        self._state = msgspec.structs.replace(state, content=dict(state.content), flash={})
        self._flash = {}
        self._kept = state.id, state.user_id
        self._snapshot = _encoded(state.content)


class _Change(msgspec.Struct):
    """What a session has changed."""

    changed: dict[str, Any]
    gone: list[str]
    flash_read: list[str]
    flash_set: dict[str, Any]
    same_user: bool

    def apply(self, base: SessionState, mine: SessionState, now: float) -> SessionState:
        """What is to be kept in the place of `base`."""
        content = {key: value for key, value in base.content.items() if key not in self.gone} | self.changed
        flash = {key: value for key, value in base.flash.items() if key not in self.flash_read} | self.flash_set
        return SessionState(
            id=mine.id,
            user_id=base.user_id if self.same_user else mine.user_id,
            content=content,
            flash=flash,
            created_at=base.created_at,
            updated_at=max(now, base.updated_at),
            version=base.version + 1,
        )


def _encoded(content: dict[str, Any]) -> dict[str, bytes]:
    return {key: _encode(key, value) for key, value in content.items()}


def _encode(key: str, value: Any) -> bytes:
    try:
        return msgspec.json.encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise EncodeError(f"The value {key!r} cannot be kept in a session: {error}") from error
