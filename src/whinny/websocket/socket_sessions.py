"""Which socket has which session: the tokens of sockets, and what happens to sockets when their session ends.

A token is kept here and nowhere else: not in the socket's data, its rooms or the log, and no other server sees it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextvars import Context, ContextVar
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from weakref import WeakKeyDictionary, WeakSet, WeakValueDictionary, ref

from whinny.errors import SessionDestroyed
from whinny.framework import ServiceManager, dependency
from whinny.logs import log_error
from whinny.server import Socket
from whinny.sessions import Session, Sessions, Store
from whinny.websocket.ws_server import WsServer

if TYPE_CHECKING:
    from whinny.websocket.socket_like import SocketLike

log = logging.getLogger("whinny.websocket")

RETRY: Final = 30.0
"""Seconds until a session is looked at again that could not be read when its end had come."""

ENDED: Final = "whinny sessions ended"
REPLACED: Final = "whinny session replaced"
"""The events by which servers tell each other of sessions: ids, of which nobody can make a token."""

FROM_COOKIE: Final = (
    "This session came from a cookie, and an event cannot give the browser another one: regenerate the session over "
    "HTTP; its sockets reconnect then with the new cookie."
)


class _Event(NamedTuple):
    """An event, its answer included: the task that handles it."""

    socket: ref[SocketLike]
    task: ref[asyncio.Task[Any]]

    def running_task(self, socket: SocketLike) -> asyncio.Task[Any] | None:
        """The task, while it runs; None where this socket is of another client."""
        own, task = self.socket(), self.task()
        if own is None or task is None or task.done() or not (own is socket or _is_one_client(own, socket)):
            return None
        return task


_event_of: ContextVar[_Event | None] = ContextVar("event_of", default=None)
"""The event that runs, so that it is answered before its socket is disconnected. Tasks that it starts inherit it."""


class SocketSessions:
    """A service: the sessions of all sockets of this app."""

    _services = dependency(ServiceManager)

    def __init__(self) -> None:
        self._known: WeakKeyDictionary[SocketLike, _Known] = WeakKeyDictionary()
        self._groups: WeakValueDictionary[str, _Group] = WeakValueDictionary()
        self._begun: WeakKeyDictionary[SocketLike, _Begun] = WeakKeyDictionary()
        self._regenerating: dict[str, tuple[SocketLike, str]] = {}  # by the new id: in whose event, and the new token
        self.coming: WeakSet[SocketLike] = WeakSet()
        """Sockets whose session is being forwarded: who does that sees that they are not let in with none."""
        self._sessions: dict[int, Sessions] = {}  # by the id of the store that was named
        self._watchers: dict[int, _Watcher] = {}  # by that of the store
        self._watches_all = self._hears_cluster = False
        self._tasks: set[asyncio.Task[None]] = set()

    def of(self, store: Store | None) -> Sessions:
        """The sessions of a store, or of the app's; this hears of those that end."""
        known = self._sessions.get(id(store))
        if known is not None:
            return known
        if store is None:
            sessions = self._services.get(Sessions)
        else:
            self._services.keep(store)
            sessions = Sessions.over(store, self._services.settings)
        self._sessions[id(store)] = sessions
        self._watch(sessions.store)
        return sessions

    def begin_to_watch(self) -> None:
        """There is a server: what ends a session here ends its sockets on all, though this one may have had none."""
        self._hear_cluster()
        if not self._watches_all:
            self._watches_all = True
            self._services.each(Store, self._watch)

    def _watch(self, store: Store) -> None:
        if id(store) not in self._watchers:
            watcher = self._watchers[id(store)] = _Watcher(self, store)
            store.observers.add(watcher)

    def _hear_cluster(self) -> None:
        """Hear of sessions that end on other servers, in stores that do not announce it themselves."""
        server = self._services.get(WsServer)
        if not self._hears_cluster and server.is_attached:
            self._hears_cluster = True
            server.io.on(ENDED, self._ended_elsewhere)
            server.io.on(REPLACED, self._replaced_elsewhere)
            server.io.when_back(self._cluster_is_back)

    def _ended_elsewhere(self, *args: Any) -> None:
        ids = args[0] if len(args) == 1 and isinstance(args[0], list) else ()
        self.sessions_ended([id_ for id_ in ids if isinstance(id_, str)])

    def _replaced_elsewhere(self, *args: Any) -> None:
        if len(args) == 2 and all(isinstance(id_, str) for id_ in args):
            self.session_replaced(*args)

    def _cluster_is_back(self) -> None:
        for watcher in list(self._watchers.values()):
            watcher.cluster_is_back()

    def tell_cluster(self, event: str, *ids: Any) -> None:
        """Tell the other servers."""
        server = self._services.get(WsServer)
        if server.is_attached:
            server.io.server_side_emit(event, *ids)

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
            known.from_cookie = known.from_cookie or from_cookie
            return
        self._forget(socket)
        self._enter(socket, session.token, from_cookie, self._group(session.id, sessions, session.expires_at))

    def has(self, socket: SocketLike, session: Session) -> bool:
        """Whether this socket has this session."""
        known = self._known.get(socket)
        return known is not None and known.group.id == session.id

    def forget(self, socket: SocketLike, id_: str) -> None:
        """This socket has not this session any more; if it has another one by now, it keeps that."""
        known = self._known.get(socket)
        if known is not None and known.group.id == id_:
            self._forget(socket)

    def _forget(self, socket: SocketLike) -> None:
        known = self._known.pop(socket, None)
        if known is not None:
            known.group.sockets.discard(socket)

    def _enter(self, socket: SocketLike, token: str, from_cookie: bool, group: _Group) -> None:
        self._hear_cluster()
        group.sockets.add(socket)
        self._known[socket] = _Known(token, from_cookie, group)

    def _group(self, id_: str, sessions: Sessions, end: float) -> _Group:
        group = self._groups.get(id_)
        if group is None:
            group = self._groups[id_] = _Group(id_, sessions)
            group.look_at(end, self)
        return group

    # events

    def enter_event(self, socket: SocketLike) -> None:
        """An event of this socket runs from here on, until the task that calls this has ended."""
        task = asyncio.current_task()
        _event_of.set(None if task is None else _Event(ref(socket), ref(task)))

    def begin(self, socket: SocketLike, sessions: Sessions) -> Session:
        """The new session of a socket's first event, and of all that run at the same time. Each must `end` it."""
        begun = self._begun.get(socket)
        if begun is None or begun.session.is_destroyed:
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
        old, new = session.kept_id, session.id
        is_changed = session.is_changed
        if old != new:
            self._regenerating[new] = socket, session.token
        try:
            await session.commit()
        except SessionDestroyed:
            self.forget(socket, old)
            if is_changed:
                raise
            return  # it has ended meanwhile, and there was nothing to keep
        finally:
            self._regenerating.pop(new, None)
        if not session.is_destroyed:
            self.keep(socket, session, sessions, self.is_from_cookie(socket) and self.has(socket, session))

    # what becomes of sessions

    def sessions_ended(self, ids: Sequence[str]) -> None:
        """Their sockets are disconnected, with all that their clients have joined.

        That is in the next turn of the loop, or when the event is over in which it happens: that is answered first.
        """
        event = _event_of.get()
        for id_ in ids:
            group = self._groups.pop(id_, None)
            for socket in list(group.sockets) if group is not None else ():
                self._known.pop(socket, None)
                if event is not None and (task := event.running_task(socket)) is not None:
                    task.add_done_callback(partial(_disconnect, socket))
                elif socket not in self.coming:
                    asyncio.get_running_loop().call_soon(partial(socket.disconnect, close=True))

    def not_found(self, id_: str, sessions: Sessions) -> None:
        """A session that a socket or a client has named is not there: it has ended, unless it goes on under another id.

        Then `session_replaced` says so when the client can have the new cookie.
        """
        if id_ not in sessions.store.moved:
            self.sessions_ended([id_])

    def session_replaced(self, old: str, new: str) -> None:
        """The sockets of the old token lose their connection, and come back with the new token if they have it.

        Not the socket in whose event it happened, and what else its client has joined: they have the new one.
        """
        group = self._groups.pop(old, None)
        mover, token = self._regenerating.get(new, (None, ""))
        for socket in list(group.sockets) if group is not None else ():
            known = self._known.pop(socket, None)
            if known is None or group is None:
                continue
            if mover is None or not _is_one_client(socket, mover):
                _drop_connection(socket)
            else:
                end = group.sessions.clock() + group.sessions.timeouts.idle
                self._enter(socket, token, known.from_cookie, self._group(new, group.sessions, end))

    def sessions_unsure(self, store: Store) -> None:
        """Sessions of this store may have ended without anybody having heard of it here: look at all of them."""
        for group in list(self._groups.values()):
            if group.sessions.store is store:
                self.look_again(group)

    def look_again(self, group: _Group) -> None:
        """The end of a session has come, unless it was used meanwhile; or it may have come."""
        task = asyncio.get_running_loop().create_task(self._look(group))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _look(self, group: _Group) -> None:
        if not group.sockets:
            return
        try:
            end = await group.sessions.ends_at(group.id)
            if end is None and self._groups.get(group.id) is group:
                await group.sessions.destroy(group.id)
        except Exception as error:
            log_error(log, "A session could not be read when its end had come; its sockets stay for now", error=error)
            end = group.sessions.clock() + RETRY
        if end is not None:
            group.look_at(end, self)


