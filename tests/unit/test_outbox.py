"""What one client's trouble, or the app's, does to the others who are about to write: nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from unit.clock import in_fake_time, turns
from whinny.serving.outbox import Outbox


class Writer:
    def __init__(self, written: list[str], name: str, trouble: BaseException | None = None) -> None:
        self.written = written
        self.name = name
        self.trouble = trouble
        self.dropped = False

    def write(self) -> None:
        if self.trouble is not None:
            raise self.trouble
        self.written.append(self.name)

    def drop(self) -> None:
        self.dropped = True


def entered(in_task: bool) -> Outbox:
    outbox = Outbox(in_task=in_task)
    outbox.enter()
    return outbox


@pytest.mark.parametrize("in_task", [False, True])
@pytest.mark.parametrize("trouble", [ValueError("one"), asyncio.CancelledError()])
@in_fake_time
async def test_the_others_write_all_the_same(in_task: bool, trouble: BaseException) -> None:
    written: list[str] = []
    outbox = entered(in_task)
    bad = Writer(written, "bad", trouble)
    for writer in (Writer(written, "a"), bad, Writer(written, "b")):
        outbox.wake(writer)
    assert written == []
    await turns()
    assert written == ["a", "b"]
    assert bad.dropped
    outbox.wake(Writer(written, "c"))
    await turns()
    assert written == ["a", "b", "c"]


@in_fake_time
async def test_a_task_that_is_cancelled_is_replaced() -> None:
    """As by an app that cancels all tasks there are."""
    written: list[str] = []
    outbox = entered(in_task=True)
    outbox.wake(Writer(written, "a"))
    await asyncio.sleep(0)
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    await turns()
    outbox.wake(Writer(written, "b"))
    await turns()
    assert written == ["a", "b"]


def test_another_loop_begins_anew() -> None:
    written: list[str] = []
    outbox = Outbox(in_task=False)

    async def wake_only(name: str) -> None:
        outbox.enter()
        outbox.wake(Writer(written, name))

    async def wake_and_wait(name: str) -> None:
        await wake_only(name)
        await turns()

    loop: Any = asyncio.new_event_loop()
    loop.run_until_complete(wake_only("lost"))
    loop.close()
    asyncio.run(wake_and_wait("written"))
    assert "written" in written
