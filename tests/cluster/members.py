"""Servers of a cluster, on Whinny and on Node, and their clients: what tests do with either kind."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from whinny import AckTimeout, ClientDisconnected, ServiceManager, SocketIOController, WebsocketContext, WsServer
from whinny.testing import TestClient

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cluster.node import Node
    from whinny import BroadcastOperator, Server
    from whinny.cluster import AdapterOption
    from whinny.server.server_events import ServerEvents

PATIENCE: Final = 8.0
"""Seconds that a single awaited thing may take."""

NAMESPACES: Final = ("/", "/chat")
SILENT: Final = object()
"""The answer of a client that never acknowledges."""


async def until(condition: Callable[[], bool], what: str) -> None:
    """Wait until it is so."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"waited {PATIENCE} s until {what}"
        await asyncio.sleep(0.002)


@dataclass(frozen=True)
class Whom:
    """A choice of clients, as a test writes it."""

    rooms: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    namespace: str = "/"
    flags: tuple[str, ...] = ()
    seconds: float | None = None

    def on_wire(self) -> dict[str, Any]:
        return {
            "rooms": self.rooms,
            "excluded": self.excluded,
            "namespace": self.namespace,
            "flags": self.flags,
            "seconds": self.seconds,
        }


ALL: Final = Whom()


@dataclass(frozen=True)
class Responses:
    """What a request for answers has brought; `complete` if it ended before its time."""

    complete: bool
    responses: list[Any]


@dataclass(frozen=True)
class Found:
    """A socket that `fetch_sockets` has given; `handshake` as it is on the wire."""

    id: str
    rooms: frozenset[str]
    data: dict[str, Any]
    handshake: dict[str, Any]


class Client(ABC):
    """A connected client. It acknowledges with its `answer` whatever asks for that."""

    id: str
    namespace: str
    answer: Any
    is_gone = False

    @abstractmethod
    async def heard(self, fence: int) -> list[list[Any]]:
        """All that it was sent before this fence, as [event, *args], and was not asked for before."""

    @abstractmethod
    async def left(self) -> str:
        """Wait until it is disconnected: why."""


class ClusterServer(ABC):
    """A server of a cluster; here are the operations that it begins."""

    name: str

    @abstractmethod
    async def open(self, *, namespace: str, answer: Any, headers: dict[str, str], auth: dict[str, Any]) -> Client:
        """A new client of this server."""

    @abstractmethod
    async def emit(self, *args: Any, whom: Whom = ALL) -> None: ...

    @abstractmethod
    async def emit_in_order(self, count: int, whom: Whom = ALL) -> None:
        """Emit as many messages, numbered, without waiting in between."""

    @abstractmethod
    async def ask(self, *args: Any, whom: Whom) -> Responses: ...

    @abstractmethod
    async def fetch(self, whom: Whom = ALL) -> list[Found]: ...

    @abstractmethod
    async def join(self, *rooms: str, whom: Whom = ALL) -> None: ...

    @abstractmethod
    async def leave(self, *rooms: str, whom: Whom = ALL) -> None: ...

    @abstractmethod
    async def disconnect(self, whom: Whom = ALL, *, close: bool = False) -> None: ...

    @abstractmethod
    async def tell(self, *args: Any, namespace: str = "/") -> None:
        """Emit to the other servers."""

    @abstractmethod
    async def tell_and_ask(self, *args: Any, namespace: str = "/", seconds: float | None = None) -> Responses:
        """Emit to the other servers, and wait for their answers."""

    @abstractmethod
    async def told(self) -> list[list[Any]]:
        """What other servers have emitted since the last call: [namespace, *args] of each."""

    @abstractmethod
    async def server_count(self, namespace: str = "/") -> int: ...

    @abstractmethod
    async def rooms(self, namespace: str) -> set[str]:
        """The rooms that its clients have joined."""


