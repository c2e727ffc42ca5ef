"""Stores for tests: one that is slow and fails as it is told, and a clock that the tests set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from unit.clock import turns
from whinny.sessions import MemoryStore, SessionState, Store

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence


class Clock:
    """Seconds since 1970, as the test says."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.5

    def __call__(self) -> float:
        return self.now


class SlowStore(Store):
    """A store in memory that lets other tasks run around each operation, and fails those in `fails`."""

    def __init__(self, inner: Store | None = None) -> None:
        self.inner = inner or MemoryStore()
        self.calls: list[str] = []
        self.fails: set[str] = set()
        self.turns: Callable[[], int] = lambda: 1  # how long the next pause is

    async def _slowly(self, name: str, operation: Callable[..., Awaitable[Any]], *args: Any) -> Any:
        self.calls.append(name)
        await turns(self.turns())
        if name in self.fails:
            raise OSError("the database is gone")
        result = await operation(*args)
        await turns(self.turns())
        return result

    async def save(self, state: SessionState, idle: float) -> None:
        await self._slowly("save", self.inner.save, state, idle)

    async def read(self, id: str) -> SessionState | None:  # noqa: A002
        found: SessionState | None = await self._slowly("read", self.inner.read, id)
        return found

    async def update(self, state: SessionState, idle: float) -> bool:
        return bool(await self._slowly("update", self.inner.update, state, idle))

    async def touch(self, id: str, updated_at: float, idle: float) -> bool:  # noqa: A002
        return bool(await self._slowly("touch", self.inner.touch, id, updated_at, idle))

    async def replace(self, id: str, state: SessionState, idle: float) -> bool:  # noqa: A002
        return bool(await self._slowly("replace", self.inner.replace, id, state, idle))

    async def destroy(self, id: str) -> bool:  # noqa: A002
        return bool(await self._slowly("destroy", self.inner.destroy, id))

    async def clear(self) -> None:
        await self._slowly("clear", self.inner.clear)

    async def clean_up(self, idle_since: float, created_before: float) -> Sequence[str]:
        ended: Sequence[str] = await self._slowly("clean_up", self.inner.clean_up, idle_since, created_before)
        return ended


class Observer:
    """Notes what it hears."""

    def __init__(self, store: Store) -> None:
        self.ended: list[str] = []
        self.replaced: list[tuple[str, str]] = []
        store.observers.add(self)

    def sessions_ended(self, ids: Sequence[str]) -> None:
        self.ended.extend(ids)

    def session_replaced(self, old: str, new: str) -> None:
        self.replaced.append((old, new))
