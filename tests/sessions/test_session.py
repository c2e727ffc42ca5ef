"""Sessions as apps see them, on a store in memory and with a clock that the tests set."""

from __future__ import annotations

import asyncio
import logging
import uuid
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessions.stores import Clock, Observer, SlowStore
from unit.clock import in_fake_time, run, turns
from whinny import ServiceManager, Settings
from whinny.errors import ConfigurationError, EncodeError, SessionDestroyed, SessionError
from whinny.sessions import CSRF_KEY, MemoryStore, Session, Sessions, Store, Timeouts, session_id
from whinny.sessions.session import CLEAN_UP_EVERY, MOST_CONFLICTS

IDLE, ABSOLUTE = 900.0, 604_800.0


def sessions_on(store: Store) -> Sessions:
    return Sessions(store, Timeouts(IDLE, ABSOLUTE), Clock())


def pass_time(sessions: Sessions, seconds: float) -> None:
    assert isinstance(sessions.clock, Clock)
    sessions.clock.now += seconds


async def kept(sessions: Sessions, **values: Any) -> Session:
    """A session that was kept, with these values."""
    session = sessions.create()
    session.content.update(values)
    await session.commit()
    return session


async def loaded(sessions: Sessions, token: str) -> Session:
    session = await sessions.read(token)
    assert session is not None
    return session


def values(session: Session) -> dict[str, Any]:
    return {key: value for key, value in session.content.items() if key != CSRF_KEY}


# values


@in_fake_time
async def test_a_new_session_is_kept_when_it_commits() -> None:
    sessions = sessions_on(MemoryStore())
    session = sessions.create()
    assert session.is_new
    assert session.user_id is None
    assert session.id == session_id(session.token)
    assert len(session.token) == 43
    assert session.token not in repr(session)
    assert await sessions.read(session.token) is None
    session.set("a", {"b": [1]})
    await session.commit()
    assert not session.is_new
    again = await loaded(sessions, session.token)
    assert (again.id, again.token, again.is_new) == (session.id, session.token, False)
    assert again.get("a") == {"b": [1]}
    assert again.get("none", 5) == 5
    assert await sessions.read(session.id) is None


@in_fake_time
async def test_changes_are_kept_when_they_are_committed_and_only_then() -> None:
    sessions = sessions_on(MemoryStore())
    session = await kept(sessions, a=1, b=[1], c=1)
    session.set("a", 2)
    session.content["b"].append(2)
    session.delete("c")
    session.delete("never there")
    assert values(await loaded(sessions, session.token)) == {"a": 1, "b": [1], "c": 1}
    await session.commit()
    assert values(await loaded(sessions, session.token)) == {"a": 2, "b": [1, 2]}
    session.content["b"].append(3)  # after a commit as before it
    session.content["d"] = 1
    await session.commit()
    assert values(await loaded(sessions, session.token)) == {"a": 2, "b": [1, 2, 3], "d": 1}


@in_fake_time
async def test_the_content_stays_the_same_dict_over_commits() -> None:
    """Who holds `content` or a value in it may go on changing it."""
    sessions = sessions_on(MemoryStore())
    session = sessions.create()
    content, cart = session.content, session.content.setdefault("cart", [])
    for number in range(3):
        cart.append(number)
        content["number"] = number
        await session.commit()
        assert values(await loaded(sessions, session.token)) == {"cart": list(range(number + 1)), "number": number}


