"""The opening handshake of RFC 6455, held against the one of `websockets`, which answers what is not in order."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.server import ServerProtocol

from whinny.serving.opening import MAX_HEADERS, MAX_LINE, read_opening

KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # of the RFC's own example
ANSWER = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
PROPER = {
    "host": "here",
    "upgrade": "websocket",
    "connection": "Upgrade",
    "sec-websocket-version": "13",
    "sec-websocket-key": KEY,
}


def request(*more: tuple[str, str], first: str = "GET /a?b HTTP/1.1", **changed: str | None) -> bytes:
    """A proper request with headers changed, left out (None) and added."""
    headers = PROPER | {name.replace("_", "-"): value for name, value in changed.items()}
    lines = [f"{name}: {value}" for name, value in [*headers.items(), *more] if value is not None]
    return "".join(f"{line}\r\n" for line in [first, *lines, ""]).encode("latin-1")


def is_accepted(data: bytes) -> bool:
    """Whether `websockets` lets such a client in, where compression is on offer too."""
    server = ServerProtocol(extensions=[ServerPerMessageDeflateFactory()])
    server.receive_data(data)
    opened = server.events_received()
    return len(opened) == 1 and server.accept(opened[0]).status_code == 101  # type: ignore[arg-type]


PROPER_REQUESTS = [
    request(),
    request(upgrade="WebSocket", connection="keep-alive, UPGRADE"),
    request(("connection", "keep-alive")),
    request(("Cookie", "a=b"), ("cookie", "c=d"), origin="null"),
    request(("cookie", "name=\xe9")),
    request(("x-empty", ""), ("sec-websocket-protocol", "a, b"), ("sec-websocket-protocol", "c")),
    request(*[("x", "y")] * (MAX_HEADERS - len(PROPER))),
    request(("x", "y" * (MAX_LINE - 3)), ("z", "y" * (MAX_LINE - 3))),
    request(("sec-websocket-extensions", "permessage-deflate; client_max_window_bits")),
    request(("sec-websocket-extensions", 'x-other; a="b" ; c=d, permessage-deflate;server_max_window_bits=10')),
]


@pytest.mark.parametrize("data", PROPER_REQUESTS)
def test_a_proper_request(data: bytes) -> None:
    """It is read whole, with the names of its headers in lower case."""
    assert is_accepted(data)
    opening = read_opening(data)
    assert opening is not None
    lines = [line.partition(b":") for line in data.split(b"\r\n")[1:-2]]
    assert opening.headers == [(name.lower(), value.strip()) for name, _, value in lines]
    assert (opening.target, opening.key) == (b"/a?b", KEY.encode())


def test_subprotocols() -> None:
    """All that are offered, in their order."""
    opening = read_opening(request(("sec-websocket-protocol", "a,b "), ("sec-websocket-protocol", "c")))
    assert opening is not None
    assert opening.subprotocols == ["a", "b", "c"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        request()[:-1],
        request() + b"\x81",
        request(first="POST /a HTTP/1.1"),
        request(first="GET /a HTTP/1.0"),
        request(first="GET /a"),
        request(first="GET /\xe9 HTTP/1.1"),
        request(first=f"GET /{'a' * MAX_LINE} HTTP/1.1"),
        request(("x", "y" * MAX_LINE)),
        request(*[("x", "y")] * MAX_HEADERS),
        request(("\xe9", "x")),
        request(connection="Upgrade, \xe9"),
        request((" x", "y")),
        request(("x ", "y")),
        request(("origin", "http://a"), ("origin", "http://b")),
        request(("upgrade", "websocket")),
        request(("sec-websocket-key", KEY)),
        request(("sec-websocket-version", "13")),
        request(upgrade=None),
        request(upgrade="h2c"),
        request(upgrade="websocket, h2c"),
        request(connection=None),
        request(connection="keep-alive"),
        request(sec_websocket_version=None),
        request(sec_websocket_version="8"),
        request(sec_websocket_key=None),
        request(sec_websocket_key="dGhl"),
        request(sec_websocket_key="=" + KEY),
        request(sec_websocket_key=KEY.replace("Q", "*")),
        request(("sec-websocket-protocol", "a b")),
        request(("sec-websocket-protocol", "a\xa0")),
        request(connection="Upgrade, keep-alive\xa0"),
        request(("sec-websocket-extensions", "permessage-deflate; =")),
        request(("sec-websocket-extensions", "a b")),
        request(("sec-websocket-extensions", "")),
        request(("content-length", "8")),
        request(("transfer-encoding", "chunked")),
        request(("x", "a\x01")),
        request(("x", "a\rb")),
        request(("x", "\x7f")),
        request(("(x)", "a")),
        request(("", "a")),
        request(("sec-websocket-protocol", "a,,b")),
    ],
)
def test_whatever_else(data: bytes) -> None:
    """It is left to others, who know the answer to each fault."""
    assert read_opening(data) is None


VALUES = {
    "upgrade": ["websocket", "WebSocket", "websocket, h2c", "h2c", "", "websocket/13"],
    "connection": ["Upgrade", "keep-alive,upgrade", "keep-alive", "upgraded", "up grade", "", ",upgrade"],
    "sec-websocket-version": ["13", "8", "13, 8", " 13", ""],
    "sec-websocket-key": [KEY, KEY[:-1], KEY + "=", KEY[4:], "", base64.b64encode(bytes(17)).decode()],
    "origin": ["http://here", "null", "", "a b"],
    "sec-websocket-protocol": ["a", "a, b", "a;b", ",", '"a"'],
    "sec-websocket-extensions": ["a", "a;b=c, d", 'a;b="c"', "a;", "a;=", "a b", ",", "permessage-deflate", "a\xa0"],
    "content-length": ["0", "8", "x"],
    "transfer-encoding": ["chunked", "identity", ""],
    "host": ["here", ""],
    "x-other": ["a", " b\t", "ä", "\x01", "\xa0", "\x85"],
    "(odd)": ["a"],
}
HEADERS = st.sampled_from(sorted(VALUES)).flatmap(
    lambda name: st.tuples(st.sampled_from([name, name.title()]), st.sampled_from(VALUES[name]))
)


@given(st.lists(HEADERS, max_size=3), st.sets(st.sampled_from(sorted(PROPER)), max_size=2))
def test_nobody_is_let_in_whom_websockets_refuses(more: list[tuple[str, str]], without: set[str]) -> None:
    """Whatever the headers: a request that is read here is accepted there too."""
    data = request(*more, **{name.replace("-", "_"): None for name in without})
    if read_opening(data) is not None:
        assert is_accepted(data)


def test_the_answer() -> None:
    """It has the RFC's hash of the key and the headers that are given."""
    opening = read_opening(request())
    assert opening is not None
    assert opening.answer([(b"a", b"b"), (b"a", b"c: d")]) == (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + ANSWER.encode() + b"\r\na: b\r\na: c: d\r\n\r\n"
    )


@pytest.mark.parametrize("header", [(b"a", b"b\r\nc: d"), (b"a\n", b"b"), (b"a b", b"c"), (b"", b"c"), (b"a", b"\0")])
def test_an_answer_that_http_does_not_allow(header: tuple[bytes, bytes]) -> None:
    """A header that would end early, or begin another, is named in the error."""
    opening = read_opening(request())
    assert opening is not None
    with pytest.raises(ValueError, match="cannot have the header"):
        opening.answer([header])
