"""The Socket.IO server: its namespaces, its clients, and the loop that they belong to."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable, Coroutine, Mapping
from threading import RLock, get_ident
from typing import TYPE_CHECKING, Any, Final, TypeVar

from whinny.cluster import ClusterAdapter, Health, MemoryAdapter, check_adapter, check_namespace
from whinny.engine import Connection, Engine
from whinny.errors import ConfigurationError
from whinny.logs import log_error
from whinny.server.client import Client
from whinny.server.namespace import Namespace
from whinny.server.options import ServerOptions
from whinny.server.server_events import ServerEvents
from whinny.server.tasks import Tasks

if TYPE_CHECKING:
    from whinny.cluster import AdapterOption
    from whinny.protocol import EventDecoder
    from whinny.server.socket import Socket

log = logging.getLogger("whinny.server")

T = TypeVar("T")

GRACE: Final = 2.0
"""Seconds that a shutdown waits for pending sends, and as many for handlers."""


class Server(ServerEvents):
    """All clients and namespaces: `io` in the reference server. Its operators are those of the namespace `/`.

    `adapter` describes the cluster, or makes the adapter of each namespace; by default there are no other servers.
    """

    def __init__(self, options: ServerOptions | None = None, *, adapter: AdapterOption | None = None) -> None:
        if adapter is not None:
            check_adapter(adapter, "A server")
        self.options = options or ServerOptions()
        self._peers = adapter.peers() if isinstance(adapter, ClusterAdapter) else None
        self._adapter_factory: Any = MemoryAdapter if adapter is None else adapter
        if self._peers is not None:
            self._adapter_factory = self._peers.adapter
            self._peers.returned = self._returned
        self._when_back: list[Callable[[], None]] = []
        self.engine = Engine(self.options, self._on_connection)
        self.event_decoders: dict[str, Mapping[str, EventDecoder]] = {}  # of the apps, by namespace and event
        self.namespaces: dict[str, Namespace] = {}
        self._lock = RLock()  # of the namespaces
        self.clients: set[Client] = set()
        self.tasks = Tasks()
        self.closing = False
        self._closed: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0
        super().__init__(self.of("/"))

    def of(self, name: str) -> Namespace:
        """The namespace of this name, made when it is first asked for. Clients get in once it has a handler.

        Any thread may call this.
        """
        name = check_namespace(name)
        namespace = self.namespaces.get(name)
        if namespace is None:
            with self._lock:  # threads ask too
                namespace = self.namespaces.get(name)
                if namespace is None:
                    namespace = self.namespaces[name] = Namespace(self, name)
        return namespace

    def make_adapter(self) -> MemoryAdapter[Socket]:
        """The adapter of a new namespace. Raises ConfigurationError when the server was given something else."""
        made: object = self._adapter_factory()
        if not isinstance(made, MemoryAdapter):
            raise ConfigurationError(f"The adapter {self._adapter_factory!r} is wrong: it must make a MemoryAdapter.")
        return made

    def _on_connection(self, connection: Connection) -> Client:
        self.bind_loop()
        client = Client(self, connection)
        self.clients.add(client)
        return client

    # the loop

    @property
    def is_bound(self) -> bool:
        """Whether it belongs to the running loop, and was not closed there."""
        return self._loop is asyncio.get_running_loop()

    def bind_loop(self) -> None:
        """From here on, the server belongs to the running loop and its thread. One that was closed is open again.

        What it has in another loop, which is over, is dropped.
        """
        loop = asyncio.get_running_loop()
        if self._loop is loop:
            return
        if self._loop is not None and not self._loop.is_closed() and self.engine.connections:
            raise ConfigurationError("A server that has clients in one event loop cannot take any in another.")
        self.engine.reset()
        self.clients.clear()
        self.tasks = Tasks()
        self.closing = False
        self._closed = None
        self._loop = loop
        self._thread = get_ident()

    def call(self, function: Callable[..., object], *args: Any) -> None:
        """Call a function in the loop's thread: at once when this is it, else soon and in order."""
        loop = self._loop  # which a shutdown may take away meanwhile
        if self._thread == get_ident() or loop is None:
            function(*args)
        else:
            loop.call_soon_threadsafe(function, *args)

    async def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Await a coroutine in the server's loop, from whichever loop this is."""
        loop = self._loop
        if loop is None or self._thread == get_ident():
            return await coroutine
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(coroutine, loop))

    # the other servers

    async def start(self) -> None:
        """Find the other servers, if there may be any. Does not wait long for them: see `health`."""
        self.bind_loop()
        if self._peers is not None:
            await self._peers.start()

    def health(self) -> Health:
        """How this server stands with the others of its cluster."""
        return Health() if self._peers is None else self._peers.health()

    def when_back(self, fn: Callable[[], None]) -> None:
        """Call `fn`, a `def`, in the loop, whenever this server was cut off from its cluster and is back.

        What the others sent meanwhile has not come.
        """
        if not callable(fn) or inspect.iscoroutinefunction(fn):
            raise TypeError(f"{fn!r} cannot be called when the server is back: it is no `def`")
        self._when_back.append(fn)

    def _returned(self) -> None:
        for fn in list(self._when_back):
            try:
                fn()
            except Exception as error:
                log_error(log, "What is to be done when the server is back in its cluster failed", error=error)

    # the end

    def begin_close(self) -> None:
        """Take no more clients, tell the handlers, let pending sends out and close the transports."""
        if self.closing:
            return
        self.closing = True
        for client in list(self.clients):
            client.shut_down()
        self.engine.close()
        self._closed = asyncio.create_task(self._finish())

    async def wait_closed(self) -> None:
        """Wait for what `begin_close` began; what takes too long is cut off. Ends within a few seconds."""
        if self._closed is not None:
            await asyncio.shield(self._closed)

    async def _finish(self) -> None:
        await self.engine.wait_closed(GRACE)
        self.engine.end_all()
        await self.tasks.finish(GRACE)
        if self._peers is not None:
            await self._peers.close()
        self._loop = None

    async def close(self) -> None:
        """Close all connections and wait until that is done. Clients come back when a server answers again."""
        self.begin_close()
        await self.wait_closed()
