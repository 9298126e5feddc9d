"""How much work a JSON schema can make: references that branch multiply, so that two kilobytes can hang a validator."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

MOST = 10**15  # no tree is counted further
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_NAMES = ("$id", "$anchor", "$dynamicAnchor")
_STORED_APART = ("$defs", "definitions")
_META_SCHEMAS = ("https://json-schema.org/", "http://json-schema.org/")


class NotFollowed(ValueError):
    """A reference leads out of the schema, or too many lead on to each other."""


def children(value: Any) -> list[Any]:
    """The members that can have members themselves."""
    members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [member for member in members if isinstance(member, dict | list)]


def expanded(schema: Any) -> tuple[int, bool]:
    """How many objects the schema has once references within it are replaced, and whether it refers to itself.

    Recursion counts once, since validators remember what they have found for a value. Raises NotFollowed.
    """
    if not isinstance(schema, dict):
        return 0, False
    tree = _Tree(schema)
    try:
        return tree.size(schema, schema), tree.recursive
    except RecursionError as error:
        message = "its references lead on and on: expected at most some hundred, one behind the other"
        raise NotFollowed(message) from error


class _Tree:
    def __init__(self, schema: Any) -> None:
        self._names = _named(schema)
        self._known: dict[int, int] = {}
        self._open: set[int] = set()
        self.recursive = False

    def size(self, one: Any, document: Any) -> int:
        """`document` is the nearest schema around that has an `$id`: pointers start there."""
        if id(one) in self._open:
            self.recursive = True
            return 1
        if id(one) not in self._known:
            self._open.add(id(one))
            self._known[id(one)] = min(MOST, self._counted(one, document))
            self._open.discard(id(one))
        return self._known[id(one)]

    def _counted(self, one: Any, document: Any) -> int:
        if isinstance(one, list):
            return sum(self.size(part, document) for part in children(one))
        inside = one if isinstance(one.get("$id"), str) else document
        parts = [part for key, part in one.items() if key not in _STORED_APART and isinstance(part, dict | list)]
        total = 1 + sum(self.size(part, inside) for part in parts)
        for reference in (one[key] for key in _REFERENCES if isinstance(one.get(key), str)):
            target, there = self._target(reference, inside)
            total += self.size(target, there) if isinstance(target, dict | list) else 0
        return total

    def _target(self, reference: str, document: Any) -> tuple[Any, Any]:
        """What a reference stands for, and the document that it is in."""
        if reference.startswith(_META_SCHEMAS):
            return None, None
        base, _, fragment = reference.partition("#")
        document = self._name(base, reference)[1] if base else document
        if not fragment:
            return document, document
        return (_pointed(document, fragment), document) if fragment[0] == "/" else self._name(fragment, reference)

    def _name(self, name: str, reference: str) -> tuple[Any, Any]:
        found = self._names.get(name, self._names.get(name.rpartition("/")[2]))
        if found is None:
            raise NotFollowed(f"a schema has to be whole: {reference[:200]!r} is not in it, and is not fetched")
        return found


def _pointed(document: Any, pointer: str) -> Any:
    """What stands at a JSON pointer (RFC 6901), decoded before it is divided or after; None where there is nothing."""
    found = _followed(document, unquote(pointer).split("/")[1:])
    return _followed(document, [unquote(part) for part in pointer.split("/")[1:]]) if found is None else found


def _followed(document: Any, parts: list[str]) -> Any:
    here = document
    for part in parts:
        part = part.replace("~1", "/").replace("~0", "~")
        if isinstance(here, list) and part.isdecimal() and int(part[:9]) < len(here):
            here = here[int(part[:9])]
        else:
            here = here.get(part) if isinstance(here, dict) else None
    return here


def _named(schema: Any) -> dict[str, tuple[Any, Any]]:
    """The schemas that have a name of their own, each with its document, by the name and by the last part of it."""
    named: dict[str, tuple[Any, Any]] = {}
    level = [(schema, schema)]
    while level:
        below = []
        for one, document in level:
            if isinstance(one, dict):
                document = one if isinstance(one.get("$id"), str) else document
                names = [one[key] for key in _NAMES if isinstance(one.get(key), str)]
                named |= dict.fromkeys([name.rpartition("/")[2] for name in names] + names, (one, document))
            below += [(child, document) for child in children(one)]
        level = below
    return named
