"""Controllers and services made for a test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from whinny.framework import ServiceManager, Settings

T = TypeVar("T")


def create_controller(cls: Callable[..., T], /, **stand_ins: Any) -> T:
    """A controller, or a service, with stand-ins in place of what it depends on, by the names of these attributes.

    They are there before `__init__` runs. Its other dependencies are made for this object alone, with the default
    settings, but sessions are kept in memory; the environment is not read. Raises ConfigurationError for a name that is
    none of its dependencies.
    """
    return ServiceManager(Settings(session_store="memory:")).make(cls, **stand_ins)
