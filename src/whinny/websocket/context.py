"""What a hook and a method know of the event that they handle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Generic

from msgspec import UNSET

from whinny.logs import escape
from whinny.websocket.detached import DetachedSocket
from whinny.websocket.message_ids import new_message_id

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    from whinny.websocket.socket_like import SocketLike

    User = TypeVar("User", default=Any)
else:
    from typing import TypeVar

    User = TypeVar("User")


LOGGED_NAME: Final = 200
"""Characters of an event's name that are logged; a client may choose any."""


class WebsocketContext(Generic[User]):
    """One event of one client; made anew for each.

    `args` is all that the client sent, without the callback; `payload` is the first of it, or None. `state`, `user`
    and `session` are for hooks to leave things in. `controller` is, while a hook runs, the one that bears the hook.

    In a unit test a context is made by hand; without a socket it has one that reaches nobody.
    """

    __slots__ = (
        "_http_hook_error",  # there when an HTTP hook has raised
        "_message_id",
        "_state",
        "args",
        "controller",
        "controller_method_name",
        "controller_name",
        "event_name",
        "payload",
        "session",
        "session_in_use",  # what `use_websocket_sessions` leaves for another one behind it
        "socket",
        "user",
    )

    socket: SocketLike
    user: User | None
    _http_hook_error: tuple[Exception, str]
    session_in_use: Any

    def __init__(
        self,
        event_name: str,
        payload: Any = UNSET,
        socket: SocketLike | None = None,
        args: tuple[Any, ...] | None = None,
        controller_name: str = "",
        controller_method_name: str = "",
    ) -> None:
        self.event_name = event_name
        if args is None:
            args = () if payload is UNSET else (payload,)
        self.payload: Any = None if payload is UNSET else payload
        self.args = args
        self.socket = DetachedSocket() if socket is None else socket
        self.user = None
        self.session: Any = None
        self.controller: Any = None
        self.controller_name = controller_name
        self.controller_method_name = controller_method_name
        self._state: dict[str, Any] | None = None
        self._message_id: str | None = None

    @property
    def state(self) -> dict[str, Any]:
        """What hooks leave for those that run after them."""
        if self._state is None:
            self._state = {}
        return self._state

    @property
    def message_id(self) -> str:
        """An id of this event, for logs."""
        if self._message_id is None:
            self._message_id = new_message_id()
        return self._message_id

    def log_extra(self) -> dict[str, Any]:
        """What a log record of this event carries: `log.info("created", extra=ctx.log_extra())`."""
        return {
            "event_name": escape(self.event_name[:LOGGED_NAME]),
            "message_id": self.message_id,
            "socket_id": getattr(self.socket, "id", None),
        }

    def __repr__(self) -> str:
        return f"<WebsocketContext {self.event_name!r}>"
