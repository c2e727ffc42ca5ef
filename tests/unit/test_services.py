"""Services: made once, when they are needed, with what they need."""

from __future__ import annotations

import asyncio
import threading
import time
from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

import pytest

from unit.fakes import FakeClient
from whinny import (
    ConfigurationError,
    Server,
    ServerNotAttached,
    ServiceManager,
    Settings,
    SocketIOController,
    WsServer,
    dependency,
    event_name,
    websocket_hook,
    ws_controller,
)
from whinny.testing import RecordingWsServer


def manager() -> ServiceManager:
    return ServiceManager(Settings())


def test_a_service_is_made_once() -> None:
    """A class has one object in a manager, and another one in another manager."""

    class Service: ...

    services = manager()
    assert services.get(Service) is services.get(Service)
    assert manager().get(Service) is not services.get(Service)
    assert services.get(ServiceManager) is services


def test_a_service_can_be_given() -> None:
    """`set` gives the object of a class, for abstract classes too, and can be chained."""

    class Store(ABC):
        @abstractmethod
        def read(self) -> int: ...

    class Memory(Store):
        def read(self) -> int:
            return 1

    class User:
        store = dependency(Store)

    services = manager()
    with pytest.raises(ConfigurationError, match="Store is abstract"):
        services.get(Store)
    with pytest.raises(ConfigurationError, match="Store"):
        _ = services.get(User).store
    memory = Memory()
    assert services.set(Store, memory) is services
    assert services.get(User).store is memory


def test_dependencies_can_be_used_while_a_service_is_made() -> None:
    """What a class names as a dependency is there in its `__init__`, and inherited by its subclasses."""

    class Inner:
        value = 5

    class Outer:
        inner = dependency(Inner)

        def __init__(self) -> None:
            self.seen = self.inner.value

    class More(Outer): ...

    services = manager()
    assert services.get(Outer).seen == 5
    assert services.get(More).inner is services.get(Outer).inner is services.get(Inner)


def test_a_dependency_is_looked_up_once_and_can_be_replaced() -> None:
    """The service is kept on the object; a test may put something else there."""

    class Inner: ...

    class Outer:
        inner = dependency(Inner)

    outer = manager().get(Outer)
    first = outer.inner
    assert vars(outer)["inner"] is first
    fake = Inner()
    outer.inner = fake  # pyright: ignore[reportAttributeAccessIssue]
    assert outer.inner is fake
    assert isinstance(Outer.inner, object)


def test_a_cycle_is_named() -> None:
    """Services that need each other while they are made are refused, naming the way round."""

    class A:
        needed: Any

        def __init__(self) -> None:
            self.b = self.needed

    class B:
        a = dependency(A)

        def __init__(self) -> None:
            self.seen = self.a

    A.needed = dependency(B)
    A.needed.__set_name__(A, "needed")
    services = manager()
    for _ in range(2):  # and a failure leaves nothing behind
        with pytest.raises(ConfigurationError, match="A → B → A"):
            services.get(A)


def test_a_cycle_of_services_that_are_not_used_yet_is_named_too() -> None:
    """Services that name each other are a cycle even if neither uses the other yet: which of them would boot first?"""

    class One:
        other: Any

    class Two:
        other = dependency(One)

    One.other = dependency(Two)
    One.other.__set_name__(One, "other")
    with pytest.raises(ConfigurationError, match="One → Two → One"):
        manager().get(One)


def test_an_object_without_a_manager_says_so() -> None:
    """A dependency of an object that no manager made names the class and what to do."""

    class Inner: ...

    class Outer:
        inner = dependency(Inner)

    with pytest.raises(ConfigurationError, match=r"services\.get\(Outer\)"):
        _ = Outer().inner


def test_errors_of_a_service_are_its_own() -> None:
    """An error of `__init__` is raised as it is, and the next attempt tries again."""

    class Fails:
        count = 0

        def __init__(self) -> None:
            Fails.count += 1
            if Fails.count == 1:
                raise LookupError("first")

    services = manager()
    with pytest.raises(LookupError, match="first"):
        services.get(Fails)
    assert services.get(Fails) is services.get(Fails)


