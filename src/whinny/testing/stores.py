"""What a store of sessions must do, checked: for those who write a store."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any, Final

import msgspec
from msgspec.structs import replace as altered

from whinny.errors import SessionAlreadyExists
from whinny.sessions import SessionState, Store, session_id

MANY: Final = 20
"""Tasks that do the same at once."""

LONG: Final = 3600.0
"""Seconds of idleness in which no check ends."""

FORGOTTEN_WITHIN: Final = 15.0
"""Seconds after the end of a session in which a store that forgets by itself must have done so."""

VALUES: Final[dict[str, Any]] = {
    "text": "e\u0301 \u4e2d \U0001f600 ' \" \\ % ? :id $1 <br>\n\t\x00\x7f\u2028",
    "": "a value without a name",
    "a.b $c \x00 \u4e2d": "a name that is not plain",
    "number": 0,
    "large": 2**63 - 1,
    "negative": -(2**63),
    "fraction": 0.1,
    "huge": 1e300,
    "whole fraction": 1.0,
    "true": True,
    "null": None,
    "list": [1, "1", 1.0, True, None, [], {}],
    "object": {"1": {"deep": [{"deeper": []}]}, "": ""},
    "long": "x" * 20_000,
}


async def check_store(store: Store) -> None:
    """Hold a store against everything that `Store` asks of one. It must have booted, and must keep nothing yet.

    Raises AssertionError, which says what the store must do and does not. What the checks keep is forgotten at the end,
    with everything else: `clear` is one of them. They take some seconds, in which they wait for sessions to expire.
    What a store does while its database is gone, they do not tell.
    """
    checks: list[Callable[[Store], Awaitable[None]]] = [
        _saves,
        _leaves_what_exists,
        _gives_copies,
        _updates,
        _updates_only_the_next_version,
        _updates_one_of_many,
        _loses_no_update,
        _touches,
        _touches_beside_updates,
        _replaces,
        _replaces_only_the_next_version,
        _replaces_in_one_step,
        _replaces_one_of_many,
        _destroys,
        _destroys_beside_writes,
        _saves_one_of_many,
        _keeps_many_apart,
        _clears,
        _cleans_up,
        _keeps_as_long_as_asked,
    ]
    try:
        for check in checks:
            await check(store)
    finally:
        await store.clear()


# what is kept


async def _saves(store: Store) -> None:
    _must(await store.read(_id()) is None, "read must give None for a session that was never kept")
    _must(not await store.destroy(_id()), "destroy must return False for a session that was never kept")
    for user_id in (None, 0, 7, 2**40, "7", "", "null", "ann@example.com \u4e2d"):
        for content in ({}, VALUES):
            state = _state(user_id=user_id, content=content, flash=content)
            await store.save(state, LONG)
            await _must_keep(store, state, "read must give a session as it was saved")
    await _with_time_enough(_takes_a_fraction, store, 0.5)


async def _takes_a_fraction(store: Store, idle: float) -> bool:
    """Whether there was time to see that a session is kept for so long, which is no whole number of seconds."""
    began = time.monotonic()
    state = await _saved(store, idle=idle)
    await asyncio.sleep(int(idle))  # as long as it is kept by a store that forgets the fraction
    found = await store.read(state.id)
    if time.monotonic() - began >= idle:
        return False
    _must_be(found, state, "save must take an idle time that is a fraction of a second")
    return True


async def _leaves_what_exists(store: Store) -> None:
    state = await _saved(store, content={"a": 1})
    for other in (state, altered(state, content={"b": 2}, user_id=3, updated_at=state.updated_at + 9)):
        try:
            await store.save(other, LONG)
        except SessionAlreadyExists:
            await _must_keep(store, state, "save must leave a session as it is that exists already")
        else:
            _must(False, "save must raise SessionAlreadyExists where a session with this id is kept")


async def _gives_copies(store: Store) -> None:
    given = _state(content={"list": [1]}, flash={"list": [1]})
    expected = _copy(given)
    await store.save(given, LONG)
    for each in (given, await _read(store, given.id), await _read(store, given.id)):
        each.content["list"].append(2)
        each.flash["list"].append(2)
        each.content["more"] = each.flash["more"] = 1
        each.user_id, each.version, each.updated_at = 9, 9, 9.0
        await _must_keep(store, expected, "what was saved or read must be a copy, which may change: nothing is written")
    given = altered(expected, version=2, content={"list": [2]}, flash={})
    expected = _copy(given)
    _must(await store.update(given, LONG), "update must return True when the version before is kept")
    given.content["list"].append(3)
    await _must_keep(store, expected, "what was given to update must be copied: it may change without a write")


async def _updates(store: Store) -> None:
    other = await _saved(store)
    state = await _saved(store, user_id="1", content={"a": 1}, flash={"b": 2})
    for version, user_id, values in ((2, 1, VALUES), (3, "ann", {}), (4, None, {"c": [None]})):
        state = altered(state, version=version, user_id=user_id, content=values, flash=values)
        state.updated_at += 1.25
        _must(await store.update(state, LONG), "update must return True when the version before is kept")
        await _must_keep(store, state, "update must write all of a session")
    await _must_keep(store, other, "update must write no other session")


async def _updates_only_the_next_version(store: Store) -> None:
    state = await _saved(store, version=5)
    for version in (1, 4, 5, 7, 50):
        stale = altered(state, version=version, content={"stale": version}, user_id="stale", updated_at=_now() + 5)
        _must(not await store.update(stale, LONG), "update must return False unless the version before is kept")
        await _must_keep(store, state, "update must change nothing unless the version before is kept")
    for gone in (_state(version=1), _state(version=2), altered(state, version=6)):
        if gone.id == state.id:
            await store.destroy(gone.id)
        _must(not await store.update(gone, LONG), "update must return False for a session that is gone")
        _must(await store.read(gone.id) is None, "update must not bring back a session that is gone")


async def _updates_one_of_many(store: Store) -> None:
    state = await _saved(store)
    rivals = [altered(state, version=2, content={"by": number}) for number in range(MANY)]
    written = await asyncio.gather(*(store.update(rival, LONG) for rival in rivals))
    _must(written.count(True) == 1, "of many updates of the same version at once, exactly one must be written")
    await _must_keep(store, rivals[written.index(True)], "the update that returned True must be the one that is kept")


async def _loses_no_update(store: Store) -> None:
    state = await _saved(store, content={"count": 0})

    async def count() -> None:
        while True:
            read = await _read(store, state.id)
            read.content["count"] += 1
            read.version += 1
            if await store.update(read, LONG):
                return
            await asyncio.sleep(random.random() / 500)

    await asyncio.gather(*(count() for _ in range(MANY)))
    found = await _read(store, state.id)
    _must(
        (found.content["count"], found.version) == (MANY, MANY + 1),
        "no update may be lost: the comparison of the version and the write must be one step",
    )


# the time of the last use


async def _touches(store: Store) -> None:
    _must(not await store.touch(_id(), _now(), LONG), "touch must return False for a session that was never kept")
    state = await _saved(store, content=VALUES, flash={"a": 1}, version=3)
    for after in (0.0, 10.125, 20.25):
        expected = altered(state, updated_at=state.updated_at + after)
        _must(
            await store.touch(state.id, expected.updated_at, LONG), "touch must return True for a session that is kept"
        )
        await _must_keep(store, expected, "touch must write the time of the last use, and nothing else")
    _must(
        await store.touch(state.id, state.updated_at, LONG), "touch must return True although its time is in the past"
    )
    await _must_keep(store, expected, "touch must not set the time of the last use back")
    *earlier, last = [expected.updated_at + number for number in range(MANY)]
    times = random.sample(earlier, len(earlier))
    times.insert(random.randrange(len(times)), last)  # not at the end: it would be kept where the last to come wins
    await asyncio.gather(*(store.touch(state.id, at, LONG) for at in times))
    expected.updated_at = last
    await _must_keep(store, expected, "of many touches at once, the latest must be kept")
    await store.destroy(state.id)
    _must(not await store.touch(state.id, last, LONG), "touch must return False for a session that is gone")
    _must(await store.read(state.id) is None, "touch must not bring back a session that is gone")


async def _touches_beside_updates(store: Store) -> None:
    state = await _saved(store, content={"count": 0})
    latest = state.updated_at + 1000

    async def count() -> None:
        for number in range(1, MANY):
            changed = altered(state, content={"count": number}, version=number + 1, updated_at=latest)
            _must(await store.update(changed, LONG), "touch must leave the version as it is")

    async def touch() -> None:
        for number in range(MANY):
            await store.touch(state.id, latest - number, LONG)

    await asyncio.gather(count(), touch(), touch(), touch())
    expected = altered(state, content={"count": MANY - 1}, version=MANY, updated_at=latest)
    await _must_keep(store, expected, "touch must not undo an update at the same time: it must be one step")


# another id


async def _replaces(store: Store) -> None:
    other = await _saved(store)
    state = await _saved(store, user_id=1, content={"a": 1}, flash={"b": 1})
    for version, user_id in ((2, "ann"), (3, None), (4, 2)):
        new = altered(state, id=_id(), version=version, user_id=user_id, content=VALUES, flash={"c": version})
        new.updated_at += 1.5
        done = await store.replace(state.id, new, LONG)
        _must(done, "replace must return True when the version before is kept")
        _must(await store.read(state.id) is None, "replace must forget the session under its old id")
        await _must_keep(store, new, "replace must keep the session under its new id")
        again = altered(new, id=_id())
        _must(not await store.replace(state.id, again, LONG), "replace must return False for a session that is gone")
        _must(await store.read(again.id) is None, "replace must keep nothing in the place of a session that is gone")
        state = new
    await _must_keep(store, other, "replace must write no other session")


async def _replaces_only_the_next_version(store: Store) -> None:
    state = await _saved(store, version=5)
    for version in (1, 4, 5, 7, 50):
        stale = altered(state, id=_id(), version=version, content={"stale": version})
        done = await store.replace(state.id, stale, LONG)
        _must(not done, "replace must return False unless the version before is kept")
        _must(await store.read(stale.id) is None, "replace must keep nothing new unless the version before is kept")
        await _must_keep(store, state, "replace must leave the old session unless its version is the one before")


async def _replaces_one_of_many(store: Store) -> None:
    state = await _saved(store)
    rivals = [altered(state, id=_id(), version=2, content={"by": number}) for number in range(MANY)]
    updates = [altered(state, version=2, content={"by": "an update"})] * 3
    done = await asyncio.gather(
        *(store.replace(state.id, rival, LONG) for rival in rivals), *(store.update(each, LONG) for each in updates)
    )
    _must(done.count(True) == 1, "of many writes of the same version at once, exactly one must be done")
    first = done.index(True)
    for number, rival in enumerate(rivals):
        kept = await store.read(rival.id) is not None
        _must(
            kept == (number == first), "of many that replace a session at once, only the one that is done must be kept"
        )
    old = await store.read(state.id)
    _must((old is None) == (first < MANY), "a session must be gone once it is replaced, and only then")


async def _replaces_in_one_step(store: Store) -> None:
    states = [await _saved(store)]
    for version in range(2, MANY):
        states.append(altered(states[0], id=_id(), version=version))
    ended = False

    async def watch(old: SessionState, new: SessionState) -> None:
        while not ended:
            is_new = await store.read(new.id) is not None
            is_old = await store.read(old.id) is not None
            _must(not (is_new and is_old), "replace must be one step: the old and the new session were kept at once")
            if not is_old:
                is_new = await store.read(new.id) is not None
                _must(is_new, "replace must be one step: for a time neither the old nor the new session was kept")
                return
            await asyncio.sleep(0)

    watchers: list[asyncio.Task[None]] = []
    try:
        for old, new in pairwise(states):
            watchers = [asyncio.create_task(watch(old, new)) for _ in range(3)]
            await asyncio.sleep(0)
            _must(await store.replace(old.id, new, LONG), "replace must return True when the version before is kept")
            await asyncio.gather(*watchers)
    finally:
        ended = True
        for watcher in watchers:
            watcher.cancel()
        await asyncio.gather(*watchers, return_exceptions=True)


# the end


async def _destroys(store: Store) -> None:
    state, other = await _saved(store), await _saved(store)
    _must(await store.destroy(state.id), "destroy must return True for a session that is kept")
    _must(await store.read(state.id) is None, "destroy must forget the session")
    _must(not await store.destroy(state.id), "destroy must return False for a session that is gone")
    await _must_keep(store, other, "destroy must forget no other session")
    destroyed = await asyncio.gather(*(store.destroy(other.id) for _ in range(MANY)))
    _must(destroyed.count(True) == 1, "of many that destroy a session at once, exactly one must be told True")


async def _destroys_beside_writes(store: Store) -> None:
    for _ in range(MANY):
        state = await _saved(store)
        new = altered(state, id=_id(), version=2)
        destroyed, replaced, *_ = await asyncio.gather(
            store.destroy(state.id),
            store.replace(state.id, new, LONG),
            store.touch(state.id, _now() + 1, LONG),
            store.touch(state.id, _now() + 2, LONG),
        )
        _must(await store.read(state.id) is None, "a session that is destroyed must not come back by a write")
        _must(destroyed != replaced, "of a session that is destroyed and replaced at once, exactly one must be done")
        is_kept = await store.read(new.id) is not None
        _must(is_kept == replaced, "a session must be kept under its new id when replace was done, and only then")
        state = await _saved(store)
        await asyncio.gather(store.update(altered(state, version=2), LONG), store.destroy(state.id))
        _must(await store.read(state.id) is None, "a session that is destroyed must not come back by a write")


# many at once


async def _saves_one_of_many(store: Store) -> None:
    id_ = _id()
    rivals = [_state(id=id_, content={"by": number}) for number in range(MANY)]
    results = await asyncio.gather(*(store.save(rival, LONG) for rival in rivals), return_exceptions=True)
    for result in results:
        if result is not None and not isinstance(result, SessionAlreadyExists):
            raise result
    _must(results.count(None) == 1, "of many that save the same new session at once, exactly one must not be refused")
    await _must_keep(
        store, rivals[results.index(None)], "of many that save a session at once, the one done must be kept"
    )


async def _keeps_many_apart(store: Store) -> None:
    async def live(number: int) -> None:
        state = await _saved(store, user_id=number, content={"number": number})
        for version in (2, 3):
            state = altered(state, version=version, content={"number": number, "version": version})
            _must(await store.update(state, LONG), "update must return True when the version before is kept")
            await _must_keep(store, state, "sessions that are used at once must not be mixed up")

    await asyncio.gather(*(live(number) for number in range(MANY * 3)))


async def _clears(store: Store) -> None:
    states = [await _saved(store) for _ in range(MANY)]
    await store.clear()
    left = [state.id for state in states if await store.read(state.id) is not None]
    _must(not left, "clear must forget all sessions")
    await store.clear()
    await _saved(store)


# time


async def _cleans_up(store: Store) -> None:
    """As `clean_up` does it, or, in a store which then returns nothing, as the database does it by itself."""
    await store.clear()
    now = _now()
    idle_since, created_before = now - 100, now - 1000
    kept = [
        await _saved(store, updated_at=now, created_at=now),
        await _saved(store, updated_at=idle_since + 0.5, created_at=created_before + 0.5),
    ]
    ended = [
        await _saved(store, updated_at=idle_since, created_at=now - 200),
        await _saved(store, updated_at=idle_since - 50, created_at=now - 200),
        await _saved(store, updated_at=now, created_at=created_before),
        await _saved(store, updated_at=now, created_at=created_before - 50),
        await _saved(store, updated_at=idle_since - 50, created_at=created_before - 50),
    ]
    told = list(await store.clean_up(idle_since, created_before))
    for state in kept:
        await _must_keep(store, state, "clean_up must leave sessions that have not expired")
    left = [state.id for state in ended if await store.read(state.id) is not None]
    if told or len(left) < len(ended):
        _must(not left, "clean_up must forget all sessions last used, or created, at the given times or before")
        _must(
            sorted(told) == sorted(state.id for state in ended),
            "clean_up must return the ids of those it has forgotten",
        )
        return
    short = await _saved(store, idle=0.2)
    until = time.monotonic() + 0.2 + FORGOTTEN_WITHIN
    is_late = False
    while await store.read(short.id) is not None:
        _must(not is_late, "a store whose clean_up does nothing must forget idle sessions by itself")
        await asyncio.sleep(0.1)
        is_late = time.monotonic() >= until  # before it is read: nobody knows how long that takes


async def _keeps_as_long_as_asked(store: Store) -> None:
    await _with_time_enough(_kept_for, store, 0.8)


async def _kept_for(store: Store, idle: float) -> bool:
    """Whether there was time to see that each write lets a session live for `idle` seconds more."""
    started = time.monotonic()
    touched, updated, moved = [await _saved(store, idle=idle) for _ in range(3)]
    long = await _saved(store, idle=2 * idle)
    await asyncio.sleep(0.7 * idle)
    began = time.monotonic()
    new = altered(moved, id=_id(), version=2)
    done = [
        await store.touch(touched.id, _now(), idle),
        await store.update(altered(updated, version=2), idle),
        await store.replace(moved.id, new, idle),
    ]
    if time.monotonic() - started >= idle:
        return False
    _must(all(done), "a session must be kept for the idle time from its save on")
    await asyncio.sleep(max(0.0, began + 0.7 * idle - time.monotonic()))
    found = [await store.read(id_) is not None for id_ in (touched.id, updated.id, new.id, long.id)]
    if time.monotonic() - began >= idle:
        return False
    for name, is_kept in zip(("touch", "update", "replace", "save"), found, strict=True):
        _must(is_kept, f"a session must be kept for the idle time that was given to {name}, from then on")
    return True


# what the checks are made of


async def _with_time_enough(check: Callable[[Store, float], Awaitable[bool]], store: Store, idle: float) -> None:
    """In real time; where the machine was too slow to tell, once more with more of it, and again no whole seconds."""
    while not await check(store, idle):
        idle = 2 * idle + 0.5


def _must(holds: bool, rule: str) -> None:
    if not holds:
        raise AssertionError(f"The store breaks a rule: {rule}.")


async def _must_keep(store: Store, expected: SessionState, rule: str) -> None:
    _must_be(await store.read(expected.id), expected, rule)


def _must_be(found: SessionState | None, expected: SessionState, rule: str) -> None:
    if found is None:
        raise AssertionError(f"The store breaks a rule: {rule}. It has lost the session.")
    differ = [name for name in SessionState.__struct_fields__ if _plain(found, name) != _plain(expected, name)]
    if differ:
        shown = "; ".join(f"{name} is {_shown(found, name)}, not {_shown(expected, name)}" for name in differ)
        raise AssertionError(f"The store breaks a rule: {rule}. Here {shown}.")


def _plain(state: SessionState, name: str) -> bytes:
    """A field so that 1, 1.0, True and "1" differ, and the order of names does not matter."""
    value = getattr(state, name)
    return msgspec.json.encode(float(value) if name.endswith("_at") else value, order="deterministic")


def _shown(state: SessionState, name: str) -> str:
    text = repr(getattr(state, name))
    return text if len(text) <= 200 else text[:200] + "…"


def _id() -> str:
    return session_id(secrets.token_urlsafe(32))


def _now() -> float:
    return time.time()


def _state(**fields: Any) -> SessionState:
    now = _now()
    given: dict[str, Any] = {
        "id": _id(),
        "content": {},
        "flash": {},
        "created_at": now - 7.75,
        "updated_at": now - 0.1,
    } | fields
    return _copy(SessionState(**given))


def _copy(state: SessionState) -> SessionState:
    return msgspec.json.decode(msgspec.json.encode(state), type=SessionState)


async def _saved(store: Store, idle: float = LONG, **fields: Any) -> SessionState:
    state = _state(**fields)
    await store.save(_copy(state), idle)
    return state


async def _read(store: Store, id_: str) -> SessionState:
    found = await store.read(id_)
    if found is None:
        raise AssertionError("The store breaks a rule: a session must be kept until it is destroyed. It has lost one.")
    return found
