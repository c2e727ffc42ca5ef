"""Sessions in HTTP requests: `use_sessions`, with the token in a cookie or as a bearer token, and CSRF protection."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from whinny.errors import ConfigurationError, SessionDestroyed
from whinny.framework import (
    ControllerHook,
    Hook,
    HookDecorator,
    ServiceManager,
    Settings,
    check_text,
    count_positional,
    kind,
    services_of,
    shown,
)
from whinny.http.context import Context
from whinny.http.decorators import HTTP
from whinny.http.parts import cookie_header_of
from whinny.http.response import (
    HttpResponse,
    HttpResponseBadRequest,
    HttpResponseForbidden,
    HttpResponseRedirect,
    HttpResponseUnauthorized,
)
from whinny.sessions import (
    FindUser,
    Session,
    Sessions,
    Store,
    UserFinder,
    check_session,
    check_store_given,
    user_finder,
)
from whinny.sessions.refusals import INVALID, NO_BEARER, NO_COOKIE, NO_HEADER, NO_USER, WRONG_CSRF, bearer_token
from whinny.sessions.refusals import cookie as cookie_in

if TYPE_CHECKING:
    from starlette.requests import Request

USER_COOKIE: Final = "user"

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_IN_USE: Final = "whinny.sessions"
"""Where a request's scope has the `_Request`s that commit its sessions, the outermost first."""

ANNOUNCED_WITHIN: Final = 5.0
"""Seconds, at most, for which the sockets of a regenerated session wait for the answer with the new cookie."""

_UNCHANGED: Final = "!*'"
"""What `encodeURIComponent` leaves as it is, and a cookie may hold, beside letters, digits and `_.-~`."""

UserCookie = Callable[[Context[Any], ServiceManager], Awaitable[str | None] | str | None]
PostFunction = Callable[[HttpResponse | None], Awaitable[None]]


def use_sessions(
    store: Store | None = None,
    *,
    cookie: bool = False,
    required: bool = False,
    create: bool | None = None,
    csrf: bool | None = None,
    user: FindUser | None = None,
    user_id_type: type[int] | type[str] | None = None,
    user_cookie: UserCookie | None = None,
    redirect_to: str | None = None,
) -> HookDecorator:
    """Gives requests their session as `ctx.session`, and commits it before they are answered, but not after a 500.

    The token is the bearer token of the `Authorization` header or, with `cookie`, in a cookie. Without a token, a
    session is begun where `create` is on, which it is with `cookie` unless it is turned off, and the request is refused
    where one is `required`. A token of no session is refused always.

    `user(id, services)` gives `ctx.user`, for a session that has a user; `user_id_type` says what its id must be.
    With `cookie`, requests that may change something must bring the session's CSRF token, in the header `X-CSRF-Token`
    or `X-XSRF-Token` or as `_csrf` in the body, unless `csrf` or the setting of that name is off; the page finds it in
    a cookie that scripts can read. `user_cookie(ctx, services)` gives the text of one more such cookie, which is
    percent-encoded, or None to remove it.

    Refusals are 400, 401 or 403, or a redirection to `redirect_to`. `store` is the app's `Store` unless one is given.

    Behind another one with the same store and the same `cookie`, it holds its own options against the session that is
    there, and the outer one commits that. Behind one that differs, `ctx.session` is that of the inner one until this
    has committed it, and that of the outer one again afterwards.

    Raises ConfigurationError for options that are wrong.
    """
    check_store_given(store, "use_sessions")
    _check_flags(cookie=cookie, required=required, create=create, csrf=csrf)
    if not cookie and (user_cookie is not None or csrf):
        given = "csrf=True" if csrf else "a user_cookie"
        raise ConfigurationError(f"use_sessions can have {given} only where the session has a cookie: cookie=True.")
    if user_cookie is not None and not (callable(user_cookie) and count_positional(user_cookie, 2) == 2):
        raise ConfigurationError(
            f"The user_cookie of use_sessions must be a function of (ctx, services), not {shown(user_cookie)}."
        )
    if user_id_type not in (None, int, str):
        raise ConfigurationError(f"The user_id_type of use_sessions must be int or str, not {shown(user_id_type)}.")
    if redirect_to is not None:
        check_text(redirect_to, "use_sessions()", "a path to redirect to")
    options = _Options(
        store, cookie, required, cookie if create is None else create, csrf, user_id_type, user_cookie, redirect_to
    )
    return HookDecorator(HTTP, _UseSessions(options, user_finder(user, "use_sessions")))


