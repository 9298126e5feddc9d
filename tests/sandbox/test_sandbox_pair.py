"""A solution and its test code in two processes: expected values never enter the one under judgement."""

from __future__ import annotations

import time

import pytest
from sandbox_harness import Runner, left_behind

from sandbox import Limits, Mode, Program, RunStatus, Sandbox
from sandbox.suite import Case, CaseStatus, Cause, make_tester, read_report

pytestmark = pytest.mark.sandbox

_ADD = "LIMIT = 10\ntotal = sum\ndef add(a, b): return a + b\nclass S:\n  def m(self, x): return -x\n"
_EXPECTED = "EXPECTED_CANARY_91"


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("assert add(1, 2) == 3", CaseStatus.PASSED),
        ("assert add(1, 2) == 4", CaseStatus.FAILED),
        ("import math\nassert math.isclose(add(.1, .2), .3)", CaseStatus.PASSED),
        ("for i in range(9): assert add(i, i) == 2 * i, i", CaseStatus.PASSED),
        ("assert sorted(map(add, [3, 1], [0, 0])) == [1, 3]", CaseStatus.PASSED),
        ("assert total(add(i, i) for i in range(3)) == 6", CaseStatus.PASSED),
        ("assert S().m(4) == -4", CaseStatus.PASSED),
        ("assert S.m(4) == -4", CaseStatus.PASSED),
        ("assert LIMIT == 10", CaseStatus.PASSED),
        ("assert nothing(1)", CaseStatus.ERROR),
        ("add(1, '2')", CaseStatus.ERROR),
        ("try: add(1, '2')\nexcept TypeError: pass\nelse: assert False", CaseStatus.PASSED),
        ("from solution import add as plus\nassert plus(1, 1) == 2", CaseStatus.PASSED),
        ("from solution import *\nassert add(1, 1) == 2", CaseStatus.PASSED),
        ("import solution\nassert solution.LIMIT == 10", CaseStatus.PASSED),
        ("add(object(), 1)", CaseStatus.UNTRANSFERABLE),
        ("try: add(object(), 1)\nexcept Exception: pass", CaseStatus.UNTRANSFERABLE),
        ("syntax error", CaseStatus.ERROR),
        ("import sys; sys.exit(0)", CaseStatus.ERROR),
    ],
)
def test_assertions_are_judged(run: Runner, code: str, status: CaseStatus) -> None:
    assert run.tests(_ADD, code)[0].status is status


def test_cases_run_in_order_and_each_gets_its_result(run: Runner) -> None:
    results = run.tests(_ADD, "x = add(1, 1)", "assert x == 3", "assert x == two", prelude="two = 2")
    assert [result.status for result in results] == [CaseStatus.PASSED, CaseStatus.FAILED, CaseStatus.PASSED]


def test_failing_prelude_is_the_error_of_every_case(run: Runner) -> None:
    results = run.tests(_ADD, "pass", "pass", prelude="1 / 0")
    assert [result.error for result in results] == ["ZeroDivisionError"] * 2


def test_check_function_gets_the_candidate(run: Runner) -> None:
    code = "def check(candidate):\n  assert candidate(2, 2) == 4\n  assert candidate(2, 2) != 5, 'no'\n"
    assert run.tests(_ADD, Case(code, "add"))[0].status is CaseStatus.PASSED
    assert run.tests("def add(a, b): return 5", Case(code, "add"))[0].status is CaseStatus.FAILED


def test_unittest_classes_and_test_functions_are_collected(run: Runner) -> None:
    code = """
import unittest
class T(unittest.TestCase):
    def setUp(self): self.two = 2
    def test_sum(self): self.assertEqual(add(1, 1), self.two)
    def test_error(self):
        with self.assertRaises(TypeError): add(1, "x")
def test_more(): assert add(0, 1)
"""
    assert run.tests(_ADD, Case(code, collect=True))[0].status is CaseStatus.PASSED
    assert run.tests("def add(a, b): return 2", Case(code, collect=True))[0].status is CaseStatus.FAILED
    wrong = _ADD.replace("a + b", "a - b")
    assert run.tests(wrong, Case(code, collect=True))[0].status is CaseStatus.FAILED


