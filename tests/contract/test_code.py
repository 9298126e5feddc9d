"""The code check over HTTP: every verdict, every shape of test, and cheats that fool graders sharing a process."""

from __future__ import annotations

import ast
import gzip
import json
import time
import warnings
from pathlib import Path
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.sandbox

ADD_ASSERTS = ["assert add(1, 2) == 3", "assert add(-1, 1) == 0", "assert add(0, 0) == 0"]
ADD_CALLS = [{"type": "call", "entry": "add", "args": [n, 1], "expected": n + 1} for n in range(3)]
ADD_CHECK = {
    "test": "def check(candidate):\n    for n in range(9):\n        assert candidate(n, 1) == n + 1\n",
    "entry_point": "add",
}


def judge(url: str, sources: list[str], tests: Any, **params: Any) -> list[dict[str, Any]]:
    return judge_each(url, [(source, tests) for source in sources], **params)


def judge_each(url: str, pairs: list[tuple[str, Any]], **params: Any) -> list[dict[str, Any]]:
    items = [{"completion": f"```python\n{source}\n```", "ground_truth": tests} for source, tests in pairs]
    body = {"checks": [{"check": "code", "params": params}], "items": items}
    return httpx.post(f"{url}/v1/score", json=body, timeout=90).raise_for_status().json()["results"]


def verdict(url: str, source: str, tests: Any, **params: Any) -> str:
    (result,) = judge(url, [source], tests, **params)
    assert result["status"] == "ok", result
    return result["components"]["code"]["detail"]["verdict"]


@pytest.mark.parametrize("tests", [ADD_ASSERTS, ADD_CALLS, ADD_CHECK], ids=["asserts", "calls", "check"])
def test_right_and_wrong_functions_are_told_apart(server_url: str, tests: Any) -> None:
    right, wrong, partly = judge(
        server_url,
        ["def add(a, b):\n    return a + b", "def add(a, b):\n    return a - b", "def add(a, b):\n    return 3"],
        tests,
    )
    assert [right["reward"], wrong["reward"], partly["reward"]] == [1.0, 0.0, 0.0]
    assert right["components"]["code"]["detail"]["trusted"] == "strong"


def test_programs_read_stdin_and_are_compared_by_lines(server_url: str) -> None:
    tests = [{"type": "stdin", "stdin": f"{n} 2\n", "stdout": f"{n + 2}\n"} for n in range(3)]
    source = "a, b = map(int, input().split())\nprint(a + b)"
    assert verdict(server_url, source, tests) == "accepted"
    assert verdict(server_url, source + "\nprint()\nprint(1)", tests) == "wrong_answer"


def test_partial_credit_is_a_choice(server_url: str) -> None:
    source = "def add(a, b):\n    return 3"
    assert judge(server_url, [source], ADD_ASSERTS, partial="fraction")[0]["reward"] == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def add(a, b):\n    return a + c", "runtime_error"),
        ("def sub(a, b):\n    return a - b", "runtime_error"),
        ("def add(a, b) return", "runtime_error"),
        ("x = '\x00'", "runtime_error"),
        ("def add(a, b):\n    while True: pass", "time_limit_exceeded"),
        ("while True: pass", "time_limit_exceeded"),
        ("def add(a, b):\n    return [bytearray(1 << 20) for _ in range(4096)]", "memory_limit_exceeded"),
        ("def add(a, b):\n    import os\n    os._exit(0)", "runtime_error"),
        ("import sys\nsys.exit(0)", "runtime_error"),
        ("def add(a, b):\n    return object()", "wrong_answer"),
    ],
)
def test_what_a_program_does_wrong_is_scored_and_named(server_url: str, source: str, expected: str) -> None:
    (result,) = judge(server_url, [source], ADD_ASSERTS, cpu_seconds=1, memory_mb=128)
    assert (result["status"], result["reward"]) == ("ok", 0.0)
    got = result["components"]["code"]["detail"]["verdict"]
    # A function that runs out of memory may see Python's MemoryError before the supervisor sees the memory.
    assert got == expected or (expected == "memory_limit_exceeded" and got == "runtime_error")


CHEATS = {
    "an int equal to everything": """
class T(int):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
def add(a, b): return T(7)
""",
    "an object equal to everything": """
class T:
    def __eq__(self, other): return True
def add(a, b): return T()
""",
    "leaving early": "import os; os._exit(0)",
    "raising what tests expect": "def add(a, b): raise AssertionError",
    "raising SystemExit": "def add(a, b): raise SystemExit(0)",
    "an abs that is always 0": """
def abs(x): return 0
def add(a, b): return 9
""",
    "patching builtins": """
import builtins
builtins.AssertionError = KeyError
def add(a, b): return 9
""",
    "forging replies": """
import json, os
for n in range(1, 10):
    os.write(4, json.dumps({"id": n, "value": 9}).encode() + b"\\n")
def add(a, b): return 9
""",
    "forging a report": """
import json, os
line = json.dumps({"case": 0, "status": "passed", "error": "", "message": "", "cause": ""}).encode()
for fd in range(1, 16):
    try: os.write(fd, (line + b"\\n") * 3)
    except OSError: pass
def add(a, b): return 9
""",
    "reading the tests from the stack": """
import sys
def add(a, b):
    frame = sys._getframe()
    while frame:
        for name, value in list(frame.f_locals.items()):
            if "expected" in str(name): return value
        frame = frame.f_back
    return 9
""",
    "reading the tests from memory and disk": """
import gc, glob, os
def add(a, b):
    texts = [o for o in gc.get_objects() if isinstance(o, str)]
    files = [open(p).read() for p in glob.glob("**/*", recursive=True) if os.path.isfile(p)]
    return 3 if "assert add(1, 2)" in repr(texts + files) else 9
""",
    "saying that it passed": """
print("passed")
add = lambda a, b: 9
""",
}


