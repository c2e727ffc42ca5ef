"""The examples of docs/many-servers.md: servers with a real Redis, real nginx and Node, official clients."""

from __future__ import annotations

import inspect
import re
import shlex
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import redis as redis_py

from docs.conftest import PRODUCTION
from docs.programs import line, program
from docs.sections import Sections
from support.nginx import nginx
from support.pages import exec_as_module
from support.redis import redis_server
from support.servers import ROOT, ServerProcess, environment, free_port, serve
from whinny import RedisAdapter, ShardedRedisAdapter
from whinny.cluster import SECRET_HEADERS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from docs.clients import Client, Node
    from support.redis import RedisServer

PAGE = Sections("many-servers.md")
REDIS = PAGE.take("Many servers")
COMMANDS = PAGE.take("Many servers", "bash", 1)
RIGHTS = PAGE.take("The adapters", "text")
ASKING = PAGE.take("Asking other servers")
COMMAND = PAGE.take("Emitting from elsewhere")
SCRIPT = PAGE.take("Emitting from elsewhere", number=1)
HEALTH = PAGE.take("When Redis is away")
END = PAGE.take("Sessions")
NGINX = PAGE.take("Sticky sessions", "nginx")
SERVED_BY_WORKERS = PAGE.take("Workers")
WORKERS = PAGE.take("Workers", "bash")
WORKERS_CLIENT = PAGE.take("Workers", "javascript")
NODE = PAGE.take("Moving from Node", "javascript")

URL = "redis://localhost:6379"
READY = "ready: this server is in its cluster"
IN_ITS_CLUSTER = " in its cluster"
"""Of READY, and of what a server says that is back, as one may be whose Redis was slow when it started."""

ROOMS = f"""
from whinny import RedisAdapter, ServiceManager, SocketIOController, WebsocketResponse, event_name


class Root(SocketIOController):
    adapter = RedisAdapter("{URL}")

    @event_name("join")
    def join(self, ctx, payload: str):
        ctx.socket.join(payload)
        return WebsocketResponse()

    @event_name("leave")
    def leave(self, ctx, payload: str):
        ctx.socket.leave(payload)
        return WebsocketResponse()

    @event_name("tell")
    def tell(self, ctx, payload: str | list[str]):
        ctx.socket.namespace.to(payload).emit("told")
        return WebsocketResponse()

    @event_name("sockets")
    async def sockets(self, ctx):
        return WebsocketResponse(len(await ctx.socket.namespace.fetch_sockets()))

    @event_name("rooms")
    def rooms(self, ctx):
        return WebsocketResponse(sorted(ctx.socket.rooms - {{ctx.socket.id}}))


class Admin(Root):
    namespace = "/admin"


services = ServiceManager()
services.get(Admin).attach()
app = services.get(Root).attach()
"""

WHERE = f"""
import os

from whinny import RedisAdapter, ServiceManager, SocketIOController, WebsocketResponse, event_name


class Root(SocketIOController):
    adapter = RedisAdapter("{URL}")

    @event_name("where")
    def where(self, ctx):
        return WebsocketResponse(os.getpid())

    @event_name("tell")
    def tell(self, ctx, payload: str):
        ctx.socket.namespace.emit("told", payload)


app = ServiceManager().get(Root).attach()
"""


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@contextmanager
def servers(code: str, redis: RedisServer, folder: Path, count: int = 2) -> Iterator[list[ServerProcess]]:
    """So many servers with this app, in one cluster."""
    assert URL in code
    (folder / "app.py").write_text(code.replace(URL, redis.url))
    with ExitStack() as stack:
        found = [
            stack.enter_context(serve("app:app", args=["--app-dir", str(folder)], env=PRODUCTION)) for _ in range(count)
        ]
        for server in found:
            server.wait_for(IN_ITS_CLUSTER)
        yield found


def test_every_example_is_run() -> None:
    """Whoever adds an example to the page adds its test here."""
    assert set(PAGE.left()) == {("Many servers", "bash", 0), ("Many servers", "text", 0)}


