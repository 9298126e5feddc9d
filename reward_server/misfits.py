"""What does not fit a schema, in words: where, what was expected, what came. A leaf."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

SHOWN_CHARS = 80
_OWN_WORDS = "value_error"  # of our own validators, which say what came


def misfit(error: ValidationError, whole: str, known: Iterable[str] = (), *, quoting: bool = False) -> str:
    """The first thing that does not fit. `whole` is called what has no name of its own, `known` are the names that fit.

    Texts are not quoted unless they may be: they could be completions or references.
    """
    first = error.errors(include_url=False, include_context=False)[0]
    where = ".".join(map(str, first["loc"])) or whole
    names = ", ".join(known) if len(first["loc"]) == 1 else ""
    if first["type"] == "extra_forbidden":
        return f"{where[:200]}: there is no such field" + (f"; there are {names}" if names else "")
    if first["type"] == "missing":
        return f"{where}: it is required, and did not come"
    if first["type"] == _OWN_WORDS:
        return f"{where}: {first['msg'].removeprefix('Value error, ')}"
    return f"{where}: {first['msg']}, got {_came(first['input'], quoting=quoting)}"


def _came(value: Any, *, quoting: bool) -> str:
    if value is None or isinstance(value, bool | int | float):
        return json.dumps(value) if not isinstance(value, int) or abs(value) < 10**SHOWN_CHARS else "a huge number"
    if isinstance(value, str):
        return json.dumps(value[:SHOWN_CHARS]) if quoting else f"a text of {len(value):,} characters"
    if isinstance(value, list | tuple):
        return f"a list of {len(value):,}"
    return "an object"