@pytest.mark.parametrize("value", [object(), {1, object()}, "\ud800", {(1, 2): 3}])
@in_fake_time
async def test_a_value_that_json_cannot_hold_is_refused(value: Any) -> None:
    """By `set` at once, and by the commit where it came in place; nothing of that commit is kept."""
    sessions = sessions_on(MemoryStore())
    for session in (sessions.create(), await kept(sessions, a=1)):
        with pytest.raises(EncodeError, match="'bad'"):
            session.set("bad", value)
        with pytest.raises(EncodeError, match="'bad'"):
            session.set("bad", value, flash=True)
        session.content["bad"] = value
        session.set("good", 1)
        with pytest.raises(EncodeError, match="'bad'"):
            await session.commit()
        found = await sessions.read(session.token)
        assert found is None or values(found) == {"a": 1}
        session.delete("bad")
        await session.commit()
        assert (await loaded(sessions, session.token)).get("good") == 1


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (datetime(2020, 1, 2, tzinfo=UTC), "JSON would make its datetime a str"),
        (uuid.UUID(int=1), "JSON would make its UUID a str"),
        ((1, 2), "JSON would make its tuple a list"),
        (b"x", "JSON would make its bytes a str"),
        (float("nan"), "JSON would make its float a NoneType"),
        (Timeouts(), "JSON would make its Timeouts a dict"),
        ({1: 2}, "would change what is in it"),
        ({"point": (1, 2)}, "would change what is in it"),
        ([uuid.UUID(int=1)], "would change what is in it"),
    ],
)
@in_fake_time
async def test_a_value_that_would_come_back_as_another_is_refused(value: Any, why: str) -> None:
    """The next request is to see what this one sees. By `set`, and by the commit; `delete` makes all well again."""
    sessions = sessions_on(MemoryStore())
    for session in (sessions.create(), await kept(sessions, a=1)):
        for flash in (False, True):
            with pytest.raises(EncodeError, match=f"'bad' cannot be kept in a session: .*{why}"):
                session.set("bad", value, flash=flash)
        message: list[Any] = []
        session.set("message", message, flash=True)
        message.append(value)
        with pytest.raises(EncodeError, match="'message'"):
            await session.commit()
        message.clear()
        session.content["bad"] = value
        with pytest.raises(EncodeError, match=why):
            await session.commit()
        session.delete("bad")
        await session.commit()


@pytest.mark.parametrize("value", ["é", 2**80, -1.5, True, None, [1, [None]], {"a": {"b": [False]}}, {}])
@in_fake_time
async def test_other_values_come_back_as_they_were(value: Any) -> None:
    sessions = sessions_on(MemoryStore())
    session = sessions.create()
    session.set("it", value)
    await session.commit()
    found = (await loaded(sessions, session.token)).get("it")
    assert found == value
    assert type(found) is type(value)


@in_fake_time
async def test_names_are_text() -> None:
    """Another one would come back as text, under which nobody looks for it."""
    sessions = sessions_on(MemoryStore())
    session: Any = await kept(sessions)
    with pytest.raises(EncodeError, match="names are text"):
        session.set(1, "a")
    session.content[1] = "a"
    with pytest.raises(EncodeError, match="names are text"):
        await session.commit()


@in_fake_time
async def test_flash_that_cannot_be_kept_any_more_is_refused() -> None:
    sessions = sessions_on(MemoryStore())
    session = await kept(sessions)
    message: list[Any] = []
    session.set("message", message, flash=True)
    message.append(object())
    with pytest.raises(EncodeError, match="'message'"):
        await session.commit()


# flash


@in_fake_time
async def test_flash_is_there_for_the_next_load_and_only_for_that() -> None:
    sessions = sessions_on(MemoryStore())
    first = sessions.create()
    first.set("message", "Saved", flash=True)
    first.set("message", "content")
    assert first.get("message") == "content"
    await first.commit()
    assert first.get("message") == "content"
    second = await loaded(sessions, first.token)
    assert second.get("message") == "Saved"
    peek = await loaded(sessions, first.token)  # nothing was committed: it is still there
    assert peek.get("message") == "Saved"
    await second.commit()
    assert second.get("message") == "content"
    assert (await loaded(sessions, first.token)).get("message") == "content"


