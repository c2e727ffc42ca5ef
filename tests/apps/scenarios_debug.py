"""The app of scenarios.py with all that it logs in a strict encoding, as a log file has it."""

from __future__ import annotations

import logging
import sys

from apps.scenarios import app

__all__ = ["app"]

sys.stdout.reconfigure(encoding="utf-8", errors="strict")  # type: ignore[union-attr]
_handler = logging.StreamHandler(sys.stdout)
_handler.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s"))
logging.getLogger("whinny").addHandler(_handler)
logging.getLogger("whinny").setLevel(logging.DEBUG)
