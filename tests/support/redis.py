"""Starts a real redis-server on a free port, and stops it again."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.programs import Program
from support.servers import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator


class RedisServer(Program):
    """A redis-server that finds what it kept when it is started again."""

    def __init__(self, folder: Path) -> None:
        program = shutil.which("redis-server")
        if program is None:
            pytest.fail("These tests need the program `redis-server`: run `make test`, or install it.")
        port = free_port()
        options = {"bind": "127.0.0.1", "port": str(port), "dir": str(folder), "save": "", "appendonly": "yes"}
        # What is answered is then in the file, if not on the disk: a flush to it would hold back later writes.
        options["appendfsync"] = "no"
        super().__init__(
            [program, *(word for name, value in options.items() for word in (f"--{name}", value))], port, folder
        )

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def is_ready(self) -> bool:
        """Whether it answers, and has read what it kept."""
        return self.ask(b"PING\r\n").startswith(b"+PONG")

    def pause(self) -> None:
        """Have it answer nobody until `resume`."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        os.kill(self.pid, signal.SIGCONT)


@contextmanager
def redis_server() -> Iterator[RedisServer]:
    """A Redis of its own until the block ends."""
    with tempfile.TemporaryDirectory(prefix="whinny-redis-") as folder:
        server = RedisServer(Path(folder))
        try:
            server.start()
            yield server
        finally:
            server.stop(signal.SIGKILL)
