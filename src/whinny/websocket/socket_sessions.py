"""Which socket has which session: the tokens of sockets, and what happens to sockets when their session ends.

A token is kept here and nowhere else: not in the socket's data, its rooms or the log, and no other server sees it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary, WeakSet, WeakValueDictionary, ref

from whinny.framework import ServiceManager, dependency
from whinny.logs import log_error
from whinny.sessions import Session, Sessions, Store
from whinny.sessions import session_id as id_of

if TYPE_CHECKING:
    from whinny.websocket.socket_like import SocketLike

log = logging.getLogger("whinny.websocket")

RETRY: Final = 30.0
"""Seconds until a session is looked at again that could not be read when its end had come."""

FROM_COOKIE: Final = (
    "This session came from a cookie, and an event cannot give the browser another one: regenerate the session over "
    "HTTP; its sockets reconnect then with the new cookie."
)


class SocketSessions:
    """A service: the sessions of all sockets of this app."""

    _services = dependency(ServiceManager)

    def __init__(self) -> None:
        self._known: WeakKeyDictionary[SocketLike, _Known] = WeakKeyDictionary()
        self._groups: WeakValueDictionary[str, _Group] = WeakValueDictionary()
        self._begun: WeakKeyDictionary[SocketLike, _Begun] = WeakKeyDictionary()
        self._regenerating: dict[str, tuple[SocketLike, str]] = {}
        self._over: dict[int, Sessions] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def of(self, store: Store | None) -> Sessions:
        """The sessions of a store, or of the app's; this hears of those that end."""
        sessions = self._over.get(id(store))
        if sessions is None:
            if store is None:
                sessions = self._services.get(Sessions)
            else:
                self._services.keep(store)
                sessions = Sessions.over(store, self._services.settings)
            self._over[id(store)] = sessions
            sessions.store.observers.add(self)
        return sessions

    # the token of a socket

    def token(self, socket: SocketLike) -> str | None:
        """The token of its session, if it has one."""
        known = self._known.get(socket)
        return None if known is None else known.token

    def is_from_cookie(self, socket: SocketLike) -> bool:
        """Whether its token came as a cookie."""
        known = self._known.get(socket)
        return known is not None and known.from_cookie

    def keep(self, socket: SocketLike, session: Session, sessions: Sessions, from_cookie: bool = False) -> None:
        """This socket has this session from here on, and ends with it."""
        known = self._known.get(socket)
        if known is not None and known.token == session.token:
            return
        group = self._groups.get(session.id)
        if group is None:
            group = self._groups[session.id] = _Group(session.id, sessions)
            group.look_at(session.expires_at, self)
        group.sockets.add(socket)
        self._known[socket] = _Known(session.token, from_cookie, group)

    def has_ended(self, socket: SocketLike) -> None:
        """The session of this socket is gone, as has just been found out."""
        known = self._known.get(socket)
        if known is not None:
            self.forget(socket)
            self.sessions_ended([id_of(known.token)])
            asyncio.get_running_loop().call_soon(partial(socket.disconnect, close=True))

    def forget(self, socket: SocketLike) -> None:
        """This socket has no session any more."""
        known = self._known.pop(socket, None)
        if known is not None:
            known.group.sockets.discard(socket)

    def begin(self, socket: SocketLike, sessions: Sessions) -> Session:
        """The new session of a socket's first event, and of all that run at the same time. Each must `end` it."""
        begun = self._begun.get(socket)
        if begun is None or begun.session.is_destroyed or not begun.session.is_new:
            begun = self._begun[socket] = _Begun(sessions.create())
        begun.events += 1
        return begun.session

    def end(self, socket: SocketLike, session: Session) -> None:
        """An event is over that had a session from `begin`. When it was the last one, the next begins another."""
        begun = self._begun.get(socket)
        if begun is not None and begun.session is session:
            begun.events -= 1
            if not begun.events:
                del self._begun[socket]

    async def commit(self, socket: SocketLike, session: Session, sessions: Sessions) -> None:
        """Commit a session of this socket, which keeps the token that the session has then."""
        known = self._known.get(socket)
        old = None if known is None else id_of(known.token)
        if old is not None and old != session.id:
            self._regenerating[old] = socket, session.token
        try:
            await session.commit()
        except BaseException:
            if session.is_destroyed:
                self.forget(socket)
            raise
        finally:
            if old is not None:
                self._regenerating.pop(old, None)
        if known is None or known.token != session.token:
            self.forget(socket)
            self.keep(socket, session, sessions)

    # what becomes of sessions

    def sessions_ended(self, ids: Sequence[str]) -> None:
        """Their sockets are disconnected, with all that their clients have joined.

        That is in the next turn of the loop: the event in which it happens is answered first.
        """
        loop = asyncio.get_running_loop()
        for id_ in ids:
            group = self._groups.pop(id_, None)
            for socket in list(group.sockets) if group is not None else ():
                self._known.pop(socket, None)
                loop.call_soon(partial(socket.disconnect, close=True))

    def session_replaced(self, old: str, new: str) -> None:
        """The sockets of the old token lose their connection, and come back with the new token if they have it.

        Not the socket in whose event it happened, and what else its client has joined: they are given the new one.
        """
        group = self._groups.pop(old, None)
        mover = self._regenerating.get(old)
        for socket in list(group.sockets) if group is not None else ():
            known = self._known.pop(socket, None)
            if mover is None or _connection(socket) is None or _connection(socket) is not _connection(mover[0]):
                _drop_connection(socket)
            elif socket is not mover[0] and known is not None and group is not None:
                moved = self._groups.get(new) or _Group(new, group.sessions)
                self._groups[new] = moved
                moved.sockets.add(socket)
                self._known[socket] = _Known(mover[1], known.from_cookie, moved)

    def look_again(self, group: _Group) -> None:
        """The end of a session has come, unless it was used meanwhile."""
        task = asyncio.get_running_loop().create_task(self._look(group))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _look(self, group: _Group) -> None:
        if not group.sockets:
            return
        try:
            end = await group.sessions.ends_at(group.id)
        except Exception as error:
            log_error(log, "A session could not be read when its end had come; its sockets stay for now", error=error)
            group.look_at(group.sessions.clock() + RETRY, self)
            return
        if end is not None:
            group.look_at(end, self)
        elif self._groups.get(group.id) is group:
            try:
                await group.sessions.destroy(group.id)
            except Exception as error:
                log_error(log, "An expired session could not be destroyed", error=error)
                self.sessions_ended([group.id])


