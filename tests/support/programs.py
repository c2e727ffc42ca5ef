"""Starts a program that serves a port, and stops it again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


class Program:
    """A program in a process of its own, which runs in `folder` and writes its log there."""

    def __init__(self, argv: Sequence[str], port: int, folder: Path, run_as: Mapping[str, Any] | None = None) -> None:
        self.argv = list(argv)
        self.port = port
        self.folder = folder
        self._run_as = dict(run_as or {})
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def is_ready(self) -> bool:
        """Whether it serves clients."""
        raise NotImplementedError

    def start(self, timeout: float = 30) -> None:
        """Start it, if it does not run, and wait until it serves clients; on the same port each time."""
        if self._process is not None and self._process.poll() is None:
            return
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                self.argv, cwd=self.folder, stdout=log, stderr=log, start_new_session=True, **self._run_as
            )
        end = time.monotonic() + timeout
        while not self.is_ready():
            if self._process.poll() is not None:
                raise RuntimeError(f"{self.argv[0]} ended at its start:\n{self.log}")
            if time.monotonic() > end:
                self.stop(signal.SIGKILL)
                raise RuntimeError(f"{self.argv[0]} did not answer within {timeout} s:\n{self.log}")
            time.sleep(0.02)

    def stop(self, sig: signal.Signals, timeout: float = 20) -> None:
        """Send `sig` and wait for the end. Nothing that it has started is left behind."""
        process = self._process
        if process is None:
            return
        try:
            if process.poll() is None:
                process.send_signal(sig)
                process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise RuntimeError(f"{self.argv[0]} did not end within {timeout} s:\n{self.log}") from None
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def ask(self, message: bytes) -> bytes:
        """What it answers first to a message on a connection of its own; nothing when there is none."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(message)
                return connection.recv(1024)
        except OSError:
            return b""
