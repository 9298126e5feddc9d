"""JSON as clients really send it: lone surrogates in model output, integers of any size. A leaf."""

from __future__ import annotations

import json
import re
import sys
from typing import Any, NoReturn

import orjson

# orjson turns an integer beyond 64 bits into a float, silently; any such number has at least 19 digits.
_LONG_NUMBER = re.compile(rb"\d{19}")


def loads(data: bytes) -> Any:
    """The value of a JSON text. Raises ValueError.

    Integers are exact; one with more digits than Python converts stays text. A lone surrogate, which no encoder takes,
    becomes U+FFFD.
    """
    if _LONG_NUMBER.search(data) is None:
        try:
            return orjson.loads(data)
        except orjson.JSONDecodeError:
            if b"\\u" not in data:
                raise
    try:
        return _printable(json.loads(data, parse_constant=_refuse_constant, parse_int=_exact))
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def printable(text: str) -> str:
    """The text with U+FFFD in place of lone surrogates."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _printable(value: Any) -> Any:
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, list):
        return [_printable(part) for part in value]
    if isinstance(value, dict):
        return {printable(key): _printable(part) for key, part in value.items()}
    return value


def _exact(digits: str) -> int | str:
    return int(digits) if len(digits) <= sys.get_int_max_str_digits() else digits


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
