"""Stand-ins for a socket and for the server, which note what they are told."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from whinny import protocol
from whinny.cluster import check_server_event, wire_args
from whinny.errors import AckTimeout
from whinny.protocol import Ack
from whinny.testing.emission import Action, Emission
from whinny.websocket import DetachedNamespace, DetachedSocket, Outlet, Target

if TYPE_CHECKING:
    from whinny.server import Listener
    from whinny.websocket import NamespaceLike, SocketLike


class Recorder(Outlet):
    """Notes what it is told, and answers as it was told before."""

    __slots__ = ("actions", "answers", "emitted")

    def __init__(self, answers: Mapping[str, Any] | None) -> None:
        self.answers = answers or {}
        self.emitted: list[Emission] = []
        self.actions: list[Action] = []

    def put(self, event: str, args: tuple[Any, ...], target: Target) -> None:
        """An event was emitted."""
        emission = Emission(
            event,
            *args,
            broadcast=target.broadcast,
            rooms=target.rooms,
            excluded=target.excluded,
            volatile=target.volatile,
            local=target.local,
        )
        self.emitted.append(emission)

    def ask(self, event: str, args: tuple[Any, ...], target: Target) -> Any:
        """The answer that was prepared. Raises AckTimeout when there is none."""
        self.put(event, args, target)
        if event not in self.answers:
            raise AckTimeout(f"No answer to {event!r} was prepared: answers={{{event!r}: …}}.")
        return self._answer(event)

    def ask_all(self, event: str, args: tuple[Any, ...], target: Target) -> list[Any]:
        """The answers that were prepared; none stand for nobody to answer."""
        self.put(event, args, target)
        return list(self._answer(event)) if event in self.answers else []

    def _answer(self, event: str) -> Any:
        answer = self.answers[event]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def act(self, name: str, rooms: tuple[str, ...], close: bool, target: Target) -> None:
        """Something else was done."""
        action = Action(
            name,
            *rooms,
            close=close,
            broadcast=target.broadcast,
            rooms=target.rooms,
            excluded=target.excluded,
            local=target.local,
        )
        self.actions.append(action)


class RecordingNamespace(DetachedNamespace):
    """A namespace that records what is sent to all its clients or to rooms of it, and what is done with them."""

    __slots__ = ("_recorder", "_servers", "listeners")

    def __init__(self, name: str = "/", answers: Mapping[str, Any] | None = None) -> None:
        self._recorder = Recorder(answers)
        self._servers = Recorder(answers)
        self.listeners: dict[str, list[Listener]] = {}
        super().__init__(name, self._recorder)

    @property
    def emitted(self) -> list[Emission]:
        """What was emitted, in order; without rooms it was for all."""
        return self._recorder.emitted

    @property
    def actions(self) -> list[Action]:
        """What was done besides: `sockets_join`, `sockets_leave`, `disconnect_sockets`, `close`."""
        return self._recorder.actions

    # between servers

    @property
    def server_side_emitted(self) -> list[Emission]:
        """What was emitted to the other servers."""
        return self._servers.emitted

    def on(self, event: str, fn: Listener) -> None:
        """Nothing comes from other servers here: call the function yourself, `io.listeners[event][0](…)`."""
        _check_server_event(event, ())
        self.listeners.setdefault(event, []).append(fn)

    def off(self, event: str, fn: Listener) -> None:
        """The function listens no more."""
        if fn in self.listeners.get(event, ()):
            self.listeners[event].remove(fn)

    def server_side_emit(self, event: str, *args: Any) -> None:
        """Noted in `server_side_emitted`. Raises EncodeError, and ValueError for a reserved name."""
        _check_server_event(event, args)
        self._servers.put(event, args, Target())

    async def server_side_emit_with_ack(self, event: str, *args: Any, timeout: float | None = None) -> list[Any]:
        """The list of answers that was prepared; none stand for no other server."""
        _check_server_event(event, args)
        return self._servers.ask_all(event, args, Target())

    async def server_count(self) -> int:
        """There is one server."""
        return 1


def _check_server_event(event: str, args: Sequence[Any]) -> None:
    check_server_event(event)
    protocol.encode(Ack("/", wire_args(args), None), sys.maxsize)


class RecordingServer(RecordingNamespace):
    """A stand-in for the server, `WsServer.io`. Like the server it stands for the namespace `/` as well."""

    __slots__ = ("_answers", "_namespaces")

    def __init__(self, answers: Mapping[str, Any] | None = None) -> None:
        super().__init__("/", answers)
        self._answers = answers
        self._namespaces: dict[str, RecordingNamespace] = {"/": self}

    def of(self, name: str) -> RecordingNamespace:
        """The namespace of this name, which records what concerns it."""
        namespace = RecordingNamespace(name, self._answers)
        return self._namespaces.setdefault(namespace.name, namespace)

    async def close(self) -> None:
        """Close all connections: noted, no more."""
        self._recorder.act("close", (), False, Target())


class RecordingWsServer:
    """A stand-in for WsServer: `ws_server.io.emitted` is what was emitted, `ws_server.io.actions` what else was done.

    Those of another namespace are in `ws_server.io.of("/admin")`. `answers` are the lists of answers that
    `emit_with_ack` brings, by event; an exception among them is raised.
    """

    def __init__(self, answers: Mapping[str, Any] | None = None) -> None:
        self.io = RecordingServer(answers)

    async def close(self) -> None:
        """Close all connections: noted, no more."""
        await self.io.close()


class RecordingSocket(DetachedSocket):
    """A connected socket that records what is sent by it: `socket.emitted == [Emission("hello", "you")]`.

    `answers` are what the client answers to `emit_with_ack`, by event: a value, for `broadcast.emit_with_ack` a list
    of them; an exception is raised. An event without an answer raises AckTimeout at once, or brings an empty list
    from the others. The other arguments are those of a detached socket.
    """

    def __init__(
        self,
        *,
        answers: Mapping[str, Any] | None = None,
        id: str | None = None,  # noqa: A002 - the field's word
        auth: dict[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        address: str = "",
        namespace: str = "/",
    ) -> None:
        super().__init__(id=id, auth=auth, headers=headers, query=query, address=address, namespace=namespace)
        self._outlet = self._recorder = Recorder(answers)
        self._whole_namespace = RecordingNamespace(namespace, answers)

    @property
    def emitted(self) -> list[Emission]:
        """What was emitted to this client and by it to others, in order. What finds it gone is not noted."""
        return self._recorder.emitted

    @property
    def actions(self) -> list[Action]:
        """What was done besides: `disconnect`, and what was done with others, such as `sockets_join`."""
        return self._recorder.actions

    @property
    def connected(self) -> bool:
        """Whether it was not disconnected yet."""
        return not self._gone

    @property
    def namespace(self) -> RecordingNamespace:
        """The namespace. It records by itself what is emitted to all of it: `socket.namespace.emitted`."""
        return self._whole_namespace


if TYPE_CHECKING:

    def _stand_ins_fit(socket: RecordingSocket, server: RecordingServer) -> tuple[SocketLike, NamespaceLike]:
        return socket, server  # type checkers read this; nothing calls it
