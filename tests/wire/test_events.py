"""Events and acknowledgements, with and without binary."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from wire.raw import Client, Wire


@pytest.fixture(params=["polling", "websocket"])
async def client(wire: Wire, request: pytest.FixtureRequest) -> Client:
    """A client that has joined, on each transport."""
    client = await wire.client(request.param)
    await client.connect()
    return client


def attachment(number: int) -> str:
    return f'{{"_placeholder":true,"num":{number}}}'


async def test_event_without_ack_is_not_answered(client: Client) -> None:
    """Without an id nothing comes back but what the method emits."""
    await client.send('42["echo","unheard"]')
    assert await client.ask('42["back","heard"]') == '42["back","heard"]'


@pytest.mark.parametrize("number", ["0", "7", "123456789"])
async def test_ack_has_the_id_of_the_event(client: Client, number: str) -> None:
    """The acknowledgement bears the event's id and is the envelope."""
    assert await client.ask(f'42{number}["echo","hello"]') == f'43{number}[{{"status":"ok","data":["hello"]}}]'


@pytest.mark.parametrize(
    "arguments",
    [
        "",
        ',"a","b"',
        ",null",
        ",0,-1,1.5,true,false,null",
        ',"à€😀 \\u0000\\" \\\\"',
        ',{"a":{"b":[[],{},[{}]]},"":""}',
        ',"__proto__",{"__proto__":1,"constructor":2}',
        "," + "[" * 200 + "]" * 200,
        ",9007199254740993",
        ',[1,2,{"_placeholder":false,"num":0}]',
    ],
)
async def test_values_come_back_as_they_went(client: Client, arguments: str) -> None:
    """Whatever JSON holds arrives unchanged and in order."""
    answer = await client.ask(f'42["back"{arguments}]')
    assert isinstance(answer, str)
    assert answer[:2] == "42"
    assert json.loads(answer[2:]) == json.loads(f'["back"{arguments}]')


async def test_event_name_in_any_script(client: Client) -> None:
    """An event name is any text, the empty one and one with line ends included; who has no method gets an error."""
    for name in ("événement", "", "a\\nb", "message"):
        answer = await client.ask(f'420["{name}"]')
        assert isinstance(answer, str)
        assert json.loads(answer[3:])[0]["error"]["code"] == "UNKNOWN_EVENT"


async def test_event_name_may_be_a_number(client: Client) -> None:
    """A number is a valid event name on the wire."""
    await client.send("42[1]")
    assert await client.is_served()


async def test_lone_surrogate(client: Client) -> None:
    """Half a character, which browsers can send, is taken and goes back escaped."""
    assert await client.ask('420["echo","\\ud800"]') == '430[{"status":"ok","data":["\\ud800"]}]'
    assert await client.ask('42["back","a\\udfffb"]') == '42["back","a\\udfffb"]'


async def test_whitespace_in_json(client: Client) -> None:
    """JSON may be spread out."""
    assert await client.ask('420[ "echo" , "hello" ]\n') == '430[{"status":"ok","data":["hello"]}]'


async def test_ack_from_the_client(client: Client) -> None:
    """The server's event bears an id, and the client's answer reaches the method."""
    question = await client.ask('42["ask","how?"]')
    assert isinstance(question, str)
    number = question[2 : question.index("[")]
    assert number.isdecimal()
    assert question == f'42{number}["question","how?"]'
    assert await client.ask(f'43{number}["so"]') == '42["answered","so"]'


async def test_binary_ack_from_the_client(client: Client) -> None:
    """An acknowledgement may hold binary."""
    question = await client.ask('42["ask","how?"]')
    assert isinstance(question, str)
    number = question[2 : question.index("[")]
    await client.send(f"461-{number}[{attachment(0)}]", b"so")
    assert [await client.receive(), await client.receive()] == [f'451-["answered",{attachment(0)}]', b"so"]


@pytest.mark.parametrize("packet", ['43999["nobody asked"]', "43999[]", '43["no id"]'])
async def test_ack_that_nobody_waits_for(client: Client, packet: str) -> None:
    """An acknowledgement that answers nothing is ignored, like the second of two."""
    await client.send(packet)
    assert await client.is_served()


async def test_binary_event(client: Client) -> None:
    """A binary value is a placeholder in the packet and an attachment behind it."""
    header = f'451-["back",{attachment(0)}]'
    await client.send(header, b"\x00\x01\xff")
    assert [await client.receive(), await client.receive()] == [header, b"\x00\x01\xff"]


async def test_empty_attachment(client: Client) -> None:
    """An attachment may have no bytes."""
    header = f'451-["back",{attachment(0)}]'
    await client.send(header, b"")
    assert [await client.receive(), await client.receive()] == [header, b""]


async def test_binary_ack(client: Client) -> None:
    """A binary value in an answer makes it a binary acknowledgement."""
    await client.send(f'451-0["echo",{attachment(0)}]', b"\x01\x02")
    header = f'461-0[{{"status":"ok","data":[{attachment(0)}]}}]'
    assert [await client.receive(), await client.receive()] == [header, b"\x01\x02"]


async def test_nested_attachments(client: Client) -> None:
    """Attachments may stand anywhere in the data, and keep their places."""
    header = f'453-["back",[{attachment(0)}],{{"a":{{"b":{attachment(1)}}},"c":[1,{attachment(2)}]}}]'
    await client.send(header, b"one", b"two", b"three")
    assert [await client.receive() for _ in range(4)] == [header, b"one", b"two", b"three"]


async def test_attachments_out_of_order(client: Client) -> None:
    """A placeholder tells by its number which attachment it means."""
    await client.send(f'452-["back",{attachment(1)},{attachment(0)}]', b"zero", b"one")
    header = f'452-["back",{attachment(0)},{attachment(1)}]'
    assert [await client.receive() for _ in range(3)] == [header, b"one", b"zero"]


async def test_ten_attachments(client: Client) -> None:
    """Ten attachments are allowed."""
    header = f'4510-["back",{",".join(attachment(n) for n in range(10))}]'
    data = [bytes([n]) for n in range(10)]
    await client.send(header, *data)
    assert [await client.receive() for _ in range(11)] == [header, *data]


async def test_binary_in_a_namespace(wire: Wire) -> None:
    """The namespace stands between the number of attachments and the id."""
    client = await wire.websocket()
    await client.connect("40/custom,")
    await client.send(f'451-/custom,0["echo",{attachment(0)}]', b"\x01")
    header = f'461-/custom,0[{{"status":"ok","data":[{attachment(0)}]}}]'
    assert [await client.receive(), await client.receive()] == [header, b"\x01"]
