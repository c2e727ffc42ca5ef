"""What adapters and emitters are given, checked: each of these raises ConfigurationError, which names `where`."""

from __future__ import annotations

from typing import Any, Final, TypeVar

from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from whinny.errors import ConfigurationError

C = TypeVar("C", Redis, AsyncRedis)

MAX_BUFFER: Final = 16 * 1024 * 1024
"""Bytes that wait at most while Redis is away, unless an adapter is told otherwise."""


def client_of(url_or_client: object, kind: type[C], where: str, patience: float | None = None) -> C:
    """A client of this kind; one of a URL waits `patience` seconds for Redis, unless the URL says otherwise."""
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


def check_text(value: Any, where: str, name: str) -> str:
    """A text that is not empty."""
    if not isinstance(value, str) or not value:
        raise ConfigurationError(f"{where} needs a text as its {name}, not {value!r}.")
    return value


def check_seconds(value: Any, where: str, name: str) -> float:
    """Seconds, more than none; infinity is as much as there can be."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0:  # NaN is not
        raise ConfigurationError(f"{where} needs seconds as its {name}, more than 0, not {value!r}.")
    return value


def check_bytes(value: Any, where: str, name: str) -> int:
    """A number of bytes, at least one."""
    if type(value) is not int or value < 1:
        raise ConfigurationError(f"{where} needs a number of bytes as its {name}, at least 1, not {value!r}.")
    return value
