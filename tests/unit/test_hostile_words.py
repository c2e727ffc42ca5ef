"""What clients choose (names, payloads, headers) in log lines and in answers: escaped there, masked here."""

from __future__ import annotations

import io
import json
import logging
import logging.config
import unicodedata
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pydantic
import pytest

from support.answers import MASKED, MASKED_ERROR
from unit.apps import attach
from unit.clock import in_fake_time, turns
from unit.fakes import FakeClient, request
from whinny import (
    ConnectionRefused,
    ServerOptions,
    SocketIOController,
    WebsocketContext,
    WebsocketErrorResponse,
    WebsocketResponse,
    event_name,
    validate_payload,
    websocket_hook,
)
from whinny.framework import render_error
from whinny.protocol import Ack, ConnectError, encode
from whinny.serving.origin import OriginPolicy
from whinny.serving.run import _log_config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from whinny.framework import HookDecorator
    from whinny.types import DisconnectReason

FORGED = "FORGED: all is well"
WORDS = {
    "CR LF": f"x\r\n{FORGED}",
    "LF": f"\n{FORGED}\n",
    "CR": f"\r{FORGED}",
    "vertical tab and form feed": f"\x0b{FORGED}\x0c{FORGED}",
    "separators of ASCII": f"\x1c{FORGED}\x1d{FORGED}\x1e{FORGED}",
    "line breaks beyond ASCII": f"\x85{FORGED}\u2028{FORGED}\u2029{FORGED}",
    "ANSI": "\x1b[31mred\x1b[2J\x1b]0;title\x07",
    "ANSI in C1": "\x9b31mred\x9d0;title\x9c",
    "bidi": "\u202egnp.exe\u2066\u2069\u200f",
    "NUL and backspace": "\x00x\x08\x08\x7f",
    "lone surrogates": "\ud83d x \udc40",
    "surrogates the wrong way round": f"\udc40\ud83d\n{FORGED}",
    "formats": "%s %d %(message)s {} {0.__class__} ${x} %",
    "invisible": "\ufeff\u200b\u00ad\U000e0041",
    "1 MB": f"\n{FORGED}" * 50_000,
}
LONGEST = 60_000
"""Characters that one event may add to the log; an error has at most 10 000."""


class Log:
    """What the formatter of `whinny dev` makes of the records of whinny, in an encoding that takes no surrogates."""

    def __init__(self) -> None:
        self._bytes = io.BytesIO()
        self._stream = io.TextIOWrapper(self._bytes, encoding="utf-8", errors="strict", write_through=True)
        settings = _log_config(debug=True)["formatters"]["default"]
        formatter = logging.config.DictConfigurator({"version": 1}).configure_formatter(
            {**settings, "use_colors": False}
        )
        self.handler = logging.StreamHandler(self._stream)
        self.handler.setFormatter(formatter)

    @property
    def text(self) -> str:
        return self._bytes.getvalue().decode()

    def clear(self) -> None:
        """Forget what was logged until now."""
        self._bytes.seek(0)
        self._bytes.truncate()

    def expect_clean(self) -> None:
        """Nothing in it but what prints and the line breaks of the log; no line that a client wrote."""
        text = self.text
        strange = {each for each in text if each != "\n" and unicodedata.category(each)[0] == "C"}
        assert not strange, strange
        assert not [line for line in text.splitlines() if line.lstrip().startswith(FORGED)]
        assert text.count("\n") == len(text.splitlines())
        assert len(text) < LONGEST


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[Log]:
    """The log at debug level. A record that cannot be written fails the test."""

    def fail(self: logging.Handler, record: logging.LogRecord) -> None:
        raise

    monkeypatch.setattr(logging.StreamHandler, "handleError", fail)
    log = Log()
    logger = logging.getLogger("whinny")
    level = logger.level
    logger.addHandler(log.handler)
    logger.setLevel(logging.DEBUG)
    yield log
    logger.setLevel(level)
    logger.removeHandler(log.handler)


