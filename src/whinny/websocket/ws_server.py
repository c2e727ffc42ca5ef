"""The Socket.IO server as a service: to be used anywhere in an app."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from whinny.cluster import check_adapter
from whinny.errors import ConfigurationError, ServerNotAttached
from whinny.framework import ServiceManager, dependency
from whinny.server import Server, ServerOptions
from whinny.serving import Lifecycle

if TYPE_CHECKING:
    from whinny.cluster import AdapterOption


class Opened(NamedTuple):
    """A server with what belongs to it."""

    server: Server
    lifecycle: Lifecycle
    adapter: AdapterOption | None


class WsServer:
    """Gives the server once a controller is attached; one for each ServiceManager, shared by all roots."""

    services = dependency(ServiceManager)

    def __init__(self) -> None:
        self._io: Server | None = None
        self._adapter: AdapterOption | None = None
        self._lifecycle: Lifecycle | None = None

    @property
    def is_attached(self) -> bool:
        """Whether there is a server."""
        return self._io is not None

    @property
    def io(self) -> Server:
        """The server. Raises ServerNotAttached before a controller was attached."""
        if self._io is None:
            raise ServerNotAttached(
                "There is no Socket.IO server here yet: attach a controller first, services.get(Controller).attach(), "
                "and take the WsServer of the same ServiceManager, services.get(WsServer)."
            )
        return self._io

    @io.setter
    def io(self, server: Server) -> None:
        self._io = server

    def open(self, options: ServerOptions, adapter: AdapterOption | None, where: str) -> Opened:
        """The server for a root controller: a new one is not used before it is given to `keep`.

        Raises ConfigurationError when another root differs in what all roots share.
        """
        if adapter is not None:
            check_adapter(adapter, where)
        if self._io is None or self._lifecycle is None:
            server = self._io or Server(options, adapter=adapter)
            return Opened(server, Lifecycle(server, self.services), adapter)
        differences = self._io.options.differences(options)
        if self._adapter != adapter:
            differences.append("adapter")
        if differences:
            raise ConfigurationError(
                f"{where} has other options than the root that was attached before it: {', '.join(differences)}. "
                "All roots of a ServiceManager share one server, and have the same object as their adapter."
            )
        return Opened(self._io, self._lifecycle, adapter)

    def keep(self, opened: Opened) -> None:
        """This is the server from here on."""
        self._io, self._lifecycle, self._adapter = opened

    async def close(self) -> None:
        """Close all connections; does nothing before a controller was attached."""
        if self._io is not None:
            await self._io.close()
        if self._lifecycle is not None:
            self._lifecycle.ended()
