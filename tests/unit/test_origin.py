"""Which pages may connect."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whinny import ServerOptions
from whinny.engine import EngineRequest
from whinny.serving.origin import OriginPolicy, own_origin


def request(
    origin: str | None = None, host: str = "app.example", scheme: str = "http", method: str = "GET", **headers: str
) -> EngineRequest:
    raw = [(b"host", host.encode())]
    if origin is not None:
        raw.append((b"origin", origin.encode("latin-1")))
    raw += [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return EngineRequest(method, "/socket.io/", b"", raw, None, scheme)


def policy(*allowed: str, credentials: bool = False) -> OriginPolicy:
    return OriginPolicy(ServerOptions(cors_allowed_origins=allowed, cors_credentials=credentials))


@pytest.mark.parametrize(
    ("origin", "host", "scheme"),
    [
        ("http://app.example", "app.example", "http"),
        ("http://app.example", "APP.example:80", "http"),
        ("HTTP://APP.example", "app.example", "ws"),
        ("https://app.example", "app.example", "https"),
        ("https://app.example", "app.example:443", "wss"),
        ("http://app.example:8080", "app.example:8080", "http"),
        ("https://app.example:80", "app.example:80", "https"),
        ("http://[::1]:3000", "[::1]:3000", "http"),
        (None, "app.example", "http"),
    ],
)
def test_own_pages_may_connect(origin: str | None, host: str, scheme: str) -> None:
    """The server's own origin passes, with the default port or without, and who names none does."""
    assert policy().allows(request(origin, host, scheme))


@pytest.mark.parametrize(
    ("origin", "host", "scheme"),
    [
        ("http://evil.example", "app.example", "http"),
        ("https://app.example", "app.example", "http"),
        ("http://app.example", "app.example", "https"),
        ("http://app.example:8080", "app.example", "http"),
        ("http://app.example", "app.example:8080", "http"),
        ("http://app.example.evil.example", "app.example", "http"),
        ("http://xapp.example", "app.example", "http"),
        ("http://app.example/", "app.example", "http"),
        ("http://app.example@evil.example", "app.example", "http"),
        ("null", "app.example", "http"),
        ("", "app.example", "http"),
        ("app.example", "app.example", "http"),
        ("*", "app.example", "http"),
    ],
)
def test_other_pages_may_not(origin: str, host: str, scheme: str) -> None:
    """Another host, port or scheme, a mere beginning or end, and `null` are refused."""
    assert not policy().allows(request(origin, host, scheme))
    assert not policy("https://friend.example").allows(request(origin, host, scheme))


@pytest.mark.parametrize("origin", ["https://friend.example", "null", "http://app.example"])
def test_allowed_origins_may_connect(origin: str) -> None:
    """Origins that were allowed pass exactly as they were written, besides the server's own."""
    assert policy("https://friend.example", "null").allows(request(origin))
    assert not policy("https://friend.example", "null").allows(request("https://friend.example.evil"))


@given(st.text(st.characters(max_codepoint=255)))
def test_everybody_may_connect_where_it_is_allowed(origin: str) -> None:
    """With `*` any origin passes; without it, none that is not written there."""
    assert policy("*").allows(request(origin))
    assert policy("https://a.example").allows(request(origin)) == (
        origin in ("https://a.example", "http://app.example")
    )


def test_an_origin_is_refused_in_words_once(caplog: pytest.LogCaptureFixture) -> None:
    """The log names the origin and the option, once for each origin and never without bounds."""
    rule = policy()
    for _ in range(3):
        rule.allows(request("http://evil.example"))
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert "http://evil.example" in record.message
    assert "cors_allowed_origins" in record.message
    for number in range(1000):
        rule.allows(request(f"http://evil{number}.example" + "x" * 10_000))
    assert len(caplog.records) <= 100
    assert all(len(record.message) < 1000 for record in caplog.records)


def test_the_headers_for_other_pages() -> None:
    """CORS headers go to allowed origins only; `Vary` goes wherever the answer depends on the origin."""
    friend = request("https://friend.example")
    allow = (b"access-control-allow-origin", b"https://friend.example")
    credentials = (b"access-control-allow-credentials", b"true")
    vary = (b"vary", b"Origin")
    assert policy().headers(friend) == []
    assert policy("https://friend.example").headers(request()) == []
    assert policy("https://friend.example").headers(friend) == [vary, allow]
    assert policy("https://friend.example", credentials=True).headers(friend) == [vary, allow, credentials]
    assert policy("https://other.example", credentials=True).headers(friend) == [vary]
    assert policy("*").headers(friend) == [(b"access-control-allow-origin", b"*")]
    assert policy("*", credentials=True).headers(friend) == [vary, allow, credentials]


def test_preflights() -> None:
    """An OPTIONS request of another page is answered with what it may send; nothing else is a preflight."""
    rule = policy("https://friend.example", credentials=True)
    asked = request("https://friend.example", method="OPTIONS", access_control_request_headers="x-one, x-two")
    headers = dict(rule.preflight(asked) or [])
    assert headers[b"access-control-allow-origin"] == b"https://friend.example"
    assert headers[b"access-control-allow-methods"] == b"GET,POST"
    assert headers[b"access-control-allow-headers"] == b"x-one, x-two"
    assert rule.preflight(request("https://friend.example")) is None
    assert rule.preflight(request(method="OPTIONS")) is None
    assert policy().preflight(asked) is None


def test_the_own_origin_without_a_host() -> None:
    """A request without a Host header has no origin that a page could have."""
    assert own_origin(EngineRequest("GET", "/")) == "http://"
