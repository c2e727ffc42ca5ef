"""`check_store` finds what a store does wrong."""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from sessions.stores import SlowStore
from unit.clock import in_fake_time
from whinny.sessions import MemoryStore, SessionState, Store
from whinny.testing import check_store

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence


def now() -> float:
    """What the clock of the loop shows, in seconds."""
    return asyncio.get_running_loop().time()


class TimeOfTheLoop:
    """The module `time`, as the checks use it."""

    time = staticmethod(time.time)
    monotonic = staticmethod(now)


@pytest.fixture(autouse=True)
def time_of_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """The checks go by the clock of the loop, which is no real one: however slow the machine is, each runs alike."""
    monkeypatch.setattr("whinny.testing.stores.time", TimeOfTheLoop)


class SaveOverwrites(MemoryStore):
    async def save(self, state: SessionState, idle: float) -> None:
        self._kept.pop(state.id, None)
        await super().save(state, idle)


class SaveOverwritesAndComplains(MemoryStore):
    async def save(self, state: SessionState, idle: float) -> None:
        had = self._kept.pop(state.id, None)
        await super().save(state, idle)
        if had:
            await super().save(state, idle)


class SaveLooksFirst(MemoryStore):
    async def save(self, state: SessionState, idle: float) -> None:
        if state.id in self._kept:
            await super().save(state, idle)
        await asyncio.sleep(0)
        self._kept.pop(state.id, None)
        await super().save(state, idle)


class UserIsText(MemoryStore):
    async def read(self, id: str) -> SessionState | None:  # noqa: A002
        state = await super().read(id)
        if state is not None and state.user_id is not None:
            state.user_id = str(state.user_id)
        return state


class WholeSeconds(MemoryStore):
    async def save(self, state: SessionState, idle: float) -> None:
        await super().save(msgspec.structs.replace(state, updated_at=float(int(state.updated_at))), idle)


class NumbersAreFractions(MemoryStore):
    async def read(self, id: str) -> SessionState | None:  # noqa: A002
        state = await super().read(id)
        if state is not None and "number" in state.content:
            state.content["number"] = float(state.content["number"])
        return state


class GivesWhatItKeeps(MemoryStore):
    def __init__(self) -> None:
        super().__init__()
        self._read: dict[str, SessionState | None] = {}

    async def read(self, id: str) -> SessionState | None:  # noqa: A002
        if id not in self._read:
            self._read[id] = await super().read(id)
        return self._read[id]

    async def save(self, state: SessionState, idle: float) -> None:
        await super().save(state, idle)
        self._read.pop(state.id, None)


class UpdateForgetsFlash(MemoryStore):
    async def update(self, state: SessionState, idle: float) -> bool:
        return await super().update(msgspec.structs.replace(state, flash={}), idle)


class UpdateIgnoresVersions(MemoryStore):
    async def update(self, state: SessionState, idle: float) -> bool:
        had = await self.destroy(state.id)
        if had:
            await self.save(state, idle)
        return had


class UpdateTakesAnyLaterVersion(MemoryStore):
    async def update(self, state: SessionState, idle: float) -> bool:
        old = await self.read(state.id)
        if old is None or old.version >= state.version:
            return False
        self._kept[state.id] = msgspec.json.encode(state)
        return True


class UpdateBringsBack(MemoryStore):
    async def update(self, state: SessionState, idle: float) -> bool:
        if state.id not in self._kept:
            await self.save(state, idle)
            return False
        return await super().update(state, idle)


class UpdateInTwoSteps(MemoryStore):
    async def update(self, state: SessionState, idle: float) -> bool:
        old = await self.read(state.id)
        await asyncio.sleep(0)
        if old is None or old.version != state.version - 1:
            return False
        self._kept[state.id] = msgspec.json.encode(state)
        return True


class TouchGoesBack(MemoryStore):
    async def touch(self, id: str, updated_at: float, idle: float) -> bool:  # noqa: A002
        state = await self.read(id)
        if state is not None:
            state.updated_at = updated_at
            self._kept[id] = msgspec.json.encode(state)
        return state is not None


class TouchRaisesVersions(MemoryStore):
    async def touch(self, id: str, updated_at: float, idle: float) -> bool:  # noqa: A002
        state = await self.read(id)
        return state is not None and await self.update(
            msgspec.structs.replace(state, version=state.version + 1, updated_at=max(updated_at, state.updated_at)),
            idle,
        )


class TouchInTwoSteps(MemoryStore):
    async def touch(self, id: str, updated_at: float, idle: float) -> bool:  # noqa: A002
        state = await self.read(id)
        await asyncio.sleep(0)
        if state is None:
            return False
        state.updated_at = max(updated_at, state.updated_at)
        self._kept[id] = msgspec.json.encode(state)
        return True


class TouchSaysYes(MemoryStore):
    async def touch(self, id: str, updated_at: float, idle: float) -> bool:  # noqa: A002
        await super().touch(id, updated_at, idle)
        return True


