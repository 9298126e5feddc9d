"""The judgement of a submission: outcomes of its tests → verdict, score, report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from reward_server.code.outcome import Outcome
from reward_server.ground_truth.code import CodeTests
from reward_server.wire import ItemError
from reward_server.wire_code import (
    CodeJudgeResponse,
    CodeVerdict,
    CompileReport,
    TestReport,
    Trust,
)


@dataclass(frozen=True)
class Judgement:
    """`message` is of the first test that failed. Nothing in it holds an expected value."""

    verdict: CodeVerdict
    score: float
    passed: int
    total: int
    message: str = ""
    tests: Sequence[TestReport] = ()
    subtasks: Mapping[str, float] = field(default_factory=dict)
    compilation: CompileReport | None = None
    isolation: str = ""
    trusted: Trust = Trust.STRONG
    flags: tuple[str, ...] = ()


def response(judgement: Judgement, request_id: str | None = None) -> CodeJudgeResponse:
    return CodeJudgeResponse(
        id=request_id,
        verdict=judgement.verdict,
        passed=judgement.passed,
        total=judgement.total,
        score=judgement.score,
        tests=list(judgement.tests),
        subtasks=dict(judgement.subtasks),
        compile=judgement.compilation,
        isolation=judgement.isolation,
        trusted=judgement.trusted,
        flags=list(judgement.flags),
        error=None,
    )


def internal_judgement(total: int, error: ItemError, request_id: str | None = None) -> CodeJudgeResponse:
    """The answer where a fault of ours left nothing to score."""
    return CodeJudgeResponse(
        id=request_id,
        verdict=CodeVerdict.INTERNAL_ERROR,
        passed=0,
        total=total,
        score=None,
        tests=[],
        compile=None,
        isolation="",
        trusted=Trust.STRONG,
        error=error,
    )


def no_code(problem: CodeTests) -> Judgement:
    tests = [TestReport(verdict=CodeVerdict.NOT_RUN, score=0.0)] * len(problem.tests)
    points = dict.fromkeys(problem.subtasks, 0.0)
    message = "the completion holds no program"
    return Judgement(CodeVerdict.NO_CODE, 0.0, 0, len(tests), message, tests, points, flags=("no_code",))


def judgement(
    problem: CodeTests,
    outcomes: Sequence[Outcome | None],
    scoring: str,
    *,
    compilation: CompileReport | None,
    isolation: str,
    hide_io: bool,
) -> Judgement:
    """Over all tests in their order; None stands for one that was not run."""
    ran = [outcome for outcome in outcomes if outcome is not None]
    failed = next((outcome for outcome in ran if not outcome.accepted), None)
    points = _points(problem, outcomes)
    weak = any(outcome.weak and outcome.accepted for outcome in ran)
    return Judgement(
        verdict=failed.verdict if failed else CodeVerdict.ACCEPTED,
        score=_score(problem, outcomes, scoring, points),
        passed=sum(outcome.accepted for outcome in ran),
        total=len(outcomes),
        message=_message(failed, hide_io) if failed else "",
        tests=[_report(outcome, hide_io) for outcome in outcomes],
        subtasks=points,
        compilation=compilation,
        isolation=isolation,
        trusted=Trust.WEAK if weak else Trust.STRONG,
        flags=_flags(ran, failed, weak),
    )


def _score(problem: CodeTests, outcomes: Sequence[Outcome | None], scoring: str, points: Mapping[str, float]) -> float:
    scores = [outcome.score if outcome else 0.0 for outcome in outcomes]
    if scoring == "all":
        return float(all(outcome is not None and outcome.accepted for outcome in outcomes))
    if scoring == "subtasks":
        return sum(points.values()) / sum(problem.subtasks.values())
    weights = [test.weight if scoring == "weighted" else 1.0 for test in problem.tests]
    return sum(weight * score for weight, score in zip(weights, scores, strict=True)) / sum(weights)


def _points(problem: CodeTests, outcomes: Sequence[Outcome | None]) -> dict[str, float]:
    """Those of a subtask times the lowest score of its tests; none where it has no test."""
    lowest: dict[str, float] = {}
    for test, outcome in zip(problem.tests, outcomes, strict=True):
        if test.subtask is not None:
            score = outcome.score if outcome else 0.0
            lowest[test.subtask] = min(score, lowest.get(test.subtask, 1.0))
    return {name: points * lowest.get(name, 0.0) for name, points in problem.subtasks.items()}


def _report(outcome: Outcome | None, hide_io: bool) -> TestReport:
    if outcome is None:
        return TestReport(verdict=CodeVerdict.NOT_RUN, score=0.0)
    used = outcome.usage.model_dump()
    if hide_io:
        used |= {"stdout_tail": "", "stderr_tail": ""}
    return TestReport(verdict=outcome.verdict, message=_message(outcome, hide_io), score=outcome.score, **used)


def _message(outcome: Outcome, hide_io: bool) -> str:
    return outcome.message if hide_io or not outcome.said else outcome.said


def _flags(ran: Sequence[Outcome], failed: Outcome | None, weak: bool) -> tuple[str, ...]:
    flags = [] if failed is None or failed.verdict is CodeVerdict.WRONG_ANSWER else [failed.verdict.value]
    flags += dict.fromkeys(outcome.flag for outcome in ran if outcome.flag)
    if any(outcome.opaque for outcome in ran):
        flags.append("result_not_plain")
    if weak:
        flags.append("trusted_weak")
    return tuple(flags)
