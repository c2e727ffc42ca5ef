"""A schema made ready to be walked through: its keywords in Ajv's order, and its references."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

import jsonschema_rs

from whinny.framework.schema.keywords import CHECKS, GROUPS, KEYWORDS, Check
from whinny.framework.schema.keywords_of_values import false_schema, ref
from whinny.framework.schema.places import identity, pointer_part
from whinny.framework.schema.references import References, Schema, Target, has_references, mentions

Path = list[str | int]

_TRACKING: Final = frozenset({"unevaluatedProperties", "unevaluatedItems"})


class Node:
    """A schema at a place of the document, made ready."""

    __slots__ = (
        "_allowed",
        "_children",
        "base",
        "document",
        "groups",
        "is_apart",
        "is_target",
        "path",
        "schema",
        "types",
    )

    def __init__(self, document: Document, schema: Schema, base: str, path: str) -> None:
        self.document = document
        self.schema: dict[str, Any] = schema if isinstance(schema, dict) else {}
        self.base = base
        self.path = path
        self.is_target = False  # of a reference
        self.is_apart = False  # a target that what stands around the reference is nothing to
        self._children: dict[tuple[str, str | int | None], Node] = {}
        self._allowed: frozenset[Any] | None = None
        types = self.schema.get("type", ())
        self.types: tuple[str, ...] = (types,) if isinstance(types, str) else tuple(types)
        self.groups: list[tuple[str | None, list[Check]]] = []
        if schema is False:
            self.groups = [(None, [false_schema])]
        elif "$ref" in self.schema and document.references.draft <= 7:  # which does not look beside it
            self.types = ()
            self.groups = [(None, [ref])]
        else:
            for kind, checks in GROUPS.items():
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
        groups = ((kind, [check for check in checks if check is CHECKS.get(keyword)]) for kind, checks in self.groups)
        self.groups = [(kind, checks) for kind, checks in groups if checks]

    def __getitem__(self, keyword: str) -> Any:
        return self.schema[keyword]

    def get(self, keyword: str, otherwise: Any = None) -> Any:
        return self.schema.get(keyword, otherwise)

    def allows(self, value: Any) -> bool:
        """Whether `enum` names a value."""
        if self._allowed is None:
            self._allowed = frozenset(identity(each) for each in self.schema["enum"])
        return identity(value) in self._allowed

    def child(self, keyword: str, part: str | int | None = None) -> Node:
        """The schema of a keyword, or the one that stands in it under a name or an index."""
        known = self._children.get((keyword, part))
        if known is None:
            schema, path = self.schema[keyword], f"{self.path}/{keyword}"
            if part is not None:
                schema, path = schema[part], f"{path}/{quoted(part)}"
            base = self.document.references.base_of(schema, self.base)
            known = self.document.node_behind(schema, base) or Node(self.document, schema, base, path)
            self._children[keyword, part] = known
        return known


class Document:
    """A whole schema, in which references lead from place to place."""

    __slots__ = ("_judges", "_targets", "is_circular", "names_schema", "references", "root", "schema", "tracks")

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.references = References(schema)
        self.names_schema = {"$schema": schema["$schema"]} if isinstance(schema, dict) and "$schema" in schema else {}
        self.tracks = mentions(schema, _TRACKING)
        self.is_circular = self.references.are_circular()
        self.root = Node(self, schema, self.references.base_of(schema), "#")
        self._targets: dict[tuple[int, str], Node] = {}
        self._judges: dict[tuple[str, Any], Any] = {}

    def node_of(self, target: Target, reference: str) -> Node:
        """The schema that a reference leads to.

        Where that has no references in it, Ajv treats it as though it stood in the reference's place, and begins the
        paths of its errors with the reference; others stand apart.
        """
        known = self._targets.get((id(target.schema), reference))
        if known is None:
            target = self._last_of(target)
            is_apart = target.schema is self.schema or has_references(target.schema)
            known = Node(self, target.schema, target.base, "#" if is_apart else reference)
            known.is_target, known.is_apart = True, is_apart
            self._targets[id(target.schema), reference] = known
        return known

    def node_behind(self, schema: Schema, base: str) -> Node | None:
        """The schema that is meant by one that is but a reference."""
        if not isinstance(schema, dict) or "$ref" not in schema or "$id" in schema:
            return None
        if self.references.draft > 7 and not KEYWORDS.isdisjoint(schema):
            return None
        target = self.references.resolve(schema["$ref"], base)
        return None if target is None else self.node_of(target, schema["$ref"])

    def _last_of(self, target: Target) -> Target:
        """Where a chain of references ends."""
        for _ in range(100):
            schema = target.schema
            if not isinstance(schema, dict) or "$ref" not in schema or not KEYWORDS.isdisjoint(schema):
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
        except (ValueError, TypeError):
            if not isinstance(value, str):
                return False
            # A lone surrogate is a character like any other.
            return bool(judge.is_valid(value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")))


def compile_schema(schema: Schema) -> Any:
    """jsonschema-rs's validator of a schema. It fetches nothing, neither from the network nor from the disk."""
    return jsonschema_rs.validator_for(schema, validate_formats=True, offline=True)


def quoted(part: str | int) -> str:
    """A part of a path in a schema, as Ajv writes it."""
    return quote(pointer_part(part), safe="-_.!~*'()")
