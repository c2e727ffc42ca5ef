"""The client of redis-py behind an adapter or an emitter."""

from __future__ import annotations

from typing import TypeVar

from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from whinny.errors import ConfigurationError

C = TypeVar("C", Redis, AsyncRedis)


def client_of(url_or_client: object, kind: type[C], where: str, patience: float | None = None) -> C:
    """A client of this kind. Raises ConfigurationError, which names `where`, for what is neither one nor a URL.

    One of a URL waits `patience` seconds for Redis, unless the URL says otherwise.
    """
    if isinstance(url_or_client, kind):
        return url_or_client
    if isinstance(url_or_client, str):
        try:
            if patience is None:
                return kind.from_url(url_or_client)
            return kind.from_url(url_or_client, socket_timeout=patience, socket_connect_timeout=patience)
        except ValueError:  # whose text may show a part of a password
            scheme = url_or_client.partition(":")[0]
            raise ConfigurationError(
                f"{where} cannot use the URL {scheme}:…: give it one like redis://:password@host:6379/0."
            ) from None
    raise ConfigurationError(
        f"{where} needs a URL like redis://host:6379/0, or a {kind.__module__.removesuffix('.client')}.Redis, not "
        f"{url_or_client!r}."
    )
