"""JSON read strictly (RFC 8259), and schemas that fetch nothing and match patterns in linear time."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

import jsonschema_rs
import orjson

from reward_server.text.schema_size import NotFollowed, children, expanded

DEEPEST = 128  # levels of nesting
SCHEMAS_KEPT = 64
LARGE_SCHEMAS_KEPT = 4
LARGE_BYTES = 20_000  # of a schema that takes milliseconds to compile, and megabytes to keep
LONGEST_BYTES = 1 << 18
LARGEST_TREE = 10_000_000  # schemas that one value may be held against: about a tenth of a second
LOCATED_TREE = 1_000  # below an `anyOf` each fault is an object; recursion makes as many as the value is deep, and more
PATTERN_BYTES = 1 << 18  # of one compiled pattern
_PATTERNS = frozenset({"pattern", "patternProperties"})
_BRANCHES = frozenset({"anyOf", "oneOf"})


class NotJson(ValueError):
    """The text is no JSON value, or one that is nested too deeply, or one that names a key twice."""


class SchemaInvalid(ValueError):
    """The schema is none, refers to another document, or holds a pattern that cannot be matched in linear time."""


class Schema:
    """A compiled JSON schema; the draft is the one that `$schema` names, else 2020-12.

    `tree` is how many schemas there are when each reference is replaced by what it refers to: so many steps a value of
    the text can cost.
    """

    def __init__(self, schema: dict[str, Any] | bool) -> None:
        """Raises SchemaInvalid."""
        self.has_patterns = _has_any(schema, _PATTERNS)
        try:
            self.tree, recursive = expanded(schema)
        except NotFollowed as error:
            raise SchemaInvalid(str(error)) from error
        if self.tree > LARGEST_TREE:
            raise SchemaInvalid(
                f"expected at most {LARGEST_TREE:,} schemas once each `$ref` is replaced by what it refers to, "
                f"got {self.tree:,} or more"
            )
        self._can_locate = not _has_any(schema, _BRANCHES) or (not recursive and self.tree <= LOCATED_TREE)
        try:
            self._validator = jsonschema_rs.validator_for(
                schema,
                retriever=_retrieve_nothing,
                pattern_options=jsonschema_rs.RegexOptions(size_limit=PATTERN_BYTES, dfa_size_limit=8 * PATTERN_BYTES),
            )
        except (ValueError, jsonschema_rs.ReferencingError) as error:
            raise SchemaInvalid(str(error).partition("\n")[0][:400]) from error

    def fits(self, value: Any) -> bool:
        return self._validator.is_valid(value)

    def fault(self, value: Any) -> str | None:
        """Where the value breaks the schema, as a path with the keyword: `/items/0 type`; None where it fits, and where
        it would take too long to say, since every fault below an `anyOf` is collected.
        """
        if not self._can_locate:
            return None
        try:
            self._validator.validate(value)
        except jsonschema_rs.ValidationError as error:
            path = "".join(f"/{part}" for part in error.instance_path)
            keyword = next((part for part in reversed(error.schema_path) if isinstance(part, str)), "schema")
            return f"{path[:200] or '/'} {keyword[:64]}"
        return None


def compiled(schema: dict[str, Any] | bool) -> Schema:
    """The schema, compiled once in each process as long as few others are used. Raises SchemaInvalid."""
    try:
        text = orjson.dumps(schema)
    except orjson.JSONEncodeError as error:
        raise SchemaInvalid(f"the schema is no JSON: {error}") from error
    if len(text) > LONGEST_BYTES:
        raise SchemaInvalid(f"expected at most {LONGEST_BYTES:,} bytes, got {len(text):,}")
    return _large(text) if len(text) > LARGE_BYTES else _small(text)


def parsed(text: str, *, unique_keys: bool) -> Any:
    """The value of a JSON text. Raises NotJson.

    NaN, infinities, numbers no double can hold, comments, trailing commas and lone surrogates are refused.
    """
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise NotJson("not_json") from error
    if not _is_shallow(value):
        raise NotJson("nested_too_deeply")
    if unique_keys and '"' in text:
        json.loads(text, object_pairs_hook=_without_doubles, parse_int=float)
    return value


def _compiled(text: bytes) -> Schema:
    return Schema(orjson.loads(text))


_small = lru_cache(maxsize=SCHEMAS_KEPT)(_compiled)
_large = lru_cache(maxsize=LARGE_SCHEMAS_KEPT)(_compiled)


def _retrieve_nothing(uri: str, /) -> Any:
    raise ValueError(f"a schema has to be whole: {uri[:200]!r} is not fetched")


def _without_doubles(pairs: list[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) != len(pairs):
        raise NotJson("duplicate_key")


def _is_shallow(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST):
        level = [child for one in level for child in children(one)]
        if not level:
            return True
    return False


def _has_any(schema: Any, keywords: frozenset[str]) -> bool:
    """Whether the schema uses one of the keywords; a property of that name may pass for one."""
    level = [schema]
    while level:
        if any(isinstance(one, dict) and not keywords.isdisjoint(one) for one in level):
            return True
        level = [child for one in level for child in children(one)]
    return False
