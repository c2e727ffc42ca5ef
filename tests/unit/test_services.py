"""Services: made once, when they are needed, with what they need."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import Any

import pytest

from whinny import (
    ConfigurationError,
    ServerNotAttached,
    ServiceManager,
    Settings,
    SocketIOController,
    WsServer,
    dependency,
)


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
    outer.inner = "fake"  # type: ignore[assignment]
    assert outer.inner == "fake"
    assert isinstance(Outer.inner, object)


def test_a_cycle_is_named() -> None:
    """Services that need each other while they are made are refused, naming the way round."""

    class A:
        def __init__(self) -> None:
            self.b = self.needed

    class B:
        a = dependency(A)

        def __init__(self) -> None:
            self.seen = self.a

    A.needed = dependency(B)  # type: ignore[attr-defined]
    A.needed.__set_name__(A, "needed")  # type: ignore[attr-defined]
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
