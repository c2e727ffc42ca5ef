"""The official client's bundles for browsers, served below the server's path: the option `serve_client`."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

from whinny.errors import ConfigurationError
from whinny.serving.response import Encoding, choose_encoding, pack, respond

if TYPE_CHECKING:
    from whinny.engine import EngineRequest
    from whinny.server import ServerOptions
    from whinny.serving.origin import Headers
    from whinny.serving.types import Send

_MAIN: Final = "socket.io.js"
_BUNDLES: Final = (_MAIN, "socket.io.min.js", "socket.io.esm.min.js", "socket.io.msgpack.min.js")
_INSTALLED: Final = Path("node_modules", "socket.io-client", "dist")


def client_files(options: ServerOptions) -> dict[str, ClientFile]:
    """The files to serve by their paths, read now. Raises ConfigurationError where the client is not there."""
    given = options.serve_client
    if given is False:
        return {}
    folder = (Path.cwd() / _INSTALLED if given is True else Path(given)).absolute()
    if not (folder / _MAIN).is_file():
        raise ConfigurationError(
            f"The server option serve_client={given!r} is wrong: there is no {_MAIN} in {folder}. Install the official "
            "client by `npm install socket.io-client`, and name its folder `dist` unless it is below the current "
            "directory."
        )
    names = (name + tail for name in _BUNDLES for tail in ("", ".map"))
    base = options.path.rstrip("/") + "/"
    threshold = options.compression_threshold
    return {
        base + name: ClientFile((folder / name).read_bytes(), name.endswith(".map"), threshold)
        for name in names
        if (folder / name).is_file()
    }


class ClientFile:
    """One file. Its packed forms are kept, as it never changes."""

    __slots__ = ("_body", "_compressible", "_content_type", "_etag", "_packed")

    def __init__(self, body: bytes, is_map: bool, threshold: int | None) -> None:
        self._body = body
        self._content_type = b"application/json; charset=utf-8" if is_map else b"text/javascript; charset=utf-8"
        # Weak, as it is the same for the packed forms.
        self._etag = b'W/"%s"' % hashlib.sha256(body).hexdigest()[:20].encode()
        self._compressible = threshold is not None and len(body) >= threshold
        self._packed: dict[Encoding, bytes] = {}

    async def serve(self, request: EngineRequest, send: Send, headers: Headers) -> None:
        """Answer a request for the file; `headers` go into the answer."""
        if request.method not in ("GET", "HEAD"):
            await respond(send, 405, b"", b"text/html", [*headers, (b"allow", b"GET, HEAD")])
            return
        headers = [*headers, (b"etag", self._etag), (b"cache-control", b"public, max-age=0")]
        encoding = None
        if self._compressible:
            headers.append((b"vary", b"Accept-Encoding"))
            encoding = choose_encoding(request.header(b"accept-encoding"))
        if self._is_known(request.header(b"if-none-match")):
            await _send(send, 304, headers, b"")
            return
        body = self._body
        if encoding is not None:
            headers.append((b"content-encoding", encoding.encode()))
            body = await self._pack(encoding)
        headers += [(b"content-type", self._content_type), (b"content-length", str(len(body)).encode())]
        await _send(send, 200, headers, body if request.method == "GET" else b"")

    async def _pack(self, encoding: Encoding) -> bytes:
        if encoding not in self._packed:
            self._packed[encoding] = await pack(self._body, encoding)
        return self._packed[encoding]

    def _is_known(self, if_none_match: str | None) -> bool:
        etag = self._etag.decode().removeprefix("W/")
        tags = [tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")]
        return etag in tags or "*" in tags


async def _send(send: Send, status: int, headers: Headers, body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
