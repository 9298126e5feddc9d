"""The first round of a submission: a run for each test of input or of a call, one for all tests of code together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from reward_server.code.asserts import as_calls
from reward_server.code.checker import CheckerPart
from reward_server.code.compare import same_output
from reward_server.code.outcome import Outcome, bad_end, shown, usage
from reward_server.code.part import Part, Reading
from reward_server.code.python_source import defines
from reward_server.code.submission import Submission
from reward_server.code.testers import CodeTest, TesterPart
from reward_server.code.values import same_result
from reward_server.errors import GroundTruthInvalid
from reward_server.programs import Run, RunResult
from reward_server.wire_code import CallTest, CodeVerdict, CompileTest, StdinTest
from sandbox.calls import Call, Reply, ReplyKind, read_replies, requests
from sandbox.errors import UnsupportedValueError
from sandbox.plain import pack
from sandbox.types import ExecutionResult, Mode, Program

OUTPUT_SLACK_BYTES = 64 << 10


def first_parts(submission: Submission) -> Sequence[Part]:
    """Raises GroundTruthInvalid. What only compiles comes first: where it fails, nothing else need be run."""
    parts: list[Part] = []
    code: list[tuple[int, CodeTest]] = []
    for place, test in enumerate(submission.problem.tests):
        match test:
            case CompileTest():
                parts.insert(0, CompilePart(place))
            case StdinTest():
                parts.append(StdinPart(place, test))
            case CallTest():
                parts.append(CallPart(place, test))
            case _:
                code.append((place, test))
    return [*parts, as_calls(code, submission) or TesterPart(tuple(code))] if code else parts


@dataclass(frozen=True)
class CompilePart:
    place: int

    def run(self, submission: Submission) -> Run:
        return Run(Program(submission.source, language=submission.language), submission.limits, compile_only=True)

    def read(self, result: RunResult, submission: Submission) -> Reading:
        ended = bad_end(result.program)
        return Reading({self.place: _used(ended or Outcome(CodeVerdict.ACCEPTED), result.program)})


@dataclass(frozen=True)
class StdinPart:
    place: int
    test: StdinTest

    def run(self, submission: Submission) -> Run:
        """With room for what is expected: a right output must not break the limit."""
        limits = submission.limits
        room = max(limits.output_bytes, 2 * len(_utf8(self.test.stdout)) + OUTPUT_SLACK_BYTES)
        program = Program(submission.source, language=submission.language, stdin=_utf8(self.test.stdin))
        return Run(program, replace(limits, output_bytes=room))

    def read(self, result: RunResult, submission: Submission) -> Reading:
        ended = bad_end(result.program)
        if ended is None and self.test.checker is not None:
            used = usage(result.program)
            return Reading(parts=(CheckerPart(self.place, self.test, self.test.checker, result.program.stdout, used),))
        compare = self.test.compare or submission.problem.compare
        outcome = ended or _compared(same_output(_utf8(self.test.stdout), result.program.stdout, compare))
        return Reading({self.place: _used(outcome, result.program)})


@dataclass(frozen=True)
class CallPart:
    place: int
    test: CallTest

    def run(self, submission: Submission) -> Run:
        call = Call(entry_of(self.test.entry, submission), self.test.args, self.test.kwargs)
        with self._too_large():
            channel = requests([call])
        return Run(Program(submission.source, Mode.CALLS, submission.language, channel=channel), submission.limits)

    def read(self, result: RunResult, submission: Submission) -> Reading:
        """Raises GroundTruthInvalid where no program can state the expected result, right as it may be."""
        ended = bad_end(result.program)
        (reply,) = read_replies(result.program.channel, 1)
        if ended is None or reply.kind is ReplyKind.ERROR:
            ended = self._outcome(reply)
        return Reading({self.place: _used(ended, result.program)})

    def _outcome(self, reply: Reply) -> Outcome:
        if reply.kind is ReplyKind.VALUE:
            return _compared(same_result(self.test, reply))
        if reply.kind is ReplyKind.UNSUPPORTED:
            with self._too_large():
                pack(self.test.expected)
            said = shown(f"the result is no plain value: {reply.message}")
            return Outcome(CodeVerdict.WRONG_ANSWER, "the result is no plain value", said, opaque=True)
        said = shown(f"{reply.error}: {reply.message}" if reply.error else reply.message)
        return Outcome(CodeVerdict.RUNTIME_ERROR, "the call failed", said)

    @contextmanager
    def _too_large(self) -> Iterator[None]:
        try:
            yield
        except UnsupportedValueError as error:
            raise GroundTruthInvalid(
                f"test {self.place}: an argument or the expected result is too large: {error}"
            ) from error


def entry_of(entry: str, submission: Submission) -> str:
    """Data sets name a function; their programs may bring it as a method of LeetCode's class Solution."""
    source = submission.source
    if submission.language != "python" or "." in entry or "Solution" not in source:
        return entry
    return f"Solution.{entry}" if defines(source, "Solution") and not defines(source, entry) else entry


def _compared(same: bool) -> Outcome:
    return Outcome(CodeVerdict.ACCEPTED if same else CodeVerdict.WRONG_ANSWER)


def _used(outcome: Outcome, result: ExecutionResult) -> Outcome:
    return replace(outcome, usage=usage(result))


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
