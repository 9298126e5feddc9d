"""The limits of a problem, as rows of data sets write them."""

from __future__ import annotations

import re
from typing import Any

_QUANTITY = re.compile(r"\s*(\d{1,9}(?:\.\d{0,6})?)\s*([a-z]*)", re.IGNORECASE)
_SECONDS = {"": 1.0, "s": 1.0, "sec": 1.0, "second": 1.0, "ms": 1e-3, "millisecond": 1e-3}
_MEBIBYTES = {"": 1.0, "mb": 1.0, "mib": 1.0, "megabyte": 1.0, "kb": 2**-10, "kib": 2**-10, "kilobyte": 2**-10,
              "gb": 2**10, "gib": 2**10, "gigabyte": 2**10, "b": 2**-20, "byte": 2**-20}  # fmt: skip
LONGEST_SECONDS = 120.0
LARGEST_MB = 16_384


def limits_of(row: dict[str, Any]) -> dict[str, Any]:
    """`time_limit_s` and `memory_limit_mb`, each where the row has one that can be read."""
    found: dict[str, Any] = {}
    seconds = _seconds(row.get("time_limit"))
    if seconds:
        found["time_limit_s"] = min(seconds, LONGEST_SECONDS)
    in_bytes = row.get("memory_limit_bytes")
    in_mebibytes = row.get("memory_limit")
    mebibytes = _amount(in_bytes, {"": 1.0}) / 2**20 or _amount(in_mebibytes, _MEBIBYTES)
    if mebibytes:
        found["memory_limit_mb"] = max(1, min(round(mebibytes), LARGEST_MB))
    return found


def _seconds(value: Any) -> float:
    """A number, text such as `2.0 seconds`, or CodeContests' object of seconds and nanos. 0 where it is none."""
    if isinstance(value, dict):
        whole, nanos = value.get("seconds") or 0, value.get("nanos") or 0
        return float(whole + nanos / 1e9) if _is_number(whole) and _is_number(nanos) and whole + nanos > 0 else 0.0
    return _amount(value, _SECONDS)


def _amount(value: Any, units: dict[str, float]) -> float:
    if _is_number(value):
        return float(value) if 0 < value < 1e12 else 0.0
    match = _QUANTITY.fullmatch(value) if isinstance(value, str) and len(value) < 100 else None
    if match is None:
        return 0.0
    unit = match[2].lower()
    return float(match[1]) * units.get(unit, units.get(unit.removesuffix("s"), 0.0))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
