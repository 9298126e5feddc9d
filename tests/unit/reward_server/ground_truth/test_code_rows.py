"""One row of each data set, shaped as it is published."""

import json
from typing import Any

import pytest

from reward_server.errors import GroundTruthInvalid
from reward_server.ground_truth.code import CodeTests, parse_code_tests
from reward_server.wire_code import (
    AssertTest,
    CallTest,
    Checker,
    CheckTest,
    PytestTest,
    StdinTest,
    UnittestTest,
)

ADD = StdinTest(stdin="1 2\n", stdout="3\n")
TWO_SUM = CallTest(entry="twoSum", args=[[2, 7], 9], expected=[0, 1])


def parsed(row: Any) -> CodeTests:
    problem = parse_code_tests(row)
    for text in (json.dumps(row), json.dumps(json.dumps(row))):
        assert parse_code_tests(text) == problem
    return problem


def test_apps_and_taco_rows() -> None:
    cases = {"inputs": ["1 2\n"], "outputs": ["3\n"]}
    row = {"problem_id": 1, "question": "…", "solutions": "[]", "input_output": json.dumps(cases), "starter_code": ""}
    assert parsed(row).tests == [ADD]
    taco = parsed({**row, "time_limit": "2.0 seconds", "memory_limit": "256.0 megabytes", "difficulty": "EASY"})
    assert (taco.time_limit_s, taco.memory_limit_mb) == (2.0, 256)
    calls = {"fn_name": "twoSum", "inputs": [[[2, 7], 9]], "outputs": [[[0, 1]]]}
    problem = parsed({**row, "input_output": json.dumps(calls)})
    assert problem.tests == [TWO_SUM]
    assert "from typing import *" in problem.prefix


def test_results_are_taken_out_of_their_lists_only_where_all_are_in_one() -> None:
    wrapped = {"fn_name": "f", "inputs": [[1], [2]], "outputs": [[[1]], [[2, 3]]]}
    assert [test.expected for test in parsed(wrapped).tests] == [[1], [2, 3]]  # type: ignore[union-attr]
    bare = {"fn_name": "f", "inputs": [[1], [2]], "outputs": [[1], [2, 3]]}
    assert [test.expected for test in parsed(bare).tests] == [[1], [2, 3]]  # type: ignore[union-attr]


def test_prime_and_verl_rows() -> None:
    truth = json.dumps({"inputs": ["[2, 7]\n9"], "outputs": ["[0, 1]"], "fn_name": "twoSum"})
    row = {
        "data_source": "taco",
        "prompt": [{"role": "user", "content": "…"}],
        "ability": "code",
        "reward_model": {"ground_truth": truth, "style": "rule"},
        "extra_info": {"index": 0, "split": "train"},
    }
    assert parsed(row).tests == parsed(truth).tests == [TWO_SUM]


def test_intellect_3_rows_encode_twice() -> None:
    tests = json.dumps({"inputs": ["1 2\n"], "outputs": ["3\n"]})
    assert parsed({"question": "…", "info": json.dumps({"tests": tests})}).tests == [ADD]


def test_code_contests_rows() -> None:
    columns = {"input": ["1 2\n"], "output": ["3\n"]}
    row = {
        "name": "1_A",
        "public_tests": columns,
        "private_tests": {"input": [], "output": []},
        "generated_tests": columns,
        "time_limit": {"seconds": 1, "nanos": 500000000},
        "memory_limit_bytes": 256000000,
    }
    problem = parsed(row)
    assert problem.tests == [ADD, ADD]
    assert (problem.time_limit_s, problem.memory_limit_mb) == (1.5, 244)


LCB = {
    "question_title": "A",
    "question_id": "abc",
    "platform": "leetcode",
    "starter_code": "class Solution:\n    def twoSum(self, nums: List[int], target: int) -> List[int]:\n        ",
    "public_test_cases": json.dumps([{"input": "[2, 7]\n9", "output": "[0, 1]", "testtype": "functional"}]),
    "private_test_cases": json.dumps([{"input": "[2, 7]\n9", "output": "[0, 1]", "testtype": "functional"}]),
    "metadata": json.dumps({"func_name": "twoSum"}),
}


