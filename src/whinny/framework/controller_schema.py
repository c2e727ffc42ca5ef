"""The schema of a validation hook: given as it is, or by a function of the controller that bears the hook."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, cast

from whinny.errors import ConfigurationError
from whinny.framework.schema import Schema


def schema_for(schema: Schema | Callable[[Any], Schema], controller: object, where: str) -> Schema:
    """The schema, or what its function returns. Raises ConfigurationError, which names `where`, when that fails."""
    if not callable(schema):
        return schema
    function: Any = schema
    try:
        made: Any = function(controller)
        if inspect.iscoroutine(made):
            made.close()
            raise TypeError("it must be a def, not an async def")
    except Exception as error:
        problem = f"{type(error).__name__}: {error}"
        raise ConfigurationError(f"The schema function of {where} failed with {problem}") from error
    return cast("Schema", made)
