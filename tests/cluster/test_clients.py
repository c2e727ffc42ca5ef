"""Servers whose way to Redis is a client with settings of its own, or a URL with TLS, a Unix socket, a password."""

from __future__ import annotations

import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
import trustme
from redis.asyncio import Redis

from cluster.pair import KINDS, One, pair, until
from support.redis import RedisServer
from support.servers import free_port
from whinny import AsyncRedisEmitter, RedisEmitter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

pytestmark = pytest.mark.anyio

PASSWORD = "p@ss/w:ö"


class GuardedRedis(RedisServer):
    """Has a password, and is reached by TCP, TLS and a Unix socket: the `urls`."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        authority = trustme.CA()
        certificate = authority.issue_cert("127.0.0.1")
        authority.cert_pem.write_to_path(folder / "authority.pem")
        certificate.private_key_pem.write_to_path(folder / "key.pem")
        certificate.cert_chain_pems[0].write_to_path(folder / "certificate.pem")
        tls_port = free_port()
        options = {
            "requirepass": PASSWORD,
            "unixsocket": "socket",
            "tls-port": tls_port,
            "tls-cert-file": "certificate.pem",
            "tls-key-file": "key.pem",
            "tls-ca-cert-file": "authority.pem",
            "tls-auth-clients": "no",
        }
        self.argv += [word for name, value in options.items() for word in (f"--{name}", str(value))]
        password = quote(PASSWORD, safe="")
        self.urls = {
            "a password": f"redis://default:{password}@127.0.0.1:{self.port}/3",
            "TLS": f"rediss://:{password}@127.0.0.1:{tls_port}/3?ssl_ca_certs={folder}/authority.pem",
            "a Unix socket": f"unix://:{password}@{folder}/socket?db=3",
        }

    def is_ready(self) -> bool:
        return self.ask(b"PING\r\n").startswith(b"-NOAUTH")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GuardedRedis]:
    server = GuardedRedis(tmp_path_factory.mktemp("redis"))
    try:
        server.start()
        yield server
    finally:
        server.stop(signal.SIGKILL)


@asynccontextmanager
async def meeting(kind: str, one_way: str | Redis, other_way: str | Redis) -> AsyncIterator[tuple[One, One]]:
    """Two servers that have sent each other events and asked each other."""
    async with pair(kind, (one_way, other_way)) as both:
        for server in both:
            server.io.emit("hello", "Grüße", b"\x00\xff")
            fetched = {each.id for each in await server.io.fetch_sockets()}
            assert len(fetched) == 2
            assert fetched == {each.id for server in both for each in await server.io.local.fetch_sockets()}
        for server in both:
            await until(lambda server=server: len(server.got("hello")) == 2)
            assert [each.args for each in server.client.received] == [("Grüße", b"\x00\xff")] * 2
        yield both


async def connections(url: str, **shown: str) -> int:
    """How many Redis has of which it shows this."""
    async with Redis.from_url(url) as client:
        return sum(each.items() >= shown.items() for each in await client.client_list())


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ({"decode_responses": True, "protocol": 2}, {"resp": "2"}),
        ({"decode_responses": True, "protocol": 3}, {"resp": "3"}),
        ({"protocol": 2}, {"resp": "2"}),
        ({"protocol": 3}, {"resp": "3"}),
        ({"max_connections": 1}, {}),
        ({"health_check_interval": 1}, {}),
        ({"client_name": "a-name"}, {"name": "a-name"}),
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", KINDS)
async def test_a_client_that_is_given(
    kind: str, redis: RedisServer, options: dict[str, Any], shown: dict[str, str]
) -> None:
    """Its settings are used and none of its connections; it is open afterwards."""
    async with Redis.from_url(redis.url, **options) as client:
        async with client.pubsub() as pubsub:
            await pubsub.subscribe("what takes the only connection that it may have")
            async with meeting(kind, client, redis.url):
                assert await connections(redis.url, **shown) >= 3
            async with meeting(kind, client, client):
                assert await connections(redis.url, **shown) >= 5
        assert await client.ping()


@pytest.mark.parametrize("way", ["a password", "TLS", "a Unix socket"])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_url(kind: str, guarded: GuardedRedis, way: str) -> None:
    """With a password and the number of a database in each."""
    url = guarded.urls[way]
    async with meeting(kind, url, guarded.urls["a password"]) as both:
        assert await connections(url, db="3") >= 4
        if kind == "classic":
            with RedisEmitter(url) as emitter:
                emitter.emit("emitted", 1)
            async with AsyncRedisEmitter(url) as emitter_async:
                await emitter_async.emit("emitted", 2)
            for server in both:
                await until(lambda server=server: server.got("emitted") == [1, 2])
