"""Socket.IO packets: there and back, and what is refused on either way."""

from __future__ import annotations

import copy
import json
import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from unit.strategies import json_values, packets, values
from whinny.errors import EncodeError, ProtocolError
from whinny.protocol import RESERVED_EVENTS, Ack, Connect, ConnectError, Decoder, Disconnect, Event, Packet, encode

MANY = 1000  # attachments, where their number is not the subject


def decode(messages: list[str | bytes], **limits: int) -> Packet:
    """The packet of these messages, which only the last of them completes."""
    decoder = Decoder(**limits)
    *first, last = messages
    for each in first:
        assert decoder.add(each) is None
    packet = decoder.add(last)
    assert packet is not None
    return packet


def sent(value: Any) -> Any:
    """What the other side receives."""
    packet = decode(encode(Event("/", ["e", value]), MANY), max_attachments=MANY)
    assert isinstance(packet, Event)
    return packet.data[1]


# there and back


@given(packets)
def test_every_packet_comes_back(packet: Packet) -> None:
    """A packet of any kind, with any data, namespace and id, is decoded as it was encoded."""
    assert decode(encode(packet, MANY), max_attachments=MANY) == packet


@given(packets, st.booleans())
def test_encoding_changes_nothing(packet: Packet, twice: bool) -> None:
    """The data given to `encode` is the same afterwards, binary values included, and can be encoded again."""
    before = copy.deepcopy(packet)
    messages = encode(packet, MANY)
    assert packet == before
    if twice:
        assert encode(packet, MANY) == messages


@given(st.lists(packets, max_size=6))
def test_a_decoder_is_good_for_many_packets(sequence: list[Packet]) -> None:
    """One decoder gives the packets of a whole connection, in order."""
    decoder = Decoder(MANY)
    decoded = [decoder.add(each) for packet in sequence for each in encode(packet, MANY)]
    assert [packet for packet in decoded if packet is not None] == sequence


@given(json_values)
def test_what_is_written_is_json(value: Any) -> None:
    """The text of an event is the JSON that any other JSON library reads, lone surrogates escaped."""
    [text] = encode(Event("/", ["e", value]))
    assert isinstance(text, str)
    text.encode()  # fits a WebSocket frame
    assert json.loads(text[1:]) == ["e", value]


def test_the_wire_is_that_of_the_reference() -> None:
    """Some packets, letter for letter."""
    assert encode(Connect("/")) == ["0"]
    assert encode(Connect("/admin", {"sid": "x"})) == ['0/admin,{"sid":"x"}']
    assert encode(Disconnect("/admin")) == ["1/admin,"]
    assert encode(Event("/", ["hello", 1, None])) == ['2["hello",1,null]']
    assert encode(Event("/admin", ["a"], 456)) == ['2/admin,456["a"]']
    assert encode(Ack("/", [], 0)) == ["30[]"]
    assert encode(ConnectError("/", {"message": "no"})) == ['4{"message":"no"}']
    assert encode(Event("/", ["b", b"\x01", [b"\x02"]], 7)) == [
        '52-7["b",{"_placeholder":true,"num":0},[{"_placeholder":true,"num":1}]]',
        b"\x01",
        b"\x02",
    ]
    assert encode(Ack("/n", [b"\x01"], 3)) == ['61-/n,3[{"_placeholder":true,"num":0}]', b"\x01"]


@pytest.mark.parametrize(
    ("text", "packet"),
    [
        ("0", Connect("/")),
        ("0{}", Connect("/", {})),
        ("0/admin", Connect("/admin")),
        ("0/admin,", Connect("/admin")),
        ("1/admin", Disconnect("/admin")),
        ('2/admin,["a"]', Event("/admin", ["a"])),
        ('2["a", 1 ]', Event("/", ["a", 1])),
        ("2[5]", Event("/", ["5"])),
        ("2[1.5]", Event("/", ["1.5"])),
        ("3[]", Ack("/", [], None)),
        ("3" + "9" * 30 + "[]", Ack("/", [], None)),
        ('4"no"', ConnectError("/", {"message": "no"})),
        ('2["\\ud83d\\ude00","\\ud800"]', Event("/", ["\U0001f600", "\ud800"])),
        ('2["a",18446744073709551616]', Event("/", ["a", 2**64])),
        ('2["a",1e400]', Event("/", ["a", math.inf])),
        ('2["a",{"a":1,"a":2}]', Event("/", ["a", {"a": 2}])),
    ],
)
def test_what_the_reference_reads_is_read(text: str, packet: Packet) -> None:
    """Forms that `encode` does not write, but other encoders do."""
    assert decode([text]) == packet


