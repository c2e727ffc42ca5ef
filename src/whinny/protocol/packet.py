"""Socket.IO v5 packets: one small class per kind. No I/O.

https://socket.io/docs/v4/socket-io-protocol/ names the kinds and their fields.
"""

from __future__ import annotations

from typing import Any, Final

RESERVED_EVENTS: Final = frozenset(
    {"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"}
)
"""Event names that neither side may send."""


class Packet:
    """What all kinds share: the namespace."""

    __slots__ = ("namespace",)

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self._fields() == other._fields()

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={value!r}" for name, value in self._fields().items())
        return f"{type(self).__name__}({fields})"

    __hash__ = None  # type: ignore[assignment]

    def _fields(self) -> dict[str, Any]:
        names = [name for kind in reversed(type(self).__mro__) for name in getattr(kind, "__slots__", ())]
        return {name: getattr(self, name) for name in names}


class Connect(Packet):
    """A client asks to join a namespace with its `auth`; the server grants it with `{"sid": …}`."""

    __slots__ = ("data",)

    def __init__(self, namespace: str, data: dict[str, Any] | None = None) -> None:
        self.namespace = namespace
        self.data = data


class Disconnect(Packet):
    """Leaves a namespace."""

    __slots__ = ()


class Event(Packet):
    """An event: `data` is its name and its arguments; with an `id` the other side shall acknowledge."""

    __slots__ = ("data", "id")

    def __init__(self, namespace: str, data: list[Any], id: int | None = None) -> None:  # noqa: A002
        self.namespace = namespace
        self.data = data
        self.id = id


class Ack(Packet):
    """The acknowledgement of the event with this `id`. One without is tolerated, as by the reference server."""

    __slots__ = ("data", "id")

    def __init__(self, namespace: str, data: list[Any], id: int | None) -> None:  # noqa: A002
        self.namespace = namespace
        self.data = data
        self.id = id


class ConnectError(Packet):
    """The server refuses a namespace: `data` is `{"message": …, "data": …}`."""

    __slots__ = ("data",)

    def __init__(self, namespace: str, data: dict[str, Any]) -> None:
        self.namespace = namespace
        self.data = data
