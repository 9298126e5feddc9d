"""`code`: does the program in the completion pass its tests?

The tests stay out of the process under judgement. Output is compared here. A call gets its arguments as values, and
its result comes back as a value that is compared here. Asserts and HumanEval's `check` run in a tester process of their
own, which calls the program's functions through the sandbox and sees plain values alone. Only where a test hands over
something that is no value (a function, say) do program and test share a process, and the verdict says `trusted: weak`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import ClassVar, Literal

from pydantic import Field

from reward_server.checks.base import CheckInput, Params, Verdict
from reward_server.checks.code_compare import same_output, same_value
from reward_server.checks.code_shared import shared_outcomes, shared_program
from reward_server.checks.code_source import closed, complete, defines, extract_source
from reward_server.checks.code_verdict import Outcome, TestVerdict, bad_end, shown
from reward_server.errors import GroundTruthInvalid
from reward_server.ground_truth.code import AssertTest, CallTest, CheckTest, CodeTests, StdinTest, parse_code_tests
from reward_server.ground_truth.test_syntax import builtin_under_test
from reward_server.programs import Plan, Run, RunResult
from sandbox.calls import Call, Reply, ReplyKind, read_replies, requests
from sandbox.errors import PlainError
from sandbox.suite import Case, CaseResult, CaseStatus, Cause, make_tester, read_report
from sandbox.types import Limits, Mode, Program

MIB = 1 << 20
OUTPUT_SLACK_BYTES = 64 << 10


class CodeParams(Params):
    partial: Literal["all", "fraction"] = Field(default="all", description="all: 1 when every test passes, else 0")
    cpu_seconds: float = Field(default=4.0, gt=0, le=60, description="of each run, over its whole process tree")
    wall_seconds: float = Field(default=15.0, gt=0, le=120, description="of each run; CPU time is the first limit")
    memory_mb: int = Field(default=512, ge=32, le=4096, description="MiB of each run, over its whole process tree")

    def limits(self) -> Limits:
        return Limits(cpu_seconds=self.cpu_seconds, wall_seconds=self.wall_seconds, memory_bytes=self.memory_mb * MIB)


@dataclass(frozen=True)
class Single:
    """A run that decides one stdin or call test."""

    place: int
    test: StdinTest | CallTest


@dataclass(frozen=True)
class Together:
    """A run that decides several tests of code; `tokens` where program and tests share a process."""

    places: tuple[int, ...]
    tests: tuple[AssertTest | CheckTest, ...]
    tokens: tuple[str, ...] = ()


@dataclass(frozen=True)
class Round:
    """What `judge` must know of its plan; `decided` are outcomes of the round before, by place."""

    source: str
    problem: CodeTests
    params: CodeParams
    parts: tuple[Single | Together, ...]
    decided: tuple[tuple[int, Outcome], ...] = ()


class CodeCheck:
    name: ClassVar[str] = "code"
    version: ClassVar[str] = "1"
    description: ClassVar[str] = "1 when the program in the completion passes its tests, run in the sandbox"
    source: ClassVar[str] = "DeepSeek-R1 (arXiv:2501.12948) section 2.2.2, accuracy reward for code"
    ground_truth: ClassVar[str] = (
        "tests: {tests: [{type: stdin | call | assert | check, …}]}, a list of asserts, "
        "a HumanEval or MBPP row, or inputs and outputs as in APPS"
    )
    params: ClassVar[type[Params]] = CodeParams

    def plan(self, item: CheckInput, params: CodeParams) -> Plan | Verdict:
        problem = _problem(json.dumps(item.ground_truth))
        written = extract_source(item.completion)
        if not written or not written.strip():
            return Verdict(0.0, {"verdict": "no_code", "passed": 0, "total": len(problem.tests)}, ("no_code",))
        source = complete(written, problem.prefix or item.prompt or "", problem.entries)
        return _first_round(source, problem, params)

    def settled(self, plan: Plan, results: Sequence[RunResult]) -> bool:
        """One failed test decides where all must pass, one that used up its time decides for all after it."""
        this: Round = plan.context
        part = this.parts[len(results) - 1]
        if not isinstance(part, Single):
            return False
        outcome = _single(part.test, results[-1])
        late = outcome.verdict is TestVerdict.TIME_LIMIT_EXCEEDED
        return late or (this.params.partial == "all" and not outcome.accepted)

    def judge(self, plan: Plan, results: Sequence[RunResult]) -> Plan | Verdict:
        this: Round = plan.context
        outcomes = dict(this.decided)
        shared: dict[int, AssertTest | CheckTest] = {}
        for part, result in zip(this.parts, results, strict=False):
            if isinstance(part, Single):
                outcomes[part.place] = _single(part.test, result)
            elif part.tokens:
                outcomes.update(zip(part.places, shared_outcomes(result.program, part.tokens), strict=True))
            else:
                decided, open_ = _together(part, result)
                outcomes.update(decided)
                shared.update(open_)
        if shared:
            return _shared_round(this, shared, outcomes)
        ordered = [outcomes.get(place) for place in range(len(this.problem.tests))]
        return _verdict(ordered, this.params, results[0].program.isolation)


@lru_cache(maxsize=64)
def _problem(ground_truth_json: str) -> CodeTests:
    """Parsed once per problem, not once per completion."""
    return parse_code_tests(json.loads(ground_truth_json))


def _first_round(source: str, problem: CodeTests, params: CodeParams) -> Plan:
    limits = params.limits()
    parts: list[Single | Together] = []
    runs: list[Run] = []
    code: dict[int, AssertTest | CheckTest] = {}
    for place, test in enumerate(problem.tests):
        if isinstance(test, StdinTest):
            parts.append(Single(place, test))
            room = replace(
                limits, output_bytes=max(limits.output_bytes, 2 * len(test.stdout.encode()) + OUTPUT_SLACK_BYTES)
            )
            runs.append(Run(Program(source, stdin=test.stdin.encode()), room))
        elif isinstance(test, CallTest):
            parts.append(Single(place, test))
            call = Call(test.entry, test.args, test.kwargs)
            runs.append(Run(Program(source, Mode.CALLS, channel=requests([call])), limits))
        else:
            code[place] = test
    if code:
        parts.append(Together(tuple(code), tuple(code.values())))
        runs.append(Run(Program(source, Mode.CALLS), limits, _tester(list(code.values()), problem, source)))
    return Plan(runs, Round(source, problem, params, tuple(parts)))


def _tester(tests: Sequence[AssertTest | CheckTest], problem: CodeTests, source: str) -> Program:
    """The tests with what the prompt gave them (HumanEval's helpers): a test must not take that from the program."""
    own_name = builtin_under_test([test.code for test in tests if isinstance(test, AssertTest)])
    entry = own_name if own_name and defines(source, own_name) else None
    cases = [
        Case(test.code, test.entry) if isinstance(test, CheckTest) else Case(test.code, entry, collect=True)
        for test in tests
    ]
    return make_tester(cases, closed(problem.prefix) + problem.setup)


def _shared_round(this: Round, tests: dict[int, AssertTest | CheckTest], outcomes: dict[int, Outcome]) -> Plan:
    program, tokens = shared_program(this.source, this.problem.setup, list(tests.values()))
    part = Together(tuple(tests), tuple(tests.values()), tokens)
    context = Round(this.source, this.problem, this.params, (part,), tuple(outcomes.items()))
    return Plan([Run(program, this.params.limits())], context)


def _single(test: StdinTest | CallTest, result: RunResult) -> Outcome:
    ended = bad_end(result.program)
    if isinstance(test, StdinTest):
        same = same_output(test.stdout, result.program.stdout)
        return ended or Outcome(TestVerdict.ACCEPTED if same else TestVerdict.WRONG_ANSWER)
    (reply,) = read_replies(result.program.channel, 1)
    if ended is not None and reply.kind is not ReplyKind.ERROR:
        return ended
    return _call_outcome(test, reply)


def _call_outcome(test: CallTest, reply: Reply) -> Outcome:
    if reply.kind is ReplyKind.VALUE:
        same = same_value(test.expected, reply.value)
        return Outcome(TestVerdict.ACCEPTED if same else TestVerdict.WRONG_ANSWER)
    if reply.kind is ReplyKind.UNSUPPORTED:
        return Outcome(TestVerdict.WRONG_ANSWER, shown(f"the result is no plain value: {reply.message}"), opaque=True)
    message = f"{reply.error}: {reply.message}" if reply.error else reply.message
    return Outcome(TestVerdict.RUNTIME_ERROR, shown(message))


def _together(part: Together, result: RunResult) -> tuple[dict[int, Outcome], dict[int, AssertTest | CheckTest]]:
    """Outcomes by place, and the tests that could not be run apart from the program."""
    if result.tester is None:
        raise ValueError("asserts need the result of their tester")
    try:
        report = read_report(result.tester.channel, len(part.places))
    except PlainError as error:
        raise GroundTruthInvalid(f"the test code broke its own report: {error}") from error
    outcomes: dict[int, Outcome] = {}
    left: dict[int, AssertTest | CheckTest] = {}
    for place, test, case in zip(part.places, part.tests, report, strict=True):
        if case.status is CaseStatus.UNTRANSFERABLE and case.cause is Cause.ARGUMENT:
            left[place] = test  # the test's own doing; a program could bring about the other causes to get here
        else:
            outcomes[place] = _case_outcome(case, result)
    return outcomes, left


def _case_outcome(case: CaseResult, result: RunResult) -> Outcome:
    if case.status is CaseStatus.PASSED:
        return Outcome(TestVerdict.ACCEPTED)
    if case.status is CaseStatus.FAILED:
        return Outcome(TestVerdict.WRONG_ANSWER)
    if case.status is CaseStatus.UNTRANSFERABLE:
        message = shown(f"the {case.cause.value} is no plain value: {case.message}")
        return Outcome(TestVerdict.WRONG_ANSWER, message, opaque=True)
    ended = bad_end(result.program) or (bad_end(result.tester) if result.tester else None)
    return ended or Outcome(TestVerdict.RUNTIME_ERROR, shown(case.error) or "the program ended before the test")


def _verdict(outcomes: Sequence[Outcome | None], params: CodeParams, isolation: str) -> Verdict:
    """Over all tests; None stands for one that was left out because the verdict was settled before it."""
    ran = [outcome for outcome in outcomes if outcome is not None]
    passed = sum(outcome.accepted for outcome in ran)
    failed = next((outcome for outcome in ran if not outcome.accepted), None)
    detail = {
        "verdict": failed.verdict.value if failed else TestVerdict.ACCEPTED.value,
        "message": failed.message if failed else "",
        "passed": passed,
        "total": len(outcomes),
        "tests": [outcome.verdict.value if outcome else "not_run" for outcome in outcomes],
        "trusted": "weak" if any(outcome.weak for outcome in ran) else "strong",
        "isolation": isolation,
    }
    value = passed / len(outcomes) if params.partial == "fraction" else float(failed is None)
    return Verdict(value, detail, _flags(ran, failed))


def _flags(ran: Sequence[Outcome], failed: Outcome | None) -> tuple[str, ...]:
    flags = [] if failed is None or failed.verdict is TestVerdict.WRONG_ANSWER else [failed.verdict.value]
    if any(outcome.opaque for outcome in ran):
        flags.append("result_not_plain")
    if any(outcome.weak for outcome in ran):
        flags.append("trusted_weak")
    return tuple(flags)
