"""What each option does on the wire; those that bound times and sizes are tested beside what they bound."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
from typing import TYPE_CHECKING

import pytest

from apps.options import CLIENT
from support.servers import ServerProcess, serve
from wire.raw import PATIENCE, Reply, Wire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

TRANSPORT_UNKNOWN = (400, {"code": 0, "message": "Transport unknown"})
BAD_REQUEST = (400, {"code": 3, "message": "Bad request"})
PAGE = {"origin": "https://app.example"}

At = Callable[[str], Wire] if TYPE_CHECKING else object


@pytest.fixture(scope="module", params=["uvicorn", "whinny"])
def variants(request: pytest.FixtureRequest) -> Iterator[ServerProcess]:
    args = ["--log-level", "warning"] if request.param == "uvicorn" else []
    with serve("apps.options:app", by=request.param, args=args) as process:
        yield process


@pytest.fixture
async def at(variants: ServerProcess) -> AsyncIterator[At]:
    """Clients of the server on a path."""
    wires: list[Wire] = []

    def open_at(path: str) -> Wire:
        wires.append(Wire(variants.url, path))
        return wires[-1]

    yield open_at
    for wire in wires:
        await wire.__aexit__(None, None, None)


async def is_served_by(wire: Wire, transport: str) -> bool:
    client = await wire.client(transport)
    await client.connect()
    return await client.is_served()


BOTH = pytest.mark.parametrize("transport", ["polling", "websocket"])


@BOTH
async def test_path(at: At, transport: str) -> None:
    """The server answers on its path, and nowhere else."""
    assert await is_served_by(at("/deep/elsewhere/"), transport)
    for path in ("/socket.io/", "/deep/", "/elsewhere/", "/"):
        assert (await at(path).get()).status == 404


@BOTH
async def test_add_trailing_slash(at: At, transport: str) -> None:
    """The slash behind the path is asked for, unless the option is off."""
    assert (await at("/deep/elsewhere").get()).status == 404
    assert (await at("/slashless").get()).status == 200
    assert await is_served_by(at("/slashless"), transport)


async def test_transports(at: At) -> None:
    """A transport that is left out is refused, and not offered."""
    polling, websocket = at("/polling/"), at("/websocket/")
    assert await is_served_by(polling, "polling")
    assert await is_served_by(websocket, "websocket")
    assert (await polling.polling()).handshake["upgrades"] == []
    assert (await websocket.get()).error == TRANSPORT_UNKNOWN
    reply = await polling.upgrade()
    assert (reply.status, reply.text) == (400, "Transport unknown")
    sid = (await polling.polling()).sid
    assert (await polling.upgrade(sid=sid)).status == 400


async def test_allow_upgrades(at: At) -> None:
    """Without the option no upgrade is offered, and both transports serve."""
    wire = at("/no-upgrades/")
    assert (await wire.polling()).handshake["upgrades"] == []
    assert await is_served_by(wire, "polling")
    assert await is_served_by(wire, "websocket")


async def poll_of(wire: Wire, size: int) -> Reply:
    """The answer to a poll, of this many bytes before it is compressed, for a client that takes gzip."""
    client = await wire.polling()
    await client.connect()
    await client.send('42["back","' + "x" * (size - len('42["back",""]')) + '"]')
    return await client.get({"accept-encoding": "gzip"})


async def test_http_compression(at: At) -> None:
    """A number is the size from which polls are compressed; False turns it off."""
    assert (await poll_of(at("/compressed/"), 100)).headers.get("content-encoding") == "gzip"
    assert "content-encoding" not in (await poll_of(at("/compressed/"), 99)).headers
    assert "content-encoding" not in (await poll_of(at("/plain/"), 100_000)).headers


@pytest.mark.parametrize(
    ("path", "name", "attributes"),
    [
        ("/cookie/", "io", "Path=/; HttpOnly; SameSite=Lax"),
        ("/biscuit/", "lb", "Max-Age=60; Path=/biscuit; HttpOnly; Secure; SameSite=Strict"),
    ],
)
async def test_cookie(at: At, path: str, name: str, attributes: str) -> None:
    """The answer to a handshake sets the cookie, and no later one does."""
    wire = at(path)
    first = await wire.get()
    sid = json.loads(first.text[1:])["sid"]
    assert first.headers["set-cookie"] == f"{name}={sid}; {attributes}"
    assert "set-cookie" not in (await wire.request("POST", "40", transport="polling", sid=sid)).headers
    assert "set-cookie" not in (await wire.get(sid=sid)).headers
    assert "set-cookie" not in (await wire.upgrade(sid=sid)).headers
    websocket = await wire.websocket()
    response = websocket.connection.response
    assert response is not None
    assert response.headers["set-cookie"] == f"{name}={websocket.sid}; {attributes}"


async def test_cors_for_every_page(at: At) -> None:
    """`"*"` lets the pages of all origins in, by both transports, without their cookies."""
    reply = await at("/open/").get(PAGE)
    assert (reply.status, reply.headers["access-control-allow-origin"]) == (200, "*")
    assert "access-control-allow-credentials" not in reply.headers
    assert (await at("/open/").upgrade({"origin": "null"})).status == 101


async def test_cors_credentials(at: At) -> None:
    """With credentials the page's own origin is named, as browsers ask."""
    reply = await at("/open-with-cookies/").get(PAGE)
    assert reply.headers["access-control-allow-origin"] == "https://app.example"
    assert reply.headers["access-control-allow-credentials"] == "true"


