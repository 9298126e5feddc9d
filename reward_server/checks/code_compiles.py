"""`code_compiles`: does the program in the completion compile, or where nothing is compiled, parse? It is not run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import Field

from reward_server.checks.base import CheckInput, Params, ProgramCheck, Verdict
from reward_server.checks.code_tests import DETAIL, Language, verdict_of
from reward_server.code.blocks import extract_source
from reward_server.code.engine import CodeJudge
from reward_server.code.judgement import Judgement
from reward_server.code.submission import submission
from reward_server.completion import with_prefill
from reward_server.ground_truth.code import CodeTests
from reward_server.programs import Plan, RunResult
from reward_server.wire_code import CompileTest
from sandbox.types import Limits


class CompilesParams(Params):
    language: Language = Field(default="python", description="of the program")
    compile_seconds: float = Field(default=10.0, gt=0, le=60, description="CPU time of the compiler")


class CodeCompiles(ProgramCheck):
    name: ClassVar[str] = "code_compiles"
    version: ClassVar[str] = "2"
    description: ClassVar[str] = "1 when the program in the completion compiles (for interpreted languages: parses)"
    source: ClassVar[str] = "DeepSeek-R1 (arXiv:2501.12948) section 2.2.2, the compiler as judge"
    params: ClassVar[type[Params]] = CompilesParams
    detail: ClassVar[Mapping[str, str]] = DETAIL
    example: ClassVar[Mapping[str, Any]] = {
        "checks": [{"check": "code_compiles"}],
        "items": [
            {"completion": "```python\ndef add(a, b):\n    return a + b\n```"},
            {"completion": "```python\ndef add(a, b)\n    return a + b\n```"},
        ],
    }
    _judge: ClassVar[CodeJudge] = CodeJudge()

    def plan(self, item: CheckInput, params: CompilesParams) -> Plan | Verdict:
        problem = CodeTests(language=params.language, tests=[CompileTest()])
        source = extract_source(with_prefill(item), params.language)
        limits = Limits(compile_seconds=params.compile_seconds, wall_seconds=2 * params.compile_seconds)
        written = submission(source, problem, limits, "all")
        return verdict_of(written if isinstance(written, Judgement) else self._judge.plan(written))

    def settled(self, plan: Plan, results: Sequence[RunResult]) -> bool:
        return self._judge.settled(plan, results)

    def judge(self, plan: Plan, results: Sequence[RunResult]) -> Plan | Verdict:
        return verdict_of(self._judge.judge(plan, results))
