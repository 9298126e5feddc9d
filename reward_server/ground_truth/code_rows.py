"""Rows of data sets → tests, in the shapes in which they are published. Nothing is unpickled or evaluated.

| data set | what is read |
| --- | --- |
| APPS, TACO | `input_output` (JSON text) with `inputs`, `outputs`, `fn_name`; `time_limit`, `memory_limit` |
| PRIME, Eurus-2, SYNTHETIC, INTELLECT-3 | the same object under `reward_model.ground_truth`, `info.tests` or `tests` |
| CodeContests | `public_tests`, `private_tests`, `generated_tests` as columns; `time_limit`, `memory_limit_bytes` |
| LiveCodeBench | `public_test_cases`, `private_test_cases` (JSON text), `metadata.func_name` |
| PrimeIntellect, open-r1 (verifiable coding) | `verification_info` with `language`, `test_cases` |
| open-r1/codeforces | `official_tests`, `generated_checker`, `time_limit` (s), `memory_limit` (MB), `input_mode` |
| open-r1/ioi | `test_cases` with `test_input`, `test_output`; `subtask`, `score` |
| AceCode | `test_cases`, a list of asserts |
| HumanEval, HumanEval+, LeetCodeDataset | `test` with `check(candidate)`, `entry_point`, `prompt` |
| MBPP, MBPP+ | `test_list`, `challenge_test_list`, `test_imports`, `test_setup_code` |
| KodCode | `test` or `test_code`, a file for pytest that imports `solution` |
| BigCodeBench | `test`, a file of unittest classes, with `entry_point` and `code_prompt` |

A row that wraps another shape (`reward_model`, `ground_truth`, `verification_info`, `info`, `input_output`) may come
whole. Each value may be JSON text, up to three layers of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import JsonValue

from reward_server.errors import GroundTruthInvalid
from reward_server.ground_truth.code_columns import apps, code_contests
from reward_server.ground_truth.code_limits import limits_of
from reward_server.ground_truth.code_records import codeforces, ioi, live_code_bench, records
from reward_server.ground_truth.code_scripts import file_of_tests, mbpp
from reward_server.ground_truth.layers import unwrapped

Row = dict[str, Any]
MAX_WRAPPERS = 4  # shapes inside shapes

_READERS: tuple[tuple[tuple[str, ...], Callable[[Row], Row]], ...] = (
    (("test_list",), mbpp),
    (("test",), file_of_tests),
    (("test_code",), file_of_tests),
    (("inputs", "outputs"), apps),
    (("official_tests",), codeforces),
    (("public_test_cases",), live_code_bench),
    (("private_test_cases",), live_code_bench),
    (("public_tests",), code_contests),
    (("private_tests",), code_contests),
    (("generated_tests",), code_contests),
    (("test_cases", "subtask"), ioi),
    (("test_cases",), records),
)
_WRAPPERS = ("verification_info", "input_output", "reward_model", "ground_truth", "info")


def tests_of(ground_truth: JsonValue) -> Row:
    """The fields of CodeTests, not validated yet. Raises GroundTruthInvalid."""
    shape: Any = ground_truth
    outer: Row = {}
    for _ in range(MAX_WRAPPERS):
        shape = unwrapped(shape, "tests")
        if isinstance(shape, list):
            return {**outer, "tests": [_bare(test) for test in shape]}
        if not isinstance(shape, dict):
            raise GroundTruthInvalid(f"expected tests as an object or a list, got {type(shape).__name__}")
        if isinstance(shape.get("tests"), list):
            return {**outer, **_own(shape)}
        outer = {**outer, **limits_of(shape)}
        for fields, read in _READERS:
            if all(shape.get(name) is not None for name in fields):
                return {**outer, **read(shape)}
        shape = _inner(shape)
    raise GroundTruthInvalid(f"expected tests in at most {MAX_WRAPPERS} wrappers, got more")


def has_tests(shape: Any) -> bool:
    """Whether a value out of its text has the shape of tests; they may be wrong all the same."""
    if isinstance(shape, list):
        return bool(shape) and all(_is_test(one) for one in shape)
    if not isinstance(shape, dict):
        return False
    if isinstance(shape.get("tests"), list):
        return True
    return any(all(shape.get(name) is not None for name in fields) for fields, _ in _READERS)


def _is_test(one: Any) -> bool:
    if isinstance(one, dict):
        return "type" in one or {"input", "output"} <= one.keys()
    return isinstance(one, str) and "assert" in one


def _own(shape: Row) -> Row:
    return {**shape, "tests": [_bare(test) for test in shape["tests"]]}


def _bare(test: Any) -> Any:
    return {"type": "assert", "code": test} if isinstance(test, str) else test


def _inner(shape: Row) -> Any:
    """What a row or a wrapper holds. Raises GroundTruthInvalid, with the names of what came."""
    for name in ("tests", *_WRAPPERS):
        if shape.get(name) is not None:
            return shape[name]
    known = (
        "`tests`, `test`, `test_list`, `test_cases`, `inputs` with `outputs`, `verification_info`, "
        "`public_tests` or another shape of docs/code.md"
    )
    raise GroundTruthInvalid(f"expected an object with {known}, got the fields {', '.join(map(str, shape))[:200]}")