async def test_allow_request(at: At) -> None:
    """A text refuses a handshake with this text, False without one; other requests of a session are not asked."""
    wire, key = at("/allow/"), {"x-key": "sesame"}
    assert (await wire.get()).error == (403, {"code": 4, "message": "a key is missing"})
    assert (await wire.get({"x-key": "other"})).error == (403, {"code": 4, "message": "Forbidden"})
    assert (await wire.upgrade()).status == 403
    assert (await wire.upgrade(key)).status == 101
    client = await wire.polling(key)
    await client.connect()
    assert await client.is_served()


async def test_generate_id(at: At) -> None:
    """The session's id is the one that was made for the request, by both transports and after an upgrade."""
    wire = at("/ids/")
    assert json.loads((await wire.get(id="a.b_c~d-1")).text[1:])["sid"] == "a.b_c~d-1"
    websocket = await wire.probe(query={"id": "direct"})
    assert json.loads(str(await websocket.receive())[1:])["sid"] == "direct"
    assert await websocket.connect() != "direct"
    upgrade = await wire.probe("a.b_c~d-1")
    assert await upgrade.ask("2probe") == "3probe"


@pytest.mark.parametrize("wish", [None, "", "number", "two words", "é", "a;b", "a,b", "a\nb"])
async def test_bad_generated_ids(at: At, variants: ServerProcess, wish: str | None) -> None:
    """An error or an unfit id refuses the handshake, and the log says why."""
    wire = at("/ids/")
    assert (await wire.get(id=wish)).error == BAD_REQUEST
    reply = await wire.upgrade(id=wish)
    assert (reply.status, reply.text) == (400, "Bad request")
    assert ("generate_id failed" if wish is None else f"generate_id gave {wish!r}") in variants.log or wish == "number"


async def test_generated_ids_in_use(at: At) -> None:
    """The id of a session is not given to another one, until the session is gone."""
    wire = at("/ids/")
    assert (await wire.get(id="twin")).status == 200
    assert (await wire.get(id="twin")).error == BAD_REQUEST
    assert (await wire.upgrade(id="twin")).status == 400
    assert (await wire.request("POST", "1", transport="polling", sid="twin")).text == "ok"
    assert (await wire.get(id="twin")).status == 200


async def test_max_attachments(at: At) -> None:
    """So many binary values pass in both directions; one more is refused."""
    header = '452-["back",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]'
    client = await at("/attachments/").websocket()
    await client.connect()
    await client.send(header, b"1", b"2")
    assert [await client.receive() for _ in range(3)] == [header, b"1", b"2"]
    assert "INTERNAL_SERVER_ERROR" in str(await client.ask('420["parts",3]'))
    await client.misbehave(header.replace("452", "453"), b"1", b"2", b"3")
    await client.gone()


async def test_max_depth(at: At) -> None:
    """Data that is nested so deeply passes; one level more closes the connection."""
    client = await at("/depth/").websocket()
    await client.connect()
    assert await client.ask('42["back",[[1]]]') == '42["back",[[1]]]'
    await client.misbehave('42["back",[[[1]]]]')
    await client.gone()


@BOTH
@pytest.mark.parametrize(("path", "answers"), [("/single/", ["430", "431"]), ("/plain/", ["431", "430"])])
async def test_max_concurrent_events(at: At, transport: str, path: str, answers: list[str]) -> None:
    """Where one event may run at a time, the next one waits for it."""
    wire = at(path)
    client, other = await wire.client(transport), await wire.websocket()
    await client.connect()
    leaving = await other.connect()
    sending = wire.start(client.send(f'420["reason","{leaving}"]', '421["echo"]'))
    await wire.settle()
    await other.send("41")
    await sending
    assert [str(await client.receive())[:3] for _ in range(2)] == answers


async def test_max_send_buffer(at: At) -> None:
    """A client that does not fetch what waits for it is dropped when that exceeds the option."""
    patient, lazy = await at("/send-buffer/").polling(), await at("/send-buffer/").polling()
    message = '42["back","' + "x" * 1000 + '"]'
    for client, count in ((patient, 9), (lazy, 11)):
        await client.connect()
        await client.post("\x1e".join([message] * count))
    assert (await patient.get()).packets == [message] * 9
    await lazy.gone()


# serve_client


async def file(wire: Wire, name: str, method: str = "GET", **headers: str) -> Reply:
    """The answer to a request for a file below the path."""
    connection = await wire.connection()
    lines = {"host": f"{wire.host}:{wire.port}", "connection": "close", **headers}
    head = "".join(f"{key.replace('_', '-')}: {value}\r\n" for key, value in lines.items())
    connection.write(f"{method} {wire.path}{name} HTTP/1.1\r\n{head}\r\n".encode())
    if method != "HEAD":
        return await connection.reply()
    async with asyncio.timeout(PATIENCE):
        raw = await connection.reader.read()
    head, _, body = raw.decode().partition("\r\n\r\n")
    first, *rest = head.split("\r\n")
    pairs = (line.split(": ", 1) for line in rest)
    return Reply(int(first.split(" ")[1]), {key.lower(): value for key, value in pairs}, body.encode())


