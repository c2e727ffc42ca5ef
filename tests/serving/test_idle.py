"""What connections that do nothing keep busy: nothing."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from typing import Any

import pytest

from scenarios.silent import SilentClient
from serving.in_process import running
from whinny import ServerOptions, ServiceManager, SocketIOController, WebsocketContext, WebsocketResponse, event_name

CLIENTS = 200


class IdleController(SocketIOController):
    @event_name("echo")
    async def echo(self, ctx: WebsocketContext) -> WebsocketResponse:
        await asyncio.sleep(0)
        return WebsocketResponse(list(ctx.args))


class PingingController(IdleController):
    options = ServerOptions(ping_interval=0.3, ping_timeout=10)


def timers() -> int:
    """How many timers of the loop are still to fire."""
    loop: Any = asyncio.get_running_loop()
    return sum(not timer.cancelled() for timer in loop._scheduled)


def connect(url: str, stack: ExitStack, count: int) -> list[SilentClient]:
    """Clients that have joined and had an event answered."""
    clients = [stack.enter_context(SilentClient(url)) for _ in range(count)]
    for client in clients:
        client.send('421["echo",1]')
        assert client.packet() == b'431[{"status":"ok","data":[1]}]'
    return clients


async def settle() -> None:
    """Let what is due have its turn."""
    for _ in range(10):
        await asyncio.sleep(0)


@pytest.mark.parametrize("controller", [IdleController, PingingController])
async def test_no_task_and_no_timer(controller: type[SocketIOController]) -> None:
    """200 clients that are served natively need no more tasks and timers than one."""
    app = ServiceManager().get(controller).attach()
    async with running(app) as host:
        with ExitStack() as stack:
            await asyncio.to_thread(connect, host.url, stack, 1)
            await settle()
            tasks, due = len(asyncio.all_tasks()), timers()
            await asyncio.to_thread(connect, host.url, stack, CLIENTS - 1)
            await settle()
            assert len(app.server.engine.connections) == CLIENTS
            assert len(host.server.server_state.connections) == CLIENTS
            assert len(host.server.server_state.tasks) == 0
            assert len(asyncio.all_tasks()) == tasks
            assert timers() <= due + 1


def wait_for_pings(clients: list[SilentClient], count: int) -> None:
    """Answer so many pings of each."""
    for _ in range(count):
        for client in clients:
            assert client.receive() == b"2"
            client.send("3")


async def test_heartbeats_of_many() -> None:
    """Pings and pongs of 200 clients go round with one timer, and no task."""
    app = ServiceManager().get(PingingController).attach()
    async with running(app) as host:
        with ExitStack() as stack:
            clients = await asyncio.to_thread(connect, host.url, stack, CLIENTS)
            tasks, due = len(asyncio.all_tasks()), timers()
            await asyncio.to_thread(wait_for_pings, clients, 3)
            await settle()
            assert len(app.server.engine.connections) == CLIENTS
            assert len(asyncio.all_tasks()) == tasks
            assert timers() <= due + 1