class _Watcher:
    """Hears of the sessions of one store."""

    def __init__(self, sockets: SocketSessions, store: Store) -> None:
        self._sockets = sockets
        self._store = store

    def sessions_ended(self, ids: Sequence[str]) -> None:
        """These sessions were destroyed, or have expired."""
        self._sockets.sessions_ended(ids)
        if not self._store.announces:
            self._sockets.tell_cluster(ENDED, list(ids))

    def session_replaced(self, old: str, new: str) -> None:
        """A session was regenerated."""
        self._sockets.session_replaced(old, new)
        if not self._store.announces:
            self._sockets.tell_cluster(REPLACED, old, new)

    def cluster_is_back(self) -> None:
        """What other servers said meanwhile has not come."""
        if not self._store.announces:
            self.sessions_unsure()

    def sessions_unsure(self) -> None:
        """Some may have ended without anybody having heard of it here."""
        self._sockets.sessions_unsure(self._store)


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

    __slots__ = ("__weakref__", "_timer", "id", "sessions", "sockets")

    def __init__(self, id: str, sessions: Sessions) -> None:  # noqa: A002
        self.id = id
        self.sessions = sessions
        self.sockets: WeakSet[SocketLike] = WeakSet()
        self._timer: asyncio.TimerHandle | None = None

    def __del__(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def look_at(self, time: float, sockets: SocketSessions) -> None:
        """Look at the session when this time, in seconds since 1970, has come."""
        delay = max(0.0, time - self.sessions.clock()) + 0.01
        group: ref[_Group] = ref(self)
        # In a context of its own: that of an event would be kept until then, with all that hangs on it.
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(delay, _look, group, ref(sockets), context=Context())


def _look(group: ref[_Group], sockets: ref[SocketSessions]) -> None:
    found, owner = group(), sockets()
    if found is not None and owner is not None:
        owner.look_again(found)


def _is_one_client(one: SocketLike, other: SocketLike) -> bool:
    connection = getattr(one, "connection", None)
    return connection is not None and connection is getattr(other, "connection", None)


def _disconnect(socket: SocketLike, _: object) -> None:
    socket.disconnect(close=True)


def _drop_connection(socket: SocketLike) -> None:
    """Take the connection away as the network might: a client comes back from that by itself."""
    if isinstance(socket, Socket):
        socket.namespace.server.call(socket.connection.close)
    else:
        socket.disconnect(close=True)
