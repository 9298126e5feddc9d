"""Did a call return what its test expects? Compared here, outside the process that is judged."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from reward_server.wire_code import CallTest
from sandbox.calls import Reply


@dataclass(frozen=True)
class Tolerance:
    """For a pair of numbers of which one is a float; two integers are always exact."""

    absolute: float = 0.0
    relative: float = 0.0  # of the expected number

    def allows(self, expected: float, actual: float) -> bool:
        if expected == actual:
            return True
        if self == EXACT or not (isinstance(expected, float) or isinstance(actual, float)):
            return False  # floats would round long integers
        try:
            difference = abs(float(expected) - float(actual))
            largest = max(self.absolute, self.relative * abs(float(expected)))
        except OverflowError:  # an integer beyond all floats
            return False
        return difference <= largest < math.inf  # never true of a nan


EXACT = Tolerance()


def same_result(test: CallTest, reply: Reply) -> bool:
    """What the call returned, or what it made of the argument that `changes` names."""
    actual = reply.value if test.changes is None else _argument(test, test.changes, reply)
    tolerance = Tolerance(test.abs_tol, test.rel_tol)
    if test.unordered and isinstance(test.expected, list) and isinstance(actual, list | tuple):
        return same_items(test.expected, actual, tolerance)
    return same_value(test.expected, actual, tolerance)


def _argument(test: CallTest, name: int | str, reply: Reply) -> Any:
    """As the call left it: the reply names only arguments that are no longer what they were."""
    changed = dict(reply.changed)
    if name in changed:
        return changed[name]
    return test.args[name] if isinstance(name, int) else test.kwargs[name]


def same_value(expected: JsonValue, actual: Any, tolerance: Tolerance = EXACT) -> bool:
    """A JSON value against a plain Python value.

    JSON has no tuples and no integer keys, so a tuple may stand for an array and a key for its text. True is not 1.
    """
    if isinstance(expected, bool) or isinstance(actual, bool):
        return expected is actual
    if isinstance(expected, list):
        return (
            isinstance(actual, list | tuple)
            and len(expected) == len(actual)
            and all(same_value(e, a, tolerance) for e, a in zip(expected, actual, strict=True))
        )
    if isinstance(expected, dict):
        return isinstance(actual, dict) and _same_dict(expected, actual, tolerance)
    if isinstance(expected, int | float):
        return isinstance(actual, int | float) and tolerance.allows(expected, actual)
    return type(expected) is type(actual) and expected == actual


def _same_dict(expected: dict[str, JsonValue], actual: dict[Any, Any], tolerance: Tolerance) -> bool:
    by_text = {key if isinstance(key, str) else _key_text(key): value for key, value in actual.items()}
    return (
        len(by_text) == len(actual)
        and by_text.keys() == expected.keys()
        and all(same_value(value, by_text[key], tolerance) for key, value in expected.items())
    )


def _key_text(key: Any) -> str:
    """As json.dumps writes a key that is no string."""
    if key is None or isinstance(key, bool):
        return {None: "null", True: "true", False: "false"}[key]
    try:
        return str(key)
    except ValueError:  # an integer too long to be written: no key of a test
        return ""


def same_items(expected: list[JsonValue], actual: list[Any] | tuple[Any, ...], tolerance: Tolerance) -> bool:
    """The same items in any order: both are sorted alike, then held against each other."""
    if len(expected) != len(actual):
        return False
    pairs = zip(sorted(expected, key=_order), sorted(actual, key=_order), strict=True)
    return all(same_value(e, a, tolerance) for e, a in pairs)


def _order(value: Any) -> tuple[Any, ...]:
    """A key that any two values can be sorted by; values that are the same have the same."""
    match value:
        case None | bool():
            return 0, str(value)
        case int() | float():
            return 1, value
        case str():
            return 2, value
        case list() | tuple():
            return 3, [_order(item) for item in value]
        case dict():
            pairs = [(key if isinstance(key, str) else _key_text(key), _order(inner)) for key, inner in value.items()]
            return 4, sorted(pairs)
    return 5, type(value).__name__  # not JSON: the same as nothing that is expected
