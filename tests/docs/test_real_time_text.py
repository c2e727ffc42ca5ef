"""What the page "Real-time communication" says beyond its examples: the app in claims.py, and the official client."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from docs.sections import Sections
from support.servers import TESTS, ServerProcess, command, free_port, serve
from whinny import (
    ConfigurationError,
    ServerOptions,
    ServiceManager,
    Settings,
    SocketIOController,
    WebsocketContext,
    WebsocketResponse,
    dependency,
    event_name,
    validate_payload,
    websocket_hook,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docs.clients import Client, Node

PAGE = Sections("real-time.md")
MASKED = json.loads(PAGE.take("Errors", "json"))
READ_MESSAGES = PAGE.take("Sending a message", "javascript")
PRODUCTION = {"WHINNY_DEBUG": "0"}
CLAIMS = Path(__file__).with_name("claims.py").read_text().splitlines()
ERRORS = ["method", "hook", "function", "service"]


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with serve("docs.claims:app", env=PRODUCTION) as process:
        yield process


@pytest.fixture(scope="module")
def debugged() -> Iterator[ServerProcess]:
    with serve("docs.claims:app", env={"WHINNY_DEBUG": "1"}) as process:
        yield process


def settle(*clients: Client) -> None:
    for client in clients:
        client.settle()


def wait_for_log(server: ServerProcess, words: str) -> None:
    """Wait until the server has printed this."""
    end = time.monotonic() + 10
    while words not in server.log:
        assert time.monotonic() < end, f"{words!r} is not in the log:\n{server.log}"
        time.sleep(0.01)


# Controllers


@pytest.fixture
def ada(server: ServerProcess, node: Node) -> Client:
    """A client of the section "Controllers"."""
    return node.open(f"{server.url}/controllers")


def test_nested_controllers(ada: Client) -> None:
    """One class stands under several prefixes, at several depths."""
    for name in ("where", "one where", "outer inner where"):
        assert ada.ask(name) == {"status": "ok", "data": name}


def test_parameters(ada: Client) -> None:
    """A method gets as much as it takes; what was not sent is None or the default, the rest stands in `ctx.args`."""
    cases: list[tuple[list[Any], Any]] = [
        (["takes nothing", 1, 2], "called"),
        (["takes the context", 1, 2], [1, 2]),
        (["takes a payload", 1, 2], {"payload": 1, "args": [1, 2]}),
        (["takes a payload"], {"payload": None, "args": []}),
        (["takes a default"], "the default"),
        (["takes a default", "sent"], "sent"),
        (["takes more"], [None, []]),
        (["takes more", 1, "2", [3]], [1, ["2", [3]]]),
    ]
    for message, answer in cases:
        assert ada.ask(*message) == {"status": "ok", "data": answer}, message


def test_overriding_method(ada: Client) -> None:
    """It keeps the event and the hooks of the method that it overrides."""
    assert ada.ask("inherited") == {"status": "ok", "data": ["child", True]}


def test_events_start_in_order_and_overlap(ada: Client) -> None:
    """Two events wait for a third, which came behind them; neither sees the other's context variables."""
    script = """
      const answers = await Promise.all([ask("wait", "1"), ask("wait", "2"), ask("open the gate")]);
      return answers.map(answer => answer.data);
    """
    began = ["1", "2"]
    assert ada.run(script) == [["none", "1", began], ["none", "2", began], began]


def test_a_method_goes_on_without_its_client(ada: Client, server: ServerProcess, node: Node) -> None:
    """It can see that the client has left."""
    bob = node.open(f"{server.url}/controllers")
    ada.emit("outlive")
    ada.disconnect()
    assert bob.heard(1) == [["went on", False]]


class Doubled(SocketIOController):
    @event_name("create")
    def first(self) -> None: ...

    @event_name("create")
    def second(self) -> None: ...


class Greedy(SocketIOController):
    @event_name("create")
    def create(self, ctx: WebsocketContext, *, payload: str) -> None: ...


