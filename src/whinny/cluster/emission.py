"""What all who emit have in common, servers and emitters: which names are right, and what arguments become."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from whinny.errors import ConfigurationError
from whinny.types import Envelope

RESERVED_SERVER_EVENTS: Final = frozenset({"connect", "connection", "new_namespace"})
"""Names that the reference server uses for events of its own."""


def check_namespace(name: object) -> str:
    """The name of a namespace, with its slash. Raises ConfigurationError when it cannot be one."""
    if not isinstance(name, str):
        raise ConfigurationError(f"The namespace {name!r} is wrong: it is no text.")
    if "," in name or "\x1e" in name:
        raise ConfigurationError(f"The namespace {name!r} is wrong: a comma or 0x1e would end it on the wire.")
    return name if name.startswith("/") else "/" + name


def check_server_event(event: object) -> None:
    """Raises ValueError for a reserved name of a server-side event, and TypeError for what is no name."""
    if not isinstance(event, str):
        raise TypeError(f"{event!r} is no event name: it is no text")
    if event in RESERVED_SERVER_EVENTS:
        raise ValueError(f"{event!r} is a reserved event name")


def room_names(rooms: Iterable[str | Iterable[str]]) -> tuple[str, ...]:
    """Room names, given one by one or as collections of names. Raises TypeError for what is no text."""
    given = tuple(rooms)
    if len(given) == 1 and isinstance(given[0], str):  # as nearly always
        return (given[0],)
    return tuple(name for room in given for name in _names(room))


def _names(room: Any) -> Iterable[str]:
    is_one = isinstance(room, (str, bytes)) or not isinstance(room, Iterable)
    for name in (room,) if is_one else room:
        if not isinstance(name, str):
            raise TypeError(f"The name of a room is a text: {name!r} is none. Write {str(name)!r}, if that is meant.")
        yield name


def wire_args(args: Sequence[Any]) -> list[Any]:
    """The arguments of an emit, responses as their envelopes."""
    return [arg.envelope() if isinstance(arg, Envelope) else arg for arg in args]