def test_live_code_bench_rows() -> None:
    assert parsed(LCB).tests == [TWO_SUM, TWO_SUM]
    stdin = json.dumps([{"input": "1 2\n", "output": "3\n", "testtype": "stdin"}])
    assert parsed({**LCB, "public_test_cases": stdin, "private_test_cases": "[]", "metadata": "{}"}).tests == [ADD]
    with pytest.raises(GroundTruthInvalid, match="fn_name"):
        parse_code_tests({**LCB, "metadata": "{}"})


def test_pickled_cases_are_never_read() -> None:
    with pytest.raises(GroundTruthInvalid, match="reward-server convert-lcb"):
        parse_code_tests({**LCB, "private_test_cases": "eJxrYJmqyAABGj1MUzNzUhUAKpIFYQ=="})


@pytest.mark.parametrize("write", [json.dumps, repr, lambda value: value])
def test_verification_info_is_an_object_json_or_a_python_literal(write: Any) -> None:
    cases = [
        {"type": "stdin_stdout", "fn_name": None, "input": "1 2\n", "output": "3\n"},
        {"type": "function_call", "fn_name": "twoSum", "input": [[2, 7], 9], "output": [[0, 1]]},
    ]
    info = {"language": "python", "test_cases": cases}
    row = {"problem_id": "p", "task_type": "verifiable_code", "prompt": "…", "verification_info": write(info)}
    problem = parsed(row)
    assert (problem.tests, problem.language) == ([ADD, TWO_SUM], "python")


def test_codeforces_rows_bring_limits_and_a_checker() -> None:
    row = {
        "id": "1/A",
        "time_limit": 2.0,
        "memory_limit": 256.0,
        "input_mode": "stdio",
        "official_tests": [{"input": "1 2\n", "output": "3\n"}],
        "generated_checker": "print(1)",
        "generated_tests": 0,
    }
    problem = parsed(row)
    checker = Checker(source="print(1)", protocol="prints")
    assert problem.tests == [ADD.model_copy(update={"checker": checker})]
    assert (problem.time_limit_s, problem.memory_limit_mb) == (2.0, 256)
    with pytest.raises(GroundTruthInvalid, match="input_mode"):
        parse_code_tests({**row, "input_mode": "file"})


def test_ioi_rows_are_one_subtask() -> None:
    case = {"test_name": "0-01", "test_input": "1 2\n", "test_output": "3\n"}
    problem = parsed({"id": "p", "year": 2024, "subtask": "1", "score": 7, "test_cases": [case, case]})
    assert problem.subtasks == {"1": 7}
    assert [test.subtask for test in problem.tests] == ["1", "1"]


def test_acecode_rows() -> None:
    row = {"id": "oss_1", "question": "…", "test_cases": ["assert add(1, 2) == 3"], "inferences": []}
    assert parsed(row).tests == [AssertTest(code="assert add(1, 2) == 3")]


def test_mbpp_rows_with_challenges() -> None:
    row = {
        "task_id": 2,
        "text": "…",
        "code": "…",
        "test_list": ["assert f(1) == 1"],
        "test_setup_code": "x = 1",
        "challenge_test_list": ["assert f(2) == 2"],
    }
    problem = parsed(row)
    assert [test.code for test in problem.tests] == ["assert f(1) == 1", "assert f(2) == 2"]  # type: ignore[union-attr]
    assert problem.setup == "x = 1"


def test_leetcode_rows_call_a_method_of_a_fresh_object() -> None:
    row = {
        "task_id": "two-sum",
        "prompt": "from typing import *\n",
        "entry_point": "Solution().twoSum",
        "test": "def check(candidate):\n    assert candidate(nums=[2, 7], target=9) == [0, 1]\n",
    }
    problem = parsed(row)
    assert problem.tests == [CheckTest(code=row["test"], entry="Solution().twoSum")]
    assert (problem.entries, problem.prefix) == (["Solution"], "from typing import *\n")