async def test_services_are_booted_and_closed_once() -> None:
    """`boot` runs in the order of making, `close` in the reverse order, `def` or `async def`, each once."""
    log: list[str] = []

    class First:
        def boot(self) -> None:
            log.append("boot 1")

        async def close(self) -> None:
            await asyncio.sleep(0)
            log.append("close 1")

    class Second:
        async def boot(self) -> None:
            await asyncio.sleep(0)
            log.append("boot 2")

        def close(self) -> None:
            log.append("close 2")

    class Neither:
        boot = "a value"

    services = manager()
    for cls in (First, Second, Neither):
        services.get(cls)
    await services.boot()
    await services.boot()
    await services.close()
    await services.close()
    assert log == ["boot 1", "boot 2", "close 2", "close 1"]


async def test_the_server_is_there_once_a_controller_is_attached() -> None:
    """`WsServer.io` raises before `attach`, closing does nothing then; afterwards all roots share one server."""

    class Main(SocketIOController): ...

    class Admin(SocketIOController):
        namespace = "admin"

    services = manager()
    ws_server = services.get(WsServer)
    with pytest.raises(ServerNotAttached, match="attach"):
        _ = ws_server.io
    await ws_server.close()
    main = services.get(Main).attach()
    admin = services.get(Admin).attach()
    assert main.server is admin.server is ws_server.io
    assert set(ws_server.io.namespaces) == {"/", "/admin"}
    assert services.get(Main).services is services


# given services


class Mailer:
    """A service that others depend on."""

    def send(self) -> str:
        return "sent"


class FakeMailer(Mailer):
    def send(self) -> str:
        return "noted"


class Register:
    mailer = dependency(Mailer)


class Shop:
    register = dependency(Register)


class OnlineShop(Shop):
    """Inherits what it depends on, and has a dependency of its own."""

    mailer = dependency(Mailer)


def test_dependencies_have_dependencies() -> None:
    """The whole chain is made with the first of it, inherited dependencies too, and shared."""
    services = manager()
    shop = services.get(OnlineShop)
    assert shop.register is services.get(Register)
    assert shop.register.mailer is shop.mailer is services.get(Mailer)
    assert services.get(Shop).register is shop.register
    assert type(services.get(Shop)) is Shop


def test_a_fake_given_later_is_seen_by_those_who_depend_on_it() -> None:
    """`set` replaces also a service that was made and used, for all who have looked it up before."""
    services = manager()
    shop = services.get(OnlineShop)
    assert [shop.mailer.send(), shop.register.mailer.send()] == ["sent", "sent"]
    fake = FakeMailer()
    services.set(Mailer, fake)
    assert services.get(Mailer) is fake
    assert shop.mailer is shop.register.mailer is fake
    services.set(Mailer, FakeMailer())
    assert shop.mailer is shop.register.mailer is services.get(Mailer) is not fake


def test_a_fake_given_first_is_used_from_the_start() -> None:
    """The class itself is not made then, and a stand-in may be anything."""

    class NeverMade:
        def __init__(self) -> None:
            raise AssertionError

    class User:
        other = dependency(NeverMade)

    stand_in = object()
    assert manager().set(NeverMade, stand_in).get(User).other is stand_in


@pytest.mark.parametrize("key", ["Mailer", None, 5, Mailer()])
def test_a_service_is_known_by_its_class(key: Any) -> None:
    """Anything else is refused by `get`, `set`, `make` and `dependency`."""
    services = manager()
    for call in (services.get, services.make, lambda cls: services.set(cls, 1), dependency):
        with pytest.raises(ConfigurationError, match="A service is known by its class"):
            call(key)


@pytest.mark.parametrize("stand_in", [Mailer(), None, 0])
def test_the_services_of_one_class_are_given_in_one_manager(stand_in: Any) -> None:
    """Another manager knows nothing of it; a false value is a service like any."""
    services = manager().set(Mailer, stand_in)
    assert services.get(Mailer) is stand_in
    assert services.get(Register).mailer is stand_in
    assert type(manager().get(Mailer)) is Mailer


# objects for tests


def test_make_gives_a_new_object_with_stand_ins() -> None:
    """They are there in `__init__`; the other dependencies are the manager's, which does not keep the object."""

    class Clock: ...

    class Controller:
        mailer = dependency(Mailer)
        clock = dependency(Clock)

        def __init__(self) -> None:
            self.seen = self.mailer

    services = manager()
    fake = FakeMailer()
    made = services.make(Controller, mailer=fake)
    assert made.mailer is made.seen is fake
    assert made.clock is services.get(Clock)
    assert services.make(Controller) is not made
    assert services.get(Controller) is not made
    assert services.get(Controller).mailer is services.get(Mailer) is not fake


