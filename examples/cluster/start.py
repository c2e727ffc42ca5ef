"""Starts the cluster: Redis, two Whinny servers, a Node server, and nginx before them. Ctrl-C stops all of it.

A server that ends is left out, as it would be in production; without Redis or nginx nothing goes on.

Run it from anywhere: python examples/cluster/start.py --port 3002
"""

import argparse
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PACKAGES = ROOT / "node_modules"

SERVERS = ("Whinny 1", "Whinny 2", "Node 3")


def free_port() -> int:
    """A port below those that the system gives out to clients, so that none takes it before the server does."""
    while True:
        port = random.randrange(30_000, 32_768)
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port


def program(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin")
    if found is None:
        sys.exit(f"The program {name!r} is missing: `make cluster` installs it.")
    return found


def a_port(text: str) -> int:
    """The port that the command line gives."""
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: these are the numbers from 1 to 65535")
    return int(text)


def check_port(port: int) -> None:
    """End the program if nginx could not listen there."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError:
            sys.exit(f"Port {port} is not for every user: choose another with --port")
        except OSError:
            sys.exit(f"Port {port} is taken: choose another with --port")


class Cluster:
    """The processes, in the order in which they are started; what they print is in files of `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, argv: Sequence[str], port: int, **environment: str) -> None:
        """Start a process and wait until it listens on the port."""
        with self.log(name).open("wb") as log:
            self.running[name] = subprocess.Popen(
                argv,
                cwd=ROOT,
                env={**os.environ, **environment},
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for this process alone, which stops the others
            )
        end = time.monotonic() + 30
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            self.check()
            if time.monotonic() > end:
                sys.exit(f"{name} does not answer.")
            time.sleep(0.05)
        self.check()  # somebody else may listen there
        print(f"{name} listens on port {port}, process {self.running[name].pid}", flush=True)

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def check(self, dispensable: Sequence[str] = ()) -> None:
        """End the program when a process has ended; one that the others can do without is only named."""
        for name, process in list(self.running.items()):
            if process.poll() is None:
                continue
            if name not in dispensable:
                sys.exit(f"{name} has ended:\n{self.log(name).read_text(errors='replace')[-2000:]}")
            del self.running[name]
            print(f"{name} has ended", flush=True)

    def stop(self) -> None:
        """End all of them, the last one first."""
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_IGN)  # nobody is left behind when somebody is impatient
        for process in reversed(self.running.values()):
            process.terminate()
        for process in reversed(self.running.values()):
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def run(cluster: Cluster, port: int) -> None:
    """Start everything, and wait for the end."""
    redis_port = free_port()
    redis = ["--bind", "127.0.0.1", "--port", str(redis_port), "--save", "", "--dir", str(cluster.folder)]
    cluster.start("Redis", [program("redis-server"), *redis], redis_port)

    environment = {"REDIS_URL": f"redis://127.0.0.1:{redis_port}"}
    conf = (HERE / "nginx.conf").read_text()
    for name in SERVERS:
        own = free_port()
        whinny = [sys.executable, "-m", "whinny.cli", "run", "examples.cluster.app:app", "--host", "127.0.0.1"]
        argv = [program("node"), str(HERE / "server.mjs")]
        if name.startswith("Whinny"):
            argv = [*whinny, "--port", str(own)]
        cluster.start(name, argv, own, SERVER_NAME=name, PORT=str(own), **environment)
        conf = conf.replace(f"@{name.upper().replace(' ', '_')}@", str(own))

    values = {"PORT": port, "STATIC": HERE / "static", "CLIENT": PACKAGES / "socket.io-client" / "dist"}
    for name, value in values.items():
        conf = conf.replace(f"@{name}@", str(value))
    (cluster.folder / "nginx.conf").write_text(conf)
    nginx = ["-p", str(cluster.folder), "-c", str(cluster.folder / "nginx.conf"), "-e", "stderr"]
    cluster.start("nginx", [program("nginx"), *nginx], port)

    print(f"Open http://localhost:{port}", flush=True)
    while True:
        cluster.check(dispensable=SERVERS)
        time.sleep(0.2)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Two Whinny servers and a Node server behind nginx, in one cluster.")
    parser.add_argument("--port", type=a_port, default=3002, help="the port of nginx")
    port = parser.parse_args().port
    check_port(port)
    for package in ("socket.io", "socket.io-client", "@socket.io/redis-adapter", "redis"):
        if not (PACKAGES / package).is_dir():
            sys.exit(f"The package {package!r} is missing in {PACKAGES}: `make cluster` installs it.")
    for each in (signal.SIGINT, signal.SIGTERM):  # also where a shell's background has the first one ignored
        signal.signal(each, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="whinny-cluster-") as folder, suppress(KeyboardInterrupt):
        cluster = Cluster(Path(folder))
        try:
            run(cluster, port)
        finally:
            cluster.stop()


if __name__ == "__main__":
    main()
