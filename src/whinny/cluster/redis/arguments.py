"""What adapters and emitters are given, checked: each of these raises ConfigurationError, which names `where`."""

from __future__ import annotations

import re
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
    scheme = re.match("[a-z]+://", url_or_client, re.IGNORECASE) if isinstance(url_or_client, str) else None
    if scheme is None:  # it may be a password: it is not shown
        raise ConfigurationError(
            f"{where} needs a URL like redis://host:6379/0, or a {kind.__module__.removesuffix('.client')}.Redis, not "
            f"{type(url_or_client)}."
        )
    limits: dict[str, Any] = (
        {} if patience is None else {"socket_timeout": patience, "socket_connect_timeout": patience}
    )
    try:
        client = kind.from_url(scheme.string, **limits)
        pool = client.connection_pool
        pool.connection_class(**pool.connection_kwargs)  # which knows the options, and does not connect
    except Exception:  # of many kinds; the text may show a part of a password
        raise ConfigurationError(
            f"{where} cannot use the URL {scheme[0]}…: give it one like redis://:password@host:6379/0, with no "
            "options but those of redis-py."
        ) from None
    return client


def check_text(value: Any, where: str, name: str) -> str:
    """A text that is not empty, without surrogates, which cannot be sent."""
    if not isinstance(value, str) or not value or any("\ud800" <= each <= "\udfff" for each in value):
        raise ConfigurationError(f"{where} needs a text as its {name}, not {value!r}.")
    return value


def check_bool(value: Any, where: str, name: str) -> bool:
    """True or False."""
    if not isinstance(value, bool):
        raise ConfigurationError(f"{where} needs True or False as its {name}, not {value!r}.")
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