# values


@given(values, st.sampled_from([math.nan, math.inf, -math.inf]), st.booleans())
def test_what_is_no_number_becomes_null(value: Any, odd: float, surrogate: bool) -> None:
    """NaN and the infinities are written as null, wherever they stand and whatever stands beside them."""
    beside = "\ud800" if surrogate else "plain"
    assert sent([{"deep": [odd, value]}, odd, beside]) == [{"deep": [None, value]}, None, beside]


class Color(Enum):
    RED = "red"


class Size(IntEnum):
    BIG = 3


class Word(StrEnum):
    YES = "yes"


class Blob(Enum):
    ONE = b"\x01"


class Point(msgspec.Struct):
    x: int
    picture: bytes


@dataclass
class Line:
    points: list[Point]
    name: str = "line"
    raw: bytearray = field(default_factory=lambda: bytearray(b"raw"))


WHEN = datetime(2024, 5, 1, 12, 30, tzinfo=UTC)
NUMBER = UUID("12345678-1234-5678-1234-567812345678")


@pytest.mark.parametrize(
    ("value", "received"),
    [
        (WHEN, "2024-05-01T12:30:00Z"),
        (WHEN.date(), "2024-05-01"),
        (NUMBER, "12345678-1234-5678-1234-567812345678"),
        (Decimal("1.50"), "1.50"),
        (Color.RED, "red"),
        (Size.BIG, 3),
        (Word.YES, "yes"),
        (Blob.ONE, b"\x01"),
        ((1, (2, b"x")), [1, [2, b"x"]]),
        ({1: "a", 2: b"b"}, {"1": "a", "2": b"b"}),
        ({NUMBER: WHEN}, {str(NUMBER): "2024-05-01T12:30:00Z"}),
        ({1, 2}, [1, 2]),
        (frozenset({b"x"}), [b"x"]),
        (bytearray(b"abc"), b"abc"),
        (memoryview(b"abcdef")[::2], b"ace"),
        (Point(1, b"p"), {"x": 1, "picture": b"p"}),
        (
            Line([Point(1, b"p"), Point(2, b"q")]),
            {"points": [{"x": 1, "picture": b"p"}, {"x": 2, "picture": b"q"}], "name": "line", "raw": b"raw"},
        ),
    ],
)
def test_objects_are_sent_as_their_plain_values(value: Any, received: Any) -> None:
    """Structs, dataclasses, dates, enums and the like arrive as JSON, binary values inside of them as binary."""
    assert sent(value) == received


def test_objects_beside_lone_surrogates() -> None:
    """The slower way, which lone surrogates need, writes objects alike."""
    value = ["\ud800", Point(1, b"p"), {"when": WHEN, 3: NUMBER}, Color.RED, math.nan, 2**70]
    plain = [{"x": 1, "picture": b"p"}, {"when": "2024-05-01T12:30:00Z", "3": str(NUMBER)}, "red", None, 2**70]
    assert sent(value) == ["\ud800", *plain]


def test_the_bytes_are_those_of_the_moment() -> None:
    """A bytearray that is changed after it was given arrives as it was."""
    data = bytearray(b"before")
    messages = encode(Event("/", ["e", data]))
    data[:] = b"after!"
    assert messages[1] == b"before"


class Text(str):
    __slots__ = ()


class Whole(int):
    pass


@pytest.mark.parametrize("value", [Text("text"), Whole(3), type("Real", (float,), {})(1.5)])
def test_subclasses_of_plain_types_are_sent_as_these(value: Any) -> None:
    """Markup strings and the like are sent as what they are, as the standard library's JSON does."""
    assert sent(value) == value


def test_keys_may_be_of_a_subclass_of_text() -> None:
    """The keys of a dict are text as well, beside whatever values they stand."""
    assert sent({Text("a"): b"x", Text("b"): Text("c"), Text("\ud800"): 1}) == {"a": b"x", "b": "c", "\ud800": 1}


