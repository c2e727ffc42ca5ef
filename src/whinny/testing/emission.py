"""What a recording stand-in was told, as values that can be compared."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

from whinny.cluster import room_names


@dataclass(frozen=True, init=False, repr=False)
class Directed:
    """Whom something was for.

    `rooms` and `excluded` may be given as one name or as several. `broadcast` is True where a socket was told to reach
    others than itself; as that is so wherever rooms, excluded ones or `local` are given, it need not be given with
    them.
    """

    broadcast: bool
    rooms: frozenset[str]
    excluded: frozenset[str]
    local: bool

    def _set(
        self, *, broadcast: bool, rooms: str | Iterable[str], excluded: str | Iterable[str], local: bool, **more: Any
    ) -> None:
        named, without = frozenset(room_names((rooms,))), frozenset(room_names((excluded,)))
        values = {
            "broadcast": broadcast or local or bool(named or without),
            "rooms": named,
            "excluded": without,
            "local": local,
            **more,
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def _modifiers(self) -> list[str]:
        """What is not as it is by default, as it stands in a call."""
        implied = bool(self.rooms or self.excluded or self.local)
        found: list[str] = []
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, frozenset) and value:
                found.append(f"{field.name}={{{', '.join(map(repr, sorted(value)))}}}")
            elif value is True and not (field.name == "broadcast" and implied):
                found.append(f"{field.name}=True")
        return found


@dataclass(frozen=True, init=False, repr=False)
class Emission(Directed):
    """An event that was emitted: `Emission("refresh products", WebsocketResponse(), broadcast=True)`.

    `args` are those that were given to the emit.
    """

    event: str
    args: tuple[Any, ...]
    volatile: bool

    def __init__(
        self,
        event: str,
        *args: Any,
        broadcast: bool = False,
        rooms: str | Iterable[str] = (),
        excluded: str | Iterable[str] = (),
        volatile: bool = False,
        local: bool = False,
    ) -> None:
        self._set(
            event=event,
            args=args,
            broadcast=broadcast,
            rooms=rooms,
            excluded=excluded,
            volatile=volatile,
            local=local,
        )

    def __repr__(self) -> str:
        return f"Emission({', '.join([*map(repr, (self.event, *self.args)), *self._modifiers()])})"


@dataclass(frozen=True, init=False, repr=False)
class Action(Directed):
    """What was done besides emitting: `Action("sockets_join", "vip", rooms="admins")`, `Action("disconnect")`.

    `name` is that of the method, `args` are the names of rooms that it was given; `close` is what `disconnect` and
    `disconnect_sockets` were given.
    """

    name: str
    args: tuple[str, ...]
    close: bool

    def __init__(
        self,
        name: str,
        *args: str,
        close: bool = False,
        broadcast: bool = False,
        rooms: str | Iterable[str] = (),
        excluded: str | Iterable[str] = (),
        local: bool = False,
    ) -> None:
        self._set(name=name, args=args, close=close, broadcast=broadcast, rooms=rooms, excluded=excluded, local=local)

    def __repr__(self) -> str:
        return f"Action({', '.join([*map(repr, (self.name, *self.args)), *self._modifiers()])})"