def test_kodcode_rows_are_files_for_pytest() -> None:
    code = "from solution import add\n\ndef test_add():\n    assert add(1, 2) == 3\n"
    for name in ("test", "test_code"):
        row = {"style": "instruct", "question": "…", name: code, "test_info": [{"function_name": "add"}]}
        assert parsed(row).tests == [PytestTest(code=code)]


def test_bigcodebench_rows_are_files_of_unittest() -> None:
    code = "import unittest\nclass TestCases(unittest.TestCase):\n    def test_a(self):\n        task_func()\n"
    row = {"task_id": "b/0", "code_prompt": "import re\ndef task_func():\n", "test": code, "entry_point": "task_func"}
    problem = parsed(row)
    assert (problem.tests, problem.prefix) == ([UnittestTest(code=code)], row["code_prompt"])


def test_our_own_shape_says_all_that_a_request_can() -> None:
    shape = {
        "language": "C++17",
        "tests": [{"type": "stdin", "stdin": "", "stdout": "1", "subtask": "a", "compare": {"kind": "float"}}],
        "subtasks": {"a": 3},
        "time_limit_s": 1.5,
        "memory_limit_mb": 64,
    }
    problem = parsed(shape)
    assert (problem.language, problem.subtasks, problem.time_limit_s) == ("cpp", {"a": 3.0}, 1.5)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ({"reward_model": {"reward_model": {"reward_model": {"reward_model": {"x": 1}}}}}, "wrappers"),
        ({"info": {"question": "…"}}, "got the fields question"),
        ({"verification_info": "{'test_cases': __import__('os').system('true')}"}, "JSON text"),
        ({"verification_info": "{'test_cases': " + "[" * 5000 + "]" * 5000 + "}"}, "JSON text"),
        ({"verification_info": "{'test_cases': {1, 2}}"}, "JSON text"),
        ({"test_cases": [{"input": "1"}]}, "`input` and `output`"),
        ({"test_cases": [{"input": "1", "output": "1", "type": "magic"}]}, "stdin or functional"),
        ({"public_tests": {"input": ["1"], "output": []}}, "one length"),
        ({"public_tests": []}, "fit"),
        ({"public_tests": 7}, "fit"),
        ({"tests": ["assert f() == 1"], "language": "cobol"}, "language of python"),
        ({"tests": ["assert f() == 1"], "language": "java"}, "for programs in python"),
        ({"tests": [{"type": "call", "entry": "f", "expected": 1}], "language": "rust"}, "python or javascript"),
        ({"tests": [{"type": "stdin", "stdout": "1"}], "language": "go", "setup": "import x"}, "python"),
        ({"tests": [{"type": "call", "entry": "f", "expected": 1, "changes": 0}]}, "`changes`"),
        ({"tests": [{"type": "call", "entry": "f", "expected": 1, "changes": "x"}]}, "`changes`"),
        ({"tests": [{"type": "pytest", "code": "import re\nassert re"}]}, "tests nothing"),
        ({"tests": [{"type": "unittest", "code": "class T: pass"}]}, "tests nothing"),
        ({"tests": [{"type": "stdin", "checker": {"source": "x", "language": "cobol"}}]}, "language of"),
    ],
)
def test_what_cannot_be_judged_says_why(shape: Any, message: str) -> None:
    with pytest.raises(GroundTruthInvalid, match=message):
        parse_code_tests(shape)


def test_values_that_no_program_could_return_are_refused() -> None:
    deep: Any = 1
    for _ in range(400):
        deep = [deep]
    with pytest.raises(GroundTruthInvalid):
        parse_code_tests({"tests": [{"type": "call", "entry": "f", "expected": deep}]})
