"""Validation as Ajv 8 does it with `allErrors`: the same errors in the same words, and the same changes on the way.

jsonschema-rs says whether a value fits, and does so fast. Here is looked for what to tell about one that does not, and
what to change in one that shall be changed; patterns, formats and multiples are put to jsonschema-rs here, too.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from math import inf
from typing import Any, Final

from whinny.framework.schema.changes import NOTHING, Changes, coerce, copied
from whinny.framework.schema.document import Document, Node
from whinny.framework.schema.keywords import FAILURES
from whinny.framework.schema.keywords_of_values import fail_one_of
from whinny.framework.schema.places import Mode, Place, Seen, has_type, kind_of

AjvError = dict[str, Any]

MOST_ERRORS: Final = 100
"""A client chooses what it sends: without a bound, a megabyte of it could ask for an answer of many."""

BUDGET: Final = 50_000
"""Looks of a schema at a value that one validation may take: about a tenth of a second."""

CHANGES_BUDGET: Final = 200_000
"""The same where changes are made, for which all of the value has to be looked at: enough for a megabyte. A schema
that does not refer to itself needs no such bound: it looks at a value only as often as it is long."""

ALONE: Final = Mode()
"""What a schema is asked that is checked apart from those around it."""


class EnoughError(Exception):
    """There are as many errors as anybody wants."""


class TooMuchError(Exception):
    """A schema that branches and refers to itself can be looked at without end, which a client must not make happen."""


class Validation:
    """One validation of one value."""

    __slots__ = (
        "_budget",
        "_entered",
        "_most",
        "_silent",
        "_trying",
        "changed",
        "changes",
        "document",
        "errors",
        "root",
        "scope",
    )

    def __init__(self, document: Document, value: Any, changes: Changes, most: int = MOST_ERRORS) -> None:
        self.document = document
        self.changes = changes
        self.root = Place(copied(value) if changes else value)
        self.changed = False
        self.errors: list[AjvError] = []
        self.scope = [document.root.base]
        self._entered: set[tuple[int, int]] = set()  # a schema and a value, by identity
        self._most = most
        self._budget: float = BUDGET
        if changes:
            self._budget = CHANGES_BUDGET if document.is_circular else inf
        self._trying = 0  # branches whose errors may yet be forgotten
        self._silent = 0  # schemas of whose errors nobody hears

    def validate(self) -> list[AjvError]:
        """Fills `errors`, and changes the value in `root`. Raises TooMuchError when that takes too long."""
        with suppress(EnoughError):
            self.visit(self.document.root, self.root, Mode(), self.seen())
        return self.errors

    def seen(self) -> Seen | None:
        """Where to note what is looked at; None where no schema asks."""
        return Seen() if self.document.tracks else None

    def visit(self, node: Node, place: Place, mode: Mode, seen: Seen | None = None) -> bool:
        """Checks a value against a schema."""
        self._budget -= 1
        if self._budget < 0:
            raise TooMuchError
        if node.is_target and not self._enter(node, place):
            return True
        if node.is_apart:
            mode = ALONE
        fits = not node.types or self._check_type(node, place, mode)
        for kind, checks in node.groups:
            if kind is not None:
                if kind != kind_of(place.value):
                    continue
                if self.changes.use_defaults and not mode.optional:
                    self._fill_in(node, place, kind)
            for check in checks:
                if not check(self, node, place, mode, seen):
                    fits = False
                    if mode.brief:
                        break
            if not fits and (mode.brief or self.is_full):
                break
        if node.is_target:
            self._leave(node, place)
        return fits

    @property
    def is_full(self) -> bool:
        """Whether there are enough errors, so that what has failed need not be looked at further."""
        return len(self.errors) >= self._most

    def _enter(self, node: Node, place: Place) -> bool:
        """Notes that a reference led here; False where one already has with this value, and they lead in circles."""
        entered = (id(node), id(place))
        if entered in self._entered:
            return False
        self._entered.add(entered)
        self.scope.append(node.base)
        return True

    def _leave(self, node: Node, place: Place) -> None:
        self._entered.discard((id(node), id(place)))
        self.scope.pop()

    def visit_at(self, node: Node, place: Place, parts: Iterable[str | int], mode: Mode) -> bool:
        """Checks some properties or items against a schema."""
        fits = True
        for part in parts:
            if not self.visit(node, place.at(part), mode, self.seen()):
                fits = False
                if mode.brief or self.is_full:
                    break
        return fits

    def try_out(self, node: Node, place: Place, mode: Mode, *, silent: bool = False) -> tuple[bool, Seen | None]:
        """Checks a schema that need not hold, and says what it has seen."""
        silent = silent or self._most == 1  # then the one error shall be the keyword's own
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

    def fail_as(self, error: Any, keyword: str, node: Node, place: Place) -> None:
        """Notes what one keyword says of a value, without looking at what it has been found out already."""
        words = FAILURES.get(keyword)
        if words is not None:
            words(self, node, place, Mode())
        elif keyword == "oneOf":
            passing = [index for index, branch in enumerate(error.kind.context) if not branch]
            fail_one_of(self, node, place, Mode(), passing[:2])
        else:
            seen, unexpected = Seen(), getattr(error.kind, "unexpected", ())
            if keyword == "unevaluatedProperties":
                seen.properties = set(place.value).difference(unexpected)
            elif keyword == "unevaluatedItems":
                seen.items = len(place.value) - len(unexpected)
            if keyword:
                node.keep_only(keyword)
            self.visit(node, place, Mode(), seen)

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
