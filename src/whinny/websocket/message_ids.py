"""Ids of events, for logs: random UUIDs (version 4) as text, made many at a time, since each is far cheaper then."""

from __future__ import annotations

import os
from struct import iter_unpack
from typing import Final

_BATCH: Final = 128
_PARTS: Final = "8s4sx3sx3s12s"  # of 32 hexadecimal digits; the two left out tell version and variant
_ids: Final[list[str]] = []


def new_message_id() -> str:
    """An id that nobody else has; threads may ask for one too."""
    while True:
        try:
            return _ids.pop()
        except IndexError:
            digits = os.urandom(16 * _BATCH).hex().encode()
            _ids.extend([(b"%b-%b-4%b-a%b-%b" % parts).decode() for parts in iter_unpack(_PARTS, digits)])


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_ids.clear)  # or parent and child would give the same ids