# The example of the reference


def test_two_servers(redis: RedisServer, tmp_path: Path) -> None:
    """The commands start them on two ports, and each says what the page has it say."""
    text = (ROOT / "docs" / "many-servers.md").read_text()
    assert f'"{READY}"' in text
    (tmp_path / "app.py").write_text(REDIS.replace(URL, redis.url))
    with ExitStack() as stack:
        for number, command in enumerate(COMMANDS.splitlines(), 1):
            name, *words, shown = shlex.split(command)
            assert (name, words, shown) == ("whinny", ["run", "app:app", "--port"], f"800{number}")
            port = free_port()
            argv = [sys.executable, "-m", "whinny.cli", *words, str(port), "--app-dir", str(tmp_path)]
            server = ServerProcess(port, argv, environment(PRODUCTION))
            stack.callback(server.output.close)
            stack.callback(server.stop, signal.SIGKILL)
            server.start()
            server.wait_for(IN_ITS_CLUSTER)
        assert number == 2


def test_the_redis_example(redis: RedisServer, node: Node, tmp_path: Path) -> None:
    """Who creates a user on one server is heard of on both, and not told of it."""
    with servers(REDIS, redis, tmp_path) as (one, two):
        ada, bob, eve = node.open(one.url), node.open(one.url), node.open(two.url)
        ada.emit("create user")
        assert bob.heard(1) == eve.heard(1) == [["refresh users"]]
        eve.emit("create user")
        assert ada.heard(1) == bob.heard(1) == [["refresh users"]]
        eve.settle()
        assert eve.heard() == []


@contextmanager
def node_server(redis: RedisServer, folder: Path) -> Iterator[str]:
    """The page's server in Node; its address."""
    port = free_port()
    (folder / "server.mjs").write_text(NODE.replace(URL, redis.url).replace("3001", str(port)))
    (folder / "node_modules").symlink_to(ROOT / "node_modules")
    process = subprocess.Popen(["node", "server.mjs"], cwd=folder)
    try:
        end = time.monotonic() + 20
        while True:
            try:
                httpx.get(f"http://127.0.0.1:{port}/")
                break
            except httpx.TransportError:
                assert process.poll() is None
                assert time.monotonic() < end
                time.sleep(0.02)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def test_a_cluster_with_a_node_server(redis: RedisServer, node: Node, tmp_path: Path) -> None:
    """The page's two servers, in Python and in Node, are one cluster."""
    with servers(REDIS, redis, tmp_path, 1) as [whinny], node_server(redis, tmp_path) as url:
        ada, bob = node.open(whinny.url), node.open(url)
        ada.emit("create user")
        assert bob.heard(1) == [["refresh users"]]
        bob.emit("create user")
        assert ada.heard(1) == [["refresh users"]]


# Lists


@pytest.mark.parametrize(("adapter", "number"), [(RedisAdapter, 0), (ShardedRedisAdapter, 1)])
def test_every_option_is_listed_with_its_default(adapter: type, number: int) -> None:
    """The tables of the page have all options of the adapters, in their order."""
    text = (ROOT / "docs" / "many-servers.md").read_text()
    tables = re.findall(r"^\| option \| default \| meaning \|\n.*?\n\n", text, re.M | re.S)
    listed = re.findall(r"^\| `(\w+)` \|(.*?)\|", tables[number], re.M)
    parameters = inspect.signature(adapter).parameters.values()
    assert [name for name, _ in listed] == [each.name for each in parameters]
    for (_, default), parameter in zip(listed, parameters, strict=True):
        shown = default.strip().strip("`").replace('"', "'").replace("16 MiB", str(16 * 1024 * 1024))
        assert shown == ("" if parameter.default is parameter.empty else repr(parameter.default))


SHARDED = "import ShardedRedisAdapter as RedisAdapter"


