"""The controllers under a root as a tree, and the decorated methods of each: what HTTP and WebSocket routing share."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partialmethod
from types import FunctionType
from typing import Any, Final

from whinny.errors import ConfigurationError
from whinny.framework.hooks import BoundHook, HookDecorator, HungHook, bind_hook, class_hooks, method_hooks
from whinny.framework.kinds import ControllerKind, Mark, mark_of
from whinny.framework.services import ServiceManager
from whinny.framework.signatures import closure_of, shown


@dataclass(frozen=True, slots=True)
class SubController:
    """A controller under a prefix."""

    prefix: str
    controller: type

    def __post_init__(self) -> None:
        """Raises ConfigurationError when one of them is something else."""
        if not isinstance(self.prefix, str) or not isinstance(self.controller, type):
            raise ConfigurationError(
                f"A sub-controller needs a prefix and a class, not {shown(self.prefix)} and {shown(self.controller)}."
            )


@dataclass(frozen=True, slots=True)
class ControllerNode:
    """A controller in its place: with the prefixes and the class hooks of all from the root down to it."""

    controller: object
    prefix: str
    hooks: tuple[BoundHook, ...]
    children: tuple[ControllerNode, ...]

    def walk(self) -> Iterator[ControllerNode]:
        """This one, then all below it."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True, slots=True)
class ControllerMethod:
    """A method that bears a mark, bound to its controller, with its own hooks."""

    name: str
    where: str
    function: Callable[..., Any]
    mark: Any
    hooks: tuple[BoundHook, ...]


def controller_tree(root: object, services: ServiceManager, root_only: Sequence[str]) -> ControllerNode:
    """The tree under a root; the controllers are the manager's services.

    `root_only` names what none but the root may have. Raises ConfigurationError that names the class.
    """
    return _node(root, "", (), services, root_only, ())


def _node(
    controller: object,
    prefix: str,
    above: tuple[BoundHook, ...],
    services: ServiceManager,
    root_only: Sequence[str],
    path: tuple[type, ...],
) -> ControllerNode:
    cls = type(controller)
    if cls in path:
        raise ConfigurationError(f"{cls.__name__} is a sub-controller of itself.")
    hooks = (*above, *(bind_hook(hook, controller, cls.__name__) for hook in class_hooks(cls)))
    entries: Any = getattr(controller, "sub_controllers", ())
    if not isinstance(entries, (tuple, list)):
        raise ConfigurationError(
            f"{cls.__name__}.sub_controllers must be a tuple of controllers, not {shown(entries)}."
        )
    children = []
    for entry in entries:
        if not isinstance(entry, (SubController, type)):
            raise ConfigurationError(
                f"{cls.__name__}.sub_controllers has {shown(entry)} in it, which is no controller."
            )
        sub = entry if isinstance(entry, SubController) else SubController("", entry)
        child: object = services.get(sub.controller)
        _refuse(child, root_only)
        children.append(_node(child, prefix + sub.prefix, hooks, services, root_only, (*path, cls)))
    return ControllerNode(controller, prefix, hooks, tuple(children))


def _refuse(controller: object, root_only: Sequence[str]) -> None:
    name = type(controller).__name__
    for attribute in root_only:
        if hasattr(controller, attribute):
            raise ConfigurationError(
                f"{name}.{attribute} has no meaning here: {name} stands below another controller, and only a root has "
                "that. A sub-controller is a plain class."
            )


_NO_METHODS: Final = (staticmethod, classmethod, property, cached_property, partialmethod)


def marked_methods(node: ControllerNode, kind: ControllerKind) -> Iterator[ControllerMethod]:
    """The methods of a controller of this kind that bear a mark, its parents' among them, each once.

    An override keeps the mark and the hooks of what it overrides; hooks of its own come after those. One that bears a
    mark and hooks begins anew. Raises ConfigurationError that names class and method, also for hooks without a mark
    and for what is of another kind.
    """
    for hook in node.hooks:
        hook.check_kind(kind, type(hook.controller).__name__)
    controller = node.controller
    cls = type(controller)
    seen: set[str] = set()
    for owner in reversed(cls.__mro__):
        for name, function in vars(owner).items():
            if not _can_be_looked_at(function):
                continue
            _refuse_lost(controller, owner, name)
            plain = _plain(function)
            if name in seen or not (mark_of(plain) or _own_hooks(plain)):
                continue
            seen.add(name)
            if inspect.getattr_static(controller, name) is not None:  # else a subclass has taken it away
                yield _marked(controller, name, kind)


