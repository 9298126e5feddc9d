"""Tests that come as columns: all inputs, then all outputs."""

from __future__ import annotations

from typing import Any

from reward_server.errors import GroundTruthInvalid
from reward_server.ground_truth.layers import parsed, unwrapped

Row = dict[str, Any]
# Programs for a function are written for a site that has imported all of this. Builtins last: others hide some.
SITE_IMPORTS = "".join(
    f"from {name} import *\n"
    for name in (
        "string", "re", "datetime", "collections", "heapq", "bisect", "copy", "math", "random", "statistics",
        "itertools", "functools", "operator", "io", "typing", "builtins",
    )
) + (
    "import string, re, datetime, collections, heapq, bisect, copy, math, random, statistics, itertools, functools\n"
    "import operator, io, sys, json, typing\n"
)  # fmt: skip


def apps(row: Row) -> Row:
    """APPS, TACO, PRIME: programs that read input, or with `fn_name` calls of that function."""
    inputs, outputs, entry = (
        unwrapped(row["inputs"], "inputs"),
        unwrapped(row["outputs"], "outputs"),
        row.get("fn_name"),
    )
    if not isinstance(inputs, list) or not isinstance(outputs, list) or len(inputs) != len(outputs):
        raise GroundTruthInvalid("expected `inputs` and `outputs` to be lists of one length")
    if not entry:
        pairs = zip(inputs, outputs, strict=True)
        return {"tests": [{"type": "stdin", "stdin": lines(i), "stdout": lines(o)} for i, o in pairs]}
    pairs = zip(map(arguments, inputs), _results(outputs), strict=True)
    calls = [{"type": "call", "entry": entry, "args": args, "expected": result} for args, result in pairs]
    return {"tests": calls, "prefix": SITE_IMPORTS}


def _results(outputs: list[Any]) -> list[Any]:
    """The values: PRIME writes each as JSON text, APPS wraps each in a list; a row that does so does it everywhere."""
    if all(isinstance(output, list) and len(output) == 1 for output in outputs):
        return [output[0] for output in outputs]
    return [parsed(output, "a result of `fn_name`") if isinstance(output, str) else output for output in outputs]


def arguments(given: Any) -> Any:
    """A list of arguments, or text with one JSON value a line."""
    if not isinstance(given, str):
        return given
    return [parsed(line, "an argument of the function") for line in given.splitlines() if line.strip()]


def lines(text: Any) -> Any:
    return "\n".join(map(str, text)) if isinstance(text, list) else text


def code_contests(row: Row) -> Row:
    """Public, private and generated tests, all of them."""
    tests: list[Row] = []
    for name in ("public_tests", "private_tests", "generated_tests"):
        columns = unwrapped(row.get(name), f"`{name}`") or {}
        if isinstance(columns, int):  # open-r1/codeforces: how many there are elsewhere
            continue
        if not isinstance(columns, dict):
            raise GroundTruthInvalid(f"expected `{name}` as an object with `input` and `output`")
        inputs, outputs = columns.get("input", []), columns.get("output", [])
        if not isinstance(inputs, list) or not isinstance(outputs, list) or len(inputs) != len(outputs):
            raise GroundTruthInvalid(f"expected `{name}` to have `input` and `output`, lists of one length")
        tests += [{"type": "stdin", "stdin": i, "stdout": o} for i, o in zip(inputs, outputs, strict=True)]
    return {"tests": tests}
