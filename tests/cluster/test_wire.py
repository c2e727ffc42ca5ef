"""The bytes on the wire: those of Node's packages, as they were captured, and back."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from whinny import EncodeError, RedisEmitter
from whinny.cluster import Selection
from whinny.cluster.redis.classic_wire import (
    Channels,
    Options,
    Packet,
    broadcast_head,
    decode_broadcast,
    decode_request,
    decode_response,
    encode_ask,
    encode_broadcast,
    encode_json,
    encode_packet,
    options,
    with_bytes,
)
from whinny.cluster.redis.sharded_wire import Encoder, Kind, ShardedChannels, decode, looks_like_id, whom
from whinny.cluster.redis.sharded_wire import encode_packet as encode_sharded_packet

ROOM = Selection(("room1",))

CLASSIC = bytes.fromhex(
    "93a65f494971763683a47479706502a46461746192a568656c6c6fa178a36e7370a12f83a5726f6f6d7391a5726f6f6d31a665786365707490"
    "a5666c61677380"
)
"""`io.to("room1").emit("hello", "x")`"""

CLASSIC_BINARY = CLASSIC.replace(b"\xa1x", bytes.fromhex("c403010203"))
"""The same with a Buffer of 1, 2, 3 instead of "x"."""

EMITTER = bytes.fromhex(
    "93a7656d697474657283a47479706502a46461746192a568656c6c6f01a36e7370a12f83a5726f6f6d7390a5666c61677380a665786365707490"
)
"""`emitter.emit("hello", 1)` of `@socket.io/redis-emitter`; its options are in another order."""

SHARDED = (
    b'{"type":3,"data":{"packet":{"type":2,"data":["hello","x"]},"opts":{"rooms":["room1"],"except":[],"flags":{}}},'
    b'"uid":"380e9d74c3f4cd52","nsp":"/"}'
)
"""`io.to("room1").emit("hello", "x")`, sharded."""


@pytest.mark.parametrize(("argument", "captured"), [("x", CLASSIC), (b"\x01\x02\x03", CLASSIC_BINARY)])
def test_a_classic_broadcast(argument: Any, captured: bytes) -> None:
    """Byte by byte as Node's adapter sends it, and on the same channel."""
    packet = encode_packet(["hello", argument], "/")
    assert encode_broadcast(broadcast_head("_IIqv6"), packet, ROOM, {}) == captured
    read = decode_broadcast(captured)
    assert read == ("_IIqv6", Packet(2, ["hello", argument], "/"), Options(["room1"], [], {}))
    assert read[2].selection == ROOM


def test_classic_channels() -> None:
    """One room has a channel of its own; characters that mean something in a pattern stand for themselves."""
    channels = Channels("socket.io", "/", "_IIqv6")
    assert channels.every_broadcast == b"socket.io#/#*"
    assert channels.room(ROOM) == b"socket.io#/#room1#"
    assert channels.room(Selection(("a", "b"))) == channels.room(Selection(excluded=("a",))) == b"socket.io#/#"
    assert channels.requests == b"socket.io-request#/#"
    assert channels.responses == b"socket.io-response#/#"
    assert channels.own_responses == channels.responses_to("_IIqv6") == b"socket.io-response#/#_IIqv6#"
    assert Channels("a*[b]?\\", "/ü", "x").every_broadcast == "a\\*\\[b\\]\\?\\\\#/ü#*".encode()


