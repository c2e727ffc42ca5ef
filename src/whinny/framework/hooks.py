"""Hooks: how decorators keep them, in which order they stand, and which controller bears them."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from whinny.errors import ConfigurationError
from whinny.framework.signatures import signature_of

T = TypeVar("T", bound="Callable[..., Any] | type")

Hook = Callable[[Any, Any], Any]

_HOOKS: Final = "__whinny_hooks__"


class HookDecorator:
    """Hangs hooks on a class or a method, any number of times. Stacked decorators run from top to bottom."""

    def __init__(self, *hooks: Hook) -> None:
        self.hooks = hooks
        if len(hooks) == 1 and hooks[0].__doc__:
            self.__doc__ = hooks[0].__doc__

    def __call__(self, target: T) -> T:
        if isinstance(target, (HookDecorator, staticmethod, classmethod, property)):
            raise ConfigurationError(f"A hook stands on a method or a class, not on a {type(target).__name__}.")
        own: tuple[Hook, ...] = target.__dict__.get(_HOOKS, ())
        # Decorators are applied from the bottom up: the later one stands before.
        setattr(target, _HOOKS, (*self.hooks, *own))
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


def bind_hook(hook: Hook, controller: object, where: str) -> BoundHook:
    """A hook for this controller. Raises ConfigurationError, which names `where`, when it cannot be called as one."""
    name = getattr(hook, "__qualname__", type(hook).__qualname__).rpartition("<locals>.")[2]
    if isinstance(hook, ControllerHook):
        return BoundHook(hook.bind(controller, where), controller, name)
    if not callable(hook):
        raise ConfigurationError(f"A hook of {where} is no function but {hook!r}.")
    signature = signature_of(hook)
    if signature is not None:
        try:
            signature.bind(None, None)
        except TypeError:
            raise ConfigurationError(
                f"The hook {name} of {where} takes {signature}: it must take (ctx, services)."
            ) from None
    return BoundHook(hook, controller, name)


def waits(function: Callable[..., Any]) -> bool:
    """Whether calling it gives a coroutine."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)


def method_hooks(method: Callable[..., Any]) -> tuple[Hook, ...]:
    """The hooks of a method."""
    hooks: tuple[Hook, ...] = getattr(method, _HOOKS, ())
    return hooks


def class_hooks(cls: type) -> tuple[Hook, ...]:
    """The hooks of a class: those of its parents first."""
    return tuple(hook for each in reversed(cls.__mro__) for hook in each.__dict__.get(_HOOKS, ()))