class Misled(SocketIOController):
    @event_name("create")
    @validate_payload({"type": "no such type"})
    def create(self) -> None: ...


@pytest.mark.parametrize(
    ("root", "named"),
    [(Doubled, ["Doubled.first", "Doubled.second"]), (Greedy, ["Greedy.create"]), (Misled, ["Misled.create"])],
)
def test_attach_refuses_what_is_wrong(root: type[SocketIOController], named: list[str]) -> None:
    """The error names class and method."""
    with pytest.raises(ConfigurationError) as raised:
        ServiceManager(Settings()).get(root).attach()
    for name in named:
        assert name in str(raised.value)


# The context, responses and hooks


def test_context(server: ServerProcess, node: Node) -> None:
    """It has all that the table lists; each event has its own, and the socket's data lasts from one to the next."""
    client = node.open(f"{server.url}/hooks")
    first, second = (client.ask("context", "sent", 2)["data"] for _ in range(2))
    ids = {first.pop("message_id"), second.pop("message_id")}
    assert len(ids) == 2
    assert first == {
        "event_name": "context",
        "payload": "sent",
        "args": ["sent", 2],
        "socket": client.id,
        "word": "left by a hook",
        "user": "Ada",
        "session": "a session",
        "controller": True,
        "controller_name": "HooksController",
        "controller_method_name": "context",
        "seen": 1,
    }
    assert second == {**first, "seen": 2}


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (["ok", {"id": 1}], {"status": "ok", "data": {"id": 1}}),
        (["ok", None], {"status": "ok", "data": None}),
        (["ok"], {"status": "ok"}),
        (["error", "why"], {"status": "error", "error": "why"}),
        (["error"], {"status": "error"}),
    ],
    ids=str,
)
def test_responses(sent: list[Any], answer: dict[str, Any], server: ServerProcess, node: Node) -> None:
    """The callback gets the object of the table."""
    assert node.open(f"{server.url}/hooks").ask("respond", *sent) == answer


def test_no_response(server: ServerProcess, node: Node) -> None:
    """The callback of an event whose method returns nothing is not called."""
    client = node.open(f"{server.url}/hooks")
    client.run("""socket.emit("respond", "nothing", () => console.log("called"))""")
    assert client.heard(1) == [["ran", "nothing"]]
    client.settle()
    assert client.printed() == []


def test_no_callback(server: ServerProcess, node: Node) -> None:
    """A client that gives no callback is not answered, and the method runs all the same."""
    client = node.open(f"{server.url}/hooks")
    client.emit("respond", "ok", 1)
    assert client.heard(1) == [["ran", "ok"]]


def test_order_of_hooks(server: ServerProcess, node: Node) -> None:
    """Root, parent class, subclass, then the method's from top to bottom; their functions run the other way round.

    While a hook runs, the context's controller is the one that bears it. Hooks may be `async def`.
    """
    client = node.open(f"{server.url}/hooks")
    assert client.ask("order")["data"] == [
        ["root class", "HooksController"],
        ["parent class", "HookedController"],
        ["child class", "HookedController"],
        ["first", "HookedController"],
        ["second", "HookedController"],
    ]
    names = ["second", "first", "child class", "parent class", "root class"]
    assert client.ask("after")["data"] == [[name, "WebsocketResponse"] for name in names]


def test_functions_of_hooks_without_a_response(server: ServerProcess, node: Node) -> None:
    """They are called with None; a merged hook can be used for several methods."""
    client = node.open(f"{server.url}/hooks")
    names = ["root class", "parent class", "child class", "merged 1", "merged 2"]
    client.emit("merged")
    assert client.heard(1) == [["before", [[name, client_of(name)] for name in names]]]
    assert client.ask("after")["data"] == [[name, None] for name in reversed(names)]
    assert client.ask("merged again")["data"] == [[name, client_of(name)] for name in names]


def client_of(hook: str) -> str:
    """The controller that bears a class hook, or a method's."""
    return "HooksController" if hook == "root class" else "HookedController"


