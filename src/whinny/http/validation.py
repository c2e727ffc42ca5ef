"""`validate_body` and its siblings for the other parts of a request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from whinny.errors import ConfigurationError
from whinny.framework import (
    ControllerHook,
    Hook,
    HookDecorator,
    Schema,
    SchemaValidator,
    ServiceManager,
    refuse_uncalled,
    schema_for,
)
from whinny.http.body import is_form
from whinny.http.context import Context
from whinny.http.decorators import HTTP
from whinny.http.parts import with_lists
from whinny.http.response import HttpResponseBadRequest

SchemaOrFunction = Schema | Callable[[Any], Schema]

_NAMES: Final = {"query": "query", "headers": "headers", "cookies": "cookies", "path_params": "pathParams"}
"""What the answer calls the parts of a context."""


def validate_body(
    schema: SchemaOrFunction,
    *,
    coerce_types: bool = False,
    use_defaults: bool = False,
    remove_additional: bool = False,
) -> HookDecorator:
    """Lets only requests through whose body fits a JSON Schema, or the one that a function of the controller returns.

    The schema is of draft 2020-12 unless its `$schema` says otherwise; formats are asserted. Others are answered with
    400 and `{"body": [errors]}`, each error as Ajv 8 writes it. A bad schema is refused by `create_app`.

    The body is not changed, unless asked, and then as Ajv does it: `coerce_types` makes `"3"` the number that is due,
    `use_defaults` fills in what is missing and has a `default`, `remove_additional` drops the properties that
    `"additionalProperties": False` would refuse. The fields of a form are texts: they need `coerce_types`. One whose
    property has the type `array` is a list, however often it is there.
    """
    return HookDecorator(HTTP, _BodyValidation("body", schema, coerce_types, use_defaults, remove_additional))


def validate_query(
    schema: SchemaOrFunction,
    *,
    coerce_types: bool = True,
    use_defaults: bool = False,
    remove_additional: bool = False,
) -> HookDecorator:
    """The same for the parameters of the query, as one object; the answer is `{"query": [errors]}`.

    All of them are texts, so types are coerced unless `coerce_types` is off; `ctx.query` has what came out. A parameter
    that is there several times is a list, and so is one whose property has the type `array`.
    """
    return HookDecorator(HTTP, _PartValidation("query", schema, coerce_types, use_defaults, remove_additional))


def validate_headers(
    schema: SchemaOrFunction,
    *,
    coerce_types: bool = True,
    use_defaults: bool = False,
    remove_additional: bool = False,
) -> HookDecorator:
    """The same for the headers, whose names are in lower case; the answer is `{"headers": [errors]}`.

    Types are coerced unless `coerce_types` is off; `ctx.headers` has what came out.
    """
    return HookDecorator(HTTP, _HeadersValidation("headers", schema, coerce_types, use_defaults, remove_additional))


def validate_cookies(
    schema: SchemaOrFunction,
    *,
    coerce_types: bool = True,
    use_defaults: bool = False,
    remove_additional: bool = False,
) -> HookDecorator:
    """The same for the cookies; the answer is `{"cookies": [errors]}`.

    Types are coerced unless `coerce_types` is off; `ctx.cookies` has what came out.
    """
    return HookDecorator(HTTP, _PartValidation("cookies", schema, coerce_types, use_defaults, remove_additional))


def validate_path_params(
    schema: SchemaOrFunction,
    *,
    coerce_types: bool = True,
    use_defaults: bool = False,
    remove_additional: bool = False,
) -> HookDecorator:
    """The same for the parameters of the path; the answer is `{"pathParams": [errors]}`.

    Types are coerced unless `coerce_types` is off; `ctx.path_params` has what came out.
    """
    return HookDecorator(HTTP, _PathValidation("path_params", schema, coerce_types, use_defaults, remove_additional))


class _Validation(ControllerHook):
    """The hook for one part of a request; its schema is compiled when the app is made."""

    __slots__ = ("__qualname__", "_part", "_schema", "_switches")

    def __init__(
        self, part: str, schema: SchemaOrFunction, coerce_types: bool, use_defaults: bool, remove_additional: bool
    ) -> None:
        self.__qualname__ = f"validate_{part}"
        refuse_uncalled(schema, f"{self.__qualname__}(…)")
        self._part = part
        self._schema = schema
        self._switches = {
            "coerce_types": coerce_types,
            "use_defaults": use_defaults,
            "remove_additional": remove_additional,
        }

    def bind(self, controller: object, where: str) -> Hook:
        """The hook with the schema for this controller."""
        schema = schema_for(self._schema, controller, where)
        validator = SchemaValidator(schema, where, **self._switches)
        return self._hook(schema, validator, where)

    def _hook(self, schema: Schema, validator: SchemaValidator, where: str) -> Hook:
        raise NotImplementedError

    def __call__(self, ctx: Context[Any], services: ServiceManager) -> Any:
        """Called alone, in a test; a schema function gets `ctx.controller`."""
        return self.bind(ctx.controller, self.__qualname__)(ctx, services)


class _BodyValidation(_Validation):
    __slots__ = ()

    def _hook(self, schema: Schema, validator: SchemaValidator, where: str) -> Hook:
        lists = _lists(schema)

        async def validate(ctx: Context[Any], services: ServiceManager) -> HttpResponseBadRequest | None:
            sent = given = await ctx.body()
            if lists and isinstance(sent, dict) and is_form(ctx.request):
                given = with_lists(sent, lists)
            body, errors = validator.check(given)
            if errors:
                return HttpResponseBadRequest({"body": errors})
            if body is not sent:
                ctx.set_body(body)
            return None

        return validate


class _PartValidation(_Validation):
    """For a part that is a dict of texts."""

    __slots__ = ()

    def _hook(self, schema: Schema, validator: SchemaValidator, where: str) -> Hook:
        part, lists = self._part, _lists(schema)

        def validate(ctx: Context[Any], services: ServiceManager) -> HttpResponseBadRequest | None:
            given = self._given(getattr(ctx, part), lists)
            checked, errors = validator.check(given)
            if errors:
                return HttpResponseBadRequest({_NAMES[part]: errors})
            if checked is not getattr(ctx, part):
                setattr(ctx, part, self._result(getattr(ctx, part), given, checked))
            return None

        return validate

    def _given(self, values: dict[str, Any], lists: frozenset[str]) -> dict[str, Any]:
        """What is checked."""
        return with_lists(values, lists)

    def _result(self, values: dict[str, Any], given: dict[str, Any], checked: dict[str, Any]) -> dict[str, Any]:
        """What the context has from here on."""
        return checked


class _HeadersValidation(_PartValidation):
    __slots__ = ()

    def _hook(self, schema: Schema, validator: SchemaValidator, where: str) -> Hook:
        if isinstance(schema, dict):
            for name in (*schema.get("properties", {}), *schema.get("required", ())):
                if name != name.lower():
                    raise ConfigurationError(f"{where} validates the header {name!r}: write its name in lower case.")
        return super()._hook(schema, validator, where)


class _PathValidation(_PartValidation):
    """A path's convertors may make objects that no JSON has: they are checked as texts, and kept."""

    __slots__ = ()

    def _given(self, values: dict[str, Any], lists: frozenset[str]) -> dict[str, Any]:
        return {name: value if isinstance(value, (str, int, float)) else str(value) for name, value in values.items()}

    def _result(self, values: dict[str, Any], given: dict[str, Any], checked: dict[str, Any]) -> dict[str, Any]:
        return {
            name: values[name] if name in given and given[name] == value else value for name, value in checked.items()
        }


def _lists(schema: Schema) -> frozenset[str]:
    """The properties that are lists, or may be lists and no text."""
    properties = schema.get("properties", {}) if isinstance(schema, dict) else {}
    return frozenset(name for name, each in properties.items() if isinstance(each, dict) and _is_list(each.get("type")))


def _is_list(type_: Any) -> bool:
    return type_ == "array" or (isinstance(type_, list) and "array" in type_ and "string" not in type_)
