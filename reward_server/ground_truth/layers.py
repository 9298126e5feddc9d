"""JSON in strings, as data sets nest it. Python literals are read too, where they are short; nothing is evaluated."""

from __future__ import annotations

import ast
import warnings
from typing import Any

from reward_server import lenient_json
from reward_server.errors import GroundTruthInvalid

JSON_LAYERS = 3
MAX_LITERAL_CHARS = 1_000_000
MAX_LITERAL_DEPTH = 100


def unwrapped(value: Any, what: str) -> Any:
    """The value inside up to three layers of text. Raises GroundTruthInvalid."""
    for _ in range(JSON_LAYERS):
        if not isinstance(value, str):
            break
        value = parsed(value, what)
    return value


def parsed(text: str, what: str) -> Any:
    """The value of JSON text, or of a Python literal in which quotes are single. Raises GroundTruthInvalid."""
    try:
        return lenient_json.loads(text.encode("utf-8", "replace"))
    except ValueError:
        return _literal(text, what)


def _literal(text: str, what: str) -> Any:
    """Numbers, texts, None, True, False, lists, tuples and dicts with text as keys, as JSON would have them."""
    refused = GroundTruthInvalid(f"expected {what} as JSON text, got other text")
    if len(text) > MAX_LITERAL_CHARS or not text.strip().startswith(("{", "[", "(")):
        raise refused
    try:
        with warnings.catch_warnings(action="ignore"):
            value = ast.literal_eval(text.strip())
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError) as error:
        raise refused from error
    return _as_json(value, refused, MAX_LITERAL_DEPTH)


def _as_json(value: Any, refused: GroundTruthInvalid, depth: int) -> Any:
    if depth == 0:
        raise refused
    match value:
        case None | bool() | int() | float() | str():
            return value
        case list() | tuple():
            return [_as_json(item, refused, depth - 1) for item in value]
        case dict() if all(isinstance(key, str) for key in value):
            return {key: _as_json(item, refused, depth - 1) for key, item in value.items()}
    raise refused
