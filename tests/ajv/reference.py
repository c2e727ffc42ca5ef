"""The real Ajv, in one Node process that all tests ask."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from support.node import start_node, stop_node


class Reference:
    """Ajv 8 with ajv-formats, `allErrors`, and no strict mode."""

    def __init__(self) -> None:
        self._process = start_node(Path(__file__).with_name("reference.mjs"), "ajv")

    def check(self, schema: Any, value: Any, **options: bool) -> tuple[Any, list[dict[str, Any]]]:
        """The value, changed as Ajv's options say, and its errors. Raises ValueError when Ajv refuses the schema."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps({"schema": schema, "value": value, "options": options}), file=self._process.stdin, flush=True)
        answer = json.loads(self._process.stdout.readline())
        if "refused" in answer:
            raise ValueError(answer["refused"])
        return answer["value"], answer["errors"]

    def close(self) -> None:
        stop_node(self._process)


def multiset(errors: Iterable[dict[str, Any]]) -> list[str]:
    """Errors in an order of their own."""
    return sorted(json.dumps(as_in_javascript(error), sort_keys=True) for error in errors)


def as_in_javascript(value: Any) -> Any:
    """A value in which all numbers are doubles."""
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, dict):
        return {key: as_in_javascript(item) for key, item in value.items()}
    return [as_in_javascript(item) for item in value] if isinstance(value, list) else value
