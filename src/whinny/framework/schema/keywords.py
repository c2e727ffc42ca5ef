"""The keywords of JSON Schema in the order in which Ajv 8 looks at them, which decides what a change comes before.

A keyword is a function `(validation, node, place, mode, seen)`: it looks at the value at `place` with what the schema
`node` says under the keyword, notes its errors in the validation and returns whether the value fits. `mode` is what the
schemas around ask (whether this one need hold at all), `seen` collects what was looked at, for `unevaluated...`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from whinny.framework.schema import keywords_of_arrays as arrays
from whinny.framework.schema import keywords_of_objects as objects
from whinny.framework.schema import keywords_of_values as values
from whinny.framework.schema.places import Mode, Place, Seen

if TYPE_CHECKING:
    from whinny.framework.schema.document import Node
    from whinny.framework.schema.validation import Validation

Check = Callable[["Validation", "Node", Place, Mode, "Seen | None"], bool]
"""One keyword. See above."""


# the keywords in the order in which Ajv looks at them, each with the first and the last draft that has it

_LAST: Final = 9999

GROUPS: Final[dict[str | None, tuple[tuple[str, Check, int, int], ...]]] = {
    None: (
        ("$dynamicRef", values.dynamic_ref, 2020, _LAST),
        ("$recursiveRef", values.recursive_ref, 2019, 2019),
        ("$ref", values.ref, 4, _LAST),
        ("const", values.const, 6, _LAST),
        ("enum", values.enum, 4, _LAST),
        ("not", values.not_, 4, _LAST),
        ("anyOf", values.any_of, 4, _LAST),
        ("oneOf", values.one_of, 4, _LAST),
        ("allOf", values.all_of, 4, _LAST),
        ("if", values.if_, 7, _LAST),
    ),
    "number": (
        ("maximum", values.bound("maximum", "<=", lambda value, limit: value <= limit), 4, _LAST),
        ("minimum", values.bound("minimum", ">=", lambda value, limit: value >= limit), 4, _LAST),
        ("exclusiveMaximum", values.bound("exclusiveMaximum", "<", lambda value, limit: value < limit), 4, _LAST),
        ("exclusiveMinimum", values.bound("exclusiveMinimum", ">", lambda value, limit: value > limit), 4, _LAST),
        ("multipleOf", values.multiple_of, 4, _LAST),
    ),
    "string": (
        ("maxLength", values.count("maxLength", "characters"), 4, _LAST),
        ("minLength", values.count("minLength", "characters"), 4, _LAST),
        ("pattern", values.judged("pattern"), 4, _LAST),
        ("format", values.judged("format"), 4, _LAST),
    ),
    "array": (
        ("maxItems", values.count("maxItems", "items"), 4, _LAST),
        ("minItems", values.count("minItems", "items"), 4, _LAST),
        ("prefixItems", arrays.prefix_items, 2020, _LAST),
        ("additionalItems", arrays.additional_items, 4, 2019),
        ("items", arrays.items, 4, _LAST),
        ("contains", arrays.contains, 6, _LAST),
        ("uniqueItems", arrays.unique_items, 4, _LAST),
        ("unevaluatedItems", arrays.unevaluated_items, 2019, _LAST),
    ),
    "object": (
        ("maxProperties", values.count("maxProperties", "properties"), 4, _LAST),
        ("minProperties", values.count("minProperties", "properties"), 4, _LAST),
        ("required", objects.required, 4, _LAST),
        ("propertyNames", objects.property_names, 6, _LAST),
        ("additionalProperties", objects.additional_properties, 4, _LAST),
        ("dependencies", objects.dependencies, 4, _LAST),
        ("properties", objects.properties, 4, _LAST),
        ("patternProperties", objects.pattern_properties, 4, _LAST),
        ("dependentRequired", objects.dependent_required, 2019, _LAST),
        ("dependentSchemas", objects.dependent_schemas, 2019, _LAST),
        ("unevaluatedProperties", objects.unevaluated_properties, 2019, _LAST),
    ),
}

CHECKS: Final[dict[str, Check]] = {
    **{keyword: check for group in GROUPS.values() for keyword, check, _, _ in group},
    "minContains": arrays.contains,
    "maxContains": arrays.contains,
}
FAILURES: Final[dict[str, Callable[[Validation, Node, Place, Mode], bool]]] = {
    "not": values.fail_not,
    "anyOf": values.fail_any_of,
    "contains": arrays.fail_contains,
    "minContains": arrays.fail_contains,
    "maxContains": arrays.fail_contains,
}
KEYWORDS: Final = frozenset({*CHECKS, "type", "$id", "$dynamicAnchor", "$recursiveAnchor"} - {"$ref"})
