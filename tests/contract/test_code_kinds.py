"""Every kind of test, comparison and scoring through the real server and sandbox."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.sandbox

ADD = "def add(a, b):\n    return a + b\n"
WRONG = "def add(a, b):\n    return a - b\n"
READ = "a, b = map(int, input().split())\nprint(a + b)\n"
STDIN = {"type": "stdin", "stdin": "1 2\n", "stdout": "3\n"}


def judged(url: str, source: str, *tests: dict[str, Any], **fields: Any) -> dict[str, Any]:
    body = {"source": source, "tests": list(tests), **fields}
    answer = httpx.post(f"{url}/v1/code/judge", json=body, timeout=90)
    assert answer.is_success, answer.text
    return answer.json()


def verdicts(answer: dict[str, Any]) -> list[str]:
    return [report["verdict"] for report in answer["tests"]]


def score(url: str, completion: str, ground_truth: Any, check: str = "code", **params: Any) -> dict[str, Any]:
    items = [{"completion": completion, "ground_truth": ground_truth}]
    body = {"checks": [{"check": check, "params": params}], "items": items}
    return httpx.post(f"{url}/v1/score", json=body, timeout=90).raise_for_status().json()["results"][0]


UNITTEST = """
import unittest
import solution
from solution import add
class TestAdd(unittest.TestCase):
    def setUp(self):
        self.two = 2
    def test_add(self):
        self.assertEqual(add(1, self.two), 3)
    def test_module(self):
        self.assertEqual(solution.add(2, 2), 4)
if __name__ == "__main__":
    unittest.main()
"""
PYTEST = """
import pytest
from solution import add
@pytest.fixture
def two():
    return 2
@pytest.mark.parametrize("a", [1, 5])
def test_add(a, two):
    assert add(a, two) == a + 2
class TestMore:
    def test_floats(self):
        assert add(0.1, 0.2) == pytest.approx(0.3)
def test_raises():
    with pytest.raises(TypeError):
        add(1, None)
