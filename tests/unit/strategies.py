"""What travels: values, packets, payloads."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from unit.fakes import client_frame
from whinny.protocol import RESERVED_EVENTS, Ack, Connect, ConnectError, Disconnect, Event
from whinny.protocol import Packet as SocketPacket

# Any text that JavaScript can hold, lone surrogates included.
texts = st.text(st.characters(exclude_categories=()), max_size=12)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
    | st.text(max_size=12)
)
# A dict with this key is a placeholder on the wire, and no data of anybody's.
keys = texts.filter(lambda key: key != "_placeholder")


def nested(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Lists and dicts of these leaves."""
    return st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4), max_leaves=12
    )


json_values = nested(scalars)
values = nested(scalars | st.binary(max_size=8))
namespaces = st.just("/") | st.text(
    st.characters(exclude_characters=",\x1e", exclude_categories=("Cs",)), max_size=8
).map(lambda name: "/" + name)
event_names = texts.filter(lambda name: name not in RESERVED_EVENTS)
ack_ids = st.none() | st.integers(0, 10**16 - 1)

events = st.builds(
    lambda namespace, name, args, ack_id: Event(namespace, [name, *args], ack_id),
    namespaces,
    event_names,
    st.lists(values, max_size=3),
    ack_ids,
)
acks = st.builds(Ack, namespaces, st.lists(values, max_size=3), ack_ids)
connects = st.builds(Connect, namespaces, st.none() | st.dictionaries(keys, json_values, max_size=3))
connect_errors = st.builds(ConnectError, namespaces, st.dictionaries(keys, json_values, max_size=3))
disconnects = st.builds(Disconnect, namespaces)
packets: st.SearchStrategy[SocketPacket] = st.one_of(events, acks, connects, connect_errors, disconnects)

# Engine.IO packets as they stand on the wire; the separator cannot stand in one.
wire_texts = st.builds(
    lambda kind, rest: kind + rest,
    st.sampled_from("023456"),
    st.text(st.characters(exclude_characters="\x1e", exclude_categories=("Cs",)), max_size=20),
)
wires = wire_texts | st.binary(max_size=30)


@st.composite
def client_frames(draw: st.DrawFn, *, wrong: bool) -> list[bytes]:
    """WebSocket frames of a client, in an order that makes sense; if `wrong`, with one in a few that breaks a rule."""
    frames: list[bytes] = []
    unfinished = False
    for _ in range(draw(st.integers(1, 8))):
        if wrong and draw(st.integers(0, 5)) == 0:
            frames.append(draw(any_frames))
            continue
        length = draw(st.sampled_from([0, 0, 2, 8]))
        mask = draw(st.binary(min_size=4, max_size=4))
        if draw(st.integers(0, 3)) == 0:
            control = draw(st.sampled_from([0x9, 0xA]))
            frames.append(client_frame(control, draw(st.binary(max_size=12)), mask=mask, length=length))
            continue
        final = draw(st.booleans())
        opcode = 0x0 if unfinished else draw(st.sampled_from([0x1, 0x2]))
        payload = draw(st.text(max_size=12)).encode()
        frames.append(client_frame(opcode, payload, final=final, mask=mask, length=length))
        unfinished = not final
    if draw(st.booleans()):
        frames.append(client_frame(0x8, draw(close_payloads)))
    return frames


close_payloads = (
    st.just(b"")
    | st.builds(lambda code, reason: code.to_bytes(2, "big") + reason.encode(), st.just(1000), st.text(max_size=5))
    | st.builds(
        lambda code, reason: code.to_bytes(2, "big") + reason,
        st.integers(990, 1020) | st.sampled_from([0, 2999, 3000, 4999, 5000, 65535]),
        st.binary(max_size=3),
    )
    | st.binary(max_size=1)
)
any_frames = st.builds(
    client_frame,
    st.integers(0, 15) | st.sampled_from([0x0, 0x1, 0x2, 0x8, 0x9]),
    st.binary(max_size=140) | close_payloads,
    final=st.booleans() | st.just(True),
    reserved=st.sampled_from([0, 0, 0, 0, 0, 0x10, 0x20, 0x40]),
    masked=st.sampled_from([True, True, True, True, True, False]),
    length=st.sampled_from([0, 0, 0, 2, 8]),
    declared=st.none()
    | st.none()
    | st.none()
    | st.integers(0, 300)
    | st.sampled_from([65535, 2**31, 2**63, 2**64 - 1]),
)
