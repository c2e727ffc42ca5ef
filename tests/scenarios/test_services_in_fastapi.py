"""`services.get(WsServer)` wherever a FastAPI app may need it, in real processes."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import aiohttp
import httpx
import pytest

from apps.fastapi_services import api
from scenarios.raw import RawClient, raw_client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from support.servers import Kind, ServerProcess

    ServerOf = Callable[[str, Kind], ServerProcess]

APP = "apps.fastapi_services:app"
SERVERS = ["whinny", "uvicorn"]
ROUTES = ["async", "def", "background-async", "background-def", "task", "thread", "executor", "other-loop"]


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        yield session


async def request(http: aiohttp.ClientSession, method: str, url: str, **params: Any) -> Any:
    """The answer of an endpoint that must succeed."""
    async with http.request(method, url, params=params) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.json()


async def hear(client: RawClient, count: int) -> list[Any]:
    """What the next `news` bring, and no more."""
    news = []
    for _ in range(count):
        event, what = json.loads((await client.receive())[2:])
        assert event == "news"
        news.append(what)
    await client.send('421["settle"]')
    assert (await client.receive()).startswith("431[")
    return news


@pytest.mark.parametrize("by", SERVERS)
@pytest.mark.parametrize("route", ROUTES)
async def test_emits_are_in_order(route: str, by: Kind, server_of: ServerOf, http: aiohttp.ClientSession) -> None:
    """Each kind of endpoint, task and thread reaches all clients, in the order of its calls."""
    server = server_of(APP, by)
    async with raw_client(server.url) as client, raw_client(server.url) as other:
        await client.join_namespace()
        await other.join_namespace()
        await request(http, "POST", f"{server.url}/{route}", count=200)
        assert await hear(client, 200) == list(range(200))
        assert await hear(other, 200) == list(range(200))


async def test_many_requests_at_once(server_of: ServerOf, http: aiohttp.ClientSession) -> None:
    """Emits of many threads and tasks at the same time all arrive, those of each in order."""
    server = server_of(APP, "whinny")
    async with raw_client(server.url) as client:
        await client.join_namespace()
        await asyncio.gather(*(request(http, "POST", f"{server.url}/{route}", count=20) for route in ROUTES * 5))
        news = await hear(client, 20 * 5 * len(ROUTES))
        assert sorted(news) == sorted([*range(20)] * 5 * len(ROUTES))


async def test_rooms_are_changed_in_order(server_of: ServerOf, http: aiohttp.ClientSession) -> None:
    """Rooms that a thread lets clients enter and leave count for its emits between."""
    server = server_of(APP, "whinny")
    async with raw_client(server.url) as client:
        await client.join_namespace({"room": "answering"})
        await request(http, "POST", f"{server.url}/rooms")
        assert await hear(client, 20) == list(range(20))


@pytest.mark.parametrize("by", SERVERS)
@pytest.mark.parametrize("route", ["ask", "ask-from-another-loop", "ask-from-a-thread"])
async def test_questions(route: str, by: Kind, server_of: ServerOf, http: aiohttp.ClientSession) -> None:
    """`fetch_sockets` and `emit_with_ack` can be awaited in any loop; answers and errors come there."""
    server = server_of(APP, by)
    async with raw_client(server.url) as client:
        await client.join_namespace({"room": "answering"})
        asking = asyncio.create_task(request(http, "GET", f"{server.url}/{route}"))
        for said in ("all", "one"):
            packet = await client.receive()
            ack_id, data = packet[2 : packet.index("[")], json.loads(packet[packet.index("[") :])
            assert data == ["question", said]
            await client.send(f"43{ack_id}{json.dumps([f'to {said}'])}")
        assert (await client.receive()).endswith('["unanswered"]')
        assert await asking == {
            "id": client.id,
            "answers": ["to all", "to one"],
            "late": True,
            "same thread": True,
            "servers": 1,
        }


@pytest.mark.parametrize("route", ["unsendable-async", "unsendable-def"])
async def test_what_cannot_be_sent(route: str, server_of: ServerOf, http: aiohttp.ClientSession) -> None:
    """EncodeError and ValueError are raised in the thread that emits, and nobody receives anything."""
    server = server_of(APP, "whinny")
    async with raw_client(server.url) as client:
        await client.join_namespace({"room": "answering"})
        found = await request(http, "POST", f"{server.url}/{route}")
        assert found == {"object": "EncodeError", "reserved": "ValueError"}
        assert await hear(client, 0) == []


async def test_a_service_is_made_once(server_of: ServerOf, http: aiohttp.ClientSession) -> None:
    """Many requests that are the first to ask for a service, in threads, get the same one, made to the end."""
    server = server_of(APP, "whinny")
    url = f"{server.url}/slow"
    answers = await asyncio.gather(
        *(request(http, "GET", url, first=str(number % 2 == 0)) for number in range(40)),
    )
    assert [ready for ready, _, _ in answers] == [True] * 40
    assert len({made for _, made, _ in answers}) == 1
    assert {count for _, _, count in answers} == {1}


async def test_before_attach(server_of: ServerOf, http: aiohttp.ClientSession) -> None:
    """An endpoint that asks before a controller is attached is told what to do."""
    server = server_of(APP, "whinny")
    said = await request(http, "GET", f"{server.url}/not-attached")
    assert "attach a controller first" in said
    assert "same ServiceManager" in said


async def test_before_the_first_client() -> None:
    """Attached but not started, as in a test of the HTTP app alone, emits go nowhere and harm nothing."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://test") as client:
        for route in ROUTES:
            assert (await client.post(f"/{route}", params={"count": 3})).status_code == 200
        assert (await client.post("/rooms")).status_code == 200
        unsendable = await client.post("/unsendable-def")
        assert unsendable.json() == {"object": "EncodeError", "reserved": "ValueError"}
