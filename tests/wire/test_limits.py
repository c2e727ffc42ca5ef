"""`max_http_buffer_size`, here 1 000 000 bytes, bounds what a client can make the server hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from wire.raw import Polling, Wire

LIMIT = 1_000_000


def packet_of(size: int) -> str:
    """An echo whose packet has this many bytes."""
    return '420["echo","' + "x" * (size - len('420["echo",""]')) + '"]'


async def joined(wire: Wire) -> Polling:
    client = await wire.polling()
    await client.connect()
    return client


async def test_post_of_the_limit_passes(wire: Wire) -> None:
    """A body of exactly the limit is taken."""
    client = await joined(wire)
    assert len(await client.ask(packet_of(LIMIT))) > LIMIT


async def test_post_over_the_limit(wire: Wire) -> None:
    """A body that says its length right and is too long gets 413."""
    client = await joined(wire)
    assert (await client.post(packet_of(LIMIT + 1))).status == 413


async def test_limit_is_in_bytes(wire: Wire) -> None:
    """Characters of several bytes count as their bytes."""
    client = await joined(wire)
    assert (await client.post('42["back","' + "€" * 400_000 + '"]')).status == 413


async def test_chunked_post_over_the_limit(wire: Wire) -> None:
    """A body that does not tell its length gets 413 once it is too long, before its end."""
    client = await joined(wire)
    connection = await wire.write("POST", headers={"transfer-encoding": "chunked"}, transport="polling", sid=client.sid)
    for _ in range(11):
        connection.write(b"%x\r\n%s\r\n" % (LIMIT // 10, b"4" * (LIMIT // 10)))
    assert (await connection.reply()).status == 413


async def test_chunked_post_of_the_limit_passes(wire: Wire) -> None:
    """A chunked body of exactly the limit is taken."""
    client = await joined(wire)
    body = packet_of(LIMIT).encode()
    chunks = b"".join(b"%x\r\n%s\r\n" % (LIMIT // 10, body[n : n + LIMIT // 10]) for n in range(0, LIMIT, LIMIT // 10))
    reply = await client.post(chunks + b"0\r\n\r\n", {"transfer-encoding": "chunked"})
    assert (reply.status, reply.text) == (200, "ok")
    assert len(await client.receive()) > LIMIT


async def test_post_that_never_ends(wire: Wire) -> None:
    """A body over the limit gets 413 although the rest that it announced never comes."""
    client = await joined(wire)
    body, length = b"4" * (LIMIT + 1), {"content-length": str(10 * LIMIT)}
    connection = await wire.write("POST", body, length, transport="polling", sid=client.sid)
    assert (await connection.reply()).status == 413


async def test_body_longer_than_announced(wire: Wire) -> None:
    """Of a body that is longer than it says nothing is heard beyond its announced length."""
    client = await joined(wire)
    body = '42["back",1]'
    length = {"content-length": str(len(body))}
    await wire.write("POST", body + '\x1e42["back",2]', length, transport="polling", sid=client.sid)
    await wire.settle()
    reply = await client.get()
    assert reply.status == 400 or reply.text == body


async def test_body_shorter_than_announced(wire: Wire) -> None:
    """A client that hangs up in the middle of a POST is not heard, and its session is gone."""
    client = await wire.polling()
    sid = await client.connect()
    body = '42["leave",false]'
    connection = await wire.write("POST", body, {"content-length": "100"}, transport="polling", sid=client.sid)
    await wire.settle()
    await connection.close()
    assert await wire.reason(sid) == "transport error"
    await client.gone()


async def test_post_without_a_body(wire: Wire) -> None:
    """A POST with neither length nor chunks has an empty body, which is no packet."""
    client = await joined(wire)
    connection = await wire.connection()
    target = wire.target(transport="polling", sid=client.sid)
    connection.write(f"POST {target} HTTP/1.1\r\nhost: {wire.host}\r\nconnection: close\r\n\r\n".encode())
    assert (await connection.reply()).status == 400
    await client.gone()


@pytest.mark.parametrize("kind", [str, bytes])
async def test_websocket_message_over_the_limit(wire: Wire, kind: type[str] | type[bytes]) -> None:
    """A longer message closes the WebSocket with 1009, be it text or binary."""
    client = await wire.websocket()
    await client.connect()
    text = packet_of(LIMIT + 1)
    await client.misbehave(text if kind is str else text.encode())
    assert await client.rest() == []
    assert client.close_code == 1009


async def test_websocket_message_of_the_limit_passes(wire: Wire) -> None:
    """A message of exactly the limit is taken."""
    client = await wire.websocket()
    await client.connect()
    assert len(await client.ask(packet_of(LIMIT))) > LIMIT


async def test_websocket_limit_is_in_bytes(wire: Wire) -> None:
    """Characters of several bytes count as their bytes."""
    client = await wire.websocket()
    await client.connect()
    await client.misbehave('42["back","' + "€" * 400_000 + '"]')
    assert await client.rest() == []
    assert client.close_code == 1009


async def test_fragments_over_the_limit(wire: Wire) -> None:
    """Fragments count together."""
    client = await wire.websocket()
    await client.connect()
    await client.connection.send([packet_of(LIMIT)[:-1], '"]'])
    assert await client.rest() == []
    assert client.close_code == 1009


async def test_compressed_message_over_the_limit(wire: Wire) -> None:
    """A message that is small on the wire and large when inflated is refused too."""
    client = await wire.websocket(compression="deflate")
    await client.connect()
    await client.misbehave(packet_of(2 * LIMIT))
    assert await client.rest() == []
    assert client.close_code == 1009
