"""What breaks the protocol of Socket.IO closes that connection at once, and harms no other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from support.servers import ServerProcess
    from wire.raw import Wire

PLACEHOLDER = '{"_placeholder":true,"num":0}'
DEEP = 100_000

TEXTS = {
    "unknown type": "4abc",
    "no type": "4",
    "type 7": "47",
    "event without data": "42",
    "event with an object": "42{}",
    "event with a text": '42"echo"',
    "event with null": "42null",
    "empty event": "42[]",
    "object as event name": "42[{}]",
    "list as event name": '42[["echo"]]',
    "null as event name": "42[null]",
    "true as event name": "42[true]",
    "connect": '42["connect"]',
    "connect_error": '42["connect_error"]',
    "disconnect": '42["disconnect"]',
    "disconnecting": '42["disconnecting"]',
    "newListener": '42["newListener"]',
    "removeListener": '42["removeListener","x"]',
    "unfinished JSON": '42["echo"',
    "text behind the JSON": '42["echo"]x',
    "no JSON": "42echo",
    "NaN": '42["echo",NaN]',
    "NaN beside a lone surrogate": '42["echo","\\ud800",NaN]',
    "Infinity": '42["echo",-Infinity]',
    "trailing comma": '42["echo",]',
    "single quotes": "42['echo']",
    "raw line end in a text": '42["echo","\n"]',
    "raw line end beside a lone surrogate": '42["echo","\\ud800\n"]',
    "superscript in the id": '42\u00b2["echo"]',
    "foreign digit in the id": '42\u0663["echo"]',
    "minus in the id": '42-1["echo"]',
    "deep list": '42["echo",' + "[" * DEEP + "]" * DEEP + "]",
    "deep list without an end": '42["echo",' + "[" * DEEP,
    "deep object": '42["echo",' + '{"a":' * DEEP + "1" + "}" * DEEP + "]",
    "deep list beside a lone surrogate": '42["echo","\\ud800",' + "[" * DEEP + "]" * DEEP + "]",
    "ack without a list": "430{}",
    "ack with broken JSON": "430[",
    "second CONNECT": "40",
    "second CONNECT with auth": '40{"a":1}',
    "CONNECT with a list": "40[]",
    "CONNECT with a list to another namespace": "40/custom,[]",
    "CONNECT with a text": '40/custom,"text"',
    "CONNECT with null": "40/custom,null",
    "CONNECT with broken JSON": "40/custom,{",
    "DISCONNECT with data": "41{}",
    "CONNECT_ERROR": '44{"message":"x"}',
    "CONNECT_ERROR without data": "44",
    "namespace that is not joined": '42/custom,["echo"]',
    "namespace that is not there": '42/random,["echo"]',
    "DISCONNECT from a namespace that is not joined": "41/custom,",
    "too many attachments": f'4511-["echo",{",".join([PLACEHOLDER] * 11)}]',
    "very many attachments": '4599999999999-["echo"]',
    "no attachments": '450-["echo"]',
    "attachments without a number": '45-["echo"]',
    "attachments without a dash": f'451["echo",{PLACEHOLDER}]',
    "half an attachment": '451.5-["echo"]',
    "minus one attachment": '45-1-["echo"]',
    "foreign digit of attachments": f'45\u0661-["echo",{PLACEHOLDER}]',
    "superscript attachments": f'45\u00b2-["echo",{PLACEHOLDER}]',
    "word for attachments": '45one-["echo"]',
    "reserved binary event": f'451-["disconnect",{PLACEHOLDER}]',
    "binary event without data": "451-",
    "binary event with an object": f"451-{PLACEHOLDER}",
    "binary ack with an object": f"461-0{PLACEHOLDER}",
}

BINARY: dict[str, list[str | bytes]] = {
    "binary without a header": [b"\x01"],
    "empty binary without a header": [b""],
    "binary behind a text event": ['42["echo"]', b"\x01"],
    "one attachment too many": [f'451-["echo",{PLACEHOLDER}]', b"\x01", b"\x02"],
    "text among attachments": ['452-["echo"]', b"\x01", '42["echo"]'],
    "header among attachments": ['452-["echo"]', b"\x01", '451-["echo"]'],
    "placeholder above": ['451-["echo",{"_placeholder":true,"num":1}]', b"\x01"],
    "placeholder below": ['451-["echo",{"_placeholder":true,"num":-1}]', b"\x01"],
    "placeholder with a text": ['451-["echo",{"_placeholder":true,"num":"0"}]', b"\x01"],
    "placeholder with null": ['451-["echo",{"_placeholder":true,"num":null}]', b"\x01"],
    "placeholder with a list": ['451-["echo",{"_placeholder":true,"num":[0]}]', b"\x01"],
    "placeholder with a fraction": ['451-["echo",{"_placeholder":true,"num":0.5}]', b"\x01"],
    "placeholder with true": ['452-["echo",{"_placeholder":true,"num":true}]', b"\x01", b"\x02"],
    "placeholder without a number": ['451-["echo",{"_placeholder":true}]', b"\x01"],
    "nested placeholder above": ['451-["echo",{"a":[{"_placeholder":true,"num":9}]}]', b"\x01"],
    "deep binary event": ['451-["echo",' + "[" * DEEP + PLACEHOLDER + "]" * DEEP + "]", b"\x01"],
}

BROKEN: dict[str, list[str | bytes]] = {**{name: [text] for name, text in TEXTS.items()}, **BINARY}

each_broken = pytest.mark.parametrize("packets", BROKEN.values(), ids=BROKEN)


@each_broken
async def test_malformed_on_websocket(wire: Wire, packets: list[str | bytes]) -> None:
    """The WebSocket that brought it is closed at once, without an answer; another goes on."""
    healthy, bad = await wire.websocket(), await wire.websocket()
    await healthy.connect()
    await bad.connect()
    await bad.misbehave(*packets)
    assert await bad.rest() == []
    assert await healthy.is_served()


@each_broken
async def test_malformed_on_polling(wire: Wire, packets: list[str | bytes]) -> None:
    """The session that brought it is gone at once; another goes on."""
    healthy, bad = await wire.polling(), await wire.polling()
    await healthy.connect()
    await bad.connect()
    await bad.misbehave(*packets)
    await bad.gone()
    assert await healthy.is_served()


@pytest.mark.parametrize("packet", ['42["echo"]', '420["echo","hello"]', "41", '430["x"]', "44", '44{"message":"x"}'])
async def test_first_packet_must_be_connect(wire: Wire, packet: str) -> None:
    """Anything but CONNECT before a namespace was joined closes the connection."""
    client = await wire.websocket()
    await client.send(packet)
    assert await client.rest() == []


@pytest.mark.parametrize("transport", ["polling", "websocket"])
@pytest.mark.parametrize("packet", ['420["echo","hello"]', "1"])
async def test_connection_ends_while_joining(wire: Wire, transport: str, packet: str) -> None:
    """While `on_connection` still runs an event is too early, and a close packet is obeyed."""
    client = await wire.client(transport)
    await client.misbehave('40{"hang":true}', packet)
    await client.gone()


async def test_malformed_packet_gives_its_reason(wire: Wire) -> None:
    """The server learns that it was no orderly end."""
    client = await wire.websocket()
    sid = await client.connect()
    await client.send("42{}")
    await client.gone()
    assert await wire.reason(sid) in ("parse error", "forced close", "transport error")


@pytest.mark.parametrize("digits", [30, 5_000])
async def test_huge_numbers_harm_nobody(wire: Wire, server: ServerProcess, digits: int) -> None:
    """An id or a value of absurd length may be refused, and is no crash."""
    healthy = await wire.websocket()
    await healthy.connect()
    for packet in (
        "42" + "9" * digits + '["echo"]',
        "45" + "9" * digits + '-["echo"]',
        '420["echo",' + "9" * digits + "]",
        '420["echo","\\ud800",' + "9" * digits + "]",
        '420["echo",1e' + "9" * digits + "]",
    ):
        client = await wire.websocket()
        await client.connect()
        await client.misbehave(packet)
        await client.connection.close()
    assert await healthy.is_served()
    assert "Traceback" not in server.log


async def test_bad_clients_do_not_fill_the_log(wire: Wire, server: ServerProcess) -> None:
    """Beyond what every connection costs, one that breaks the protocol costs at most one line in the log."""
    before = len(server.log)
    for packets in BROKEN.values():
        client = await wire.websocket()
        await client.connect()
        await client.misbehave(*packets)
        await client.gone()
    lines = [line for line in server.log[before:].splitlines() if not line.startswith("INFO")]
    assert len(lines) <= len(BROKEN), lines
    assert not [line for line in lines if "Traceback" in line]