"""
KINDS = {
    "call": {"type": "call", "entry": "add", "args": [1, 2], "expected": 3},
    "kwargs": {"type": "call", "entry": "add", "kwargs": {"a": 1, "b": 2}, "expected": 3},
    "tolerance": {"type": "call", "entry": "add", "args": [0.1, 0.2], "expected": 0.3, "abs_tol": 1e-9},
    "assert": {"type": "assert", "code": "assert add(1, 2) == 3"},
    "assert of a tester": {"type": "assert", "code": "for n in range(5):\n    assert add(n, 1) == n + 1"},
    "check": {"type": "check", "code": "def check(f):\n    assert f(1, 2) == 3", "entry": "add"},
    "unittest": {"type": "unittest", "code": UNITTEST},
    "pytest": {"type": "pytest", "code": PYTEST},
}


@pytest.mark.parametrize("kind", KINDS)
def test_right_passes_and_wrong_fails(server_url: str, kind: str) -> None:
    right = judged(server_url, ADD, KINDS[kind])
    assert (right["verdict"], right["score"], right["trusted"]) == ("accepted", 1.0, "strong")
    assert judged(server_url, WRONG, KINDS[kind])["verdict"] == "wrong_answer"
    assert judged(server_url, "x = 1", KINDS[kind])["verdict"] == "runtime_error"


def test_all_kinds_together_in_their_order(server_url: str) -> None:
    program = ADD + "if __name__ == '__main__':\n    print(add(*map(int, input().split())))\n"
    answer = judged(server_url, program, STDIN, *KINDS.values(), {"type": "compile"})
    assert verdicts(answer) == ["accepted"] * 10
    assert (answer["passed"], answer["total"]) == (10, 10)
    assert all(report["cpu_ms"] >= 0 and report["memory_kb"] > 1000 for report in answer["tests"][:9])


def test_changes_in_place_and_any_order(server_url: str) -> None:
    test = {"type": "call", "entry": "f", "args": [[3, 1, 2]], "expected": [1, 2, 3], "changes": 0}
    assert judged(server_url, "def f(xs):\n    xs.sort()", test)["score"] == 1.0
    assert judged(server_url, "def f(xs):\n    return sorted(xs)", test)["score"] == 0.0
    test = {"type": "call", "entry": "f", "args": [3], "expected": [[1], [2], [3]], "unordered": True}
    assert judged(server_url, "def f(n):\n    return [(i,) for i in range(n, 0, -1)]", test)["score"] == 1.0
    assert judged(server_url, "def f(n):\n    return [[1]] * n", test)["score"] == 0.0


@pytest.mark.parametrize(
    ("compare", "printed", "verdict"),
    [
        ({"kind": "exact"}, "'3.0\\n'", "accepted"),
        ({"kind": "exact"}, "'3.0'", "wrong_answer"),
        ({"kind": "tokens"}, "'\\n  3.0 '", "accepted"),
        ({"kind": "lines"}, "'\\n3.0'", "wrong_answer"),
        ({"kind": "float"}, "'3.0000000001'", "accepted"),
        ({"kind": "float"}, "'nan'", "wrong_answer"),
    ],
)
def test_outputs_are_compared_as_asked(server_url: str, compare: Any, printed: str, verdict: str) -> None:
    source = f"import sys\nsys.stdout.write({printed})"
    test = {"type": "stdin", "stdout": "3.0\n"}
    assert judged(server_url, source, test, compare=compare)["verdict"] == verdict
    assert judged(server_url, source, {**test, "compare": compare}, compare={"kind": "exact"})["verdict"] == verdict


ANY_ORDER = """
import sys
given, output, answer = (open(name).read().split() for name in sys.argv[1:4])
sys.exit(0 if sorted(output) == sorted(answer) else 1)
"""
PRINTS = """
import sys
given, answer, output = (open(name).read() for name in sys.argv[1:4])
print(1 if int(output) == int(answer) else 0)
"""


def test_a_checker_decides_and_runs_in_the_sandbox(server_url: str) -> None:
    test = {"type": "stdin", "stdin": "2", "stdout": "1 2", "checker": {"source": ANY_ORDER}}
    assert judged(server_url, "print(2, 1)", test)["verdict"] == "accepted"
    wrong = judged(server_url, "print(2, 2)", test)
    assert (wrong["verdict"], wrong["flags"]) == ("wrong_answer", [])


def test_output_that_crashes_a_checker_is_no_shelter(server_url: str) -> None:
    test = {"type": "stdin", "stdout": "7", "checker": {"source": PRINTS, "protocol": "prints"}}
    assert judged(server_url, "print(7)", test)["score"] == 1.0
    crashed = judged(server_url, "print('x')", test)
    assert (crashed["score"], crashed["flags"]) == (0.0, ["checker_failed_on_output"])


@pytest.mark.parametrize("source", ["raise SystemExit(3)", "import nothing", "while True: pass", "1 +", "x\0"])
def test_a_broken_checker_judges_nobody(server_url: str, source: str) -> None:
    test = {"type": "stdin", "stdout": "7", "checker": {"source": source}}
    result = score(server_url, "```python\nprint(7)\n```", [test])
    assert (result["status"], result["reward"], result["error"]["code"]) == ("skipped", None, "gold_invalid")


def test_tests_that_turn_out_broken_are_the_fault_of_the_request(server_url: str) -> None:
    test = {"type": "stdin", "stdout": "7", "checker": {"source": "raise SystemExit(3)"}}
    answer = httpx.post(f"{server_url}/v1/code/judge", json={"source": "print(7)", "tests": [test]}, timeout=90)
    assert (answer.status_code, answer.json()["code"]) == (422, "gold_invalid")


def test_partial_credit(server_url: str) -> None:
    tests = [
        {"type": "call", "entry": "add", "args": [n, 0], "expected": n % 2, "weight": n + 1, "subtask": f"s{n // 2}"}
        for n in range(4)
    ]
    points = {"s0": 30, "s1": 70}
    got = {
        scoring: judged(server_url, ADD, *tests, scoring=scoring, subtasks=points)["score"]
        for scoring in ("all", "fraction", "weighted", "subtasks")
    }
    assert got == {"all": 0.0, "fraction": 0.5, "weighted": 0.3, "subtasks": 0.3}
    answer = judged(server_url, ADD, *tests, stop_on_failure=True)
    assert verdicts(answer) == ["accepted", "accepted", "wrong_answer", "not_run"]


def test_a_time_out_of_one_test_leaves_the_others_their_chance(server_url: str) -> None:
    source = "def f(n):\n    while n == 1: pass\n    return n"
    tests = [{"type": "call", "entry": "f", "args": [n], "expected": n} for n in range(3)]
    answer = judged(server_url, source, *tests, limits={"cpu_s": 0.3, "wall_s": 5})
    assert verdicts(answer) == ["accepted", "time_limit_exceeded", "accepted"]
    tests = [{"type": "call", "entry": "f", "args": [1], "expected": 1}] * 5
    answer = judged(server_url, source, *tests, limits={"cpu_s": 0.3, "wall_s": 5})
    assert verdicts(answer) == ["time_limit_exceeded"] * 3 + ["not_run"] * 2


@pytest.mark.parametrize("more", ["", "\nassert True"], ids=["calls", "tester"])
@pytest.mark.parametrize("trap", ["while True: pass", "import os; os._exit(0)", "import os; os.abort()"])
def test_a_process_that_one_test_ends_is_started_anew_for_the_others(server_url: str, trap: str, more: str) -> None:
    source = f"def f(n):\n    if n == 1:\n        {trap}\n    return n"
    tests = [{"type": "assert", "code": f"assert f({n}) == {n}{more}"} for n in range(4)]
    limits = {"cpu_s": 0.3, "wall_s": 5}
    answer = judged(server_url, source, *tests, limits=limits)
    assert [report["score"] for report in answer["tests"]] == [1.0, 0.0, 1.0, 1.0]
    tests = [{"type": "assert", "code": f"assert f(1) == {n}{more}"} for n in range(9)]
    assert judged(server_url, source, *tests, limits=limits)["score"] == 0.0
    assert judged(server_url, source, *tests, scoring="all", limits=limits)["score"] == 0.0


def test_nothing_of_the_tests_is_in_an_answer(server_url: str) -> None:
    program = "def f(x):\n    raise ValueError(x)\nimport sys\nprint(sys.stdin.read(), file=sys.stderr)\n"
    tests = [
        {"type": "stdin", "stdin": "q", "stdout": "secret-1"},
        {"type": "call", "entry": "f", "args": [1], "expected": "secret-2"},
        {"type": "assert", "code": "assert f(1) == 'secret-3'"},
        {"type": "assert", "code": "assert f(1) + 'secret-4' == ''"},
        {"type": "unittest", "code": UNITTEST + "    raise ValueError('secret-5')"},
        {"type": "pytest", "code": "def test_f(capsys):\n    print('secret-6')\n    assert f(1) == 'secret-6'"},
    ]
    assert "secret" not in json.dumps(judged(server_url, program, *tests))
    hidden = judged(server_url, program, *tests, hide_io=True)
    assert all(not (report["stdout_tail"] or report["stderr_tail"]) for report in hidden["tests"])


def test_files_that_watch_the_process_run_in_it_and_say_so(server_url: str) -> None:
    code = "from solution import hi\ndef test_hi(capsys):\n    hi()\n    assert capsys.readouterr().out == 'hi\\n'\n"
    test = {"type": "pytest", "code": code}
    answer = judged(server_url, "def hi():\n    print('hi')", test)
    assert (answer["verdict"], answer["trusted"], answer["flags"]) == ("accepted", "weak", ["trusted_weak"])
    assert judged(server_url, "def hi():\n    print('ho')", test)["verdict"] == "wrong_answer"


def test_tests_that_need_what_is_not_installed_judge_nobody(server_url: str) -> None:
    result = score(server_url, ADD, ["import numpy_of_nobody\nassert add(1, 2) == 3"])
    assert (result["status"], result["error"]["code"]) == ("skipped", "gold_invalid")
    shelter = "def add(a, b):\n    raise ModuleNotFoundError(\"No module named 'numpy_of_nobody'\")"
    assert score(server_url, shelter, ["assert add(1, 2) + 1 == 4"])["reward"] == 0.0


def test_the_compiler_alone_can_judge(server_url: str) -> None:
    good, bad = "```python\nx = 1\n```", "```python\nx = = 1\n```"
    assert score(server_url, good, None, "code_compiles")["reward"] == 1.0
    result = score(server_url, bad, None, "code_compiles")
    assert (result["reward"], result["flags"]) == (0.0, ["compile_error"])
    assert score(server_url, "while True: pass", None, "code_compiles")["reward"] == 1.0
    assert score(server_url, "<think>", None, "code_compiles")["flags"] == ["no_code"]


@pytest.mark.parametrize(
    "row",
    [
        {"reward_model": {"ground_truth": json.dumps({"inputs": ["1\n2"], "outputs": ["3"], "fn_name": "add"})}},
        {"input_output": json.dumps({"inputs": [[1, 2]], "outputs": [[3]], "fn_name": "add"}), "difficulty": "EASY"},
        {
            "public_test_cases": json.dumps([{"input": "1\n2", "output": "3", "testtype": "functional"}]),
            "private_test_cases": "[]",
            "metadata": json.dumps({"func_name": "add"}),
        },
        {"test": PYTEST, "question": "…"},
        {"test_cases": ["assert add(1, 2) == 3"]},
        {"verification_info": "{'language': 'python', 'test_cases': [{'type': 'function_call', 'fn_name': 'add', "
         "'input': [1, 2], 'output': [3]}]}"},
    ],
    ids=["verl", "taco", "lcb", "kodcode", "acecode", "verification_info"],
)  # fmt: skip
def test_rows_of_data_sets_are_judged_whole(server_url: str, row: Any) -> None:
    assert score(server_url, ADD, row)["reward"] == 1.0
    assert score(server_url, WRONG, row)["reward"] == 0.0


def test_a_method_of_solution_may_use_what_the_site_imports(server_url: str) -> None:
    row = {"inputs": ["[2, 7]\n9"], "outputs": ["[0, 1]"], "fn_name": "twoSum"}
    source = """
