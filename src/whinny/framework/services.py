"""Services: one object of a class for the whole app, made when it is first asked for."""

from __future__ import annotations

import asyncio
import dataclasses
import inspect
import logging
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, Generic, TypeVar, cast, overload

from whinny.errors import ConfigurationError
from whinny.framework.settings import Settings
from whinny.framework.signatures import signature_of
from whinny.logs import log_error

log = logging.getLogger("whinny.framework")

T = TypeVar("T")

_MANAGER: Final = "_whinny_services"


class ServiceManager:
    """Makes and keeps the services of an app.

    A service is any class that can be made without arguments. What it needs, it names by `dependency`; that is made
    with it. An abstract class may choose one by a class method, `service_for(settings)`. The methods `boot()` and
    `close()` of a service, `def` or `async def`, run when the app starts and, in the reverse order, when it stops.
    `get` and `set` may be called from any thread.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings.from_environment()
        self._services: dict[object, Any] = {ServiceManager: self}
        self._made: list[Any] = []
        self._watched: list[tuple[type, Callable[[Any], None]]] = []
        self._making: list[object] = []
        self._booted: list[Any] = []
        self._late = False  # what is made now is booted right after
        self._state: str = "new"  # then booting, then booted
        self._up = False  # booted, though what has come since may be booting
        self._boot_task: asyncio.Task[None] | None = None  # which all share who boot at the same time
        self._holders: dict[object, asyncio.AbstractEventLoop] = {}
        self._turns: tuple[asyncio.AbstractEventLoop, asyncio.Lock] | None = None  # of those who boot or close
        self._working: asyncio.Task[Any] | None = None  # whose turn it is
        self._lock = threading.RLock()  # endpoints that run in threads ask for services too

    # Typed as callables, since type checkers do not take an abstract class for a `type[T]`.

    def get(self, cls: Callable[..., T]) -> T:
        """The service of this class.

        Raises ConfigurationError for a cycle of dependencies, naming the way round, and for an abstract class of which
        no object was given.
        """
        if cls not in self._services:
            with self._lock:
                if cls not in self._services:
                    self._make_service(cls)
        return cast("T", self._services[cls])

    def set(self, cls: Callable[..., object], service: object) -> ServiceManager:
        """Use this object as the service of the class, also where another one was used until now.

        It may be a stand-in of any type. It is booted and closed like one that was made here.
        """
        _check_is_class(cls)
        if _dependencies(type(service)):
            self._adopt(service)
        with self._lock:
            old = self._services.get(cls)
            self._services[cls] = service
            for name in _dependencies(type(service)):
                getattr(service, name)  # so that what it needs is made, and booted before it
            if not any(old is each for each in self._services.values()):
                self._made = [each for each in self._made if each is not old]
            if not any(service is each for each in self._made):
                self._add(service)
            for owner in self._made:
                for name, wanted in _dependencies(type(owner)).items():
                    if wanted is cls:
                        getattr(owner, "__dict__", {}).pop(name, None)  # so that it is looked up again
        return self

    def keep(self, service: object) -> None:
        """Boot and close this object with the services, though nobody gets it by its class."""
        with self._lock:
            if not any(service is each for each in self._made):
                self._add(service)

    def each(self, cls: Callable[..., T], fn: Callable[[T], None]) -> None:
        """Call `fn` with all services that are objects of this class: those that there are, and those that come."""
        with self._lock:
            kind = cast("type[T]", cls)
            self._watched.append((kind, fn))
            for service in [each for each in self._made if isinstance(each, kind)]:
                fn(service)

    async def ready(self, cls: Callable[..., T]) -> T:
        """The service of this class, booted, should it be made only now."""
        if cls not in self._services:
            with self._lock:
                self._late = True
                try:
                    self.get(cls)
                finally:
                    self._late = False
        service = self.get(cls)
        if self._up and not any(service is each for each in self._booted):
            await self.boot()
        return service

    def make(self, cls: Callable[..., T], **stand_ins: Any) -> T:
        """A new object of the class, which is not kept as the service; for tests.

        `stand_ins` take the place of its dependencies, by the names of these attributes, before `__init__` runs.
        Raises ConfigurationError when there is no dependency of that name.
        """
        _check_is_class(cls)
        known = _dependencies(cast("type", cls))
        for name in stand_ins:
            if name not in known:
                listed = ", ".join(known) or "none"
                raise ConfigurationError(f"{_name(cls)} has no dependency {name!r}; it has: {listed}.")
        with self._lock:
            return cast("T", self._new(cls, stand_ins))

    def _make_service(self, cls: Callable[..., Any]) -> None:
        service = self._new(cls, {})
        self._services[cls] = service
        self._add(service)

    def _add(self, service: object) -> None:
        self._made.append(service)
        for cls, fn in self._watched:
            if isinstance(service, cls):
                fn(service)
        if self._state == "booted":
            self._add_late(service)

    def _new(self, cls: Any, stand_ins: dict[str, Any]) -> Any:
        if inspect.isabstract(cls) and hasattr(cls, "service_for"):
            return cls.service_for(self.settings)
        if cls in self._making:
            way = " → ".join(_name(each) for each in [*self._making[self._making.index(cls) :], cls])
            raise ConfigurationError(f"These services need each other while they are made: {way}.")
        _check_is_class(cls)
        self._check_can_be_made(cls)
        self._making.append(cls)
        try:
            service = cls.__new__(cls)
            self._adopt(service)
            if hasattr(service, "__dict__"):
                service.__dict__.update(stand_ins)
            service.__init__()
            for name in _dependencies(cls):
                getattr(service, name)
        finally:
            self._making.pop()
        return service

    def _adopt(self, service: object) -> None:
        """The service finds its dependencies here, in `__init__` already."""
        if hasattr(service, "__dict__"):
            service.__dict__.setdefault(_MANAGER, self)
        elif _dependencies(type(service)):
            raise ConfigurationError(f"{type(service).__name__} has __slots__, but dependencies need a __dict__.")

    def _check_can_be_made(self, cls: Any) -> None:
        needed = f", which {_name(self._making[-1])} needs," if self._making else ""
        advice = f"give an object of it with services.set({_name(cls)}, …)."
        if inspect.isabstract(cls) or getattr(cls, "_is_protocol", False):
            raise ConfigurationError(f"{_name(cls)}{needed} is abstract: {advice}")
        fields: dict[str, dataclasses.Field[Any]] = getattr(cls, "__dataclass_fields__", {})
        for field in fields.values():
            if isinstance(field.default, _Dependency):
                raise ConfigurationError(
                    f"{_name(cls)}.{field.name} is a field of a dataclass: write it without an annotation, "
                    f"{field.name} = dependency({_name(field.default.cls)})."
                )
        signature = signature_of(cls)
        try:
            if signature is not None:
                signature.bind()
        except TypeError:
            raise ConfigurationError(f"{_name(cls)}{needed} takes {signature}: {advice}") from None

    def _add_late(self, service: object) -> None:
        """A service was made after all others were booted."""
        if self._late:
            return  # whoever makes it sees to that
        if _has(service, "boot"):
            log.warning(
                "%s was made after the services had been booted, so its boot() has not run: name it as a dependency of "
                "a controller, or get it before the app starts",
                type(service).__name__,
            )
        else:
            self._booted.append(service)

    @property
    def booted(self) -> bool:
        """Whether the services have booted, and are not closed."""
        return self._up

    async def boot(self) -> None:
        """Run the `boot` of every service that was not booted yet, of those that a service needs first.

        It runs in a task of its own, one for all who call this meanwhile: it goes on when one of them is cancelled.
        When a service fails, those that this boot has booted are closed again, and all who wait for it get the error;
        the next one who calls tries again.
        """
        if self._is_my_turn():
            return  # called by a boot: what is new is booted after it
        loop = asyncio.get_running_loop()
        if self._boot_task is None or self._boot_task.done() or self._boot_task.get_loop() is not loop:
            self._boot_task = loop.create_task(self._boot_all())
        await asyncio.shield(self._boot_task)

    async def _boot_all(self) -> None:
        async with self._turn():
            self._state, before = "booting", len(self._booted)
            try:
                while (service := self._next_to_boot()) is not None:  # a boot may make or replace services
                    await _call(service, "boot")
                    self._booted.append(service)
                    if self._state != "booting":
                        break
            except BaseException:
                await self._close_until(before)
                self._state = "booted" if self._up else "new"
                raise
            if self._state == "booting":
                self._state, self._up = "booted", True
            else:  # a boot has closed all
                await self._close_until(0)

    def _is_my_turn(self) -> bool:
        """Whether a `boot` or `close` of a service calls."""
        return self._working is not None and self._working is asyncio.current_task()

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        if self._turns is None or self._turns[0] is not loop:
            self._turns = loop, asyncio.Lock()
        async with self._turns[1]:
            self._working = asyncio.current_task()
            try:
                yield
            finally:
                self._working = None

    def _next_to_boot(self) -> object | None:
        """A service that was not booted, and needs none that was not."""
        waiting = {id(service): service for service in self._made}
        for service in self._booted:
            waiting.pop(id(service), None)
        service = next(iter(waiting.values()), None)
        while waiting.pop(id(service), None) is not None:
            needed = (self._services.get(cls) for cls in _dependencies(type(service)).values())
            service = next((each for each in needed if id(each) in waiting), service)
        return service

    async def close(self) -> None:
        """Run the `close` of every booted service, the last one first. An error of one is logged, and the rest run.

        A boot that is under way is waited for, and closed too.
        """
        if self._is_my_turn():
            await self._close_all()
            return
        self._boot_task = None  # who boots from here on boots anew
        async with self._turn():
            await self._close_all()

    async def hold(self, holder: object) -> None:
        """Boot, and stay booted until this holder, an app that runs, calls `release`. `close` asks no holder."""
        self._holders[holder] = asyncio.get_running_loop()
        try:
            await self.boot()
        except BaseException:
            self._holders.pop(holder, None)
            raise

    async def release(self, holder: object) -> None:
        """Close, unless others hold the services still."""
        self._holders.pop(holder, None)
        if self._are_held():
            return
        self._boot_task = None
        async with self._turn():
            if not self._are_held():  # by one who came meanwhile
                await self._close_all()

    def _are_held(self) -> bool:
        return not all(loop.is_closed() for loop in self._holders.values())

    async def _close_all(self) -> None:
        self._state, self._up = "new", False
        await self._close_until(0)

    async def _close_until(self, count: int) -> None:
        while len(self._booted) > count:
            service = self._booted.pop()
            try:
                await _call(service, "close")
            except Exception as error:
                log_error(log, "%s could not be closed", type(service).__name__, error=error)


def _name(cls: object) -> str:
    return str(getattr(cls, "__name__", cls))


def _check_is_class(cls: object) -> None:
    if not isinstance(cls, type):
        raise ConfigurationError(f"A service is known by its class, not by {cls!r}.")


def _dependencies(cls: type) -> dict[str, object]:
    """The classes of the services that a class needs, its parents' among them, by the names of the attributes."""
    found: dict[str, object] = {}
    for owner in cls.__mro__:
        for name, value in vars(owner).items():
            if name not in found and type(value) is _Dependency:  # not isinstance: a proxy may fail at that
                found[name] = value.cls
    return found


