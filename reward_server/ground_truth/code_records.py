"""Tests that come as records, one object with input and output each."""

from __future__ import annotations

import re
from typing import Any

from reward_server.errors import GroundTruthInvalid
from reward_server.ground_truth.code_columns import SITE_IMPORTS, arguments, lines
from reward_server.ground_truth.layers import parsed, unwrapped

Row = dict[str, Any]
_BASE64 = re.compile(r"[A-Za-z0-9+/\s]+=*\s*")
_PICKLED = (
    "`private_test_cases` are pickled, and a pickle can run any code: convert the file on a machine of your own with "
    "`reward-server convert-lcb FILE --out FILE`"
)


def live_code_bench(row: Row) -> Row:
    """Public and private cases, with the name of the function under `metadata.func_name` for functional ones."""
    metadata = unwrapped(row.get("metadata") or {}, "`metadata`")
    entry = metadata.get("func_name") if isinstance(metadata, dict) else None
    cases = [*_cases(row, "public_test_cases"), *_cases(row, "private_test_cases")]
    tests = [_test(case, entry) for case in cases]
    return {"tests": tests, "prefix": _prefix(tests)}


def _cases(row: Row, name: str) -> list[Any]:
    cases = row.get(name) or []
    if isinstance(cases, str) and _BASE64.fullmatch(cases[:4096]):
        raise GroundTruthInvalid(_PICKLED)
    cases = unwrapped(cases, f"`{name}`")
    if not isinstance(cases, list):
        raise GroundTruthInvalid(f"expected `{name}` as a list of cases")
    return cases


def records(row: Row) -> Row:
    """A list of asserts (AceCode), or of {type, fn_name, input, output} (PrimeIntellect, open-r1)."""
    cases = unwrapped(row["test_cases"], "`test_cases`")
    if not isinstance(cases, list):
        raise GroundTruthInvalid("expected `test_cases` as a list")
    if cases and all(isinstance(case, str) for case in cases):
        return {"tests": [{"type": "assert", "code": case} for case in cases]}
    tests = [_test(case, row.get("fn_name")) for case in cases]
    _unwrap_results(tests, cases)
    language = {"language": row["language"]} if isinstance(row.get("language"), str) else {}
    return {"tests": tests, "prefix": _prefix(tests), **language}


def _unwrap_results(tests: list[Row], cases: list[Any]) -> None:
    """As in APPS, from which they come: each result is in a list where all are, unless it is text."""
    calls = [test for test, case in zip(tests, cases, strict=True) if test["type"] == "call"]
    outputs = [case["output"] for test, case in zip(tests, cases, strict=True) if test["type"] == "call"]
    if all(isinstance(output, list) and len(output) == 1 for output in outputs):
        for test in calls:
            test["expected"] = test["expected"][0]


def _test(case: Any, entry: Any) -> Row:
    if not isinstance(case, dict) or not {"input", "output"} <= case.keys():
        raise GroundTruthInvalid("expected every test case to be an object with `input` and `output`")
    entry = case.get("fn_name") or entry
    kind = str(case.get("testtype") or case.get("type") or ("functional" if entry else "stdin"))
    if kind in ("stdin", "stdin_stdout", "stdio"):
        return {"type": "stdin", "stdin": lines(case["input"]), "stdout": lines(case["output"])}
    if kind not in ("functional", "function_call", "call"):
        raise GroundTruthInvalid(f"expected test cases of type stdin or functional, got {kind[:40]!r}")
    if not entry:
        raise GroundTruthInvalid("expected the name of the function in `fn_name` or `metadata.func_name`")
    output = case["output"]
    result = parsed(output, "an expected result") if isinstance(output, str) else output
    return {"type": "call", "entry": entry, "args": arguments(case["input"]), "expected": result}


def _prefix(tests: list[Row]) -> str:
    return SITE_IMPORTS if any(test["type"] == "call" for test in tests) else ""


def codeforces(row: Row) -> Row:
    """Tests of the contest, and the checker where several outputs are right."""
    if row.get("input_mode") not in (None, "stdio"):
        raise GroundTruthInvalid(
            f"expected `input_mode` stdio, got {row['input_mode']!r:.40}: programs cannot read files"
        )
    cases = unwrapped(row["official_tests"], "`official_tests`")
    if not isinstance(cases, list):
        raise GroundTruthInvalid("expected `official_tests` as a list")
    tests = [_test(case, None) for case in cases]
    if row.get("generated_checker"):
        checker = {"language": "python", "source": row["generated_checker"], "protocol": "prints"}
        tests = [{**test, "checker": checker} for test in tests]
    return {"tests": tests}


def ioi(row: Row) -> Row:
    """The tests of one subtask, all or nothing."""
    cases = unwrapped(row["test_cases"], "`test_cases`")
    if isinstance(cases, dict):
        cases = list(cases.values())
    name = str(row["subtask"])
    if not isinstance(cases, list):
        raise GroundTruthInvalid("expected `test_cases` as a list")
    tests = [{**_ioi_test(case), "subtask": name} for case in cases]
    points = row.get("score")
    return {"tests": tests, "subtasks": {name: points if isinstance(points, int | float) else 1.0}}


def _ioi_test(case: Any) -> Row:
    if isinstance(case, dict) and {"test_input", "test_output"} <= case.keys():
        case = {"input": case["test_input"], "output": case["test_output"]}
    elif isinstance(case, list) and len(case) == 2:
        case = {"input": case[0], "output": case[1]}
    return _test(case, None)
