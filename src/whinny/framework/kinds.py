"""The kinds of controllers, HTTP ones and those of events, and the marks by which their methods are found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

_MARK: Final = "__whinny_mark__"


@dataclass(frozen=True, slots=True)
class ControllerKind:
    """What tells controllers of one kind from those of another, in the words of messages.

    `name` is what they answer, `decorators` mark their methods, `hook` makes a hook of a function, and `instead` says
    what to write in the place of a hook of another kind. Methods take the `context` and, by the name of `data`, what
    the client has sent; where there is `more` of that, `*more` too.
    """

    name: str
    decorators: str
    hook: str
    instead: str
    context: type
    data: str
    more: bool

    @property
    def takes(self) -> str:
        """The parameters that a method may have."""
        return f"(self), (self, ctx) or (self, ctx, {self.data}{', *more' if self.more else ''})"


class Mark(NamedTuple):
    """What leads to a method: the decorator as it is written, and what its kind of controllers makes of it."""

    kind: ControllerKind
    decorator: str
    value: Any


def set_mark(method: object, mark: Mark) -> None:
    """Mark a method."""
    setattr(method, _MARK, mark)


def mark_of(method: object) -> Mark | None:
    """The mark of a method, if it has one."""
    mark = getattr(method, _MARK, None)
    return mark if isinstance(mark, Mark) else None
