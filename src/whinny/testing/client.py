"""A Socket.IO client for tests: the real protocol, in the event loop of the app, without a network port."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from urllib.parse import urlencode

from whinny import protocol
from whinny.cluster import check_namespace
from whinny.errors import AckTimeout, ClientDisconnected, ConnectionRefused, ProtocolError
from whinny.protocol import Ack, Connect, ConnectError, Decoder, Disconnect, Event
from whinny.testing.in_process import InProcessWebSocket, websocket_scope

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from whinny.protocol import Packet
    from whinny.serving import ASGIApp

T = TypeVar("T")

Answer = Callable[[tuple[Any, ...]], None]
End = Literal["io server disconnect", "io client disconnect", "transport close", "parse error"]


@dataclass(frozen=True, init=False, repr=False)
class Received:
    """An event that came from the server; equal to `Received("refresh", "some", "data")` with the same content."""

    event: str
    args: tuple[Any, ...]
    _answer: Answer | None = field(compare=False)

    def __init__(self, event: str, *args: Any, _answer: Answer | None = None) -> None:
        object.__setattr__(self, "event", event)
        object.__setattr__(self, "args", args)
        object.__setattr__(self, "_answer", _answer)

    def __repr__(self) -> str:
        return f"Received({', '.join(map(repr, (self.event, *self.args)))})"

    @property
    def payload(self) -> Any:
        """The first argument, or None."""
        return self.args[0] if self.args else None

    @property
    def wants_ack(self) -> bool:
        """Whether the server waits for an acknowledgement."""
        return self._answer is not None

    def acknowledge(self, *args: Any) -> None:
        """Answer the server. Raises RuntimeError when it asked for no answer, EncodeError, ClientDisconnected."""
        if self._answer is None:
            raise RuntimeError(f"The server asked for no acknowledgement of {self.event!r}.")
        self._answer(args)


class TestClient:
    """One client in one namespace of an ASGI app: `async with TestClient(app) as client:`.

    Entering it connects and joins `namespace` with `auth`. It raises ConnectionRefused, with the server's `message`
    and `data`, when the client is not let in; ConnectionError when the handshake is refused before that, as for an
    `Origin` that is not allowed; TimeoutError when it takes more than `timeout` seconds. An error that the app itself
    raises reaches the test, at the next thing that is awaited or at the end. Leaving it disconnects.

    `headers` and `query` are the handshake's; a `Cookie` or an `Origin` goes in here. `path` is where the app answers
    Socket.IO, with the prefix under which it is mounted.

    The app starts with its first client, as when it is mounted, and nothing stops it in the end: where that matters,
    as its services are to be closed, put `async with app.lifespan():` around the clients.
    """

    __test__ = False  # no test class for pytest

    def __init__(
        self,
        app: ASGIApp,
        *,
        namespace: str = "/",
        auth: dict[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        path: str = "/socket.io/",
        timeout: float = 5.0,
    ) -> None:
        self.namespace = check_namespace(namespace)
        self.id = ""
        self.received: list[Received] = []
        """What came and was not taken by `receive`, in order."""
        self._auth = auth
        self._path = path
        self._timeout = timeout
        wire_query = urlencode({**(query or {}), "EIO": "4", "transport": "websocket"})
        self._websocket = InProcessWebSocket(app, websocket_scope(path, wire_query, headers or {}), self)
        self._entered = False
        self._decoder = Decoder()
        self._joined: Connect | ConnectError | None = None
        self._end: End | None = None
        self._failure_told = False
        self._ack_ids = count()
        self._acks: dict[int, list[Any] | None] = {}  # what was asked for, and what came
        self._news = asyncio.Event()  # set for those who wait, whenever something happens

    def __repr__(self) -> str:
        return f"<TestClient {self.id or 'not joined'} of {self.namespace!r}, {self._end or 'connected'}>"

    @property
    def connected(self) -> bool:
        """Whether the client is in the namespace."""
        return bool(self.id) and self._end is None

    # coming and going

    async def __aenter__(self) -> Self:
        if self._entered:
            raise RuntimeError("A TestClient connects once: make another one.")
        self._entered = True
        self._websocket.open()
        try:
            await self._join()
        except BaseException:
            await self._websocket.finish()
            raise
        return self

    async def _join(self) -> None:
        late = f"The app did not let the client in within {self._timeout} s."
        joined = await self._wait_for(lambda: self._joined, self._timeout, lambda: TimeoutError(late))
        if isinstance(joined, ConnectError):
            raise ConnectionRefused(joined.data.get("message", ""), joined.data.get("data"))

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.disconnect()
        await self._websocket.finish()
        failure = self._websocket.failure
        if failure is None or self._failure_told or error is failure:
            return
        if error is None:
            raise failure
        error.add_note(f"The app had raised {failure!r}")

    def disconnect(self) -> None:
        """Leave the namespace and the server, as a client does that means it; nothing when that is so already."""
        if self.connected:
            self._send(Disconnect(self.namespace))
        self._finish("io client disconnect")

    def drop(self) -> None:
        """Break the connection without a word, as a network does."""
        self._finish("transport close", 1006)

    def _finish(self, end: End, code: int = 1000) -> None:
        if self._end is None:
            self._end = end
            self._websocket.close(code)
            self._tell()

    async def wait_disconnected(self, timeout: float = 5.0) -> End:
        """Wait until the connection is over for the app as well, its `on_disconnect` called: how it ended.

        That is `"io server disconnect"` when the server has disconnected this client, `"io client disconnect"` when it
        was its own `disconnect`, `"transport close"` when the connection broke or the server closed it, `"parse error"`
        when the server sent what a client does not understand. Raises TimeoutError after `timeout` seconds.
        """
        return await self._wait_for(
            lambda: self._end if self._websocket.ended and self._websocket.failure is None else None,
            timeout,
            lambda: TimeoutError(f"The client was not disconnected within {timeout} s."),
            even_after_the_end=True,
        )

    # events

    def emit(self, event: str, *args: Any) -> None:
        """Send an event; the app gets it when the test next awaits something.

        Raises EncodeError, ValueError for a reserved event name, ClientDisconnected.
        """
        self._emit(event, args, None)

    async def emit_with_ack(self, event: str, *args: Any, timeout: float = 5.0) -> Any:
        """Send an event and wait for the app's answer: the first argument of the acknowledgement, or None.

        A method's response comes as its envelope, `{"status": "ok", "data": …}`. Raises AckTimeout after `timeout`
        seconds, as when the method returns None; ClientDisconnected; and what `emit` raises.
        """
        ack_id = next(self._ack_ids)
        self._emit(event, args, ack_id)
        self._acks[ack_id] = None
        late = f"The app did not acknowledge {event!r} within {timeout} s."
        try:
            answer = await self._wait_for(lambda: self._acks[ack_id], timeout, lambda: AckTimeout(late))
        finally:
            del self._acks[ack_id]
        return answer[0] if answer else None

    def _emit(self, event: str, args: tuple[Any, ...], ack_id: int | None) -> None:
        protocol.check_event_name(event)
        self._send(Event(self.namespace, [event, *args], ack_id))

    async def receive(self, event: str | None = None, timeout: float = 5.0) -> Received:
        """Take the next event that came, or the next one of this name; others stay in `received`.

        Raises TimeoutError, which names what came instead, after `timeout` seconds; ClientDisconnected when it cannot
        come any more. What came before the end can be taken after it.
        """
        return await self._wait_for(lambda: self._take(event), timeout, lambda: self._nothing_came(event, timeout))

    def _take(self, event: str | None) -> Received | None:
        for index, each in enumerate(self.received):
            if event is None or each.event == event:
                return self.received.pop(index)
        return None

    def _nothing_came(self, event: str | None, timeout: float) -> TimeoutError:
        wanted = "event" if event is None else f"event {event!r}"
        others = ", ".join(repr(each.event) for each in self.received) or "nothing"
        return TimeoutError(f"No {wanted} came within {timeout} s; what came: {others}.")

    # waiting

    async def _wait_for(
        self,
        find: Callable[[], T | None],
        timeout: float,
        late: Callable[[], Exception],
        even_after_the_end: bool = False,
    ) -> T:
        deadline = asyncio.timeout(timeout)
        try:
            async with deadline:
                while (found := find()) is None:
                    self._raise_failure()
                    if not even_after_the_end:
                        self._raise_if_over()
                    await self._news.wait()
                return found
        except TimeoutError:
            if deadline.expired():
                raise late() from None
            raise

    def _raise_failure(self) -> None:
        if self._websocket.failure is not None:
            self._failure_told = True
            raise self._websocket.failure

    def _raise_if_over(self) -> None:
        if self._end is None:
            return
        if self._joined is None:
            how = self._websocket.refusal or "ended without an answer"
            raise ConnectionError(f"The app refused the WebSocket at {self._path!r}: {how}")
        raise ClientDisconnected(f"The client is not connected any more: {self._end}.")

    def _tell(self) -> None:
        """Wake all who wait, to look again."""
        self._news.set()
        self._news.clear()

    # the protocol

    def _send(self, packet: Packet) -> None:
        parts = protocol.encode(packet)
        self._raise_if_over()
        for part in parts:
            self._websocket.send("4" + part if isinstance(part, str) else part)

    def on_message(self, data: str | bytes) -> None:
        """What the app sends: packets of the engine."""
        try:
            if isinstance(data, bytes):
                self._on_packet(self._decoder.add(data))
            elif data[0] == "0":
                self._send(Connect(self.namespace, self._auth))
            elif data[0] == "1":
                self._finish("transport close")
            elif data[0] == "2":
                self._websocket.send("3" + data[1:])
            elif data[0] == "4":
                self._on_packet(self._decoder.add(data[1:]))
        except ProtocolError:
            self._finish("parse error")

    def on_close(self) -> None:
        """The app has closed the WebSocket, or has ended."""
        self._finish("transport close")
        self._tell()

    def _on_packet(self, packet: Packet | None) -> None:
        if isinstance(packet, Event):
            event, *args = packet.data
            self.received.append(Received(event, *args, _answer=self._answer(packet.id)))
        elif isinstance(packet, Ack):
            if packet.id in self._acks:
                self._acks[packet.id] = packet.data
        elif isinstance(packet, Connect):
            self._joined = packet
            self.id = (packet.data or {})["sid"]
        elif isinstance(packet, ConnectError):
            self._joined = packet
        elif isinstance(packet, Disconnect):
            self._finish("io server disconnect")
        self._tell()

    def _answer(self, ack_id: int | None) -> Answer | None:
        if ack_id is None:
            return None
        return lambda args: self._send(Ack(self.namespace, list(args), ack_id))