@pytest.mark.parametrize("user", ["whinny", "sharded"])
def test_the_rights_of_a_user(user: str, node: Node, tmp_path: Path) -> None:
    """With these, and the channel of one more namespace, servers send to all and to rooms, and ask each other."""
    code = ROOMS.replace(f'"{URL}"', f'"{URL}".replace("//", "//{user}:secret@")')
    assert code != ROOMS
    if user == "sharded":
        code = code.replace("import RedisAdapter", SHARDED)
    with redis_server() as redis:
        client = redis_py.Redis.from_url(redis.url)
        for command in (*RIGHTS.splitlines(), "ACL SETUSER whinny &socket.io#/admin#*"):
            assert client.execute_command(*shlex.split(command)) == b"OK"
        client.close()
        with servers(code, redis, tmp_path) as (one, two):
            ada, bob, eve = node.open(one.url), node.open(one.url), node.open(f"{two.url}/admin")
            dan = node.open(two.url)
            assert dan.ask("sockets")["data"] == 3
            assert eve.ask("sockets")["data"] == 1
            bob.ask("join", "sellers")
            wait_until(lambda: dan.ask("tell", "sellers")["status"] == "ok" and bob.heard() == [["told"]])
            bob.ask("leave", "sellers")
            dan.ask("tell", [])
            for each in (ada, bob, dan):
                assert each.heard(1)[-1:] == [["told"]], "no room means everybody"
            for server in (one, two):
                assert "refuse" not in server.log
                assert "lost" not in server.log


# Asking other servers


def test_asking_other_servers(redis: RedisServer, node: Node, tmp_path: Path) -> None:
    """Events between servers, the sockets of all, and the answers of all clients."""
    with servers(ASKING, redis, tmp_path) as (one, two):
        ada, bob, eve = node.open(one.url), node.open(one.url), node.open(two.url)
        lamp = {"name": "lamp", "price": 1}
        assert eve.ask("set price", lamp)["data"] == ["forgotten"]
        assert ada.ask("set price", lamp | {"price": 2})["data"] == ["forgotten"]
        assert ada.ask("known prices")["data"] == {"lamp": 2}
        assert eve.ask("known prices")["data"] == {}
        for client in (ada, eve):
            assert set(client.ask("who is there")["data"]) == {ada.id, bob.id, eve.id}
        bob.run('socket.on("yes or no?", answer => answer("yes"))')
        eve.run('socket.on("yes or no?", answer => answer("no"))')
        assert sorted(ada.ask("vote")["data"]) == ["no", "yes"]
        assert eve.ask("vote")["data"] == ["yes"], "what came in time"


def test_asking_while_cut_off(node: Node, tmp_path: Path) -> None:
    """A price is set all the same; what a server knows of the others' prices is forgotten when it is back."""
    with redis_server() as redis, servers(ASKING, redis, tmp_path) as (one, two):
        ada, eve = node.open(one.url), node.open(two.url)
        redis.stop(signal.SIGTERM)
        one.wait_for("degraded")
        lamp = {"name": "lamp", "price": 1}
        assert ada.ask("set price", lamp) == {"status": "ok", "data": []}
        assert ada.ask("known prices")["data"] == {"lamp": 1}
        assert ada.ask("who is there")["error"]["code"] == "INTERNAL_SERVER_ERROR"
        redis.start()
        wait_until(lambda: ada.ask("known prices")["data"] == {})
        two.wait_for("is back in its cluster")
        assert eve.ask("set price", lamp)["data"] == ["forgotten"]


def test_the_headers_that_are_kept() -> None:
    """The page names all of them."""
    [sentence] = re.findall(r"none of the headers (.+?)\.\s", (ROOT / "docs" / "many-servers.md").read_text(), re.S)
    assert set(re.findall(r"`([\w-]+)`", sentence)) == SECRET_HEADERS


# Emitting from elsewhere


