"""Rows of data sets → tests, in the shapes in which they are published. Nothing is unpickled or evaluated."""

from __future__ import annotations

from typing import Any

from pydantic import JsonValue

from reward_server import lenient_json
from reward_server.errors import GroundTruthInvalid

JSON_LAYERS = 3  # data sets encode JSON in strings of JSON


def tests_of(ground_truth: JsonValue) -> dict[str, Any]:
    """The fields of CodeTests, not validated yet. Raises GroundTruthInvalid."""
    shape: dict[str, Any] = _normalised(_unwrapped(ground_truth))
    return shape


def _unwrapped(ground_truth: Any) -> Any:
    for _ in range(JSON_LAYERS):
        if not isinstance(ground_truth, str):
            break
        try:
            ground_truth = lenient_json.loads(ground_truth.encode("utf-8", "replace"))
        except ValueError as error:
            raise GroundTruthInvalid(
                "expected tests as an object, a list or JSON text of them, got other text"
            ) from error
    return ground_truth


def _normalised(shape: Any) -> Any:
    if isinstance(shape, list):
        return {"tests": [{"type": "assert", "code": test} if isinstance(test, str) else test for test in shape]}
    if not isinstance(shape, dict):
        raise GroundTruthInvalid(f"expected tests as an object or a list, got {type(shape).__name__}")
    if "tests" in shape:
        return shape
    if "test" in shape and "entry_point" in shape:
        return _humaneval(shape)
    if "test_list" in shape:
        return _mbpp(shape)
    if "inputs" in shape and "outputs" in shape:
        return _apps(shape)
    known = "`tests`, `test` with `entry_point`, `test_list`, or `inputs` with `outputs`"
    raise GroundTruthInvalid(f"expected an object with {known}, got the fields {', '.join(map(str, shape))[:200]}")


def _humaneval(row: dict[str, Any]) -> dict[str, Any]:
    check = {"type": "check", "code": row["test"], "entry": row["entry_point"]}
    return {"tests": [check], "prefix": row.get("prompt") or ""}


def _mbpp(row: dict[str, Any]) -> dict[str, Any]:
    setup = [*(row.get("test_imports") or []), row.get("test_setup_code") or ""]
    return {"tests": [{"type": "assert", "code": code} for code in row["test_list"]], "setup": "\n".join(setup).strip()}


def _apps(row: dict[str, Any]) -> dict[str, Any]:
    inputs, outputs, entry = row["inputs"], row["outputs"], row.get("fn_name")
    if not isinstance(inputs, list) or not isinstance(outputs, list) or len(inputs) != len(outputs):
        raise GroundTruthInvalid("expected `inputs` and `outputs` to be lists of one length")
    pairs = zip(inputs, outputs, strict=True)
    if entry is None:
        return {"tests": [{"type": "stdin", "stdin": _lines(i), "stdout": _lines(o)} for i, o in pairs]}
    return {"tests": [{"type": "call", "entry": entry, "args": _args(i), "expected": _result(o)} for i, o in pairs]}


def _lines(text: Any) -> Any:
    return "\n".join(map(str, text)) if isinstance(text, list) else text


def _args(arguments: Any) -> Any:
    """A list of arguments, or PRIME's text with one JSON value a line."""
    return [_json(line) for line in arguments.splitlines()] if isinstance(arguments, str) else arguments


def _result(output: Any) -> Any:
    """The value, which APPS wraps in a list and PRIME writes as JSON text."""
    if isinstance(output, str):
        return _json(output)
    return output[0] if isinstance(output, list) and len(output) == 1 else output


def _json(text: str) -> Any:
    try:
        return lenient_json.loads(text.encode("utf-8", "replace"))
    except ValueError as error:
        raise GroundTruthInvalid("expected the arguments and results of `fn_name` as JSON") from error
