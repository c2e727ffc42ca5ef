"""The `whinny` command: run, dev, routes."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import click

from whinny.errors import ConfigurationError
from whinny.serving.run import load_app, serve
from whinny.websocket import list_routes


@click.group()
@click.version_option(package_name="whinny")
def main() -> None:
    """Real-time communication for Python web apps."""


Command = Callable[..., None]


def _server_options(host: str) -> Callable[[Command], Command]:
    def decorate(command: Command) -> Command:
        for option in reversed(
            (
                click.argument("app"),
                click.option("--host", default=host, show_default=True, help="The address to listen on."),
                click.option(
                    "--port",
                    type=click.IntRange(0, 65535),
                    default=8000,
                    show_default=True,
                    help="The port to listen on.",
                ),
                click.option(
                    "--app-dir", default="", help="The folder to look for the app in; the current one if empty."
                ),
                click.option("--root-path", default="", help="The path under which a proxy serves the app."),
                click.option("--forwarded-allow-ips", default=None, help="Proxies whose X-Forwarded-* headers count."),
                click.option("--ssl-keyfile", default=None, type=click.Path(exists=True), help="The key for TLS."),
                click.option(
                    "--ssl-certfile", default=None, type=click.Path(exists=True), help="The certificate for TLS."
                ),
            )
        ):
            command = option(command)
        return command

    return decorate


def _serve(app: str, **settings: Any) -> None:
    if bool(settings["ssl_keyfile"]) != bool(settings["ssl_certfile"]):
        raise click.UsageError("TLS needs both: --ssl-keyfile and --ssl-certfile.")
    try:
        serve(app, **settings)
    except ConfigurationError as error:
        raise click.ClickException(str(error)) from None


@main.command()
@_server_options("0.0.0.0")
@click.option(
    "--workers",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="How many processes serve the port; several need WebSockets alone, and an adapter that connects them.",
)
def run(app: str, **settings: Any) -> None:
    """Serve APP, written as module:attribute, in production."""
    _serve(app, **settings)


@main.command()
@_server_options("127.0.0.1")
def dev(app: str, **settings: Any) -> None:
    """Serve APP for development: with debug on, and reloaded when its files change."""
    os.environ["WHINNY_DEBUG"] = "1"  # for the process that serves, which uvicorn starts
    _serve(app, reload=True, debug=True, **settings)


@main.command()
@click.argument("app")
@click.option("--app-dir", default="", help="The folder to look for the app in; the current one if empty.")
def routes(app: str, app_dir: str) -> None:
    """List the events of APP: where each is handled, by which hooks, and the type of its payload."""
    try:
        click.echo(list_routes(load_app(app, app_dir)))
    except ConfigurationError as error:
        raise click.ClickException(str(error)) from None


if __name__ == "__main__":
    main()
