"""Foreign and hostile bytes on every channel of a cluster: skipped, logged sparingly, and without any consequence."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import time
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from cluster.pair import KINDS, One, pair, until
from support.redis import RedisServer, redis_server
from whinny import AckTimeout, logs
from whinny.errors import ClusterTimeout

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture
async def raw(redis: RedisServer) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis.url) as client:
        yield client


def channels(kind: str, one: One) -> list[bytes]:
    """All that a server hears, the own channel of its client's room among them."""
    adapter: Any = one.io.of("/").adapter  # type: ignore[attr-defined]
    uid, own = adapter.uid.encode(), one.client.id.encode()
    if kind == "classic":
        return [
            b"socket.io#/#",
            b"socket.io#/#" + own + b"#",
            b"socket.io#/#" + own,
            b"socket.io-request#/#",
            b"socket.io-response#/#",
            b"socket.io-response#/#" + uid + b"#",
        ]
    return [b"socket.io#/#", b"socket.io#/#" + uid + b"#", b"socket.io#/#room#"]


async def send(raw: Redis, kind: str, channel: bytes, data: bytes) -> None:
    await raw.execute_command("PUBLISH" if kind == "classic" else "SPUBLISH", channel, data)


def deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def dump(value: Any) -> bytes:
    return msgspec.msgpack.encode(value)


# what is nearly right: every field of every message, with values that it may not have, or that do harm if it may

NUMBERS = [-1, -(2**63), 2**63, 2**64 - 1, 1e308, -1e308, math.nan, math.inf, -math.inf, 0, 1.5, True]
ODD: list[Any] = [None, "", "x", b"x", [], {}, [[]], [None], [1], [b"x"], {"a": 1}, {1: 2}, "x" * 100_000, *NUMBERS]
odd = st.sampled_from(ODD) | st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=5)
    | st.binary(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.integers(0, 9), inner, max_size=3)
    ),
    max_leaves=6,
)
names = st.sampled_from(
    ["connect", "disconnect", "disconnecting", "connect_error", "connection", "new_namespace", "hello"]
)
events = (names | odd).flatmap(lambda name: st.lists(odd, max_size=2).map(lambda args: [name, *args])) | odd
texts = st.lists(st.sampled_from(["room", "", "nobody", "\x00", "#", "*"]), max_size=3)


