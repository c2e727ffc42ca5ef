"""The keywords that look at objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whinny.framework.schema.places import Mode, Place, Seen

if TYPE_CHECKING:
    from whinny.framework.schema.document import Node
    from whinny.framework.schema.run import Run


def required(run: Run, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
    required = node["required"]
    fits = True
    for name in required if isinstance(required, list) else ():
        if name not in place.value:
            message = f"must have required property '{name}'"
            fits = run.fail(node, place, mode, "required", {"missingProperty": name}, message)
    return fits


def property_names(run: Run, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
    inner, fits = node.child("propertyNames"), True
    for name in list(place.value):
        of_name = Place(name, place.up, place.part, writable=False)
        if run.visit(inner, of_name, Mode(True, mode.brief, name), run.seen()):
            continue
        fits = run.fail(node, place, mode, "propertyNames", {"propertyName": name}, "property name must be valid")
        if mode.brief:
            break
    return fits


def _additional(run: Run, node: Node, place: Place) -> list[str]:
    """The properties that neither `properties` nor `patternProperties` speaks of."""
    known, patterns = node.get("properties", {}), node.get("patternProperties", {})
    holds = run.document.holds
    return [
        name
        for name in place.value
        if name not in known and not any(holds("pattern", pattern, name) for pattern in patterns)
    ]


def additional_properties(run: Run, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
    if seen:
        seen.all_properties = True
    schema = node["additionalProperties"]
    if schema is True:
        return True
    names = _additional(run, node, place)
    if schema is not False:
        return run.visit_at(node.child("additionalProperties"), place, names, mode)
    fits = True
    for name in names:
        if run.changes.remove_additional:
            del place.value[name]
            run.changed = True
        else:
            params, message = {"additionalProperty": name}, "must NOT have additional properties"
            fits = run.fail(node, place, mode, "additionalProperties", params, message)
            if mode.brief:
                break
    return fits


def properties(run: Run, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
    fits, schemas = True, node["properties"]
    for name in schemas:
        if name in place.value and not run.visit(node.child("properties", name), place.at(name), mode, run.seen()):
            fits = False
            if mode.brief:
                break
    if seen:
        seen.properties.update(schemas)
    return fits


def pattern_properties(run: Run, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
    fits, holds = True, run.document.holds
    for pattern in node["patternProperties"]:
        names = [name for name in place.value if holds("pattern", pattern, name)]
        if not run.visit_at(node.child("patternProperties", pattern), place, names, mode):
            fits = False
            if mode.brief:
                break
        if seen:
            seen.properties.update(names)
    return fits


def dependent_required(run: Run, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
    return _wanted_properties(run, node, "dependentRequired", place, mode)


def _wanted_properties(run: Run, node: Node, keyword: str, place: Place, mode: Mode) -> bool:
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
                fits = run.fail(node, place, mode, keyword, params, message)
    return fits


def dependent_schemas(run: Run, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
    return _wanted_schemas(run, node, "dependentSchemas", place, mode, seen)


def _wanted_schemas(run: Run, node: Node, keyword: str, place: Place, mode: Mode, seen: Seen | None) -> bool:
    all_fit = True
    for name, schema in node[keyword].items():
        if name not in place.value or isinstance(schema, list):
            continue
        inner = run.seen()
        if not run.visit(node.child(keyword, name), place, mode, inner):
            all_fit = False
            if mode.brief:
                break
        elif seen and inner:
            seen.add(inner)
    return all_fit


def dependencies(run: Run, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
    fits = _wanted_properties(run, node, "dependencies", place, mode)
    return _wanted_schemas(run, node, "dependencies", place, mode, seen) and fits


def unevaluated_properties(run: Run, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
    if seen is None or seen.all_properties:
        return True
    rest = [name for name in place.value if name not in seen.properties]
    seen.all_properties = True
    if node["unevaluatedProperties"] is not False:
        return run.visit_at(node.child("unevaluatedProperties"), place, rest, mode)
    fits = True
    for name in rest:
        params, message = {"unevaluatedProperty": name}, "must NOT have unevaluated properties"
        fits = run.fail(node, place, mode, "unevaluatedProperties", params, message)
    return fits