class ReplaceKeepsBoth(MemoryStore):
    async def replace(self, id: str, state: SessionState, idle: float) -> bool:  # noqa: A002
        had = self._kept.get(id)
        done = await super().replace(id, state, idle)
        if done and had is not None and state.id != id:
            self._kept[id] = had
        return done


class ReplaceDestroysFirst(MemoryStore):
    async def replace(self, id: str, state: SessionState, idle: float) -> bool:  # noqa: A002
        old = await self.read(id)
        if old is None or old.version != state.version - 1 or not await self.destroy(id):
            return False
        if id != state.id:
            await asyncio.sleep(0)
        await self.save(state, idle)
        return True


class ReplaceSavesFirst(MemoryStore):
    async def replace(self, id: str, state: SessionState, idle: float) -> bool:  # noqa: A002
        old = await self.read(id)
        if old is None or old.version != state.version - 1:
            return False
        if id == state.id:
            return await super().replace(id, state, idle)
        await self.save(state, idle)
        await asyncio.sleep(0)
        if await self.destroy(id):
            return True
        await self.destroy(state.id)
        return False


class ReplaceIgnoresVersions(MemoryStore):
    async def replace(self, id: str, state: SessionState, idle: float) -> bool:  # noqa: A002
        if id == state.id:
            return await super().replace(id, state, idle)
        had = await self.destroy(id)
        if had:
            await self.save(state, idle)
        return had


class DestroySaysYes(MemoryStore):
    async def destroy(self, id: str) -> bool:  # noqa: A002
        await super().destroy(id)
        return True


class DestroyForgetsLater(MemoryStore):
    async def destroy(self, id: str) -> bool:  # noqa: A002
        asyncio.get_running_loop().call_later(0.01, self._kept.pop, id, None)
        return id in self._kept


class ClearLeavesOne(MemoryStore):
    async def clear(self) -> None:
        while len(self._kept) > 1:
            del self._kept[next(iter(self._kept))]


class CleanUpComesLate(MemoryStore):
    async def clean_up(self, idle_since: float, created_before: float) -> Sequence[str]:
        return await super().clean_up(idle_since - 0.001, created_before - 0.001)


class CleanUpComesEarly(MemoryStore):
    async def clean_up(self, idle_since: float, created_before: float) -> Sequence[str]:
        return await super().clean_up(idle_since + 1, created_before)


class CleanUpForgetsTheOld(MemoryStore):
    async def clean_up(self, idle_since: float, created_before: float) -> Sequence[str]:
        return await super().clean_up(idle_since, 0)


class CleanUpTellsNothing(MemoryStore):
    async def clean_up(self, idle_since: float, created_before: float) -> Sequence[str]:
        await super().clean_up(idle_since, created_before)
        return []


class NeverForgets(MemoryStore):
    async def clean_up(self, idle_since: float, created_before: float) -> Sequence[str]:
        return []


class Expiring(MemoryStore):
    """Forgets by itself; which writes let a session live on, subclasses say."""

    extends: tuple[str, ...] = ("save", "update", "touch", "replace")

    def __init__(self) -> None:
        super().__init__()
        self._ends: dict[str, float] = {}

    async def read(self, id: str) -> SessionState | None:  # noqa: A002
        if self._ends.get(id, 0) <= now():
            self._kept.pop(id, None)
        return await super().read(id)

    async def save(self, state: SessionState, idle: float) -> None:
        await super().save(state, idle)
        self._ends[state.id] = now() + (idle if "save" in self.extends else min(idle, 1.0))

    async def update(self, state: SessionState, idle: float) -> bool:
        done = await super().update(state, idle)
        return self._extend("update", state.id, state.id, idle) and done

    async def touch(self, id: str, updated_at: float, idle: float) -> bool:  # noqa: A002
        done = await super().touch(id, updated_at, idle)
        return self._extend("touch", id, id, idle) and done

    async def replace(self, id: str, state: SessionState, idle: float) -> bool:  # noqa: A002
        done = await super().replace(id, state, idle)
        return self._extend("replace", id, state.id, idle) and done

    def _extend(self, what: str, old: str, new: str, idle: float) -> bool:
        if new in self._kept and (old != new or what != "replace"):
            self._ends[new] = now() + idle if what in self.extends else self._ends[old]
        return True

    async def clean_up(self, idle_since: float, created_before: float) -> Sequence[str]:
        return []


class SaveTakesWholeSeconds(Expiring):
    async def save(self, state: SessionState, idle: float) -> None:
        await super().save(state, int(idle))


class SaveIgnoresIdle(Expiring):
    extends = ("update", "touch", "replace")


class UpdateDoesNotExtend(Expiring):
    extends = ("save", "touch", "replace")


class TouchDoesNotExtend(Expiring):
    extends = ("save", "update", "replace")


