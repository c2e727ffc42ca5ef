"""Who is in which room: the tables against a naive model, and what their changes cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from unit.fakes import message
from whinny.cluster import MemoryAdapter, Selection
from whinny.engine import Packet


@dataclass(eq=False)
class Member:
    """A socket that notes what it is sent."""

    id: str
    delivered: list[tuple[Sequence[Packet], bool]] = field(default_factory=list)

    def deliver(self, packets: Sequence[Packet], volatile: bool) -> None:
        self.delivered.append((packets, volatile))


IDS = ("a", "b", "c", "d")
# Members' ids are rooms as well, and anybody may join the room of another's id.
ROOMS = ("x", "y", "z", *IDS)
rooms = st.lists(st.sampled_from(ROOMS), max_size=3).map(tuple)
ids = st.sampled_from(IDS)


class Tables(RuleBasedStateMachine):
    """The adapter beside sets of rooms."""

    @initialize()
    def begin(self) -> None:
        self.adapter: MemoryAdapter[Member] = MemoryAdapter()
        self.members = {each: Member(each) for each in IDS}
        self.present: set[str] = set()
        self.joined: dict[str, set[str]] = {each: set() for each in IDS}

    @rule(who=ids)
    def add(self, who: str) -> None:
        self.adapter.add(self.members[who])
        self.present.add(who)

    @rule(who=ids, which=rooms)
    def join(self, who: str, which: tuple[str, ...]) -> None:
        # Before it is added as well: a client may join rooms before it is let in.
        self.adapter.join(self.members[who], which)
        self.joined[who] |= set(which) - {who}

    @rule(who=ids, which=rooms)
    def leave(self, who: str, which: tuple[str, ...]) -> None:
        self.adapter.leave(self.members[who], which)
        self.joined[who] -= set(which)

    @rule(who=ids)
    def remove(self, who: str) -> None:
        self.adapter.remove(self.members[who])
        self.present.discard(who)
        self.joined[who].clear()

    def meant(self, which: tuple[str, ...]) -> set[str]:
        return {
            who for who in IDS for room in which if room in self.joined[who] or (room == who and who in self.present)
        }

    @rule(included=rooms, excluded=rooms, volatile=st.booleans())
    def broadcast(self, included: tuple[str, ...], excluded: tuple[str, ...], volatile: bool) -> None:
        expected = (self.meant(included) if included else set(self.present)) - self.meant(excluded)
        selection = Selection(included, excluded)
        assert sorted(member.id for member in self.adapter.select(selection)) == sorted(expected)
        packets = [message("x")]
        self.adapter.broadcast(packets, selection, volatile)
        for who, member in self.members.items():
            assert member.delivered == ([(packets, volatile)] if who in expected else [])
            member.delivered.clear()

    @invariant()
    def the_same_rooms(self) -> None:
        if not hasattr(self, "adapter"):
            return
        assert set(self.adapter.members) == self.present
        assert self.adapter.room_names() == set().union(*self.joined.values())
        for who, member in self.members.items():
            assert self.adapter.rooms_of(member) == {who, *self.joined[who]}

    @invariant()
    def nothing_left_over(self) -> None:
        if hasattr(self, "adapter"):
            assert all(self.adapter._rooms.values())
            assert all(self.adapter._joined.values())


TestTables = Tables.TestCase
TestTables.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)


def test_the_own_room_is_always_there() -> None:
    """The room of its own id can neither be joined again nor left."""
    adapter: MemoryAdapter[Member] = MemoryAdapter()
    member = Member("a")
    adapter.add(member)
    adapter.join(member, ["a"])
    adapter.leave(member, ["a"])
    assert adapter.rooms_of(member) == {"a"}
    assert adapter.room_names() == frozenset()
    assert list(adapter.select(Selection(("a",)))) == [member]


def test_rooms_that_are_read_can_be_kept() -> None:
    """Rooms and their names are of the moment: later changes do not reach them."""
    adapter: MemoryAdapter[Member] = MemoryAdapter()
    member = Member("a")
    adapter.add(member)
    adapter.join(member, ["x"])
    names, own = adapter.room_names(), adapter.rooms_of(member)
    adapter.remove(member)
    assert names == {"x"}
    assert own == {"a", "x"}


class CountedMember(Member):
    """Counts how often a table asks for it."""

    asked = 0

    def __hash__(self) -> int:
        CountedMember.asked += 1
        return id(self)

    def __eq__(self, other: object) -> bool:
        CountedMember.asked += 1
        return self is other


@pytest.mark.parametrize("crowd", [10, 1000])
def test_removing_costs_as_much_as_the_member_has_rooms(crowd: int) -> None:
    """The work to remove members is proportional to their rooms, however many others are in these."""
    adapter: MemoryAdapter[CountedMember] = MemoryAdapter()
    members = [CountedMember(f"m{number}") for number in range(crowd)]
    per_member = 5
    for member in members:
        adapter.add(member)
        adapter.join(member, ["everybody", *(f"{member.id}-{room}" for room in range(per_member - 1))])
    CountedMember.asked = 0
    for member in reversed(members[crowd // 2 :]):
        adapter.remove(member)
    removed = crowd - crowd // 2
    assert CountedMember.asked <= removed * (per_member + 2) * 2
    assert len(adapter.room_names()) == 1 + (crowd // 2) * (per_member - 1)


def test_leaving_and_joining_cost_the_same_however_many_are_there() -> None:
    """One more or less in a room of thousands asks for no other member."""
    adapter: MemoryAdapter[CountedMember] = MemoryAdapter()
    for number in range(5000):
        member = CountedMember(f"m{number}")
        adapter.add(member)
        adapter.join(member, ["everybody"])
    CountedMember.asked = 0
    adapter.leave(member, ["everybody"])
    adapter.join(member, ["everybody"])
    assert CountedMember.asked < 20


@given(st.integers(0, 50), st.integers(0, 50))
def test_a_broadcast_to_rooms_costs_as_much_as_it_has_receivers(inside: int, outside: int) -> None:
    """A broadcast to a room asks for no member outside of it."""
    adapter: MemoryAdapter[CountedMember] = MemoryAdapter()
    for number in range(inside + outside):
        member = CountedMember(f"m{number}")
        adapter.add(member)
        adapter.join(member, ["in" if number < inside else "out"])
    CountedMember.asked = 0
    assert len(list(adapter.select(Selection(("in",))))) == inside
    assert len(list(adapter.select(Selection(("in", "m0", "nobody"))))) == (inside or min(1, outside))
    assert CountedMember.asked <= 6 * (inside + 1)
