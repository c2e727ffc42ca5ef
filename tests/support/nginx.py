"""Starts a real nginx, unprivileged and with all its files in one folder, and stops it again."""

from __future__ import annotations

import shutil
import signal
import socket
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from support.programs import Program

if TYPE_CHECKING:
    from collections.abc import Iterator

AROUND = """
daemon off;
master_process off;
pid nginx.pid;
error_log stderr warn;
events { worker_connections 1024; }
http {
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    %s
}
"""


class Nginx(Program):
    """One nginx that listens on a port of this machine."""

    def is_ready(self) -> bool:
        """Whether it listens."""
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def nginx(http: str, port: int) -> Iterator[Nginx]:
    """An nginx with this in its `http` block, which listens on this port, until the block ends."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        pytest.fail("These tests need the program `nginx`: run `make test`, or install it (Debian: nginx-light).")
    with TemporaryDirectory(prefix="whinny-nginx-") as folder:
        (Path(folder) / "nginx.conf").write_text(AROUND % http)
        server = Nginx([program, "-p", folder, "-c", f"{folder}/nginx.conf", "-e", "stderr"], port, Path(folder))
        try:
            server.start()
            yield server
        finally:
            server.stop(signal.SIGKILL)