@in_fake_time
async def test_flash_can_be_set_again_by_who_reads_it() -> None:
    sessions = sessions_on(MemoryStore())
    first = await kept(sessions)
    first.set("count", [1], flash=True)
    await first.commit()
    await first.commit()  # of the same request: it is not the next
    for number in (1, 2, 3):
        session = await loaded(sessions, first.token)
        assert session.get("count") == [number]
        session.get("count").append("changed in place, which is kept nowhere")
        session.set("count", [number + 1], flash=True)
        await session.commit()
    last = await loaded(sessions, first.token)
    last.get("count").append(9)
    await last.commit()
    assert (await loaded(sessions, first.token)).get("count") is None


@in_fake_time
async def test_flash_that_another_has_set_meanwhile_stays() -> None:
    """Also under the name of flash that was read."""
    sessions = sessions_on(MemoryStore())
    first = await kept(sessions)
    first.set("a", "old", flash=True)
    await first.commit()
    one, other = await loaded(sessions, first.token), await loaded(sessions, first.token)
    one.set("a", "new", flash=True)
    one.set("b", "new", flash=True)
    await one.commit()
    await other.commit()
    last = await loaded(sessions, first.token)
    assert (last.get("a"), last.get("b")) == ("new", "new")


# two at once


@in_fake_time
async def test_two_that_commit_at_once_lose_nothing() -> None:
    """Values set, deleted and changed in place are merged by name; what both have changed is as the last one has it."""
    sessions = sessions_on(SlowStore())
    first = await kept(sessions, mine=[1], yours=[1], both=0, gone=1, untouched=1)
    one, other = await loaded(sessions, first.token), await loaded(sessions, first.token)
    one.content["mine"].append(2)
    one.set("new by one", 1)
    one.set("both", 1)
    other.content["yours"].append(2)
    other.delete("gone")
    other.set_user(7)
    await one.commit()
    other.set("both", 2)
    await asyncio.gather(other.commit(), one.commit())
    expected = {"mine": [1, 2], "yours": [1, 2], "both": 2, "untouched": 1, "new by one": 1}
    last = await loaded(sessions, first.token)
    assert values(last) == values(other) == expected
    assert last.user_id == other.user_id == 7
    assert values(one) != expected  # it has not looked since
    one.set("more", 1)
    await one.commit()
    assert values(one) == expected | {"more": 1}
    assert one.user_id == 7


@in_fake_time
async def test_a_commit_takes_over_what_others_changed_but_not_over_what_is_changed_meanwhile() -> None:
    store = SlowStore()
    sessions = sessions_on(store)
    first = await kept(sessions, a=1, b=1, c=1)
    one, other = await loaded(sessions, first.token), await loaded(sessions, first.token)
    other.content.update(a="other", b="other", c="other")
    await other.commit()
    one.set("d", 1)
    store.turns = lambda: 10
    commit = asyncio.create_task(one.commit())
    await asyncio.sleep(0)
    one.set("b", "meanwhile")
    one.content["c"] = object()
    await commit
    assert {key: one.get(key) for key in "abd"} == {"a": "other", "b": "meanwhile", "d": 1}
    one.delete("c")
    await one.commit()
    assert values(await loaded(sessions, first.token)) == {"a": "other", "b": "meanwhile", "d": 1}


@pytest.mark.parametrize("is_new", [True, False])
@in_fake_time
async def test_what_changes_while_a_commit_is_under_way_is_kept_by_the_next(is_new: bool) -> None:
    """Two events on a socket may share a session."""
    store = SlowStore()
    sessions = sessions_on(store)
    session = sessions.create() if is_new else await kept(sessions)
    session.set("early", [1])
    store.turns = lambda: 10
    commit = asyncio.create_task(session.commit())
    await asyncio.sleep(0)
    session.content["early"].append(2)
    session.set("late", 1)
    session.set("flash", 1, flash=True)
    session.set_user("ann")
    await asyncio.gather(commit, session.commit(), session.commit())
    assert store.calls.count("save") == 1
    last = await loaded(sessions, session.token)
    assert values(last) == {"early": [1, 2], "late": 1}
    assert (last.get("flash"), last.user_id) == (1, "ann")


