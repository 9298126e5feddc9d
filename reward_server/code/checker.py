"""Tests with a checker: a program of the problem's author that reads input, output and answer, in a run of its own.

A checker that fails says nothing about the program: no verdict comes from it. But many only read well-formed output, so
one that crashes is tried on the expected output: where it accepts that, it works, and the program's output is at fault.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from reward_server.code.outcome import Outcome
from reward_server.code.part import Reading
from reward_server.code.submission import MIB, Submission
from reward_server.errors import GroundTruthInvalid
from reward_server.ground_truth.languages import canonical
from reward_server.programs import Run, RunResult
from reward_server.wire_code import Checker, CodeVerdict, StdinTest, Usage
from sandbox.types import ExecutionResult, Limits, Program, RunStatus

LIMITS = Limits(cpu_seconds=5, wall_seconds=20, memory_bytes=512 * MIB, disk_bytes=64 * MIB, compile_seconds=20)
FAILED_FLAG = "checker_failed_on_output"
_INPUT, _OUTPUT, _ANSWER = "input", "output", "answer"
_ORDER = {"testlib": (_INPUT, _OUTPUT, _ANSWER), "prints": (_INPUT, _ANSWER, _OUTPUT)}
_REFUSED = (1, 2, 4, 8)  # testlib: wrong answer, presentation error, dirt, unexpected end of file
_POINTS = 7
_SHARE = re.compile(rb"(?:[a-z]+[ \t]+)?(0|1|0?\.[0-9]{1,9}|[01]\.0{0,9}|0\.[0-9]{1,9})(?![0-9.])", re.IGNORECASE)
# Python exits with 1, as for a wrong answer, where an exception goes uncaught; one of its source has no traceback.
_UNCAUGHT = re.compile(rb"^Traceback \(most recent call last\)|^(?:Syntax|Indentation|Tab|Value)Error: ", re.MULTILINE)
_WORDS = {b"true": 1.0, b"yes": 1.0, b"ok": 1.0, b"false": 0.0, b"no": 0.0}


@dataclass(frozen=True)
class CheckerPart:
    """`usage` is what the program used for this output. `trial`: on the expected output, after a failure."""

    place: int
    test: StdinTest
    checker: Checker
    output: bytes
    usage: Usage
    trial: bool = False

    def run(self, submission: Submission) -> Run:
        answer = self.test.stdout.encode("utf-8", "surrogatepass")
        stdin = self.test.stdin.encode("utf-8", "surrogatepass")
        files = {_INPUT: stdin, _OUTPUT: answer if self.trial else self.output, _ANSWER: answer}
        program = Program(
            self.checker.source,
            language=canonical(self.checker.language),
            arguments=_ORDER[self.checker.protocol],
            files=files,
        )
        size = sum(map(len, files.values()))
        return Run(program, replace(LIMITS, disk_bytes=LIMITS.disk_bytes + size, file_bytes=LIMITS.file_bytes + size))

    def read(self, result: RunResult, submission: Submission) -> Reading:
        """Raises GroundTruthInvalid where the checker itself is at fault."""
        share = _share(result.program, self.checker)
        if self.trial:
            if share != 1.0:
                raise GroundTruthInvalid(f"the checker of test {self.place} does not accept the expected output")
            failed = Outcome(CodeVerdict.WRONG_ANSWER, "the checker could not read the output", flag=FAILED_FLAG)
            return Reading({self.place: replace(failed, usage=self.usage)})
        if share is None:
            self._require_trial(result.program)
            return Reading(parts=(replace(self, trial=True),), urgent=True)
        verdict = CodeVerdict.ACCEPTED if share == 1.0 else CodeVerdict.WRONG_ANSWER
        return Reading({self.place: Outcome(verdict, points=share, usage=self.usage)})

    def _require_trial(self, result: ExecutionResult) -> None:
        """Raises GroundTruthInvalid where the checker has failed and nothing can show that it works."""
        if result.status is RunStatus.NOT_COMPILED:
            raise GroundTruthInvalid(f"the checker of test {self.place} does not compile")
        if self.checker.protocol == "testlib" and result.exit_code == 3:
            raise GroundTruthInvalid(f"the checker of test {self.place} says that the test is wrong (exit code 3)")
        if not self.test.stdout.strip():
            raise GroundTruthInvalid(f"the checker of test {self.place} failed ({_end(result)})")


def _end(result: ExecutionResult) -> str:
    return f"exit code {result.exit_code}" if result.status is RunStatus.EXITED else result.status.value


def _share(result: ExecutionResult, checker: Checker) -> float | None:
    """What the checker gives, between 0 and 1; None where it failed."""
    if result.status is not RunStatus.EXITED:
        return None
    if checker.protocol == "prints":
        return _printed(result.stdout) if result.exit_code == 0 else None
    if result.exit_code == 0:
        return 1.0
    if result.exit_code == _POINTS:
        return _printed(result.stdout) if result.stdout.strip() else _printed(result.stderr)
    crashed = canonical(checker.language) == "python" and _UNCAUGHT.search(result.stderr)
    return 0.0 if result.exit_code in _REFUSED and not crashed else None


def _printed(text: bytes) -> float | None:
    """The last line as a share: a number between 0 and 1, or a word."""
    lines = text.strip().splitlines()
    said = lines[-1].strip() if lines else b""
    if said.lower() in _WORDS:
        return _WORDS[said.lower()]
    number = _SHARE.match(said)
    return float(number[1]) if number else None