def test_a_hook_answers(server: ServerProcess, node: Node) -> None:
    """Neither the hooks that follow nor the method run, but the functions of those before do."""
    client = node.open(f"{server.url}/hooks")
    assert client.ask("answered") == {"status": "ok", "data": "the hook"}
    names = ["first", "child class", "parent class", "root class"]
    assert client.ask("after")["data"] == [[name, "WebsocketResponse"] for name in names]


def test_a_hook_fails(server: ServerProcess, node: Node) -> None:
    """The functions that were collected until then run, with the answer to the error."""
    client = node.open(f"{server.url}/hooks")
    assert client.ask("failed") == MASKED
    names = ["first", "child class", "parent class", "root class"]
    assert client.ask("after")["data"] == [[name, "WebsocketErrorResponse"] for name in names]


# Talking to clients


@pytest.fixture
def three(server: ServerProcess, node: Node) -> tuple[Client, Client, Client]:
    """Clients of the sections on messages and rooms."""
    first, second, third = (node.open(f"{server.url}/messages") for _ in range(3))
    return first, second, third


def test_kinds_of_messages(three: tuple[Client, Client, Client]) -> None:
    """Text as it is, several arguments as several, responses as objects, bytes at any depth as binary data."""
    ada, _, _ = three
    ada.emit("send kinds")
    assert ada.heard(4) == [
        ["text", "first message"],
        ["several", 1, None, {"three": [3.5]}],
        ["answer", {"status": "ok", "data": "data"}, {"status": "error", "error": "why"}],
        ["binary", {"deep": [{"bytes": [1, 2]}]}],
    ]


def test_a_message_of_an_error(server: ServerProcess, node: Node) -> None:
    """The page's listener prints the error of an error response, and nothing as a message."""
    ada = node.open(f"{server.url}/messages", READ_MESSAGES)
    ada.emit("send an error")
    assert ada.printed(1) == ["why"]


def test_from_any_thread(three: tuple[Client, Client, Client]) -> None:
    """A thread lets a client join a room and sends to it."""
    ada, bob, _ = three
    assert ada.ask("send from a thread") == {"status": "ok"}
    assert ada.heard(1) == [["from a thread"]]
    bob.settle()
    assert bob.heard() == []


def test_what_cannot_be_sent_raises_at_once(three: tuple[Client, Client, Client]) -> None:
    """`emit` raises EncodeError, which the method itself can catch."""
    ada, _, _ = three
    assert ada.ask("send what cannot be sent") == {"status": "ok", "data": "EncodeError"}
    assert ada.heard() == []


def test_a_client_that_does_not_answer(three: tuple[Client, Client, Client]) -> None:
    """AckTimeout after the timeout, ClientDisconnected as soon as the client has left."""
    ada, bob, _ = three
    ada.emit("ask in vain", 0.01)
    assert bob.heard(1) == [["asked in vain", "AckTimeout"]]
    ada.emit("ask in vain", 3600)
    assert [message[0] for message in ada.heard(3)] == ["question", "asked in vain", "question"]
    ada.disconnect()
    assert bob.heard(1) == [["asked in vain", "ClientDisconnected"]]


def test_volatile_reaches_a_client_that_is_ready(server: ServerProcess, node: Node) -> None:
    """A WebSocket with nothing to do takes it."""
    ada = node.open(f"{server.url}/messages", transports=["websocket"])
    ada.emit("send volatile", 1)
    assert ada.heard(2) == [["position", 0, 0], ["arrived"]]


def test_volatile_passes_over_a_client_that_is_not(server: ServerProcess, node: Node) -> None:
    """A poll takes one message; until the next poll only what is not volatile is kept."""
    ada = node.open(f"{server.url}/messages", transports=["polling"])
    ada.emit("send volatile", 3)
    heard = ada.heard(1)
    while heard[-1] != ["arrived"]:
        heard += ada.heard(1)
    assert heard in ([["position", 0, 0], ["arrived"]], [["arrived"]])


