"""Server options: the reference server's defaults, and what is refused."""

from __future__ import annotations

import copy
import functools
import pickle
import re
from dataclasses import fields, replace
from typing import Any

import pytest

from support.servers import TESTS
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
        ("generate_id", "id"),
        ("serve_client", 1),
        ("serve_client", None),
        ("serve_client", ""),
    ],
)
def test_values_of_other_types_are_refused_by_name(name: str, value: Any) -> None:
    """Whatever type a bad value has, the error is a ConfigurationError that names the option."""
    with pytest.raises(ConfigurationError, match=name):
        ServerOptions(**{name: value})


async def waits(request: object) -> str:
    return "x"


class Waiting:
    async def __call__(self, request: object) -> str:
        return "x"


@pytest.mark.parametrize("name", ["allow_request", "generate_id"])
@pytest.mark.parametrize("function", [waits, functools.partial(waits), Waiting()])
def test_functions_that_wait_are_refused(name: str, function: Any) -> None:
    """What is called on the event loop between two checks is a `def`."""
    with pytest.raises(ConfigurationError, match=rf"(?s){name}=.*`def`"):
        ServerOptions(**{name: function})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("name", value) for value in ("", "a b", "a;b", "a=b", "a,b", "é", "a\n", 5, None)),
        *(("path", value) for value in ("", "x", "/a b", "/a;b", "/a,b", "/a\r\n", "/é", None)),
        *(("domain", value) for value in ("", "a b", "a;b", "a.example\n", 5)),
        *(("max_age", value) for value in (-1, 1.5, True, "60")),
        *(("http_only", value) for value in (None, 1, "yes")),
        ("secure", "no"),
        *(("same_site", value) for value in ("Lax", "", True, [])),
    ],
)
def test_bad_cookies_are_refused_by_name(name: str, value: Any) -> None:
    """Nothing of a cookie can end its header or mean something else; the error names the field and its value."""
    with pytest.raises(ConfigurationError, match="must be") as caught:
        CookieOptions(**{name: value})
    assert f"The cookie option {name}={value!r}" in str(caught.value)


def test_cookies_for_other_sites_are_secure() -> None:
    """Browsers drop a cookie with SameSite=None that is not secure: it would never arrive."""
    with pytest.raises(ConfigurationError, match=r"same_site='none'.*secure=True"):
        CookieOptions(same_site="none")
    with pytest.raises(ConfigurationError, match=r"no option 'httpOnly'\. Did you mean 'http_only'"):
        CookieOptions(httpOnly=True)  # type: ignore[call-arg]


EFFECTS = {
    "path": "wire/test_options.py::test_path",
    "add_trailing_slash": "wire/test_options.py::test_add_trailing_slash",
    "transports": "wire/test_options.py::test_transports",
    "allow_upgrades": "wire/test_options.py::test_allow_upgrades",
    "ping_interval": "wire/test_heartbeat.py::test_server_pings",
    "ping_timeout": "wire/test_heartbeat.py::test_silent_websocket_is_closed",
    "upgrade_timeout": "wire/test_upgrade.py::test_upgrade_that_is_never_finished",
    "connect_timeout": "wire/test_namespaces.py::test_connect_timeout",
    "max_http_buffer_size": "wire/test_limits.py::test_websocket_message_over_the_limit",
    "max_send_buffer": "wire/test_options.py::test_max_send_buffer",
    "max_concurrent_events": "wire/test_options.py::test_max_concurrent_events",
    "max_attachments": "wire/test_options.py::test_max_attachments",
    "max_depth": "wire/test_options.py::test_max_depth",
    "http_compression": "wire/test_options.py::test_http_compression",
    "cookie": "wire/test_options.py::test_cookie",
    "cors_allowed_origins": "wire/test_origins.py::test_allowed_origin_may_read",
    "cors_credentials": "wire/test_options.py::test_cors_credentials",
    "allow_request": "wire/test_options.py::test_allow_request",
    "generate_id": "wire/test_options.py::test_generate_id",
    "serve_client": "wire/test_options.py::test_serve_client",
}


def test_every_option_has_a_test_of_its_effect() -> None:
    """Each option is named here with the test that shows on the wire what it does."""
    assert set(EFFECTS) == {field.name for field in fields(ServerOptions)}
    for name, test in EFFECTS.items():
        file, _, function = test.partition("::")
        assert re.search(rf"^async def {function}\(", (TESTS / file).read_text(), re.M), name


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("conect_timeout", "Did you mean 'connect_timeout'?"),
        ("pingInterval", "Did you mean 'ping_interval'?"),
        ("cors", "Did you mean 'cors_allowed_origins'?"),
        ("perMessageDeflate", "There are: add_trailing_slash, allow_request, "),
    ],
)
def test_an_unknown_option_is_refused(name: str, advice: str) -> None:
    """An option that does not exist is an error where it is written, which names one that is near, or all."""
    for made in (lambda: ServerOptions(**{name: 1}), lambda: replace(ServerOptions(), **{name: 1})):
        with pytest.raises(ConfigurationError) as caught:
            made()
        assert str(caught.value).startswith(f"ServerOptions has no option {name!r}. {advice}")


def test_options_are_given_by_name() -> None:
    """An option without its name is an error that says so."""
    with pytest.raises(ConfigurationError, match=r"by name, for example ServerOptions\(path=…\), and not '/x'"):
        ServerOptions("/x")  # type: ignore[misc]
    with pytest.raises(ConfigurationError, match=r"CookieOptions\(name=…\)"):
        CookieOptions("io")  # type: ignore[misc]


@pytest.mark.parametrize(
    "options", [ServerOptions(ping_interval=3, cookie=CookieOptions(domain="a.example")), CookieOptions(max_age=5)]
)
def test_options_can_be_copied(options: ServerOptions | CookieOptions) -> None:
    """Copies, pickled ones too, are equal, and `replace` changes what it is told."""
    copies = [copy.copy(options), copy.deepcopy(options), replace(options)]
    copies += [pickle.loads(pickle.dumps(options, protocol)) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)]
    assert all(each == options and type(each) is type(options) for each in copies)
    assert replace(options, path="/other").path == "/other"
    assert not hasattr(options, "__dict__")


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
