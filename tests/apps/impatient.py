"""Apps whose server waits for clients as the environment says: it gives seconds to constants, by their names."""

from __future__ import annotations

import os

from apps import pressure, wire
from whinny.engine import connection
from whinny.server import server
from whinny.serving import native, run, websocket

CONSTANTS = {
    "CLOSE_GRACE": (native, websocket),
    "GRACE": (server,),
    "STALL_TIMEOUT": (connection,),
    "SHUTDOWN_TIMEOUT": (run,),
}

for name, modules in CONSTANTS.items():
    if name in os.environ:
        for module in modules:
            assert hasattr(module, name)
            setattr(module, name, float(os.environ[name]))

app = pressure.app
small = pressure.small
answering = wire.app
