"""Tests of code: in a tester process beside the program, and only where that cannot be, in one process with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from reward_server.code.outcome import Outcome, bad_end, shown, usage
from reward_server.code.part import Part, Reading
from reward_server.code.python_source import closed, defines
from reward_server.code.shared import Tokens, new_tokens, shared_outcomes, shared_program
from reward_server.code.submission import Submission
from reward_server.errors import GroundTruthInvalid
from reward_server.ground_truth.test_syntax import builtin_under_test, foreign_imports
from reward_server.programs import Run, RunResult
from reward_server.wire_code import AssertTest, CheckTest, CodeVerdict, PytestTest, UnittestTest
from sandbox.errors import PlainError
from sandbox.suite import Case, CaseResult, CaseStatus, Cause, make_tester, read_report
from sandbox.types import Mode, Program

CodeTest = AssertTest | CheckTest | UnittestTest | PytestTest
RESTARTS = 3
Placed = tuple[tuple[int, CodeTest], ...]  # tests with their places


@dataclass(frozen=True)
class TesterPart:
    """What the tests expect stays in the tester's process; results reach it as plain values."""

    __test__ = False  # not for pytest
    tests: Placed
    restarts: int = 0

    def run(self, submission: Submission) -> Run:
        program = Program(submission.source, Mode.CALLS, submission.language)
        return Run(program, submission.limits, self._tester(submission))

    def _tester(self, submission: Submission) -> Program:
        """The tests, with the helpers that the prompt gave (HumanEval): a test must not take those from the program."""
        problem = submission.problem
        own_name = builtin_under_test([test.code for _, test in self.tests if isinstance(test, AssertTest)])
        entry = own_name if own_name and defines(submission.source, own_name) else None
        cases = [_case(test, entry) for _, test in self.tests]
        needed = self._needed(submission)
        if needed:
            cases.insert(0, Case("import " + ", ".join(needed)))
        return make_tester(cases, closed(problem.prefix) + problem.setup)

    def _needed(self, submission: Submission) -> list[str]:
        """Packages that the tests import. Where they are missing here, every program would fail."""
        codes = [submission.problem.prefix and closed(submission.problem.prefix), submission.problem.setup]
        return foreign_imports([*codes, *(test.code for _, test in self.tests)])

    def read(self, result: RunResult, submission: Submission) -> Reading:
        if result.tester is None:
            raise ValueError("tests of code need the result of their tester")
        try:
            report = self._report(result.tester.channel, self._needed(submission))
        except PlainError as error:
            raise GroundTruthInvalid(f"the test code broke its own report: {error}") from error
        outcomes: dict[int, Outcome] = {}
        left: list[tuple[int, CodeTest]] = []
        used = usage(result.program)
        judged = judged_here([_is_gone(case) for case in report], submission, self.restarts)
        for (place, test), case in zip(self.tests[:judged], report, strict=False):
            if case.status is CaseStatus.UNSUPPORTED:
                raise GroundTruthInvalid(f"test {place} uses something of pytest that is not supported here")
            if case.status is CaseStatus.UNTRANSFERABLE and case.cause is Cause.ARGUMENT:
                left.append((place, test))  # the test's own doing; a program could bring about the other causes
            else:
                outcomes[place] = replace(_outcome(case, result), usage=used)
        parts: list[Part] = [SharedPart(tuple(left), new_tokens(len(left)))] if left else []
        if judged < len(self.tests):
            parts.append(replace(self, tests=self.tests[judged:], restarts=self.restarts + 1))
        return Reading(outcomes, tuple(parts))

    def _report(self, channel: bytes, needed: list[str]) -> tuple[CaseResult, ...]:
        if not needed:
            return read_report(channel, len(self.tests))
        probe, *report = read_report(channel, 1 + len(self.tests))
        if probe.error in ("ModuleNotFoundError", "ImportError") and any(
            f"'{name}'" in probe.message for name in needed
        ):
            raise GroundTruthInvalid(
                f"the tests import {', '.join(needed)}, and not all of it is installed for programs"
            )
        return tuple(report)


@dataclass(frozen=True)
class SharedPart:
    """The weak way: see shared.py. The tokens say which tests ran to their end."""

    tests: Placed
    tokens: Tokens

    def run(self, submission: Submission) -> Run:
        tests = [test for _, test in self.tests]
        program = shared_program(submission.source, submission.problem.setup, tests, self.tokens)
        return Run(program, submission.limits)

    def read(self, result: RunResult, submission: Submission) -> Reading:
        outcomes = shared_outcomes(result.program, self.tokens)
        used = usage(result.program, streams=False)
        places = [place for place, _ in self.tests]
        pairs = zip(places, outcomes, strict=True)
        return Reading({place: replace(outcome, usage=used) for place, outcome in pairs})


def judged_here(gone: Sequence[bool], submission: Submission, restarts: int) -> int:
    """How many tests of one process its result decides: up to the first that ended it, so that one endless loop does
    not fail the tests behind it. All, where that would decide nothing or the process was started anew often enough.
    """
    if submission.scoring == "all" or submission.stop_on_failure or restarts == RESTARTS or True not in gone:
        return len(gone)
    return gone.index(True) + 1


def _is_gone(case: CaseResult) -> bool:
    return case.status is CaseStatus.NOT_RUN or case.error == "PartnerGone"


def _case(test: CodeTest, entry: str | None) -> Case:
    if isinstance(test, CheckTest):
        return Case(test.code, test.entry)
    return Case(test.code, entry, collect=True)


def _outcome(case: CaseResult, result: RunResult) -> Outcome:
    if case.status is CaseStatus.PASSED:
        return Outcome(CodeVerdict.ACCEPTED, weak=case.weak)
    if case.status is CaseStatus.FAILED:
        return Outcome(CodeVerdict.WRONG_ANSWER)
    if case.status is CaseStatus.UNTRANSFERABLE:
        ours = f"the {case.cause.value} is no plain value"
        return Outcome(CodeVerdict.WRONG_ANSWER, ours, shown(f"{ours}: {case.message}"), opaque=True)
    ended = bad_end(result.program) or (_tester_end(result) if result.tester else None)
    return ended or Outcome(CodeVerdict.RUNTIME_ERROR, "the program ended before the test", shown(case.error))


def _tester_end(result: RunResult) -> Outcome | None:
    """Without the tester's words: they may hold what is expected."""
    ended = bad_end(result.tester) if result.tester else None
    return replace(ended, said="") if ended else None