class Named(pydantic.BaseModel):
    """Whose error message has what was given in it."""

    name: int


def raising(error: Callable[[Any], BaseException]) -> HookDecorator:
    """A hook that fails with the payload."""

    def hook(ctx: WebsocketContext, services: object) -> None:
        raise error(ctx.payload)

    return websocket_hook(hook)


class Careless(SocketIOController):
    """Puts what clients say into its errors, in every way."""

    @event_name("value")
    def value(self, ctx: WebsocketContext) -> None:
        raise ValueError(ctx.payload)

    @event_name("value, later")
    async def value_later(self, ctx: WebsocketContext) -> None:
        raise ValueError(f"bad value: {ctx.payload}")

    @event_name("key")
    def key(self, ctx: WebsocketContext) -> None:
        {}[ctx.payload]

    @event_name("attribute")
    def attribute(self, ctx: WebsocketContext) -> None:
        getattr(self, ctx.payload)

    @event_name("number")
    def number(self, ctx: WebsocketContext) -> None:
        int(ctx.payload)

    @event_name("file")
    def file(self, ctx: WebsocketContext) -> None:
        Path(f"/nowhere/{ctx.payload}".replace("\x00", "").encode("utf-8", "replace").decode()).read_text()

    @event_name("pydantic")
    def model(self, ctx: WebsocketContext) -> None:
        Named.model_validate({"name": ctx.payload})

    @event_name("chain")
    def chain(self, ctx: WebsocketContext) -> None:
        try:
            raise KeyError(ctx.payload)
        except KeyError as error:
            raise RuntimeError(f"because of {ctx.payload}") from error

    @event_name("group")
    def group(self, ctx: WebsocketContext) -> None:
        raise ExceptionGroup(
            ctx.payload, [ValueError(ctx.payload), ExceptionGroup(ctx.payload, [OSError(ctx.payload)])]
        )

    @event_name("note")
    def note(self, ctx: WebsocketContext) -> None:
        error = ValueError("see the note")
        error.add_note(ctx.payload)
        raise error

    @event_name("hook")
    @raising(LookupError)
    def hook(self) -> None: ...

    @event_name("post function")
    @websocket_hook(lambda ctx, services: lambda response: ctx.controller.value(ctx))
    def post(self) -> None: ...

    @event_name("unsendable")
    def unsendable(self, ctx: WebsocketContext) -> WebsocketResponse:
        return WebsocketResponse(type(ctx.payload[:50].replace("\x00", "") or "x", (), {})())

    def on_connection(self, ctx: WebsocketContext) -> None:
        if "fail" in ctx.socket.handshake.auth:
            raise ValueError(ctx.socket.handshake.auth["fail"])
        if "refuse" in ctx.socket.handshake.auth:
            said = ctx.socket.handshake.auth["refuse"]
            raise ConnectionRefused(said, {said: said})
        if "data" in ctx.socket.handshake.auth:
            raise ConnectionRefused("no", {ctx.socket.handshake.auth["data"]: object()})

    async def on_disconnect(self, ctx: WebsocketContext, reason: DisconnectReason) -> None:
        if "leave" in ctx.socket.handshake.auth:
            raise ValueError(ctx.socket.handshake.auth["leave"])


EVENTS = [
    "value", "value, later", "key", "attribute", "number", "file", "pydantic", "chain", "group", "note", "hook",
    "post function", "unsendable",
]  # fmt: skip
every_word = pytest.mark.parametrize("word", WORDS.values(), ids=WORDS)


def send(client: FakeClient, event: str, *args: Any, ack_id: int) -> None:
    """Send an event as escaped JSON: so any text can be sent, lone surrogates too."""
    client.connection.receive(f"42{ack_id}{json.dumps([event, *args])}")


def on_the_wire(word: str) -> str:
    """As text outside of JSON: WebSocket frames and bodies that are no UTF-8 come no further than their transport."""
    return word.encode("utf-8", "replace").decode().replace(",", ".")