def test_make_refuses_names_that_are_no_dependencies() -> None:
    """A name that was misspelt, or is an attribute of another kind, is named beside those that there are."""
    services = manager()
    with pytest.raises(ConfigurationError, match=r"OnlineShop has no dependency 'mailr'; it has: mailer, register\."):
        services.make(OnlineShop, mailr=1)
    with pytest.raises(ConfigurationError, match=r"Mailer has no dependency 'send'; it has: none\."):
        services.make(Mailer, send=1)


# cycles


def test_a_longer_cycle_is_named_from_where_it_begins() -> None:
    """The way round is named, without the way to it, and others can be made afterwards."""

    class First:
        next: Any

    class Second:
        next = dependency(First)

    class Third:
        next = dependency(Second)

    First.next = dependency(Third)
    First.next.__set_name__(First, "next")

    class Entry:
        first = dependency(First)
        mailer = dependency(Mailer)

    services = manager()
    with pytest.raises(ConfigurationError, match=r": First → Third → Second → First\.$"):
        services.get(Entry)
    assert services.get(Register).mailer.send() == "sent"


def test_a_class_that_depends_on_itself_is_a_cycle() -> None:
    """The shortest one."""

    class Own:
        own: Any

    Own.own = dependency(Own)
    Own.own.__set_name__(Own, "own")
    with pytest.raises(ConfigurationError, match="Own → Own"):
        manager().get(Own)


def test_a_given_service_breaks_a_cycle() -> None:
    """With a stand-in for one of them, the others can be made."""

    class One:
        two: Any

    class Two:
        one = dependency(One)

    One.two = dependency(Two)
    One.two.__set_name__(One, "two")
    services = manager().set(Two, "stand-in")
    assert services.get(One).two == "stand-in"


# threads


def test_many_threads_get_one_object() -> None:
    """However many ask at once, each service is made once, and no thread takes another's making for a cycle."""
    count = 24
    made: list[str] = []
    together = threading.Barrier(count)

    class Slow:
        def __init__(self) -> None:
            made.append("slow")
            time.sleep(0.02)  # others come meanwhile

    class Middle:
        slow = dependency(Slow)

        def __init__(self) -> None:
            made.append("middle")
            self.seen = self.slow

    class Top:
        middle = dependency(Middle)
        slow = dependency(Slow)

        def __init__(self) -> None:
            made.append("top")

    services = manager()
    kinds = (Slow, Middle, Top)

    def ask(number: int) -> Any:
        together.wait(10)
        return services.get(kinds[number % 3])

    with ThreadPoolExecutor(count) as pool:
        found = list(pool.map(ask, range(count), timeout=20))
    assert sorted(made) == ["middle", "slow", "top"]
    assert {id(each) for each in found} == {id(services.get(kind)) for kind in kinds}
    assert services.get(Top).middle.seen is services.get(Slow)


def test_many_threads_look_up_one_dependency() -> None:
    """After a service was replaced, all threads find the new one."""
    services = manager()
    registers = [services.get(Register), services.get(OnlineShop).register]
    services.set(Mailer, FakeMailer())
    together = threading.Barrier(8)

    def ask(number: int) -> Mailer:
        together.wait(10)
        return registers[number % 2].mailer

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(8), timeout=20)) == {services.get(Mailer)}


# boot and close


class Noted:
    """A service that notes when it is booted and closed."""

    log: ClassVar[list[str]] = []

    def boot(self) -> None:
        self.log.append(f"boot {type(self).__name__}")

    def close(self) -> None:
        self.log.append(f"close {type(self).__name__}")


class Driver(Noted): ...


class Database(Noted):
    driver = dependency(Driver)


class Cache(Noted):
    database = dependency(Database)


class Unsteady(Noted):
    """Does not boot."""

    cache = dependency(Cache)

    async def boot(self) -> None:  # type: ignore[override]
        raise LookupError("no boot")


@pytest.fixture
def log() -> list[str]:
    Noted.log.clear()
    return Noted.log


async def test_those_that_are_needed_boot_first(log: list[str]) -> None:
    """Whichever is asked for first: what a service depends on boots before it and closes after it."""
    services = manager()
    services.get(Cache)
    services.get(Driver)
    await services.boot()
    assert log == ["boot Driver", "boot Database", "boot Cache"]
    await services.close()
    assert log[3:] == ["close Cache", "close Database", "close Driver"]


