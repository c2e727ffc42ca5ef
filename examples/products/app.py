"""The example's app: its page and list over HTTP, its events over Socket.IO, both on one port.

Run it from the project's root: whinny run examples.products.app:app --port 3001
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.dialects.sqlite import insert
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from examples.products.database import Base, Product, engine, new_session
from whinny import (
    ServiceManager,
    SocketIOController,
    WebsocketContext,
    WebsocketResponse,
    event_name,
    validate_payload,
)

PAGE = Path(__file__).parent / "static"
CLIENT = Path(__file__).parents[2] / "node_modules" / "socket.io-client" / "dist"
UUID = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"

if not (CLIENT / "socket.io.esm.min.js").is_file():
    raise RuntimeError("The browser's Socket.IO client is not installed. Run `make demo` in the project's root.")


class WebsocketController(SocketIOController):
    """Answers the pages' events."""

    @event_name("create product")
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


async def read_products(request: Request) -> JSONResponse:
    """All products, newest first."""
    async with new_session() as session:
        products = await session.scalars(select(Product).order_by(Product.number.desc()))
        return JSONResponse([{"id": product.id, "name": product.name} for product in products])


@asynccontextmanager
async def lifespan(http: Starlette) -> AsyncIterator[None]:
    """Make the tables before the first request, close the database after the last."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    yield
    await engine.dispose()


http = Starlette(
    routes=[
        Route("/products", read_products),
        Mount("/client", StaticFiles(directory=CLIENT)),
        Mount("/", StaticFiles(directory=PAGE, html=True)),
    ],
    lifespan=lifespan,
)
services = ServiceManager()
app = services.get(WebsocketController).attach(http)
