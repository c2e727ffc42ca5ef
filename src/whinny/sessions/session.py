"""Sessions: what an app keeps about a client from one request to the next, and how that is written."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Coroutine
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

MOST_CONFLICTS: Final = 100
"""How often a commit begins anew because another one came between."""

LONGEST_PAUSE: Final = 0.05
"""Seconds, at most, after which it does so."""

CLEAN_UP_EVERY: Final = 300.0
"""Seconds between two looks for expired sessions, which a commit sets off."""

LONGEST: Final = 3.2e9
"""Seconds that a session may last, about a century."""

UserId = int | str | None

_PLAIN: Final = frozenset({str, int, bool, type(None)})
"""Types whose values come out of JSON as they went in."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds after which a session ends: `idle` after its last use, `absolute` after it was made."""

    idle: float = 900.0
    absolute: float = 604_800.0

    def __post_init__(self) -> None:
        """Raises ConfigurationError."""
        for seconds in (self.idle, self.absolute):
            if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 < seconds <= LONGEST:
                raise ConfigurationError(
                    f"The timeouts of sessions must be positive numbers of seconds, a century at most, not {seconds!r}."
                )
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
    """The sessions of a store. As a service, of the app's `Store`: `sessions = dependency(Sessions)`.

    In a test, `Sessions(MemoryStore())` makes them by hand.
    """

    _services = dependency(ServiceManager)
    _store = dependency(Store)

    def __init__(
        self,
        store: Store | None = None,
        timeouts: Timeouts | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.store = self._store if store is None else store
        if timeouts is None:  # made by hand over a store, it has no settings
            timeouts = Timeouts.of(self._services.settings) if store is None else Timeouts()
        self.timeouts = timeouts
        self.clock = clock
        self._cleaned_up = clock()
        self._tasks: set[asyncio.Task[None]] = set()

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
        destroyed: list[str] = []
        try:
            for id_ in ids:
                await self._destroy(id_, destroyed)
        finally:
            if destroyed:
                self._ended(destroyed)

    async def _destroy(self, id_: str, destroyed: list[str]) -> None:
        """Destroy a session, though it was regenerated meanwhile by somebody else of this process."""
        current: str | None = id_
        while current is not None:
            was_there = await self.store.destroy(current)
            destroyed.append(current)
            current = None if was_there else self.store.moved.get(current)

    async def clean_up(self) -> None:
        """Destroy all sessions that have expired."""
        now = self.clock()
        self._cleaned_up = now
        ended = await self.store.clean_up(now - self.timeouts.idle, now - self.timeouts.absolute)
        if ended:
            self._ended(ended)

    def clean_up_now_and_then(self) -> None:
        """`clean_up` in a task, if that was long ago: whoever commits is not to wait for it, nor for its errors."""
        if self.clock() - self._cleaned_up >= CLEAN_UP_EVERY:
            self._cleaned_up = self.clock()
            task = asyncio.get_running_loop().create_task(self._clean_up_quietly())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _clean_up_quietly(self) -> None:
        try:
            await self.clean_up()
        except Exception as error:
            log_error(log, "Expired sessions could not be cleaned up", error=error)

    def _ended(self, ids: Any) -> None:
        for observer in list(self.store.observers):
            observer.sessions_ended(list(ids))

    def replaced(self, old: str, new: str) -> None:
        """Tell that a session was regenerated."""
        self.store.note_move(old, new)
        for observer in list(self.store.observers):
            observer.session_replaced(old, new)


class Session:
    """One client's session, as one request or one event sees it. What it changes is kept when it commits.

    `content` holds JSON values by name, which may be changed in place; what JSON would give back as something else, a
    date or a tuple, is refused. `token` is what the client shows: a secret;
    `id` is not, and is what stores and logs know the session by. Several tasks may share a session: what one changes
    while another commits is for the next commit.
    """

    __slots__ = (
        "__weakref__",
        "_destroyed",
        "_fixed",
        "_flash",
        "_flash_read",
        "_is_new",
        "_is_to_end",
        "_kept",
        "_lock",
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
        self._is_to_end = False  # `destroy` was called, and what it gave not awaited yet
        self._fixed: str | None = None  # why it cannot be regenerated
        self._flash: dict[str, Any] = {}  # set now, for the next who reads the session
        self._flash_read: dict[str, bytes] = _encoded(state.flash)  # left by whoever came before
        self._kept: tuple[str, UserId] = state.id, state.user_id  # what the store has
        self._snapshot: dict[str, bytes] = {} if is_new else _encoded(state.content)
        self._lock = asyncio.Lock()  # of who commits or destroys

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
    def is_changed(self) -> bool:
        """Whether a commit has more to write than that the session was used."""
        return self._is_new or self._change() is not None

    @property
    def kept_id(self) -> str:
        """The id under which the store has it: the `id`, until it is regenerated and not committed yet."""
        return self._kept[0]

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

    def ensure_csrf_token(self) -> None:
        """Make a CSRF token, should the app have taken it out with the rest of the content."""
        if CSRF_KEY not in self._state.content:
            self._state.content[CSRF_KEY] = new_token()

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

        Raises EncodeError for a value that JSON cannot hold, or would give back as something else.
        """
        encoded = _encode(key, value)
        if type(value) not in _PLAIN:
            _restored(key, value, encoded)
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

        So is the old CSRF token. Raises SessionError where the client cannot be given another token.
        """
        self._check_alive()
        if self._fixed is not None:
            raise SessionError(self._fixed)
        self.token = new_token()
        self._state.id = session_id(self.token)
        self._state.content[CSRF_KEY] = new_token()

    def forbid_regeneration(self, reason: str) -> None:
        """Have `regenerate` refuse, with this reason."""
        self._fixed = reason

    def destroy(self) -> Coroutine[Any, Any, None]:
        """End it, to be awaited: it is forgotten at once, and nothing of it is committed."""
        self._is_to_end = True
        return self._destroy()

    async def _destroy(self) -> None:
        self._is_to_end = False
        async with self._lock:
            if not (self._destroyed or self._is_new):
                await self._sessions.destroy(self._kept[0])
            self._destroyed = True

    async def commit(self) -> None:
        """Keep what was changed, and that the session was used.

        Of the content only the values that were changed here are written: what others committed meanwhile to others
        stays. Raises SessionDestroyed where the session has ended, EncodeError for a value as `set` does, and what the
        store raises; then nothing was kept, and a commit may be tried again.
        """
        async with self._lock:
            self._check_alive()
            now = self._sessions.clock()
            if self._is_new:
                await self._save(now)
            elif change := self._change():
                await self._write(change, now)
            else:
                await self._touch(now)
        self._sessions.clean_up_now_and_then()

    def _check_alive(self) -> None:
        if self._destroyed:
            raise SessionDestroyed("The session was destroyed: there is nothing to commit or to regenerate.")
        if self._is_to_end:
            raise SessionError("destroy() was called and not awaited, so the session goes on: write await before it.")

    def _has_ended(self) -> None:
        self._destroyed = True
        raise SessionDestroyed("The session was destroyed, or has expired, while it was in use.")

    async def _save(self, now: float) -> None:
        change = self._all()
        new = msgspec.structs.replace(self._state, content=change.changed, flash=change.flash_set, updated_at=now)
        await self._sessions.store.save(new, self._sessions.timeouts.idle)
        self._is_new = False
        self._is_kept(new, change)

    async def _touch(self, now: float) -> None:
        if not await self._sessions.store.touch(self._state.id, now, self._sessions.timeouts.idle):
            self._has_ended()
        self._state.updated_at = max(now, self._state.updated_at)

    async def _write(self, change: _Change, now: float) -> None:
        store, idle = self._sessions.store, self._sessions.timeouts.idle
        old, id_ = self._kept[0], self._state.id
        new = change.apply(msgspec.structs.replace(self._state, flash={}), id_, now)
        for conflicts in range(MOST_CONFLICTS):
            if await (store.update(new, idle) if id_ == old else store.replace(old, new, idle)):
                if conflicts:
                    self._take_over(new.content, change)
                self._is_kept(new, change)
                if id_ != old:
                    self._sessions.replaced(old, id_)
                return
            if conflicts:  # many at once would meet again and again
                await asyncio.sleep(random.uniform(0, min(LONGEST_PAUSE, 0.001 * 2**conflicts)))
            fresh = await store.read(old)
            if fresh is None:
                self._has_ended()
            else:
                new = change.apply(fresh, id_, now)
        raise SessionError(f"Others have committed this session {MOST_CONFLICTS} times while it was to be committed.")

    def _change(self) -> _Change | None:
        """What is to be written; None when nothing is."""
        change = self._all()
        kept = self._state.id, self._state.user_id
        is_same = kept == self._kept and change.encoded == self._snapshot
        return None if is_same and not change.flash_set and not change.flash_read else change

    def _all(self) -> _Change:
        content = self._state.content
        encoded = _encoded(content)
        for key, each in _encoded(self._flash).items():
            _restored(key, self._flash[key], each)
        return _Change(
            encoded=encoded,
            # As it is now, whatever is changed in place before it is written.
            changed={
                key: _restored(key, content[key], each)
                for key, each in encoded.items()
                if each != self._snapshot.get(key)
            },
            gone=[key for key in self._snapshot if key not in encoded],
            flash_read=self._flash_read,
            flash_set=dict(self._flash),
            user_id=self._state.user_id,
            same_user=self._state.user_id == self._kept[1],
        )

    def _take_over(self, content: dict[str, Any], change: _Change) -> None:
        """What others have committed, except where this session was changed again since `change`."""
        mine, was = self._state.content, change.encoded
        others = _encoded(content)
        for key in others.keys() | was.keys():
            if others.get(key) != was.get(key) and _is(mine, key, was.get(key)):
                mine.pop(key, None)
                if key in content:
                    mine[key] = content[key]
        change.encoded = others

    def _is_kept(self, new: SessionState, change: _Change) -> None:
        state = self._state
        if state.user_id == change.user_id:
            state.user_id = new.user_id
        state.version, state.updated_at, state.flash = new.version, new.updated_at, {}
        self._flash_read = {}
        for key, value in change.flash_set.items():
            if self._flash.get(key) is value:
                del self._flash[key]
        self._kept = new.id, new.user_id
        self._snapshot = change.encoded


class _Change(msgspec.Struct):
    """What a session has changed when a commit began, and all of its content at that time, encoded."""

    encoded: dict[str, bytes]
    changed: dict[str, Any]
    gone: list[str]
    flash_read: dict[str, bytes]
    flash_set: dict[str, Any]
    user_id: UserId
    same_user: bool

    def apply(self, base: SessionState, id_: str, now: float) -> SessionState:
        """What is to be kept in the place of `base`."""
        content = {key: value for key, value in base.content.items() if key not in self.gone} | self.changed
        # Flash that was read here may have been set again by others: then it is for the next who reads.
        flash = {key: value for key, value in base.flash.items() if not _is(base.flash, key, self.flash_read.get(key))}
        return SessionState(
            id=id_,
            user_id=base.user_id if self.same_user else self.user_id,
            content=content,
            flash=flash | self.flash_set,
            created_at=base.created_at,
            updated_at=max(now, base.updated_at),
            version=base.version + 1,
        )


def _is(values: dict[str, Any], key: str, encoded: bytes | None) -> bool:
    """Whether a value is what was encoded; None stands for one that is not there."""
    try:
        return (_encode(key, values[key]) if key in values else None) == encoded
    except EncodeError:
        return False


def _encoded(content: dict[str, Any]) -> dict[str, bytes]:
    return {key: _encode(key, value) for key, value in content.items()}


def _encode(key: str, value: Any) -> bytes:
    if not isinstance(key, str):
        raise EncodeError(f"The name {key!r} cannot be kept in a session: names are text.")
    try:
        return msgspec.json.encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise EncodeError(f"The value {key!r} cannot be kept in a session: {error}") from error


def _restored(key: str, value: Any, encoded: bytes) -> Any:
    """What the next request gets of a value, which must be the same."""
    restored = msgspec.json.decode(encoded)
    if restored != value:
        was, becomes = type(value).__name__, type(restored).__name__
        why = (
            f"JSON would make its {was} a {becomes}"
            if was != becomes
            else "JSON, which has only text, numbers, lists, and dicts with text as names, would change what is in it"
        )
        raise EncodeError(f"The value {key!r} cannot be kept in a session: {why}. Set what JSON can hold.")
    return restored
