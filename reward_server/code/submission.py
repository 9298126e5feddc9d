"""What is judged: a program, the tests of its problem, and by which rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from reward_server.code.blocks import extract_source
from reward_server.code.judgement import Judgement, no_code
from reward_server.code.python_source import complete
from reward_server.errors import GroundTruthInvalid
from reward_server.ground_truth.code import CodeTests, require_judgeable
from reward_server.ground_truth.languages import canonical
from reward_server.wire_code import CodeJudgeRequest, CodeLimits
from sandbox.types import Limits

KIB, MIB = 1 << 10, 1 << 20

Scoring = Literal["all", "fraction", "weighted", "subtasks"]


@dataclass(frozen=True)
class Submission:
    """`source` is a whole program; `hide_io`: nothing that it wrote is in the answer."""

    source: str
    language: str
    problem: CodeTests
    limits: Limits
    scoring: Scoring = "all"
    stop_on_failure: bool = False
    hide_io: bool = False


def submission_of(request: CodeJudgeRequest) -> Submission | Judgement:
    """What a request asks to judge; a judgement at once where its completion holds no code.

    Raises GroundTruthInvalid where the tests can test nothing.
    """
    problem = CodeTests(
        language=canonical(request.language),
        tests=request.tests,
        setup=request.setup,
        prefix=request.prefix,
        compare=request.compare,
        subtasks=request.subtasks,
    )
    require_judgeable(problem)
    require_scorable(problem, request.scoring)
    source = request.source if request.completion is None else extract_source(request.completion, problem.language)
    return submission(
        source,
        problem,
        sandbox_limits(request.limits),
        request.scoring,
        stop_on_failure=request.stop_on_failure,
        hide_io=request.hide_io,
    )


def submission(
    source: str | None,
    problem: CodeTests,
    limits: Limits,
    scoring: Scoring,
    *,
    prompt: str = "",
    stop_on_failure: bool = False,
    hide_io: bool = False,
) -> Submission | Judgement:
    """The program completed by the problem's prefix, or by the prompt where the problem has none."""
    if source is None or not source.strip():
        return no_code(problem)
    if problem.language == "python":
        source = complete(source, problem.prefix or prompt, problem.entries)
    return Submission(source, problem.language, problem, limits, scoring, stop_on_failure, hide_io)


def sandbox_limits(limits: CodeLimits) -> Limits:
    return Limits(
        cpu_seconds=limits.cpu_s,
        wall_seconds=limits.wall_s,
        memory_bytes=limits.memory_mb * MIB,
        output_bytes=limits.output_kb * KIB,
        processes=limits.processes,
        file_bytes=limits.file_mb * MIB,
        disk_bytes=limits.disk_mb * MIB,
        open_files=limits.open_files,
        compile_seconds=limits.compile_s,
    )


def require_scorable(problem: CodeTests, scoring: Scoring) -> None:
    """Raises GroundTruthInvalid where weights or subtasks do not add up to a score."""
    if scoring == "weighted" and not sum(test.weight for test in problem.tests) > 0:
        raise GroundTruthInvalid("expected weights of which one is above 0, got none")
    if scoring == "subtasks":
        _require_subtasks(problem.subtasks, {test.subtask for test in problem.tests})


def _require_subtasks(points: Mapping[str, float], named: set[str | None]) -> None:
    if None in named:
        raise GroundTruthInvalid("expected every test to name its subtask, as `scoring` is subtasks")
    if named != points.keys():
        strangers = ", ".join(sorted(map(str, named ^ points.keys())))
        raise GroundTruthInvalid(
            f"expected `subtasks` and those of the tests to be the same, got alone: {strangers:.200}"
        )
    if not sum(points.values()) > 0 or min(points.values()) < 0:
        raise GroundTruthInvalid("expected `subtasks` with points of 0 or more, some above 0")
