"""Which asserts become calls, and that they say the same there."""

from decimal import Decimal
from typing import Any

import pytest

from reward_server.code.asserts import CallsPart, as_calls, read_assert
from reward_server.code.engine import CodeJudge, Submission, submission_of
from reward_server.code.testers import TesterPart
from reward_server.programs import Plan, RunResult
from reward_server.wire_code import AssertTest, CodeJudgeRequest
from sandbox.calls import Call
from sandbox.types import ExecutionResult, RunStatus


@pytest.mark.parametrize(
    ("code", "call", "value"),
    [
        ("assert add(1, 2) == 3", Call("add", (1, 2), {}), 3),
        ("assert add(1, y=[-2.5]) == (1, {2}), 'why'", Call("add", (1,), {"y": [-2.5]}), (1, {2})),
        ("assert f({'a': b'x'}, set()) == None", Call("f", ({"a": b"x"}, set()), {}), None),
        ("assert f() is True", Call("f", (), {}), True),
    ],
)
def test_a_comparison_with_a_literal_is_a_call(code: str, call: Call, value: Any) -> None:
    expected = read_assert(code)
    assert expected is not None
    assert (expected.call, expected.value, expected.identical) == (call, value, " is " in code)


@pytest.mark.parametrize(
    "code",
    [
        "assert f(1) != 2",
        "assert f(1) < 2",
        "assert 1 < f(1) == 2",
        "assert 2 == f(1)",
        "assert f(1) is 1",
        "assert f(1) == x",
        "assert f(x) == 1",
        "assert f(g(1)) == 1",
        "assert f(*[1]) == 1",
        "assert f(**{'a': 1}) == 1",
        "assert f(1)[0] == 1",
        "assert f.g(1) == 1",
        "assert sum([1]) == 1",
        "assert __import__('os') == 1",
        "assert f(lambda: 1) == 1",
        "assert f({[1]: 2}) == 1",
        "assert f(__import__('os').system('true')) == 1",
        "assert f(1) == 1; g()",
        "x = 1",
        "assert f(" + "[" * 5000 + "]" * 5000 + ") == 1",
        "assert f('" + "x" * 30_000 + "') == 1",
        "",
        "assert",
    ],
)
def test_anything_else_is_left_to_the_tester(code: str) -> None:
    assert read_assert(code) is None


@pytest.mark.parametrize(
    ("code", "returned", "holds"),
    [
        ("assert f() == (1, 2)", (1, 2), True),
        ("assert f() == (1, 2)", [1, 2], False),  # Python's own ==, not that of JSON
        ("assert f() == 1", True, True),
        ("assert f() is True", 1, False),
        ("assert f() is None", None, True),
        ("assert f() == {1: {2}}", {1: {2}}, True),
        ("assert f() == 1", Decimal("sNaN"), False),
        ("assert f() == 1.5", 10**400, False),
    ],
)
def test_values_are_compared_as_python_does(code: str, returned: Any, holds: bool) -> None:
    expected = read_assert(code)
    assert expected is not None
    assert expected.holds(returned) is holds


def submitted(codes: list[str], **fields: Any) -> Submission:
    tests = [AssertTest(code=code) for code in codes]
    submission = submission_of(CodeJudgeRequest(source="def f(x): ...", tests=tests, **fields))
    assert isinstance(submission, Submission)
    return submission


SIMPLE = ["assert f(1) == 2", "assert f(2) == 3"]


@pytest.mark.parametrize(
    ("codes", "fields", "rewritten"),
    [
        (SIMPLE, {}, True),
        ([*SIMPLE, "assert f(3) > 3"], {}, False),
        (SIMPLE, {"setup": "f = 1"}, False),
        (SIMPLE, {"prefix": "def f(x):\n"}, False),
    ],
)
def test_all_asserts_of_a_problem_go_one_way(codes: list[str], fields: dict[str, Any], rewritten: bool) -> None:
    submission = submitted(codes, **fields)
    part = as_calls(list(enumerate(submission.problem.tests)), submission)  # type: ignore[arg-type]
    assert isinstance(part, CallsPart) is rewritten


def test_what_a_reply_cannot_say_goes_to_the_tester() -> None:
    judge = CodeJudge()
    plan = judge.plan(submitted(SIMPLE))
    assert isinstance(plan, Plan)
    channel = b'{"id":1,"value":2}\n{"id":2,"unsupported":"a T","truth":true}\n'
    result = RunResult(ExecutionResult(RunStatus.EXITED, 0, None, b"", b"", channel, 0.0, 0.0, 0, "base"))
    second = judge.judge(plan, [result])
    assert isinstance(second, Plan)
    (part,) = second.context.parts
    assert isinstance(part, TesterPart)
    assert second.runs[0].tester is not None
    assert b"assert" not in plan.runs[0].program.channel


def test_an_assertion_of_the_program_fails_the_assert() -> None:
    judge = CodeJudge()
    plan = judge.plan(submitted(SIMPLE))
    assert isinstance(plan, Plan)
    error = b'{"id":1,"error":{"type":"Mine","base":"AssertionError","args":[],"message":""}}\n'
    result = RunResult(ExecutionResult(RunStatus.EXITED, 0, None, b"", b"", error, 0.0, 0.0, 0, "base"))
    judgement = judge.judge(plan, [result])
    assert not isinstance(judgement, Plan)
    assert [report.verdict.value for report in judgement.tests] == ["wrong_answer", "runtime_error"]
