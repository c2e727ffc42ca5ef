"""The body of a request: read by its content type, and not more of it than is allowed."""

from __future__ import annotations

from email.message import Message
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

_FORMS: Final = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})


class UnreadableBody(HTTPException):
    """The body is not what its content type says; answered with 400 and the error in the shape of Ajv's."""

    def __init__(self, kind: str, problem: str) -> None:
        super().__init__(400, problem)
        self.errors: list[AjvError] = [
            {"instancePath": "", "schemaPath": "#", "keyword": "type", "params": {"type": kind}, "message": problem}
        ]


async def read_body(request: Request) -> Any:
    """The body; None when there is none. Raises UnreadableBody, or what `bounded` raises."""
    kind, charset = _content_type(request.headers.get("content-type", ""))
    if kind in _FORMS:
        return await _form(request)
    data = await request.body()
    if not data:
        return None
    if kind == "application/json" or kind.endswith("+json"):
        try:
            return decode_json(data.decode())
        except (ProtocolError, UnicodeDecodeError):
            raise UnreadableBody("json", "must be JSON") from None
    if kind.startswith("text/"):
        try:
            return data.decode(charset)
        except (LookupError, UnicodeError):
            raise UnreadableBody("text", f"must be text in {charset}") from None
    return data


def _content_type(header: str) -> tuple[str, str]:
    """The kind of the content, and the character set of a text."""
    parsed = Message()
    parsed["content-type"] = header
    return header.partition(";")[0].strip().lower(), parsed.get_content_charset("utf-8")


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
    """Receives a request with so many bytes at most. Raises HTTPException with the status 413 where there are more."""
    left = most

    async def receive_bounded() -> ASGIMessage:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise HTTPException(413)
        return message

    return receive_bounded
