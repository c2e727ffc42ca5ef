"""Sessions in events, and those of clients that have logged in by HTTP."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from whinny.errors import ConnectionRefused, SessionDestroyed
from whinny.framework import INTERNAL_ERROR, ControllerHook, Hook, HookDecorator, ServiceManager, Settings, services_of
from whinny.sessions import (
    FindUser,
    Session,
    Sessions,
    Store,
    UserFinder,
    check_session,
    check_store_given,
    session_id,
    user_finder,
)
from whinny.sessions.refusals import INVALID, NO_BEARER, NO_TOKEN, NO_USER, WRONG_CSRF, bearer_token
from whinny.sessions.refusals import cookie as cookie_in
from whinny.websocket.decorators import EVENTS
from whinny.websocket.response import AnyResponse, WebsocketErrorResponse
from whinny.websocket.socket_sessions import FROM_COOKIE, SocketSessions

if TYPE_CHECKING:
    from whinny.websocket.context import WebsocketContext
    from whinny.websocket.socket_like import SocketLike


def use_websocket_sessions(
    store: Store | None = None,
    *,
    create: bool = True,
    required: bool = False,
    user: FindUser | None = None,
) -> HookDecorator:
    """Gives events the session of their socket as `ctx.session`, and commits it before they are answered.

    A socket without a session begins one with its first event, unless `create` is off, and must have one already where
    `required` is on. `user(id, services)` gives `ctx.user`, for a session that has a user. `store` is the app's `Store`
    unless another is given.

    Whom it refuses reads `{"code": "invalid_request" or "invalid_token", "description": …}`. A commit that fails is
    answered as any error of the event is.

    Behind another one with the same store, it holds its own options against the session that is there, and the outer
    one commits that.
    """
    check_store_given(store, "use_websocket_sessions")
    find_user = user_finder(user, "use_websocket_sessions")
    return HookDecorator(EVENTS, _UseWebsocketSessions(store, create, required, find_user))


@dataclass(slots=True)
class _InUse:
    """Where an event's session is from, and the new one that it has begun."""

    sessions: Sessions
    begun: Session | None = None


class _UseWebsocketSessions(ControllerHook):
    __slots__ = ("_create", "_required", "_store", "_user")

    __qualname__ = "use_websocket_sessions"

    def __init__(self, store: Store | None, create: bool, required: bool, user: UserFinder | None) -> None:
        self._store = store
        self._create = create
        self._required = required
        self._user = user

    def bind(self, controller: object, where: str) -> Hook:
        """The hook, once it is certain that there is a store."""
        services_of(controller).get(SocketSessions).of(self._store)
        return self.__call__

    async def __call__(
        self, ctx: WebsocketContext[Any], services: ServiceManager
    ) -> WebsocketErrorResponse | Callable[[AnyResponse | None], Awaitable[None]] | None:
        """The hook."""
        sockets = services.get(SocketSessions)
        sessions = sockets.of(self._store)
        socket = ctx.socket
        in_use: _InUse | None = getattr(ctx, "session_in_use", None)
        if in_use is not None and in_use.sessions is sessions:
            return await self._go_on(ctx, in_use, services)
        in_use = ctx.session_in_use = _InUse(sessions)
        sockets.enter_event(socket)  # before all that may find that the session has ended
        token = sockets.token(socket)
        session: Session | None = None
        if token is not None:
            session = await sessions.read(token)
            if session is None:
                sockets.not_found(session_id(token), sessions)
                return _refusal("invalid_token", INVALID)
            if sockets.is_from_cookie(socket):
                session.forbid_regeneration(FROM_COOKIE)
        elif self._required:
            return _refusal("invalid_request", NO_TOKEN)
        elif self._create:
            session = in_use.begun = sockets.begin(socket, sessions)
        ctx.session = session
        try:
            if session is not None and not await self._find_user(ctx, session, services):
                return _refusal("invalid_token", NO_USER)
        except BaseException:
            if in_use.begun is not None:
                sockets.end(socket, in_use.begun)
            raise

        async def commit(response: AnyResponse | None) -> None:
            try:
                session = check_session(ctx.session)
                if session is not None and not session.is_destroyed and not _is_internal(response):
                    await sockets.commit(socket, session, sessions)
            finally:
                if in_use.begun is not None:
                    sockets.end(socket, in_use.begun)

        return commit

    async def _go_on(
        self, ctx: WebsocketContext[Any], in_use: _InUse, services: ServiceManager
    ) -> WebsocketErrorResponse | None:
        """The refusal of the session that an outer hook has read or begun, and commits."""
        session = check_session(ctx.session)
        is_there = session is not None and not session.is_new and not session.is_destroyed
        if self._required and not is_there:
            return _refusal("invalid_request", NO_TOKEN)
        if session is None and self._create:
            in_use.begun = in_use.begun or services.get(SocketSessions).begin(ctx.socket, in_use.sessions)
            ctx.session = in_use.begun
        elif session is not None and is_there and not await self._find_user(ctx, session, services):
            return _refusal("invalid_token", NO_USER)
        return None

    async def _find_user(self, ctx: WebsocketContext[Any], session: Session, services: ServiceManager) -> bool:
        """Set the user of a session that has one. False when there is no such user: the session is then destroyed."""
        if session.user_id is None or self._user is None:
            return True
        ctx.user = await self._user(session, services)
        if ctx.user is None:
            await session.destroy()
        return ctx.user is not None


