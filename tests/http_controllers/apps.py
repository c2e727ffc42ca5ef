"""Apps of HTTP controllers without a network, and what they answer."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx

from whinny import ServiceManager, Settings
from whinny.http import create_app

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.applications import Starlette


def make_app(root: type, services: ServiceManager | None = None, **more: Any) -> Starlette:
    """The app of a root controller, with the default settings."""
    return create_app(root, services or ServiceManager(Settings()), **more)


@asynccontextmanager
async def client_of(app: Any, **more: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an app, which runs no lifespan."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost", **more) as client:
        yield client


async def ask(root: type, http_method: str = "GET", path: str = "/", **more: Any) -> httpx.Response:
    """The answer of a root controller to one request."""
    return await ask_app(make_app(root), http_method, path, **more)


async def ask_app(app: Any, http_method: str = "GET", path: str = "/", **more: Any) -> httpx.Response:
    """The answer of an app to one request."""
    async with client_of(app) as client:
        return await client.request(http_method, path, **more)
