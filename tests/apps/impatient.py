"""Apps whose server waits less for clients that do nothing; the environment says how many seconds, by the constant."""

from __future__ import annotations

import os

from apps import pressure, wire
from whinny.engine import connection
from whinny.serving import native, websocket

for name, modules in {"CLOSE_GRACE": (native, websocket), "STALL_TIMEOUT": (connection,)}.items():
    if name in os.environ:
        for module in modules:
            assert hasattr(module, name)
            setattr(module, name, float(os.environ[name]))

app = pressure.app
small = pressure.small
answering = wire.app