@in_fake_time
async def test_many_that_commit_at_once_all_do() -> None:
    sessions = sessions_on(SlowStore())
    first = await kept(sessions)
    many = [await loaded(sessions, first.token) for _ in range(300)]
    for number, session in enumerate(many):
        session.set(str(number), number)
    await asyncio.gather(*(session.commit() for session in many))
    assert values(await loaded(sessions, first.token)) == {str(number): number for number in range(300)}


@in_fake_time
async def test_a_commit_that_never_comes_through_says_so() -> None:
    """Where the store tells each time that another one came between."""

    class Busy(MemoryStore):
        asked = 0

        async def update(self, state: Any, idle: float) -> bool:
            self.asked += 1
            return False

    store = Busy()
    session = await kept(sessions_on(store))
    session.set("a", 1)
    with pytest.raises(SessionError, match=f"{MOST_CONFLICTS} times"):
        await session.commit()
    assert store.asked == MOST_CONFLICTS


Step = tuple[int, str, int]
STEPS = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from(["set", "append", "delete", "commit", "commit later", "load", "flash"]),
        st.integers(0, 2),
    ),
    max_size=40,
)


@given(steps=STEPS, pauses=st.lists(st.integers(0, 4), min_size=1))
def test_commits_in_any_order_lose_nothing(steps: list[Step], pauses: list[int]) -> None:
    """Four sessions of one client, each with values of its own, which commit one after another and at once."""
    run(_interleave(steps, pauses))


async def _interleave(steps: list[Step], pauses: list[int]) -> None:
    store = SlowStore()
    sessions = sessions_on(store)
    first = await kept(sessions)
    drawn = iter(pauses * 1000)
    store.turns = lambda: next(drawn, 0)
    open_sessions = [await loaded(sessions, first.token) for _ in range(4)]
    expected: list[dict[str, Any]] = [{} for _ in range(4)]
    commits: list[asyncio.Task[None]] = []
    for who, what, which in steps:
        session, key = open_sessions[who], f"{who}.{which}"
        if what == "set":
            session.set(key, [which])
            expected[who][key] = [which]
        elif what == "append":
            session.content.setdefault(key, []).append(which)
            expected[who].setdefault(key, []).append(which)
        elif what == "delete":
            session.delete(key)
            expected[who].pop(key, None)
        elif what == "commit":
            await session.commit()
        elif what == "commit later":
            commits.append(asyncio.create_task(session.commit()))
            await asyncio.sleep(0)
        elif what == "load":
            await asyncio.gather(*commits)
            await session.commit()
            open_sessions[who] = await loaded(sessions, first.token)
        elif what == "flash":
            session.set("flash", who, flash=True)
    await asyncio.gather(*commits)
    await asyncio.gather(*(session.commit() for session in open_sessions))
    merged = expected[0] | expected[1] | expected[2] | expected[3]
    assert values(await loaded(sessions, first.token)) == merged


# whose it is


@in_fake_time
async def test_the_user_comes_back_with_his_type() -> None:
    sessions = sessions_on(MemoryStore())
    session = await kept(sessions)
    number = uuid.uuid4()
    for user, expected in [
        (7, 7),
        ("7", "7"),
        (SimpleNamespace(id=0), 0),
        (SimpleNamespace(id=number), str(number)),
        (None, None),
        ("", ""),
    ]:
        session.set_user(user)
        assert session.user_id == expected
        await session.commit()
        found = (await loaded(sessions, session.token)).user_id
        assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize("user", [True, object(), SimpleNamespace(id=None), SimpleNamespace(id=False)])
def test_who_has_no_id_is_no_user(user: Any) -> None:
    session = sessions_on(MemoryStore()).create()
    session.set_user(3)
    with pytest.raises(TypeError, match="id"):
        session.set_user(user)
    assert session.user_id == 3


