"""Whole numbers as data sets write them: 98, 98.0, "98"."""

from __future__ import annotations

from typing import Any

from reward_server.errors import GroundTruthInvalid

LARGEST = 10**15


def whole_number(value: Any, what: str) -> int:
    """Raises GroundTruthInvalid for what is no whole number, naming `what` was expected."""
    try:
        number = float(value) if isinstance(value, str) else value
        whole = isinstance(number, int | float) and not isinstance(number, bool) and number == int(number)
    except (ValueError, OverflowError):
        whole = False
    if not whole or abs(number) > LARGEST:
        raise GroundTruthInvalid(f"expected {what} as a whole number, got {type(value).__name__}")
    return int(number)


def whole_numbers(value: Any, what: str, most: int) -> tuple[int, ...]:
    """Raises GroundTruthInvalid."""
    if not isinstance(value, list) or not 1 <= len(value) <= most:
        raise GroundTruthInvalid(f"expected {what} as a list of 1 to {most} whole numbers")
    return tuple(whole_number(item, what) for item in value)