@pytest.mark.parametrize("cheat", CHEATS)
@pytest.mark.parametrize("tests", [ADD_ASSERTS, ADD_CALLS, ADD_CHECK], ids=["asserts", "calls", "check"])
def test_a_cheat_earns_nothing(server_url: str, cheat: str, tests: Any) -> None:
    (result,) = judge(server_url, [CHEATS[cheat]], tests, cpu_seconds=2)
    assert (result["status"], result["reward"]) == ("ok", 0.0)


def test_an_abs_of_the_program_does_not_serve_the_test(server_url: str) -> None:
    source = "def abs(x):\n    return 0\ndef area(r):\n    return 7"
    assert verdict(server_url, source, ["assert abs(area(1) - 3.14) < 0.01"]) == "wrong_answer"


def test_a_function_named_like_a_builtin_is_the_programs(server_url: str) -> None:
    source = "def sum(a, b):\n    return 6"
    assert verdict(server_url, source, ["assert sum(10, 15) == 6"]) == "accepted"


def test_functions_of_a_test_are_called_back(server_url: str) -> None:
    right = "def twice(f, x):\n    return f(f(x))"
    good, bad = judge(server_url, [right, right.replace("f(f(x))", "f(x)")], ["assert twice(lambda x: x + 1, 1) == 3"])
    assert (good["reward"], good["flags"], bad["reward"]) == (1.0, [], 0.0)


def test_tests_that_hand_over_objects_of_their_own_run_beside_the_program_and_say_so(server_url: str) -> None:
    tests = ["class P:\n    x = 3\nassert grown(P()) == 4", "assert once(4) == 4"]
    right = "def grown(p):\n    return p.x + 1\ndef once(x):\n    return x"
    good, bad = judge(server_url, [right, right.replace("p.x + 1", "p.x")], tests)
    assert (good["reward"], good["flags"]) == (1.0, ["trusted_weak"])
    assert (bad["reward"], bad["components"]["code"]["detail"]["tests"]) == (0.0, ["wrong_answer", "accepted"])


HELPED = {
    "prompt": 'def encode(s):\n    return s[::-1]\n\n\ndef decode(s):\n    """Undo encode."""\n',
    "test": "def check(candidate):\n    assert candidate(encode('abc')) == 'abc'\n    assert encode('ab') == 'ba'\n",
    "entry_point": "decode",
}


def test_helpers_of_the_prompt_that_a_test_calls_are_the_prompts(server_url: str) -> None:
    assert verdict(server_url, "def decode(s):\n    return s[::-1]", HELPED) == "accepted"
    assert verdict(server_url, "def encode(s): return s\ndef decode(s): return s", HELPED) == "wrong_answer"


def test_integers_are_exact_at_any_size(server_url: str) -> None:
    tests = [{"type": "call", "entry": "f", "args": [10**30], "expected": 10**30 + 1}]
    for shape in (tests, json.dumps(tests)):
        assert verdict(server_url, "def f(x):\n    return x + 1", shape) == "accepted"
        assert verdict(server_url, "def f(x):\n    return x", shape) == "wrong_answer"
        assert verdict(server_url, "def f(x):\n    return float(x)", shape) == "wrong_answer"


def test_what_a_program_says_cannot_break_or_bloat_the_answer(server_url: str) -> None:
    tests = [{"type": "call", "entry": "f", "args": [1], "expected": {"a": 1}}]
    forged = """
import json, os
error = {"type": "E", "base": "E", "args": [], "message": "x" * 900_000}
os.write(4, json.dumps({"id": 1, "error": error}).encode() + b"\\n")
"""
    sources = [
        "def f(x): raise Exception('\\ud800')",
        "def f(x): return {10**5000: 1}",
        forged + "def f(x): pass",
        "def f(x): return {'a': 1}",
    ]
    results = judge(server_url, sources, tests)
    assert [(r["status"], r["reward"]) for r in results] == [("ok", 0.0)] * 3 + [("ok", 1.0)]
    assert all(len(json.dumps(result)) < 2000 for result in results)