@in_fake_time
async def test_a_user_whom_another_commit_has_set_stays() -> None:
    sessions = sessions_on(MemoryStore())
    first = await kept(sessions)
    one, other = await loaded(sessions, first.token), await loaded(sessions, first.token)
    one.set_user(5)
    other.set("a", 1)
    await one.commit()
    await other.commit()
    last = await loaded(sessions, first.token)
    assert (last.user_id, last.get("a"), other.user_id) == (5, 1, 5)


# another token


@in_fake_time
async def test_a_regenerated_session_has_another_token_and_the_rest_as_before() -> None:
    store = MemoryStore()
    sessions, observer = sessions_on(store), Observer(store)
    session = await kept(sessions, a=1)
    session.set("b", 2, flash=True)
    session.set_user(4)
    old, csrf = session.token, session.csrf_token
    session.regenerate()
    assert session.token != old
    assert session.id == session_id(session.token)
    assert await sessions.read(session.token) is None
    assert await sessions.read(old) is not None
    await session.commit()
    assert await sessions.read(old) is None
    last = await loaded(sessions, session.token)
    assert (values(last), last.get("b"), last.user_id) == ({"a": 1}, 2, 4)
    assert last.csrf_token == session.csrf_token != csrf
    assert observer.replaced == [(session_id(old), session.id)]
    assert observer.ended == []
    await session.commit()
    assert len(observer.replaced) == 1


@pytest.mark.parametrize("is_new", [True, False])
@in_fake_time
async def test_two_regenerations_leave_one_token(is_new: bool) -> None:
    store = MemoryStore()
    sessions = sessions_on(store)
    session = sessions.create() if is_new else await kept(sessions)
    tokens = [session.token]
    for _ in range(2):
        session.regenerate()
        tokens.append(session.token)
    await session.commit()
    session.regenerate()
    tokens.append(session.token)
    await session.commit()
    found = [await sessions.read(token) is not None for token in tokens]
    assert found == [False, False, False, True]


@pytest.mark.parametrize("is_new", [True, False])
@in_fake_time
async def test_a_session_destroyed_after_a_regeneration_leaves_no_token(is_new: bool) -> None:
    sessions = sessions_on(MemoryStore())
    session = sessions.create() if is_new else await kept(sessions)
    old = session.token
    session.regenerate()
    await session.destroy()
    assert session.is_destroyed
    assert await sessions.read(old) is None
    assert await sessions.read(session.token) is None


@in_fake_time
async def test_a_destroyed_session_cannot_be_regenerated() -> None:
    sessions = sessions_on(MemoryStore())
    session = await kept(sessions)
    await session.destroy()
    token = session.token
    with pytest.raises(SessionDestroyed):
        session.regenerate()
    assert session.token == token
    assert session.is_destroyed


@in_fake_time
async def test_a_session_of_which_that_is_forbidden_cannot_be_regenerated() -> None:
    session = await kept(sessions_on(MemoryStore()))
    session.forbid_regeneration("The browser would keep the old cookie.")
    token = session.token
    with pytest.raises(SessionError, match="old cookie"):
        session.regenerate()
    assert session.token == token


@in_fake_time
async def test_of_two_that_regenerate_a_session_at_once_one_does() -> None:
    sessions = sessions_on(SlowStore())
    first = await kept(sessions)
    pair = [await loaded(sessions, first.token) for _ in range(2)]
    for session in pair:
        session.regenerate()
    results = await asyncio.gather(*(session.commit() for session in pair), return_exceptions=True)
    assert sorted(map(type, results), key=str) == sorted([type(None), SessionDestroyed], key=str)
    for session, result in zip(pair, results, strict=True):
        assert (await sessions.read(session.token) is not None) == (result is None)
        assert session.is_destroyed == (result is not None)