async def test_a_second_boot_boots_newcomers_only(log: list[str], caplog: pytest.LogCaptureFixture) -> None:
    """What was made since is booted then, each service once."""
    services = manager()
    services.get(Driver)
    await services.boot()
    services.get(Cache)
    await services.boot()
    await services.boot()
    assert log == ["boot Driver", "boot Database", "boot Cache"]
    await services.close()
    assert log[3:] == ["close Cache", "close Database", "close Driver"]


async def test_a_failed_boot_closes_what_was_booted(log: list[str]) -> None:
    """Its error is raised, those that were booted are closed in reverse order, and the next boot begins anew."""
    services = manager()
    services.get(Unsteady)
    for _ in range(2):
        log.clear()
        with pytest.raises(LookupError, match="no boot"):
            await services.boot()
        assert log == ["boot Driver", "boot Database", "boot Cache", "close Cache", "close Database", "close Driver"]
    await services.close()
    assert len(log) == 6


async def test_a_boot_goes_on_when_who_asked_for_it_leaves(log: list[str]) -> None:
    """Others wait for the same boot, which neither fails for them nor begins anew."""

    class Slow(Noted):
        driver = dependency(Driver)

        async def boot(self) -> None:  # type: ignore[override]
            await asyncio.sleep(0.01)
            self.log.append("boot Slow")

    services = manager()
    services.get(Slow)
    first, second = (asyncio.ensure_future(services.boot()) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await second
    assert first.cancelled()
    assert log == ["boot Driver", "boot Slow"]
    assert services.booted


async def test_one_that_cannot_be_closed_keeps_no_other_open(log: list[str], caplog: pytest.LogCaptureFixture) -> None:
    """Its error is logged with its name, and the others are closed."""

    class Stuck(Noted):
        cache = dependency(Cache)

        async def close(self) -> None:  # type: ignore[override]
            await asyncio.sleep(0)
            raise LookupError("stuck")

    services = manager()
    services.get(Stuck)
    await services.boot()
    log.clear()
    await services.close()
    assert log == ["close Cache", "close Database", "close Driver"]
    [record] = caplog.records
    assert (record.levelname, record.getMessage()) == ("ERROR", "Stuck could not be closed")
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], LookupError)


async def test_after_close_all_can_boot_again(log: list[str]) -> None:
    """An app that is served a second time boots everything a second time."""
    services = manager()
    services.get(Database)
    for _ in range(2):
        log.clear()
        await services.boot()
        await services.close()
        assert log == ["boot Driver", "boot Database", "close Database", "close Driver"]


async def test_between_close_and_boot_nothing_is_late(log: list[str], caplog: pytest.LogCaptureFixture) -> None:
    """What is made after an app has ended waits for its next start, without a warning."""
    services = manager()
    await services.boot()
    await services.close()
    services.get(Driver)
    assert caplog.records == []
    await services.boot()
    await services.close()
    assert log == ["boot Driver", "close Driver"]


async def test_a_given_service_boots_and_closes_like_one_that_was_made(log: list[str]) -> None:
    """A stand-in takes the place of what it stands for, in time as well: those who need it boot after it."""
    services = manager().set(Driver, FakeDriver())
    services.get(Database)
    await services.boot()
    await services.close()
    assert log == ["boot FakeDriver", "boot Database", "close Database", "close FakeDriver"]


async def test_a_service_that_was_replaced_is_not_booted(log: list[str]) -> None:
    """Neither is it closed; its stand-in is."""
    services = manager()
    services.get(Driver)
    services.set(Driver, Cache())
    await services.boot()
    await services.close()
    assert log == ["boot Cache", "boot Database", "close Database", "close Cache"]


async def test_a_service_made_after_start_up_is_not_booted(log: list[str], caplog: pytest.LogCaptureFixture) -> None:
    """It has come too late for its boot(): a warning says so and what to do, and it is not closed either."""
    services = manager()
    await services.boot()
    services.get(Driver)
    [record] = caplog.records
    assert record.levelname == "WARNING"
    assert record.getMessage().startswith(
        "Driver was made after the services had been booted, so its boot() has not run: "
    )
    await services.close()
    assert log == []