class WhinnyClient(Client):
    """A TestClient that listens all the time."""

    def __init__(self, client: TestClient, answer: Any) -> None:
        self.id, self.namespace, self.answer = client.id, client.namespace, answer
        self._client = client
        self._heard: list[list[Any]] = []
        self._listening = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        with suppress(ClientDisconnected):
            while True:
                message = await self._client.receive(timeout=3600)
                self._heard.append([message.event, *message.args])
                if message.wants_ack and self.answer is not SILENT:
                    message.acknowledge(self.answer, "more than one argument")

    async def heard(self, fence: int) -> list[list[Any]]:
        if not self.is_gone:
            await until(lambda: ["fence", fence] in self._heard, f"the fence {fence} is heard, not {self._heard}")
        end = self._heard.index(["fence", fence]) if not self.is_gone else len(self._heard)
        messages = self._heard[:end]
        del self._heard[: end + 1]
        return messages

    async def left(self) -> str:
        self.is_gone = True
        reason = await self._client.wait_disconnected(PATIENCE)
        await self._listening
        return reason

    async def close(self) -> None:
        self._listening.cancel()
        await asyncio.wait([self._listening])


@dataclass
class WhinnyServer(ClusterServer):
    """A server on Whinny, with one app in this process."""

    name: str
    io: Server
    app: Any
    stack: AsyncExitStack
    _told: list[list[Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        for namespace in NAMESPACES:
            self.io.of(namespace).on("told", lambda *args, name=namespace: self._on_told(name, args))

    def _on_told(self, namespace: str, args: tuple[Any, ...]) -> dict[str, Any]:
        self._told.append([namespace, *args])
        return {"from": self.name, "ünï": b"\x01\x02"}

    def chosen(self, whom: Whom) -> BroadcastOperator:
        choice: BroadcastOperator = self.io.of(whom.namespace).to(whom.rooms).except_(whom.excluded)
        for flag in whom.flags:
            choice = getattr(choice, flag)
        return choice if whom.seconds is None else choice.timeout(whom.seconds)

    async def open(self, *, namespace: str, answer: Any, headers: dict[str, str], auth: dict[str, Any]) -> WhinnyClient:
        client = TestClient(self.app, namespace=namespace, headers=headers, auth=auth)
        opened = WhinnyClient(await self.stack.enter_async_context(client), answer)
        self.stack.push_async_callback(opened.close)
        return opened

    async def emit(self, *args: Any, whom: Whom = ALL) -> None:
        self.chosen(whom).emit(*args)

    async def emit_in_order(self, count: int, whom: Whom = ALL) -> None:
        for number in range(count):
            self.chosen(whom).emit("number", number)

    async def ask(self, *args: Any, whom: Whom) -> Responses:
        try:
            return Responses(True, await self.chosen(whom).emit_with_ack(*args))
        except AckTimeout as error:
            return Responses(False, error.responses)

    async def fetch(self, whom: Whom = ALL) -> list[Found]:
        return [
            Found(each.id, frozenset(each.rooms), each.data, {name: getattr(each.handshake, name) for name in SHOWN})
            for each in await self.chosen(whom).fetch_sockets()
        ]

    async def join(self, *rooms: str, whom: Whom = ALL) -> None:
        self.chosen(whom).sockets_join(*rooms)

    async def leave(self, *rooms: str, whom: Whom = ALL) -> None:
        self.chosen(whom).sockets_leave(*rooms)

    async def disconnect(self, whom: Whom = ALL, *, close: bool = False) -> None:
        self.chosen(whom).disconnect_sockets(close)

    def _all(self, namespace: str) -> ServerEvents:
        return self.io.of(namespace)

    async def tell(self, *args: Any, namespace: str = "/") -> None:
        self._all(namespace).server_side_emit(*args)

    async def tell_and_ask(self, *args: Any, namespace: str = "/", seconds: float | None = None) -> Responses:
        try:
            return Responses(True, await self._all(namespace).server_side_emit_with_ack(*args, timeout=seconds))
        except AckTimeout as error:
            return Responses(False, error.responses)

    async def told(self) -> list[list[Any]]:
        told, self._told[:] = list(self._told), []
        return told

    async def server_count(self, namespace: str = "/") -> int:
        return await self._all(namespace).server_count()

    async def rooms(self, namespace: str) -> set[str]:
        return set(self.io.of(namespace).adapter.room_names())


SHOWN: Final = ("headers", "query", "auth", "address", "secure", "xdomain", "url", "issued")


async def whinny_server(name: str, cluster: AdapterOption | None, stack: AsyncExitStack) -> WhinnyServer:
    """A new server in this cluster, until the stack is closed."""

    class Root(SocketIOController):
        adapter = cluster

        async def on_connection(self, ctx: WebsocketContext) -> None:
            ctx.socket.data["server"] = "whinny"
            ctx.socket.data["unsendable"] = object()

    class Chat(Root):
        namespace = "/chat"

    services = ServiceManager()
    app = services.get(Root).attach()
    services.get(Chat).attach()
    await stack.enter_async_context(app.lifespan())
    return WhinnyServer(name, services.get(WsServer).io, app, stack)


class NodeClient(Client):
    """An official client."""

    def __init__(self, node: Node, number: int, id_: str, namespace: str, answer: Any) -> None:
        self.id, self.namespace, self.answer = id_, namespace, answer
        self._node, self._number = node, number

    async def heard(self, fence: int) -> list[list[Any]]:
        messages: list[list[Any]] = await self._node.call("take", client=self._number, fence=fence)
        return messages

    async def left(self) -> str:
        self.is_gone = True
        reason: str = await self._node.call("left", client=self._number)
        return reason

    async def ask(self, *args: Any) -> Any:
        """Emit to its server; the answer."""
        return await self._node.call("emitFrom", client=self._number, args=args)


async def node_client(
    node: Node, url: str, *, namespace: str = "/", answer: Any = SILENT, **options: Any
) -> NodeClient:
    """An official client of the server with this URL."""
    answers = {} if answer is SILENT else {"answer": answer}
    opened = await node.call("open", url=url + namespace, **answers, **options)
    return NodeClient(node, opened["client"], opened["id"], namespace, answer)


class NodeServer(ClusterServer):
    """A server on Node, with its official clients."""

    def __init__(self, node: Node, number: int, port: int) -> None:
        self.name = "node"
        self.url = f"http://127.0.0.1:{port}"
        self.node = node
        self._number = number

    async def call(self, do: str, **request: Any) -> Any:
        return await self.node.call(do, server=self._number, **request)

    async def open(self, *, namespace: str, answer: Any, headers: dict[str, str], auth: dict[str, Any]) -> NodeClient:
        return await node_client(
            self.node, self.url, namespace=namespace, answer=answer, extraHeaders=headers, auth=auth
        )

    async def emit(self, *args: Any, whom: Whom = ALL) -> None:
        await self.call("emit", whom=whom.on_wire(), args=args)

    async def emit_in_order(self, count: int, whom: Whom = ALL) -> None:
        await self.call("emitInOrder", whom=whom.on_wire(), count=count)

    async def ask(self, *args: Any, whom: Whom) -> Responses:
        return Responses(**await self.call("ask", whom=whom.on_wire(), args=args))

    async def fetch(self, whom: Whom = ALL) -> list[Found]:
        found = await self.call("fetch", whom=whom.on_wire())
        return [Found(each["id"], frozenset(each["rooms"]), each["data"], each["handshake"]) for each in found]

    async def join(self, *rooms: str, whom: Whom = ALL) -> None:
        await self.call("join", whom=whom.on_wire(), rooms=rooms)

    async def leave(self, *rooms: str, whom: Whom = ALL) -> None:
        await self.call("leave", whom=whom.on_wire(), rooms=rooms)

    async def disconnect(self, whom: Whom = ALL, *, close: bool = False) -> None:
        await self.call("disconnect", whom=whom.on_wire(), close=close)

    async def tell(self, *args: Any, namespace: str = "/") -> None:
        await self.call("tell", whom=Whom(namespace=namespace).on_wire(), args=args)

    async def tell_and_ask(self, *args: Any, namespace: str = "/", seconds: float | None = None) -> Responses:
        return Responses(**await self.call("tellAndAsk", whom=Whom(namespace=namespace).on_wire(), args=args))

    async def told(self) -> list[list[Any]]:
        told: list[list[Any]] = await self.call("told")
        return told

    async def server_count(self, namespace: str = "/") -> int:
        count: int = await self.call("serverCount", namespace=namespace)
        return count

    async def rooms(self, namespace: str) -> set[str]:
        return set(await self.call("rooms", namespace=namespace))


async def node_server(node: Node, stack: AsyncExitStack, **request: Any) -> NodeServer:
    """A new server on Node, until the stack is closed."""
    started = await node.call("start", **request)
    server = NodeServer(node, started["server"], started["port"])
    stack.push_async_callback(server.call, "stop")
    return server


def answers(clients: Sequence[Client]) -> list[Any]:
    """What these clients acknowledge with, in an order that `sorted_answers` gives to any list of answers."""
    return sorted_answers([each.answer for each in clients])


def sorted_answers(given: Sequence[Any]) -> list[Any]:
    """The same answers, in an order that does not depend on who came first."""
    return sorted(given, key=repr)
