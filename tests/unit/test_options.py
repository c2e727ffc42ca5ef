"""Server options: the reference server's defaults, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from whinny import ConfigurationError, CookieOptions, ServerOptions, ServiceManager, Settings, SocketIOController


def test_the_defaults_are_the_reference_servers() -> None:
    """The defaults of Socket.IO v4, in seconds."""
    options = ServerOptions()
    assert options.path == "/socket.io"
    assert (options.ping_interval, options.ping_timeout, options.upgrade_timeout) == (25, 20, 10)
    assert options.connect_timeout == 45
    assert options.max_http_buffer_size == 1_000_000
    assert options.max_send_buffer == 4 * 1024 * 1024
    assert set(options.transports) == {"polling", "websocket"}
    assert options.allow_upgrades is True
    assert options.max_concurrent_events == 100
    assert options.allowed_origins == ()


WRONG: list[tuple[str, Any]] = [
    ("path", "socket.io"),
    ("path", ""),
    ("transports", []),
    ("transports", None),
    ("transports", ["webtransport"]),
    ("transports", "polling"),
    *((name, value) for name in ("ping_interval", "ping_timeout", "upgrade_timeout", "connect_timeout")
      for value in (0, -1, True, "25", None, float("inf"), float("nan"))),
    *((name, value) for name in ("max_http_buffer_size", "max_send_buffer", "max_concurrent_events",
                                 "max_attachments", "max_depth")
      for value in (0, -1, True, 1.5, "1", None)),
    ("http_compression", -1),
    ("cors_allowed_origins", ["example.org"]),
    ("cors_allowed_origins", "https://example.org/"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_bad_values_are_refused_by_name(name: str, value: Any) -> None:
    """The error names the option, its value and what it must be."""
    with pytest.raises(ConfigurationError) as caught:
        ServerOptions(**{name: value})
    assert f"{name}={value!r}" in str(caught.value)
    assert "must be" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("path", 5),
        ("path", None),
        ("transports", 5),
        ("http_compression", "yes"),
        ("http_compression", None),
        ("cors_allowed_origins", 5),
        ("cors_allowed_origins", [5]),
        ("cookie", "io"),
        ("allow_upgrades", "no"),
        ("allow_request", "everybody"),
    ],
)
def test_values_of_other_types_are_refused_by_name(name: str, value: Any) -> None:
    """Whatever type a bad value has, the error is a ConfigurationError that names the option."""
    with pytest.raises(ConfigurationError, match=name):
        ServerOptions(**{name: value})


def test_an_unknown_option_is_refused() -> None:
    """An option that does not exist is an error where it is written."""
    with pytest.raises(TypeError, match="ping_intervall"):
        ServerOptions(ping_intervall=5)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("path", "slash", "full"),
    [
        ("/socket.io", True, "/socket.io/"),
        ("/socket.io/", True, "/socket.io/"),
        ("/socket.io/", False, "/socket.io"),
        ("/a/b", False, "/a/b"),
        ("/", True, "/"),
        ("/", False, "/"),
    ],
)
def test_the_full_path(path: str, slash: bool, full: str) -> None:
    """The slash at the end is the option's, not the path's."""
    assert ServerOptions(path=path, add_trailing_slash=slash).full_path == full


@pytest.mark.parametrize(("given", "threshold"), [(True, 1024), (False, None), (0, 0), (1, 1), (2048, 2048)])
def test_the_compression_threshold(given: bool | int, threshold: int | None) -> None:
    """True is the reference server's threshold, False is never; a number is a number, 0 and 1 included."""
    assert ServerOptions(http_compression=given).compression_threshold == threshold


def test_one_origin_may_be_given_alone() -> None:
    """A single origin need not be put in a list."""
    assert ServerOptions(cors_allowed_origins="https://a.example").allowed_origins == ("https://a.example",)


def test_cookies() -> None:
    """The cookie's header, as the reference server writes it by default, and with everything set."""
    assert ServerOptions().cookie_options is None
    plain = ServerOptions(cookie=True).cookie_options
    assert plain is not None
    assert plain.header("sid") == "io=sid; Path=/; HttpOnly; SameSite=Lax"
    full = CookieOptions(
        name="n", path="/p", http_only=False, same_site="none", secure=True, max_age=0, domain="example.org"
    )
    assert ServerOptions(cookie=full).cookie_options is full
    assert full.header("sid") == "n=sid; Max-Age=0; Domain=example.org; Path=/p; Secure; SameSite=None"


def test_options_are_values() -> None:
    """Options cannot be changed, and know in what they differ."""
    one, other = ServerOptions(), ServerOptions(ping_interval=1, max_depth=3)
    assert one.differences(ServerOptions()) == []
    assert one.differences(other) == ["ping_interval", "max_depth"]
    with pytest.raises(AttributeError):
        one.path = "/x"  # type: ignore[misc]


def test_roots_with_other_options_are_refused() -> None:
    """Roots share one server: other options are refused at `attach`, naming root and option."""

    class Main(SocketIOController): ...

    class Other(SocketIOController):
        namespace = "/other"
        options = ServerOptions(ping_interval=3)

    class Wrong(SocketIOController):
        options = {"ping_interval": 3}  # type: ignore[assignment]  # noqa: RUF012

    services = ServiceManager(Settings())
    services.get(Main).attach()
    with pytest.raises(ConfigurationError, match=r"Other.*ping_interval"):
        services.get(Other).attach()
    with pytest.raises(ConfigurationError, match=r"Wrong\.options"):
        services.get(Wrong).attach()