@pytest.mark.parametrize("value", [Point(Whole(1), b"p"), Line([], Text("line"))])
def test_subclasses_of_plain_types_inside_of_objects(value: Any) -> None:
    """Markup strings in a Struct or a dataclass are sent, too."""
    assert sent(value)


# what cannot be encoded


def cyclic(kind: type) -> Any:
    if kind is dict:
        mapping: dict[str, Any] = {}
        mapping["self"] = mapping
        return mapping
    sequence: list[Any] = []
    sequence.append({"self": sequence})
    return sequence


def deep(levels: int, leaf: Any = 1) -> Any:
    for _ in range(levels):
        leaf = [leaf]
    return leaf


@dataclass
class Ring:
    me: Ring | None = None


def ring() -> Ring:
    first = Ring()
    first.me = first
    return first


UNSENDABLE = {
    "object": object(),
    "set of objects": {object(), object()},
    "complex": 1 + 2j,
    "function": len,
    "exception": ValueError("x"),
    "generator": (each for each in ()),
    "namespace": SimpleNamespace(a=1),
    "key that is a tuple": {(1, 2): 3},
    "key that is None": {None: 1},
    "key that is a tuple, beside a surrogate": {(1, 2): "\ud800"},
    "object beside a surrogate": ["\ud800", object()],
    "cyclic dict": cyclic(dict),
    "cyclic list": cyclic(list),
    "cyclic dataclass": ring(),
    "deep": deep(100_000),
    "deep bytes": deep(100_000, b"x"),
    "deep surrogate": deep(100_000, "\ud800"),
}


@pytest.mark.parametrize("value", UNSENDABLE.values(), ids=UNSENDABLE.keys())
@pytest.mark.parametrize("where", ["alone", "in a list", "in a dict", "in a tuple"])
def test_what_cannot_be_sent_is_an_encode_error(value: Any, where: str) -> None:
    """Data that is no JSON raises EncodeError, which is a TypeError, and nothing else."""
    data = {"alone": value, "in a list": [1, value], "in a dict": {"a": value}, "in a tuple": (b"x", value)}[where]
    with pytest.raises(EncodeError) as caught:
        encode(Event("/", ["e", data]))
    assert isinstance(caught.value, TypeError)
    with pytest.raises(EncodeError):
        encode(Ack("/", [data], 1))
    with pytest.raises(EncodeError):
        encode(ConnectError("/", {"message": "no", "data": data}))


@pytest.mark.parametrize("levels", range(200, 1200, 7))
def test_no_depth_does_anything_but_pass_or_be_refused(levels: int) -> None:
    """Around the depth at which the interpreter gives up, encoding still works or raises EncodeError."""
    for leaf in (1, b"x", "\ud800", Point(1, b"p")):
        try:
            messages = encode(Event("/", ["e", deep(levels, leaf)]))
        except EncodeError:
            continue
        assert isinstance(messages[0], str)


def test_a_refusal_holds_no_binary_values() -> None:
    """CONNECT_ERROR has no binary form."""
    with pytest.raises(EncodeError):
        encode(ConnectError("/", {"message": "no", "data": b"x"}))


@given(st.integers(1, 12), st.integers(0, 14))
def test_too_many_attachments_are_refused(limit: int, count: int) -> None:
    """As many binary values as allowed can be encoded, and not one more; the decoder draws the same line."""
    packet = Event("/", ["e", *[b"x"] * count])
    if count > limit:
        with pytest.raises(EncodeError, match=f"{count} binary values"):
            encode(packet, limit)
        with pytest.raises(ProtocolError):
            Decoder(limit).add(encode(packet, count)[0])
    else:
        assert decode(encode(packet, limit), max_attachments=limit) == packet


# what cannot be decoded


def feed(messages: list[str | bytes], **limits: int) -> list[Packet]:
    """The packets up to the first ProtocolError; any other error fails the test."""
    decoder = Decoder(**limits)
    found = []
    try:
        for each in messages:
            if (packet := decoder.add(each)) is not None:
                found.append(packet)
    except ProtocolError:
        pass
    return found


