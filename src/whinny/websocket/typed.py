"""Events whose payload is decoded straight into the type that the method declares, where no hook has to see it raw.

`payload` and `args` of the context are decoded when somebody looks at them after all, so they hold what they hold
otherwise, though as other objects than the typed payload's parts; and what does not fit the type at once goes the way
of all other events.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import msgspec

from whinny.framework import straight_decoder_for
from whinny.protocol import EventDecoder, decode_json
from whinny.websocket.context import User, WebsocketContext

if TYPE_CHECKING:
    from whinny.server import Socket

_LONG: Final = 640  # digits of an integer that Python may be told to refuse; it takes shorter ones in any case
_SAMPLE: Final = 100
_MAYBE_LONG_INTEGER: Final = re.compile("[0-9]{6}", re.ASCII)  # in every hundredth character


class TypedPayload(msgspec.Struct, eq=False):
    """A payload that was decoded into its type; `text` is the JSON that the event was."""

    value: Any
    text: str


class TypedContext(WebsocketContext[User]):
    """The context of an event with such a payload, which is `typed`."""

    __slots__ = ("_text", "_values", "typed")

    def __init__(self, event_name: str, payload: TypedPayload, socket: Socket, controller: str, method: str) -> None:
        super().__init__(event_name, None, socket, (), controller, method)
        self.typed = payload.value
        self._text = payload.text
        self._values: tuple[Any, ...] | None = None
        del self.payload, self.args  # so that `__getattr__` is asked for them

    def __getattr__(self, name: str) -> Any:
        if name not in ("payload", "args"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self)
        if self._values is None:
            self._values = tuple(decode_json(self._text)[1:])
        value = self._values if name == "args" else self._values[0]
        setattr(self, name, value)
        return value


def event_decoder(event_name: str, declared: Any) -> EventDecoder | None:
    """The decoder of an event whose payload is of this type; None where there cannot be one."""
    decode = straight_decoder_for(declared)
    if decode is None or not event_name.isascii() or msgspec.json.encode(event_name) != b'"%b"' % event_name.encode():
        return None  # the name would have to be decoded before it is known

    def decode_event(text: str) -> list[Any] | None:
        try:
            _, value = decode(text)
        except Exception:
            return None
        if len(text) > _LONG and _MAYBE_LONG_INTEGER.search(text[::_SAMPLE]):
            return None  # Python may refuse an integer that stands where the type has no field, and msgspec skips
        return [event_name, TypedPayload(value, text)]

    return decode_event


def call_with_typed(method: Callable[..., Any], otherwise: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """What calls the method with the typed payload; where there is none, what calls it otherwise."""

    def call(ctx: WebsocketContext[Any]) -> Any:
        return method(ctx, ctx.typed) if isinstance(ctx, TypedContext) else otherwise(ctx)

    return call
