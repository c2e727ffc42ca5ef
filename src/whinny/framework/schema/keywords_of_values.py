"""The keywords that look at any value, at numbers and at text, and those that count."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from whinny.framework.schema.changes import number_text
from whinny.framework.schema.places import Mode, Place, Seen, identity, number
from whinny.framework.schema.references import Target

if TYPE_CHECKING:
    from whinny.framework.schema.document import Node
    from whinny.framework.schema.keywords import Check
    from whinny.framework.schema.validation import Validation


# keywords of any type


def false_schema(validation: Validation, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
    return validation.fail(node, place, mode, "false schema", {}, "boolean schema is false")


def ref(validation: Validation, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
    target = validation.document.references.resolve(node["$ref"], node.base)
    if target is None:  # one of the specification's own schemas
        if validation.document.holds("$ref", node["$ref"], place.value):
            return True
        return validation.fail(node, place, mode, "$ref", {}, 'must pass "$ref" keyword validation')
    return _follow(validation, target, node["$ref"], place, mode, seen)


def dynamic_ref(validation: Validation, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
    target = validation.document.references.resolve_dynamic(node["$dynamicRef"], node.base, validation.scope)
    return target is None or _follow(validation, target, "#", place, mode, seen)


def recursive_ref(validation: Validation, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
    target = validation.document.references.resolve_recursive(node.base, validation.scope)
    return target is None or _follow(validation, target, "#", place, mode, seen)


def _follow(
    validation: Validation, target: Target, reference: str, place: Place, mode: Mode, seen: Seen | None
) -> bool:
    node, inner = validation.document.node_of(target, reference), validation.seen()
    fits = validation.visit(node, place, mode, inner)
    if seen and inner and (fits or not node.is_apart):
        seen.add(inner)
    return fits


def const(validation: Validation, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
    expected = node["const"]
    if identity(place.value) == identity(expected):
        return True
    return validation.fail(node, place, mode, "const", {"allowedValue": expected}, "must be equal to constant")


def enum(validation: Validation, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
    if node.allows(place.value):
        return True
    message = "must be equal to one of the allowed values"
    return validation.fail(node, place, mode, "enum", {"allowedValues": node["enum"]}, message)


def not_(validation: Validation, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
    fits, _ = validation.try_out(node.child("not"), place, mode, silent=True)
    return not fits or fail_not(validation, node, place, mode)


def fail_not(validation: Validation, node: Node, place: Place, mode: Mode) -> bool:
    return validation.fail(node, place, mode, "not", {}, "must NOT be valid")


def any_of(validation: Validation, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
    before, some_fits = len(validation.errors), False
    for index in range(len(node["anyOf"])):  # all of them: each may have seen something, and changed something
        fits, inner = validation.try_out(node.child("anyOf", index), place, mode)
        some_fits |= fits
        if fits and seen and inner:
            seen.add(inner)
    if some_fits:
        validation.forget(before)
        return True
    return fail_any_of(validation, node, place, mode)


def fail_any_of(validation: Validation, node: Node, place: Place, mode: Mode) -> bool:
    return validation.fail(node, place, mode, "anyOf", {}, "must match a schema in anyOf")


def one_of(validation: Validation, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
    before = len(validation.errors)
    passing: list[int] = []
    for index in range(len(node["oneOf"])):
        fits, inner = validation.try_out(node.child("oneOf", index), place, mode)
        if not fits:
            continue
        passing.append(index)
        if len(passing) > 1:
            break
        if seen and inner:
            seen.add(inner)
    if len(passing) == 1:
        validation.forget(before)
        return True
    return fail_one_of(validation, node, place, mode, passing)


def fail_one_of(validation: Validation, node: Node, place: Place, mode: Mode, passing: list[int]) -> bool:
    message = "must match exactly one schema in oneOf"
    return validation.fail(node, place, mode, "oneOf", {"passingSchemas": passing or None}, message)


def all_of(validation: Validation, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
    all_fit = True
    for index in range(len(node["allOf"])):
        inner = validation.seen()
        if not validation.visit(node.child("allOf", index), place, mode, inner):
            all_fit = False
            if mode.brief:
                break
        if seen and inner:
            seen.add(inner)
    return all_fit


def if_(validation: Validation, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
    if not ("then" in node.schema or "else" in node.schema or seen):
        return True
    fits, inner = validation.try_out(node.child("if"), place, mode, silent=True)
    if fits and seen and inner:
        seen.add(inner)
    keyword = "then" if fits else "else"
    if keyword not in node.schema:
        return True
    inner = validation.seen()
    if validation.visit(node.child(keyword), place, mode, inner):
        if seen and inner:
            seen.add(inner)
        return True
    return validation.fail(node, place, mode, "if", {"failingKeyword": keyword}, f'must match "{keyword}" schema')


# numbers


def bound(keyword: str, sign: str, within: Callable[[Any, Any], bool]) -> Check:
    def check(validation: Validation, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
        limit = number(node[keyword])
        if isinstance(limit, bool):  # draft 4 has a word beside the limit
            return True
        exclusive = node.get(f"exclusive{keyword.capitalize()}") is True
        if within(place.value, limit) and not (exclusive and place.value == limit):
            return True
        params = {"comparison": sign, "limit": limit}
        return validation.fail(node, place, mode, keyword, params, f"must be {sign} {number_text(limit)}")

    return check


def multiple_of(validation: Validation, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
    factor = number(node["multipleOf"])
    if validation.document.holds("multipleOf", factor, place.value):
        return True
    message = f"must be multiple of {number_text(factor)}"
    return validation.fail(node, place, mode, "multipleOf", {"multipleOf": factor}, message)


# strings, and whatever else is counted


def count(keyword: str, what: str) -> Check:
    least = keyword.startswith("min")
    word = "fewer" if least else "more"

    def check(validation: Validation, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
        limit = number(node[keyword])
        count = len(place.value)
        if count >= limit if least else count <= limit:
            return True
        message = f"must NOT have {word} than {limit} {what}"
        return validation.fail(node, place, mode, keyword, {"limit": limit}, message)

    return check


def judged(keyword: str) -> Check:
    def check(validation: Validation, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
        expected = node[keyword]
        if validation.document.holds(keyword, expected, place.value):
            return True
        return validation.fail(node, place, mode, keyword, {keyword: expected}, f'must match {keyword} "{expected}"')

    return check