def test_a_django_command(redis: RedisServer, node: Node, tmp_path: Path) -> None:
    """It reaches all clients, and a room of another namespace."""
    from django.conf import settings
    from django.core.management import call_command

    settings.configure(REDIS_URL=redis.url)
    command = exec_as_module(COMMAND, "announce").Command()
    with servers(ROOMS, redis, tmp_path) as (one, two):
        ada, editor, guest = node.open(one.url), node.open(f"{two.url}/admin"), node.open(f"{one.url}/admin")
        for client in (editor, guest):
            client.ask("join", "editors")
        guest.ask("join", "guests")
        call_command(command, "closing at eight")
        assert ada.heard(1) == [["announcement", "closing at eight"]]
        assert editor.heard(1) == [["announced"]]
        guest.settle()
        assert guest.heard() == []


def test_an_asynchronous_script(redis: RedisServer, node: Node, tmp_path: Path) -> None:
    """It tells a room, and lets its clients enter another one."""
    with servers(ROOMS, redis, tmp_path) as (one, two):
        clients = [node.open(server.url) for server in (one, two)]
        for client in clients:
            client.ask("join", "sellers")
        (tmp_path / "script.py").write_text(SCRIPT.replace(URL, redis.url))
        subprocess.run([sys.executable, "script.py"], cwd=tmp_path, env=environment(), check=True, timeout=30)
        for client in clients:
            assert client.heard(1) == [["sold", {"name": "lamp"}]]
            wait_until(lambda client=client: client.ask("rooms")["data"] == ["rich", "sellers"])  # type: ignore[misc]


def wait_until(condition: Any, within: float = 15) -> None:
    end = time.monotonic() + within
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


# When Redis is away


def test_health(node: Node, tmp_path: Path) -> None:
    """It tells when Redis is away and when it is back; the server answers and its clients go on all the while."""
    with redis_server() as redis, servers(HEALTH, redis, tmp_path, 1) as [server]:

        def state() -> Any:
            return httpx.get(f"{server.url}/health").raise_for_status().json()

        assert state() == {"state": "ready", "waiting": 0, "lost": 0}
        ada = node.open(server.url)
        redis.stop(signal.SIGTERM)
        wait_until(lambda: state()["state"] == "degraded")
        ada.settle()
        redis.start()
        wait_until(lambda: state()["state"] == "ready")


# Sessions


LOGIN = """
from whinny import (
    ServiceManager, SocketIOController, WebsocketResponse, dependency, event_name, forward_http_session_to_websocket
)
from whinny.sessions import Sessions


class Root(SocketIOController):
    sessions = dependency(Sessions)

    @event_name("log in")
    async def log_in(self, ctx):
        session = self.sessions.create()
        session.set_user("ada")
        await session.commit()
        return WebsocketResponse({"token": session.token, "id": session.id})


class Members(SocketIOController):
    namespace = "/members"

    async def on_connection(self, ctx):
        await forward_http_session_to_websocket(ctx, required=True)


services = ServiceManager()
services.get(Members).attach()
app = services.get(Root).attach()
"""


def test_ending_a_session(redis: RedisServer, node: Node, tmp_path: Path) -> None:
    """The script, which has no sockets, disconnects those of the session on all servers; its token is no id."""
    (tmp_path / "app.py").write_text(LOGIN)
    (tmp_path / "end_session.py").write_text(END.replace(URL, redis.url))
    env = PRODUCTION | {"WHINNY_SESSION_STORE": redis.url}

    def end(what: str) -> None:
        argv = [sys.executable, "-W", "error", "end_session.py", what]
        done = subprocess.run(argv, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=30)
        assert (done.returncode, done.stderr) == (0, "")

    args = ["--app-dir", str(tmp_path)]
    with serve("app:app", args=args, env=env) as one, serve("app:app", args=args, env=env) as two:
        session = node.open(one.url).ask("log in")["data"]
        other = node.open(one.url).ask("log in")["data"]
        member, *_ = opened = [
            node.open(f"{server.url}/members", auth={"token": each["token"]})
            for each in (session, other)
            for server in (one, two)
        ]
        end(session["token"])
        assert member.run("return socket.connected")
        end(session["id"])
        for client in opened[:2]:
            client.left()
        for client in opened[2:]:
            assert client.run("return socket.connected")


