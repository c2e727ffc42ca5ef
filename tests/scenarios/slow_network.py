"""A TCP proxy that makes the network as slow as a real one."""

from __future__ import annotations

import asyncio
import random
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@asynccontextmanager
async def slow_network(port: int, delay: float) -> AsyncIterator[str]:
    """The URL of a proxy to this local port; each chunk takes up to `delay` seconds, at random, and order is kept."""
    chance = random.Random(port)
    tasks: set[asyncio.Task[None]] = set()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        loop = asyncio.get_running_loop()
        chunks: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def take() -> None:
            due = 0.0
            with suppress(ConnectionError):
                while chunk := await reader.read(65_536):
                    due = max(due, loop.time() + chance.uniform(0, delay))
                    chunks.put_nowait((due, chunk))
            chunks.put_nowait((due, b""))

        async def give() -> None:
            with suppress(ConnectionError):
                while True:
                    due, chunk = await chunks.get()
                    await asyncio.sleep(max(0, due - loop.time()))
                    if not chunk:
                        break
                    writer.write(chunk)
                    await writer.drain()

        await asyncio.gather(take(), give())
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            onward_reader, onward_writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return
        try:
            await asyncio.gather(carry(reader, onward_writer), carry(onward_reader, writer))
        finally:
            onward_writer.transport.abort()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(connect(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        task.add_done_callback(lambda _: writer.transport.abort())  # also when it never began

    proxy = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}"
    finally:
        proxy.close()
        for _ in range(5):  # turns of the loop that a connection needs which is just taken
            await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # in which the sockets are closed
        await proxy.wait_closed()
