"""What stands on the methods and classes of controllers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from whinny.errors import ConfigurationError
from whinny.framework import Hook, HookDecorator, SchemaValidator, ServiceManager
from whinny.websocket.context import WebsocketContext
from whinny.websocket.response import AnyResponse, WebsocketErrorResponse

M = TypeVar("M", bound=Callable[..., Any])

EVENT: Final = "__whinny_event__"

PostFunction = Callable[[AnyResponse | None], Awaitable[None] | None]
HookResult = AnyResponse | PostFunction | None
WebsocketHookFunction = Callable[[Any, ServiceManager], Awaitable[HookResult] | HookResult]
Schema = dict[str, Any] | bool


def event_name(name: str) -> Callable[[M], M]:
    """The method handles the events of this name. Raises ConfigurationError when the name is empty or no text."""
    if not isinstance(name, str) or not name:
        raise ConfigurationError(f'event_name needs the name of an event, event_name("create product"), not {name!r}.')

    def decorate(method: M) -> M:
        setattr(method, EVENT, name)
        return method

    return decorate


def websocket_hook(function: WebsocketHookFunction) -> HookDecorator:
    """A hook: `function(ctx, services)` runs before the method.

    It returns nothing, a response, which is the answer then, or a function that is called with the response after the
    method has run.
    """
    return HookDecorator(function)


def merge_websocket_hooks(*hooks: HookDecorator) -> HookDecorator:
    """One decorator for several hooks, in this order."""
    return HookDecorator(*(function for hook in hooks for function in hook.hooks))


def get_websocket_hook_functions(hook: HookDecorator) -> tuple[Hook, ...]:
    """The functions of a hook, to call them in a test."""
    return hook.hooks


def get_websocket_hook_function(hook: HookDecorator) -> Hook:
    """The first function of a hook."""
    return hook.hooks[0]


class PayloadValidation:
    """The hook of `validate_payload`. It is compiled when the controller is attached."""

    __slots__ = ("_schema",)

    def __init__(self, schema: Schema | Callable[[Any], Schema]) -> None:
        self._schema = schema

    def bind(self, controller: object, where: str) -> Hook:
        """The hook for this controller. Raises ConfigurationError, which names `where`, for a bad schema."""
        schema = self._schema(controller) if callable(self._schema) else self._schema
        errors_of = SchemaValidator(schema, where).errors

        def validate(ctx: WebsocketContext, services: ServiceManager) -> WebsocketErrorResponse | None:
            errors = errors_of(ctx.payload)
            return _refusal(errors) if errors else None

        return validate

    def __call__(self, ctx: WebsocketContext, services: ServiceManager) -> WebsocketErrorResponse | None:
        """Called alone, in a test."""
        response: WebsocketErrorResponse | None = self.bind(ctx.controller, "validate_payload")(ctx, services)
        return response


def _refusal(errors: list[dict[str, Any]]) -> WebsocketErrorResponse:
    return WebsocketErrorResponse({"code": "VALIDATION_PAYLOAD_ERROR", "payload": errors})


def validate_payload(schema: Schema | Callable[[Any], Schema]) -> HookDecorator:
    """Lets only payloads through that fit a JSON Schema, or the one that a function of the controller returns.

    Others are answered with `{"code": "VALIDATION_PAYLOAD_ERROR", "payload": [errors]}`, each error as Ajv 8 writes it.
    """
    return HookDecorator(PayloadValidation(schema))


@dataclass(frozen=True, slots=True)
class SubController:
    """A controller under a prefix."""

    prefix: str
    controller: type


def ws_controller(prefix: str, controller: type) -> SubController:
    """Puts a controller's events under a prefix; the names are joined as they are."""
    return SubController(prefix, controller)