class Solution:
    def twoSum(self, nums: List[int], target: int) -> List[int]:
        pairs = combinations(range(len(nums)), pow(2, 3, 6))  # the builtin pow, not that of math
        return next(list(pair) for pair in pairs if sum(nums[i] for i in pair) == target)
"""
    assert score(server_url, source, row)["reward"] == 1.0


CPP = "#include <iostream>\nint main() {\n    long a, b;\n    std::cin >> a >> b;\n    std::cout << a + b;\n}\n"


def test_a_compiled_program_is_taken_from_its_completion_and_built_once(server_url: str) -> None:
    completion = f"<think>```cpp\nint main() {{}}\n```</think>So:\n```c++17\n{CPP}```\n```\n3\n```"
    body = {"completion": completion, "language": "C++", "tests": [STDIN, {"type": "compile"}, STDIN]}
    answer = httpx.post(f"{server_url}/v1/code/judge", json=body, timeout=90).raise_for_status().json()
    assert (verdicts(answer), answer["compile"]["ok"]) == (["accepted"] * 3, True)
    broken = judged(server_url, CPP.replace(">> b;", ">> c;"), STDIN, STDIN, language="cpp")
    assert (broken["verdict"], verdicts(broken)) == ("compile_error", ["compile_error"] * 2)
    assert broken["compile"]["ok"] is False
    assert "error" in broken["compile"]["text"]
    result = score(server_url, completion, [STDIN], language="cpp")
    assert result["reward"] == 1.0


def test_functions_of_javascript_are_called(server_url: str) -> None:
    calls = [
        {"type": "call", "entry": "add", "args": [1, 2], "expected": 3},
        {"type": "call", "entry": "sort", "args": [[3, 1]], "changes": 0, "expected": [1, 3]},
        {"type": "call", "entry": "Box.open", "expected": {"a": [None, True, "é"]}},
    ]
    source = (
        "const add = (a, b) => a + b\n"
        "function sort(xs) { xs.sort() }\n"
        "class Box { open() { return {a: [null, true, 'é']} } }\n"
    )
    assert verdicts(judged(server_url, source, *calls, language="js")) == ["accepted"] * 3
    wrong = source.replace("a + b", "`${a + b}`").replace("xs.sort()", "return xs.sort().reverse()")
    answer = judged(server_url, wrong, *calls, language="js")
    assert verdicts(answer) == ["wrong_answer", "wrong_answer", "accepted"]


def test_a_checker_may_be_in_another_language_than_the_program(server_url: str) -> None:
    source = """
