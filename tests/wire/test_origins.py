"""Which pages may connect: the server's own origin, those that are allowed, and what is no page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from support.servers import ServerProcess, serve
from wire.raw import NOBODY, Wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

FRIEND = "https://app.example"
PREFLIGHT = {"access-control-request-method": "POST", "access-control-request-headers": "content-type"}

FOREIGN = [
    "https://evil.example",
    "null",
    "http://127.0.0.1",
    "http://localhost:1",
    "https://app.example.evil.example",
    "https://app.example:444",
    "http://app.example",
    "garbage",
]


@pytest.fixture(scope="module")
def sharing() -> Iterator[ServerProcess]:
    """A server that allows the pages of FRIEND, with credentials."""
    with serve("apps.wire:sharing", by="uvicorn", args=["--log-level", "warning"]) as process:
        yield process


@pytest.fixture
async def open_wire(sharing: ServerProcess) -> AsyncIterator[Wire]:
    async with Wire(sharing.url) as clients:
        yield clients


async def test_own_origin_passes(wire: Wire) -> None:
    """A page of the server itself connects on both transports."""
    assert (await wire.get({"origin": wire.origin})).status == 200
    assert (await wire.upgrade({"origin": wire.origin})).status == 101


async def test_missing_origin_passes(wire: Wire) -> None:
    """Who sends no origin is no page of somebody else."""
    assert (await wire.get()).status == 200
    assert (await wire.upgrade()).status == 101


async def test_own_origin_is_what_the_client_calls_the_server(wire: Wire) -> None:
    """The server's own origin is its scheme and the Host that the client asked for."""
    host = {"host": "chat.example:8080"}
    assert (await wire.get({**host, "origin": "http://chat.example:8080"})).status == 200
    assert (await wire.get({**host, "origin": "http://chat.example"})).status == 403
    assert (await wire.get({**host, "origin": "https://chat.example:8080"})).status == 403
    assert (await wire.get({**host, "origin": wire.origin})).status == 403


async def test_own_origin_behind_a_proxy(wire: Wire) -> None:
    """Behind a trusted proxy that speaks TLS the server's own scheme is https."""
    proxy = {"host": "chat.example", "x-forwarded-proto": "https", "x-forwarded-for": "203.0.113.7"}
    assert (await wire.get({**proxy, "origin": "https://chat.example"})).status == 200
    assert (await wire.upgrade({**proxy, "origin": "https://chat.example"})).status == 101
    assert (await wire.get({**proxy, "origin": "http://chat.example"})).status == 403


@pytest.mark.parametrize("origin", FOREIGN)
async def test_foreign_origin_is_refused(wire: Wire, origin: str) -> None:
    """A page of somebody else gets 403 and code 4 when polling, 403 for a WebSocket, and no permission to read."""
    reply = await wire.get({"origin": origin})
    status, error = reply.error
    assert (status, error["code"]) == (403, 4)
    assert error["message"]
    assert "access-control-allow-origin" not in reply.headers
    assert (await wire.upgrade({"origin": origin})).status == 403


async def test_refused_origin_is_explained_in_the_log(wire: Wire, server: ServerProcess) -> None:
    """The log names the origin and the option."""
    await wire.get({"origin": "https://stranger.example"})
    line = next(line for line in server.log.splitlines() if "https://stranger.example" in line)
    assert "cors_allowed_origins" in line


@pytest.mark.parametrize("origin", [origin for origin in FOREIGN if origin != FRIEND])
async def test_others_stay_foreign(open_wire: Wire, origin: str) -> None:
    """Allowing one origin allows no other, however similar."""
    assert (await open_wire.get({"origin": origin})).status == 403
    assert (await open_wire.upgrade({"origin": origin})).status == 403


async def test_allowed_origin_may_read(open_wire: Wire) -> None:
    """Every answer to an allowed page bears the CORS headers: handshake, POST, poll and refusal."""
    page = {"origin": FRIEND}
    client = await open_wire.polling(page)
    replies = [
        await open_wire.get(page),
        await client.post("40", page),
        await client.get(page),
        await open_wire.get(page, sid=NOBODY),
    ]
    assert [reply.status for reply in replies] == [200, 200, 200, 400]
    for reply in replies:
        assert reply.headers["access-control-allow-origin"] == FRIEND
        assert reply.headers["access-control-allow-credentials"] == "true"
        assert "origin" in reply.headers["vary"].lower()


async def test_allowed_origin_may_open_a_websocket(open_wire: Wire) -> None:
    """An allowed page connects by WebSocket."""
    assert (await open_wire.upgrade({"origin": FRIEND})).status == 101


async def test_too_long_a_post_is_readable(open_wire: Wire) -> None:
    """The 413 bears the CORS headers too, so that the page learns of it."""
    page = {"origin": FRIEND}
    client = await open_wire.polling(page)
    reply = await client.post("4" * 1_000_001, page)
    assert (reply.status, reply.headers["access-control-allow-origin"]) == (413, FRIEND)


async def test_preflight_of_an_allowed_origin(open_wire: Wire) -> None:
    """A browser that asks first is told what it may do."""
    reply = await open_wire.request("OPTIONS", headers={"origin": FRIEND, **PREFLIGHT}, transport="polling")
    assert reply.status in (200, 204)
    assert reply.headers["access-control-allow-origin"] == FRIEND
    assert reply.headers["access-control-allow-credentials"] == "true"
    assert {"GET", "POST"} <= set(reply.headers["access-control-allow-methods"].replace(" ", "").split(","))
    assert "content-type" in reply.headers["access-control-allow-headers"].lower()


async def test_preflight_of_a_foreign_origin(open_wire: Wire) -> None:
    """A foreign page gets no permission from a preflight."""
    headers = {"origin": "https://evil.example", **PREFLIGHT}
    reply = await open_wire.request("OPTIONS", headers=headers, transport="polling")
    assert "access-control-allow-origin" not in reply.headers


async def test_no_cors_headers_unless_asked_for(wire: Wire) -> None:
    """Without the option no page of another origin may read anything."""
    assert not [name for name in (await wire.get()).headers if name.startswith("access-control")]