class ReplaceDoesNotExtend(Expiring):
    extends = ("save", "update", "touch")


@pytest.mark.parametrize(
    ("broken", "rule"),
    [
        (SaveOverwrites, "save must raise SessionAlreadyExists"),
        (SaveOverwritesAndComplains, "save must leave a session as it is"),
        (SaveLooksFirst, "many that save the same new session at once"),
        (UserIsText, "as it was saved.* user_id is '0', not 0"),
        (WholeSeconds, "as it was saved.* updated_at is"),
        (NumbersAreFractions, "as it was saved.* content is"),
        (GivesWhatItKeeps, "must be a copy"),
        (UpdateForgetsFlash, "update must write all of a session.* flash is"),
        (UpdateIgnoresVersions, "update must return False unless the version before is kept"),
        (UpdateTakesAnyLaterVersion, "update must return False unless the version before is kept"),
        (UpdateBringsBack, "update must not bring back"),
        (UpdateInTwoSteps, "many updates of the same version at once"),
        (TouchGoesBack, "touch must not set the time of the last use back"),
        (TouchRaisesVersions, "touch must write the time of the last use, and nothing else.* version is"),
        (TouchInTwoSteps, "touch"),
        (TouchSaysYes, "touch must return False"),
        (ReplaceKeepsBoth, "replace must forget the session under its old id"),
        (ReplaceDestroysFirst, "neither the old nor the new session was kept"),
        (ReplaceSavesFirst, "the old and the new session were kept at once"),
        (ReplaceIgnoresVersions, "replace must return False unless the version before is kept"),
        (DestroySaysYes, "destroy must return False"),
        (DestroyForgetsLater, "gone"),
        (ClearLeavesOne, "clear must forget all sessions"),
        (CleanUpComesLate, "clean_up must forget all sessions"),
        (CleanUpComesEarly, "clean_up must leave sessions that have not expired"),
        (CleanUpForgetsTheOld, "clean_up must forget all sessions"),
        (CleanUpTellsNothing, "clean_up must return the ids"),
        (NeverForgets, "must forget idle sessions by itself"),
        (SaveTakesWholeSeconds, "save must take an idle time that is a fraction of a second"),
        (SaveIgnoresIdle, "given to save"),
        (UpdateDoesNotExtend, "given to update"),
        (TouchDoesNotExtend, "given to touch"),
        (ReplaceDoesNotExtend, "given to replace"),
    ],
)
@in_fake_time
async def test_a_broken_store_is_found_out(broken: type[Store], rule: str) -> None:
    """The error names the rule; what was kept before the check is of no account."""
    with pytest.raises(AssertionError, match=rule):
        await check_store(broken())


@in_fake_time
async def test_a_store_that_forgets_by_itself_is_sound() -> None:
    await check_store(Expiring())


class HeldUp(SlowStore):
    """On a machine that stops for some seconds now and then: before an operation, or before its answer."""

    def __init__(self, inner: Store, seed: int) -> None:
        super().__init__(inner)
        self._random = random.Random(seed)

    async def _slowly(self, name: str, operation: Callable[..., Awaitable[Any]], *args: Any) -> Any:
        await self._may_stop()
        result = await operation(*args)
        await self._may_stop()
        return result

    async def _may_stop(self) -> None:
        if self._random.random() < 0.2:
            await asyncio.sleep(self._random.uniform(0.3, 3))


@pytest.mark.parametrize("seed", range(20))
@in_fake_time
async def test_a_store_on_a_slow_machine_is_sound(seed: int) -> None:
    """A session that has ended before the checks came to look at it is no error."""
    await check_store(HeldUp(Expiring(), seed))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("broken", "rule"),
    [
        (UpdateDoesNotExtend, "given to update"),
        (TouchDoesNotExtend, "given to touch"),
        (ReplaceDoesNotExtend, "given to replace"),
        (SaveTakesWholeSeconds, "fraction of a second"),
    ],
)
@in_fake_time
async def test_a_broken_store_on_a_slow_machine_is_found_out(broken: type[Store], rule: str, seed: int) -> None:
    with pytest.raises(AssertionError, match=rule):
        await check_store(HeldUp(broken(), seed))


@pytest.mark.parametrize("broken", [MemoryStore, TouchGoesBack])
@in_fake_time
async def test_nothing_of_the_checks_is_left(broken: type[MemoryStore]) -> None:
    """Neither by those that pass, nor by one that fails in the middle."""
    store, tasks = broken(), asyncio.all_tasks()
    try:
        await check_store(store)
    except AssertionError:
        assert broken is TouchGoesBack
    assert not store._kept
    assert asyncio.all_tasks() == tasks


@in_fake_time
async def test_an_error_of_the_store_comes_through() -> None:
    class Failing(MemoryStore):
        async def update(self, state: SessionState, idle: float) -> bool:
            raise OSError("the database is gone")

    with pytest.raises(OSError, match="the database is gone"):
        await check_store(Failing())