async def test_a_late_service_without_boot_is_closed(log: list[str], caplog: pytest.LogCaptureFixture) -> None:
    """What needs no boot may be made at any time, and is closed before those that were there at the start."""

    class Late(Noted):
        driver = dependency(Driver)
        boot = None  # type: ignore[assignment]

    services = manager()
    services.get(Driver)
    await services.boot()
    services.get(Late)
    await services.close()
    assert log == ["boot Driver", "close Late", "close Driver"]
    assert caplog.records == []


class FakeDriver(Driver): ...


class Bootless:
    """A stand-in that needs no boot."""

    def close(self) -> None:
        Noted.log.append("close Bootless")


async def test_a_fake_given_after_get_boots_in_its_place(log: list[str]) -> None:
    """It takes the place of what was made: those who need it boot after it and close before it."""
    services = manager()
    services.get(Cache)
    services.set(Driver, FakeDriver())
    await services.boot()
    assert log == ["boot FakeDriver", "boot Database", "boot Cache"]
    await services.close()
    assert log[3:] == ["close Cache", "close Database", "close FakeDriver"]


async def test_a_service_given_while_running_is_closed(log: list[str], caplog: pytest.LogCaptureFixture) -> None:
    """One that needs no boot is closed at the end, with those that were booted; the next start has it in its place."""
    services = manager()
    services.get(Cache)
    await services.boot()
    services.set(Driver, Bootless())
    assert caplog.records == []
    log.clear()
    await services.close()
    assert log == ["close Bootless", "close Cache", "close Database", "close Driver"]
    log.clear()
    await services.boot()
    await services.close()
    assert log == ["boot Database", "boot Cache", "close Cache", "close Database", "close Bootless"]


async def test_a_service_given_while_running_is_not_booted(log: list[str], caplog: pytest.LogCaptureFixture) -> None:
    """One whose boot() has come too late is named in a warning, and is not closed; the next boot() boots it."""
    services = manager()
    services.get(Database)
    await services.boot()
    services.set(Driver, FakeDriver())
    [record] = caplog.records
    assert record.levelname == "WARNING"
    assert record.getMessage().startswith("FakeDriver was made after the services had been booted")
    log.clear()
    await services.close()
    assert log == ["close Database", "close Driver"]
    await services.boot()
    assert log[2:] == ["boot FakeDriver", "boot Database"]
    await services.close()


@pytest.mark.parametrize("replaced", [Driver, Cache])
@pytest.mark.parametrize("again", [False, True])
async def test_one_object_may_be_two_services(replaced: type, again: bool, log: list[str]) -> None:
    """It boots and closes once, given twice or more often, and stays when one of the two is replaced."""
    services = manager()
    both = FakeDriver()
    services.set(Driver, both).set(Cache, both)
    if again:
        services.set(Driver, both)
    await services.boot()
    await services.close()
    assert log == ["boot FakeDriver", "close FakeDriver"]
    log.clear()
    services.set(replaced, Database())
    await services.boot()
    await services.close()
    assert sorted(log) == ["boot Database", "boot FakeDriver", "close Database", "close FakeDriver"]


async def test_services_need_not_be_comparable(log: list[str]) -> None:
    """Objects are told apart by what they are, not by what they say that they equal."""

    class Equal(Noted):
        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = None  # type: ignore[assignment]

    services = manager().set(Driver, Equal()).set(Database, Equal())
    await services.boot()
    await services.close()
    assert log == ["boot Equal"] * 2 + ["close Equal"] * 2


async def test_who_boots_at_once_boots_once(log: list[str]) -> None:
    """However many boot at the same time, each service boots once, and each caller waits until all are booted."""

    class Slow(Noted):
        driver = dependency(Driver)

        async def boot(self) -> None:  # type: ignore[override]
            await asyncio.sleep(0.01)
            self.log.append("boot Slow")

    services = manager()
    services.get(Slow)
    services.get(Cache)

    async def boot() -> list[str]:
        await services.boot()
        return log.copy()

    seen = await asyncio.gather(*(boot() for _ in range(4)))
    assert seen == [["boot Driver", "boot Slow", "boot Database", "boot Cache"]] * 4
    await services.close()
    assert log[4:] == ["close Cache", "close Database", "close Slow", "close Driver"]


