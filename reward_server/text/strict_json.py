"""JSON read strictly (RFC 8259), and schemas that fetch nothing and match patterns in linear time."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

import jsonschema_rs
import orjson

DEEPEST = 128  # levels of nesting
SCHEMAS_KEPT = 64
PATTERN_BYTES = 1 << 18  # of one compiled pattern
_PATTERNS = frozenset({"pattern", "patternProperties"})


class NotJson(ValueError):
    """The text is no JSON value, or one that is nested too deeply, or one that names a key twice."""


class SchemaInvalid(ValueError):
    """The schema is none, refers to another document, or holds a pattern that cannot be matched in linear time."""


class Schema:
    """A compiled JSON schema; the draft is the one that `$schema` names, else 2020-12."""

    def __init__(self, schema: dict[str, Any] | bool) -> None:
        """Raises SchemaInvalid."""
        self.has_patterns = _has_patterns(schema)
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
        """Where the value breaks the schema, as a path with the keyword: `/items/0 type`; None where it fits.

        It takes far longer than `fits`, since every fault below an `anyOf` is collected.
        """
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
        return _compiled(orjson.dumps(schema))
    except orjson.JSONEncodeError as error:
        raise SchemaInvalid(f"the schema is no JSON: {error}") from error


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


@lru_cache(maxsize=SCHEMAS_KEPT)
def _compiled(text: bytes) -> Schema:
    return Schema(orjson.loads(text))


def _retrieve_nothing(uri: str, /) -> Any:
    raise ValueError(f"a schema has to be whole: {uri[:200]!r} is not fetched")


def _without_doubles(pairs: list[tuple[str, Any]]) -> None:
    if len({key for key, _ in pairs}) != len(pairs):
        raise NotJson("duplicate_key")


def _is_shallow(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST):
        level = [child for one in level for child in _children(one)]
        if not level:
            return True
    return False


def _children(value: Any) -> list[Any]:
    """The members that can have members themselves."""
    members = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [member for member in members if isinstance(member, dict | list)]


def _has_patterns(schema: Any) -> bool:
    """Whether the schema matches regular expressions; a property called `pattern` may pass for one."""
    level = [schema]
    while level:
        if any(isinstance(one, dict) and not _PATTERNS.isdisjoint(one) for one in level):
            return True
        level = [child for one in level for child in _children(one)]
    return False