def _check_flags(**flags: object) -> None:
    for name, value in flags.items():
        if not isinstance(value, bool) and (value is not None or name in ("cookie", "required")):
            raise ConfigurationError(f"The option {name} of use_sessions must be True or False, not {shown(value)}.")


class _Options:
    __slots__ = ("cookie", "create", "csrf", "redirect_to", "required", "store", "user_cookie", "user_id_type")

    def __init__(
        self,
        store: Store | None,
        cookie: bool,
        required: bool,
        create: bool,
        csrf: bool | None,
        user_id_type: type | None,
        user_cookie: UserCookie | None,
        redirect_to: str | None,
    ) -> None:
        self.store = store
        self.cookie = cookie
        self.required = required
        self.create = create
        self.csrf = csrf
        self.user_id_type = user_id_type
        self.user_cookie = user_cookie
        self.redirect_to = redirect_to


class _UseSessions(ControllerHook):
    __slots__ = ("_find_user", "_options")

    __qualname__ = "use_sessions"

    def __init__(self, options: _Options, find_user: UserFinder | None) -> None:
        self._options = options
        self._find_user = find_user

    def bind(self, controller: object, where: str) -> Hook:
        """The hook, once it is certain that there is a store."""
        services = services_of(controller)
        self._check_names(services.settings, where)
        sessions = _sessions(self._options.store, services)

        async def use(ctx: Context[Any], _: ServiceManager) -> HttpResponse | PostFunction | None:
            return await _Request(ctx, services, sessions, self._options, self._find_user).begin()

        return use

    def _check_names(self, settings: Settings, where: str) -> None:
        for setting in ("session_cookie_name", "csrf_cookie_name"):
            if self._options.user_cookie is not None and getattr(settings, setting) == USER_COOKIE:
                raise ConfigurationError(
                    f"{where} sets the cookie {USER_COOKIE!r} by user_cookie: "
                    f"the setting {setting} must be another name."
                )

    async def __call__(self, ctx: Context[Any], services: ServiceManager) -> HttpResponse | PostFunction | None:
        """Called alone, in a test."""
        sessions = _sessions(self._options.store, services)
        return await _Request(ctx, services, sessions, self._options, self._find_user).begin()


def _sessions(store: Store | None, services: ServiceManager) -> Sessions:
    if store is None:
        return services.get(Sessions)
    services.keep(store)
    return Sessions.over(store, services.settings)


