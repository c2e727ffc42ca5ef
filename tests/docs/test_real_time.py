"""The examples of the page "Real-time communication": its servers run, the official client runs its client code.

What the page says beyond its examples is tested in test_real_time_text.py and test_real_time_values.py, its unit tests
run in test_pages.py.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx
import pytest

from docs.sections import Sections
from support.pages import exec_as_module
from support.servers import ROOT, serve

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from docs.clients import Node
    from support.servers import ServerProcess

    ServeCode = Callable[[str], ServerProcess]

PAGE = Sections("real-time.md")

START = PAGE.take("Server and client")
START_CLIENT = PAGE.take("Server and client", "javascript")
CONTROLLERS = PAGE.take("Controllers")
ROUTES = PAGE.take("Controllers", "text")
READ_RESPONSE = PAGE.take("Responses", "javascript")
HOOKS = PAGE.take("Hooks")
SEND = PAGE.take("Sending a message")
ASK = PAGE.take("Sending a message", number=1)
READ_MESSAGES = PAGE.take("Sending a message", "javascript")
ANSWER = PAGE.take("Sending a message", "javascript", 1)
BROADCAST = PAGE.take("Broadcasting")
ROOMS = PAGE.take("Rooms")
IN_HTTP = PAGE.take("Accessing the Socket.IO server")
ANYWHERE = PAGE.take("Accessing the Socket.IO server", number=1)
SERVICES = PAGE.take("Services")
HANDLE_ERROR = PAGE.take("Errors")
VALIDATION = PAGE.take("Payload validation")
REFUSED = json.loads(PAGE.take("Payload validation", "json"))
TYPED = PAGE.take("Typed payloads")
HTTP_HOOKS = PAGE.take("Using HTTP hooks")
WITHOUT_A_USER = json.loads(PAGE.take("Using HTTP hooks", "json"))
CONNECTION = PAGE.take("When a client comes and goes")
CONNECT_ERROR = PAGE.take("When a client comes and goes", "javascript")
OPTIONS = PAGE.take("Server options")
NAMESPACES = PAGE.take("Several namespaces")
LOGGING = PAGE.take("Logging")

ELSEWHERE = {
    ("Calling a method", "python", 0),  # test_pages.py
    ("Calling a hook", "python", 0),
    ("Testing the whole app", "python", 0),
    ("Errors", "json", 0),  # test_real_time_text.py
    ("Using sessions", "python", 0),  # test_real_time_sessions.py
    *(("Forwarding HTTP sessions", "python", number) for number in range(2)),
    *(("Forwarding HTTP sessions", "javascript", number) for number in range(3)),
}

# Answers go to a callback, in the words of a reader.
PRINT_ANSWER = "response => console.log(response.status, response.data, response.error)"


def test_every_example_is_run() -> None:
    """Whoever adds an example to the page adds its test here."""
    assert set(PAGE.left()) == ELSEWHERE


# Server and client


@contextmanager
def client_program(url: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """The page's client.mjs, running."""
    (folder / "client.mjs").write_text(START_CLIENT.replace("ws://localhost:3001", url))
    if not (folder / "node_modules").exists():
        (folder / "node_modules").symlink_to(ROOT / "node_modules")
    program = subprocess.Popen(["node", "client.mjs"], cwd=folder, stdout=subprocess.PIPE, text=True)
    try:
        yield program
    finally:
        program.kill()
        program.communicate()


def test_server_and_client(serve_code: ServeCode, node: Node, tmp_path: Path) -> None:
    """What one program creates is told to the other, without data, and not to itself."""
    url = serve_code(START).url
    watcher = node.open(url)
    with client_program(url, tmp_path) as first:
        assert watcher.heard(1) == [["refresh products", {"status": "ok"}]]
        with client_program(url, tmp_path):
            assert watcher.heard(1) == [["refresh products", {"status": "ok"}]]
            assert first.stdout is not None
            assert first.stdout.readline() == "undefined\n"
        first.kill()
        assert first.stdout.read() == ""  # its own product was not announced to it, and nothing was refused


