import json

import pytest

from reward_server.errors import GroundTruthInvalid
from reward_server.ground_truth.code import parse_code_tests
from reward_server.wire_code import AssertTest, CallTest, CheckTest, StdinTest


def test_our_own_shape_and_a_bare_list() -> None:
    tests = [
        {"type": "stdin", "stdin": "1 2\n", "stdout": "3\n"},
        {"type": "call", "entry": "f", "args": [1], "expected": 2},
    ]
    expected = (StdinTest(stdin="1 2\n", stdout="3\n"), CallTest(entry="f", args=[1], expected=2))
    for shape in ({"tests": tests}, tests, json.dumps(tests), json.dumps(json.dumps({"tests": tests}))):
        assert tuple(parse_code_tests(shape).tests) == expected  # type: ignore[arg-type]


def test_a_humaneval_row_brings_its_prompt() -> None:
    row = {"task_id": "HumanEval/0", "prompt": "def f(x):\n", "test": "def check(candidate): ...", "entry_point": "f"}
    parsed = parse_code_tests(row)
    assert parsed.tests == [CheckTest(code="def check(candidate): ...", entry="f")]
    assert (parsed.prefix, parsed.entries) == ("def f(x):\n", ["f"])


def test_an_mbpp_row_brings_its_imports() -> None:
    parsed = parse_code_tests({"test_list": ["assert f(1) == 2"], "test_imports": ["import math"]})
    assert parsed.tests == [AssertTest(code="assert f(1) == 2")]
    assert parsed.setup == "import math"


def test_apps_columns_are_programs_or_calls() -> None:
    stdin = parse_code_tests({"inputs": ["1\n", ["2", "3"]], "outputs": ["1\n", ["5"]]})
    assert stdin.tests == [StdinTest(stdin="1\n", stdout="1\n"), StdinTest(stdin="2\n3", stdout="5")]
    apps = parse_code_tests({"inputs": [[1, [2]]], "outputs": [[3]], "fn_name": "f"})
    prime = parse_code_tests({"inputs": ["1\n[2]"], "outputs": ["3"], "fn_name": "f"})
    assert apps.tests == prime.tests == [CallTest(entry="f", args=[1, [2]], expected=3)]


@pytest.mark.parametrize(
    "shape",
    [
        None,
        7,
        "not JSON",
        {},
        [],
        {"tests": []},
        {"tests": [{"type": "magic"}]},
        {"tests": [{"type": "call", "entry": "f"}]},
        {"inputs": ["1"], "outputs": []},
        {"inputs": ["nonsense"], "outputs": ["1"], "fn_name": "f"},
        {"tests": [{"type": "assert", "code": "assert f()"}], "language": "cobol"},
        {"tests": [{"type": "assert", "code": "assert f( =="}]},
        {"tests": [{"type": "assert", "code": "assert f()"}], "setup": "import"},
        ["(" * 5000 + ")" * 5000],
    ],
)
def test_what_cannot_be_judged_is_said(shape: object) -> None:
    with pytest.raises(GroundTruthInvalid, match=r"expected|fit|not Python"):
        parse_code_tests(shape)  # type: ignore[arg-type]
