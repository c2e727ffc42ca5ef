"""Services: one object of a class for the whole app, made when it is first asked for."""

from __future__ import annotations

import inspect
import logging
from typing import Any, Final, Generic, TypeVar, cast, overload

from whinny.errors import ConfigurationError
from whinny.framework.settings import Settings

log = logging.getLogger("whinny.framework")

T = TypeVar("T")

_MANAGER: Final = "_whinny_services"


class ServiceManager:
    """Makes and keeps the services of an app.

    A service is any class that can be made without arguments. What it needs, it names by `dependency`; that is made
    with it. Its methods `boot()` and `close()`, `def` or `async def`, run when the app starts and, in the reverse
    order, when it stops.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings.from_environment()
        self._services: dict[type, Any] = {ServiceManager: self}
        self._made: list[Any] = []  # each behind those that it needs
        self._making: list[type] = []
        self._booted: list[Any] = []

    def get(self, cls: type[T]) -> T:
        """The service of this class. Raises ConfigurationError for a cycle of dependencies, naming the way round."""
        if cls not in self._services:
            self._make(cls)
        return cast("T", self._services[cls])

    def set(self, cls: type[T], service: T) -> ServiceManager:
        """Use this object as the service of the class."""
        self._services[cls] = service
        self._made.append(service)
        return self

    def _make(self, cls: type[T]) -> None:
        if cls in self._making:
            way = " → ".join(each.__name__ for each in [*self._making[self._making.index(cls) :], cls])
            raise ConfigurationError(f"These services need each other while they are made: {way}.")
        if inspect.isabstract(cls):
            raise ConfigurationError(f"{cls.__name__} is abstract: give an object of it with set({cls.__name__}, …).")
        self._making.append(cls)
        try:
            service = cls.__new__(cls)
            if hasattr(service, "__dict__"):
                service.__dict__[_MANAGER] = self  # before __init__, so that dependencies can be used there
            service.__init__()  # type: ignore[misc]
        finally:
            self._making.pop()
        self._services[cls] = service
        try:
            for name in _dependencies(cls):
                getattr(service, name)
        except BaseException:
            del self._services[cls]
            raise
        self._made.append(service)

    async def boot(self) -> None:
        """Run the `boot` of every service that was not booted yet, of those that a service needs first.

        When one fails, those that were booted are closed again, and its error is raised.
        """
        for service in self._made:
            if any(service is booted for booted in self._booted):
                continue
            try:
                await _call(service, "boot")
            except BaseException:
                await self.close()
                raise
            self._booted.append(service)

    async def close(self) -> None:
        """Run the `close` of every booted service, the last one first. An error of one is logged, and the rest run."""
        while self._booted:
            service = self._booted.pop()
            try:
                await _call(service, "close")
            except Exception:
                log.exception("%s could not be closed", type(service).__name__)


def _dependencies(cls: type) -> list[str]:
    """The names of the services that a class needs, its parents' among them."""
    return [name for owner in cls.__mro__ for name, value in vars(owner).items() if isinstance(value, _Dependency)]


async def _call(service: object, name: str) -> None:
    method = getattr(type(service), name, None)
    if method is not None and inspect.isfunction(method):
        result = method(service)
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
    def __init__(self, cls: type[T]) -> None:
        self._cls = cls
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
        service = services_of(owner).get(self._cls)
        owner.__dict__[self._name] = service
        return service


def dependency(cls: type[T]) -> _Dependency[T]:
    """A service that this class needs: `ws_server = dependency(WsServer)` in the class body."""
    return _Dependency(cls)
