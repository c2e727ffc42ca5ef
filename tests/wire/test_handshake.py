"""How a session of Engine.IO begins, and what is refused at the door."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from wire.raw import NOBODY

if TYPE_CHECKING:
    from wire.raw import Wire

TRANSPORT_UNKNOWN = {"code": 0, "message": "Transport unknown"}
SESSION_UNKNOWN = {"code": 1, "message": "Session ID unknown"}
BAD_METHOD = {"code": 2, "message": "Bad handshake method"}
BAD_REQUEST = {"code": 3, "message": "Bad request"}
BAD_PROTOCOL = {"code": 5, "message": "Unsupported protocol version"}


async def test_polling_opens_with_milliseconds(pinged: Wire) -> None:
    """The OPEN packet has these five keys, times in whole milliseconds even below a second."""
    reply = await pinged.get()
    assert reply.status == 200
    assert reply.text[0] == "0"
    handshake = json.loads(reply.text[1:])
    assert re.fullmatch(r"[A-Za-z0-9_-]{20}", handshake.pop("sid"))
    assert handshake == {"upgrades": ["websocket"], "pingInterval": 300, "pingTimeout": 4000, "maxPayload": 1_000_000}
    assert all(type(handshake[name]) is int for name in ("pingInterval", "pingTimeout", "maxPayload"))


async def test_websocket_opens_without_upgrades(pinged: Wire) -> None:
    """Over WebSocket the OPEN packet is the first frame and offers no upgrade."""
    client = await pinged.websocket()
    assert re.fullmatch(r"[A-Za-z0-9_-]{20}", client.handshake.pop("sid"))
    assert client.handshake == {"upgrades": [], "pingInterval": 300, "pingTimeout": 4000, "maxPayload": 1_000_000}


async def test_sessions_have_different_ids(wire: Wire) -> None:
    """No two sessions share an id."""
    assert len({(await wire.polling()).sid for _ in range(20)}) == 20


@pytest.mark.parametrize("version", [None, "", "3", "5", "abc"])
async def test_protocol_version_must_be_4(wire: Wire, version: str | None) -> None:
    """A handshake with `EIO` missing or other than 4 is refused."""
    assert (await wire.get(EIO=version)).error == (400, BAD_PROTOCOL)


@pytest.mark.parametrize("transport", [None, "", "abc", "webtransport"])
async def test_transport_must_be_known(wire: Wire, transport: str | None) -> None:
    """A request with `transport` missing or unknown is refused."""
    assert (await wire.get(transport=transport)).error == (400, TRANSPORT_UNKNOWN)


async def test_session_must_be_known(wire: Wire) -> None:
    """A request for no session that lives is refused, whatever its method."""
    assert (await wire.get(sid=NOBODY)).error == (400, SESSION_UNKNOWN)
    assert (await wire.request("POST", "40", transport="polling", sid=NOBODY)).error == (400, SESSION_UNKNOWN)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_handshake_is_get(wire: Wire, method: str) -> None:
    """A handshake by another method than GET is refused."""
    headers = {"content-length": "0"}
    assert (await wire.request(method, headers=headers, transport="polling")).error == (400, BAD_METHOD)


async def test_websocket_needs_an_upgrade_request(wire: Wire) -> None:
    """`transport=websocket` in an ordinary request is refused."""
    assert (await wire.get(transport="websocket")).error == (400, BAD_REQUEST)


async def test_transport_of_a_session_is_kept(wire: Wire) -> None:
    """A session on polling is not reached by an ordinary request for WebSocket, nor the other way round."""
    polling, websocket = await wire.polling(), await wire.websocket()
    assert (await wire.get(transport="websocket", sid=polling.sid)).error == (400, BAD_REQUEST)
    assert (await wire.get(transport="polling", sid=websocket.sid)).error == (400, BAD_REQUEST)
    await polling.connect()
    await websocket.connect()


async def test_protocol_version_of_a_session_is_kept(wire: Wire) -> None:
    """A later request with another `EIO` than the handshake's is refused, and the session goes on."""
    client = await wire.polling()
    assert (await wire.get(sid=client.sid, EIO="3")).error == (400, BAD_REQUEST)
    assert (await wire.get(sid=client.sid, EIO=None)).error == (400, BAD_REQUEST)
    await client.connect()


async def test_no_cookie_unless_asked_for(wire: Wire) -> None:
    """Without the cookie option no response sets a cookie."""
    client = await wire.polling()
    replies = [await wire.get(), await client.post("40"), await client.get(), await wire.upgrade()]
    assert [reply.headers.get("set-cookie") for reply in replies] == [None] * 4


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"sid": NOBODY}, "Session ID unknown"),
        ({"EIO": None}, "Unsupported protocol version"),
        ({"EIO": "3"}, "Unsupported protocol version"),
        ({"transport": "abc"}, "Transport unknown"),
        ({"transport": None}, "Transport unknown"),
    ],
)
async def test_websocket_is_refused_before_it_is_accepted(wire: Wire, query: dict[str, Any], message: str) -> None:
    """A WebSocket request that breaks a rule gets a plain 400 with the message."""
    reply = await wire.upgrade(**query)
    assert (reply.status, reply.text) == (400, message)
    assert reply.headers["content-type"].startswith("text/html")


async def test_websocket_of_a_session_with_another_version_is_refused(wire: Wire) -> None:
    """An upgrade with another `EIO` than the session's is refused before it is accepted."""
    client = await wire.polling()
    reply = await wire.upgrade(sid=client.sid, EIO="3")
    assert (reply.status, reply.text) == (400, "Bad request")
    await client.connect()
