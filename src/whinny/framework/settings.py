"""Settings of an app: passed in code, or read from the environment and `.env` when a ServiceManager is made."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from io import StringIO
from typing import Final

from dotenv import dotenv_values
from dotenv.parser import parse_stream

from whinny.errors import ConfigurationError

_OURS: Final = re.compile(r"[^#=:\w]*(?:\w+\s+)?WHINNY_\w")
"""A line that is about a setting of ours; what others write wrongly is theirs."""

_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"", "0", "false", "no", "off"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What differs from one installation of an app to the next.

    - `debug` (WHINNY_DEBUG): errors reach the client whole. Never in production.
    - `log_errors` (WHINNY_LOG_ERRORS): log the errors that nobody caught.
    """

    debug: bool = False
    log_errors: bool = True

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """The settings that the environment gives, else the file `.env` in the current folder.

        Raises ConfigurationError that names the variable, or the file if it cannot be read.
        """
        values = {**_read_file(".env"), **os.environ} if environment is None else environment
        return cls(debug=_flag(values, "WHINNY_DEBUG", False), log_errors=_flag(values, "WHINNY_LOG_ERRORS", True))


def _read_file(path: str) -> dict[str, str]:
    if not os.path.isfile(path):
        return {}
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"The settings in {os.path.abspath(path)} cannot be read: {error}") from error
    for line in parse_stream(StringIO(text)):
        written = line.original.string.strip()
        if line.value is None and _OURS.match(written):
            before = line.original.string.partition(written)[0]
            number = line.original.line + before.count("\n")
            raise ConfigurationError(
                f"Line {number} of {os.path.abspath(path)} is no setting: {written!r}. Write NAME=value."
            )
    return {name: value for name, value in dotenv_values(stream=StringIO(text)).items() if value is not None}


def _flag(values: Mapping[str, str], name: str, default: bool) -> bool:
    value = values.get(name)
    if value is None:
        return default
    if value.strip().lower() in _TRUE:
        return True
    if value.strip().lower() in _FALSE:
        return False
    raise ConfigurationError(f"The setting {name}={value!r} is wrong: it must be 1 or 0.")