@every_word
@in_fake_time
async def test_errors_with_a_clients_words(word: str, log: Log) -> None:
    """The log has them on one line and escaped; the client reads the masked error."""
    client = FakeClient(attach(Careless))
    client.connect()
    for number, event in enumerate(EVENTS):
        log.clear()
        send(client, event, word, ack_id=number)
        await turns()
        log.expect_clean()
        assert "ERROR" in log.text
        assert client.acks() == {number: MASKED}, event


@every_word
@in_fake_time
async def test_errors_with_a_clients_words_in_debug(word: str, log: Log) -> None:
    """With `debug` on the client reads its own words back; the log is as clean as ever."""
    client = FakeClient(attach(Careless, debug=True))
    client.connect()
    for number, event in enumerate(EVENTS):
        log.clear()
        send(client, event, word, ack_id=number)
        await turns()
        log.expect_clean()
        [answer] = client.acks().values()
        assert answer["status"] == "error"
        assert set(answer["error"]) == {"code", "name", "message", "stack", "filename", "line", "column"}
        if event == "value":
            assert answer["error"]["message"] == word


class Wordless(Exception):
    """Whose text cannot be made."""

    def __str__(self) -> str:
        raise RuntimeError


def with_notes(notes: Any) -> BaseException:
    """An error with something in the place of its notes."""
    error = ValueError("noted")
    error.__notes__ = notes
    return error


def chained(count: int) -> BaseException:
    """The last of so many errors, each because of the one before."""
    last = ValueError("first")
    for _ in range(count):
        error = ValueError("next")
        error.__cause__ = last
        last = error
    return last


def nested(depth: int) -> BaseException:
    """A group in a group, and so on."""
    error: Exception = ValueError("innermost")
    for _ in range(depth):
        inner: list[Exception] = [error]
        error = ExceptionGroup("around", inner)
    return error


STRANGE: dict[str, Callable[[], BaseException]] = {
    "no words": Wordless,
    "an attribute's name with a surrogate": lambda: AttributeError("x", name="a\ud800", obj=Named),
    "a name with a surrogate": lambda: NameError("x", name="\udc40"),
    "notes that are none": lambda: with_notes(5),
    "a note without words": lambda: with_notes([Wordless()]),
    "a long chain": lambda: chained(3000),
    "deep groups": lambda: nested(900),
    "a surrogate in the source": lambda: SyntaxError("x", ("a\ud800", 1, 1, "\ud800")),
}


@pytest.mark.parametrize("kind", STRANGE)
def test_a_strange_error_can_be_shown(kind: str) -> None:
    """With `debug` on, `render_error` gives what can be sent, whatever was raised; masked it shows nothing."""
    error = STRANGE[kind]()
    with suppress(BaseException):
        raise error
    shown = render_error(error, True)
    assert set(shown) == {"code", "name", "message", "stack", "filename", "line", "column"}
    assert shown["name"] == type(error).__name__
    assert type(error).__name__ in shown["stack"]
    assert shown["filename"] == __file__
    assert encode(Ack("/", [shown], 1))
    assert render_error(error, False) == MASKED_ERROR


@every_word
@in_fake_time
async def test_names_that_a_client_chooses(word: str, log: Log) -> None:
    """Unknown events and namespaces are neither logged as they are nor sent back."""
    client = FakeClient(attach(Careless))
    client.connect()
    send(client, word, ack_id=1)
    [answer] = client.acks().values()
    assert answer["error"]["code"] == "UNKNOWN_EVENT"
    assert FORGED not in json.dumps(answer)
    assert "No method handles" in log.text
    client.connection.receive(f"40/{on_the_wire(word)},")
    for packet in client.receive():
        assert isinstance(packet, ConnectError)
        assert packet.data == {"message": "Invalid namespace"}
    log.expect_clean()


