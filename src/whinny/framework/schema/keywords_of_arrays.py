"""The keywords that look at arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from whinny.framework.schema.changes import NOTHING
from whinny.framework.schema.places import Mode, Place, Seen, has_type, identity, number

if TYPE_CHECKING:
    from whinny.framework.schema.document import Node
    from whinny.framework.schema.validation import Validation


def items(validation: Validation, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
    if isinstance(node["items"], list):
        return _tuple(validation, node, "items", place, mode, seen)
    first = node.get("prefixItems") if validation.document.references.draft >= 2020 else None
    if first is not None:
        return _more_items(validation, node, "items", len(first), place, mode, seen)
    if seen:
        seen.all_items = True
    return validation.visit_at(node.child("items"), place, range(len(place.value)), mode)


def prefix_items(validation: Validation, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
    return _tuple(validation, node, "prefixItems", place, mode, seen)


def additional_items(validation: Validation, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
    first = node.get("items")
    if not isinstance(first, list):
        return True
    return _more_items(validation, node, "additionalItems", len(first), place, mode, seen)


def _tuple(validation: Validation, node: Node, keyword: str, place: Place, mode: Mode, seen: Seen | None) -> bool:
    fits, count = True, len(node[keyword])
    for index in range(min(count, len(place.value))):
        if not validation.visit(node.child(keyword, index), place.at(index), mode, validation.seen()):
            fits = False
            if mode.brief:
                break
    if seen:
        seen.items = max(seen.items, count)
    return fits


def _more_items(
    validation: Validation, node: Node, keyword: str, first: int, place: Place, mode: Mode, seen: Seen | None
) -> bool:
    """The items behind the `first` ones."""
    if seen:
        seen.all_items = True
    if node[keyword] is not False:
        return validation.visit_at(node.child(keyword), place, range(first, len(place.value)), mode)
    return len(place.value) <= first or _too_many_items(validation, node, keyword, first, place, mode)


def _too_many_items(validation: Validation, node: Node, keyword: str, limit: int, place: Place, mode: Mode) -> bool:
    return validation.fail(node, place, mode, keyword, {"limit": limit}, f"must NOT have more than {limit} items")


def contains(validation: Validation, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
    least, most = _contains_bounds(node)
    before, inner, count = len(validation.errors), node.child("contains"), 0
    impossible = most is not None and least > most
    enough = False
    for index in range(len(place.value)):
        silent = enough or impossible  # then only what is seen matters
        if silent and not seen:
            break
        if validation.try_out(inner, place.at(index), mode, silent=silent)[0]:
            count += 1
            if seen and node.document.references.draft >= 2020:
                seen.more_items.add(index)
        enough = count >= least if most is None else count > most
    if not impossible and least <= count and (most is None or count <= most):
        validation.forget(before)
        return True
    return fail_contains(validation, node, place, mode)


def _contains_bounds(node: Node) -> tuple[Any, Any]:
    if node.document.references.draft < 2019:
        return 1, None
    return number(node.get("minContains", 1)), number(node.get("maxContains"))


def fail_contains(validation: Validation, node: Node, place: Place, mode: Mode) -> bool:
    least, most = _contains_bounds(node)
    params = {"minContains": least} if most is None else {"minContains": least, "maxContains": most}
    bounds = f"at least {least}" if most is None else f"at least {least} and no more than {most}"
    return validation.fail(node, place, mode, "contains", params, f"must contain {bounds} valid item(s)")


def unique_items(validation: Validation, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
    twins = _twins(place.value, node) if node["uniqueItems"] else None
    if twins is None:
        return True
    i, j = twins
    message = f"must NOT have duplicate items (items ## {j} and {i} are identical)"
    return validation.fail(node, place, mode, "uniqueItems", {"i": i, "j": j}, message)


def _twins(items: list[Any], node: Node) -> tuple[int, int] | None:
    """Two places where the same item stands. Ajv looks from the end, in one way or another."""
    types = _scalar_types(node.get("items"))
    where: dict[Any, int] = {}
    twins = None
    if types:  # those of other types are errors anyway
        for index in range(len(items) - 1, -1, -1):
            own = identity(items[index]) if has_type(items[index], types) else NOTHING
            if own in where:
                return index, where[own]
            if own is not NOTHING:
                where[own] = index
        return None
    for index, item in enumerate(items):
        own = identity(item)
        if own in where:
            twins = index, where[own]
        where[own] = index
    return twins


def _scalar_types(items: Any) -> tuple[str, ...]:
    """The types of all items, where none is an array or an object."""
    types = items.get("type", ()) if isinstance(items, dict) else ()
    types = (types,) if isinstance(types, str) else tuple(types)
    return () if "object" in types or "array" in types else types


def unevaluated_items(validation: Validation, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
    if seen is None or seen.all_items:
        return True
    first = seen.items
    rest = [index for index in range(first, len(place.value)) if index not in seen.more_items]
    seen.all_items = True
    if node["unevaluatedItems"] is not False:
        return validation.visit_at(node.child("unevaluatedItems"), place, rest, mode)
    return not rest or _too_many_items(validation, node, "unevaluatedItems", first, place, mode)