@in_fake_time
async def test_a_regeneration_takes_along_what_others_have_committed() -> None:
    sessions = sessions_on(MemoryStore())
    first = await kept(sessions)
    one, other = await loaded(sessions, first.token), await loaded(sessions, first.token)
    other.set("a", 1)
    await other.commit()
    one.regenerate()
    await one.commit()
    assert (await loaded(sessions, one.token)).get("a") == 1
    with pytest.raises(SessionDestroyed):
        await other.commit()


# the end


@in_fake_time
async def test_a_destroyed_session_is_gone_and_cannot_be_committed() -> None:
    store = MemoryStore()
    sessions, observer = sessions_on(store), Observer(store)
    session = await kept(sessions)
    await session.destroy()
    await session.destroy()
    assert observer.ended == [session.id]
    session.set("a", 1)
    with pytest.raises(SessionDestroyed):
        await session.commit()
    assert await sessions.read(session.token) is None


@in_fake_time
async def test_to_destroy_a_session_and_not_to_await_that_is_an_error_of_the_commit() -> None:
    """Somebody would stay logged in who believes that he is not."""
    sessions = sessions_on(MemoryStore())
    session = await kept(sessions)
    forgotten: Any = session.destroy()
    with pytest.raises(SessionError, match="write await before it"):
        await session.commit()
    with pytest.raises(SessionError, match="write await before it"):
        session.regenerate()
    assert await sessions.read(session.token) is not None
    await forgotten
    assert session.is_destroyed
    assert await sessions.read(session.token) is None


@in_fake_time
async def test_a_new_session_that_is_destroyed_was_never_kept() -> None:
    store = SlowStore()
    sessions, observer = sessions_on(store), Observer(store)
    session = sessions.create()
    await session.destroy()
    assert session.is_destroyed
    assert (observer.ended, store.calls) == ([], [])
    with pytest.raises(SessionDestroyed):
        await session.commit()


@pytest.mark.parametrize("change", ["nothing", "content", "flash", "user", "regenerate"])
@in_fake_time
async def test_a_session_destroyed_elsewhere_does_not_come_back(change: str) -> None:
    store = MemoryStore()
    sessions = sessions_on(store)
    session = await kept(sessions)
    await sessions.destroy(session.id)
    if change == "content":
        session.set("a", 1)
    elif change == "flash":
        session.set("a", 1, flash=True)
    elif change == "user":
        session.set_user(1)
    elif change == "regenerate":
        session.regenerate()
    with pytest.raises(SessionDestroyed):
        await session.commit()
    assert session.is_destroyed
    assert not store._kept


@in_fake_time
async def test_a_session_destroyed_while_it_is_saved_is_destroyed() -> None:
    store = SlowStore()
    sessions = sessions_on(store)
    session = sessions.create()
    commit = asyncio.create_task(session.commit())
    await asyncio.sleep(0)
    await session.destroy()
    await commit
    assert await sessions.read(session.token) is None


@in_fake_time
async def test_observers_hear_of_those_that_were_destroyed_before_the_store_failed() -> None:
    class Failing(MemoryStore):
        async def destroy(self, id: str) -> bool:  # noqa: A002
            if id == "b":
                raise OSError("gone")
            return await super().destroy(id)

    store = Failing()
    sessions, observer = sessions_on(store), Observer(store)
    with pytest.raises(OSError, match="gone"):
        await sessions.destroy("a", "b", "c")
    assert observer.ended == ["a"]


@in_fake_time
async def test_an_observer_that_nobody_holds_hears_nothing() -> None:
    store = MemoryStore()
    Observer(store)
    assert list(store.observers) == []
    assert MemoryStore().observers is not store.observers


# time