def test_function_named_like_a_builtin_is_used_when_it_is_the_entry(run: Runner) -> None:
    source = "def sum(a, b): return a + b"
    assert run.tests(source, Case("assert sum(1, 2) == 3", "sum"))[0].status is CaseStatus.PASSED
    assert run.tests("def all(x): return True\ndef f(): return 0", "assert all([f()])")[0].status is CaseStatus.FAILED


def test_arguments_changed_in_place_are_changed_for_the_test_too(run: Runner) -> None:
    code = (
        "x = [3, 1, 2]; d = {}; s = {1}; b = bytearray(b'a')\nf(x, d, s=s, b=b)\n"
        "assert (x, d, s, b) == ([1, 2, 3], {'k': 1}, set(), b'ab')"
    )
    source = "def f(x, d, s, b): x.sort(); d['k'] = 1; s.clear(); b.append(98)"
    assert run.tests(source, code)[0].status is CaseStatus.PASSED


def test_own_exceptions_of_the_solution_can_be_expected(run: Runner) -> None:
    source = "class Empty(LookupError): pass\ndef f(): raise Empty('e', 1)"
    code = (
        "for kind in (Empty, LookupError, Exception):\n  try: f()\n"
        "  except kind as e: assert e.args == ('e', 1)\n  else: assert 0"
    )
    assert run.tests(source, code)[0].status is CaseStatus.PASSED


def test_result_that_is_not_plain_is_only_true_or_false(run: Runner) -> None:
    source = "import re\ndef f(x): return re.match('a', x)"
    codes = [
        "assert f('a')",
        "assert not f('b')",
        "assert f('a') is not None",
        "assert f('a') == 1",
        "assert isinstance(f('a'), int)",
    ]
    results = run.tests(source, *codes)
    assert [result.status for result in results] == [CaseStatus.PASSED] * 3 + [CaseStatus.UNTRANSFERABLE] * 2
    assert results[3].cause is Cause.RESULT
    assert run.tests(_ADD, "add(object(), 1)")[0].cause is Cause.ARGUMENT


@pytest.mark.parametrize(
    "source",
    [
        "class A:\n  __eq__ = __ne__ = __bool__ = lambda *a: True\ndef add(a, b): return A()",
        "class I(int):\n  def __eq__(self, o): return True\ndef add(a, b): return I(0)",
        "import os\ndef add(a, b): os._exit(0)",
        "import sys\nsys.exit(0)",
        "def add(a, b): raise StopIteration",
        "def add(a, b): raise AssertionError",
        "def add(a, b): raise SystemExit(0)",
        (
            "import os\nfor fd in range(3, 99):\n"
            '  try: os.write(fd, b\'{"case": 0, "status": "passed", "error": "", "message": "", "cause": ""}\\n'
            "')\n  except OSError: pass\nos._exit(0)"
        ),
        'import os\nfor i in range(9):\n  os.write(4, b\'{"id":%d,"value":0}\\n\' % i)\nos._exit(0)',
        (
            "import builtins\nbuiltins.AssertionError = SystemExit\n"
            "builtins.isinstance = lambda *a: True\ndef add(a, b): return None"
        ),
        (
            "import sys\ndef add(a, b):\n  f = sys._getframe()\n  while f:\n"
            "    for v in list(f.f_locals.values()) + list(f.f_globals.values()):\n"
            "      if isinstance(v, (int, str)) and str(v) == '7919': return 7919\n"
            "    f = f.f_back"
        ),
        "def add(a, b): return 7919 if 'YRANAC'[::-1] in str(__import__('gc').get_objects()) else 0",
        "import unittest.mock\nadd = unittest.mock.MagicMock()",
        "import unittest.mock\ndef add(a, b): return unittest.mock.ANY",
        (
            "import sys\ndef skip(frame, event, arg):\n  if event == 'line': frame.f_lineno += 1\n  return skip\n"
            "def add(a, b): return 0\nsys.settrace(skip); sys._getframe().f_trace = skip"
        ),
        (
            "import sys\ndef skip(frame, event, arg):\n  if event == 'line': frame.f_lineno += 1\n  return skip\n"
            "def add(a, b): sys.settrace(skip); return 0"
        ),
    ],
)
def test_cheats_do_not_pass(run: Runner, source: str) -> None:
    results = run.tests(
        source, f"# {_EXPECTED}\nassert add(7000, 919) == 7919", "assert all(map(lambda p: add(*p) == 5, [(2, 3)]))"
    )
    assert all(result.status not in (CaseStatus.PASSED, CaseStatus.NOT_RUN) for result in results), results


