"""Uses of HTTP controllers and sessions that type checkers must take, and some that they must refuse."""

# pyright: reportUnnecessaryTypeIgnoreComment=true

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, assert_type

from starlette.applications import Starlette

from whinny import (
    ServiceManager,
    Settings,
    SocketIOController,
    WebsocketContext,
    WebsocketResponse,
    create_app,
    dependency,
    event_name,
    forward_http_session_to_websocket,
    http_to_websocket_hook,
    use_websocket_sessions,
)
from whinny.http import (
    Context,
    HttpResponse,
    HttpResponseNoContent,
    HttpResponseOK,
    controller,
    get,
    hook,
    post,
    use_sessions,
    user_required,
    validate_body,
)
from whinny.sessions import MemoryStore, Session, Sessions, Store


@dataclass
class User:
    id: int
    name: str


async def find_user(id: int, services: ServiceManager) -> User | None:  # noqa: A002
    return User(id, "Ada")


def log_time(ctx: Context, services: ServiceManager) -> None: ...


@hook(log_time)
@use_sessions(cookie=True, user=find_user, user_id_type=int)
class UserController:
    sessions = dependency(Sessions)

    @get("/")
    @user_required("/log-in")
    def list_users(self, ctx: Context[User]) -> HttpResponse:
        assert_type(ctx.user, User | None)
        return HttpResponseOK([]).set_header("x-a", "b")

    @post("/")
    @validate_body({"type": "object"})
    async def create_user(self, ctx: Context[User], body: dict[str, str]) -> HttpResponseNoContent:
        session = self.sessions.create()
        assert_type(session, Session)
        assert_type(await self.sessions.read("token"), Session | None)
        ctx.session = session
        return HttpResponseNoContent()


class RootController:
    sub_controllers = (controller("/users", UserController),)


class WebsocketController(SocketIOController):
    async def on_connection(self, ctx: WebsocketContext[User]) -> None:
        await forward_http_session_to_websocket(ctx, cookie=True, user=find_user)

    @event_name("read")
    @use_websocket_sessions(user=find_user)
    @http_to_websocket_hook(user_required())
    def read(self, ctx: WebsocketContext[User], payload: Any) -> WebsocketResponse:
        return WebsocketResponse()


services = ServiceManager(Settings(session_store="memory:", session_cookie_same_site="strict"))
services.set(Store, MemoryStore())
app = create_app(RootController, services)
assert_type(app, Starlette)
services.get(WebsocketController).attach(app)
assert_type(UserController().list_users(Context(app.state.request)), HttpResponse)

use_sessions(cookie="yes")  # type: ignore[arg-type]
use_sessions(MemoryStore)  # type: ignore[arg-type]
use_websocket_sessions(True)  # type: ignore[arg-type]
use_websocket_sessions(creates=True)  # type: ignore[call-arg]
http_to_websocket_hook(user_required)  # type: ignore[arg-type]
Settings(session_cookie_same_site="Lax")  # type: ignore[arg-type]
get(1)  # type: ignore[arg-type]
HttpResponseOK().set_cookie("a", 1)  # type: ignore[arg-type]
