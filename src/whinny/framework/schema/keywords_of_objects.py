"""The keywords that look at objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whinny.framework.schema.places import Mode, Place, Seen

if TYPE_CHECKING:
    from whinny.framework.schema.document import Node
    from whinny.framework.schema.validation import Validation


def required(validation: Validation, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
    required = node["required"]
    fits = True
    for name in required if isinstance(required, list) else ():
        if name not in place.value:
            message = f"must have required property '{name}'"
            fits = validation.fail(node, place, mode, "required", {"missingProperty": name}, message)
    return fits


def property_names(validation: Validation, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
    inner, fits = node.child("propertyNames"), True
    for name in list(place.value):
        of_name = Place(name, place.up, place.part, writable=False)
        if validation.visit(inner, of_name, Mode(True, mode.brief, name), validation.seen()):
            continue
        fits = validation.fail(
            node, place, mode, "propertyNames", {"propertyName": name}, "property name must be valid"
        )
        if mode.brief:
            break
    return fits


def _additional(validation: Validation, node: Node, place: Place) -> list[str]:
    """The properties that neither `properties` nor `patternProperties` speaks of."""
    known, patterns = node.get("properties", {}), node.get("patternProperties", {})
    holds = validation.document.holds
    return [
        name
        for name in place.value
        if name not in known and not any(holds("pattern", pattern, name) for pattern in patterns)
    ]


def additional_properties(validation: Validation, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
    if seen:
        seen.all_properties = True
    schema = node["additionalProperties"]
    if schema is True:
        return True
    names = _additional(validation, node, place)
    if schema is not False:
        return validation.visit_at(node.child("additionalProperties"), place, names, mode)
    fits = True
    for name in names:
        if validation.changes.remove_additional:
            del place.value[name]
            validation.changed = True
        else:
            params, message = {"additionalProperty": name}, "must NOT have additional properties"
            fits = validation.fail(node, place, mode, "additionalProperties", params, message)
            if mode.brief:
                break
    return fits


def properties(validation: Validation, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
    fits, schemas = True, node["properties"]
    for name in schemas:
        if name in place.value and not validation.visit(
            node.child("properties", name), place.at(name), mode, validation.seen()
        ):
            fits = False
            if mode.brief:
                break
    if seen:
        seen.properties.update(schemas)
    return fits


def pattern_properties(validation: Validation, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
    fits, holds = True, validation.document.holds
    for pattern in node["patternProperties"]:
        names = [name for name in place.value if holds("pattern", pattern, name)]
        if not validation.visit_at(node.child("patternProperties", pattern), place, names, mode):
            fits = False
            if mode.brief:
                break
        if seen:
            seen.properties.update(names)
    return fits


def dependent_required(validation: Validation, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
    return _wanted_properties(validation, node, "dependentRequired", place, mode)


def _wanted_properties(validation: Validation, node: Node, keyword: str, place: Place, mode: Mode) -> bool:
    fits = True
    for name, wanted in node[keyword].items():
        if name not in place.value or not isinstance(wanted, list):
            continue
        listed = ", ".join(wanted)
        noun = "property" if len(wanted) == 1 else "properties"
        for missing in wanted:
            if missing not in place.value:
                params = {"property": name, "missingProperty": missing, "depsCount": len(wanted), "deps": listed}
                message = f"must have {noun} {listed} when property {name} is present"
                fits = validation.fail(node, place, mode, keyword, params, message)
    return fits


def dependent_schemas(validation: Validation, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
    return _wanted_schemas(validation, node, "dependentSchemas", place, mode, seen)


def _wanted_schemas(
    validation: Validation, node: Node, keyword: str, place: Place, mode: Mode, seen: Seen | None
) -> bool:
    all_fit = True
    for name, schema in node[keyword].items():
        if name not in place.value or isinstance(schema, list):
            continue
        inner = validation.seen()
        if not validation.visit(node.child(keyword, name), place, mode, inner):
            all_fit = False
            if mode.brief:
                break
        elif seen and inner:
            seen.add(inner)
    return all_fit


def dependencies(validation: Validation, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
    fits = _wanted_properties(validation, node, "dependencies", place, mode)
    return _wanted_schemas(validation, node, "dependencies", place, mode, seen) and fits


def unevaluated_properties(validation: Validation, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
    if seen is None or seen.all_properties:
        return True
    rest = [name for name in place.value if name not in seen.properties]
    seen.all_properties = True
    if node["unevaluatedProperties"] is not False:
        return validation.visit_at(node.child("unevaluatedProperties"), place, rest, mode)
    fits = True
    for name in rest:
        params, message = {"unevaluatedProperty": name}, "must NOT have unevaluated properties"
        fits = validation.fail(node, place, mode, "unevaluatedProperties", params, message)
    return fits
