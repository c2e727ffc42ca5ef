"""The way of a request or an event: hooks, method, post functions, and what errors become on each step."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import NoneType
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, cast

if TYPE_CHECKING:
    from whinny.framework.errors import ErrorHandler
    from whinny.framework.hooks import BoundHook
    from whinny.framework.run import AnsweringRun, Run
    from whinny.framework.services import ServiceManager


class Context(Protocol):
    """What is needed of a context."""

    controller: Any
    controller_name: str
    controller_method_name: str

    def log_extra(self) -> dict[str, Any]:
        """What a log record of it carries."""
        ...


C = TypeVar("C", bound=Context)
R = TypeVar("R")
In = TypeVar("In", contravariant=True)

PostFunction = Callable[[R | None], Awaitable[None] | None]
"""Runs after the method, with the response."""


class Endpoint(Protocol[In]):
    """A method of a controller, and the hooks before it."""

    @property
    def name(self) -> str:
        """Class and method, for messages."""
        ...

    @property
    def controller(self) -> object:
        """The controller whose method it is."""

    @property
    def hooks(self) -> tuple[BoundHook, ...]:
        """From the root class's to the method's own."""
        ...

    @property
    def call(self) -> Callable[[In], Any]:
        """Calls the method; gives what the method gives."""
        ...


@dataclass(frozen=True, slots=True)
class Responses(Generic[R]):
    """What counts as a response of one kind of controllers, and whether a method may do without one."""

    types: tuple[type[R], ...]
    optional: bool

    def refuse_result(self, result: object, where: str) -> TypeError:
        """The error of a method that returned something else."""
        listed = _listed([*self._names(), *(["None"] if self.optional else [])])
        return TypeError(f"{where} returned {kind(result)}: it must return {listed}.")

    def refuse_hook_result(self, result: object, hook: str, where: str) -> TypeError:
        """The error of a hook that returned something else."""
        listed = _listed(["None", *self._names(), "a function"])
        return TypeError(f"The hook {hook} of {where} returned {kind(result)}: it must return {listed}.")

    def _names(self) -> list[str]:
        return [f"{_article(each.__name__)} {each.__name__}" for each in self.types]


def _article(name: str) -> str:
    return "an" if name[0] in "AEHIOU" else "a"  # the H of Http is spoken as a letter


def _listed(names: list[str]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}" if len(names) > 1 else names[0]


def kind(value: object) -> str:
    """What a value is, in words that show nothing of it."""
    if isinstance(value, type):
        return f"the class {value.__name__} itself"
    return "None" if value is None else f"an object of the type {type(value).__name__}"


class Pipeline(Generic[C, R]):
    """Runs endpoints. An error on any step is answered by the error handler, and post functions run all the same."""

    __slots__ = ("_errors", "_responses", "_results", "_services")

    def __init__(self, services: ServiceManager, responses: Responses[R], errors: ErrorHandler[C, R]) -> None:
        self._services = services
        self._responses = responses
        self._results = (*responses.types, NoneType) if responses.optional else responses.types
        self._errors = errors

    async def run(self, run: AnsweringRun[C, R], endpoint: Endpoint[C], ctx: C) -> None:
        """From the first hook to the answer."""
        posts: list[PostFunction[R]] = []
        responses = self._responses.types
        response: R | None = None
        try:
            for hook in endpoint.hooks:
                ctx.controller = hook.controller
                result = hook.function(ctx, self._services)
                if result is None:
                    continue
                if inspect.isawaitable(result):
                    result = await run.settle(result)
                if isinstance(result, responses):
                    response = result
                    break
                if callable(result) and not isinstance(result, type):
                    posts.append(cast("PostFunction[R]", result))
                elif result is not None:
                    raise self._responses.refuse_hook_result(result, hook.name, endpoint.name)
            else:
                ctx.controller = endpoint.controller
                response = endpoint.call(ctx)
                if not isinstance(response, self._results):
                    response = await self._settle(run, endpoint, response)
        except BaseException as error:
            response = await self._errors.respond(run, error, ctx)
        if posts:
            response = await self._after(posts, run, response, ctx)
        try:
            run.finish(response, ctx)
        except Exception as error:
            await self._errors.deliver_instead(run, error, ctx, run.send)

    async def _settle(self, run: Run, endpoint: Endpoint[C], result: Any) -> R | None:
        """The response that a method comes to, which has returned something else than one."""
        if inspect.isawaitable(result):
            result = await run.settle(result)
        if isinstance(result, self._results):
            return result
        raise self._responses.refuse_result(result, endpoint.name)

    async def _after(
        self, posts: list[PostFunction[R]], run: AnsweringRun[C, R], response: R | None, ctx: C
    ) -> R | None:
        """Run the post functions, the last one first; one that raises changes the response for the others."""
        if response is not None:
            try:
                response = run.own(response)
                run.check(response)  # so that what post functions hear is what is sent
            except Exception as error:
                response = run.own(await self._errors.deliver_instead(run, error, ctx, run.check))
        for post in reversed(posts):
            try:
                later = post(response)
                if inspect.isawaitable(later):
                    await run.settle(later)
            except BaseException as error:
                response = run.own(await self._errors.respond(run, error, ctx))
        return response