class Fickle(Noted):
    """Boots when it is asked a second time."""

    driver = dependency(Driver)

    def __init__(self) -> None:
        self.asked = 0

    async def boot(self) -> None:  # type: ignore[override]
        self.asked += 1
        await asyncio.sleep(0)
        if self.asked == 1:
            raise LookupError("no boot")
        self.log.append("boot Fickle")


async def test_after_a_boot_that_failed_the_next_one_boots(log: list[str]) -> None:
    """All who waited for the boot get its error, and who comes after it begins anew."""
    services = manager()
    services.get(Fickle)
    results = await asyncio.gather(services.boot(), services.boot(), return_exceptions=True)
    assert [type(result) for result in results] == [LookupError] * 2
    assert log == ["boot Driver", "close Driver"]
    assert not services.booted
    await services.boot()
    assert log[2:] == ["boot Driver", "boot Fickle"]
    await services.close()


async def test_a_newcomer_that_fails_closes_nothing_that_is_in_use(log: list[str]) -> None:
    """What was booted before stays, what came with the newcomer is closed again, and the next boot boots both."""
    services = manager()
    services.get(Cache)
    await services.boot()
    log.clear()

    class Late(Fickle):
        driver = dependency(FakeDriver)

    with pytest.raises(LookupError):
        await services.ready(Late)
    assert log == ["boot FakeDriver", "close FakeDriver"]
    assert services.booted
    assert await services.ready(Late) is services.get(Late)
    assert log[2:] == ["boot FakeDriver", "boot Fickle"]


async def test_all_who_want_a_newcomer_get_it_booted(log: list[str]) -> None:
    """However many ask while it boots."""
    services = manager()
    await services.boot()

    class Late(Noted):
        ready = False

        async def boot(self) -> None:  # type: ignore[override]
            await asyncio.sleep(0)
            self.ready = True

    found = await asyncio.gather(*(services.ready(Late) for _ in range(3)))
    assert [late.ready for late in found] == [True] * 3


async def test_services_stay_open_until_the_last_holder_has_left(log: list[str]) -> None:
    """Who holds them twice is one holder; whoever booted them without holding them keeps nothing open."""
    services = manager()
    services.get(Driver)
    await services.boot()
    for holder in ("a", "b", "b"):
        await services.hold(holder)
    await services.release("a")
    await services.release("nobody")
    assert log == ["boot Driver"]
    await services.release("b")
    assert log == ["boot Driver", "close Driver"]


async def test_a_holder_that_could_not_boot_holds_nothing(log: list[str]) -> None:
    services = manager()
    services.get(Fickle)
    with pytest.raises(LookupError):
        await services.hold("a")
    await services.hold("b")
    log.clear()
    await services.release("b")
    assert log == ["close Fickle", "close Driver"]


async def test_who_holds_the_services_while_they_close_has_them_booted(log: list[str]) -> None:
    """Neither comes between: the close waits for a boot, and a boot for the close."""

    class Slow(Noted):
        async def boot(self) -> None:  # type: ignore[override]
            await asyncio.sleep(0)
            self.log.append("boot Slow")

        async def close(self) -> None:  # type: ignore[override]
            await asyncio.sleep(0)
            self.log.append("close Slow")

    services = manager()
    services.get(Slow)
    await services.hold("a")
    await asyncio.gather(services.release("a"), services.hold("b"))
    assert services.booted
    assert log in (["boot Slow"], ["boot Slow", "close Slow", "boot Slow"])
    closing = asyncio.ensure_future(services.close())
    await asyncio.sleep(0)
    await asyncio.gather(closing, services.boot())
    assert log[-2:] == ["close Slow", "boot Slow"]


