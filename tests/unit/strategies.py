"""What travels: values, packets, payloads."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

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
