"""Hooks: how decorators keep them, in which order they stand, and which controller bears them."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeVar

from whinny.errors import ConfigurationError
from whinny.framework.kinds import ControllerKind
from whinny.framework.signatures import shown, signature_of

T = TypeVar("T", bound="Callable[..., Any] | type")

Hook = Callable[[Any, Any], Any]

_HOOKS: Final = "__whinny_hooks__"


class HungHook(NamedTuple):
    """A hook on a class or a method, and the kind of controllers that it is for."""

    hook: Hook
    kind: ControllerKind


class HookDecorator:
    """Hangs hooks on a class or a method, any number of times. Stacked decorators run from top to bottom.

    `hook` and `websocket_hook` make them; `kind` is the kind of controllers that they are for.
    """

    def __init__(self, kind: ControllerKind, *hooks: Hook) -> None:
        self.kind = kind
        self.hooks = hooks
        if len(hooks) == 1 and hooks[0].__doc__:
            self.__doc__ = hooks[0].__doc__

    @property
    def name(self) -> str:
        """The names of its hooks, for messages."""
        return ", ".join(map(hook_name, self.hooks)) or "a merge of none"

    def __repr__(self) -> str:
        return f"<hook {self.name}>"

    def __call__(self, target: T) -> T:
        if isinstance(target, (HookDecorator, staticmethod, classmethod, property)):
            raise ConfigurationError(f"A hook stands on a method or a class, not on a {type(target).__name__}.")
        own: tuple[HungHook, ...] = target.__dict__.get(_HOOKS, ())
        # Decorators are applied from the bottom up: the later one stands before.
        setattr(target, _HOOKS, (*(HungHook(hook, self.kind) for hook in self.hooks), *own))
        return target


class ControllerHook(ABC):
    """A hook that is made anew for each controller that bears it, when the controller is attached."""

    __slots__ = ()

    @abstractmethod
    def bind(self, controller: object, where: str) -> Hook:
        """The hook for this controller. Raises ConfigurationError, which names `where`, when that cannot be made."""

    @abstractmethod
    def __call__(self, ctx: Any, services: Any) -> Any:
        """The hook called alone, in a test."""


@dataclass(frozen=True, slots=True)
class BoundHook:
    """A hook with the controller that bears it."""

    function: Hook
    controller: object
    name: str
    kind: ControllerKind

    def check_kind(self, kind: ControllerKind, where: str) -> None:
        """Raises ConfigurationError, which names `where`, when it is for controllers of another kind."""
        if self.kind is not kind:
            raise ConfigurationError(
                f"{where} has the hook {self.name}, which is one for {self.kind.name}: {kind.instead}."
            )


def bind_hook(hung: HungHook, controller: object, where: str) -> BoundHook:
    """A hook for this controller. Raises ConfigurationError, which names `where`, when it cannot be called as one."""
    hook, kind = hung
    name = hook_name(hook)
    if isinstance(hook, ControllerHook):
        return BoundHook(hook.bind(controller, where), controller, name, kind)
    if not callable(hook):
        raise ConfigurationError(f"A hook of {where} is no function but {shown(hook)}.")
    signature = signature_of(hook)
    if signature is not None:
        try:
            signature.bind(None, None)
        except TypeError:
            raise ConfigurationError(
                f"The hook {name} of {where} takes {shown(signature)}: it must take (ctx, services)."
            ) from None
    return BoundHook(hook, controller, name, kind)


def hook_name(hook: Hook) -> str:
    """What messages and lists call a hook."""
    name: str = getattr(hook, "__qualname__", type(hook).__qualname__)
    return name.rpartition("<locals>.")[2]


def waits(function: Callable[..., Any]) -> bool:
    """Whether calling it gives a coroutine."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)


def method_hooks(method: Callable[..., Any]) -> tuple[HungHook, ...]:
    """The hooks of a method."""
    hooks: tuple[HungHook, ...] = getattr(method, _HOOKS, ())
    return hooks


def class_hooks(cls: type) -> tuple[HungHook, ...]:
    """The hooks of a class: those of its parents first."""
    return tuple(hook for each in reversed(cls.__mro__) for hook in each.__dict__.get(_HOOKS, ()))