def _can_be_looked_at(attribute: Any) -> bool:
    """Not so with a proxy that knows only later what it stands for; that is no method."""
    try:
        isinstance(attribute, property)
        mark_of(attribute)
    except Exception:
        return False
    return True


def _refuse_lost(controller: object, owner: type, name: str) -> None:
    """A decorator may have put something else in the place of a marked method: nothing would lead to that any more."""
    where = f"{type(controller).__name__}.{name}"
    attribute = vars(owner)[name]
    if isinstance(attribute, HookDecorator) and not _is_for_others(attribute, type(controller), name):
        raise ConfigurationError(
            f"{where} is the hook {attribute.name}, where a method should be: what makes hooks is called above a "
            "method, write user_required(), not user_required; a hook that no method of the class has is kept outside "
            "of the class."
        )
    mark = _hidden_mark(owner, name)
    if mark is not None:
        raise ConfigurationError(
            f"{where} hides {mark.decorator}, as what stands above that gave another function: where that makes hooks, "
            "write it with its parentheses, as in user_required(); else have it use functools.wraps."
        )


def _is_for_others(hook: HookDecorator, cls: type, name: str) -> bool:
    """Whether methods of the class have a hook that is an attribute of it, and the name is that of no method."""
    all_of = [vars(owner) for owner in cls.__mro__]
    if any(mark_of(_plain(each[name])) for each in all_of if name in each):
        return False
    functions = [_plain(value) for each in all_of for value in each.values() if _can_be_looked_at(value)]
    borne = [hung.hook for function in functions for hung in _own_hooks(function)]
    return any(one is other for one in hook.hooks for other in borne)


def _hidden_mark(owner: type, name: str) -> Mark | None:
    """The mark of the method of this name that a function without a mark has closed over.

    An override that closes over the method that it overrides hides nothing: it has the mark of that.
    """
    attribute = vars(owner)[name]
    if not inspect.isfunction(attribute) or mark_of(attribute) is not None:
        return None
    overridden = [vars(each)[name] for each in owner.__mro__[1:] if name in vars(each)]
    for value in closure_of(attribute).values():
        if type(value) is FunctionType and value.__name__ == name and (mark := mark_of(value)) is not None:
            return None if any(value is each for each in overridden) else mark
    return None


def _marked(controller: object, name: str, kind: ControllerKind) -> ControllerMethod:
    cls = type(controller)
    where = f"{cls.__name__}.{name}"
    versions = [vars(owner)[name] for owner in cls.__mro__ if name in vars(owner)]
    if isinstance(versions[0], _NO_METHODS):
        raise ConfigurationError(f"{where} must be a method, and no {type(versions[0]).__name__}.")
    function = getattr(controller, name)
    if not callable(function):
        raise ConfigurationError(f"{where} must be a method, as it is in a parent class, not {shown(function)}.")
    marked: Mark | None = None
    hooks: tuple[HungHook, ...] = ()
    for version in map(_plain, reversed(versions)):
        if version is None:  # taken away
            marked, hooks = None, ()
            continue
        own = method_hooks(version)
        if (mark := mark_of(version)) is not None:
            marked = mark
            hooks = own or hooks
        else:
            hooks += own
    if marked is None:
        raise ConfigurationError(f"{where} has hooks, but nothing leads to it: it has no {kind.decorators}.")
    if marked.kind is not kind:
        raise ConfigurationError(
            f"{where} has {marked.decorator}, but {cls.__name__} is a controller for {kind.name}: "
            f"write it in one for {marked.kind.name}."
        )
    bound = tuple(bind_hook(hook, controller, where) for hook in hooks)
    for hook in bound:
        hook.check_kind(kind, where)
    return ControllerMethod(name, where, function, marked.value, bound)


def _own_hooks(function: Any) -> tuple[HungHook, ...]:
    return method_hooks(function) if inspect.isfunction(function) else ()


def _plain(function: Any) -> Any:
    if isinstance(function, property):
        return function.fget
    if isinstance(function, (cached_property, partialmethod)):
        return function.func
    return function.__func__ if isinstance(function, (staticmethod, classmethod)) else function
