"""Asserts that only compare what a function returns with a literal: run as calls, and compared here.

One process instead of two, with the same verdicts: Python's own `==`, on values of exact standard types. Nothing is
evaluated: the arguments and what is expected are read as literals. What a reply cannot say is left to the tester.
"""

from __future__ import annotations

import ast
import builtins
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from reward_server.code.outcome import Outcome, bad_end, shown, usage
from reward_server.code.part import Reading
from reward_server.code.submission import Submission
from reward_server.code.testers import CodeTest, Placed, TesterPart, judged_here
from reward_server.programs import Run, RunResult
from reward_server.wire_code import AssertTest, CodeVerdict
from sandbox.calls import Call, Reply, ReplyKind, read_replies, requests
from sandbox.errors import UnsupportedValueError
from sandbox.types import ExecutionResult, Mode, Program

MAX_CHARS = 20_000  # of one assert


@dataclass(frozen=True)
class Expected:
    """`assert call == value`, or `is`, which for None, True and False is exact."""

    call: Call
    value: Any
    identical: bool = False

    def holds(self, returned: Any) -> bool:
        try:
            return returned is self.value if self.identical else bool(returned == self.value)
        except ArithmeticError:  # a signalling NaN
            return False


@dataclass(frozen=True)
class CallsPart:
    """All asserts of a problem, in their order, on one process of the program."""

    tests: Placed
    expected: tuple[Expected, ...]
    channel: bytes
    restarts: int = 0

    def run(self, submission: Submission) -> Run:
        return Run(Program(submission.source, Mode.CALLS, submission.language, channel=self.channel), submission.limits)

    def read(self, result: RunResult, submission: Submission) -> Reading:
        replies = read_replies(result.program.channel, len(self.tests))
        if any(reply.kind is ReplyKind.UNSUPPORTED for reply in replies):
            return Reading(parts=(TesterPart(self.tests),))
        used = usage(result.program)
        judged = judged_here([reply.kind is ReplyKind.BROKEN for reply in replies], submission, self.restarts)
        triples = zip(self.tests[:judged], self.expected, replies, strict=False)
        outcomes = {
            place: replace(_outcome(one, reply, result.program), usage=used) for (place, _), one, reply in triples
        }
        return Reading(outcomes, (self._later(judged),) if judged < len(self.tests) else ())

    def _later(self, start: int) -> CallsPart:
        expected = self.expected[start:]
        return CallsPart(self.tests[start:], expected, requests([one.call for one in expected]), self.restarts + 1)


def _outcome(expected: Expected, reply: Reply, result: ExecutionResult) -> Outcome:
    if reply.kind is ReplyKind.VALUE:
        return Outcome(CodeVerdict.ACCEPTED if expected.holds(reply.value) else CodeVerdict.WRONG_ANSWER)
    if reply.kind is ReplyKind.ERROR and reply.base == "AssertionError":
        return Outcome(CodeVerdict.WRONG_ANSWER)  # as the assert itself would end
    if reply.kind is ReplyKind.ERROR:
        return Outcome(CodeVerdict.RUNTIME_ERROR, "the call failed", shown(f"{reply.error}: {reply.message}"))
    ended = bad_end(result)
    return ended or Outcome(CodeVerdict.RUNTIME_ERROR, "the program ended before the test", shown(reply.message))


def as_calls(tests: Sequence[tuple[int, CodeTest]], submission: Submission) -> CallsPart | None:
    """The tests as calls, where each of them is such an assert and nothing else defines names for them."""
    problem = submission.problem
    if problem.setup or problem.prefix or not all(isinstance(test, AssertTest) for _, test in tests):
        return None
    expected = []
    for _, test in tests:
        one = read_assert(test.code)
        if one is None:
            return None
        expected.append(one)
    try:
        channel = requests([one.call for one in expected])
    except UnsupportedValueError:
        return None
    return CallsPart(tuple(tests), tuple(expected), channel)


def read_assert(code: str) -> Expected | None:
    """`assert f(1, x=[2]) == 3` as a call; None where it is anything else."""
    if len(code) > MAX_CHARS:
        return None
    try:
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(code)
            return _statement(tree.body[0]) if len(tree.body) == 1 else None
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError):
        return None


def _statement(node: ast.stmt) -> Expected | None:
    """Raises ValueError or TypeError where something is no literal."""
    match node:
        case ast.Assert(test=ast.Compare(left=ast.Call() as call, ops=[ast.Eq()], comparators=[value])):
            return Expected(_call(call), ast.literal_eval(value))
        case ast.Assert(
            test=ast.Compare(left=ast.Call() as call, ops=[ast.Is()], comparators=[ast.Constant(value=value)])
        ) if value is None or isinstance(value, bool):
            return Expected(_call(call), value, identical=True)
    return None


def _call(node: ast.Call) -> Call:
    """Of a function of the program: a builtin's name means Python's own, or is left to the tester to find out."""
    if not isinstance(node.func, ast.Name) or hasattr(builtins, node.func.id) or node.func.id.startswith("__"):
        raise ValueError("no function of the program")
    args = tuple(ast.literal_eval(argument) for argument in node.args)
    kwargs = {keyword.arg: ast.literal_eval(keyword.value) for keyword in node.keywords if keyword.arg is not None}
    if len(kwargs) != len(node.keywords):
        raise ValueError("keywords that are unpacked")
    return Call(node.func.id, args, kwargs)