FRAGMENTS = (
    *("0", "1", "2", "3", "4", "5", "6", "51-", "510-", "/", "/a", ",", "12", "9" * 17),
    *("[", "]", "{", "}", '"a"', ":", "null", "true", "-1e5", "1e999", "NaN", "\\ud800"),
    *('{"_placeholder":true,"num":0}', '"_placeholder":true', '["connect"]', '["e",'),
    *("\x00", "\ufeff", "\u0664", "\n", " ", '"'),
)
fragments = st.lists(st.sampled_from(FRAGMENTS), max_size=10).map("".join)
texts = fragments | st.text(max_size=20) | st.text().map(lambda text: "2" + text)


@given(texts)
@example("2" + "[" * 100_000)
@example("2" + "[" * 100_000 + "]" * 100_000)
@example("2" + '{"a":' * 100_000 + "1" + "}" * 100_000)
@example('2["a","\\ud800",' + "[" * 100_000 + "]" * 100_000 + "]")
@example('2["a",' + "1" * 10_000 + "]")
@example("2" + "1" * 10_000 + '["a"]')
@example("5" + "9" * 10_000 + '-["a"]')
@example("/" * 10_000)
@example("2/" + "a" * 100_000)
@example("")
def test_no_text_does_anything_but_give_a_packet_or_break_the_protocol(text: str) -> None:
    """Any text is a packet, the beginning of one, or a ProtocolError."""
    feed([text])
    feed([text], max_depth=1)


@given(st.lists(texts | st.binary(max_size=4) | st.just('51-["e",{"_placeholder":true,"num":0}]'), max_size=6))
def test_no_sequence_does_anything_but_give_packets_or_break_the_protocol(messages: list[str | bytes]) -> None:
    """Text and binary messages in any order are packets or a ProtocolError."""
    feed(messages)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "7",
        "a",
        "\u0662[]",
        "2",
        "2{}",
        "2[]",
        '2"a"',
        "2[null]",
        "2[true]",
        "2[[]]",
        '2["a"',
        '2["a"]]',
        '2["a"]x',
        '2["a",NaN]',
        '2["a",Infinity]',
        '2["a",\x01]',
        '2["\x01"]',
        "2" + "9" * 17 + '["a"]',
        "2-1[]",
        "3",
        "3{}",
        "3null",
        "0[]",
        "0null",
        '0"x"',
        "01",
        "01{}",
        "1{}",
        "11",
        "4",
        "4[]",
        "45",
        '5["a"]',
        '50-["a"]',
        '5-["a"]',
        '511-["a"]',
        "51-{}",
        "51-[]",
        "61-{}",
        '2/a["a"]',
        *(f'2["{name}"]' for name in sorted(RESERVED_EVENTS)),
        *(f'51-["{name}"]' for name in sorted(RESERVED_EVENTS)),
    ],
)
def test_malformed_packets_are_refused(text: str) -> None:
    """What is no packet, or none that a client may send, is a ProtocolError."""
    with pytest.raises(ProtocolError):
        Decoder().add(text)


def outcome(text: str, **limits: int) -> Packet | str | None:
    """The packet of a text, or why there is none."""
    try:
        return Decoder(**limits).add(text)
    except ProtocolError as error:
        return str(error)


headers = st.text("0123456789[-٣²\x00 ", max_size=20)
bodies = st.one_of(
    json_values.map(json.dumps),
    st.lists(json_values, min_size=1, max_size=3).map(lambda args: json.dumps(["e", *args])),
    st.sampled_from(['["connect"]', "[]", "[7]", "[true]", '["e",[[[[]]]]]', '["e",{"[":"["}]', "[", ""]),
    st.text(max_size=10),
)


@given(st.sampled_from("23"), headers, bodies, st.integers(1, 6))
@example("2", "", '["e"]', 5)
@example("2", "12", '["e"]', 5)
@example("3", "9" * 30, "[]", 5)
@example("2", "9" * 30, "[]", 5)
@example("2", "٣", '["e"]', 5)
@example("2", "1", "", 5)
def test_the_short_way_of_ordinary_packets_leads_to_the_same(kind: str, digits: str, body: str, depth: int) -> None:
    """A text without a namespace is read as one that names "/", which nobody writes: packet or error are the same."""
    short = outcome(kind + digits + body, max_depth=depth)
    if not (digits + body).startswith("/"):
        assert repr(short) == repr(outcome(f"{kind}/,{digits}{body}", max_depth=depth))


