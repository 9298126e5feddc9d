"""JSON as clients really send it: with lone surrogates in model output, which strict parsers refuse. A leaf."""

from __future__ import annotations

import json
from typing import Any, NoReturn

import orjson


def loads(data: bytes) -> Any:
    """The value of a JSON text. A lone surrogate, which no encoder takes, becomes U+FFFD. Raises ValueError."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        if b"\\u" not in data:
            raise
    try:
        text = json.dumps(json.loads(data, parse_constant=_refuse_constant), ensure_ascii=False)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    return orjson.loads(text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace"))


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