@dataclass(slots=True)
class _Known:
    """What is known of a socket."""

    token: str
    from_cookie: bool
    group: _Group

    def __repr__(self) -> str:
        return "<the session of a socket>"


@dataclass(slots=True)
class _Begun:
    """A new session, and how many events have it."""

    session: Session
    events: int = 0


class _Group:
    """The sockets of one session; it is there for as long as one of them is."""

    __slots__ = ("__weakref__", "id", "sessions", "sockets")

    def __init__(self, id: str, sessions: Sessions) -> None:  # noqa: A002
        self.id = id
        self.sessions = sessions
        self.sockets: WeakSet[SocketLike] = WeakSet()

    def look_at(self, time: float, sockets: SocketSessions) -> None:
        """Look at the session when this time, in seconds since 1970, has come."""
        delay = max(0.0, time - self.sessions.clock()) + 0.01
        group: ref[_Group] = ref(self)
        asyncio.get_running_loop().call_later(delay, _look, group, ref(sockets))


def _look(group: ref[_Group], sockets: ref[SocketSessions]) -> None:
    found, owner = group(), sockets()
    if found is not None and owner is not None:
        owner.look_again(found)


def _connection(socket: SocketLike) -> object | None:
    return getattr(socket, "connection", None)


def _drop_connection(socket: SocketLike) -> None:
    """Take the connection away as the network might: a client comes back from that by itself."""
    connection = getattr(socket, "connection", None)
    if connection is None:
        socket.disconnect(close=True)
    else:
        connection.close()