def some(of: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """Mostly right, and some fields odd or left out."""
    return st.fixed_dictionaries({}, optional={name: each | odd for name, each in of.items()})


options = some({"rooms": texts, "except": texts, "flags": some({"timeout": st.sampled_from(NUMBERS), "volatile": odd})})
packets = some({"type": st.just(2), "data": events, "nsp": st.just("/")})
contents: dict[str, st.SearchStrategy[Any]] = {
    "requestId": st.sampled_from(["abcdef", ""]),
    "opts": options,
    "rooms": texts,
    "close": st.just(False),
    "data": events,
    "packet": packets,
    "sockets": st.lists(odd, max_size=2),
    "clientCount": st.sampled_from(NUMBERS),
    "sid": odd,
    "room": odd,
}
uids = st.sampled_from(["strangr", "", "a#b", "x" * 1000])
# not those that disconnect the clients, as they are asked to
classic = st.tuples(uids, packets, options).map(list) | some(
    {"uid": uids, "type": st.sampled_from([0, 1, 2, 3, 5, 6, 7, 8, 9, 10, -1, 2**40]), **contents}
)
sharded = some(
    {
        "uid": uids,
        "type": st.sampled_from([1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12, 13, -1, 2**40]),
        "nsp": st.just("/"),
        "data": some(contents),
    }
)


def as_json(value: Any) -> bytes:
    return json.dumps(value, default=repr, skipkeys=True).encode()


def bytes_of(kind: str) -> st.SearchStrategy[bytes]:
    messages = classic if kind == "classic" else sharded
    return st.binary(max_size=40) | messages.map(dump) | messages.map(as_json) | odd.map(dump) | odd.map(as_json)


async def works(one: One, other: One) -> None:
    """Both ways, with every kind of request, and the clients are those that were there before."""
    one.client.received.clear()
    other.client.received.clear()
    one.io.emit("still there", 1)
    other.io.emit("still there", 2)
    await until(lambda: set(one.got("still there")) == set(other.got("still there")) == {1, 2})
    assert one.client.connected
    assert other.client.connected
    assert {each.id for each in await one.io.fetch_sockets()} == {one.client.id, other.client.id}

    async def answer(server: One) -> None:
        (await server.client.receive("question")).acknowledge(server.client.id)

    acks, *_ = await asyncio.gather(one.io.emit_with_ack("question"), answer(one), answer(other))
    assert set(acks) == {one.client.id, other.client.id}


async def heard(raw: Redis, one: One, other: One) -> None:
    """Both have got what was published before this."""
    await raw.ping()
    await asyncio.gather(one.io.server_count(), other.io.server_count())


WORST = [
    b"",
    b"\x00",
    b"\xff",
    b"{",
    b"{}",
    b"[]",
    b"null",
    b'{"uid":"\\ud800","type":3}',
    b'{"type":1e999,"uid":"x"}',
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b'{"uid":"x","type":6,"data":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    b'{"requestId":"x","data":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    b'{"requestId":"x","sockets":' + b"[" * 900 + b"]" * 900 + b"}",
    b'{"uid":"x","type":3,"data":{"packet":{"type":2,"data":["a",' + b"[" * 10_000 + b"]" * 10_000 + b"]}}}",
    b'{"uid":"x","requestId":"x","type":' + b"9" * 5000 + b"}",
    b'{"requestId":"x","type":8,"clientCount":' + b"9" * 5000 + b"}",
    b'{"uid":"x","requestId":"x","type":7,"opts":{"flags":{"timeout":'
    + b"9" * 400
    + b'}},"packet":{"type":2,"data":["a"]}}',
    b"\x91" * 10_000 + b"\x01",
    b"\x93\xa1x" + b"\x91" * 10_000,
    b"\x93\xa1x\x82\xa4type\x02\xa4data\x92\xa1a" + b"\x91" * 10_000 + b"\x01\x80",
    b"\xdd\xff\xff\xff\xff",
    b"\xdf\xff\xff\xff\xff",
    b"\xc7\x10",
    b"\x93\xa1x\x82\xa4type\x02\xa4data\x92\xa1a\x81\x91\x01\x02\x80",  # a dict with a list for a key
    b"\x93\xa1x\x82\xa4type\x02\xa4data\x92\xa1a\x81\x80\x02\x80",  # with a dict
    b"\x93\xa1x\x82\xa4type\x02\xa4data\x92\xa1a\xd4\x05\x00\x80",  # an extension
    b"\x93\xa1x\x82\xa4type\x02\xa4data\x92\xa1a\xd6\xff\xff\xff\xff\xff\x80",
    b"\x93\xa1x\x82\xa4type\x02\xa4data\x92\xa1a\xd7\xff\xff\xff\xff\xff\xff\xff\xff\xff\x80",  # a wrong time
    *(
        dump(["x", {"type": 2, "data": data}, {}])
        for data in ([], [[]], [{}], [None], [1.5], [math.nan], [True], [["a"]])
    ),
    *(dump(["x", {"type": 2, "data": [name]}, {}]) for name in ("connect", "disconnect", "connect_error")),
    dump(["x", {"type": 2, "data": ["a", *[b"x"] * 11]}, {}]),
    *(
        dump({"uid": "x", "type": type_, "requestId": "x", "opts": {"flags": {"timeout": timeout}}, "packet": packet})
        for packet in [{"type": 2, "data": ["a"]}]
        for type_ in [7]
        for timeout in NUMBERS
    ),
    *(
        dump({"uid": "x", "type": 3, "nsp": "/", "data": {"requestId": "x", "opts": opts, "packet": packet}})
        for packet in [{"type": 2, "data": ["a"]}]
        for opts in [{"flags": {"timeout": timeout}} for timeout in NUMBERS]
    ),
]


@pytest.mark.parametrize("kind", KINDS)
async def test_the_worst_bytes(kind: str, redis: RedisServer, raw: Redis, caplog: pytest.LogCaptureFixture) -> None:
    errors = listen_to_loop()
    async with pair(kind, (redis.url, redis.url)) as (one, other):
        one.io.sockets_join("room")
        await works(one, other)
        timers = [*_loop()._scheduled]
        for channel in (*channels(kind, one), *channels(kind, other)):
            for data in WORST:
                await send(raw, kind, channel, data)
        await heard(raw, one, other)
        await works(one, other)
        new = [each.when() - _loop().time() for each in _loop()._scheduled if each not in timers]
        assert all(0 <= seconds <= 86_400 or seconds < 0 for seconds in new), "no timer that never comes, and no NaN"
        assert one.is_ready
        assert other.is_ready
    assert not errors
    records = [each for each in caplog.records if each.levelno >= logging.WARNING]
    assert not [each for each in records if each.exc_info], "nothing that nobody has thought of"
    assert 0 < len(records) <= 4
    assert max(len(each.getMessage()) for each in records) < 1000
    assert any("more messages" in each.getMessage() for each in records)


def _loop() -> Any:
    return asyncio.get_running_loop()


def listen_to_loop() -> list[Any]:
    """What the loop's handler of errors gets from here on."""
    errors: list[Any] = []
    _loop().set_exception_handler(lambda _, context: errors.append(context))
    return errors


@pytest.mark.parametrize("kind", KINDS)
def test_any_bytes(kind: str, redis: RedisServer) -> None:
    """Whatever comes, both servers and their clients stay, and nothing is raised that nobody has thought of."""
    with asyncio.Runner() as runner:
        stack, raw = pair(kind, (redis.url, redis.url)), Redis.from_url(redis.url)
        unexpected: list[Any] = []
        handler = Keeping(unexpected)
        logging.getLogger("whinny").addHandler(handler)
        one, other = runner.run(stack.__aenter__())

        async def send_all(messages: list[tuple[int, bytes]]) -> None:
            errors = listen_to_loop()
            known = [*channels(kind, one), *channels(kind, other)]
            for index, data in messages:
                await send(raw, kind, known[index % len(known)], data)
            await heard(raw, one, other)
            assert not errors
            assert not unexpected
            assert one.is_ready
            assert other.is_ready
            assert one.client.connected
            assert other.client.connected

        @given(st.lists(st.tuples(st.integers(0, 11), bytes_of(kind)), min_size=1, max_size=20))
        @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
        def check(messages: list[tuple[int, bytes]]) -> None:
            runner.run(send_all(messages))

        try:
            check()
            runner.run(works(one, other))
        finally:
            logging.getLogger("whinny").removeHandler(handler)
            runner.run(stack.__aexit__(None, None, None))
            runner.run(raw.aclose())


class Keeping(logging.Handler):
    """Keeps what is logged with a traceback, or at length."""

    def __init__(self, kept: list[Any]) -> None:
        super().__init__(logging.WARNING)
        self._kept = kept

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info or len(record.getMessage()) > 1000:
            self._kept.append(record.getMessage() + (record.exc_text or ""))


def lines_of_skipped(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [text for text in (each.getMessage() for each in caplog.records) if "skipped" in text]


def skipped(caplog: pytest.LogCaptureFixture) -> int:
    """How many messages were skipped, as the log has it: one by one, or counted."""
    return sum(int(text.split()[0]) if "more" in text else 1 for text in lines_of_skipped(caplog))


@pytest.mark.parametrize("kind", KINDS)
async def test_a_flood_of_foreign_bytes(
    kind: str, redis: RedisServer, raw: Redis, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not flood the log: what is skipped is counted, and how much it was is said from time to time."""
    monkeypatch.setattr(logs, "SPARING", 0.2)
    began = time.monotonic()
    async with pair(kind, (redis.url, redis.url)) as (one, other):
        channel = channels(kind, one)[0]
        for _ in range(2000):
            await send(raw, kind, channel, b"\xff" * 100)
        await heard(raw, one, other)
        await works(one, other)
        await until(lambda: skipped(caplog) == 4000)  # each of them, by both servers
    assert len(lines_of_skipped(caplog)) <= 2 * ((time.monotonic() - began) / logs.SPARING + 2)


async def test_a_channel_with_a_very_long_name(
    redis: RedisServer, raw: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    async with pair("classic", (redis.url, redis.url)) as (one, other):
        one.io.sockets_join(room := "r" * 100_000)
        await works(one, other)
        caplog.clear()
        await send(raw, "classic", b"socket.io#/#" + room.encode() + b"#", b"\xff")
        await send(raw, "classic", b"socket.io#/#" + b"\xff" * 100 + b"#", b"\xff")
        await heard(raw, one, other)
        await works(one, other)
    assert caplog.records
    assert max(len(each.getMessage()) for each in caplog.records) < 1000


@pytest.mark.parametrize("kind", KINDS)
async def test_responses_that_are_none(kind: str, redis: RedisServer, raw: Redis) -> None:
    """A stranger answers a request with nonsense: who asks gets the answers of the others all the same."""
    async with pair(kind, (redis.url, redis.url)) as (one, other):
        asking = asyncio.create_task(one.io.timeout(5).emit_with_ack("question"))
        waiting: Any = one.io.of("/").adapter._waiting  # type: ignore[attr-defined]
        await until(lambda: waiting._asks)
        (id_,) = waiting._asks
        for count in [-5, -(2**63), 2**60, "many", None, math.nan, math.inf, [], {}]:
            for to in channels(kind, one):
                body = {"requestId": id_, "clientCount": count, "sockets": [1, deep(100)], "data": {}}
                message = {**body, "type": 8} if kind == "classic" else {"uid": "x", "type": 11, "data": body}
                await send(raw, kind, to, dump(message))
        await heard(raw, one, other)
        await asyncio.gather(_answer(one), _answer(other))
        assert set(await asking) == {one.client.id, other.client.id}
        assert not waiting._asks


async def _answer(server: One) -> None:
    (await server.client.receive("question")).acknowledge(server.client.id)


@pytest.mark.parametrize("error", [ValueError, TypeError, UnicodeDecodeError, RecursionError, msgspec.ValidationError])
@pytest.mark.parametrize("kind", KINDS)
async def test_an_error_of_this_side_is_no_foreign_message(
    kind: str,
    error: type[Exception],
    redis: RedisServer,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is logged as what it is, with its traceback, and the next message is acted on."""

    def fail(*_: object) -> Any:
        raise error("utf-8", b"", 0, 1, "broken here") if error is UnicodeDecodeError else error("broken here")

    async with pair(kind, (redis.url, redis.url)) as (one, other):
        with monkeypatch.context() as patch:
            patch.setattr(type(other.io.of("/")), "on_broadcast", fail)
            one.io.emit("x")
            await until(lambda: caplog.records)
        await works(one, other)
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert "none of a server's" not in record.getMessage()
    assert "broken here" in str(record.exc_text)
    assert "in fail" in str(record.exc_text)


async def test_sockets_that_cannot_be_read(redis: RedisServer, raw: Redis, caplog: pytest.LogCaptureFixture) -> None:
    """They are left out, and one line says so."""
    async with pair("classic", (redis.url, redis.url), request_timeout=1.0) as (one, _):
        async with raw.pubsub() as pubsub:
            await pubsub.subscribe("socket.io-request#/#")
            fetching = asyncio.create_task(one.io.fetch_sockets())
            while (message := await pubsub.get_message(timeout=5)) is None or message["type"] != "message":
                pass
            id_ = msgspec.json.decode(message["data"])["requestId"]
            sockets = [*range(1000), {"id": 1}, {}, {"id": "a", "rooms": "x"}, {"id": "a", "handshake": 1}]
            await send(raw, "classic", b"socket.io-response#/#", dump({"requestId": id_, "sockets": sockets}))
            try:
                found = await fetching
            except ClusterTimeout as error:
                found = error.responses
        assert one.client.id in [each.id for each in found]
        assert len(found) <= 2
    lines = [each.getMessage() for each in caplog.records if "cannot be read" in each.getMessage()]
    assert len(lines) == 1


@pytest.mark.parametrize("seconds", [1e308, math.inf])
@pytest.mark.parametrize("kind", KINDS)
async def test_to_wait_for_ever(kind: str, seconds: float, redis: RedisServer) -> None:
    async with pair(kind, (redis.url, redis.url)) as (one, other):
        answers = [asyncio.create_task(_answer(each)) for each in (one, other)]
        assert len(await one.io.timeout(seconds).emit_with_ack("question")) == 2
        await asyncio.gather(*answers)


async def test_no_answer_is_expected_while_this_server_hears_nothing(redis: RedisServer) -> None:
    """It would count the others without itself, one too few, and take what it has for all there is."""
    async with pair("classic", (redis.url, redis.url)) as (one, _):
        peers: Any = one.io._peers  # type: ignore[attr-defined]
        listening = peers._link._in
        listening._connection.abort("the test says so")
        listening.is_up = False
        with pytest.raises(ClusterTimeout, match="cannot be asked"):
            await one.io.fetch_sockets()
        with pytest.raises(AckTimeout) as failed:
            await one.io.timeout(0.05).emit_with_ack("question")
        assert failed.value.responses == []
