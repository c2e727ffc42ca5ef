"""Signing up, logging in and logging out over HTTP. The session's token is in a cookie, out of reach of scripts."""

from typing import Any

from examples.products.database import User
from examples.products.users import Users, find_user
from whinny import dependency
from whinny.http import (
    Context,
    HttpResponse,
    HttpResponseConflict,
    HttpResponseNoContent,
    HttpResponseOK,
    HttpResponseUnauthorized,
    get,
    post,
    use_sessions,
    validate_body,
)

# Characters that can be seen, in words with one space between them.
NAME = {"type": "string", "minLength": 1, "maxLength": 40, "pattern": r"^([^\p{C}\p{Z}]+( [^\p{C}\p{Z}]+)*)?$"}
PASSWORD = {"type": "string", "maxLength": 200}

# A session has to be there before somebody logs in, and with it a CSRF token: else a page of somebody else could log
# its visitors in, as a user of its own choice.
with_session = use_sessions(cookie=True, required=True)


def _login(password: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"name": NAME, "password": PASSWORD | password},
        "required": ["name", "password"],
        "additionalProperties": False,
    }


class AccountController:
    """Answers what the form for users sends."""

    users = dependency(Users)

    @get("/session")
    @use_sessions(cookie=True, user=find_user)
    def read_session(self, ctx: Context[User]) -> HttpResponse:
        """Who is logged in. Whoever has no session is given one: its cookies are what the page wants of this."""
        return HttpResponseOK({"user": ctx.user.name if ctx.user else None})

    @post("/sign-up")
    @with_session
    @validate_body(_login({"minLength": 8}))
    async def sign_up(self, ctx: Context, body: dict[str, str]) -> HttpResponse:
        """Make a new user, and log in as that."""
        user = await self.users.create(body["name"], body["password"])
        return HttpResponseConflict({"code": "NAME_TAKEN"}) if user is None else _log_in(ctx, user)

    @post("/log-in")
    @with_session
    @validate_body(_login({"minLength": 1}))
    async def log_in(self, ctx: Context, body: dict[str, str]) -> HttpResponse:
        """Log in. Whether it is the name or the password that is wrong, nobody is told."""
        user = await self.users.check(body["name"], body["password"])
        return HttpResponseUnauthorized({"code": "WRONG_LOGIN"}) if user is None else _log_in(ctx, user)

    @post("/log-out")
    @with_session
    async def log_out(self, ctx: Context) -> HttpResponse:
        """Log out: the sockets of the session are disconnected, in all tabs."""
        await ctx.session.destroy()
        return HttpResponseNoContent()


def _log_in(ctx: Context, user: User) -> HttpResponse:
    ctx.session.set_user(user)
    ctx.session.regenerate()  # a token that somebody may have seen or planted before is worth nothing from here on
    return HttpResponseOK({"user": user.name})
