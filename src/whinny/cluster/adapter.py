"""Who is in which room, and how a message reaches them: the tables of one namespace on this server.

An adapter is also the way from a namespace to its like on the other servers. MemoryAdapter knows of none; one that does
extends it: it tells them what is done here, and gives what comes from them to the namespace that it is bound to. What
concerns this server's own members is done by the namespace, at once, whatever becomes of the message to the others.

Costs: joining and leaving are O(1) a room, removing a member is O(its rooms), a broadcast is O(its receivers). Each
member is in the room of its own id; that room is no entry of the tables.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, filterfalse
from typing import Any, Final, Generic, Literal, Protocol, TypeVar

from msgspec import Struct

from whinny.engine import Packet
from whinny.errors import ConfigurationError


class Member(Protocol):
    """What an adapter needs of a socket."""

    @property
    def id(self) -> str:
        """The socket's id, which is also the name of a room that it is always in."""
        ...

    def deliver(self, packets: Sequence[Packet], volatile: bool) -> None:
        """Send encoded packets. Must not change the adapter's tables before it returns."""


class AdapterHost(Protocol):
    """What an adapter needs of its namespace; to be called in the server's loop."""

    @property
    def name(self) -> str:
        """The namespace's name."""
        ...

    def on_broadcast(self, data: list[Any], selection: Selection, volatile: bool) -> None:
        """Send an event to those members of this server who are meant. Raises EncodeError if clients cannot get it."""

    def on_broadcast_with_ack(
        self, data: list[Any], selection: Selection, timeout: float, answer: Callable[[Any], None]
    ) -> int:
        """Ask those members of this server who are meant, and return how many they are.

        `answer` is called with each acknowledgement that comes within `timeout` seconds, and never before this returns.
        Raises EncodeError if clients cannot get it.
        """
        ...

    def on_sockets_join(self, selection: Selection, rooms: Sequence[str]) -> None:
        """Let those members of this server who are meant enter rooms."""

    def on_sockets_leave(self, selection: Selection, rooms: Sequence[str]) -> None:
        """Let those members of this server who are meant leave rooms."""

    def on_disconnect_sockets(self, selection: Selection, close: bool) -> None:
        """Disconnect those members of this server who are meant."""

    def describe_sockets(self, selection: Selection) -> list[dict[str, Any]]:
        """What other servers may know of those members of this server who are meant: see `SocketDetails`."""
        ...

    def on_server_side_emit(self, data: list[Any], answer: Callable[[Any], None] | None = None) -> None:
        """Another server has emitted: `data` is the event's name and its arguments.

        `answer` is given if that server waits for an answer, and is called at most once.
        """


class RemoteAnswers(Protocol):
    """Who waits for the acknowledgements of other servers' clients."""

    def expect_servers(self, count: int) -> None:
        """So many other servers were asked."""

    def server_asked(self, clients: int) -> None:
        """One of them has asked so many clients."""

    def answered(self, args: list[Any]) -> None:
        """A client acknowledged."""


M = TypeVar("M", bound=Member)

FEW: Final = 8
"""Rooms up to which it is cheaper to look each member up in the others than to unite them all."""


class Selection(Struct, frozen=True):
    """Whom something concerns: the members of any of `rooms` (all if there are none), but of none of `excluded`."""

    rooms: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()