@pytest.mark.parametrize(
    "test",
    [
        "def test_add():\n    assert add(1, 2) == 3",
        "import unittest\nclass T(unittest.TestCase):\n    def test_a(self):\n        self.assertEqual(add(1, 2), 3)",
    ],
)
def test_test_functions_and_classes_are_run(server_url: str, test: str) -> None:
    assert verdict(server_url, "def add(a, b): return a + b", [test]) == "accepted"
    assert verdict(server_url, "def add(a, b): return 9", [test]) != "accepted"
    assert verdict(server_url, "x = 1", [test]) != "accepted"


def test_a_program_with_many_slow_tests_does_not_hold_up_its_neighbours(server_url: str) -> None:
    calls = [{"type": "call", "entry": "f", "args": [n], "expected": n} for n in range(100)]
    slow, quick = "import time\ndef f(x):\n    time.sleep(1.5)\n    return x", "def f(x):\n    return x"
    started = time.monotonic()
    results = judge_each(server_url, [(slow, calls), (slow, calls), *[(quick, calls[:2])] * 20], wall_seconds=1)
    assert time.monotonic() - started < 50  # the calls of a slow program take 100 s, each up to its limit
    assert [r["reward"] for r in results] == [0.0, 0.0] + [1.0] * 20
    assert results[0]["components"]["code"]["detail"]["tests"] == ["time_limit_exceeded"] + ["not_run"] * 99


def test_a_long_right_output_is_not_cut_off(server_url: str) -> None:
    tests = [{"type": "stdin", "stdin": "", "stdout": "x" * 1_500_000 + "\n"}]
    assert verdict(server_url, "print('x' * 1_500_000)", tests) == "accepted"


def test_a_result_that_a_test_cannot_look_at_is_flagged(server_url: str) -> None:
    (result,) = judge(server_url, ["import re\ndef find(x): return re.compile(x)"], ["assert find('a') == 0"])
    assert (result["reward"], result["flags"]) == (0.0, ["result_not_plain"])


def test_arguments_changed_in_place_are_seen(server_url: str) -> None:
    tests = ["xs = [3, 1, 2]\nsort(xs)\nassert xs == [1, 2, 3]"]
    assert verdict(server_url, "def sort(xs):\n    xs.sort()", tests) == "accepted"
    assert verdict(server_url, "def sort(xs):\n    xs = sorted(xs)", tests) == "wrong_answer"


def test_classes_with_methods_are_called_on_a_fresh_object(server_url: str) -> None:
    tests = [{"type": "call", "entry": "Solution.twoSum", "args": [[2, 7], 9], "expected": [0, 1]}]
    source = "class Solution:\n    def twoSum(self, nums, target):\n        return (0, 1)"
    assert verdict(server_url, source, tests) == "accepted"


@pytest.mark.parametrize("gold", [None, "assert add(1, 2", [], {"tests": [{"type": "assert", "code": "def"}]}])
def test_tests_that_cannot_be_run_are_skipped(server_url: str, gold: Any) -> None:
    (result,) = judge(server_url, ["def add(a, b): return 1"], gold)
    assert (result["status"], result["error"]["code"]) == ("skipped", "gold_invalid")


def test_a_completion_without_code_earns_nothing(server_url: str) -> None:
    body = {"checks": [{"check": "code"}], "items": [{"completion": "<think>hm", "ground_truth": ADD_ASSERTS}]}
    (result,) = httpx.post(f"{server_url}/v1/score", json=body, timeout=60).json()["results"]
    assert (result["reward"], result["flags"]) == (0.0, ["no_code"])


def rewards(url: str, rows: list[tuple[str, Any]]) -> list[float | None]:
    items = [{"id": str(n), "completion": code, "ground_truth": gold} for n, (code, gold) in enumerate(rows)]
    body = {"checks": [{"check": "code"}], "items": items, "options": {"deadline_ms": 100_000}}
    return [r["reward"] for r in httpx.post(f"{url}/v1/score", json=body, timeout=110).json()["results"]]


def test_humaneval_references_pass_and_empty_bodies_fail(server_url: str, shared: Path) -> None:
    with gzip.open(shared / "data" / "humaneval" / "HumanEval.jsonl.gz") as file:
        rows = [json.loads(line) for line in file]
    assert rewards(server_url, [(row["canonical_solution"], row) for row in rows]) == [1.0] * 164
    whole = [f"Sure:\n```python\n{row['prompt']}{row['canonical_solution']}\n```" for row in rows]
    assert rewards(server_url, list(zip(whole, rows, strict=True))) == [1.0] * 164
    assert rewards(server_url, [("    pass\n", row) for row in rows]) == [0.0] * 164


def test_mbpp_references_pass_and_empty_bodies_fail(server_url: str, shared: Path) -> None:
    rows = json.loads((shared / "data" / "mbpp" / "mbpp.json").read_text())
    assert rewards(server_url, [(row["code"], row) for row in rows]) == [1.0] * 399
    assert rewards(server_url, [(with_empty_bodies(row["code"]), row) for row in rows]) == [0.0] * 399


def with_empty_bodies(code: str) -> str:
    with warnings.catch_warnings(action="ignore"):  # references hold invalid escapes
        tree = ast.parse(code)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            node.body = [ast.Pass()]
    return ast.unparse(tree)
