"""Hooks: how decorators keep them, and in which order they stand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

Target = TypeVar("Target", bound="Callable[..., Any] | type")

Hook = Callable[[Any, Any], Any]

_HOOKS: Final = "__whinny_hooks__"


class HookDecorator:
    """Hangs hooks on a class or a method, any number of times. Stacked decorators run from top to bottom."""

    __slots__ = ("hooks",)

    def __init__(self, *hooks: Hook) -> None:
        self.hooks = hooks

    def __call__(self, target: Target) -> Target:
        own: tuple[Hook, ...] = target.__dict__.get(_HOOKS, ())
        # Decorators are applied from the bottom up: the later one stands before.
        setattr(target, _HOOKS, (*self.hooks, *own))
        return target


def method_hooks(method: Callable[..., Any]) -> tuple[Hook, ...]:
    """The hooks of a method."""
    hooks: tuple[Hook, ...] = getattr(method, _HOOKS, ())
    return hooks


def class_hooks(cls: type) -> tuple[Hook, ...]:
    """The hooks of a class: those of its parents first."""
    return tuple(hook for each in reversed(cls.__mro__) for hook in each.__dict__.get(_HOOKS, ()))
