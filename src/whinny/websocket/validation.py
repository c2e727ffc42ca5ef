"""`validate_payload`, and the answer to a payload that does not fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from whinny.framework import (
    AjvError,
    ControllerHook,
    Hook,
    HookDecorator,
    Schema,
    SchemaValidator,
    ServiceManager,
    refuse_uncalled,
    schema_for,
)
from whinny.websocket.context import WebsocketContext
from whinny.websocket.decorators import EVENTS
from whinny.websocket.response import WebsocketErrorResponse


def refuse_payload(errors: list[AjvError]) -> WebsocketErrorResponse:
    """The answer to a payload with these errors."""
    return WebsocketErrorResponse({"code": "VALIDATION_PAYLOAD_ERROR", "payload": errors})


def validate_payload(
    schema: Schema | Callable[[Any], Schema],
    *,
    coerce_types: bool = False,
    use_defaults: bool = False,
    remove_additional: bool = False,
) -> HookDecorator:
    """Lets only payloads through that fit a JSON Schema, or the one that a function of the controller returns.

    The schema is of draft 2020-12 unless its `$schema` says otherwise; formats are asserted. Others are answered with
    `{"code": "VALIDATION_PAYLOAD_ERROR", "payload": [errors]}`, each error as Ajv 8 writes it. A bad schema is refused
    at `attach`.

    The payload is not changed, unless asked, and then as Ajv does it: `coerce_types` makes `"3"` the number that is
    due, `use_defaults` fills in what is missing and has a `default`, `remove_additional` drops the properties that
    `"additionalProperties": False` would refuse.
    """
    refuse_uncalled(schema, "validate_payload(…)")
    switches = {
        "coerce_types": coerce_types,
        "use_defaults": use_defaults,
        "remove_additional": remove_additional,
    }
    return HookDecorator(EVENTS, _PayloadValidation(schema, switches))


class _PayloadValidation(ControllerHook):
    """The hook of `validate_payload`; its schema is compiled when the controller is attached."""

    __slots__ = ("_schema", "_switches")

    __qualname__ = "validate_payload"

    def __init__(self, schema: Schema | Callable[[Any], Schema], switches: dict[str, bool]) -> None:
        self._schema = schema
        self._switches = switches

    def bind(self, controller: object, where: str) -> Hook:
        """The hook with the schema for this controller."""
        validator = SchemaValidator(schema_for(self._schema, controller, where), where, **self._switches)
        return _change_and_check(validator) if any(self._switches.values()) else _check(validator)

    def __call__(self, ctx: WebsocketContext[Any], services: ServiceManager) -> WebsocketErrorResponse | None:
        """Called alone, in a test; a schema function gets `ctx.controller`."""
        response: WebsocketErrorResponse | None = self.bind(ctx.controller, "validate_payload")(ctx, services)
        return response


def _check(validator: SchemaValidator) -> Hook:
    fits, errors_of = validator.fits, validator.errors

    def validate(ctx: WebsocketContext[Any], services: ServiceManager) -> WebsocketErrorResponse | None:
        try:  # `suppress` takes longer than to look at a small payload
            if fits(ctx.payload):
                return None
        except (ValueError, TypeError, RecursionError):  # it is no JSON
            pass
        errors = errors_of(ctx.payload)
        return refuse_payload(errors) if errors else None

    return validate


def _change_and_check(validator: SchemaValidator) -> Hook:
    def validate(ctx: WebsocketContext[Any], services: ServiceManager) -> WebsocketErrorResponse | None:
        payload, errors = validator.check(ctx.payload)
        if errors:
            return refuse_payload(errors)
        if payload is not ctx.payload:
            ctx.payload = payload
            ctx.args = (payload, *ctx.args[1:])
        return None

    return validate
