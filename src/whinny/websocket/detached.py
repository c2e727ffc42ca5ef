"""A socket without a server, for contexts that are made by hand: it keeps what it is given and reaches nobody."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from whinny import protocol
from whinny.cluster import check_namespace, room_names, wire_args
from whinny.engine import EngineRequest, new_sid
from whinny.errors import ClientDisconnected
from whinny.protocol import Event
from whinny.server import Broadcasting, Handshake

if TYPE_CHECKING:
    from whinny.websocket.socket_like import NamespaceLike, OperatorLike, SocketLike, SocketOperatorLike


@dataclass(frozen=True, slots=True)
class Target:
    """Whom something is for. `broadcast` says that a socket sends it to others than itself."""

    broadcast: bool = False
    rooms: frozenset[str] = frozenset()
    excluded: frozenset[str] = frozenset()
    volatile: bool = False
    local: bool = False


class Outlet:
    """Where stand-ins put what they are told. In this one it is lost: there is nobody."""

    __slots__ = ()

    def put(self, event: str, args: tuple[Any, ...], target: Target) -> None:
        """An event was emitted; it can be sent."""

    def ask(self, event: str, args: tuple[Any, ...], target: Target) -> Any:
        """One client was asked for an acknowledgement: the answer."""
        raise ClientDisconnected("A detached socket has no client that could acknowledge.")

    def ask_all(self, event: str, args: tuple[Any, ...], target: Target) -> list[Any]:
        """A choice of clients was asked for acknowledgements: the answers."""
        return []

    def act(self, name: str, rooms: tuple[str, ...], close: bool, target: Target) -> None:
        """The method of this name was called, which is no emit."""


NOWHERE: Final = Outlet()


def check_event(event: str, args: Sequence[Any]) -> None:
    """Raises what a real emit raises: EncodeError, and ValueError for a reserved name."""
    protocol.check_event_name(event)
    protocol.encode(Event("/", [event, *wire_args(args)]))


class DetachedOperator:
    """A choice of clients where there are none. Like a real one it never changes: each step gives a new one."""

    __slots__ = ("_outlet", "_target")

    def __init__(self, outlet: Outlet, target: Target) -> None:
        self._outlet = outlet
        self._target = target

    def _with(self, **changes: Any) -> DetachedOperator:
        return DetachedOperator(self._outlet, replace(self._target, **changes))

    def to(self, *rooms: str | Iterable[str]) -> DetachedOperator:
        """The clients in any of these rooms, and of those named before."""
        return self._with(rooms=self._target.rooms.union(room_names(rooms)))

    in_ = to

    def except_(self, *rooms: str | Iterable[str]) -> DetachedOperator:
        """None of the clients in these rooms."""
        return self._with(excluded=self._target.excluded.union(room_names(rooms)))

    @property
    def volatile(self) -> DetachedOperator:
        """Messages that a client which cannot take them right now does not get at all."""
        return self._with(volatile=True)

    @property
    def local(self) -> DetachedOperator:
        """The clients of this server only."""
        return self._with(local=True)

    def timeout(self, seconds: float) -> DetachedOperator:
        """Nothing is waited for here."""
        return self

    def emit(self, event: str, *args: Any) -> None:
        """Raises EncodeError when the arguments cannot be sent, ValueError for a reserved event name."""
        check_event(event, args)
        self._outlet.put(event, args, self._target)

    async def emit_with_ack(self, event: str, *args: Any, timeout: float | None = None) -> list[Any]:
        """The answers: none where there is nobody. Raises EncodeError, and ValueError for a reserved event name."""
        check_event(event, args)
        return self._outlet.ask_all(event, args, self._target)

    async def fetch_sockets(self) -> Sequence[SocketLike]:
        """Nobody."""
        return []

    def sockets_join(self, *rooms: str | Iterable[str]) -> None:
        """Let all who are meant enter these rooms."""
        self._outlet.act("sockets_join", room_names(rooms), False, self._target)

    def sockets_leave(self, *rooms: str | Iterable[str]) -> None:
        """Let all who are meant leave these rooms."""
        self._outlet.act("sockets_leave", room_names(rooms), False, self._target)

    def disconnect_sockets(self, close: bool = False) -> None:
        """Disconnect all who are meant."""
        self._outlet.act("disconnect_sockets", (), close, self._target)


class DetachedNamespace(DetachedOperator):
    """A namespace without clients."""

    __slots__ = ("name",)

    def __init__(self, name: str = "/", outlet: Outlet = NOWHERE) -> None:
        super().__init__(outlet, Target())
        self.name = check_namespace(name)


class DetachedSocketOperator(Broadcasting[DetachedOperator]):
    """A detached socket with modifiers."""

    __slots__ = ("_socket", "_target")

    def __init__(self, socket: DetachedSocket, target: Target) -> None:
        self._socket = socket
        self._target = target

    @property
    def volatile(self) -> DetachedSocketOperator:
        """Messages that are dropped when the client cannot take them right now."""
        return DetachedSocketOperator(self._socket, replace(self._target, volatile=True))

    def timeout(self, seconds: float) -> DetachedSocketOperator:
        """Nothing is waited for here."""
        return self

    @property
    def broadcast(self) -> DetachedOperator:
        """All clients but this one."""
        return DetachedOperator(self._socket._outlet, replace(self._target, broadcast=True))

    def emit(self, event: str, *args: Any) -> None:
        """Send an event to this client."""
        self._socket._put(event, args, self._target)

    async def emit_with_ack(self, event: str, *args: Any, timeout: float | None = None) -> Any:
        """Send an event to this client and ask for its acknowledgement."""
        return self._socket._ask(event, args, self._target)


TO_ITSELF: Final = Target()


class DetachedSocket(Broadcasting[DetachedOperator]):
    """A socket that no client stands behind.

    It has an id, rooms that can be joined and left, data, and a handshake made of `auth`, `headers`, `query` and
    `address`. It is not connected. What is emitted is checked as by a real socket, so that data which cannot be sent
    raises, and reaches nobody; to ask for an acknowledgement raises ClientDisconnected.
    """

    __slots__ = (
        "__weakref__",
        "_address",
        "_auth",
        "_data",
        "_gone",
        "_handshake",
        "_headers",
        "_id",
        "_joined",
        "_namespace",
        "_query",
    )

    _outlet: Outlet = NOWHERE

    def __init__(
        self,
        *,
        id: str | None = None,  # noqa: A002 - the field's word
        auth: dict[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        address: str = "",
        namespace: str = "/",
    ) -> None:
        self._id = id
        self._auth = auth
        self._headers = headers
        self._query = query
        self._address = address
        self._namespace: str | DetachedNamespace = namespace
        self._handshake: Handshake | None = None
        self._data: dict[str, Any] | None = None
        self._joined: frozenset[str] = frozenset()
        self._gone = False  # disconnected by the app

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id}>"

    # what is known of the client

    @property
    def id(self) -> str:
        """The socket's id, made up unless one was given."""
        if self._id is None:
            self._id = new_sid()
        return self._id

    @property
    def namespace(self) -> NamespaceLike:
        """A namespace of the name that was given, with nobody in it."""
        if isinstance(self._namespace, str):
            self._namespace = DetachedNamespace(self._namespace)
        return self._namespace

    @property
    def handshake(self) -> Handshake:
        """A handshake over a WebSocket, with what was given to the socket."""
        if self._handshake is None:
            self._handshake = Handshake(self._request(), self._auth or {})
        return self._handshake

    def _request(self) -> EngineRequest:
        query = {"EIO": "4", "transport": "websocket", **(self._query or {})}
        headers = [
            (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in (self._headers or {}).items()
        ]
        client = (self._address, 0) if self._address else None
        return EngineRequest("GET", "/socket.io/", urlencode(query).encode(), headers, client)

    @property
    def data(self) -> dict[str, Any]:
        """What the app keeps about this client."""
        if self._data is None:
            self._data = {}
        return self._data

    @data.setter
    def data(self, value: dict[str, Any]) -> None:
        self._data = value

    @property
    def connected(self) -> bool:
        """No client is connected."""
        return False

    # rooms

    @property
    def rooms(self) -> frozenset[str]:
        """The rooms that were joined, and that of its own id."""
        return self._joined | {self.id}

    def join(self, *rooms: str | Iterable[str]) -> None:
        """Enter rooms."""
        if not self._gone:
            self._joined = self._joined.union(room_names(rooms))

    def leave(self, *rooms: str | Iterable[str]) -> None:
        """Leave rooms. The room of its own id cannot be left."""
        if not self._gone:
            self._joined = self._joined.difference(room_names(rooms))

    # to the others

    @property
    def broadcast(self) -> DetachedOperator:
        """All clients but this one: nobody."""
        return DetachedSocketOperator(self, TO_ITSELF).broadcast

    # to this client

    @property
    def volatile(self) -> DetachedSocketOperator:
        """Messages that are dropped when the client cannot take them right now."""
        return DetachedSocketOperator(self, TO_ITSELF).volatile

    def timeout(self, seconds: float) -> DetachedSocketOperator:
        """Nothing is waited for here."""
        return DetachedSocketOperator(self, TO_ITSELF)

    def emit(self, event: str, *args: Any) -> None:
        """Raises EncodeError when the arguments cannot be sent, ValueError for a reserved event name."""
        self._put(event, args, TO_ITSELF)

    async def emit_with_ack(self, event: str, *args: Any, timeout: float | None = None) -> Any:
        """Raises what `emit` raises, and ClientDisconnected: there is no client to answer."""
        return self._ask(event, args, TO_ITSELF)

    def _put(self, event: str, args: tuple[Any, ...], target: Target) -> None:
        check_event(event, args)
        if not self._gone:
            self._outlet.put(event, args, target)

    def _ask(self, event: str, args: tuple[Any, ...], target: Target) -> Any:
        check_event(event, args)
        return (NOWHERE if self._gone else self._outlet).ask(event, args, target)

    def disconnect(self, close: bool = False) -> None:
        """There is no client to disconnect. From here on its rooms stay as they are."""
        if not self._gone:
            self._gone = True
            self._outlet.act("disconnect", (), close, TO_ITSELF)


if TYPE_CHECKING:

    def _stand_ins_fit(
        socket: DetachedSocket, operator: DetachedOperator
    ) -> tuple[SocketLike, SocketOperatorLike, OperatorLike]:
        return socket, socket.volatile, operator  # type checkers read this; nothing calls it
