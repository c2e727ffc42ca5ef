"""The options of a Socket.IO server: the engine's and its own."""

from __future__ import annotations

import os
from dataclasses import dataclass

from whinny.engine import EngineOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions(EngineOptions):
    """Everything that can be set on the server; times are seconds. See EngineOptions for those of the transports.

    - `connect_timeout`: seconds in which a client must have joined a namespace, `on_connection` included.
    - `max_concurrent_events`: events of one client that may run at a time; then its reading pauses.
    - `max_attachments`: binary values in one packet, both ways. The official clients refuse more than 10.
    - `max_depth`: how deeply the data of an incoming packet may be nested.
    - `serve_client`: serve the official client's bundles below `path`: a folder that holds socket.io.js, or True for
      node_modules/socket.io-client/dist of the current directory.
    """

    connect_timeout: float = 45.0
    max_concurrent_events: int = 100
    max_attachments: int = 10
    max_depth: int = 256
    serve_client: bool | str | os.PathLike[str] = False

    def __post_init__(self) -> None:
        """Raises ConfigurationError that names the option and what it must be."""
        EngineOptions.__post_init__(self)
        self._check_seconds("connect_timeout")
        for name in ("max_concurrent_events", "max_attachments", "max_depth"):
            self._check_count(name)
        folder = isinstance(self.serve_client, (bool, str, os.PathLike)) and self.serve_client != ""
        self._check("serve_client", folder, "True, False or a folder")