def test_text_where_an_attachment_is_due_is_refused() -> None:
    """An unfinished packet takes no other packet in between."""
    decoder = Decoder()
    assert decoder.add('52-["e"]') is None
    assert decoder.add(b"one") is None
    with pytest.raises(ProtocolError):
        decoder.add('2["e"]')


def test_an_attachment_out_of_place_is_refused() -> None:
    """Binary messages need a packet before them, and no more of them than it says."""
    with pytest.raises(ProtocolError):
        Decoder().add(b"x")
    decoder = Decoder()
    decoder.add('51-["e"]')
    assert decoder.add(b"unused") == Event("/", ["e"])
    with pytest.raises(ProtocolError):
        decoder.add(b"x")


@pytest.mark.parametrize("number", ["1", "-1", "0.0", "true", "null", '"0"', "1e9", "[]", "9" * 30])
def test_a_placeholder_of_no_attachment_is_refused(number: str) -> None:
    """The number of a placeholder is a whole one of an attachment that came."""
    decoder = Decoder()
    decoder.add(f'51-["e",[{{"a":{{"_placeholder":true,"num":{number}}}}}]]')
    with pytest.raises(ProtocolError):
        decoder.add(b"x")


def test_placeholders_without_a_number_and_false_ones() -> None:
    """A placeholder without a number is refused; an object that only looks like one is left alone."""
    decoder = Decoder()
    decoder.add('51-["e",{"_placeholder":true}]')
    with pytest.raises(ProtocolError):
        decoder.add(b"x")
    decoder = Decoder()
    decoder.add('51-["e",{"_placeholder":1,"num":0}]')
    assert decoder.add(b"x") == Event("/", ["e", {"_placeholder": 1, "num": 0}])
    assert Decoder().add('2["e",{"_placeholder":true,"num":0}]') == Event("/", ["e", {"_placeholder": True, "num": 0}])


def test_one_attachment_may_stand_in_several_places() -> None:
    """Two placeholders of one number are the same bytes."""
    decoder = Decoder()
    decoder.add('51-["e",{"_placeholder":true,"num":0},{"a":{"_placeholder":true,"num":0}}]')
    assert decoder.add(b"x") == Event("/", ["e", b"x", {"a": b"x"}])


@given(st.integers(1, 300), st.integers(0, 3), st.sampled_from(["list", "dict", "both"]))
def test_the_depth_limit_is_exact(limit: int, off: int, shape: str) -> None:
    """Data nested as deeply as allowed is read, one level more is refused, whatever the levels are made of."""
    levels = limit - 1 + off  # the event's own list is one
    opening, closing = "", ""
    for level in range(levels):
        is_list = shape == "list" or (shape == "both" and level % 2)
        opening, closing = opening + ("[" if is_list else '{"a":'), ("]" if is_list else "}") + closing
    text = f'2["e",{opening}"{{[{{["{closing}]'  # brackets in a text do not count
    if off:
        with pytest.raises(ProtocolError, match="deep"):
            Decoder(max_depth=limit).add(text)
    else:
        assert isinstance(Decoder(max_depth=limit).add(text), Event)


def test_broad_data_is_not_deep() -> None:
    """Many values side by side are no depth."""
    packet = Decoder(max_depth=4).add('2["e",' + ",".join(["[{}]"] * 1000) + "]")
    assert isinstance(packet, Event)
    assert len(packet.data) == 1001


@pytest.mark.parametrize("depth", range(300, 2000, 50))
def test_a_generous_depth_limit_does_not_crash(depth: int) -> None:
    """A limit beyond what the interpreter can recurse still leaves packets or ProtocolError."""
    text = '51-["e",' + "[" * depth + '{"_placeholder":true,"num":0}' + "]" * depth + "]"
    feed([text, b"x"], max_depth=10**6)


# the packets as values


@given(packets)
def test_packets_are_values(packet: Packet) -> None:
    """Packets are equal when kind and fields are, and cannot be hashed."""
    assert packet == copy.deepcopy(packet)
    other = copy.copy(packet)
    other.namespace += "x"
    assert packet != other
    assert packet != Packet(packet.namespace)
    with pytest.raises(TypeError):
        hash(packet)


def test_the_text_of_a_packet() -> None:
    """A packet in a log names its fields."""
    assert repr(Event("/", ["e"], 1)) == "Event(namespace='/', data=['e'], id=1)"
    assert repr(Disconnect("/a")) == "Disconnect(namespace='/a')"
