"""Options that say what is wrong with them: names that there are not, and values that cannot be."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import fields
from typing import TYPE_CHECKING, Any, ClassVar

from whinny.errors import ConfigurationError


class CheckedOptions:
    """What all groups of options share; the groups themselves are dataclasses."""

    __slots__ = ()

    _kind: ClassVar[str] = "server"

    if not TYPE_CHECKING:  # type checkers know the names from the dataclass

        def __new__(cls, *args: Any, **given: Any) -> Any:
            """Raises ConfigurationError for a name that is no option, before the dataclass raises a TypeError."""
            known = [field.name for field in fields(cls)]
            if args:
                raise ConfigurationError(
                    f"{cls.__name__} takes its options by name, for example {cls.__name__}({known[0]}=…), "
                    f"and not {args[0]!r} alone."
                )
            for name in given:
                if name not in known:
                    raise ConfigurationError(f"{cls.__name__} has no option {name!r}. {_advice(name, known)}")
            return object.__new__(cls)

    def _check(self, name: str, good: bool, wanted: str) -> None:
        if not good:
            raise ConfigurationError(
                f"The {self._kind} option {name}={getattr(self, name)!r} is wrong: it must be {wanted}."
            )

    def _check_switches(self, *names: str) -> None:
        for name in names:
            self._check(name, isinstance(getattr(self, name), bool), "True or False")


def _advice(name: str, known: Iterable[str]) -> str:
    # Without underscores, so that the reference server's spelling (pingInterval) finds ours.
    plain = {each.replace("_", ""): each for each in known}
    given = name.replace("_", "").lower()
    near = difflib.get_close_matches(given, plain, n=1, cutoff=0.75)
    near = near or [each for each in plain if each.startswith(given)]
    if near:
        return f"Did you mean {plain[near[0]]!r}?"
    return f"There are: {', '.join(sorted(known))}."
