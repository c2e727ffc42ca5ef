"""Serving an app with uvicorn, with settings that suit Socket.IO."""

from __future__ import annotations

import copy
import gc
import importlib
import inspect
import logging
import sys
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

from whinny.errors import ConfigurationError
from whinny.serving.asgi import SocketIOApp

if TYPE_CHECKING:
    from whinny.serving.types import ASGIApp

SHUTDOWN_TIMEOUT: Final = 6
"""Seconds after which uvicorn cuts off requests that go on while it shuts down."""

DEFAULT_LIMIT: Final = 16 * 1024 * 1024


def load_app(target: str, folder: str = "") -> ASGIApp:
    """The app named by `module:attribute`, looked for from `folder` on. Raises ConfigurationError."""
    module_name, _, attributes = target.partition(":")
    if not attributes or not all(part.isidentifier() for part in module_name.split(".")):
        raise ConfigurationError(f"{target!r} names no app: write it as module:attribute, for example app:app.")
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name and (module_name == error.name or module_name.startswith(error.name + ".")):
            raise ConfigurationError(f"There is no module {error.name!r} to load {target!r} from.") from None
        raise
    for attribute in attributes.split("."):
        if not hasattr(found, attribute):
            raise ConfigurationError(f"The module {module_name!r} has no attribute {attributes!r}.")
        found = getattr(found, attribute)
    if not callable(found) or inspect.isclass(found):
        raise ConfigurationError(f"{target!r} is no ASGI app but an object of the type {type(found).__name__}.")
    return cast("ASGIApp", found)


def message_limit(app: object) -> int:
    """Bytes from which uvicorn refuses a WebSocket message while it reads it."""
    if isinstance(app, SocketIOApp) and app.inner is None:
        return app.server.options.max_http_buffer_size
    if isinstance(app, SocketIOApp):  # the inner app may have WebSockets of its own
        return max(DEFAULT_LIMIT, app.server.options.max_http_buffer_size)
    return DEFAULT_LIMIT


def serve(
    target: str, *, app_dir: str = "", reload: bool = False, debug: bool = False, workers: int = 1, **settings: Any
) -> None:
    """Run uvicorn until it is told to stop. `settings` are uvicorn's own, over those chosen here.

    Raises ConfigurationError when the app cannot be loaded, or not by several workers, or uvicorn is not installed.
    """
    if reload and workers > 1:
        raise ConfigurationError("Workers cannot be reloaded when files change: use one of the two.")
    try:
        import uvicorn

        from whinny.serving.uvicorn import WebSocketProtocol
        from whinny.serving.workers import check_workers, run_workers
    except ImportError:
        raise ConfigurationError('Serving needs uvicorn and websockets: pip install "whinny[standard]".') from None
    # With reload, only the process that uvicorn starts loads the app; its limit is then kept on receipt.
    app = None if reload else load_app(target, app_dir)
    chosen: dict[str, Any] = {
        "ws": WebSocketProtocol,
        "ws_per_message_deflate": False,  # as in Socket.IO: it costs more than it saves on small messages
        "ws_ping_interval": None,  # the engine has a heartbeat of its own
        "ws_max_size": message_limit(app),
        "timeout_graceful_shutdown": SHUTDOWN_TIMEOUT,
        "log_config": _log_config(debug),
    }
    chosen |= settings
    if workers > 1:
        check_workers(app, target)
        run_workers(partial(load_app, target, app_dir), workers, **chosen)
        return
    gc.collect()
    gc.freeze()  # what there is by now stays: the collector is not to look through it again and again
    # Whatever WEB_CONCURRENCY says: workers are asked for here, where it is seen whether the app can have any.
    uvicorn.run(app or target, **{"app_dir": app_dir, "reload": reload, "workers": 1, **chosen})


class WithoutSessions(logging.Filter):
    """Leaves the requests of Socket.IO out of uvicorn's log, wherever they go: they are many, and carry session ids."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to log the record."""
        args = record.args if isinstance(record.args, tuple) and record.name.startswith("uvicorn") else ()
        return not any(isinstance(arg, str) and "EIO=" in arg and "transport=" in arg for arg in args)


class PlainFormatter(logging.Formatter):
    """A line as uvicorn writes it, without colours."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        """The level and the message."""
        return f"{record.levelname + ':':<9} {record.message}"


def _log_config(debug: bool) -> dict[str, Any]:
    from uvicorn.config import LOGGING_CONFIG

    config: dict[str, Any] = copy.deepcopy(LOGGING_CONFIG)
    config["filters"] = {"without_sessions": {"()": WithoutSessions}}
    for handler in ("access", "default"):
        config["handlers"][handler]["filters"] = ["without_sessions"]
    config["formatters"]["plain"] = {"()": PlainFormatter}
    config["handlers"]["whinny"] = dict(config["handlers"]["default"])
    if not sys.stderr.isatty():  # uvicorn's own, with colours, takes longer: two lines for each client count
        config["handlers"]["whinny"]["formatter"] = "plain"
    config["loggers"]["whinny"] = {
        "handlers": ["whinny"],
        "level": "DEBUG" if debug else "INFO",
        "propagate": False,
    }
    return config