def test_namespace_reaches_all(three: tuple[Client, Client, Client]) -> None:
    """The sender included."""
    three[0].emit("send to all")
    for client in three:
        assert client.heard(1) == [["to all"]]


def test_join_and_leave(three: tuple[Client, Client, Client]) -> None:
    """A client is in any number of rooms, and always in that of its own id."""
    ada, bob, eve = three
    assert ada.ask("join", "a", "b")["data"] == sorted(["a", "b", ada.id])
    assert ada.ask("leave", "a")["data"] == sorted(["b", ada.id])
    assert bob.ask("send to rooms", ada.id) == {"status": "ok"}
    assert ada.heard(1) == [["to rooms"]]
    settle(bob, eve)
    assert bob.heard() == eve.heard() == []


def test_several_rooms_are_reached_once(three: tuple[Client, Client, Client]) -> None:
    """Who is in both hears one message; the sender none, though it is in the room."""
    ada, bob, eve = three
    ada.ask("join", "a")
    bob.ask("join", "a", "b")
    eve.ask("join", "b")
    assert ada.ask("send to rooms", "a", "b") == {"status": "ok"}
    settle(*three)
    assert [client.heard() for client in three] == [[], [["to rooms"]], [["to rooms"]]]


def test_a_choice_can_be_kept(three: tuple[Client, Client, Client]) -> None:
    """`except_` gives a new choice and leaves the kept one as it was."""
    ada, bob, _ = three
    ada.ask("join", "all")
    bob.ask("join", "all", "few")
    assert ada.ask("keep a choice", "all", "few") == {"status": "ok"}
    settle(*three)
    assert [client.heard() for client in three] == [
        [["to fewer"], ["to the kept choice"]],
        [["to the kept choice"]],
        [],
    ]


def test_the_server_moves_clients(three: tuple[Client, Client, Client]) -> None:
    """`sockets_join`, `sockets_leave` and `disconnect_sockets` do so to all who are meant; `fetch_sockets` sees it."""
    ada, bob, eve = three
    for client in (ada, bob):
        client.ask("join", "crowd")
    assert eve.ask("move", "crowd", "elsewhere")["data"] == [0, 2, 0]
    assert eve.ask("throw out", "crowd") == {"status": "ok"}
    ada.left()
    bob.left()
    eve.settle()


def test_another_namespace(three: tuple[Client, Client, Client], server: ServerProcess, node: Node) -> None:
    """`io.of` reaches the clients there, and nobody here."""
    ada, bob, _ = three
    there = node.open(f"{server.url}/hooks")
    ada.emit("send to another namespace")
    assert there.heard(1) == [["from elsewhere"]]
    bob.settle()
    assert bob.heard() == []


# Services


def test_services_start_and_stop_in_order() -> None:
    """A service boots after those that it needs and closes before them, each once."""
    with serve("docs.claims:app", env=PRODUCTION) as server:
        wait_for_log(server, "boot Shop")
        server.stop()
        words = [line for line in server.log.splitlines() if line.endswith(("Store", "Shop"))]
    assert words == ["boot Store", "boot Shop", "close Shop", "close Store"]


class Clock:
    def now(self) -> int:
        return 1


class Watch:
    clock = dependency(Clock)


def test_one_object_for_the_whole_app() -> None:
    """It is made when it is asked for; another object that is put in its place is used wherever it is."""
    services = ServiceManager(Settings())
    watch = services.get(Watch)
    assert watch.clock is services.get(Clock)
    stand_in = Clock()
    services.set(Clock, stand_in)
    assert watch.clock is services.get(Clock) is stand_in


def test_a_circle_of_services_is_refused() -> None:
    """The error names the way round."""

    class Egg:
        hen: Any

    class Hen:
        egg = dependency(Egg)

    Egg.hen = dependency(Hen)
    Egg.hen.__set_name__(Egg, "hen")
    with pytest.raises(ConfigurationError, match="Hen → Egg → Hen"):
        ServiceManager(Settings()).get(Hen)


