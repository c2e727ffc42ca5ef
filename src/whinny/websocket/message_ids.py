"""Ids of events, for logs: random UUIDs (version 4) as text, made many at a time, since each is far cheaper then."""

from __future__ import annotations

import os
from typing import Final

_BATCH: Final = 256
_FORM: Final = b"xxxxxxxx-xxxx-4xxx-axxx-xxxxxxxxxxxx "  # x is a random digit; 4 and a tell version and variant
_PLACES: Final = [place for place, sign in enumerate(_FORM) if sign == ord("x")]
_ids: Final[list[str]] = []


def new_message_id() -> str:
    """An id that nobody else has; threads may ask for one too."""
    while True:
        try:
            return _ids.pop()
        except IndexError:
            _ids.extend(_make())


def _make() -> list[str]:
    digits = os.urandom(_BATCH * len(_PLACES) // 2).hex().encode()
    made = bytearray(_FORM * _BATCH)
    for number, place in enumerate(_PLACES):  # that digit of all of them at once
        made[place :: len(_FORM)] = digits[number :: len(_PLACES)]
    return made.decode().split()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_ids.clear)  # or parent and child would give the same ids
