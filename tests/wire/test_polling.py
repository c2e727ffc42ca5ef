"""The polling transport: requests, payloads, overlaps, and how it ends."""

from __future__ import annotations

import gzip
import json

import pytest

from wire.raw import NOBODY, OK_ECHO, SEPARATOR, Wire


async def test_post_is_answered_ok(wire: Wire) -> None:
    """A POST gets `ok` as text/html, which old browsers want."""
    client = await wire.polling()
    reply = await client.post("40")
    assert (reply.status, reply.text) == (200, "ok")
    assert reply.headers["content-type"].startswith("text/html")
    assert reply.headers["content-length"] == "2"


async def test_poll_is_plain_text(wire: Wire) -> None:
    """A poll is answered in UTF-8 text, with its length in bytes."""
    client = await wire.polling()
    await client.connect()
    await client.send('42["back","à€😀"]')
    reply = await client.get()
    assert reply.text == '42["back","à€😀"]'
    assert reply.headers["content-type"].lower() == "text/plain; charset=utf-8"
    assert reply.headers["content-length"] == str(len(reply.body))


async def test_requests_share_a_connection(wire: Wire) -> None:
    """All requests of a session may come on one TCP connection, one after the other."""
    keep = {"connection": "keep-alive"}
    connection = await wire.connection()
    connection.write(wire.encoded("GET", headers=keep, transport="polling"))
    sid = json.loads((await connection.reply()).text[1:])["sid"]
    for packet in ("40", '420["echo","hello"]'):
        connection.write(wire.encoded("POST", packet, keep, transport="polling", sid=sid))
        assert (await connection.reply()).text == "ok"
        connection.write(wire.encoded("GET", headers=keep, transport="polling", sid=sid))
        answer = (await connection.reply()).text
    assert answer == OK_ECHO


async def test_nothing_is_stored(wire: Wire) -> None:
    """Handshake, poll and POST all forbid caches to keep them."""
    client = await wire.polling()
    replies = [await wire.get(), await client.post("40"), await client.get()]
    assert [reply.headers["cache-control"] for reply in replies] == ["no-store"] * 3


async def test_many_packets_in_one_post(wire: Wire) -> None:
    """200 packets in one POST all arrive, and are answered in their order."""
    client = await wire.polling()
    await client.connect()
    await client.send(*(f'42{n}["echo",{n}]' for n in range(200)))
    answers = [await client.receive() for _ in range(200)]
    assert answers == [f'43{n}[{{"status":"ok","data":[{n}]}}]' for n in range(200)]


async def test_many_packets_in_one_poll(wire: Wire) -> None:
    """What waits for a client comes in one payload, separated by 0x1e."""
    client = await wire.polling()
    await client.connect()
    await client.send('42["back",1]', '42["back",2]', '42["back",3]')
    assert (await client.get()).text == SEPARATOR.join(['42["back",1]', '42["back",2]', '42["back",3]'])


async def test_binary_is_base64(wire: Wire) -> None:
    """Binary travels as `b` and base64, both ways."""
    client = await wire.polling()
    await client.connect()
    header = '451-["back",{"_placeholder":true,"num":0}]'
    assert (await client.post(SEPARATOR.join([header, "bAQIDBP8="]))).text == "ok"
    assert (await client.get()).packets == [header, "bAQIDBP8="]


async def test_pending_poll_is_answered_by_a_message(wire: Wire) -> None:
    """A poll waits until there is something to say."""
    client = await wire.polling()
    await client.connect()
    poll = await client.pending()
    assert not poll.done()
    await client.send('42["back","now"]')
    assert (await poll).text == '42["back","now"]'


async def test_overlapping_polls_end_the_session(wire: Wire) -> None:
    """Of two polls at once the second is refused, the first told to close, and the session is gone."""
    client = await wire.polling()
    await client.connect()
    first = await client.pending()
    second = await client.get()
    assert second.status == 400
    assert ((await first).status, (await first).text) == (200, "1")
    await client.gone()


async def test_overlapping_posts_end_the_session(wire: Wire) -> None:
    """Of two POSTs at once the second is refused, and the session is gone."""
    client = await wire.polling()
    await client.connect()
    await wire.write("POST", "42", {"content-length": "100"}, transport="polling", sid=client.sid)
    await wire.settle()
    assert (await client.post('42["back",1]')).status == 400
    await client.gone()


