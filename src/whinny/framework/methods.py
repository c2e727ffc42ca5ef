"""What a controller's method takes of a request or an event; habits of other frameworks are told apart from that."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from whinny.errors import ConfigurationError
from whinny.framework.kinds import ControllerKind
from whinny.framework.signatures import annotation_text, count_positional, resolve, shown, signature_of

_POSITIONAL: Final = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


@dataclass(frozen=True, slots=True)
class Taken:
    """Whether a method takes the context, the data that the client has sent, and what comes after that.

    `declared` is the type of the data; where it is `optional`, the method has a default for data that was not sent.
    """

    context: bool
    data: bool = False
    more: bool = False
    declared: Any = Any
    optional: bool = False


def taken_by(method: Callable[..., Any], kind: ControllerKind, owner: type, where: str) -> Taken:
    """What a method takes that `owner` has or inherits. Raises ConfigurationError, which names `where`."""
    rule = f"it must take {kind.takes}"
    check_order(method, kind.context, kind.data, owner, where, rule)
    signature = signature_of(method)
    parameters = list(signature.parameters.values()) if signature is not None else []
    more = kind.more and bool(parameters) and parameters[-1].kind is inspect.Parameter.VAR_POSITIONAL
    named = parameters[:-1] if more else parameters
    if (
        signature is None
        or len(named) > 2
        or (more and len(named) != 2)
        or any(each.kind not in _POSITIONAL for each in named)
    ):
        written = signature or signature_of(getattr(method, "__func__", method))
        raise ConfigurationError(f"{where} takes {shown(written)}: {rule}.")
    if len(named) < 2:
        return Taken(context=bool(named))
    data = named[1]
    declared = Any if data.annotation is data.empty else resolve(data.annotation, method, owner, where)
    return Taken(True, True, more, declared, optional=data.default is not data.empty)


def check_order(method: Callable[..., Any], context: type, second: str, owner: type, where: str, rule: str) -> None:
    """Sees to it that `self` comes first and the context next, and only then what is called `second`.

    Raises ConfigurationError, which names `where` and says the `rule`, for another order, and for a type that is none
    of the context's.
    """

    def refuse(what: str) -> ConfigurationError:
        return ConfigurationError(f"{where} takes {what}: {rule}.")

    itself = _positional(method.__func__)[:1] if inspect.ismethod(method) else []
    if itself and (itself[0].name in ("ctx", second) or _origin(_resolved(itself[0], method, owner)) is context):
        raise refuse(f"{itself[0].name} where self comes")
    named = _positional(method)
    if not named:
        return
    if named[0].name == second or any(each.name == "ctx" for each in named[1:]):
        raise refuse(f"the {named[0].name} first, where the context comes")
    declared = _resolved(named[0], method, owner)
    if not _may_be(declared, context):
        raise refuse(f"{named[0].name}: {annotation_text(declared)} where the context comes, a {context.__name__}")


def check_error_handler(root: object) -> None:
    """Raises ConfigurationError where a root's `handle_error` is no method of `(self, error, ctx)`."""
    handle = getattr(root, "handle_error", None)
    if callable(handle) and count_positional(handle, 2) == 2:
        named = [each.name for each in _positional(handle)]
        if named[:1] != ["ctx"] and named[1:2] != ["error"]:
            return
    raise ConfigurationError(f"{type(root).__name__}.handle_error must be a method that takes (self, error, ctx).")


def names_of(method: Callable[..., Any]) -> Sequence[str]:
    """The names of a method's parameters, and of `self` or what has its place."""
    signature = signature_of(getattr(method, "__func__", method))
    return tuple(signature.parameters) if signature is not None else ()


def _positional(function: Callable[..., Any]) -> list[inspect.Parameter]:
    signature = signature_of(function)
    parameters = signature.parameters.values() if signature is not None else ()
    return [each for each in parameters if each.kind in _POSITIONAL]


def _resolved(parameter: inspect.Parameter, method: Callable[..., Any], owner: type) -> Any:
    """The type of a parameter; Any where it has none, or one that is there for type checkers alone."""
    if parameter.annotation is parameter.empty:
        return Any
    try:
        return resolve(parameter.annotation, method, owner, "")
    except ConfigurationError:
        return Any


def _may_be(declared: Any, context: type) -> bool:
    """Whether a parameter of this type can be the context; where that cannot be told, it can."""
    if typing.get_origin(declared) in (typing.Union, types.UnionType):
        return any(_may_be(member, context) for member in typing.get_args(declared))
    cls = _origin(declared)
    if cls is Any or not isinstance(cls, type) or getattr(cls, "_is_protocol", False):
        return True
    return cls in context.__mro__ or context in cls.__mro__


def _origin(declared: Any) -> Any:
    """What a type is without its arguments, and without what Annotated says of it."""
    if typing.get_origin(declared) is typing.Annotated:
        declared = declared.__origin__
    return typing.get_origin(declared) or declared
