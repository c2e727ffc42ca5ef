"""Servers with a controller, and without a network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from whinny import ServiceManager, Settings, WsServer

if TYPE_CHECKING:
    from whinny import Server, SocketIOController


def attach(controller: type[SocketIOController], **settings: Any) -> Server:
    """The server of a root controller with these settings."""
    services = ServiceManager(Settings(**settings))
    services.get(controller).attach()
    return services.get(WsServer).io
