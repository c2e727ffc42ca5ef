"""Validation as Ajv 8 does it with `allErrors`: the same errors in the same words, and the same changes on the way.

jsonschema-rs says whether a value fits, and does so fast. Here is looked for what to tell about one that does not, and
what to change in one that shall be changed; patterns, formats and multiples are put to jsonschema-rs here, too. The
keywords run in Ajv's order, which decides what a change comes before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from math import isfinite
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import jsonschema_rs

from whinny.framework.changes import NOTHING, Changes, coerce, copied, number_text
from whinny.framework.references import References, Schema, Target, has_references

AjvError = dict[str, Any]
Path = list[str | int]

MOST_ERRORS: Final = 100
"""A client chooses what it sends: without a bound, a megabyte of it could ask for an answer of many."""


class Place:
    """A value in the payload, and where it is."""

    __slots__ = ("part", "up", "value", "writable")

    def __init__(self, value: Any, up: Place | None = None, part: str | int = "", *, writable: bool = True) -> None:
        self.value = value
        self.up = up
        self.part = part
        self.writable = writable  # a property's name is not

    def replace(self, value: Any) -> None:
        self.value = value
        if self.up is not None:
            self.up.value[self.part] = value

    def at(self, part: str | int) -> Place:
        return Place(self.value[part], self, part)

    def path(self) -> str:
        parts: list[str] = []
        place = self
        while place.up is not None:
            parts.append("/" + _escape(place.part))
            place = place.up
        return "".join(reversed(parts))


class Mode(NamedTuple):
    """What the schemas around ask of a schema."""

    optional: bool = False
    """It need not hold (a branch of `anyOf`), so that defaults are none of its business."""
    brief: bool = False
    """Only whether it holds matters, so that the first error is the last."""
    name: str | None = None
    """The property whose name is checked, which each error tells."""


class Seen:
    """The properties and items that a schema has looked at, which `unevaluated...` leaves alone."""

    __slots__ = ("all_items", "all_properties", "items", "more_items", "properties")

    def __init__(self) -> None:
        self.properties: set[str] = set()
        self.all_properties = False
        self.items = 0  # the first so many
        self.more_items: set[int] = set()
        self.all_items = False

    def add(self, other: Seen) -> None:
        self.properties |= other.properties
        self.all_properties |= other.all_properties
        self.items = max(self.items, other.items)
        self.more_items |= other.more_items
        self.all_items |= other.all_items


class Node:
    """A schema at a place of the document, made ready."""

    __slots__ = ("_allowed", "_children", "base", "document", "groups", "path", "schema", "types")

    def __init__(self, document: Document, schema: Schema, base: str, path: str) -> None:
        self.document = document
        self.schema: dict[str, Any] = schema if isinstance(schema, dict) else {}
        self.base = base
        self.path = path
        self._children: dict[tuple[str, str | int | None], Node] = {}
        self._allowed: frozenset[Any] | None = None
        types = self.schema.get("type", ())
        self.types: tuple[str, ...] = (types,) if isinstance(types, str) else tuple(types)
        self.groups: list[tuple[str | None, list[Check]]] = []
        if schema is False:
            self.groups = [(None, [_false_schema])]
        elif "$ref" in self.schema and document.references.draft <= 7:  # which does not look beside it
            self.types = ()
            self.groups = [(None, [_ref])]
        else:
            for kind, checks in _GROUPS.items():
                present = [
                    check
                    for keyword, check, first, last in checks
                    if keyword in self.schema and first <= document.references.draft <= last
                ]
                if present:
                    self.groups.append((kind, present))

    def keep_only(self, keyword: str) -> None:
        """Leaves no check but that of one keyword."""
        if keyword != "type":
            self.types = ()
        groups = ((kind, [check for check in checks if check is _CHECKS.get(keyword)]) for kind, checks in self.groups)
        self.groups = [(kind, checks) for kind, checks in groups if checks]

    def __getitem__(self, keyword: str) -> Any:
        return self.schema[keyword]

    def get(self, keyword: str, otherwise: Any = None) -> Any:
        return self.schema.get(keyword, otherwise)

    def allows(self, value: Any) -> bool:
        """Whether `enum` names a value."""
        if self._allowed is None:
            self._allowed = frozenset(_identity(each) for each in self.schema["enum"])
        return _identity(value) in self._allowed

    def child(self, keyword: str, part: str | int | None = None) -> Node:
        """The schema of a keyword, or the one that stands in it under a name or an index."""
        known = self._children.get((keyword, part))
        if known is None:
            schema, path = self.schema[keyword], f"{self.path}/{keyword}"
            if part is not None:
                schema, path = schema[part], f"{path}/{_quoted(part)}"
            base = self.document.references.base_of(schema, self.base)
            known = self._children[keyword, part] = Node(self.document, schema, base, path)
        return known


class Document:
    """A whole schema, in which references lead from place to place."""

    __slots__ = ("_judges", "_targets", "names_schema", "references", "root", "schema", "tracks")

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.references = References(schema)
        self.names_schema = {"$schema": schema["$schema"]} if isinstance(schema, dict) and "$schema" in schema else {}
        self.tracks = _mentions(schema, ("unevaluatedProperties", "unevaluatedItems"))
        self.root = Node(self, schema, self.references.base_of(schema), "#")
        self._targets: dict[tuple[int, str], tuple[Node, bool]] = {}
        self._judges: dict[tuple[str, Any], Any] = {}

    def node_of(self, target: Target, reference: str) -> tuple[Node, bool]:
        """The schema that a reference leads to, and whether Ajv treats it as though it stood in the reference's place.

        It does so, and begins the paths of its errors with the reference, where the schema has no references in it.
        """
        known = self._targets.get((id(target.schema), reference))
        if known is None:
            target = self._last_of(target)
            stands_alone = target.schema is self.schema or has_references(target.schema)
            node = Node(self, target.schema, target.base, "#" if stands_alone else reference)
            known = self._targets[id(target.schema), reference] = (node, not stands_alone)
        return known

    def _last_of(self, target: Target) -> Target:
        """Where a chain of references ends."""
        for _ in range(100):
            schema = target.schema
            if not isinstance(schema, dict) or "$ref" not in schema or not _KEYWORDS.isdisjoint(schema):
                break
            further = self.references.resolve(schema["$ref"], target.base)
            if further is None or further.schema is self.schema:
                break
            target = further
        return target

    def holds(self, keyword: str, expected: Any, value: Any) -> bool:
        """Whether a keyword that looks at no other holds, in the opinion of jsonschema-rs."""
        judge = self._judges.get((keyword, expected))
        if judge is None:
            judge = compile_schema({**self.names_schema, keyword: expected})
            self._judges[keyword, expected] = judge
        try:
            return bool(judge.is_valid(value))
        except ValueError:
            if not isinstance(value, str):
                return False
            # A lone surrogate is a character like any other.
            return bool(judge.is_valid(value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")))


def compile_schema(schema: Schema) -> Any:
    """jsonschema-rs's validator of a schema. It fetches nothing, neither from the network nor from the disk."""
    return jsonschema_rs.validator_for(schema, validate_formats=True, offline=True)


