"""What the package shows to an app's author."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from typing import Any

import pytest

import whinny

MODULES = sorted(
    each.name for each in pkgutil.walk_packages(whinny.__path__, "whinny.") if not each.name.endswith("__main__")
)
PACKAGES = [name for name in MODULES if hasattr(importlib.import_module(name), "__path__")]


@pytest.mark.parametrize("name", ["whinny", *PACKAGES])
def test_all_is_sorted_and_complete(name: str) -> None:
    """`__all__` is sorted as ruff sorts it, names everything public that the package defines, and nothing else."""
    module = importlib.import_module(name)
    exported: list[str] = getattr(module, "__all__", [])
    assert len(set(exported)) == len(exported)
    assert exported == sorted(exported, key=lambda each: (0 if each.isupper() else 1 if each[0].isupper() else 2, each))
    public = {
        each
        for each, value in vars(module).items()
        if not each.startswith("_") and not inspect.ismodule(value) and each != "annotations"
    }
    assert set(exported) == public


def own_parts(cls: type) -> list[tuple[str, Any]]:
    """The public methods and properties that a class defines itself."""
    parts = []
    for name, value in vars(cls).items():
        if name.startswith("_"):
            continue
        function = value.fget if isinstance(value, property) else getattr(value, "func", value)
        function = function.__func__ if isinstance(function, (classmethod, staticmethod)) else function
        if inspect.isfunction(function):
            parts.append((f"{cls.__name__}.{name}", function))
    return parts


@pytest.mark.parametrize("name", whinny.__all__)
def test_everything_public_has_a_docstring(name: str) -> None:
    """Classes, their public methods, and functions say what they do."""
    thing = getattr(whinny, name)
    if not inspect.isclass(thing) and not inspect.isfunction(thing):
        return  # a type alias
    missing = [name] if not (inspect.getdoc(thing) if inspect.isfunction(thing) else thing.__doc__) else []
    if inspect.isclass(thing):
        missing += [part for part, function in own_parts(thing) if not function.__doc__]
    assert not missing


@pytest.mark.parametrize("name", MODULES)
def test_every_module_says_what_it_is(name: str) -> None:
    """Each module can be imported alone and begins with a docstring."""
    assert importlib.import_module(name).__doc__


def test_errors_have_one_root() -> None:
    """Every error of whinny's own can be caught as WhinnyError, and those that are TypeErrors as these."""
    errors = [getattr(whinny, name) for name in whinny.__all__ if inspect.isclass(getattr(whinny, name))]
    errors = [each for each in errors if issubclass(each, Exception)]
    assert len(errors) >= 7
    assert all(issubclass(each, whinny.WhinnyError) for each in errors)
    assert issubclass(whinny.EncodeError, TypeError)
