"""What HTTP and WebSocket decorators share: marks on methods, and the making and merging of hooks."""

from __future__ import annotations

from typing import Any

from whinny.errors import ConfigurationError
from whinny.framework.hooks import Hook, HookDecorator, method_hooks
from whinny.framework.kinds import ControllerKind, Mark, mark_of, set_mark
from whinny.framework.signatures import shown


def mark_method(method: object, kind: ControllerKind, decorator: str, value: Any) -> None:
    """Mark a method; `decorator` is what marks it, as it is written.

    Raises ConfigurationError for what is no method, and for a method that has a mark.
    """
    if isinstance(method, HookDecorator):
        raise ConfigurationError(
            f"{decorator} stands on a hook: write @{kind.hook}(function) below it, and what makes hooks with its "
            "parentheses, as in user_required()."
        )
    wrong = (staticmethod, classmethod, property, type)
    if isinstance(method, wrong) or not callable(method) or not hasattr(method, "__dict__"):
        raise ConfigurationError(f"{decorator} needs a method, not a {type(method).__name__}.")
    known = mark_of(method)
    if known is not None:
        raise ConfigurationError(
            f"A method has one route, or one event: this one has {known.decorator}, so it cannot have {decorator}."
        )
    set_mark(method, Mark(kind, decorator, value))


def make_hook(function: Hook, kind: ControllerKind) -> HookDecorator:
    """A hook of this function. Raises ConfigurationError for a method, which stands where its function should."""
    if not callable(function) or mark_of(function) is not None or isinstance(function, HookDecorator):
        raise ConfigurationError(
            f"{kind.hook} needs the hook's function, @{kind.hook}(function), not {shown(function)}."
        )
    return HookDecorator(kind, function)


def merged(hooks: tuple[HookDecorator, ...], kind: ControllerKind) -> HookDecorator:
    """One decorator for several hooks. Raises ConfigurationError for what is no hook, or one of another kind."""
    for each in hooks:
        functions_of(each, kind)
        if each.kind is not kind:
            raise ConfigurationError(
                f"{each.name} is a hook for {each.kind.name}, which cannot be merged with those for {kind.name}."
            )
    return HookDecorator(kind, *(function for each in hooks for function in each.hooks))


def functions_of(hook: object, kind: ControllerKind) -> tuple[Hook, ...]:
    """The functions of a hook. Raises ConfigurationError for what is none."""
    if not isinstance(hook, HookDecorator):
        raise ConfigurationError(f"This needs hooks, as {kind.hook} gives them, not {shown(hook)}.")
    return hook.hooks


def first_function_of(hook: HookDecorator, kind: ControllerKind) -> Hook:
    """The first function of a hook. Raises ConfigurationError for what is none, and for a merge of none."""
    functions = functions_of(hook, kind)
    if not functions:
        raise ConfigurationError("This hook merges none, so it has no function.")
    return functions[0]


def refuse_uncalled(given: object, written: str) -> None:
    """Raises ConfigurationError where what makes hooks was given a method or a class, as it is without parentheses.

    `written` is how to write it, with them.
    """
    is_decorated = callable(given) and (mark_of(given) is not None or bool(method_hooks(given)))
    if is_decorated or isinstance(given, (type, HookDecorator)):
        raise _uncalled(written)


def check_text(given: object, written: str, noun: str) -> None:
    """Raises ConfigurationError where what makes hooks needs a text, the `noun`, and was given something else."""
    if callable(given):
        raise _uncalled(written)
    if not isinstance(given, str):
        raise ConfigurationError(f"{written.partition('(')[0]} needs {noun}, not {shown(given)}.")


def _uncalled(written: str) -> ConfigurationError:
    name = written.partition("(")[0]
    return ConfigurationError(f"{name} is called before it is used: write @{written} above a method or a class.")