def test_what_an_emitter_publishes(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Node's emitter publishes, but for the order of the options; requests have no sender, as there."""
    assert decode_broadcast(EMITTER) == ("emitter", Packet(2, ["hello", 1], "/"), Options())
    published: list[tuple[bytes, bytes]] = []
    monkeypatch.setattr("redis.Redis.publish", lambda _, *message: published.append(message))
    with RedisEmitter("redis://localhost") as emitter:
        emitter.emit("hello", 1)
        emitter.of("chat").to("r").volatile.emit("hello")
        emitter.to("r").except_("s").sockets_join("a", "b")
        emitter.sockets_leave("a")
        emitter.in_("r").disconnect_sockets(close=True)
        emitter.server_side_emit("hello", "ü")
    (channel, message), (of_room, volatile), *requests = published
    assert channel == b"socket.io#/#"
    assert decode_broadcast(message) == decode_broadcast(EMITTER)
    assert len(message) == len(EMITTER)
    assert of_room == b"socket.io#/chat#r#"
    assert msgspec.msgpack.decode(volatile) == [
        "emitter",
        {"type": 2, "data": ["hello"], "nsp": "/chat"},
        {"rooms": ["r"], "except": [], "flags": {"volatile": True}},
    ]
    assert {channel for channel, _ in requests} == {b"socket.io-request#/#"}
    everybody: dict[str, Any] = {"rooms": [], "except": []}
    assert [json.loads(message) for _, message in requests] == [
        {"type": 2, "opts": {"rooms": ["r"], "except": ["s"]}, "rooms": ["a", "b"]},
        {"type": 3, "opts": everybody, "rooms": ["a"]},
        {"type": 4, "opts": {"rooms": ["r"], "except": []}, "close": True},
        {"type": 6, "uid": "emitter", "data": ["hello", "ü"]},
    ]


def test_classic_requests_and_responses() -> None:
    """What is absent is left out: Node takes an id that is null for one that waits for an answer."""
    request = encode_json({"uid": "abcdef", "type": 5, "requestId": "i", "opts": options(ROOM)})
    assert request == b'{"uid":"abcdef","type":5,"requestId":"i","opts":{"rooms":["room1"],"except":[]}}'
    assert decode_request(request).opts.selection == ROOM
    ask = encode_ask("abcdef", "i", encode_packet(["q", b"\x01"], "/"), ROOM, 1.5)
    assert msgspec.msgpack.decode(ask) == {
        "uid": "abcdef",
        "requestId": "i",
        "type": 7,
        "packet": {"type": 2, "data": ["q", b"\x01"], "nsp": "/"},
        "opts": {"rooms": ["room1"], "except": [], "flags": {"timeout": 1500}},
    }
    assert decode_request(ask).packet == Packet(2, ["q", b"\x01"], "/")
    count = decode_response(b'{"type":8,"requestId":"i","clientCount":3}')
    assert (count.type, count.request_id, count.client_count) == (8, "i", 3)


def test_binary_values_in_json() -> None:
    """As Node writes Buffers; what only looks like one stays as it is."""
    message = {"a": [b"\x00\xff", {"b": bytearray(b"x")}], "c": {"type": "Buffer", "data": [256]}}
    read = json.loads(encode_json(message))
    assert read["a"][0] == {"type": "Buffer", "data": [0, 255]}
    assert with_bytes(read) == {**message, "a": [b"\x00\xff", {"b": b"x"}]}


def test_a_sharded_broadcast() -> None:
    """Byte by byte as Node's adapter sends it, and on the same channel."""
    encoder, packet = Encoder("380e9d74c3f4cd52", "/"), encode_sharded_packet(["hello", "x"])
    assert encoder.broadcast(packet, ROOM, False) == SHARDED
    assert encoder.message(Kind.BROADCAST, {"packet": msgspec.Raw(packet), "opts": whom(ROOM)}) == SHARDED
    assert SHARDED.endswith(encoder.end)
    volatile = {"packet": msgspec.Raw(packet), "opts": {**whom(ROOM), "flags": {"volatile": True}}}
    assert encoder.broadcast(packet, ROOM, True) == encoder.message(Kind.BROADCAST, volatile)
    message = decode(SHARDED)
    assert (message.uid, message.type, message.nsp) == ("380e9d74c3f4cd52", Kind.BROADCAST, "/")
    assert message.data.packet == {"type": 2, "data": ["hello", "x"]}
    assert message.data.opts.selection == ROOM
    assert message.data.request_id is None
    assert ShardedChannels("socket.io", "/").room("room1") == b"socket.io#/#room1#"
    assert ShardedChannels("socket.io", "/").every_server == b"socket.io#/#"
    assert ShardedChannels("socket.io", "/").server("380e") == b"socket.io#/#380e#"


def test_a_sharded_broadcast_with_binary_values() -> None:
    """It is msgpack, with the same in it."""
    message = Encoder("u", "/").broadcast(encode_sharded_packet(["hello", {"x": [b"\x01"]}]), ROOM, False)
    assert msgspec.msgpack.decode(message) == {
        "type": 3,
        "data": {"packet": {"type": 2, "data": ["hello", {"x": [b"\x01"]}]}, "opts": whom_read(ROOM)},
        "uid": "u",
        "nsp": "/",
    }
    assert decode(message).data.packet["data"] == ["hello", {"x": [b"\x01"]}]


def whom_read(selection: Selection) -> dict[str, Any]:
    return {"rooms": list(selection.rooms), "except": list(selection.excluded), "flags": {}}


def test_dates_of_node() -> None:
    """Clients get the text that clients of Node's servers get; a value that only holds the same bytes is left alone."""
    dates = [datetime(1970, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, 3, 4, 5, 6789, tzinfo=UTC)]
    marks = b"\xd6\xff\xd7\xff\xc7\x0c\xff"
    data = ["x", *dates, {"deep": [dates[1]]}, marks]
    texts = ["1970-01-01T00:00:00.000Z", "2026-01-02T03:04:05.006Z"]
    packet = {"type": 2, "data": data, "nsp": "/"}
    broadcast = msgspec.msgpack.encode(["u", packet, options(ROOM, {})])
    expected = ["x", *texts, {"deep": [texts[1]]}, marks]
    assert decode_broadcast(broadcast)[1].data == expected
    ask = msgspec.msgpack.encode({"type": 7, "packet": packet})
    assert (decode_request(ask).packet or Packet(2, [])).data == expected
    message = {"uid": "u", "type": 3, "data": {"packet": packet}}
    assert decode(msgspec.msgpack.encode(message)).data.packet["data"] == expected


@pytest.mark.parametrize(
    ("room", "is_id"), [("x" * 20, True), ("x" * 19, False), ("ü" * 20, True), ("🐎" * 10, True), ("🐎" * 20, False)]
)
def test_rooms_that_look_like_ids(room: str, is_id: bool) -> None:
    """Twenty characters, as JavaScript counts them."""
    assert looks_like_id(room) is is_id


def test_rooms_that_are_numbers() -> None:
    """On Node's servers that is possible; here they are the numbers' texts."""
    read = decode_broadcast(
        msgspec.msgpack.encode(["u", {"type": 2, "data": ["x"]}, {"rooms": [5, 1.5], "except": [6]}])
    )
    assert read[2].selection == Selection(("5", "1.5"), ("6",))
    assert read[1].nsp == "/"


@pytest.mark.parametrize("encode_it", [lambda data: encode_packet(data, "/"), encode_sharded_packet])
def test_what_cannot_be_sent(encode_it: Any) -> None:
    """Is an EncodeError, whatever is wrong with it."""
    endless: list[Any] = []
    endless.append(endless)
    for wrong in (object(), endless, {1j: 2}):
        with pytest.raises(EncodeError):
            encode_it(["x", wrong])