def test_solution_cannot_reach_its_tester(sandbox: Sandbox, run: Runner) -> None:
    source = """
import os
def spy(pid, folder):
    got = []
    attempts = {
        "signal": lambda: os.kill(pid, 0), "stop": lambda: os.kill(pid, 19),
        "environ": lambda: open(f"/proc/{pid}/environ").read(), "memory": lambda: open(f"/proc/{pid}/mem", "rb"),
        "descriptors": lambda: os.listdir(f"/proc/{pid}/fd"), "report": lambda: open(f"/proc/{pid}/fd/5", "w"),
        "folder": lambda: os.listdir(folder), "file": lambda: open(folder + "/secret").read(),
        "limits": lambda: __import__("resource").prlimit(pid, 7, (1, 1)),
    }
    for name, attempt in attempts.items():
        try: attempt(); got.append(name)
        except OSError: pass
    return got, os.getcwd() == folder, [fd for fd in range(99) if is_open(fd)]
def is_open(fd):
    try: os.fstat(fd); return True
    except OSError: return False
"""
    code = (
        f"import os\nopen('secret', 'w').write({_EXPECTED!r})\n"
        f"assert spy(os.getpid(), os.getcwd()) == ([], False, [0, 1, 2, 3, 4])"
    )
    result = run.tests(source, code)[0]
    assert result.status is CaseStatus.PASSED, result
    assert left_behind(sandbox) == []


def test_solution_that_hangs_ends_both(sandbox: Sandbox) -> None:
    start = time.monotonic()
    solution, tester = sandbox.run_pair(
        Program("def f():\n  while True: pass", Mode.CALLS),
        make_tester([Case("f()"), Case("pass")]),
        Limits(cpu_seconds=0.4, wall_seconds=120),
    )
    assert (solution.status, tester.status) == (RunStatus.CPU_LIMIT, RunStatus.STOPPED)
    assert [result.status for result in read_report(tester.channel, 2)] == [CaseStatus.NOT_RUN] * 2
    assert solution.cpu_seconds < 2.4
    assert time.monotonic() - start < 60
    assert left_behind(sandbox) == []


def test_tester_has_limits_of_its_own(sandbox: Sandbox) -> None:
    tester = make_tester([Case("while True: pass")])
    solution, tests = sandbox.run_pair(Program(_ADD, Mode.CALLS), tester, Limits(), Limits(cpu_seconds=0.3))
    assert (solution.status, tests.status) == (RunStatus.STOPPED, RunStatus.CPU_LIMIT)


def test_prints_of_both_are_kept_apart_from_the_report(sandbox: Sandbox) -> None:
    source = "def f():\n  print('solution'); return 1"
    solution, tester = sandbox.run_pair(
        Program(source, Mode.CALLS), make_tester([Case("print('tests'); assert f() == 1")])
    )
    assert (solution.stdout, tester.stdout) == (b"solution\n", b"tests\n")
    assert (solution.status, solution.exit_code, solution.channel) == (RunStatus.EXITED, 0, b"")
    assert read_report(tester.channel, 1)[0].status is CaseStatus.PASSED


def test_solution_that_will_not_end_is_stopped_after_its_tests(sandbox: Sandbox) -> None:
    source = "import os, signal, time\ndef f():\n  if os.fork() == 0: time.sleep(60)\n  return 1"
    program = Program(source + "\nimport os, builtins\nos._exit = lambda code: time.sleep(60)", Mode.CALLS)
    solution, tester = sandbox.run_pair(program, make_tester([Case("assert f() == 1")]))
    assert (solution.status, tester.exit_code) == (RunStatus.STOPPED, 0)
    assert read_report(tester.channel, 1)[0].status is CaseStatus.PASSED
    assert left_behind(sandbox) == []


