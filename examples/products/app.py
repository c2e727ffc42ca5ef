"""The example's app: its page, list and login over HTTP, its events over Socket.IO, all on one port.

Run it from the project's root: whinny run examples.products.app:app --port 3001
"""

from collections import Counter
from dataclasses import replace
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.dialects.sqlite import insert
from starlette.staticfiles import StaticFiles

from examples.products.accounts import AccountController
from examples.products.database import Database, Product, User, engine, new_session
from examples.products.users import find_user
from whinny import (
    DisconnectReason,
    ServiceManager,
    Settings,
    SocketIOController,
    WebsocketContext,
    WebsocketResponse,
    WsServer,
    create_app,
    dependency,
    event_name,
    forward_http_session_to_websocket,
    http_to_websocket_hook,
    use_websocket_sessions,
    validate_payload,
)
from whinny.http import HttpResponse, HttpResponseOK, controller, get, user_required
from whinny.sessions import Store
from whinny.sessions.sql import SqlStore

PAGE = Path(__file__).parent / "static"
CLIENT = Path(__file__).parents[2] / "node_modules" / "socket.io-client" / "dist"
UUID = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
WEEK = 7 * 24 * 3600.0

if not (CLIENT / "socket.io.esm.min.js").is_file():
    raise RuntimeError("The browser's Socket.IO client is not installed. Run `make demo` in the project's root.")


class WebsocketController(SocketIOController):
    """Answers the pages' events, and knows who is online."""

    ws_server = dependency(WsServer)

    def __init__(self) -> None:
        self._tabs: Counter[str] = Counter()  # of each user; who has not logged in is a guest, and counted nowhere

    async def on_connection(self, ctx: WebsocketContext[User]) -> None:
        """Everybody may look; who has logged in over HTTP is known here too."""
        await forward_http_session_to_websocket(ctx, cookie=True, user=find_user)
        name = ctx.user.name if ctx.user else None
        ctx.socket.data["user"] = name
        if name is not None:
            self._tabs[name] += 1
            if self._tabs[name] == 1:
                self._tell_who_is_online()
        ctx.socket.emit("welcome", WebsocketResponse({"user": name, "online": self._online}))

    def on_disconnect(self, ctx: WebsocketContext[User], reason: DisconnectReason) -> None:
        """A tab was closed, or has lost its connection."""
        name = ctx.socket.data["user"]
        if name is not None:
            self._tabs[name] -= 1
            if self._tabs[name] == 0:
                del self._tabs[name]
                self._tell_who_is_online()

    @event_name("create product")
    @use_websocket_sessions(create=False, user=find_user)
    @http_to_websocket_hook(user_required())
    @validate_payload(
        {
            "type": "object",
            "properties": {
                "id": {"type": "string", "maxLength": 36, "pattern": UUID},
                "name": {"type": "string", "minLength": 1, "maxLength": 100},
            },
            "required": ["id", "name"],
            "additionalProperties": False,
        }
    )
    async def create_product(self, ctx: WebsocketContext, payload: dict[str, str]) -> WebsocketResponse:
        """Create the product, unless it is there already: a page that heard no answer asks again."""
        async with new_session.begin() as session:
            await session.execute(insert(Product).values(payload).on_conflict_do_nothing(index_elements=[Product.id]))
        ctx.socket.broadcast.emit("refresh products", WebsocketResponse())  # every page but this one
        return WebsocketResponse()

    @property
    def _online(self) -> list[str]:
        return sorted(self._tabs, key=str.casefold)

    def _tell_who_is_online(self) -> None:
        self.ws_server.io.emit("online", WebsocketResponse(self._online))


class AppController:
    """Answers HTTP."""

    database = dependency(Database)
    sub_controllers = (controller("", AccountController),)

    @get("/products")
    async def read_products(self) -> HttpResponse:
        """All products, newest first."""
        async with new_session() as session:
            products = await session.scalars(select(Product).order_by(Product.number.desc()))
            return HttpResponseOK([{"id": product.id, "name": product.name} for product in products])


# The cookie is renewed by requests and not by events, so that a session which ends early would end under an open page.
services = ServiceManager(replace(Settings.from_environment(), session_idle_timeout=WEEK))
services.set(Store, SqlStore(engine.url))
http = create_app(AppController, services)
http.mount("/client", StaticFiles(directory=CLIENT))
http.mount("/", StaticFiles(directory=PAGE, html=True))
app = services.get(WebsocketController).attach(http)
