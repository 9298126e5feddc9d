"""Judges a submission: plans its runs, reads each result once, and asks for further rounds where a part needs one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from reward_server.code.checker import FAILED_FLAG
from reward_server.code.judgement import Judgement, internal_judgement, judgement, response
from reward_server.code.outcome import Outcome
from reward_server.code.part import Part, Reading
from reward_server.code.parts import first_parts
from reward_server.code.submission import Submission, submission_of
from reward_server.programs import Plan, RunResult
from reward_server.wire_code import CodeVerdict, CompileReport
from sandbox.types import ExecutionResult

__all__ = ["CodeJudge", "Judgement", "Submission", "internal_judgement", "response", "submission_of"]

TIME_OUTS_BORNE = 3  # a program that is too slow for three tests is not run on the others


@dataclass
class Round:
    """What `judge` must know of its plan. `decided` are outcomes of earlier rounds, by place; `read` keeps what a
    result has said, so that each is read once.
    """

    submission: Submission
    parts: Sequence[Part]
    decided: dict[int, Outcome] = field(default_factory=dict)
    compilation: CompileReport | None = None
    isolation: str = ""
    read: list[tuple[RunResult, Reading]] = field(default_factory=list)

    def readings(self, results: Sequence[RunResult]) -> list[Reading]:
        for place in range(len(results)):
            if place == len(self.read) or _said(self.read[place][0]) != _said(results[place]):
                reading = self.parts[place].read(results[place], self.submission)
                self.read[place:] = [(results[place], reading)]
        return [reading for _, reading in self.read[: len(results)]]

    def is_over(self, readings: Sequence[Reading]) -> bool:
        """Whether nothing that has not been run yet is worth it."""
        outcomes = [outcome for reading in readings for outcome in reading.outcomes.values()]
        if any(outcome.verdict is CodeVerdict.COMPILE_ERROR for outcome in outcomes):
            return True
        if self.submission.stop_on_failure and not all(outcome.accepted for outcome in outcomes):
            return True
        late = sum(any(map(_late, reading.outcomes.values())) for reading in readings)
        late += sum(map(_late, self.decided.values()))
        return late >= (1 if self.submission.scoring == "all" else TIME_OUTS_BORNE)


class CodeJudge:
    """Pure functions; see reward_server.programs.Judge. A verdict is always about all tests of the submission."""

    def plan(self, submission: Submission) -> Plan | Judgement:
        """Raises GroundTruthInvalid where the tests cannot be run in this language."""
        return _plan(Round(submission, first_parts(submission)))

    def settled(self, plan: Plan, results: Sequence[RunResult]) -> bool:
        """A program that does not compile is decided; so is one whose failure or time-out decides the score.

        Where every test counts for itself, a time-out decides nothing about the others until the third.
        """
        this: Round = plan.context
        readings = this.readings(results)
        return readings[-1].urgent or this.is_over(readings)

    def judge(self, plan: Plan, results: Sequence[RunResult]) -> Plan | Judgement:
        this: Round = plan.context
        readings = this.readings(results)
        outcomes = dict(this.decided)
        for reading in readings:
            outcomes.update(reading.outcomes)
        compilation = this.compilation or _compile_report([result.program for result in results])
        # Results carry the weakest level of all runs so far, so those of the last round are the ones to show.
        isolation = next((result.program.isolation for result in results), this.isolation)
        further = [part for reading in readings for part in reading.parts]
        if readings[-1].urgent:
            further += this.parts[len(readings) :]
        if further and not this.is_over(readings):
            return _plan(Round(this.submission, further, outcomes, compilation, isolation))
        return judgement(
            this.submission.problem,
            _in_order(outcomes, len(this.submission.problem.tests)),
            this.submission.scoring,
            compilation=compilation,
            isolation=isolation,
            hide_io=this.submission.hide_io,
        )


def _plan(this: Round) -> Plan:
    return Plan([part.run(this.submission) for part in this.parts], this)


def _said(result: RunResult) -> tuple[object, ...]:
    """All that a verdict rests on; what is the same object is compared at no cost."""
    sides = (result.program, result.tester)
    return tuple((s.status, s.exit_code, s.signal, s.stdout, s.stderr, s.channel) for s in sides if s is not None)


def _late(outcome: Outcome) -> bool:
    """Of tests that cost more than others: a checker that fails is run twice, and may have used up its time."""
    return outcome.verdict is CodeVerdict.TIME_LIMIT_EXCEEDED or outcome.flag == FAILED_FLAG


def _in_order(outcomes: dict[int, Outcome], total: int) -> list[Outcome | None]:
    """A program that does not compile for one test does not for any."""
    broken = next((o for o in outcomes.values() if o.verdict is CodeVerdict.COMPILE_ERROR), None)
    return [outcomes.get(place, broken) for place in range(total)]


def _compile_report(results: Sequence[ExecutionResult]) -> CompileReport:
    """Of the program, which is compiled at most once for all of them. An interpreted one has nothing to fail at."""
    compilations = [result.compilation for result in results if result.compilation is not None]
    if not compilations:
        return CompileReport(ok=True, cached=False, ms=0, text="")
    first = compilations[0]
    worst = next((compilation for compilation in compilations if not compilation.ok), first)
    return CompileReport(ok=worst.ok, cached=first.cached, ms=round(1000 * worst.seconds), text=worst.text)
