"""Did the program say what the test expects? Compared here, outside the process that is judged."""

from __future__ import annotations

from typing import Any

from pydantic import JsonValue


def same_output(expected: str, actual: bytes) -> bool:
    """Line by line, white space at the ends of lines and blank lines at the end aside. The number of lines counts."""
    return _lines(expected) == _lines(actual.decode("utf-8", "replace"))


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.rstrip().split("\n")]


def same_value(expected: JsonValue, actual: Any) -> bool:
    """A JSON value against a plain Python value.

    JSON has no tuples and no integer keys, so a tuple may stand for an array and a key for its text. True is not 1.
    """
    if isinstance(expected, bool) or isinstance(actual, bool):
        return expected is actual
    if isinstance(expected, list):
        return (
            isinstance(actual, list | tuple)
            and len(expected) == len(actual)
            and all(same_value(e, a) for e, a in zip(expected, actual, strict=True))
        )
    if isinstance(expected, dict):
        return isinstance(actual, dict) and _same_dict(expected, actual)
    if isinstance(expected, int | float):
        return isinstance(actual, int | float) and expected == actual
    return type(expected) is type(actual) and expected == actual


def _same_dict(expected: dict[str, JsonValue], actual: dict[Any, Any]) -> bool:
    by_text = {key if isinstance(key, str) else _key_text(key): value for key, value in actual.items()}
    return (
        len(by_text) == len(actual)
        and by_text.keys() == expected.keys()
        and all(same_value(value, by_text[key]) for key, value in expected.items())
    )


def _key_text(key: Any) -> str:
    """As json.dumps writes a key that is no string."""
    if key is None or isinstance(key, bool):
        return {None: "null", True: "true", False: "false"}[key]
    try:
        return str(key)
    except ValueError:  # an integer too long to be written: no key of a test
        return ""