@pytest.mark.parametrize("path", ["/files/", "/files-slashless/"])
@pytest.mark.parametrize("kind", ["", ".min", ".esm.min", ".msgpack.min"])
async def test_serve_client(at: At, path: str, kind: str) -> None:
    """The client's bundles and their maps are served as they are, and the server still serves its clients."""
    wire = at(path)
    for tail, content_type in (("", "text/javascript"), (".map", "application/json")):
        name = f"socket.io{kind}.js{tail}"
        reply = await file(wire, name)
        assert (reply.status, reply.body) == (200, (CLIENT / name).read_bytes())
        assert reply.headers["content-type"] == f"{content_type}; charset=utf-8"
    assert await is_served_by(at(path.rstrip("/") if "slashless" in path else path), "polling")


async def test_client_files_are_compressed(at: At) -> None:
    """A bundle is packed for a client that takes it, with the same tag; not where compression is off."""
    bundle = (CLIENT / "socket.io.js").read_bytes()
    for _ in range(2):
        packed = await file(at("/files/"), "socket.io.js", accept_encoding="gzip, br")
        assert packed.headers["content-encoding"] == "gzip"
        assert packed.headers["vary"] == "Accept-Encoding"
        assert len(packed.body) < len(bundle) / 3
        assert gzip.decompress(packed.body) == bundle
    plain = await file(at("/files/"), "socket.io.js")
    assert plain.headers["etag"] == packed.headers["etag"]
    assert plain.headers["vary"] == "Accept-Encoding"
    off = await file(at("/files-slashless/"), "socket.io.js", accept_encoding="gzip")
    assert off.body == bundle


async def test_client_files_are_not_sent_twice(at: At) -> None:
    """Who has the file already is told so, whatever form its tag has; another tag gets the file."""
    wire = at("/files/")
    etag = (await file(wire, "socket.io.min.js")).headers["etag"]
    for known in (etag, etag.removeprefix("W/"), f'"other", {etag}', "*"):
        reply = await file(wire, "socket.io.min.js", if_none_match=known, accept_encoding="gzip")
        assert (reply.status, reply.body, reply.headers["etag"]) == (304, b"", etag)
        assert "content-encoding" not in reply.headers
    for other in ('"other"', (await file(wire, "socket.io.js")).headers["etag"]):
        assert (await file(wire, "socket.io.min.js", if_none_match=other)).status == 200


async def test_client_files_by_other_methods(at: At) -> None:
    """HEAD gets what GET gets, without the file; nothing else is allowed."""
    wire = at("/files/")
    got = await file(wire, "socket.io.min.js")
    head = await file(wire, "socket.io.min.js", "HEAD")
    assert (head.status, head.body) == (200, b"")
    assert {name: head.headers[name] for name in ("content-length", "content-type", "etag")} == {
        name: got.headers[name] for name in ("content-length", "content-type", "etag")
    }
    reply = await file(wire, "socket.io.min.js", "POST", content_length="0")
    assert (reply.status, reply.headers["allow"]) == (405, "GET, HEAD")


async def test_client_files_for_other_pages(at: At) -> None:
    """A script is for every page, and a module for the pages of allowed origins: these may read it."""
    for path in ("/files/", "/files-slashless/"):
        assert (await file(at(path), "socket.io.min.js", origin="https://evil.example")).status == 200
    reply = await file(at("/files-slashless/"), "socket.io.esm.min.js", origin="https://app.example")
    assert reply.headers["access-control-allow-origin"] == "https://app.example"
    reply = await file(at("/files-slashless/"), "socket.io.esm.min.js", origin="https://evil.example")
    assert "access-control-allow-origin" not in reply.headers


@pytest.mark.parametrize(
    "name",
    [
        "index.js",
        "socket.io.js/",
        "/socket.io.js",
        "..%2Fpackage.json",
        "../package.json",
        "..%2F..%2F..%2Fpyproject.toml",
        "./socket.io.js%00",
        "SOCKET.IO.JS",
        "",
    ],
)
async def test_no_other_file_is_served(at: At, name: str) -> None:
    """Nothing but the bundles leaves the folder, however it is asked for."""
    reply = await file(at("/files/"), name)
    assert reply.status in (400, 404)
    assert len(reply.body) < 100


async def test_no_client_files_unless_asked_for(at: At) -> None:
    """The option is off by default."""
    assert (await file(at("/plain/"), "socket.io.js")).error == TRANSPORT_UNKNOWN


async def test_ids_are_random_by_default(at: At) -> None:
    """Without the option an id has 20 characters that nobody can guess."""
    assert re.fullmatch(r"[A-Za-z0-9_-]{20}", (await at("/plain/").polling()).sid)