#include <fstream>
int main(int, char** names) {
    std::ifstream output(names[2]), answer(names[3]);
    double a = 0, b = 0;
    if (!(output >> a)) return 2;
    answer >> b;
    return a * a == b * b ? 0 : 1;
}
"""
    test = {"type": "stdin", "stdout": "3", "checker": {"source": source, "language": "cpp"}}
    got = [judged(server_url, f"print({said!r})", test)["verdict"] for said in ("-3", "4", "x")]
    assert got == ["accepted", "wrong_answer", "wrong_answer"]


EXAMPLES = re.findall(r"```json\n(.*?)```", (Path(__file__).parents[2] / "docs" / "code.md").read_text(), re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_of_the_documentation_are_accepted(server_url: str, example: str) -> None:
    answer = httpx.post(
        f"{server_url}/v1/code/judge", content=example, headers={"Content-Type": "application/json"}, timeout=60
    )
    assert (answer.json()["verdict"], answer.json()["score"]) == ("accepted", 1.0)


def test_the_documentation_has_examples() -> None:
    assert len(EXAMPLES) == 4


@pytest.mark.parametrize(
    ("source", "args", "expected"),
    [
        ("def f(x):\n    return len(x)", [[0] * 1_000_000], 1_000_000),
        ("def f(x):\n    return [0] * x", [1_000_000], [0] * 1_000_000),
    ],
)
def test_values_that_cannot_be_carried_are_the_datas_fault(
    server_url: str, source: str, args: list[object], expected: object
) -> None:
    test = {"type": "call", "entry": "f", "args": args, "expected": expected}
    body = {"source": source, "tests": [test], "limits": {"output_kb": 16384}}
    answer = httpx.post(f"{server_url}/v1/code/judge", json=body, timeout=60)
    assert (answer.status_code, answer.json()["code"]) == (422, "gold_invalid")
    assert "too large" in answer.json()["detail"]
