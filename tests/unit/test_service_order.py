"""Services that are given, replaced, needed by name and booted at once: who boots and closes, when, and who says so."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from typing import Any, ClassVar, Protocol

import pytest

from unit.clock import turns
from whinny import ConfigurationError, ServiceManager, Settings, SocketIOController, dependency, ws_controller


def manager() -> ServiceManager:
    return ServiceManager(Settings())


# what cannot be made


class NeedsArguments:
    def __init__(self, url: str, *, size: int) -> None: ...


class Store(Protocol):
    def read(self) -> int: ...


class Abstract(ABC):
    @abstractmethod
    def read(self) -> int: ...


UNMAKEABLE: list[tuple[type, str]] = [
    (NeedsArguments, "takes (url"),
    (Store, "is abstract: "),
    (Abstract, "is abstract: "),
]


@pytest.mark.parametrize(("cls", "words"), UNMAKEABLE)
def test_what_cannot_be_made_says_who_needs_it_and_what_to_do(cls: type, words: str) -> None:
    """The service, the one that needs it, and `services.set`; alone, through another one and below a root."""
    advice = f"give an object of it with services.set({cls.__name__}, …)."

    class Needing:
        needed = dependency(cls)

    class Further:
        needing = dependency(Needing)

    class Root(SocketIOController):
        sub_controllers = (ws_controller("", Further),)

    with pytest.raises(ConfigurationError) as caught:
        manager().get(cls)
    assert str(caught.value).startswith(f"{cls.__name__} {words}")
    assert str(caught.value).endswith(advice)
    for ask in (
        lambda: manager().get(Needing),
        lambda: manager().get(Further),
        lambda: manager().make(Needing),
        lambda: manager().get(Root).attach(),
    ):
        with pytest.raises(ConfigurationError) as caught:
            ask()
        assert str(caught.value).startswith(f"{cls.__name__}, which Needing needs, {words}")
        assert str(caught.value).endswith(advice)


@pytest.mark.parametrize(("cls", "words"), UNMAKEABLE)
def test_what_cannot_be_made_can_be_given(cls: type, words: str) -> None:
    """After the advice was followed, it is there for those who need it."""

    class Needing:
        needed = dependency(cls)

    services = manager()
    with pytest.raises(ConfigurationError):
        services.get(Needing)
    given = object()
    assert services.set(cls, given).get(Needing).needed is given


def test_arguments_with_defaults_are_no_matter() -> None:
    """Neither are those that may be left out, nor a protocol that a class implements."""

    class Lenient:
        def __init__(self, size: int = 1, *more: int, **rest: int) -> None:
            self.size = size

    class Memory(Store):
        def read(self) -> int:
            return 5

    assert manager().get(Lenient).size == 1
    assert manager().get(Memory).read() == 5


class Slotted:
    __slots__ = ("x",)

    needed = dependency(Abstract)


def test_slots_leave_no_room_for_dependencies() -> None:
    """A class with `__slots__` and a dependency is named, made or given; a `__dict__` among the slots is enough."""
    message = "Slotted has __slots__, but dependencies need a __dict__."
    for ask in (
        lambda: manager().get(Slotted),
        lambda: manager().make(Slotted),
        lambda: manager().set(NeedsArguments, Slotted()),
    ):
        with pytest.raises(ConfigurationError) as caught:
            ask()
        assert str(caught.value) == message

    class Roomy:
        __slots__ = ("__dict__",)

        needed = dependency(Abstract)

    class Bare:
        __slots__ = ("x",)

    given = object()
    assert manager().set(Abstract, given).get(Roomy).needed is given
    assert isinstance(manager().get(Bare), Bare)


# order


class Noted:
    """A service that notes when it is booted and closed."""

    log: ClassVar[list[str]] = []

    def boot(self) -> Any:
        self.log.append(f"boot {type(self).__name__}")

    def close(self) -> Any:
        self.log.append(f"close {type(self).__name__}")


class Database(Noted): ...


class Mailer(Noted): ...


class Other(Noted): ...


class Gateway(Noted): ...


class Given(Noted):
    database = dependency(Database)


class Shop(Noted):
    gateway = dependency(Gateway)


class Slow(Noted):
    async def boot(self) -> None:
        await asyncio.sleep(0.01)
        super().boot()


@pytest.fixture(autouse=True)
def log() -> list[str]:
    Noted.log.clear()
    return Noted.log


async def lived(services: ServiceManager) -> list[str]:
    """Who boots and closes, in order; that the second half is the first turned round is a property of all of them."""
    Noted.log.clear()
    await services.boot()
    booted = [each.removeprefix("boot ") for each in Noted.log]
    await services.close()
    assert Noted.log == [*(f"boot {each}" for each in booted), *(f"close {each}" for each in reversed(booted))]
    return booted


@pytest.mark.parametrize(
    ("prepare", "expected"),
    [
        (lambda services: services.set(Gateway, Given()), ["Database", "Given"]),
        (lambda services: services.set(Gateway, Given()).get(Shop), ["Database", "Given", "Shop"]),
        (lambda services: (services.get(Shop), services.set(Gateway, Given())), ["Database", "Given", "Shop"]),
        (lambda services: (services.get(Database), services.set(Gateway, Given())), ["Database", "Given"]),
        (lambda services: (services.set(Gateway, Given()), services.get(Other)), ["Database", "Given", "Other"]),
    ],
)
async def test_what_a_given_service_needs_boots_before_it(prepare: Any, expected: list[str]) -> None:
    """It is made when the service is given, if it was not there, and closes after it."""
    services = manager()
    prepare(services)
    assert await lived(services) == expected


@pytest.mark.parametrize(
    ("prepare", "expected"),
    [
        (lambda services: (services.get(Gateway), services.set(Gateway, services.get(Other))), ["Other"]),
        (lambda services: (services.get(Other), services.get(Shop), services.set(Gateway, services.get(Other))), None),
        (lambda services: (services.get(Gateway), services.set(Gateway, services.get(Given))), ["Database", "Given"]),
        (lambda services: (services.set(Gateway, Other()), services.set(Gateway, Mailer())), ["Mailer"]),
    ],
)
async def test_who_was_replaced_neither_boots_nor_closes(prepare: Any, expected: list[str] | None) -> None:
    """Also where the other one was there before, as a service of its own; that one boots and closes once."""
    services = manager()
    prepare(services)
    assert await lived(services) == (expected or ["Other", "Shop"])


class Replacing(Noted):
    """Gives another Gateway while it is booted, in one way or another."""

    other: ClassVar[type[Noted]]
    services: ClassVar[ServiceManager]

    def boot(self) -> None:
        super().boot()
        self.services.set(Gateway, self.other())


@pytest.mark.parametrize(
    ("known", "other", "expected"),
    [
        (False, Other, ["Replacing", "Other"]),
        (True, Other, ["Replacing", "Other"]),
        (False, Given, ["Replacing", "Database", "Given"]),
        (True, Given, ["Replacing", "Database", "Given"]),
    ],
)
async def test_a_boot_may_give_a_service(
    known: bool, other: type[Noted], expected: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """It is booted with the others and without a warning, what it needs before it; the old one is not."""
    services = Replacing.services = manager()
    Replacing.other = other
    services.get(Replacing)
    if known:
        services.get(Gateway)
    assert await lived(services) == expected
    assert caplog.records == []


async def test_a_boot_may_replace_what_was_booted() -> None:
    """The old one is closed as well, since it was booted."""

    class ReplacingLater(Replacing):
        gateway = dependency(Gateway)

    services = Replacing.services = manager()
    Replacing.other = Other
    services.get(ReplacingLater)
    assert await lived(services) == ["Gateway", "ReplacingLater", "Other"]


# at once


async def test_concurrent_boots_boot_newcomers_once(log: list[str]) -> None:
    """However boots and new services come together, each service is booted once and closed once."""
    services = manager()
    services.get(Database)

    async def one() -> None:
        await services.boot()
        services.get(Slow)
        await services.boot()

    await asyncio.gather(one(), services.boot(), one(), services.boot())
    assert log == ["boot Database", "boot Slow"]
    await services.close()
    assert log[2:] == ["close Slow", "close Database"]


async def test_a_service_that_is_asked_for_meanwhile_is_booted_too(
    log: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """While another boot waits, nothing is too late."""
    services = manager()
    services.get(Slow)
    booting = asyncio.ensure_future(services.boot())
    await asyncio.sleep(0)
    services.get(Database)
    services.set(Gateway, Given())
    await asyncio.gather(booting, services.boot())
    assert log == ["boot Slow", "boot Database", "boot Given"]
    await services.close()
    assert log[3:] == ["close Given", "close Database", "close Slow"]
    assert caplog.records == []


@pytest.mark.parametrize("again", [False, True])
async def test_close_while_others_boot_waits_for_that(again: bool, log: list[str]) -> None:
    """All is booted, then closed; who boots after the close was asked for boots anew."""
    services = manager()
    for cls in (Database, Slow, Other):
        services.get(cls)
    booting = asyncio.ensure_future(services.boot())
    await turns()
    closing = asyncio.ensure_future(services.close())
    await turns()
    assert log == ["boot Database"]
    boots = ["boot Database", "boot Slow", "boot Other"]
    closes = ["close Other", "close Slow", "close Database"]
    if again:
        await services.boot()
    await asyncio.gather(booting, closing)
    assert log == [*boots, *closes, *(boots if again else [])]
    await services.close()
    assert log == [*boots, *closes] * (2 if again else 1)


async def test_a_boot_that_closes_all_ends_there(log: list[str]) -> None:
    """A service that gives up the whole start leaves nothing open, itself included."""
    services = manager()

    class GivesUp(Noted):
        async def boot(self) -> None:
            super().boot()
            await services.close()

    for cls in (Database, GivesUp, Other):
        services.get(cls)
    await services.boot()
    assert log == ["boot Database", "boot GivesUp", "close Database", "close GivesUp"]


def test_a_loop_that_ended_meanwhile_leaves_the_next_one_free(log: list[str]) -> None:
    """A start that was cut off with its loop closes what it had booted, and another loop can boot all."""
    services = manager()
    services.get(Database)
    services.get(Slow)

    async def cut_off() -> asyncio.Future[None]:
        booting = asyncio.ensure_future(services.boot())
        await turns()
        return booting

    async def together() -> None:
        await asyncio.gather(*(services.boot() for _ in range(3)))

    run: Callable[[Coroutine[Any, Any, Any]], Any] = asyncio.run
    assert run(cut_off()).cancelled()
    assert log == ["boot Database", "close Database"]
    for _ in range(2):
        log.clear()
        run(together())
        run(services.close())
        assert log == ["boot Database", "boot Slow", "close Slow", "close Database"]


async def test_a_service_that_takes_anothers_place_boots_before_those_who_need_it() -> None:
    """Although it was made after them, for another reason."""
    services = manager()
    services.get(Shop)
    services.set(Gateway, services.get(Other))
    assert await lived(services) == ["Other", "Shop"]


async def test_a_boot_may_ask_for_a_boot(log: list[str]) -> None:
    """What it has made is booted after it, and nobody waits for himself."""

    class Late(Noted): ...

    class Impatient(Noted):
        services = dependency(ServiceManager)

        async def boot(self) -> None:
            self.services.get(Late)
            await self.services.boot()
            log.append("boot Impatient")

    services = manager()
    services.get(Impatient)
    async with asyncio.timeout(5):
        await services.boot()
    assert log == ["boot Impatient", "boot Late"]
