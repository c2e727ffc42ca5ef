"""An event loop whose clock jumps to the next timer whenever there is nothing else to do."""

from __future__ import annotations

import asyncio
import functools
import selectors
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

T = TypeVar("T")


class _Selector(selectors.DefaultSelector):
    """Never waits: what would be waited for is added to the loop's clock."""

    loop: FakeTimeLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(0)
        if not found:
            assert timeout is not None, "everything waits for something that nobody will do"
            self.loop.now += max(timeout, 0.0)
        return found


class FakeTimeLoop(asyncio.SelectorEventLoop):
    """Runs hours in no time, and each time alike."""

    def __init__(self) -> None:
        self.now = 1000.0
        selector = _Selector()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self.now


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine in such a loop; an error that reaches the loop fails the test."""
    failures: list[dict[str, Any]] = []
    with asyncio.Runner(loop_factory=FakeTimeLoop) as runner:
        runner.get_loop().set_exception_handler(lambda _, context: failures.append(context))
        result = runner.run(coroutine)
    assert not failures, failures
    return result


def in_fake_time(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """An async test that runs in such a loop."""

    @functools.wraps(test)
    def sync(*args: Any, **kwargs: Any) -> None:
        run(test(*args, **kwargs))

    return sync


async def turns(count: int = 5) -> None:
    """Let the loop turn a few times, so that what is ready runs."""
    for _ in range(count):
        await asyncio.sleep(0)