# Errors


@pytest.mark.parametrize("where", ERRORS)
def test_errors_are_masked_and_logged(where: str, server: ServerProcess, node: Node) -> None:
    """Wherever nobody caught it, the client gets what the page prints, and the log has the error itself."""
    assert node.open(f"{server.url}/errors").ask(where) == MASKED
    wait_for_log(server, f"a secret of a {where}")


def test_errors_need_not_be_logged(node: Node) -> None:
    """The setting WHINNY_LOG_ERRORS keeps them out of the log."""
    with serve("docs.claims:app", env={**PRODUCTION, "WHINNY_LOG_ERRORS": "0"}) as server:
        assert node.open(f"{server.url}/errors").ask("method") == MASKED
        server.stop()
        assert "secret" not in server.log


@pytest.mark.parametrize("where", ERRORS)
def test_errors_with_debug(where: str, debugged: ServerProcess, node: Node) -> None:
    """The client gets the error whole, with the place of the raise."""
    error = node.open(f"{debugged.url}/errors").ask(where)["error"]
    assert set(error) == {"code", "name", "message", "stack", "filename", "line", "column"}
    assert error["code"] == "INTERNAL_SERVER_ERROR"
    assert error["name"] == ("LookupError" if where == "service" else "ValueError")
    assert error["message"] == f"a secret of a {where}"
    assert error["message"] in error["stack"]
    assert error["filename"].endswith("claims.py")
    line = CLAIMS[error["line"] - 1]
    assert line[error["column"] :].startswith("raise ")
    assert error["message"] in line


def test_debug_from_a_file(node: Node, tmp_path: Path) -> None:
    """The file .env in the current folder turns it on as well."""
    (tmp_path / ".env").write_text("WHINNY_DEBUG=1\n")
    port = free_port()
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    environment.pop("WHINNY_DEBUG", None)
    run = ["env", "-C", str(tmp_path), *command("whinny", "docs.claims:app", port, [])]
    server = ServerProcess(port, run, environment)
    try:
        server.start()
        assert node.open(f"{server.url}/errors").ask("method")["error"]["name"] == "ValueError"
    finally:
        server.stop()
        server.output.close()


def test_debug_in_code() -> None:
    """Settings that are given in code are those of the services."""
    assert ServiceManager(settings=Settings(debug=True)).settings.debug


def test_handle_error(server: ServerProcess, node: Node) -> None:
    """What it answers is the answer; if it gives None, renders the error or raises, the client gets the masked one."""
    client = node.open(f"{server.url}/handled")
    assert client.ask("fail", "answer") == {"status": "error", "error": "answered fail"}
    for wish in ("nothing", "render", "raise"):
        assert client.ask("fail", wish) == MASKED


def test_handle_error_with_debug(debugged: ServerProcess, node: Node) -> None:
    """Rendered or not, the error comes whole; where `handle_error` raises, it is its own."""
    client = node.open(f"{debugged.url}/handled")
    names = {wish: client.ask("fail", wish)["error"]["name"] for wish in ("nothing", "render", "raise")}
    assert names == {"nothing": "ValueError", "render": "ValueError", "raise": "KeyError"}


# Payloads


@pytest.fixture
def sender(server: ServerProcess, node: Node) -> Client:
    """A client of the sections on payloads."""
    return node.open(f"{server.url}/payloads")


def test_what_does_not_fit_does_not_reach_the_method(sender: Client) -> None:
    """It is answered before; what fits does reach it."""
    sender.ask("not reached", 3)
    sender.emit("not reached", "fits")
    assert sender.heard(1) == [["reached"]]


def test_binary_data_is_no_text(sender: Client) -> None:
    """Bytes where a schema asks for a text are an error of the type, whatever is in them."""
    answer = sender.run("""return ask("not reached", Buffer.from("text"))""")
    assert [error["keyword"] for error in answer["error"]["payload"]] == ["type"]