@every_word
@pytest.mark.parametrize("debug", [False, True])
@in_fake_time
async def test_auth_that_a_client_chooses(word: str, debug: bool, log: Log) -> None:
    """In errors of on_connection and on_disconnect: the log is clean, the client reads the masked error."""
    server = attach(Careless, debug=debug)
    for key in ("fail", "refuse", "data", "leave"):
        client = FakeClient(server)
        client.connection.receive("40" + json.dumps({key: word}))
        packets = client.receive()
        client.connection.receive("1")
        await turns()
        if key == "fail":
            [packet] = packets
            assert isinstance(packet, ConnectError)
            said = {"message": word, "data": packet.data["data"]}
            assert packet.data == (
                said if debug else {"message": MASKED_ERROR["message"], "data": {"code": MASKED_ERROR["code"]}}
            )
        if key == "refuse":
            [packet] = packets
            assert isinstance(packet, ConnectError)
            assert packet.data == {"message": word, "data": {word: word}}
    log.expect_clean()
    assert log.text.count("ERROR") == 3


@every_word
@in_fake_time
async def test_handlers_that_handle_errors(word: str, log: Log) -> None:
    """An error that handle_error answered is logged at debug level, as clean; one of its own too."""

    class Root(Careless):
        def handle_error(self, error: Exception, ctx: WebsocketContext) -> WebsocketErrorResponse | None:
            if ctx.event_name == "value":
                return WebsocketErrorResponse("handled")
            raise RuntimeError(str(error))

    client = FakeClient(attach(Root))
    client.connect()
    send(client, "value", word, ack_id=1)
    send(client, "key", word, ack_id=2)
    answers = client.acks()
    assert answers[1] == {"status": "error", "error": "handled"}
    assert answers[2] == MASKED
    log.expect_clean()


@every_word
@in_fake_time
async def test_a_protocol_that_is_broken_with_words(word: str, log: Log) -> None:
    """Whatever stands where JSON or a packet is due, the log is clean."""
    server = attach(Careless)
    for before in ("4", "42", "42[", '42["', "42/", "40", "40{", "451-", "43", "44", "", "2"):
        client = FakeClient(server)
        client.connect()
        if client.connection.state == "open":
            client.connection.receive(before + on_the_wire(word))
        await turns()
    log.expect_clean()


@in_fake_time
async def test_validation_logs_nothing(log: Log) -> None:
    """A payload that does not fit is the client's matter: it reads what is wrong, and nothing of it is logged."""

    class Root(SocketIOController):
        @event_name("schema")
        @validate_payload({"type": "object", "additionalProperties": False, "properties": {"a": {"enum": [1]}}})
        def schema(self) -> None: ...

        @event_name("type")
        def typed(self, ctx: WebsocketContext, payload: dict[str, int]) -> None: ...

        @event_name("model")
        def model(self, ctx: WebsocketContext, payload: Named) -> None: ...

    client = FakeClient(attach(Root))
    client.connect()
    for word in list(WORDS.values())[:-1]:
        for event in ("schema", "type", "model"):
            for payload in (word, {word: word}, {"a": word, "name": word}):
                send(client, event, payload, ack_id=1)
                answers = client.acks()
                assert answers[1]["error"]["code"] == "VALIDATION_PAYLOAD_ERROR"
        log.expect_clean()
        assert "Traceback" not in log.text
        log.clear()


def test_an_origin_that_is_refused(log: Log) -> None:
    """The `Origin` and `Host` headers are logged escaped and cut, and each origin once."""
    policy = OriginPolicy(ServerOptions())
    for word in WORDS.values():
        raw = word.encode("utf-8", "replace")[:5000]
        refused = request()
        refused.raw_headers = [(b"origin", b"http://" + raw), (b"host", b"own." + raw)]
        for _ in range(3):
            assert not policy.allows(refused)
    log.expect_clean()
    assert log.text.count("Refused a client") == len(WORDS)


def test_what_a_record_carries_is_escaped_too() -> None:
    """The attributes of log records, which other formatters write, hold no control characters."""
    for word in WORDS.values():
        name = WebsocketContext(word).log_extra()["event_name"]
        assert name.isprintable()
        assert len(name) < 3000