@in_fake_time
async def test_a_session_ends_when_it_is_not_used() -> None:
    """A commit that changes nothing is use; reading alone is not."""
    store = MemoryStore()
    sessions, observer = sessions_on(store), Observer(store)
    session = await kept(sessions)
    pass_time(sessions, IDLE - 0.001)
    assert await sessions.read(session.token) is not None
    assert await sessions.ends_at(session.id) == session.expires_at == pytest.approx(sessions.clock() + 0.001)
    await (await loaded(sessions, session.token)).commit()
    pass_time(sessions, IDLE - 0.001)
    assert await sessions.read(session.token) is not None
    pass_time(sessions, 0.001)
    assert await sessions.ends_at(session.id) is None
    assert observer.ended == []
    assert await sessions.read(session.token) is None
    assert observer.ended == [session.id]
    assert not store._kept


@in_fake_time
async def test_a_session_ends_however_much_it_is_used() -> None:
    sessions = sessions_on(MemoryStore())
    session = await kept(sessions)
    for number in range(int(ABSOLUTE / (IDLE - 1))):
        pass_time(sessions, IDLE - 1)
        used = await loaded(sessions, session.token)
        if number % 2:
            used.set("a", number)
        if number % 100 == 3:
            used.regenerate()
            session = used
        await used.commit()
        assert used.expires_at <= session._state.created_at + ABSOLUTE
    pass_time(sessions, IDLE - 1)
    assert await sessions.read(session.token) is None


@in_fake_time
async def test_the_time_of_the_last_use_does_not_go_back() -> None:
    """Where the clock of one server is behind that of another."""
    sessions = sessions_on(MemoryStore())
    session = await kept(sessions)
    for change in (False, True):
        expires_at = session.expires_at
        pass_time(sessions, -100)
        other = await loaded(sessions, session.token)
        if change:
            other.set("a", 1)
        await other.commit()
        assert other.expires_at == expires_at
        assert await sessions.ends_at(session.id) == expires_at


@in_fake_time
async def test_a_commit_now_and_then_forgets_what_has_expired() -> None:
    store = SlowStore()
    sessions, observer = sessions_on(store), Observer(store)
    old = await kept(sessions)
    pass_time(sessions, IDLE + 1)
    live = await kept(sessions)
    await turns(5)
    assert store.calls.count("clean_up") == 1
    assert observer.ended == [old.id]
    for _ in range(3):
        await live.commit()
    assert store.calls.count("clean_up") == 1
    pass_time(sessions, CLEAN_UP_EVERY)
    await asyncio.gather(live.commit(), (await loaded(sessions, live.token)).commit())
    await turns(5)
    assert store.calls.count("clean_up") == 2
    assert observer.ended == [old.id]


@in_fake_time
async def test_a_clean_up_that_fails_is_logged_and_the_commit_is_done(caplog: pytest.LogCaptureFixture) -> None:
    store = SlowStore()
    sessions = sessions_on(store)
    store.fails = {"clean_up"}
    pass_time(sessions, CLEAN_UP_EVERY)
    with caplog.at_level(logging.ERROR):
        session = await kept(sessions, a=1)
        await turns(5)
    assert "could not be cleaned up" in caplog.text
    assert values(await loaded(sessions, session.token)) == {"a": 1}
    with pytest.raises(OSError, match="gone"):
        await sessions.clean_up()


@pytest.mark.parametrize(
    ("idle", "absolute"),
    [(0, 1), (-1, 5), (1, 0), (10, 9), (1, float("inf")), (float("nan"), 1), (1, 1e12), ("1", 2), (True, 2)],
)
def test_timeouts_that_make_no_sense_are_refused(idle: Any, absolute: Any) -> None:
    with pytest.raises(ConfigurationError, match="timeout"):
        Timeouts(idle, absolute)


def test_the_service_takes_the_store_and_the_timeouts_of_the_app() -> None:
    store = MemoryStore()
    services = ServiceManager(Settings(session_idle_timeout=5, session_absolute_timeout=50))
    services.set(Store, store)
    sessions = services.get(Sessions)
    assert sessions.store is store
    assert sessions.timeouts == Timeouts(5, 50)
    assert isinstance(ServiceManager(Settings(session_store="memory:")).get(Sessions).store, MemoryStore)