class _Request:
    """One request, from its token to its commit."""

    def __init__(
        self,
        ctx: Context[Any],
        services: ServiceManager,
        sessions: Sessions,
        options: _Options,
        find_user: UserFinder | None,
    ) -> None:
        self._ctx = ctx
        self._services = services
        self._settings = services.settings
        # A service that the app has set in its place is left as it is.
        self._sessions = _AnnouncedLater(sessions, ctx) if type(sessions) is Sessions else sessions
        self._options = options
        self._find_user = find_user
        self._user_cookie = options.user_cookie
        self._protects = services.settings.csrf if options.csrf is None else options.csrf  # by CSRF tokens
        self._is_inside = False  # of a hook that has another store, or another kind of token
        self._before = ctx.session  # that hook's

    async def begin(self) -> HttpResponse | PostFunction | None:
        """The refusal, or what commits the session in the end; nothing, where an outer hook does."""
        around: list[_Request] = self._ctx.request.scope.setdefault(_IN_USE, [])
        if around and self._is_like(around[-1]):
            return await self._go_on(around[-1])
        if any(map(self._is_like, around)):
            raise RuntimeError(
                "This use_sessions stands behind another one that differs from it in its store or its cookie, and that "
                "behind one like this: the session that both share cannot be had twice."
            )
        self._is_inside = bool(around)
        around.append(self)
        result: HttpResponse | PostFunction | None = None
        try:
            result = await self._read()
        finally:
            if result != self._end:  # nothing is to be committed
                self._give_back()
        return result

    def _give_back(self) -> None:
        if self._is_inside:
            self._ctx.session = self._before

    def _is_like(self, other: _Request) -> bool:
        return self._sessions.store is other._sessions.store and self._options.cookie == other._options.cookie

    async def _read(self) -> HttpResponse | PostFunction | None:
        token = self._cookie_token() if self._options.cookie else self._bearer_token()
        if isinstance(token, HttpResponse):
            return token
        if token is None:
            self._ctx.session = self._sessions.create() if self._options.create else None
            return self._end
        session = await self._sessions.read(token)
        if session is None:
            return self._invalid(INVALID)
        refusal = await self._check_csrf_token(session)
        if refusal is not None:
            return refusal
        self._ctx.session = session
        return await self._check_user(session) or self._end

    async def _go_on(self, outer: _Request) -> HttpResponse | None:
        """The refusal of the session that an outer hook has read or begun, and commits."""
        session = check_session(self._ctx.session)
        is_there = session is not None and not session.is_new and not session.is_destroyed
        if self._options.required and not is_there:
            return self._bad_request(NO_COOKIE if self._options.cookie else NO_HEADER)
        if session is None:
            self._ctx.session = self._sessions.create() if self._options.create else None
        elif is_there:
            refusal = None if outer._protects else await self._check_csrf_token(session)
            refusal = refusal or await self._check_user(session)
            if refusal is not None:
                return refusal
        outer._user_cookie = self._user_cookie or outer._user_cookie
        outer._protects = self._protects or outer._protects
        return None

    async def _check_csrf_token(self, session: Session) -> HttpResponse | None:
        if self._needs_csrf_token() and not session.is_csrf_token(await self._csrf_token()):
            return HttpResponseForbidden(WRONG_CSRF)
        return None

    async def _check_user(self, session: Session) -> HttpResponse | None:
        """Set the user of a session that has one, or refuse."""
        if session.user_id is None:
            return None
        wanted = self._options.user_id_type
        if wanted is not None and not isinstance(session.user_id, wanted):
            raise TypeError(f"Invalid user ID type: {type(session.user_id).__name__}")
        if self._find_user is not None:
            self._ctx.user = await self._find_user(session, self._services)
            if self._ctx.user is None:
                await session.destroy()
                return self._invalid(NO_USER)
        return None

    async def _end(self, response: HttpResponse | None) -> None:
        try:
            await self._commit(response)
        finally:
            self._give_back()

    async def _commit(self, response: HttpResponse | None) -> None:
        session = check_session(self._ctx.session)
        if session is None or response is None or response.status_code == 500:
            return
        if session.is_destroyed:
            if self._options.cookie:
                self._remove_cookies(response)
            return
        if self._options.cookie and self._protects:
            session.ensure_csrf_token()
        is_changed = session.is_changed
        user_text = await self._user_text()
        try:
            await session.commit()
        except SessionDestroyed:
            if is_changed:
                raise
            return  # another request has logged out, or in: the browser's cookies are newer than this one
        if self._options.cookie:
            self._set_cookies(response, session, user_text)

    # tokens

    def _cookie_token(self) -> str | HttpResponse | None:
        token = cookie_in(cookie_header_of(self._ctx.request), self._settings.session_cookie_name)
        if token is not None:
            return token
        return self._bad_request(NO_COOKIE) if self._options.required else None

    def _bearer_token(self) -> str | HttpResponse | None:
        header = self._ctx.request.headers.get("authorization")
        if header is None:
            return self._bad_request(NO_HEADER) if self._options.required else None
        return bearer_token(header) or self._bad_request(NO_BEARER)

    def _needs_csrf_token(self) -> bool:
        return self._options.cookie and self._protects and self._ctx.request.method not in _SAFE

    async def _csrf_token(self) -> str:
        headers = self._ctx.request.headers
        given: Any = headers.get("x-csrf-token") or headers.get("x-xsrf-token")
        if given is None:
            body = await self._ctx.body()
            given = body.get("_csrf") if isinstance(body, dict) else None
        return given if isinstance(given, str) else ""

    # refusals

    def _bad_request(self, description: str) -> HttpResponse:
        if self._options.redirect_to is not None:
            return HttpResponseRedirect(self._options.redirect_to)
        return HttpResponseBadRequest({"code": "invalid_request", "description": description})

    def _invalid(self, description: str) -> HttpResponse:
        response: HttpResponse
        if self._options.redirect_to is not None:
            response = HttpResponseRedirect(self._options.redirect_to)
        else:
            response = HttpResponseUnauthorized({"code": "invalid_token", "description": description})
            response.set_header("WWW-Authenticate", f'error="invalid_token", error_description="{description}"')
        if self._options.cookie:
            self._remove_cookies(response)
        return response

    # cookies

    async def _user_text(self) -> str | None:
        """What the user's cookie shall hold; None where there is to be none."""
        if self._user_cookie is None:
            return None
        text = self._user_cookie(self._ctx, self._services)
        if inspect.isawaitable(text):
            text = await text
        if text is not None and not isinstance(text, str):
            raise TypeError(f"user_cookie must give a text or None, not {kind(text)}.")
        return None if text is None else quote(text, safe=_UNCHANGED, errors="replace")

    def _set_cookies(self, response: HttpResponse, session: Session, user_text: str | None) -> None:
        expires = datetime.fromtimestamp(session.expires_at, UTC)
        settings = self._settings
        self._set_cookie(response, settings.session_cookie_name, session.token, expires=expires, http_only=True)
        if self._protects:
            self._set_cookie(response, settings.csrf_cookie_name, session.csrf_token, expires=expires)
        if user_text is not None:
            self._set_cookie(response, USER_COOKIE, user_text, expires=expires)
        elif self._user_cookie is not None:
            self._set_cookie(response, USER_COOKIE, "", max_age=0)

    def _remove_cookies(self, response: HttpResponse) -> None:
        settings = self._settings
        names = [settings.session_cookie_name, settings.csrf_cookie_name]
        if self._user_cookie is not None:
            names.append(USER_COOKIE)
        for name in names:
            self._set_cookie(response, name, "", max_age=0, http_only=name == settings.session_cookie_name)

    def _set_cookie(self, response: HttpResponse, name: str, value: str, **attributes: Any) -> None:
        settings = self._settings
        response.set_cookie(
            name,
            value,
            path=settings.session_cookie_path,
            domain=settings.session_cookie_domain,
            secure=_is_secure(settings, self._ctx.request),
            same_site=settings.session_cookie_same_site,
            **attributes,
        )
        self._ctx.must_send(name, response.get_cookies()[name])


class _AnnouncedLater(Sessions):
    """The same sessions. Of those that were regenerated the sockets hear when the answer was sent.

    They lose their connection then, and come back with what the browser has by that time: the new cookie.
    """

    __slots__ = ("_ctx",)

    def __init__(self, sessions: Sessions, ctx: Context[Any]) -> None:
        self.__dict__ = sessions.__dict__
        self._ctx = ctx

    def replaced(self, old: str, new: str) -> None:
        """Note it at once, and tell it later."""
        self.store.note_move(old, new)

        def tell() -> None:
            timer.cancel()
            for observer in list(self.store.observers):
                observer.session_replaced(old, new)

        timer = asyncio.get_running_loop().call_later(ANNOUNCED_WITHIN, self._ctx.was_sent)
        self._ctx.after_sending(tell)


def _is_secure(settings: Settings, request: Request) -> bool:
    """As it was chosen; else over TLS, and always with SameSite=None, which browsers take in no other way."""
    chosen = settings.session_cookie_secure
    if chosen is None:
        return request.url.scheme == "https" or settings.session_cookie_same_site == "none"
    return chosen