def test_payloads_are_not_changed_unless_asked(sender: Client) -> None:
    """Defaults, other types and unknown properties are left alone, or dealt with as the switches say."""
    assert sender.ask("as it is", {"count": 3, "more": 1})["data"] == {"count": 3, "more": 1}
    assert sender.ask("as it is", {"count": "3"})["error"]["payload"][0]["instancePath"] == "/count"
    assert sender.ask("changed", {"count": "3", "more": 1})["data"] == {"count": 3, "unit": "kg"}


@pytest.mark.parametrize(
    ("event", "fits", "data", "unfit", "place"),
    [
        ("integer", 3, 3, "3", ""),
        ("typed dict", {"by": "name"}, "name", {"by": 3}, "/by"),
        ("struct", {"width": 3}, 3, {"width": "3"}, "/width"),
        ("pydantic", {"amount": 3}, 3, {"amount": "many"}, "/amount"),
    ],
)
def test_types(event: str, fits: Any, data: Any, unfit: Any, place: str, sender: Client) -> None:
    """What fits the annotation is converted to it, what does not is answered as by a schema."""
    assert sender.ask(event, fits) == {"status": "ok", "data": data}
    answer = sender.ask(event, unfit)
    assert answer["error"]["code"] == "VALIDATION_PAYLOAD_ERROR"
    [error] = answer["error"]["payload"]
    assert error["instancePath"] == place
    assert set(error) == {"instancePath", "schemaPath", "keyword", "params", "message"}


def test_pydantic_does_what_it_does_elsewhere(sender: Client) -> None:
    """It takes a number that is written as text."""
    assert sender.ask("pydantic", {"amount": "3"}) == {"status": "ok", "data": 3}


@pytest.mark.parametrize("event", ["any", "object"])
def test_types_that_ask_for_nothing(event: str, sender: Client) -> None:
    """Everything fits, nothing at all included."""
    for payload in ({"name": [1]}, "text", None):
        assert sender.ask(event, payload) == {"status": "ok", "data": payload}
    assert sender.ask(event) == {"status": "ok", "data": None}


def test_hooks_see_the_payload_as_it_came(sender: Client) -> None:
    """The method gets it converted."""
    sale = {"until": "2030-01-31"}
    assert sender.ask("raw and converted", sale)["data"] == [sale, 2030, ["until"]]


# When a client comes


def test_handshake(server: ServerProcess, node: Node) -> None:
    """It shows what the client gave; `on_connection` of the root ran before that of the sub-controller."""
    client = node.open(f"{server.url}/door", auth={"token": "t"}, query={"page": "2"}, extraHeaders={"X-Reader": "Ada"})
    shown = client.ask("handshake")["data"]
    assert shown.pop("address") in ("127.0.0.1", "::1")
    assert shown == {"came by": ["root", "sub-controller"], "header": "Ada", "query": "2", "auth": {"token": "t"}}


def test_an_error_of_on_connection_is_masked(server: ServerProcess, node: Node) -> None:
    """Its message is that of every masked error, the rest stands in `data`; the log has it whole."""
    error = dict(MASKED["error"])
    refusal = (error.pop("message"), error)
    assert node.refusal(f"{server.url}/door", auth={"wish": "error"}) == refusal
    wait_for_log(server, "a secret of the door")


def test_an_error_of_on_connection_with_debug(debugged: ServerProcess, node: Node) -> None:
    """The client reads it whole."""
    message, data = node.refusal(f"{debugged.url}/door", auth={"wish": "error"})
    assert message == "a secret of the door"
    assert set(data) == {"code", "name", "stack", "filename", "line", "column"}
    assert data["name"] == "ValueError"


def test_an_error_of_on_connection_is_caught(server: ServerProcess, node: Node) -> None:
    """The client is let in all the same. The context of `on_connection` has no event."""
    client = node.open(f"{server.url}/door", auth={"wish": "caught"})
    assert client.heard(1) == [["let in all the same", ""]]