def test_an_answer_tells_why_a_product_is_refused(serve_code: ServeCode, node: Node) -> None:
    """The callback gets the error, and nobody hears of a product."""
    url = serve_code(START).url
    ada, bob = node.open(url), node.open(url)
    ada.run(f"""socket.emit("create product", {{ nome: "product 1" }}, {PRINT_ANSWER})""")
    [printed] = ada.printed(1)
    assert printed.startswith("error undefined")
    assert "VALIDATION_PAYLOAD_ERROR" in printed
    bob.settle()
    assert bob.heard() == []


SOLD_OUT = """
from whinny import ServiceManager, SocketIOController, WebsocketErrorResponse, event_name


class WebsocketController(SocketIOController):
    @event_name("create product")
    def create_product(self, ctx):
        ctx.socket.broadcast.emit("refresh products", WebsocketErrorResponse("try later"))
        return WebsocketErrorResponse("sold out")


app = ServiceManager().get(WebsocketController).attach()
"""


def test_the_client_prints_errors(serve_code: ServeCode, node: Node, tmp_path: Path) -> None:
    """That of an answer, and that of a message."""
    ada = node.open(serve_code(SOLD_OUT).url)
    with client_program(serve_code(SOLD_OUT).url, tmp_path) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "sold out\n"
        ada.emit("create product")
        assert program.stdout.readline() == "try later\n"


# Controllers


def test_names_are_joined_as_they_are(serve_code: ServeCode, node: Node) -> None:
    """A sub-controller's events bear its prefix, space and all; no other names are known."""
    ada = node.open(serve_code(CONTROLLERS).url)
    assert ada.ask("users create", "Ada") == {"status": "ok", "data": "created Ada"}
    assert ada.ask("users delete", 3) == {"status": "ok", "data": "deleted 3"}
    for name in ("create", "delete", "userscreate", "users  create"):
        assert ada.ask(name)["error"]["code"] == "UNKNOWN_EVENT"


def test_responses_in_the_client(serve_code: ServeCode, node: Node) -> None:
    """The callback gets the response's data."""
    ada = node.open(serve_code(CONTROLLERS).url, READ_RESPONSE)
    assert ada.printed(1) == ["created Ada"]


