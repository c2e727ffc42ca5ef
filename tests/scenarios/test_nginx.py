"""The app behind nginx, with the configuration that the documentation shows."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from scenarios.node import HERE
from support.pages import Page
from support.servers import Kind, free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from scenarios.node import NodeClient
    from support.servers import ServerProcess

CORE = [
    "connect with auth",
    "transport",
    "refuse with message and data",
    "echo with ack",
    "ack of the client",
    "binary",
    "900 kB of text",
    "order with pauses",
    "unicode",
    "multiplexing",
    "the client disconnects",
    "the server closes",
    "the transport closes",
]


@dataclass
class Proxy:
    """The two public addresses of a running nginx; that of `https` is plain HTTP here, and called https to the app."""

    url: str
    tls_url: str


@contextmanager
def nginx(app_port: int, prefix: Path) -> Iterator[Proxy]:
    """Run nginx as a process of its own before the app on this port, with its files under `prefix`."""
    binary = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    assert binary, "nginx is needed for this test: install it (Debian: apt-get install nginx-light)."
    port, tls_port = free_port(), free_port()
    text = (HERE / "nginx.conf.in").read_text()
    location, http_block = Page("deployment.md").blocks["nginx"]
    location = location.replace("127.0.0.1:8000", f"127.0.0.1:{app_port}")
    values = {
        "HTTP_BLOCK": http_block,
        "LOCATION": location,
        "TLS_LOCATION": location.replace("$scheme", "https"),
        "TLS_PORT": tls_port,
        "PORT": port,
    }
    for name, value in values.items():
        text = text.replace(f"@{name}@", str(value))
    (prefix / "nginx.conf").write_text(text)
    errors = prefix / "errors.log"
    with errors.open("wb") as stderr:
        process = subprocess.Popen(
            [binary, "-p", str(prefix), "-c", str(prefix / "nginx.conf"), "-e", "stderr"], stderr=stderr
        )
    try:
        wait_for(port, process, errors)
        yield Proxy(f"http://127.0.0.1:{port}", f"http://127.0.0.1:{tls_port}")
    finally:
        process.kill()
        process.wait()


def wait_for(port: int, process: subprocess.Popen[bytes], errors: Path, within: float = 10) -> None:
    """Wait until the port answers."""
    end = time.monotonic() + within
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert process.poll() is None, f"nginx has ended:\n{errors.read_text()}"
        assert time.monotonic() < end, f"nginx does not answer:\n{errors.read_text()}"
        time.sleep(0.02)


@pytest.fixture(scope="module", params=["whinny", "uvicorn"])
def proxy(
    request: pytest.FixtureRequest,
    server_of: Callable[[str, Kind], ServerProcess],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Proxy]:
    server = server_of("apps.scenarios:app", request.param)
    with nginx(server.port, tmp_path_factory.mktemp("nginx")) as proxy:
        yield proxy


TRANSPORTS = ["polling", "websocket", "upgrade"]


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("name", CORE)
def test_scenario(name: str, transport: str, node: NodeClient, proxy: Proxy) -> None:
    """The scenario passes through nginx for a page of the public origin."""
    options = {"extraHeaders": {"origin": proxy.url}}
    node.run(name, proxy.url, transport, options=options)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_origin_with_tls(transport: str, node: NodeClient, proxy: Proxy) -> None:
    """Where the proxy ends TLS, a page of the public https origin gets in."""
    origin = proxy.tls_url.replace("http://", "https://")
    node.run("echo with ack", proxy.tls_url, transport, options={"extraHeaders": {"origin": origin}})


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_foreign_origin(transport: str, node: NodeClient, proxy: Proxy) -> None:
    """A page of another origin is refused through nginx as well."""
    node.run("foreign origin", proxy.url, transport)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_own_origin_by_another_scheme(transport: str, node: NodeClient, proxy: Proxy) -> None:
    """The public address under http is another origin than that under https."""
    node.run("foreign origin", proxy.tls_url, transport, params={"origin": proxy.tls_url})


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_address(transport: str, node: NodeClient, proxy: Proxy) -> None:
    """The app sees the address of the client and not that of nginx."""
    node.run("address behind a proxy", proxy.url, transport)


def test_traffic_during_upgrades(node: NodeClient, proxy: Proxy) -> None:
    """Messages keep their order through nginx while the transport changes."""
    params = {"connections": 20, "atOnce": 5}
    node.run("traffic during upgrades", proxy.url, "upgrade", params=params)