def test_connect_timeout(node: Node) -> None:
    """An `on_connection` that takes longer than the option says ends in a refusal; others are let in."""
    with serve("docs.claims:hasty", env=PRODUCTION) as server:
        message, _ = node.refusal(server.url, auth={"wish": "slow"})
        assert "in time" in message
        node.open(server.url).settle()
    assert ServerOptions().connect_timeout == 45


def test_roots_share_options() -> None:
    """Two roots that say different things about the server that they share are refused."""

    class Chat(SocketIOController):
        options = ServerOptions(connect_timeout=1.0)

    class Admin(SocketIOController):
        namespace = "/admin"
        options = ServerOptions(connect_timeout=2.0)

    services = ServiceManager(Settings())
    services.get(Chat).attach()
    with pytest.raises(ConfigurationError):
        services.get(Admin).attach()


# The reference's own way to say it


def test_create_product_without_an_answer(server: ServerProcess, node: Node) -> None:
    """The method returns nothing: no callback for the one who created, a bare event for all others."""
    ada, bob = node.open(server.url), node.open(server.url)
    ada.run("""socket.emit("create product", { name: "lamp" }, () => console.log("called"))""")
    assert bob.heard(1) == [["refresh products"]]
    assert "lamp" in ada.ask("read products")["data"]
    ada.settle()
    assert (ada.printed(), ada.heard()) == ([], [])


def test_create_product_that_is_refused(server: ServerProcess, node: Node) -> None:
    """The callback is called where the validation answers, though the method would not."""
    ada = node.open(server.url)
    ada.run(
        """
        socket.emit("create product", { name: 1, price: 2 }, ({ status, error }) => {
          if (status === "error") console.log(error.code, error.payload.length);
        });
        """
    )
    assert ada.printed(1) == ["VALIDATION_PAYLOAD_ERROR 2"]


def test_a_hook_that_trusts_the_client(server: ServerProcess, node: Node) -> None:
    """A payload that is missing breaks only the event: it is answered as an error that nobody caught."""
    ada = node.open(server.url)
    assert ada.ask("users create", {"name": "Ada"}) == {"status": "ok", "data": "Ada"}
    assert ada.ask("users create", {"name": 3}) == {"status": "error", "error": "Invalid name type"}
    assert ada.ask("users create") == MASKED
    assert ada.ask("users create", {"name": "Ada"})["status"] == "ok"


def test_an_endpoint_of_starlette_emits(server: ServerProcess, node: Node) -> None:
    """POST /users answers 200 and lets all clients refresh."""
    ada, bob = node.open(server.url), node.open(server.url)
    assert httpx.post(f"{server.url}/users").status_code == 200
    for client in (ada, bob):
        assert client.heard(1) == [["refresh users"]]


# Unit testing


def test_a_context_takes_three_parameters() -> None:
    """Name, payload and socket; the socket is optional, and without one it is detached."""
    socket = WebsocketContext("another", None).socket
    ctx = WebsocketContext("create", {"name": "Ada"}, socket)
    assert (ctx.event_name, ctx.payload, ctx.socket) == ("create", {"name": "Ada"}, socket)
    assert (WebsocketContext("create").payload, WebsocketContext("create").args) == (None, ())
    socket.join("room")
    socket.data["kept"] = 1
    socket.emit("to nobody", 1)
    socket.broadcast.emit("to nobody")
    assert socket.rooms == {"room", socket.id}
    assert (socket.data, socket.connected) == ({"kept": 1}, False)


class Remembering(SocketIOController):
    @event_name("create")
    @websocket_hook(lambda ctx, services: WebsocketResponse("the hook"))
    @validate_payload({"type": "string"})
    def create(self, ctx: WebsocketContext, payload: str) -> WebsocketResponse:
        return WebsocketResponse("the method")


def test_a_method_that_is_called_runs_alone() -> None:
    """Neither its hooks nor the validation of its payload run."""
    controller = ServiceManager(Settings()).get(Remembering)
    ctx = WebsocketContext("create", 3)
    assert controller.create(ctx, ctx.payload) == WebsocketResponse("the method")
