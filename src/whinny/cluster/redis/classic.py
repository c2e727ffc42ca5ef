"""Servers that reach each other by Redis pub/sub, Node's with `@socket.io/redis-adapter` 8 among them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from redis.asyncio import Redis

from whinny.cluster.adapter import AdapterHost, ClusterAdapter, MemoryAdapter, Peers, Selection
from whinny.cluster.redis.arguments import MAX_BUFFER, check_bool, check_bytes, check_seconds, check_text, client_of
from whinny.cluster.redis.classic_wire import (
    Asked,
    Channels,
    Packet,
    Request,
    broadcast_head,
    check_server_event,
    decode_broadcast,
    decode_request,
    decode_response,
    encode_ask,
    encode_broadcast,
    encode_json,
    encode_msgpack,
    encode_packet,
    flags,
    options,
    with_bytes,
)
from whinny.cluster.redis.encoding import Foreign
from whinny.cluster.redis.link import Link, RedisPeers
from whinny.cluster.redis.requests import Waiting, short_id

if TYPE_CHECKING:
    from whinny.cluster.adapter import RemoteAnswers


class RedisAdapter(ClusterAdapter):
    """The servers that have the same Redis, and the same `key`, are one cluster: `adapter = RedisAdapter("redis://…")`.

    `key` is the prefix of all channels. `request_timeout` is how many seconds the other servers have to answer requests
    such as `fetch_sockets`. `specific_response_channel` sends responses to the server alone that has asked, which is
    less work for the others; a Node server has the same option, `publishOnSpecificResponseChannel`, and each decides
    for its own responses. At most `max_buffer` bytes wait to be sent while Redis is away; what is more is lost,
    counted and logged.

    A client that is given is used for its settings, and is not closed. Raises ConfigurationError for what is wrong.
    """

    def __init__(
        self,
        url_or_client: str | Redis,
        *,
        key: str = "socket.io",
        request_timeout: float = 5.0,
        specific_response_channel: bool = False,
        max_buffer: int = MAX_BUFFER,
    ) -> None:
        self._redis = client_of(url_or_client, Redis, "RedisAdapter")
        self.key = check_text(key, "RedisAdapter", "key")
        self.request_timeout = check_seconds(request_timeout, "RedisAdapter", "request_timeout")
        self.specific_response_channel = check_bool(
            specific_response_channel, "RedisAdapter", "specific_response_channel"
        )
        self._max_buffer = check_bytes(max_buffer, "RedisAdapter", "max_buffer")

    def peers(self) -> Peers:
        """The way of one more server to the others."""
        link = Link(self._redis, self._max_buffer)
        return RedisPeers(link, lambda: ClassicAdapter(link, self))


class ClassicAdapter(MemoryAdapter[Any]):
    """One namespace of one server in the cluster."""

    __slots__ = ("_channels", "_head", "_host", "_link", "_namespace", "_settings", "_waiting", "uid")

    def __init__(self, link: Link, settings: RedisAdapter) -> None:
        super().__init__()
        self.uid = short_id()
        self._head = broadcast_head(self.uid)
        self._link = link
        self._settings = settings
        self._waiting = Waiting(link.check, self.server_count, settings.request_timeout)

    def bind(self, host: AdapterHost) -> None:
        """The adapter belongs to this namespace: listen to its channels."""
        self._host = host
        self._namespace = host.name
        channels = self._channels = Channels(self._settings.key, host.name, self.uid)
        subscribe = self._link.subscribe
        subscribe("PSUBSCRIBE", channels.every_broadcast, self._on_broadcast)
        subscribe("SUBSCRIBE", channels.requests, self._on_request)
        subscribe("SUBSCRIBE", channels.responses, self._on_response)
        subscribe("SUBSCRIBE", channels.own_responses, self._on_response)

    # to the others

    @property
    def has_peers(self) -> bool:
        """There may be others at any time."""
        return True

    def wire(self, data: list[Any]) -> bytes:
        """An event for the others. Raises EncodeError."""
        return encode_packet(data, self._namespace)

    def publish(self, wire: bytes, selection: Selection, volatile: bool) -> None:
        """The other servers send an event to their members."""
        message = encode_broadcast(self._head, wire, selection, flags(volatile))
        self._link.publish("PUBLISH", self._channels.room(selection), message)

    def ask(self, wire: bytes, selection: Selection, timeout: float, answers: RemoteAnswers) -> Callable[[], None]:
        """The other servers ask their members for acknowledgements."""

        def send(request_id: str) -> None:
            message = encode_ask(self.uid, request_id, wire, selection, timeout)
            self._link.publish("PUBLISH", self._channels.requests, message)

        return self._waiting.ask(send, answers)

    def publish_join(self, selection: Selection, rooms: Sequence[str]) -> None:
        """The other servers let their members enter rooms."""
        self._request(Request.JOIN, opts=options(selection), rooms=rooms)

    def publish_leave(self, selection: Selection, rooms: Sequence[str]) -> None:
        """The other servers let their members leave rooms."""
        self._request(Request.LEAVE, opts=options(selection), rooms=rooms)

    def publish_disconnect(self, selection: Selection, close: bool) -> None:
        """The other servers disconnect their members."""
        self._request(Request.DISCONNECT, opts=options(selection), close=close)

    async def fetch_sockets(self, selection: Selection, timeout: float | None) -> list[Any]:
        """The members of the other servers. Raises ClusterTimeout."""
        return await self._waiting.sockets(
            lambda id_: self._request(Request.FETCH, requestId=id_, opts=options(selection)), timeout
        )

    def server_side_emit(self, data: list[Any]) -> None:
        """Tell the other servers."""
        self._request(Request.SERVER_SIDE_EMIT, data=data)

    async def server_side_emit_with_ack(self, data: list[Any], timeout: float | None) -> list[Any]:
        """Ask the other servers. Raises AckTimeout."""
        return await self._waiting.answers(
            lambda id_: self._request(Request.SERVER_SIDE_EMIT, requestId=id_, data=data), timeout
        )

    async def server_count(self) -> int:
        """How many servers listen to requests. Raises ConnectionError."""
        return await self._link.count("PUBSUB", "NUMSUB", self._channels.requests)

    def _request(self, type_: Request, **rest: Any) -> None:
        message = encode_json({"uid": self.uid, "type": type_.value, **rest})
        self._link.publish("PUBLISH", self._channels.requests, message)

    # from the others

    def _on_broadcast(self, channel: bytes, data: bytes) -> None:
        if data.startswith(self._head):
            return  # this server's own, which Redis brings back to it
        room = channel[len(self._channels.broadcasts) : -1]
        if room and not self.has_room(room.decode(errors="surrogatepass")):
            return
        _, packet, opts = decode_broadcast(data)
        if packet.nsp == self._namespace:
            self._host.on_broadcast(packet.data, opts.selection, bool(opts.flags.get("volatile")))

    def _on_request(self, _: bytes, data: bytes) -> None:
        request = decode_request(data)
        if request.uid == self.uid:
            return  # done already
        selection = request.opts.selection if request.sid is None else Selection((request.sid,))
        rooms = list(map(str, request.rooms if request.room is None else [request.room]))
        is_here = request.sid is not None and self.has_room(request.sid)
        if request.type == Request.JOIN:
            self._host.on_sockets_join(selection, rooms)
        elif request.type == Request.LEAVE:
            self._host.on_sockets_leave(selection, rooms)
        elif request.type == Request.DISCONNECT:
            self._host.on_disconnect_sockets(selection, request.close)
        elif request.type == Request.SERVER_SIDE_EMIT:
            self._on_server_side_emit(request)
        elif request.request_id is not None:
            self._answer(request, request.request_id)
            return
        else:
            raise Foreign(f"it is a request of type {request.type}, without an id")
        if is_here and request.request_id is not None:
            self._respond(request, requestId=request.request_id)  # older servers wait for it

    def _answer(self, request: Asked, request_id: str) -> None:
        if request.type == Request.SOCKETS:
            members = self.select(Selection(tuple(map(str, request.rooms))))
            self._respond(request, requestId=request_id, sockets=[member.id for member in members])
        elif request.type == Request.ALL_ROOMS:
            self._respond(request, requestId=request_id, rooms=sorted({*self.room_names(), *self.members}))
        elif request.type == Request.FETCH:
            found = self._host.describe_sockets(request.opts.selection)
            self._respond(request, requestId=request_id, sockets=found)
        elif request.type == Request.BROADCAST and request.packet is not None:
            self._on_ask(request, request_id, request.packet)
        else:
            raise Foreign(f"it is no request of type {request.type}")

    def _on_server_side_emit(self, request: Asked) -> None:
        def answer(result: Any) -> None:
            message = {"type": Request.SERVER_SIDE_EMIT.value, "requestId": request.request_id, "data": result}
            self._link.publish("PUBLISH", self._channels.responses, encode_json(message))

        data = check_server_event(with_bytes(request.data))
        self._host.on_server_side_emit(data, None if request.request_id is None else answer)

    def _on_ask(self, request: Asked, request_id: str, packet: Packet) -> None:
        """Say how many clients are asked; each acknowledgement is a response of its own."""
        if packet.nsp != self._namespace:
            return
        channel = self._response_channel(request)

        def answer(argument: Any) -> None:
            response = {"type": Request.BROADCAST_ACK.value, "requestId": request_id, "packet": argument}
            self._link.publish("PUBLISH", channel, encode_msgpack(response))

        seconds = request.opts.timeout(self._settings.request_timeout)
        count = self._host.on_broadcast_with_ack(packet.data, request.opts.selection, seconds, answer)
        self._respond(request, type=Request.BROADCAST_CLIENT_COUNT.value, requestId=request_id, clientCount=count)

    def _respond(self, request: Asked, **response: Any) -> None:
        self._link.publish("PUBLISH", self._response_channel(request), encode_json(response))

    def _response_channel(self, request: Asked) -> bytes:
        if self._settings.specific_response_channel and request.uid:
            return self._channels.responses_to(request.uid)
        return self._channels.responses

    def _on_response(self, _: bytes, data: bytes) -> None:
        response = decode_response(data)
        if response.type == Request.BROADCAST_CLIENT_COUNT:
            self._waiting.server_asked(response.request_id, response.client_count)
        elif response.type == Request.BROADCAST_ACK:
            self._waiting.answered(response.request_id, response.packet)
        elif response.type == Request.SERVER_SIDE_EMIT:
            self._waiting.came(response.request_id, with_bytes(response.data))
        else:
            self._waiting.came(response.request_id, with_bytes(response.sockets))
