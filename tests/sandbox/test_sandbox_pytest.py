"""Test files for pytest and unittest run in the tester, against a solution in another process."""

from __future__ import annotations

import pytest
from sandbox_harness import Runner

from sandbox import Program, RunStatus, Sandbox
from sandbox.suite import Case, CaseStatus, Cause, pytest_for_one_process

pytestmark = pytest.mark.sandbox

_SOLUTION = """
def add(a, b): return a + b
def divide(a, b):
    if b == 0: raise ZeroDivisionError('division by zero')
    return a / b
class Account:
    def __init__(self): self.balance = 0
    def deposit(self, amount): self.balance += amount
async def later(x): return x
def shout(x): print(x.upper())
"""
_FILE = """
import pytest
from solution import *
from solution import add as plus

@pytest.fixture
def account():
    made = Account()
    made.deposit(10)
    yield made
    assert made.balance >= 10

@pytest.fixture(params=[1, 2])
def number(request): return request.param

@pytest.fixture(scope="module")
def shared(): return []

@pytest.mark.parametrize("a, b, total", [(1, 2, 3), pytest.param(4, 5, 9), (0, 0, 0)])
def test_add(a, b, total): assert plus(a, b) == total

@pytest.mark.parametrize("x", [1, 2])
@pytest.mark.parametrize("y", [10, 20])
def test_stacked(x, y, shared):
    shared.append((x, y))
    assert add(x, y) == x + y

def test_ran_all_variants(shared): assert sorted(shared) == [(1, 10), (1, 20), (2, 10), (2, 20)]

def test_raises():
    with pytest.raises(ZeroDivisionError, match="by zero") as info: divide(1, 0)
    assert info.type is ZeroDivisionError
    pytest.raises((TypeError, ValueError), add, 1, "x")

def test_approx():
    assert divide(1, 3) == pytest.approx(0.333333, rel=1e-4)
    assert [divide(1, 4)] == pytest.approx([0.25]) and {"a": add(.1, .2)} == pytest.approx({"a": .3})
    assert divide(1, 3) != pytest.approx(0.3)

class TestAccount:
    def setup_method(self): self.extra = 5
    @pytest.fixture
    def rich(self, account):
        account.deposit(90)
        return account
    def test_deposit(self, rich, number):
        rich.deposit(self.extra * number)
        assert rich.balance == 100 + 5 * number

@pytest.mark.asyncio
async def test_async(): assert await later(3) == 3

@pytest.mark.skip(reason="no")
def test_skipped(): assert False

@pytest.mark.xfail
def test_may_fail(): assert add(1, 1) == 3

if __name__ == "__main__": pytest.main()
"""


def test_whole_file_passes(run: Runner) -> None:
    result = run.tests(_SOLUTION, Case(_FILE, collect=True))[0]
    assert result.status is CaseStatus.PASSED, result


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("return a + b", "return a + b if a < 4 else 0"),
        ("'division by zero'", "'no'"),
        ("raise ZeroDivisionError", "raise ArithmeticError"),
        ("self.balance += amount", "self.balance += min(amount, 80)"),
        ("return x", "return -x"),
        ("return a / b", "return a // b"),
    ],
)
def test_whole_file_fails_for_wrong_solutions(run: Runner, right: str, wrong: str) -> None:
    assert right in _SOLUTION
    result = run.tests(_SOLUTION.replace(right, wrong), Case(_FILE, collect=True))[0]
    assert result.status in (CaseStatus.FAILED, CaseStatus.ERROR), result


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("def test_a():\n  pytest.fail('no')", CaseStatus.FAILED),
        ("def test_a():\n  with pytest.raises(ValueError): add(1, 1)", CaseStatus.FAILED),
        ("def test_a():\n  with pytest.raises(ValueError): divide(1, 0)", CaseStatus.ERROR),
        ("def test_a(nothing): pass", CaseStatus.UNSUPPORTED),
        ("def test_a(): pytest.register_assert_rewrite('x')", CaseStatus.UNSUPPORTED),
        ("@pytest.mark.skipif('sys')\ndef test_a(): pass", CaseStatus.UNSUPPORTED),
        ("@pytest.mark.parametrize('a,b', [(1,)])\ndef test_a(a, b): pass", CaseStatus.UNSUPPORTED),
        ("def test_a(capsys): shout('a')", CaseStatus.UNTRANSFERABLE),
        ("from unittest.mock import patch\ndef test_a(): pass", CaseStatus.UNTRANSFERABLE),
        ("import io, sys\ndef test_a():\n  sys.stdout = io.StringIO()\n  shout('a')", CaseStatus.UNTRANSFERABLE),
    ],
)
def test_ends_of_test_functions(run: Runner, code: str, status: CaseStatus) -> None:
    result = run.tests(_SOLUTION, Case(f"import pytest, sys\n{code}", collect=True))[0]
    assert result.status is status, result
    assert (result.cause is Cause.ARGUMENT) == (status is CaseStatus.UNTRANSFERABLE)


_UNITTEST = """
import unittest
class T(unittest.TestCase):
    @classmethod
    def setUpClass(cls): cls.two = 2
    def setUp(self): self.account = Account()
    @unittest.skip("no")
    def test_a(self): self.fail()
    def test_b(self):
        for i in range(3):
            with self.subTest(i=i): self.assertEqual(add(i, self.two), i + 2)
    def test_c(self):
        self.account.deposit(3)
        self.assertEqual(self.account.balance, 3)
        self.assertIsInstance(self.account, Account)
class Later(unittest.IsolatedAsyncioTestCase):
    async def test_d(self): self.assertEqual(await later(1), 1)
"""


def test_unittest_classes_are_run_with_their_set_up_and_skips(run: Runner) -> None:
    assert run.tests(_SOLUTION, Case(_UNITTEST, collect=True))[0].status is CaseStatus.PASSED
    for right, wrong in (("return a + b", "return 2"), ("+= amount", "= 1"), ("return x", "return 0")):
        result = run.tests(_SOLUTION.replace(right, wrong), Case(_UNITTEST, collect=True))[0]
        assert result.status is CaseStatus.FAILED, (right, result)


def test_pytest_serves_a_program_that_shares_its_process_too(sandbox: Sandbox) -> None:
    source = f"""{_SOLUTION}
import os, pathlib, pytest
def test_output(capsys):
    shout("a")
    assert capsys.readouterr().out == "A\\n"
def test_patch(monkeypatch, tmp_path):
    monkeypatch.setattr("math.pi", 3)
    monkeypatch.setenv("HOME", str(tmp_path))
    import math
    assert math.pi == 3 and pathlib.Path.home() == tmp_path
def test_after(): 
    import math
    assert math.pi > 3
print(pytest.run_collected({{name: value for name, value in globals().items() if name.startswith("test")}}))
"""
    result = sandbox.run(Program(source, files=pytest_for_one_process()))
    assert (result.status, result.stdout, result.stderr) == (RunStatus.EXITED, b"3\n", b"")


def test_skipping_is_not_for_the_solution(run: Runner) -> None:
    source = "import unittest\ndef add(a, b): raise unittest.SkipTest('x')"
    assert run.tests(source, Case(_UNITTEST, collect=True))[0].status is CaseStatus.ERROR
    assert run.tests(source, Case("import pytest\ndef test_a(): assert add(1, 1) == 2", collect=True))[0].status is (
        CaseStatus.ERROR
    )