def _has(service: object, name: str) -> bool:
    """Whether it has such a method, which does not handle an event or a request of that name."""
    versions = [vars(owner)[name] for owner in type(service).__mro__ if name in vars(owner)]
    marked = any(mark.startswith("__whinny_") for version in versions for mark in getattr(version, "__dict__", ()))
    return bool(versions) and inspect.isfunction(versions[0]) and not marked


async def _call(service: object, name: str) -> None:
    if _has(service, name):
        result = getattr(service, name)()
        if inspect.isawaitable(result):
            await result


def find_services(owner: object) -> ServiceManager | None:
    """The manager that made this object, if one did."""
    return cast("ServiceManager | None", getattr(owner, "__dict__", {}).get(_MANAGER))


def services_of(owner: object) -> ServiceManager:
    """The manager that made this object. Raises ConfigurationError when none did."""
    manager = find_services(owner)
    if manager is None:
        name = type(owner).__name__
        raise ConfigurationError(f"{name} was not made by a ServiceManager: get it with services.get({name}).")
    return manager


class _Dependency(Generic[T]):
    def __init__(self, cls: Callable[..., T]) -> None:
        self.cls = cls
        self._name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, owner: None, cls: type) -> _Dependency[T]: ...
    @overload
    def __get__(self, owner: object, cls: type) -> T: ...
    def __get__(self, owner: object | None, cls: type) -> Any:
        if owner is None:
            return self
        service = services_of(owner).get(self.cls)
        owner.__dict__[self._name] = service
        return service


def dependency(cls: Callable[..., T]) -> _Dependency[T]:
    """A service that this class needs: `ws_server = dependency(WsServer)` in the class body.

    The class may be abstract: `services.set(Store, …)` says then which object it is. Raises ConfigurationError when it
    is no class.
    """
    _check_is_class(cls)
    return _Dependency(cls)
