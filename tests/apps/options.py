"""The app of tests/wire/test_options.py: one server for each set of options, each on a path of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from apps.wire import WireController
from support.servers import ROOT
from whinny import CookieOptions, ServerOptions, ServiceManager, WebsocketContext, event_name

if TYPE_CHECKING:
    from whinny.engine import EngineRequest

CLIENT = ROOT / "node_modules" / "socket.io-client" / "dist"


def has_key(request: EngineRequest) -> bool | str:
    """Lets in who has the key, and tells others what they lack, or nothing."""
    key = request.headers.get("x-key")
    return "a key is missing" if key is None else key == "sesame"


def wished_id(request: EngineRequest) -> Any:
    """The session id that the client asks for; an error if it asks for none."""
    wish = request.query["id"]
    return 5 if wish == "number" else wish


class OptionsController(WireController):
    @event_name("parts")
    def parts(self, ctx: WebsocketContext, count: int) -> None:
        ctx.socket.emit("parts", *[b"x"] * count)


VARIANTS: dict[str, dict[str, Any]] = {
    "/deep/elsewhere": {},
    "/slashless": {"add_trailing_slash": False},
    "/polling": {"transports": ["polling"]},
    "/websocket": {"transports": ["websocket"]},
    "/no-upgrades": {"allow_upgrades": False},
    "/compressed": {"http_compression": 100},
    "/plain": {"http_compression": False},
    "/cookie": {"cookie": True},
    "/biscuit": {"cookie": CookieOptions(name="lb", path="/biscuit", same_site="strict", secure=True, max_age=60)},
    "/open": {"cors_allowed_origins": "*"},
    "/open-with-cookies": {"cors_allowed_origins": "*", "cors_credentials": True},
    "/allow": {"allow_request": has_key},
    "/ids": {"generate_id": wished_id},
    "/attachments": {"max_attachments": 2},
    "/depth": {"max_depth": 3},
    "/single": {"max_concurrent_events": 1},
    "/send-buffer": {"max_send_buffer": 10_000},
    "/files": {"serve_client": CLIENT},
    "/files-slashless": {"serve_client": str(CLIENT), "add_trailing_slash": False, "http_compression": False,
                         "cors_allowed_origins": "https://app.example"},
}  # fmt: skip

app: Any = None
for path, options in VARIANTS.items():
    variant = type("Variant", (OptionsController,), {"options": ServerOptions(path=path, **options)})
    app = ServiceManager().get(variant).attach(app)