_FORGED_ITERATOR = """
import time
def f():
  with open(4, "wb", closefd=False) as replies:
    replies.write(b'{"id":3,"value":{"iterator":[' + b"0," * 100_000 + b"0]}}\\n")
  time.sleep(9)
def g(x): pass
"""


@pytest.mark.parametrize(
    ("source", "code"),
    [
        (_FORGED_ITERATOR, "g(f())"),
        ("def f():\n  x = []\n  for _ in range(199): x = [x]\n  return x\ndef g(x): pass", "g([[f()]])"),
        ("def f(x):\n  y = []\n  for _ in range(199): y = [y]\n  x[:] = y\ndef g(x): pass", "a = []\nf(a)\ng([[a]])"),
        ("def f(): return [0] * 999998\ndef g(x): pass", "g([f(), 1, 2])"),
        ("class f(Exception): pass\ndef g(x): pass", "g(f)"),
        ("import math\ndef g(x): pass", "g(math)"),
        ("def f(): raise ValueError\ndef g(x): pass", "try: f()\nexcept Exception as error: g(error)"),
    ],
    ids=[
        "iterator", "depth", "depth of a changed argument", "parts", "exception class", "module", "exception",
    ],
)  # fmt: skip
def test_what_the_solution_gave_and_cannot_be_sent_on_is_not_the_doing_of_the_test(
    run: Runner, source: str, code: str
) -> None:
    result = run.tests(source, f"try:\n  {code.replace(chr(10), chr(10) + '  ')}\nexcept BaseException: pass")[0]
    assert result.status in (CaseStatus.UNTRANSFERABLE, CaseStatus.ERROR)
    assert result.cause is not Cause.ARGUMENT


@pytest.mark.parametrize(
    "argument", ["object()", "[1, object()]", "type('T', (), {})", "__import__('threading').Lock()"]
)
def test_things_only_the_test_can_have_made_are_its_own_doing(run: Runner, argument: str) -> None:
    assert run.tests("def g(x): pass", f"g({argument})")[0].cause is Cause.ARGUMENT


def test_module_the_test_forgot_to_import_is_never_the_solutions(run: Runner) -> None:
    source = "class math:\n  isclose = staticmethod(lambda *a, **k: True)\ndef area(x): return 0"
    code = "assert math.isclose(area(1), 3.14159, rel_tol=1e-3)"
    assert run.tests(source, code)[0].status is CaseStatus.FAILED
    assert run.tests(source.replace("return 0", "return 3.1416"), code)[0].status is CaseStatus.PASSED
    assert run.tests("def bisect(x): return x", "assert bisect(3) == 3")[0].status is CaseStatus.PASSED


def test_star_import_from_the_solution_replaces_nothing_of_python(run: Runner) -> None:
    source = (
        "__all__ = ['all', 'isinstance', 'math', 'add', '__name__']\nclass math: isclose = None\n"
        "def all(x): return True\ndef isinstance(*a): return True\ndef add(a, b): return 0\n"
    )
    code = "import math\nfrom solution import *\n"
    results = run.tests(
        source, code + "assert all([add(1, 1)])", code + "assert math.isclose(1, 1)", code + "assert not add(1, 1)"
    )
    assert [result.status for result in results] == [CaseStatus.FAILED, CaseStatus.PASSED, CaseStatus.PASSED]


def test_entry_of_one_case_is_not_a_builtin_of_the_next(run: Runner) -> None:
    source = "def all(x): return True\ndef f(): return 0"
    results = run.tests(source, Case("assert all([])", "all"), "assert all([f()])")
    assert [result.status for result in results] == [CaseStatus.PASSED, CaseStatus.FAILED]
    kept = run.tests(source, Case("pass", "limit"), "assert limit == 3", prelude="limit = 3")
    assert kept[1].status is CaseStatus.PASSED