async def test_octet_stream_is_refused(wire: Wire) -> None:
    """A binary body belongs to an older protocol: 400, and the session is closed."""
    client = await wire.polling()
    await client.connect()
    assert (await client.post(b'42["back",1]', {"content-type": "application/octet-stream"})).status == 400
    await client.gone()


@pytest.mark.parametrize("body", ["abc", "", "7", 'x42["back",1]', "bab=c", f'42["back",1]{SEPARATOR}'])
async def test_malformed_payload_ends_the_session(wire: Wire, body: str) -> None:
    """A POST with a packet of no known type gets 400, and the session is gone."""
    client = await wire.polling()
    await client.connect()
    assert (await client.post(body)).status == 400
    await client.gone()


async def test_client_closes(wire: Wire) -> None:
    """A close packet frees the pending poll with a noop and ends the session."""
    client = await wire.polling()
    await client.connect()
    poll = await client.pending()
    await client.send("1")
    assert ((await poll).status, (await poll).text) == (200, "6")
    await client.gone()


async def test_client_closes_without_a_poll(wire: Wire) -> None:
    """A close packet ends the session at once when no poll waits."""
    client = await wire.polling()
    await client.connect()
    await client.send("1")
    assert (await client.get()).error == (400, {"code": 1, "message": "Session ID unknown"})


async def test_packets_behind_a_close_are_dropped(wire: Wire) -> None:
    """What follows a close packet in the same payload is not heard."""
    client = await wire.polling()
    sid = await client.connect()
    await client.send("1", '42["leave",false]')
    assert await wire.reason(sid) == "transport close"


async def test_broken_poll_ends_the_session(wire: Wire) -> None:
    """A client that hangs up while it polls has lost what the answer would have said: the session is gone."""
    client = await wire.polling()
    sid = await client.connect()
    connection = await wire.write("GET", transport="polling", sid=client.sid)
    await wire.settle()
    await connection.close()
    assert await wire.reason(sid) == "transport error"
    await client.gone()


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "HEAD"])
async def test_other_methods_on_a_session_are_errors(wire: Wire, method: str) -> None:
    """Only GET and POST reach a session; another method is an error and leaves it alone."""
    client = await wire.polling()
    reply = await wire.request(method, headers={"content-length": "0"}, transport="polling", sid=client.sid)
    assert reply.status >= 400
    await client.connect()


def message_of(size: int) -> str:
    """A message whose packet has this many bytes."""
    return "x" * (size - len('42["back",""]'))


async def test_long_polls_are_compressed(wire: Wire) -> None:
    """An answer of 1024 bytes or more is compressed for a client that accepts gzip."""
    client = await wire.polling()
    await client.connect()
    text = message_of(1024)
    await client.send(f'42["back","{text}"]')
    reply = await client.get({"accept-encoding": "gzip, deflate, br"})
    assert reply.headers["content-encoding"] == "gzip"
    assert len(reply.body) < 1024
    assert gzip.decompress(reply.body).decode() == f'42["back","{text}"]'
    assert reply.headers["content-type"].lower() == "text/plain; charset=utf-8"


async def test_short_polls_are_not_compressed(wire: Wire) -> None:
    """An answer of 1023 bytes is sent as it is."""
    client = await wire.polling()
    await client.connect()
    text = message_of(1023)
    await client.send(f'42["back","{text}"]')
    reply = await client.get({"accept-encoding": "gzip"})
    assert "content-encoding" not in reply.headers
    assert reply.text == f'42["back","{text}"]'


@pytest.mark.parametrize("accepted", [None, "identity", "br", "gzip;q=0", "x-gzip-like"])
async def test_compression_needs_consent(wire: Wire, accepted: str | None) -> None:
    """A client that does not accept gzip gets no gzip."""
    client = await wire.polling()
    await client.connect()
    text = message_of(5000)
    await client.send(f'42["back","{text}"]')
    reply = await client.get({} if accepted is None else {"accept-encoding": accepted})
    assert "content-encoding" not in reply.headers
    assert reply.text == f'42["back","{text}"]'


async def test_refusals_are_json(wire: Wire) -> None:
    """A refused request says why, in JSON."""
    reply = await wire.get(sid=NOBODY)
    assert reply.headers["content-type"].startswith("application/json")
    assert json.loads(reply.body) == {"code": 1, "message": "Session ID unknown"}