def _refusal(code: str, description: str) -> WebsocketErrorResponse:
    return WebsocketErrorResponse({"code": code, "description": description})


def _is_internal(response: AnyResponse | None) -> bool:
    error = response.error if isinstance(response, WebsocketErrorResponse) else None
    if not isinstance(error, dict):
        return False
    return error.get("code") == INTERNAL_ERROR["code"] or error.get("statusCode") == 500


async def forward_http_session_to_websocket(
    ctx: WebsocketContext[Any],
    *,
    cookie: bool = False,
    store: Store | None = None,
    required: bool = False,
    user: FindUser | None = None,
) -> None:
    """Lets a client that has logged in by HTTP go on with its session; to be awaited in `on_connection`.

    With `cookie` the session is that of the session cookie, and the client, whose origin the server has looked at
    already, must show its CSRF token too: as
    `auth: { csrfToken }`, or in the header `X-CSRF-Token` or `X-XSRF-Token`. Else it is that of the bearer token in the
    `Authorization` header or, as browsers can send none with a WebSocket, in `auth: { token }`.

    Sets `ctx.session`, and `ctx.user` by `user(id, services)`; events see both by `use_websocket_sessions`. What
    `on_connection` changes in the session is kept when the client is let in. Raises
    ConnectionRefused, whose `data` has a `code`: invalid_request, invalid_token or invalid_csrf_token.
    """
    check_store_given(store, "forward_http_session_to_websocket")
    if ctx.controller is None:
        raise TypeError(
            "forward_http_session_to_websocket is for on_connection: in a test, give the context a controller, "
            "ctx.controller = create_controller(…)."
        )
    services = services_of(ctx.controller)
    if store is None:
        await services.ready(Sessions)  # nothing else may have asked for a store
    sockets = services.get(SocketSessions)
    sessions = sockets.of(store)
    find_user = user_finder(user, "forward_http_session_to_websocket")
    token = _cookie_token(ctx.socket, services.settings) if cookie else _bearer_token(ctx.socket)
    if token is None:
        if required:
            raise ConnectionRefused(NO_TOKEN, {"code": "invalid_request"})
        return
    session = await sessions.read(token)
    if session is None:
        sockets.not_found(session_id(token), sessions)
        raise ConnectionRefused(INVALID, {"code": "invalid_token"})
    if cookie:
        if services.settings.csrf and not _has_csrf_token(ctx.socket, session):
            raise ConnectionRefused(WRONG_CSRF, {"code": "invalid_csrf_token"})
        session.forbid_regeneration(FROM_COOKIE)
    sockets.coming.add(ctx.socket)
    sockets.keep(ctx.socket, session, sessions, from_cookie=cookie)  # before it is waited for: it may end meanwhile
    try:
        if session.user_id is not None and find_user is not None:
            ctx.user = await find_user(session, services)
            if ctx.user is None:
                sockets.forget(ctx.socket, session.id)
                await session.destroy()
                raise ConnectionRefused(NO_USER, {"code": "invalid_token"})
        await session.commit()  # to come is to use it
    except SessionDestroyed:
        sockets.forget(ctx.socket, session.id)
        raise ConnectionRefused(INVALID, {"code": "invalid_token"}) from None
    except BaseException:
        sockets.forget(ctx.socket, session.id)
        raise
    finally:
        sockets.coming.discard(ctx.socket)
    if not sockets.has(ctx.socket, session):  # it has ended, and the socket that had it is not let in
        raise ConnectionRefused(INVALID, {"code": "invalid_token"})
    ctx.session = session
    ctx.session_in_use = _InUse(sessions)


async def commit_forwarded_session(ctx: WebsocketContext[Any]) -> None:
    """Keep what `on_connection` has changed in a session that was forwarded; raises ConnectionRefused if it has ended.

    Another session that `on_connection` has put in its place becomes the socket's.
    """
    in_use: _InUse | None = getattr(ctx, "session_in_use", None)
    session = check_session(ctx.session)
    if in_use is None or session is None or session.is_destroyed:
        return
    sockets = services_of(ctx.controller).get(SocketSessions)
    if sockets.has(ctx.socket, session) and not session.is_changed:
        return
    try:
        await sockets.commit(ctx.socket, session, in_use.sessions)
    except SessionDestroyed:
        raise ConnectionRefused(INVALID, {"code": "invalid_token"}) from None


def _cookie_token(socket: SocketLike, settings: Settings) -> str | None:
    return cookie_in(socket.handshake.headers.get("cookie", ""), settings.session_cookie_name)


def _bearer_token(socket: SocketLike) -> str | None:
    header = socket.handshake.headers.get("authorization")
    if header is not None:
        found = bearer_token(header)
        if found is None:
            raise ConnectionRefused(NO_BEARER, {"code": "invalid_request"})
        return found
    token = socket.handshake.auth.get("token")
    if token is None or token == "":
        return None
    if not isinstance(token, str):
        raise ConnectionRefused(INVALID, {"code": "invalid_token"})
    return token


def _has_csrf_token(socket: SocketLike, session: Session) -> bool:
    handshake = socket.handshake
    given = handshake.auth.get("csrfToken")
    if given is None:
        given = handshake.headers.get("x-csrf-token") or handshake.headers.get("x-xsrf-token")
    return isinstance(given, str) and session.is_csrf_token(given)