# Sticky sessions


FROM = """
const { Agent } = process.getBuiltinModule("node:http");
socket.io.opts.agent = new Agent({ localAddress: "ADDRESS" });
"""


@contextmanager
def proxied(ports: list[int]) -> Iterator[str]:
    """The page's nginx, before servers on these ports."""
    port = free_port()
    conf = NGINX.replace("listen 80;", f"listen 127.0.0.1:{port};")
    for shown, real in zip((8001, 8002), ports, strict=True):
        assert f"server 127.0.0.1:{shown};" in conf
        conf = conf.replace(f"server 127.0.0.1:{shown};", f"server 127.0.0.1:{real};")
    with nginx(conf, port) as proxy:
        yield proxy.url


@pytest.mark.parametrize("transports", [["polling"], ["polling", "websocket"]], ids=str)
def test_sticky_sessions(transports: list[str], redis: RedisServer, node: Node, tmp_path: Path) -> None:
    """Clients that poll stay with their server, and upgrade there; when it is gone they find the other one."""
    with servers(WHERE, redis, tmp_path) as both, proxied([server.port for server in both]) as url:
        clients: list[tuple[int, Client]] = []
        while {pid for pid, _ in clients} != {server.pid for server in both}:
            assert len(clients) < 40
            address = f"127.0.0.{len(clients) + 2}"
            options = {"transports": transports, "reconnection": True, "reconnectionDelay": 50}
            client = node.open(url, FROM.replace("ADDRESS", address), **options)
            clients.append((client.ask("where")["data"], client))
        transport = "return socket.io.engine.transport.name"
        for pid, client in clients:
            wait_until(lambda client=client: client.run(transport) == transports[-1])  # type: ignore[misc]
            for _ in range(3):
                assert client.ask("where")["data"] == pid
        clients[0][1].emit("tell", "hello")
        for _, client in clients:
            assert client.heard(1) == [["told", "hello"]]
        gone, stays = both
        assert gone.stop() < 8
        for _, client in clients:
            client.run("while (!socket.connected) await new Promise(again => setTimeout(again, 20))")
            assert client.ask("where")["data"] == stays.pid


# Workers


def test_the_command_with_workers(redis: RedisServer, node: Node, tmp_path: Path) -> None:
    """It refuses the page's first app, which allows polling, and serves the one for workers to the page's clients."""
    [command] = WORKERS.splitlines()
    name, *words = shlex.split(command)
    assert name == "whinny"
    port = free_port()
    argv = [sys.executable, "-m", "whinny.cli", *words, "--app-dir", str(tmp_path), "--port", str(port)]
    server = ServerProcess(port, argv, environment(PRODUCTION))
    (tmp_path / "app.py").write_text(REDIS.replace(URL, redis.url))
    with pytest.raises(RuntimeError, match="Workers cannot serve polling"):
        server.start()
    (tmp_path / "app.py").write_text(SERVED_BY_WORKERS.replace(URL, redis.url))
    client = WORKERS_CLIENT.replace("http://localhost:8000", server.url)
    assert client != WORKERS_CLIENT
    heard = """
        socket.on("refresh users", () => console.log("refresh users"));
        socket.on("connect", () => console.log(socket.io.engine.transport.name));
    """
    try:
        server.start()
        wait_until(lambda: server.log.count(IN_ITS_CLUSTER) >= 4)
        with program(client + heard, tmp_path) as process:
            assert line(process) == "websocket"
            node.open(server.url, transports=["websocket"]).emit("create user")
            assert line(process) == "refresh users"
        assert server.stop() < 8
    finally:
        server.stop(signal.SIGKILL)
        server.output.close()
