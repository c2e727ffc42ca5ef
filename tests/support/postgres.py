"""Starts a real PostgreSQL on a free port, and stops it again."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from support.programs import Program
from support.servers import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

DEBIAN = Path("/usr/lib/postgresql")
"""Where Debian puts the programs, outside the path."""


class PostgresServer(Program):
    """A PostgreSQL server that finds what it kept when it is started again."""

    def __init__(self, folder: Path) -> None:
        data, port, run_as = folder / "data", free_port(), _run_as()
        if run_as:
            os.chown(folder, run_as["user"], run_as["group"])
        initdb = [_program("initdb"), "--pgdata", str(data), "--username", "whinny", "--auth", "trust", "--no-sync"]
        made = subprocess.run(
            [*initdb, "--encoding", "UTF8", "--locale", "C"],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            **run_as,
        )
        if made.returncode:
            pytest.fail(f"These tests need PostgreSQL, and `initdb` failed:\n{made.stdout}")
        options = {"listen_addresses": "127.0.0.1", "port": str(port), "unix_socket_directories": "", "fsync": "off"}
        settings = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        super().__init__([_program("postgres"), "-D", str(data), *settings], port, folder, run_as)

    @property
    def url(self) -> str:
        return f"postgresql+asyncpg://whinny@127.0.0.1:{self.port}/postgres"

    def is_ready(self) -> bool:
        """Whether it lets clients in: it answers their first message with a question or a greeting, not an error."""
        names = b"user\0whinny\0database\0postgres\0\0"
        return self.ask((8 + len(names)).to_bytes(4) + (196_608).to_bytes(4) + names).startswith(b"R")


def _program(name: str) -> str:
    """The newest of what is installed."""
    folders = sorted(DEBIAN.glob("*/bin"), key=lambda folder: int(re.sub(r"\D", "", folder.parent.name) or 0))
    found = shutil.which(name, path=os.pathsep.join(map(str, reversed(folders)))) or shutil.which(name)
    if found is None:
        pytest.fail(f"These tests need PostgreSQL's program `{name}`: run `make test`, or install postgresql.")
    return found


def _run_as() -> dict[str, Any]:
    """Whom the programs are run as: they refuse to run as root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    pytest.fail("PostgreSQL does not run as root, and there is neither a user `postgres` nor `nobody` to run it as.")


@contextmanager
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL of its own until the block ends."""
    with tempfile.TemporaryDirectory(prefix="whinny-postgres-", ignore_cleanup_errors=True) as folder:
        server = PostgresServer(Path(folder))
        try:
            server.start()
            yield server
        finally:
            server.stop(signal.SIGQUIT)