def test_a_holder_whose_loop_is_over_holds_nothing(log: list[str]) -> None:
    """As where a test ends no lifespan."""
    services = manager()
    services.get(Driver)
    asyncio.run(services.hold("a"))

    async def live() -> None:
        await services.hold("b")
        await services.release("b")

    asyncio.run(live())
    assert log == ["boot Driver", "close Driver"]


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_boot_may_get_another_service(
    asynchronous: bool, log: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """What a boot() asks for is booted with the others, without a warning, and closed before it."""
    services = manager()

    class Plain(Noted):
        def boot(self) -> None:
            services.get(Cache)
            super().boot()

    class Later(Noted):
        async def boot(self) -> None:  # type: ignore[override]
            await asyncio.sleep(0)
            services.get(Cache)
            super().boot()

    first = Later if asynchronous else Plain
    services.get(first)
    await services.boot()
    name = first.__name__
    assert log == [f"boot {name}", "boot Driver", "boot Database", "boot Cache"]
    await services.close()
    assert log[4:] == ["close Cache", "close Database", "close Driver", f"close {name}"]
    assert caplog.records == []


@pytest.mark.parametrize("close", [False, True])
def test_services_may_boot_in_one_loop_and_again_in_another(close: bool, log: list[str]) -> None:
    """Whether or not the first loop has closed them: those that were closed boot again, the others are booted."""

    class Waiting(Noted):
        cache = dependency(Cache)

        async def boot(self) -> None:  # type: ignore[override]
            await asyncio.sleep(0)
            super().boot()

    async def together() -> None:
        await asyncio.gather(*(services.boot() for _ in range(3)))

    services = manager()
    services.get(Waiting)
    asyncio.run(together())
    if close:
        asyncio.run(services.close())
        log.clear()
    asyncio.run(together())
    assert log == ["boot Driver", "boot Database", "boot Cache", "boot Waiting"]
    asyncio.run(services.close())
    assert log[4:] == ["close Waiting", "close Cache", "close Database", "close Driver"]


async def test_events_named_boot_and_close_are_no_lifecycle(log: list[str]) -> None:
    """A method that handles an event of that name is not run with the app, an override without a decorator neither."""

    class Root(SocketIOController):
        @event_name("boot")
        def boot(self) -> None:
            log.append("event boot")

        @websocket_hook(lambda ctx, services: None)
        @event_name("close")
        async def close(self) -> None:
            log.append("event close")

    class Child(Root):
        namespace = "/child"

        def boot(self) -> None:
            log.append("event boot of the child")

    services = manager()
    app = services.get(Root).attach()
    services.get(Child).attach()
    async with app.lifespan():
        assert log == []
        client = FakeClient(app.server)
        client.connect()
        client.connect("/child")
        client.emit("boot")
        client.emit("boot", namespace="/child")
        assert log == ["event boot", "event boot of the child"]
    assert log == ["event boot", "event boot of the child"]


def test_a_given_service_has_dependencies() -> None:
    """An object that was made by hand finds them in the manager that it is given to, also when they are replaced."""

    class Given:
        register = dependency(Register)
        mailer = dependency(Mailer)

    services = manager()
    services.set(Shop, Given())
    given: Any = services.get(Shop)
    assert given.register is services.get(Register)
    assert given.mailer is given.register.mailer is services.get(Mailer)
    services.set(Mailer, FakeMailer())
    assert given.mailer.send() == given.register.mailer.send() == "noted"


async def test_controllers_are_services(log: list[str]) -> None:
    """Root and sub-controllers boot and close with the app, each once however often it stands in the tree."""

    class Leaf(Noted):
        driver = dependency(Driver)

    class Root(Noted, SocketIOController):
        sub_controllers = (ws_controller("a ", Leaf), ws_controller("b ", Leaf))

    class Admin(Noted, SocketIOController):
        namespace = "/admin"
        sub_controllers = (Leaf,)

    services = manager()
    services.get(Driver)
    await services.boot()  # as an HTTP app with the same services does
    app = services.get(Root).attach()
    services.get(Admin).attach()
    async with app.lifespan():
        assert sorted(log) == ["boot Admin", "boot Driver", "boot Leaf", "boot Root"]
        log.clear()
    assert sorted(log) == ["close Admin", "close Driver", "close Leaf", "close Root"]


# the server


def test_a_stand_in_for_the_server_cannot_serve() -> None:
    """`attach` names what was given in its place; nothing is attached."""

    class Root(SocketIOController): ...

    services = manager().set(WsServer, RecordingWsServer())
    with pytest.raises(ConfigurationError, match="WsServer is a RecordingWsServer here, which cannot serve"):
        services.get(Root).attach()


async def test_the_server_can_be_given_and_closed() -> None:
    """`io` gives back what was put there, and `close` closes it."""
    services = manager()
    ws_server = services.get(WsServer)
    server = Server()
    ws_server.io = server
    assert ws_server.io is server

    class Root(SocketIOController): ...

    assert services.get(Root).attach().server is server
    client = FakeClient(server)
    assert client.connect()
    await ws_server.close()
    assert client.connection.state == "closed"
    assert server.namespaces["/"].sockets == {}
