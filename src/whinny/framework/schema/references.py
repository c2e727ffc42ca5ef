"""Where the references of a JSON Schema lead: `$id`, `$anchor`, JSON pointers and their dynamic kin."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple
from urllib.parse import unquote, urldefrag, urljoin

Schema = dict[str, Any] | bool

_DRAFTS: Final = {"draft-04": 4, "draft-06": 6, "draft-07": 7, "2019-09": 2019, "2020-12": 2020}

_NO_SCHEMAS: Final = frozenset({"enum", "const", "default", "examples"})
"""Keywords whose value is data, in which `$id` is a property like any other."""


class Target(NamedTuple):
    """A schema that a reference leads to."""

    schema: Schema
    base: str
    """The address that the references in it start from."""


class References:
    """All schemas of a document that can be led to."""

    __slots__ = ("_anchors", "_bases", "_dynamic", "_resources", "draft")

    def __init__(self, document: Schema) -> None:
        self.draft = _draft_of(document)
        self._resources: dict[str, Schema] = {"": document}
        self._anchors: dict[tuple[str, str], dict[str, Any]] = {}
        self._dynamic: set[tuple[str, str]] = set()
        self._bases: dict[int, str] = {}
        self._collect(document)

    def base_of(self, schema: Schema, otherwise: str = "") -> str:
        """The address that the references in a schema start from."""
        return self._bases.get(id(schema), otherwise)

    def resolve(self, reference: str, base: str) -> Target | None:
        """What a reference leads to from a base; None for what is not in the document."""
        address, fragment = urldefrag(reference)
        address = base if not address else address if address in self._resources else urljoin(base, address)
        if address not in self._resources:
            return None
        if fragment and not fragment.startswith("/"):
            schema: Any = self._anchors.get((address, unquote(fragment)))
        else:
            schema = _pointed(self._resources[address], fragment)
        return Target(schema, self.base_of(schema, address)) if isinstance(schema, (dict, bool)) else None

    def resolve_dynamic(self, reference: str, base: str, scope: Iterable[str]) -> Target | None:
        """What `$dynamicRef` leads to, `scope` being the bases that were passed, outermost first."""
        target = self.resolve(reference, base)
        name = unquote(urldefrag(reference)[1])
        if target is not None and (target.base, name) in self._dynamic:
            for outer in scope:
                if (outer, name) in self._dynamic:
                    return Target(self._anchors[outer, name], outer)
        return target

    def resolve_recursive(self, base: str, scope: Iterable[str]) -> Target | None:
        """What `$recursiveRef` leads to."""
        target = self.resolve("#", base)
        for outer in scope if target is not None and (target.base, "") in self._dynamic else ():
            if (outer, "") in self._dynamic:
                return self.resolve("#", outer)
        return target

    def are_circular(self) -> bool:
        """Whether some reference leads to a schema that it stands in; what is dynamic may always."""
        document = self._resources[""]
        return mentions(document, _DYNAMIC) or self._leads_back(document, "", {}, set())

    def _leads_back(self, schema: Schema, base: str, way: dict[int, Schema], done: set[int]) -> bool:
        if id(schema) in way:
            return True
        if id(schema) in done:
            return False
        done.add(id(schema))
        way = {**way, id(schema): schema}
        waiting: list[tuple[Any, str]] = [(schema, base)]
        while waiting:
            each, around = waiting.pop()
            if isinstance(each, dict):
                around = self.base_of(each, around)
                reference = each.get("$ref")
                target = self.resolve(reference, around) if isinstance(reference, str) else None
                if target is not None and self._leads_back(target.schema, target.base, way, done):
                    return True
            inner = each.values() if isinstance(each, dict) else each if isinstance(each, list) else ()
            waiting += [(item, around) for item in inner]
        return False

    def _collect(self, document: Schema) -> None:
        waiting: list[tuple[Any, str]] = [(document, "")]
        while waiting:
            schema, base = waiting.pop()
            if isinstance(schema, dict):
                base = self._register(schema, base)
                inner = [item for name, item in schema.items() if name not in _NO_SCHEMAS]
            else:
                inner = schema if isinstance(schema, list) else []
            waiting += [(item, base) for item in inner if isinstance(item, (dict, list))]

    def _register(self, schema: dict[str, Any], base: str) -> str:
        own = schema.get("$id" if self.draft > 4 else "id")
        if isinstance(own, str):
            address, fragment = urldefrag(own)
            if address:
                base = urljoin(base, address)
                self._resources.setdefault(base, schema)
            if fragment:  # how older drafts write an anchor
                self._anchors.setdefault((base, fragment), schema)
        self._bases.setdefault(id(schema), base)
        for keyword in ("$anchor", "$dynamicAnchor"):
            name = schema.get(keyword)
            if isinstance(name, str):
                self._anchors.setdefault((base, name), schema)
                if keyword == "$dynamicAnchor":
                    self._dynamic.add((base, name))
        if schema.get("$recursiveAnchor") is True:
            self._dynamic.add((base, ""))
        return base


def has_references(schema: Any) -> bool:
    """Whether a reference stands anywhere in a schema."""
    return mentions(schema, _REFERRING)


def mentions(schema: Any, names: frozenset[str]) -> bool:
    """Whether one of these keywords, or a property of its name, stands anywhere in a schema."""
    waiting = [schema]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict):
            if not names.isdisjoint(each):
                return True
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each
    return False


_DYNAMIC: Final = frozenset({"$recursiveRef", "$recursiveAnchor", "$dynamicRef", "$dynamicAnchor"})
_REFERRING: Final = _DYNAMIC | {"$ref"}


def _draft_of(document: Schema) -> int:
    name = str(document.get("$schema", "")) if isinstance(document, dict) else ""
    return next((draft for part, draft in _DRAFTS.items() if part in name), 2020)


def _parts(pointer: str) -> Iterator[str]:
    for part in pointer.split("/")[1:]:
        yield unquote(part).replace("~1", "/").replace("~0", "~")


def _pointed(schema: Any, pointer: str) -> Any:
    for part in _parts(pointer):
        try:
            schema = schema[int(part) if isinstance(schema, list) else part]
        except (KeyError, IndexError, ValueError, TypeError):
            return None
    return schema
