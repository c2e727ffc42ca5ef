"""The body of a request: read by its content type, and not more of it than is allowed."""

from __future__ import annotations

import re
from encodings.aliases import aliases
from typing import TYPE_CHECKING, Any, Final

from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException

from whinny.errors import ProtocolError
from whinny.framework import AjvError
from whinny.http.parts import gather
from whinny.protocol import decode_json

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import Message as ASGIMessage
    from starlette.types import Receive

_MULTIPART: Final = "multipart/form-data"
_FORMS: Final = frozenset({"application/x-www-form-urlencoded", _MULTIPART})

_CHARSET: Final = re.compile(r';[ \t]*charset="?([^\s";]*)', re.IGNORECASE)

_CODECS: Final = frozenset({
    *("ascii", "utf_8", "utf_8_sig", "utf_16", "utf_16_be", "utf_16_le", "latin_1", "iso8859_15"),
    *(f"cp125{number}" for number in range(9)),
})  # fmt: skip

_CHARSETS: Final = {name: name for name in _CODECS} | {
    name: codec for name, codec in aliases.items() if codec in _CODECS
}
"""The codecs of the charsets that are read. Python has others that take quadratic time, or fail in ways of their own,
and remembers each name that it is asked for: so it is not asked for those of clients."""


class UnreadableBody(HTTPException):
    """The body is not what its content type says; answered with 400 and the error in the shape of Ajv's."""

    def __init__(self, kind: str, problem: str) -> None:
        super().__init__(400, problem)
        self.errors: list[AjvError] = [
            {"instancePath": "", "schemaPath": "#", "keyword": "type", "params": {"type": kind}, "message": problem}
        ]


class BodyTooLarge(HTTPException):
    """The body has more bytes than are allowed; answered with 413."""

    def __init__(self) -> None:
        super().__init__(413)


def is_form(request: Request) -> bool:
    """Whether the body is a form by its content type."""
    return _kind(request.headers.get("content-type", "")) in _FORMS


def _kind(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


async def read_body(request: Request) -> Any:
    """The body; None when there is none. Raises UnreadableBody, or BodyTooLarge where it is `bounded`."""
    content_type = request.headers.get("content-type", "")
    kind = _kind(content_type)
    if kind in _FORMS:
        if kind == _MULTIPART:
            _check_charset(content_type)
        return await _form(request)
    data = await request.body()
    if not data:
        return None
    if kind == "application/json" or kind.endswith("+json"):
        try:
            return decode_json(data.decode("utf-8-sig"))  # RFC 8259 lets a byte order mark be left out of account
        except (ProtocolError, UnicodeDecodeError):
            raise UnreadableBody("json", "must be JSON") from None
    if kind.startswith("text/"):
        found = _CHARSET.search(content_type)
        charset = "utf-8" if found is None else found[1]
        codec = _codec("text", charset)
        try:
            return data.decode(codec)
        except UnicodeDecodeError:
            raise UnreadableBody("text", f"must be text in {charset.lower()}") from None
    return data


def _codec(kind: str, charset: str) -> str:
    """The codec of a charset. Raises UnreadableBody for one that is not read."""
    codec = _CHARSETS.get(charset.lower().replace("-", "_"))
    if codec is None:
        raise UnreadableBody(kind, "must be in a charset that is known here, such as utf-8")
    return codec


def _check_charset(content_type: str) -> None:
    """Raises UnreadableBody for a multipart form that Starlette would decode by a charset that is not read."""
    from python_multipart.multipart import parse_options_header  # with which Starlette finds it, and nobody else needs

    charset = parse_options_header(content_type)[1].get(b"charset", b"utf-8")
    _codec("form", charset.decode("latin-1"))


async def _form(request: Request) -> dict[str, Any]:
    try:
        return gather((await request.form()).multi_items())
    except MultiPartException as error:
        raise UnreadableBody("form", error.message) from None
    except HTTPException as error:
        if error.status_code != 400:
            raise
        raise UnreadableBody("form", error.detail) from None


def bounded(receive: Receive, most: int) -> Receive:
    """Receives a request with so many bytes at most. Raises BodyTooLarge where there are more."""
    left = most

    async def receive_bounded() -> ASGIMessage:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise BodyTooLarge
        return message

    return receive_bounded