class MemoryAdapter(Generic[M]):
    """A cluster of one."""

    __slots__ = ("_joined", "_rooms", "members")

    def __init__(self) -> None:
        """Makes one for a namespace that `bind` will name."""
        self.members: dict[str, M] = {}
        self._rooms: dict[str, set[M]] = {}
        self._joined: dict[M, set[str]] = {}

    def bind(self, host: AdapterHost) -> None:
        """The adapter belongs to this namespace. Called once, before anything else."""

    # the members of this server

    def add(self, member: M) -> None:
        """A new member, in no room but its own."""
        self.members[member.id] = member

    def remove(self, member: M) -> None:
        """The member leaves all its rooms and the namespace; one that is not there is ignored."""
        self.members.pop(member.id, None)
        for room in self._joined.pop(member, ()):
            self._discard(member, room)

    def join(self, member: M, rooms: Iterable[str]) -> None:
        """The member enters rooms; rooms are made when they are first entered."""
        for room in rooms:
            if room != member.id:
                members = self._rooms.get(room)
                if members is None:
                    members = self._rooms[room] = set()
                    self.room_made(room)
                members.add(member)
                self._joined.setdefault(member, set()).add(room)

    def leave(self, member: M, rooms: Iterable[str]) -> None:
        """The member leaves rooms; rooms that it is not in are ignored. Nobody leaves the room of its own id."""
        joined = self._joined.get(member)
        for room in rooms:
            if joined and room in joined:
                joined.remove(room)
                self._discard(member, room)
        if joined is not None and not joined:
            del self._joined[member]

    def rooms_of(self, member: M) -> frozenset[str]:
        """The rooms of a member, that of its own id among them."""
        return frozenset((member.id, *self._joined.get(member, ())))

    def has_room(self, room: str) -> bool:
        """Whether a member of this server is in the room."""
        return room in self._rooms or room in self.members

    def room_names(self) -> frozenset[str]:
        """The rooms that members have joined, without those of their own ids."""
        return frozenset(self._rooms)

    def select(self, selection: Selection) -> Iterable[M]:
        """The members that are meant, each once. Looks into the tables as it goes: use it at once, and do not keep it.

        No room is copied for it, unless many rooms are named.
        """
        if len(selection.rooms) == 1 and not selection.excluded and selection.rooms[0] not in self.members:
            return self._rooms.get(selection.rooms[0], ())
        sources = [part for room in selection.rooms for part in self._parts(room)]
        if not selection.rooms:
            sources = [self.members.values()]
        hidden = [part for room in selection.excluded for part in self._parts(room)]
        if len(sources) + len(hidden) > FEW:
            return set[M]().union(*sources).difference(*hidden)
        streams: list[Iterable[M]] = []
        for source in sources:
            stream: Iterable[M] = source
            for each in hidden:
                stream = filterfalse(each.__contains__, stream)
            streams.append(stream)
            hidden.append(source)  # who is in it has been given, and is not to be given again
        return streams[0] if len(streams) == 1 else chain.from_iterable(streams)

    def broadcast(self, packets: Sequence[Packet], selection: Selection, volatile: bool) -> None:
        """Send the same encoded packets to all who are meant."""
        for member in self.select(selection):
            member.deliver(packets, volatile)

    def room_made(self, room: str) -> None:
        """A first member is about to be in the room; not called for the rooms of members' own ids."""

    def room_gone(self, room: str) -> None:
        """The last member has left the room."""

    # the other servers

    @property
    def has_peers(self) -> bool:
        """Whether there may be other servers; where not, none of the methods below is called with anything to tell."""
        return False

    def wire(self, data: list[Any]) -> bytes:
        """An event, its name and its arguments, as it is sent to the other servers. Any thread may call this.

        Raises EncodeError.
        """
        return b""

    def publish(self, wire: bytes, selection: Selection, volatile: bool) -> None:
        """The other servers send an event to their members."""

    def ask(self, wire: bytes, selection: Selection, timeout: float, answers: RemoteAnswers) -> Callable[[], None]:
        """The other servers ask their members for acknowledgements, which are given to `answers`.

        What is returned is called in the end: nobody waits any more.
        """
        answers.expect_servers(0)
        return lambda: None

    def publish_join(self, selection: Selection, rooms: Sequence[str]) -> None:
        """The other servers let their members enter rooms."""

    def publish_leave(self, selection: Selection, rooms: Sequence[str]) -> None:
        """The other servers let their members leave rooms."""

    def publish_disconnect(self, selection: Selection, close: bool) -> None:
        """The other servers disconnect their members."""

    async def fetch_sockets(self, selection: Selection, timeout: float | None) -> list[Any]:
        """The members of the other servers, as `AdapterHost.describe_sockets` has them there.

        Raises ClusterTimeout, with those that came, when not every server answers within `timeout` seconds, or the
        time that the adapter has for requests.
        """
        return []

    def server_side_emit(self, data: list[Any]) -> None:
        """Tell the other servers: `data` is the event's name and its arguments, plain values that nobody changes."""

    async def server_side_emit_with_ack(self, data: list[Any], timeout: float | None) -> list[Any]:
        """Ask the other servers: the answer of each.

        Raises AckTimeout, with those that came, when not every server answers within `timeout` seconds, or the time
        that the adapter has for requests.
        """
        return []

    async def server_count(self) -> int:
        """How many servers there are, this one among them. Raises ConnectionError where nobody can be asked."""
        return 1

    def _parts(self, room: str) -> Iterator[Collection[M]]:
        """The members of a room: those that have joined it, and the one whose own room it is."""
        if (joined := self._rooms.get(room)) is not None:
            yield joined
        if (own := self.members.get(room)) is not None:
            yield (own,)

    def _discard(self, member: M, room: str) -> None:
        members = self._rooms[room]
        members.discard(member)
        if not members:
            del self._rooms[room]
            self.room_gone(room)


AdapterFactory = Callable[[], MemoryAdapter[Any]]
"""Makes the adapter of a namespace, which needs nothing to be started: the class of an adapter, for instance."""


@dataclass(frozen=True, slots=True)
class Health:
    """How a server stands with the others.

    `state` is "alone" where no others are known of, "ready" while messages come and go, and "degraded" while they do
    not, as the connection is lost. `waiting` messages are to be sent, `lost` ones could not be, since the start.
    """

    state: Literal["alone", "ready", "degraded"] = "alone"
    waiting: int = 0
    lost: int = 0


class Peers(ABC):
    """The way of one server to the others: what the adapters of all its namespaces share."""

    returned: Callable[[], None] | None = None
    """To be called when this server was cut off and is back: what the others sent meanwhile has not come."""

    @abstractmethod
    def adapter(self) -> MemoryAdapter[Any]:
        """The adapter of a new namespace."""

    @abstractmethod
    async def start(self) -> None:
        """Connect. Where that takes long or fails it goes on behind: a server starts without the others."""

    @abstractmethod
    async def close(self) -> None:
        """Send what waits, if that can be done soon, and let go of all connections. `start` may follow."""

    @abstractmethod
    def health(self) -> Health:
        """How it stands."""


class ClusterAdapter(ABC):
    """Describes a cluster; on a root controller, or for a Server. Nothing is opened before `start`."""

    @abstractmethod
    def peers(self) -> Peers:
        """The way of one more server to the others."""


AdapterOption = AdapterFactory | ClusterAdapter
"""What a server is given: a cluster's description, or what makes adapters that need no start."""


def check_adapter(adapter: object, where: str) -> None:
    """Raises ConfigurationError, which names `where`, for what is no AdapterOption."""
    if isinstance(adapter, type):
        is_right, shown = issubclass(adapter, MemoryAdapter), f"the class {adapter.__name__}"
    else:
        is_right = isinstance(adapter, ClusterAdapter) or callable(adapter)
        shown = f"an object of the type {type(adapter).__name__}"
    if not is_right:
        raise ConfigurationError(
            f'{where} needs an adapter such as RedisAdapter("redis://localhost:6379"), not {shown}.'
        )
