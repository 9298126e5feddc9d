"""Tests that come as Python code."""

from __future__ import annotations

import re
from typing import Any

from reward_server.errors import GroundTruthInvalid
from reward_server.ground_truth.layers import unwrapped

Row = dict[str, Any]
_CHECK = re.compile(r"^[ \t]*(?:async[ \t]+)?def[ \t]+check\b|^check[ \t]*=", re.MULTILINE)
_UNITTEST = re.compile(r"\bTestCase\b")


def mbpp(row: Row) -> Row:
    """Asserts, with the imports and the set-up that they need."""
    codes = [*_list(row, "test_list"), *_list(row, "challenge_test_list")]
    setup = [*_list(row, "test_imports"), row.get("test_setup_code") or ""]
    return {"tests": [{"type": "assert", "code": code} for code in codes], "setup": "\n".join(map(str, setup)).strip()}


def _list(row: Row, name: str) -> list[Any]:
    found = row.get(name) or []
    found = [found] if isinstance(found, str) and not found.lstrip().startswith("[") else unwrapped(found, f"`{name}`")
    if not isinstance(found, list):
        raise GroundTruthInvalid(f"expected `{name}` as a list")
    return found


def file_of_tests(row: Row) -> Row:
    """`check(candidate)` with its `entry_point`, or a file for unittest or pytest."""
    code, entry = row.get("test") or row.get("test_code"), row.get("entry_point")
    if isinstance(code, list):
        return {"tests": [{"type": "assert", "code": one} for one in code]}
    if not isinstance(code, str):
        raise GroundTruthInvalid(f"expected `test` as Python code, got {type(code).__name__}")
    prompt = row.get("code_prompt") or row.get("prompt")
    if entry and _CHECK.search(code):
        check = {"type": "check", "code": code, "entry": entry}
        return {"tests": [check], "prefix": prompt if isinstance(prompt, str) else ""}
    kind = "unittest" if _UNITTEST.search(code) and "pytest" not in code else "pytest"
    prefix = prompt if entry and isinstance(prompt, str) else ""
    return {"tests": [{"type": kind, "code": code}], "prefix": prefix}