def test_whinny_routes(tmp_path: Path) -> None:
    """The command prints the table that the page shows."""
    (tmp_path / "app.py").write_text(CONTROLLERS)
    done = subprocess.run(
        [sys.executable, "-m", "whinny.cli", "routes", "app:app"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert (done.stdout, done.stderr) == (ROUTES, "")


# Hooks


def test_a_hook_lets_a_payload_through(serve_code: ServeCode, node: Node) -> None:
    """A hook that returns nothing is followed by the method."""
    ada = node.open(serve_code(HOOKS).url)
    assert ada.ask("create", {"name": "Ada"}) == {"status": "ok", "data": "ADA"}


@pytest.mark.parametrize("args", [[{"name": 3}], [{}], ["Ada"], [None], []], ids=str)
def test_the_response_of_a_hook_is_the_answer(args: list[object], serve_code: ServeCode, node: Node) -> None:
    """Neither a payload of another shape nor a missing one gets past the hook, or breaks it."""
    ada = node.open(serve_code(HOOKS).url)
    assert ada.ask("create", *args) == {"status": "error", "error": "Invalid name type"}


# Talking to clients


def test_messages_arrive_in_order(serve_code: ServeCode, node: Node) -> None:
    """The client's listener unwraps both, the first one first, and only the one who asked hears them."""
    url = serve_code(SEND).url
    ada, bob = node.open(url, READ_MESSAGES), node.open(url, READ_MESSAGES)
    ada.emit("create")
    assert ada.printed(2) == ["Message:  first message", "Message:  second message"]
    bob.settle()
    assert bob.printed() == []


def test_no_response_no_callback(serve_code: ServeCode, node: Node) -> None:
    """The method returns nothing: the callback of `emit` is not called, though the method has run."""
    ada = node.open(serve_code(SEND).url, READ_MESSAGES)
    ada.run("""socket.emit("create", { name: "product 1" }, () => console.log("the callback"))""")
    assert len(ada.printed(2)) == 2
    ada.settle()
    assert ada.printed() == []


def test_the_client_is_asked(serve_code: ServeCode, node: Node) -> None:
    """The acknowledgement of the client is what `emit_with_ack` returns."""
    ada = node.open(serve_code(ASK).url, ANSWER)
    assert ada.ask("ask me") == {"status": "ok", "data": "fine"}
    assert [message[:2] for message in ada.heard()] == [["question", "How are you?"]]


def test_broadcast_leaves_out_the_sender(serve_code: ServeCode, node: Node) -> None:
    """All other clients hear both messages, in order."""
    url = serve_code(BROADCAST).url
    ada, bob, eve = (node.open(url, READ_MESSAGES) for _ in range(3))
    ada.emit("create")
    for other in (bob, eve):
        assert other.printed(2) == ["Message:  first message", "Message:  second message"]
    ada.settle()
    assert ada.printed() == []


def test_rooms(serve_code: ServeCode, node: Node) -> None:
    """Everybody is let into the room when they come; the one who sends to it does not hear it."""
    url = serve_code(ROOMS).url
    ada, bob, eve = (node.open(url) for _ in range(3))
    ada.emit("event 1")
    for other in (bob, eve):
        assert other.heard(1) == [["event 2"]]
    ada.settle()
    assert ada.heard() == []


def test_an_http_controller_emits(serve_code: ServeCode, node: Node) -> None:
    """POST /users lets all clients refresh, and is answered with 200."""
    url = serve_code(IN_HTTP).url
    ada, bob = node.open(url), node.open(url)
    assert httpx.post(f"{url}/users").status_code == 200
    for client in (ada, bob):
        assert client.heard(1) == [["refresh users"]]


def test_an_endpoint_emits(serve_code: ServeCode, node: Node) -> None:
    """HTTP and Socket.IO answer on one port, and an endpoint that FastAPI runs in a thread reaches all clients."""
    url = serve_code(ANYWHERE).url
    ada, bob = node.open(url), node.open(url)
    assert httpx.post(f"{url}/users/Grace").json() == {"name": "Grace"}
    for client in (ada, bob):
        assert client.heard(1) == [["refresh users", {"status": "ok", "data": "Grace"}]]


def test_a_service_emits(serve_code: ServeCode, node: Node) -> None:
    """A service that depends on the server reaches all clients, the sender included."""
    url = serve_code(ANYWHERE).url
    ada, bob = node.open(url), node.open(url)
    assert ada.ask("create user", "Grace") == {"status": "ok"}
    for client in (ada, bob):
        assert client.heard(1) == [["refresh users", {"status": "ok", "data": "Grace"}]]


# Services and errors


def test_services_boot_and_close(node: Node, tmp_path: Path) -> None:
    """The object given for an abstract class is used, booted before the first client and closed at the end, once."""
    (tmp_path / "app.py").write_text(SERVICES)
    with serve("app:app", args=["--app-dir", str(tmp_path)]) as server:
        ada = node.open(server.url)
        assert ada.ask("greet", "hello") == {"status": "ok"}
        assert ada.ask("greet", "again") == {"status": "ok"}
        ada.disconnect()
        server.stop()
        words = [line for line in server.log.splitlines() if line in ("ready", "hello", "again", "closed")]
        assert words == ["ready", "hello", "again", "closed"]


def test_handle_error(serve_code: ServeCode, node: Node) -> None:
    """The root controller answers the error of its method."""
    ada = node.open(serve_code(HANDLE_ERROR).url)
    assert ada.ask("create user") == {"status": "error", "error": "Permission is denied"}


# Payload validation


def test_a_payload_that_fits(serve_code: ServeCode, node: Node) -> None:
    """It reaches the method."""
    ada = node.open(serve_code(VALIDATION).url)
    assert ada.ask("create product", {"name": "lamp"}) == {"status": "ok", "data": "lamp"}


def test_a_payload_that_does_not_fit(serve_code: ServeCode, node: Node) -> None:
    """The client is answered what the page prints; each error has its place, keyword and message."""
    ada = node.open(serve_code(VALIDATION).url)
    assert ada.ask("create product", {"name": 3}) == REFUSED
    for args, keyword in (([{}], "required"), ([{"name": "lamp", "price": 1}], "additionalProperties"), ([], "type")):
        answer = ada.ask("create product", *args)
        assert answer["error"]["code"] == "VALIDATION_PAYLOAD_ERROR"
        assert [error["keyword"] for error in answer["error"]["payload"]] == [keyword]


def test_a_schema_of_the_controller(serve_code: ServeCode, node: Node) -> None:
    """A function makes the schema from the controller: here from its `longest`."""
    ada = node.open(serve_code(VALIDATION).url)
    assert ada.ask("rename product", "x" * 20) == {"status": "ok", "data": "x" * 20}
    [error] = ada.ask("rename product", "x" * 21)["error"]["payload"]
    assert (error["keyword"], error["params"]) == ("maxLength", {"limit": 20})


def test_a_dataclass_as_payload(serve_code: ServeCode, node: Node) -> None:
    """What fits becomes the dataclass, whatever its fields are; a date comes as text, a picture as binary data."""
    ada = node.open(serve_code(TYPED).url)
    lamp = {"name": "lamp", "price": 3}
    assert ada.ask("create product", lamp) == {"status": "ok", "data": "lamp for 3.00"}
    assert ada.ask("create product", {**lamp, "until": "2030-01-31"})["status"] == "ok"
    picture = """return ask("create product", { name: "lamp", price: 3, picture: Buffer.from("lamp") })"""
    assert ada.run(picture)["status"] == "ok"


@pytest.mark.parametrize(
    ("change", "place", "keyword"),
    [
        ({"name": ""}, "/name", "minLength"),
        ({"price": 0}, "/price", "exclusiveMinimum"),
        ({"price": "3"}, "/price", "type"),
        ({"name": 3}, "/name", "type"),
    ],
    ids=str,
)
def test_what_does_not_fit_a_dataclass(
    change: dict[str, object], place: str, keyword: str, serve_code: ServeCode, node: Node
) -> None:
    """The error has the shape of all validation errors; numbers and texts are not converted into each other."""
    ada = node.open(serve_code(TYPED).url)
    answer = ada.ask("create product", {"name": "lamp", "price": 3, **change})
    [error] = answer["error"]["payload"]
    assert answer["error"]["code"] == "VALIDATION_PAYLOAD_ERROR"
    assert (error["instancePath"], error["keyword"]) == (place, keyword)
    assert set(error) == {"instancePath", "schemaPath", "keyword", "params", "message"}


def test_text_is_no_binary_data(serve_code: ServeCode, node: Node) -> None:
    """A `bytes` takes no text, not even Base64; no date is made of other words either."""
    ada = node.open(serve_code(TYPED).url)
    for change in ({"picture": "bGFtcA=="}, {"until": "soon"}):
        answer = ada.ask("create product", {"name": "lamp", "price": 3, **change})
        assert answer["error"]["code"] == "VALIDATION_PAYLOAD_ERROR"
        assert answer["error"]["payload"][0]["instancePath"] == f"/{next(iter(change))}"


def test_a_generic_type_as_payload(serve_code: ServeCode, node: Node) -> None:
    """The default stands in for what the client does not send."""
    ada = node.open(serve_code(TYPED).url)
    assert ada.ask("find products", ["lamp"]) == {"status": "ok", "data": ["lamp"]}
    assert ada.ask("find products") == {"status": "ok", "data": ["all"]}
    assert ada.ask("find products", ["lamp", 3])["error"]["payload"][0]["instancePath"] == "/1"


# Using HTTP hooks


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_an_http_hook_sees_the_handshake(transport: str, serve_code: ServeCode, node: Node) -> None:
    """The user is found by a header, which the client has sent once, when it came."""
    url = serve_code(HTTP_HOOKS).url
    ada = node.open(url, transports=[transport], extraHeaders={"X-API-Key": "key-of-ada"})
    for name in ("Grace", "Alan"):
        assert ada.ask("create", name) == {"status": "ok", "data": f"Ada created {name}"}


@pytest.mark.parametrize("headers", [{}, {"X-API-Key": "another"}], ids=str)
def test_an_http_hook_refuses(headers: dict[str, str], serve_code: ServeCode, node: Node) -> None:
    """Its response of 401 is the event's error."""
    eve = node.open(serve_code(HTTP_HOOKS).url, extraHeaders=headers)
    assert eve.ask("create", "Grace") == WITHOUT_A_USER


# Advanced


def test_a_refused_client_reads_why(serve_code: ServeCode, node: Node) -> None:
    """Message and data of ConnectionRefused reach `connect_error` as they are."""
    url = serve_code(CONNECTION).url
    assert node.refusal(url) == ("Log in first", {"code": "no_session"})
    assert node.refusal(url, auth={"token": "wrong"}) == ("Log in first", {"code": "no_session"})


def test_a_refused_client_tries_again(serve_code: ServeCode, node: Node) -> None:
    """The page's listener prints why, and is let in with the token that it sets."""
    ada = node.open(serve_code(CONNECTION).url, CONNECT_ERROR)
    assert ada.printed(1) == ["Log in first { code: 'no_session' }"]


def test_on_disconnect(serve_code: ServeCode, node: Node) -> None:
    """It is told the reason, and the rooms that the client was in."""
    server = serve_code(CONNECTION)
    ada = node.open(server.url, auth={"token": "secret"})
    name = re.escape(ada.id)
    ada.disconnect()
    end = time.monotonic() + 10
    while not (found := re.search(rf"^gone from (.*{name}.*) because of (.*)\n", server.log, re.M)):
        assert time.monotonic() < end, f"on_disconnect did not run:\n{server.log}"
        time.sleep(0.01)
    assert "'members'" in found[1]
    assert found[2] == "client namespace disconnect"


def test_server_options(serve_code: ServeCode, node: Node) -> None:
    """The option is the server's, and the app serves with it."""
    module = exec_as_module(OPTIONS, "real_time_options")
    assert module.app.server.options.connect_timeout == 60.0
    node.open(serve_code(OPTIONS).url).settle()


def test_logging_under_another_server(node: Node, tmp_path: Path) -> None:
    """An app that configures logging as the page does shows what `whinny run` shows, in its own format."""
    (tmp_path / "app.py").write_text(LOGGING + NAMESPACES)
    with serve("app:app", by="uvicorn", args=["--app-dir", str(tmp_path), "--log-level", "warning"]) as server:
        ada = node.open(server.url)
        name = ada.id
        ada.settle()
        assert re.search(rf"^[\d-]+ [\d:,]+ INFO whinny\.server: Client connected: {name}$", server.log, re.M)


def test_several_namespaces(serve_code: ServeCode, node: Node) -> None:
    """Each namespace has its own events, behind one port; one connection can carry several."""
    url = serve_code(NAMESPACES).url
    assert node.open(url).ask("who") == {"status": "ok", "data": "chat"}
    assert node.open(f"{url}/admin").ask("who") == {"status": "ok", "data": "admin"}
    assert node.refusal(f"{url}/nobody") == ("Invalid namespace", None)
    both = node.open(url)
    script = """
      const admin = socket.io.socket("/admin").connect();
      return [await ask("who"), await admin.timeout(8000).emitWithAck("who")].map(response => response.data);
    """
    assert both.run(script) == ["chat", "admin"]
