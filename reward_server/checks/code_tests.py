"""`code`: does the program in the completion pass its tests? How they are judged is told in reward_server.code."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, ClassVar, Literal

from pydantic import AliasChoices, ConfigDict, Field

from reward_server.checks.base import CheckInput, GoldView, Params, ProgramCheck, Verdict
from reward_server.code.blocks import extract_source
from reward_server.code.engine import CodeJudge
from reward_server.code.judgement import Judgement
from reward_server.code.submission import MIB, require_scorable, submission
from reward_server.completion import with_prefill
from reward_server.ground_truth.code import CodeTests, kind_of_tests, parse_code_tests
from reward_server.ground_truth.references import reference_of
from reward_server.programs import Plan, RunResult
from reward_server.wire import GoldKind
from sandbox.types import Limits

PROBLEMS_KEPT = 64
LONGEST_KEPT = 256 << 10  # characters of a ground truth that is kept parsed
SMALLEST_MEMORY_MB = 128  # interpreters take tens before the program starts

DETAIL = {
    "verdict": "of the submission: that of its first test that failed",
    "message": "what the verdict says beyond its name",
    "passed": "tests that passed",
    "total": "tests that there are",
    "tests": "the verdict of each test",
    "trusted": "strong, or weak where a test had to run beside the program",
    "isolation": "the weakest level at which a program of this item ran",
    "subtasks": "the score of each subtask, where there are any",
    "compile": "what the compiler said, where it refused",
}

Language = Literal["python", "c", "cpp", "java", "javascript", "go", "rust", "bash"]


class CodeParams(Params):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    language: Language = Field(default="python", description="of the programs, where the ground truth does not say")
    scoring: Literal["all", "fraction", "weighted", "subtasks"] = Field(
        default="all",
        validation_alias=AliasChoices("scoring", "partial"),
        description="all: 1 when every test passes, else 0; or partial credit as in /v1/code/judge",
    )
    cpu_seconds: float | None = Field(
        default=None, gt=0, le=60, description="of each run, over its whole process tree; the problem's own, else 4"
    )
    wall_seconds: float | None = Field(
        default=None, gt=0, le=180, description="of each run; 15, or three times its CPU time where that is more"
    )
    memory_mb: int | None = Field(default=None, ge=32, le=4096, description="of each run; the problem's own, else 512")
    hide_io: bool = Field(default=False, description="leave what the program wrote out of the detail")

    def limits(self, problem: CodeTests) -> Limits:
        """What the caller says, else the problem, else what is fit for most."""
        cpu = self.cpu_seconds or min(problem.time_limit_s or 4.0, 60.0)
        own = problem.memory_limit_mb and min(max(problem.memory_limit_mb, SMALLEST_MEMORY_MB), 4096)
        return Limits(
            cpu_seconds=cpu,
            wall_seconds=self.wall_seconds or max(15.0, 3 * cpu),
            memory_bytes=(self.memory_mb or own or 512) * MIB,
        )


class CodeCheck(ProgramCheck):
    name: ClassVar[str] = "code"
    version: ClassVar[str] = "3"
    description: ClassVar[str] = "1 when the program in the completion passes its tests, run in the sandbox"
    source: ClassVar[str] = "DeepSeek-R1 (arXiv:2501.12948) section 2.2.2, accuracy reward for code"
    ground_truth: ClassVar[str] = (
        "tests: {tests: [{type: stdin | call | assert | check | unittest | pytest | compile, …}]}, a list of asserts, "
        "or a row of a known data set, whole (docs/code.md)"
    )
    params: ClassVar[type[Params]] = CodeParams
    detail: ClassVar[Mapping[str, str]] = DETAIL
    example: ClassVar[Mapping[str, Any]] = {
        "checks": [{"check": "code", "params": {"scoring": "fraction"}}],
        "items": [
            {
                "completion": "```python\ndef add(a, b):\n    return a + b\n```",
                "ground_truth": ["assert add(1, 2) == 3", "assert add(-1, 1) == 0"],
            },
            {
                "completion": "```python\ndef add(a, b):\n    return 3\n```",
                "ground_truth": ["assert add(1, 2) == 3", "assert add(-1, 1) == 0"],
            },
        ],
    }
    _judge: ClassVar[CodeJudge] = CodeJudge()

    def plan(self, item: CheckInput, params: CodeParams) -> Plan | Verdict:
        problem = _problem(json.dumps(item.ground_truth), params.language)
        require_scorable(problem, params.scoring)
        written = submission(
            extract_source(with_prefill(item), problem.language),
            problem,
            params.limits(problem),
            params.scoring,
            prompt=item.prompt or "",
            stop_on_failure=params.scoring == "all",
            hide_io=params.hide_io,
        )
        return verdict_of(written if isinstance(written, Judgement) else self._judge.plan(written), problem)

    def settled(self, plan: Plan, results: Sequence[RunResult]) -> bool:
        return self._judge.settled(plan, results)

    def judge(self, plan: Plan, results: Sequence[RunResult]) -> Plan | Verdict:
        return verdict_of(self._judge.judge(plan, results), plan.context.submission.problem)

    def read_gold(self, item: CheckInput, params: CodeParams) -> GoldView:
        """Its answer is the reference solution, where the row carries one."""
        problem = _problem(json.dumps(item.ground_truth), params.language)
        require_scorable(problem, params.scoring)
        kinds = Counter(test.type for test in problem.tests)
        tests = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
        return GoldView(
            kind_of_tests(problem), f"{problem.language}: {tests}", reference_of(item.ground_truth, problem)
        )


def _problem(ground_truth_json: str, language: str) -> CodeTests:
    """Parsed once per problem, not once per completion."""
    parse = _kept if len(ground_truth_json) <= LONGEST_KEPT else _parsed
    return parse(ground_truth_json, language)


def _parsed(ground_truth_json: str, language: str) -> CodeTests:
    return parse_code_tests(json.loads(ground_truth_json), language)


_kept = lru_cache(maxsize=PROBLEMS_KEPT)(_parsed)


def verdict_of(step: Plan | Judgement, problem: CodeTests | None = None) -> Plan | Verdict:
    """`problem` is that of a ground truth; None where the tests came otherwise."""
    return step if isinstance(step, Plan) else _verdict(step, None if problem is None else kind_of_tests(problem))


def _verdict(judgement: Judgement, kind: GoldKind | None) -> Verdict:
    compiled = judgement.compilation is None or judgement.compilation.ok
    detail: dict[str, Any] = {
        "verdict": judgement.verdict.value,
        "message": judgement.message,
        "passed": judgement.passed,
        "total": judgement.total,
        "tests": [report.verdict.value for report in judgement.tests],
        "trusted": judgement.trusted.value,
        "isolation": judgement.isolation,
        "subtasks": dict(judgement.subtasks),
        "compile": None if compiled or judgement.compilation is None else judgement.compilation.text,
    }
    return Verdict(judgement.score, detail, judgement.flags, gold_kind=kind)