def test_sessions_made_by_hand_over_a_store_have_the_default_timeouts() -> None:
    assert Sessions(MemoryStore()).timeouts == Timeouts()


# the token against forged requests


@in_fake_time
async def test_the_csrf_token_is_the_sessions_own() -> None:
    sessions = sessions_on(MemoryStore())
    session, other = await kept(sessions), await kept(sessions)
    assert len(session.csrf_token) == 43
    assert len({session.csrf_token, session.token, session.id, other.csrf_token}) == 4
    again = await loaded(sessions, session.token)
    assert again.is_csrf_token(session.csrf_token)
    for wrong in ("", other.csrf_token, session.csrf_token[:-1], session.csrf_token + "x", "\ud800", "\u4e2d"):
        assert not again.is_csrf_token(wrong)


@pytest.mark.parametrize("value", [None, "", 5])
@in_fake_time
async def test_a_session_without_a_csrf_token_fits_no_token(value: Any) -> None:
    session = await kept(sessions_on(MemoryStore()))
    session.set(CSRF_KEY, value)
    with pytest.raises(SessionError, match=CSRF_KEY):
        session.is_csrf_token("")


# a store that fails


@pytest.mark.parametrize("change", ["new", "nothing", "content", "flash", "regenerate"])
@in_fake_time
async def test_a_commit_that_failed_can_be_tried_again(change: str) -> None:
    """With everything that it had to keep, flash read and set too."""
    store = SlowStore()
    sessions = sessions_on(store)
    session = sessions.create()
    if change != "new":
        session.set("read", 1, flash=True)
        await session.commit()
        session = await loaded(sessions, session.token)
    if change in ("new", "content", "regenerate"):
        session.set("a", 1)
        session.set_user(3)
    if change == "flash":
        session.set("left", 1, flash=True)
    if change == "regenerate":
        session.regenerate()
    before = dict(session.content)
    store.fails = {"save", "touch", "update", "replace"}
    for _ in range(2):
        with pytest.raises(OSError, match="gone"):
            await session.commit()
        assert not session.is_destroyed
        assert session.is_new == (change == "new")
        assert session.content == before
    store.fails = set()
    await session.commit()
    last = await loaded(sessions, session.token)
    assert last.content == before
    assert last.user_id == session.user_id
    assert (last.get("left"), last.get("read")) == (1 if change == "flash" else None, None)


@in_fake_time
async def test_a_conflict_that_cannot_be_read_can_be_tried_again() -> None:
    store = SlowStore()
    sessions = sessions_on(store)
    session = await kept(sessions)
    other = await loaded(sessions, session.token)
    other.set("a", 1)
    await other.commit()
    session.set("b", 1)
    store.fails = {"read"}
    with pytest.raises(OSError, match="gone"):
        await session.commit()
    store.fails = set()
    await session.commit()
    assert values(session) == values(await loaded(sessions, session.token)) == {"a": 1, "b": 1}


@in_fake_time
async def test_a_destruction_that_failed_can_be_tried_again() -> None:
    store = SlowStore()
    sessions, observer = sessions_on(store), Observer(store)
    session = await kept(sessions)
    store.fails = {"destroy"}
    with pytest.raises(OSError, match="gone"):
        await session.destroy()
    assert not session.is_destroyed
    assert observer.ended == []
    store.fails = set()
    await session.destroy()
    assert observer.ended == [session.id]
    assert await sessions.read(session.token) is None


@in_fake_time
async def test_a_commit_that_is_cancelled_lets_the_next_one_in() -> None:
    store = SlowStore()
    sessions = sessions_on(store)
    session = await kept(sessions)
    session.set("a", 1)
    store.turns = lambda: 10
    commit = asyncio.create_task(session.commit())
    await asyncio.sleep(0)
    commit.cancel()
    await asyncio.gather(commit, return_exceptions=True)
    assert commit.cancelled()
    await session.commit()
    assert values(await loaded(sessions, session.token)) == {"a": 1}