class EnoughError(Exception):
    """There are as many errors as anybody wants."""


class Run:
    """One validation of one value."""

    __slots__ = ("_most", "_silent", "_trying", "changed", "changes", "document", "errors", "root", "scope")

    def __init__(self, document: Document, value: Any, changes: Changes, most: int = MOST_ERRORS) -> None:
        self.document = document
        self.changes = changes
        self.root = Place(copied(value) if changes else value)
        self.changed = False
        self.errors: list[AjvError] = []
        self.scope = [document.root.base]
        self._most = most
        self._trying = 0  # branches whose errors may yet be forgotten
        self._silent = 0  # schemas of whose errors nobody hears

    def validate(self) -> list[AjvError]:
        """Fills `errors`, and changes the value in `root`."""
        with suppress(EnoughError):
            self.visit(self.document.root, self.root, Mode(), self.seen())
        return self.errors

    def seen(self) -> Seen | None:
        """Where to note what is looked at; None where no schema asks."""
        return Seen() if self.document.tracks else None

    def visit(self, node: Node, place: Place, mode: Mode, seen: Seen | None = None) -> bool:
        """Checks a value against a schema."""
        if node.base == self.scope[-1]:
            return self._visit(node, place, mode, seen)
        self.scope.append(node.base)
        fits = self._visit(node, place, mode, seen)
        self.scope.pop()
        return fits

    def _visit(self, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
        fits = not node.types or self._check_type(node, place, mode)
        for kind, checks in node.groups:
            if kind is not None and kind != kind_of(place.value):
                continue
            if kind is not None and self.changes.use_defaults and not mode.optional:
                self._fill_in(node, place, kind)
            for check in checks:
                if not check(self, node, place, mode, seen):
                    fits = False
                    if mode.brief:
                        break
            if mode.brief and not fits:
                return False
        return fits

    def visit_at(self, node: Node, place: Place, parts: Iterable[str | int], mode: Mode) -> bool:
        """Checks some properties or items against a schema."""
        fits = True
        for part in parts:
            if not self.visit(node, place.at(part), mode, self.seen()):
                fits = False
                if mode.brief:
                    break
        return fits

    def try_out(self, node: Node, place: Place, mode: Mode, *, silent: bool = False) -> tuple[bool, Seen | None]:
        """Checks a schema that need not hold, and says what it has seen."""
        seen = self.seen()
        self._trying += 1
        self._silent += silent
        try:
            return self.visit(node, place, Mode(True, mode.brief or silent, mode.name), seen), seen
        finally:
            self._trying -= 1
            self._silent -= silent

    def fail(self, node: Node, place: Place, mode: Mode, keyword: str, params: dict[str, Any], message: str) -> bool:
        """Notes an error. It returns False, as each check that fails does."""
        if self._silent:
            return False
        if len(self.errors) >= self._most:
            if self._trying:
                return False
            raise EnoughError
        error: AjvError = {
            "instancePath": place.path(),
            "schemaPath": f"{node.path}/{keyword}",
            "keyword": keyword,
            "params": params,
            "message": message,
        }
        if mode.name is not None:
            error["propertyName"] = mode.name
        self.errors.append(error)
        return False

    def forget(self, count: int) -> None:
        """Forgets the errors after the first `count`: what they were of need not hold."""
        del self.errors[count:]

    def _check_type(self, node: Node, place: Place, mode: Mode) -> bool:
        if has_type(place.value, node.types):
            return True
        if self.changes.coerce_types and place.writable and kind_of(place.value) is not None:
            coerced = coerce(place.value, node.types)
            if coerced is not NOTHING:
                place.replace(coerced)
                self.changed = True
                return True
        return self.fail(node, place, mode, "type", {"type": node["type"]}, f"must be {','.join(node.types)}")

    def _fill_in(self, node: Node, place: Place, kind: str) -> None:
        value = place.value
        if kind == "object":
            for name, schema in node.get("properties", {}).items():
                if name not in value and isinstance(schema, dict) and "default" in schema:
                    value[name] = copied(schema["default"])
                    self.changed = True
        elif kind == "array" and isinstance(node.get("items"), list):
            for index, schema in enumerate(node["items"]):
                if index >= len(value) and isinstance(schema, dict) and "default" in schema:
                    value += [None] * (index - len(value))
                    value.append(copied(schema["default"]))
                    self.changed = True


Check = Callable[[Run, Node, Place, Mode, "Seen | None"], bool]


def explain(document: Document, error: Any, value: Any) -> list[AjvError]:
    """What Ajv would say of one error of jsonschema-rs, found by looking at its place alone."""
    path: Path = error.schema_path
    known = [index for index, part in enumerate(path) if part == "type" or part in _CHECKS]
    schema = _lookup(document.schema, path[: known[-1]]) if known else None
    if not isinstance(schema, dict):
        return [_unknown_error(error)]
    around = "#" + "".join("/" + _quoted(part, safe="$") for part in path[: known[-1]])
    node = Node(document, schema, document.references.base_of(schema), around)
    node.keep_only(str(path[known[-1]]))
    place = Place(value)
    for part in error.instance_path:
        place = place.at(part)
    run = Run(document, None, Changes(), most=1)
    with suppress(EnoughError):
        run.visit(node, place, Mode(), run.seen())
    return run.errors or [_unknown_error(error)]


def _unknown_error(error: Any) -> AjvError:
    path: Path = error.schema_path
    keyword = str(path[-1]) if path else "false schema"
    return {
        "instancePath": "".join("/" + _escape(part) for part in error.instance_path),
        "schemaPath": "#" + "".join("/" + _quoted(part, safe="$") for part in path),
        "keyword": keyword,
        "params": {},
        "message": f'must pass "{keyword}" keyword validation',
    }


def _escape(part: str | int) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")


def _quoted(part: str | int, safe: str = "") -> str:
    return quote(_escape(part), safe="-_.!~*'()" + safe)


def _lookup(document: Any, path: Path) -> Any:
    for part in path:
        try:
            document = document[part]
        except (KeyError, IndexError, TypeError):
            return None
    return document


def _mentions(schema: Any, names: tuple[str, ...]) -> bool:
    waiting = [schema]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            if any(name in each for name in names):
                return True
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each
    return False


# types

_KINDS: Final[tuple[tuple[type | tuple[type, ...], str], ...]] = (
    (str, "string"),
    (bool, "boolean"),
    (int, "number"),
    (dict, "object"),
    ((list, tuple), "array"),
)


def kind_of(value: Any) -> str | None:
    """The JSON type of a value; None for one that JSON does not know."""
    if value is None:
        return "null"
    if isinstance(value, float):
        return "number" if isfinite(value) else None
    return next((name for kind, name in _KINDS if isinstance(value, kind)), None)


def has_type(value: Any, types: tuple[str, ...]) -> bool:
    """Whether a value is of one of the types that the keyword `type` names."""
    kind = kind_of(value)
    if kind in types:
        return True
    return kind == "number" and "integer" in types and (isinstance(value, int) or value.is_integer())


def _identity(value: Any) -> Any:
    """Something that is equal for equal JSON values: 1 is 1.0 and not true."""
    if isinstance(value, bool) or value is None:
        return str(value), None
    if isinstance(value, dict):
        return frozenset((name, _identity(item)) for name, item in value.items())
    if isinstance(value, (list, tuple)):
        return tuple(_identity(item) for item in value)
    return value if isinstance(value, (str, int, float)) else (id(value), None)


# keywords of any type


def _false_schema(run: Run, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
    return run.fail(node, place, mode, "false schema", {}, "boolean schema is false")


def _ref(run: Run, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
    target = run.document.references.resolve(node["$ref"], node.base)
    if target is None:  # one of the specification's own schemas
        if run.document.holds("$ref", node["$ref"], place.value):
            return True
        return run.fail(node, place, mode, "$ref", {}, 'must pass "$ref" keyword validation')
    return _follow(run, target, node["$ref"], place, mode, seen)


def _dynamic_ref(run: Run, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
    target = run.document.references.resolve_dynamic(node["$dynamicRef"], node.base, run.scope)
    return target is None or _follow(run, target, "#", place, mode, seen)


def _recursive_ref(run: Run, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
    target = run.document.references.resolve_recursive(node.base, run.scope)
    return target is None or _follow(run, target, "#", place, mode, seen)


def _follow(run: Run, target: Target, reference: str, place: Place, mode: Mode, seen: Seen | None) -> bool:
    node, in_place = run.document.node_of(target, reference)
    inner = run.seen()
    fits = run.visit(node, place, mode if in_place else Mode(), inner)
    if seen and inner and (fits or in_place):
        seen.add(inner)
    return fits


def _const(run: Run, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
    expected = node["const"]
    if _identity(place.value) == _identity(expected):
        return True
    return run.fail(node, place, mode, "const", {"allowedValue": expected}, "must be equal to constant")


def _enum(run: Run, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
    if node.allows(place.value):
        return True
    message = "must be equal to one of the allowed values"
    return run.fail(node, place, mode, "enum", {"allowedValues": node["enum"]}, message)


def _not(run: Run, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
    fits, _ = run.try_out(node.child("not"), place, mode, silent=True)
    return not fits or run.fail(node, place, mode, "not", {}, "must NOT be valid")


def _any_of(run: Run, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
    before, some_fits = len(run.errors), False
    for index in range(len(node["anyOf"])):  # all of them: each may have seen something, and changed something
        fits, inner = run.try_out(node.child("anyOf", index), place, mode)
        some_fits |= fits
        if fits and seen and inner:
            seen.add(inner)
    if some_fits:
        run.forget(before)
        return True
    return run.fail(node, place, mode, "anyOf", {}, "must match a schema in anyOf")


def _one_of(run: Run, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
    before = len(run.errors)
    passing: list[int] = []
    for index in range(len(node["oneOf"])):
        fits, inner = run.try_out(node.child("oneOf", index), place, mode)
        if not fits:
            continue
        passing.append(index)
        if len(passing) > 1:
            break
        if seen and inner:
            seen.add(inner)
    if len(passing) == 1:
        run.forget(before)
        return True
    message = "must match exactly one schema in oneOf"
    return run.fail(node, place, mode, "oneOf", {"passingSchemas": passing or None}, message)


def _all_of(run: Run, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
    all_fit = True
    for index in range(len(node["allOf"])):
        inner = run.seen()
        if not run.visit(node.child("allOf", index), place, mode, inner):
            all_fit = False
            if mode.brief:
                break
        if seen and inner:
            seen.add(inner)
    return all_fit


def _if(run: Run, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
    if not ("then" in node.schema or "else" in node.schema or seen):
        return True
    fits, inner = run.try_out(node.child("if"), place, mode, silent=True)
    if fits and seen and inner:
        seen.add(inner)
    keyword = "then" if fits else "else"
    if keyword not in node.schema:
        return True
    inner = run.seen()
    if run.visit(node.child(keyword), place, mode, inner):
        if seen and inner:
            seen.add(inner)
        return True
    return run.fail(node, place, mode, "if", {"failingKeyword": keyword}, f'must match "{keyword}" schema')


# numbers


def _bound(keyword: str, sign: str, within: Callable[[Any, Any], bool]) -> Check:
    def check(run: Run, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
        limit = _number(node[keyword])
        if isinstance(limit, bool):  # draft 4 has a word beside the limit
            return True
        exclusive = node.get(f"exclusive{keyword.capitalize()}") is True
        if within(place.value, limit) and not (exclusive and place.value == limit):
            return True
        params = {"comparison": sign, "limit": limit}
        return run.fail(node, place, mode, keyword, params, f"must be {sign} {number_text(limit)}")

    return check


def _multiple_of(run: Run, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
    factor = _number(node["multipleOf"])
    if run.document.holds("multipleOf", factor, place.value):
        return True
    message = f"must be multiple of {number_text(factor)}"
    return run.fail(node, place, mode, "multipleOf", {"multipleOf": factor}, message)


def _number(value: Any) -> Any:
    """JavaScript has one kind of number: 5.0 is 5."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


# strings, and whatever else is counted


def _count(keyword: str, what: str) -> Check:
    least = keyword.startswith("min")
    word = "fewer" if least else "more"

    def check(run: Run, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
        limit = _number(node[keyword])
        count = len(place.value)
        if count >= limit if least else count <= limit:
            return True
        message = f"must NOT have {word} than {limit} {what}"
        return run.fail(node, place, mode, keyword, {"limit": limit}, message)

    return check


def _judged(keyword: str) -> Check:
    def check(run: Run, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
        expected = node[keyword]
        if run.document.holds(keyword, expected, place.value):
            return True
        return run.fail(node, place, mode, keyword, {keyword: expected}, f'must match {keyword} "{expected}"')

    return check


# arrays


def _items(run: Run, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
    if isinstance(node["items"], list):
        return _tuple(run, node, "items", place, mode, seen)
    first = node.get("prefixItems") if run.document.references.draft >= 2020 else None
    if first is not None:
        return _more_items(run, node, "items", len(first), place, mode, seen)
    if seen:
        seen.all_items = True
    return run.visit_at(node.child("items"), place, range(len(place.value)), mode)


def _prefix_items(run: Run, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
    return _tuple(run, node, "prefixItems", place, mode, seen)


def _additional_items(run: Run, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
    first = node.get("items")
    if not isinstance(first, list):
        return True
    return _more_items(run, node, "additionalItems", len(first), place, mode, seen)


def _tuple(run: Run, node: Node, keyword: str, place: Place, mode: Mode, seen: Seen | None) -> bool:
    fits, count = True, len(node[keyword])
    for index in range(min(count, len(place.value))):
        if not run.visit(node.child(keyword, index), place.at(index), mode, run.seen()):
            fits = False
            if mode.brief:
                break
    if seen:
        seen.items = max(seen.items, count)
    return fits


def _more_items(run: Run, node: Node, keyword: str, first: int, place: Place, mode: Mode, seen: Seen | None) -> bool:
    """The items behind the `first` ones."""
    if seen:
        seen.all_items = True
    if node[keyword] is not False:
        return run.visit_at(node.child(keyword), place, range(first, len(place.value)), mode)
    return len(place.value) <= first or _too_many_items(run, node, keyword, first, place, mode)


def _too_many_items(run: Run, node: Node, keyword: str, limit: int, place: Place, mode: Mode) -> bool:
    return run.fail(node, place, mode, keyword, {"limit": limit}, f"must NOT have more than {limit} items")


def _contains(run: Run, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
    draft = run.document.references.draft
    least, most = (node.get("minContains", 1), node.get("maxContains")) if draft >= 2019 else (1, None)
    before, inner, count = len(run.errors), node.child("contains"), 0
    impossible = most is not None and least > most
    enough = False
    for index in range(len(place.value)):
        silent = enough or impossible  # then only what is seen matters
        if silent and not seen:
            break
        if run.try_out(inner, place.at(index), mode, silent=silent)[0]:
            count += 1
            if seen and draft >= 2020:
                seen.more_items.add(index)
        enough = count >= least if most is None else count > most
    if not impossible and least <= count and (most is None or count <= most):
        run.forget(before)
        return True
    params = {"minContains": least} if most is None else {"minContains": least, "maxContains": most}
    bounds = f"at least {least}" if most is None else f"at least {least} and no more than {most}"
    return run.fail(node, place, mode, "contains", params, f"must contain {bounds} valid item(s)")


def _unique_items(run: Run, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
    twins = _twins(place.value, node) if node["uniqueItems"] else None
    if twins is None:
        return True
    i, j = twins
    message = f"must NOT have duplicate items (items ## {j} and {i} are identical)"
    return run.fail(node, place, mode, "uniqueItems", {"i": i, "j": j}, message)


def _twins(items: list[Any], node: Node) -> tuple[int, int] | None:
    """Two places where the same item stands. Ajv looks from the end, in one way or another."""
    types = _scalar_types(node.get("items"))
    where: dict[Any, int] = {}
    twins = None
    if types:  # those of other types are errors anyway
        for index in range(len(items) - 1, -1, -1):
            identity = _identity(items[index]) if has_type(items[index], types) else NOTHING
            if identity in where:
                return index, where[identity]
            if identity is not NOTHING:
                where[identity] = index
        return None
    for index, item in enumerate(items):
        identity = _identity(item)
        if identity in where:
            twins = index, where[identity]
        where[identity] = index
    return twins


def _scalar_types(items: Any) -> tuple[str, ...]:
    """The types of all items, where none is an array or an object."""
    types = items.get("type", ()) if isinstance(items, dict) else ()
    types = (types,) if isinstance(types, str) else tuple(types)
    return () if "object" in types or "array" in types else types


def _unevaluated_items(run: Run, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
    if seen is None or seen.all_items:
        return True
    first = seen.items
    rest = [index for index in range(first, len(place.value)) if index not in seen.more_items]
    seen.all_items = True
    if node["unevaluatedItems"] is not False:
        return run.visit_at(node.child("unevaluatedItems"), place, rest, mode)
    return not rest or _too_many_items(run, node, "unevaluatedItems", first, place, mode)


# objects


def _required(run: Run, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
    required = node["required"]
    fits = True
    for name in required if isinstance(required, list) else ():
        if name not in place.value:
            message = f"must have required property '{name}'"
            fits = run.fail(node, place, mode, "required", {"missingProperty": name}, message)
    return fits


def _property_names(run: Run, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
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


def _additional_properties(run: Run, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
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


def _properties(run: Run, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
    fits, schemas = True, node["properties"]
    for name in schemas:
        if name in place.value and not run.visit(node.child("properties", name), place.at(name), mode, run.seen()):
            fits = False
            if mode.brief:
                break
    if seen:
        seen.properties.update(schemas)
    return fits


def _pattern_properties(run: Run, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
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


def _dependent_required(run: Run, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
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


def _dependent_schemas(run: Run, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
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


def _dependencies(run: Run, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
    fits = _wanted_properties(run, node, "dependencies", place, mode)
    return _wanted_schemas(run, node, "dependencies", place, mode, seen) and fits


def _unevaluated_properties(run: Run, node: Node, place: Place, mode: Mode, seen: Seen | None) -> bool:
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


# the keywords in the order in which Ajv looks at them, each with the first and the last draft that has it

_LAST: Final = 9999

_GROUPS: Final[dict[str | None, tuple[tuple[str, Check, int, int], ...]]] = {
    None: (
        ("$dynamicRef", _dynamic_ref, 2020, _LAST),
        ("$recursiveRef", _recursive_ref, 2019, 2019),
        ("$ref", _ref, 4, _LAST),
        ("const", _const, 6, _LAST),
        ("enum", _enum, 4, _LAST),
        ("not", _not, 4, _LAST),
        ("anyOf", _any_of, 4, _LAST),
        ("oneOf", _one_of, 4, _LAST),
        ("allOf", _all_of, 4, _LAST),
        ("if", _if, 7, _LAST),
    ),
    "number": (
        ("maximum", _bound("maximum", "<=", lambda value, limit: value <= limit), 4, _LAST),
        ("minimum", _bound("minimum", ">=", lambda value, limit: value >= limit), 4, _LAST),
        ("exclusiveMaximum", _bound("exclusiveMaximum", "<", lambda value, limit: value < limit), 4, _LAST),
        ("exclusiveMinimum", _bound("exclusiveMinimum", ">", lambda value, limit: value > limit), 4, _LAST),
        ("multipleOf", _multiple_of, 4, _LAST),
    ),
    "string": (
        ("maxLength", _count("maxLength", "characters"), 4, _LAST),
        ("minLength", _count("minLength", "characters"), 4, _LAST),
        ("pattern", _judged("pattern"), 4, _LAST),
        ("format", _judged("format"), 4, _LAST),
    ),
    "array": (
        ("maxItems", _count("maxItems", "items"), 4, _LAST),
        ("minItems", _count("minItems", "items"), 4, _LAST),
        ("prefixItems", _prefix_items, 2020, _LAST),
        ("additionalItems", _additional_items, 4, 2019),
        ("items", _items, 4, _LAST),
        ("contains", _contains, 6, _LAST),
        ("uniqueItems", _unique_items, 4, _LAST),
        ("unevaluatedItems", _unevaluated_items, 2019, _LAST),
    ),
    "object": (
        ("maxProperties", _count("maxProperties", "properties"), 4, _LAST),
        ("minProperties", _count("minProperties", "properties"), 4, _LAST),
        ("required", _required, 4, _LAST),
        ("propertyNames", _property_names, 6, _LAST),
        ("additionalProperties", _additional_properties, 4, _LAST),
        ("dependencies", _dependencies, 4, _LAST),
        ("properties", _properties, 4, _LAST),
        ("patternProperties", _pattern_properties, 4, _LAST),
        ("dependentRequired", _dependent_required, 2019, _LAST),
        ("dependentSchemas", _dependent_schemas, 2019, _LAST),
        ("unevaluatedProperties", _unevaluated_properties, 2019, _LAST),
    ),
}

_CHECKS: Final[dict[str, Check]] = {
    **{keyword: check for group in _GROUPS.values() for keyword, check, _, _ in group},
    "minContains": _contains,
    "maxContains": _contains,
}
_KEYWORDS: Final = frozenset({*_CHECKS, "type", "$id", "$dynamicAnchor", "$recursiveAnchor"} - {"$ref"})
