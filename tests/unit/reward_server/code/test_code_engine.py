"""Rounds, verdicts and scores, on results made by hand. The same through the real sandbox: tests/contract."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from reward_server.code.engine import CodeJudge, Judgement, Submission, internal_judgement, response, submission_of
from reward_server.errors import GroundTruthInvalid
from reward_server.programs import Plan, RunResult
from reward_server.wire import Fault, ItemError
from reward_server.wire_code import CodeJudgeRequest, CodeVerdict, Trust
from sandbox.types import Compilation, ExecutionResult, Mode, RunStatus

ENDED = ExecutionResult(RunStatus.EXITED, 0, None, b"", b"", b"", 0.004, 0.006, 9 << 20, "base")
LATE = replace(ENDED, status=RunStatus.CPU_LIMIT, exit_code=None)
CRASHED = replace(ENDED, exit_code=1, stderr=b"Traceback\nValueError: no \xff\n")
BROKEN = replace(
    ENDED, status=RunStatus.NOT_COMPILED, exit_code=None, compilation=Compilation(False, False, 0.5, "line 1: no")
)
JUDGE = CodeJudge()


def submitted(*tests: dict[str, Any], source: str = "print(1)", **fields: Any) -> Submission:
    request = CodeJudgeRequest.model_validate({"source": source, "tests": list(tests), **fields})
    submission = submission_of(request)
    assert isinstance(submission, Submission)
    return submission


def stdin(stdout: str = "1", **fields: Any) -> dict[str, Any]:
    return {"type": "stdin", "stdin": "0", "stdout": stdout, **fields}


def said(stdout: bytes) -> ExecutionResult:
    return replace(ENDED, stdout=stdout)


def plan_of(submission: Submission) -> Plan:
    plan = JUDGE.plan(submission)
    assert isinstance(plan, Plan)
    return plan


def judged(plan: Plan, results: Sequence[ExecutionResult]) -> Judgement:
    judgement = JUDGE.judge(plan, [RunResult(result) for result in results])
    assert isinstance(judgement, Judgement)
    return judgement


def settled_after(plan: Plan, results: Sequence[ExecutionResult]) -> int:
    """How many of the results are asked for."""
    for count in range(1, len(results) + 1):
        if JUDGE.settled(plan, [RunResult(result) for result in results[:count]]):
            return count
    return len(results)


@pytest.mark.parametrize(
    ("result", "verdict"),
    [
        (said(b"1\n"), "accepted"),
        (said(b"2\n"), "wrong_answer"),
        (CRASHED, "runtime_error"),
        (replace(ENDED, status=RunStatus.SIGNALED, exit_code=None, signal=11), "runtime_error"),
        (LATE, "time_limit_exceeded"),
        (replace(LATE, status=RunStatus.WALL_LIMIT), "time_limit_exceeded"),
        (replace(LATE, status=RunStatus.MEMORY_LIMIT), "memory_limit_exceeded"),
        (replace(LATE, status=RunStatus.OUTPUT_LIMIT), "output_limit_exceeded"),
        (replace(LATE, status=RunStatus.DISK_LIMIT), "output_limit_exceeded"),
        (replace(LATE, status=RunStatus.PROCESS_LIMIT), "runtime_error"),
        (replace(LATE, status=RunStatus.SECURITY_VIOLATION), "security_violation"),
        (BROKEN, "compile_error"),
    ],
)
def test_every_end_has_its_verdict(result: ExecutionResult, verdict: str) -> None:
    judgement = judged(plan_of(submitted(stdin())), [result])
    assert (judgement.verdict.value, judgement.tests[0].verdict.value) == (verdict, verdict)
    assert judgement.score == (verdict == "accepted")


def test_a_report_says_what_a_run_used_and_wrote() -> None:
    plan = plan_of(submitted(stdin("secret-answer")))
    result = replace(CRASHED, stdout=b"x" * 5000 + b"\x00\x1b[2J\xff\n")
    (report,) = judged(plan, [result]).tests
    assert (report.cpu_ms, report.wall_ms, report.memory_kb, report.exit_code) == (4, 6, 9216, 1)
    assert report.stdout_tail.endswith("x\ufffd\ufffd[2J\ufffd\n")
    assert len(report.stdout_tail.encode()) <= 2048
    assert report.message == "ValueError: no \ufffd"
    assert "secret" not in report.model_dump_json()


def test_what_a_program_wrote_can_be_left_out() -> None:
    plan = plan_of(submitted(stdin(), hide_io=True))
    (report,) = judged(plan, [CRASHED]).tests
    assert (report.stdout_tail, report.stderr_tail, report.message) == ("", "", "exit code 1")


TWO_OF_FOUR = [said(b"1"), said(b"2"), said(b"1"), said(b"2")]


@pytest.mark.parametrize(("scoring", "score"), [("all", 0.0), ("fraction", 0.5), ("weighted", 0.4), ("subtasks", 0.3)])
def test_partial_credit(scoring: str, score: float) -> None:
    tests = [stdin(weight=weight, subtask=subtask) for weight, subtask in ((1, "a"), (2, "b"), (3, "c"), (4, "b"))]
    points = {"a": 10, "b": 70, "c": 20}
    judgement = judged(plan_of(submitted(*tests, scoring=scoring, subtasks=points)), TWO_OF_FOUR)
    assert judgement.score == pytest.approx(score)
    assert judgement.subtasks == {"a": 10, "b": 0, "c": 20}
    assert (judgement.passed, judgement.total, judgement.verdict) == (2, 4, CodeVerdict.WRONG_ANSWER)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"scoring": "weighted", "tests": [stdin(weight=0)]}, "weights"),
        ({"scoring": "subtasks", "tests": [stdin()], "subtasks": {"a": 1}}, "every test"),
        ({"scoring": "subtasks", "tests": [stdin(subtask="a")]}, "the same"),
        ({"scoring": "subtasks", "tests": [stdin(subtask="a")], "subtasks": {"a": 1, "b": 2}}, "the same"),
        ({"scoring": "subtasks", "tests": [stdin(subtask="a")], "subtasks": {"a": 0}}, "points"),
        ({"tests": [{"type": "assert", "code": "import x"}]}, "tests nothing"),
        ({"tests": [{"type": "assert", "code": "assert f()"}], "language": "c"}, "python"),
        ({"tests": [stdin()], "language": "cobol"}, "a language of"),
    ],
)
def test_tests_that_can_test_nothing_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(GroundTruthInvalid, match=message):
        submission_of(CodeJudgeRequest.model_validate({"source": "x", **fields}))


def test_a_failure_settles_only_where_asked() -> None:
    tests = [stdin()] * 4
    assert settled_after(plan_of(submitted(*tests)), TWO_OF_FOUR) == 4
    plan = plan_of(submitted(*tests, stop_on_failure=True))
    assert settled_after(plan, TWO_OF_FOUR) == 2
    judgement = judged(plan, TWO_OF_FOUR[:2])
    assert [report.verdict.value for report in judgement.tests] == ["accepted", "wrong_answer", "not_run", "not_run"]
    assert judgement.score == 0.25


def test_time_outs_settle_after_three_or_at_once_where_all_must_pass() -> None:
    results = [LATE, said(b"1"), LATE, said(b"1"), LATE, said(b"1")]
    assert settled_after(plan_of(submitted(*[stdin()] * 6)), results) == 5
    assert settled_after(plan_of(submitted(*[stdin()] * 6, scoring="all")), results) == 1


def test_a_program_that_does_not_compile_fails_every_test_and_is_built_once() -> None:
    plan = plan_of(submitted(*[stdin()] * 3, language="c++"))
    assert plan.runs[0].program.language == "cpp"
    assert settled_after(plan, [BROKEN] * 3) == 1
    judgement = judged(plan, [BROKEN])
    assert [report.verdict for report in judgement.tests] == [CodeVerdict.COMPILE_ERROR] * 3
    assert judgement.compilation is not None
    assert (judgement.compilation.ok, judgement.compilation.ms, judgement.compilation.text) == (
        False,
        500,
        "line 1: no",
    )


def test_compiling_comes_first_and_alone() -> None:
    plan = plan_of(submitted(stdin(), {"type": "compile"}, language="rust"))
    assert [run.compile_only for run in plan.runs] == [True, False]
    cached = replace(ENDED, compilation=Compilation(True, True, 0.0, ""))
    judgement = judged(plan, [cached, replace(cached, stdout=b"1")])
    assert (judgement.verdict, judgement.compilation and judgement.compilation.cached) == (CodeVerdict.ACCEPTED, True)


def test_each_result_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from reward_server.code import parts

    reads: list[bytes] = []
    same_output = parts.same_output
    monkeypatch.setattr(parts, "same_output", lambda *given: reads.append(given[1]) or same_output(*given))
    plan = plan_of(submitted(*[stdin()] * 4))
    results = [RunResult(result) for result in TWO_OF_FOUR]
    for count in range(1, 5):
        JUDGE.settled(plan, results[:count])
    weaker = [RunResult(replace(result.program, isolation="none")) for result in results]
    judgement = JUDGE.judge(plan, weaker)
    assert isinstance(judgement, Judgement)
    assert (judgement.isolation, len(reads)) == ("none", 4)


def test_a_plan_can_be_judged_again_on_other_results() -> None:
    plan = plan_of(submitted(stdin()))
    assert [judged(plan, [said(text)]).score for text in (b"1", b"2", b"1")] == [1.0, 0.0, 1.0]


def reply(number: int, value: Any) -> ExecutionResult:
    return replace(ENDED, channel=json.dumps({"id": number, **value}).encode() + b"\n")


@pytest.mark.parametrize(
    ("result", "verdict", "message"),
    [
        (reply(1, {"value": 3}), "accepted", ""),
        (reply(1, {"value": True}), "wrong_answer", ""),
        (reply(2, {"value": 3}), "runtime_error", "expected the reply to request 1"),
        (reply(1, {"unsupported": "a T"}), "wrong_answer", "the result is no plain value: a T"),
        (
            reply(1, {"error": {"type": "KeyError", "base": "KeyError", "args": [], "message": "x"}}),
            "runtime_error",
            "KeyError: x",
        ),
        (replace(reply(1, {"value": 3}), exit_code=7), "runtime_error", "exit code 7"),
        (replace(ENDED, channel=b"\xff\n"), "runtime_error", "message is not JSON: UnicodeDecodeError"),
        (LATE, "time_limit_exceeded", "cpu_limit"),
    ],
)
def test_calls_are_judged_by_their_reply(result: ExecutionResult, verdict: str, message: str) -> None:
    plan = plan_of(submitted({"type": "call", "entry": "add", "args": [1, 2], "expected": 3}))
    assert plan.runs[0].program.mode is Mode.CALLS
    (report,) = judged(plan, [result]).tests
    assert (report.verdict.value, report.message) == (verdict, message)


@pytest.mark.parametrize(
    ("source", "entry"),
    [
        ("def f(): ...", "f"),
        ("class Solution:\n    def f(self): ...", "Solution.f"),
        ("def f(): ...\nclass Solution: ...", "f"),
        ("x = 1", "f"),
    ],
)
def test_a_function_may_be_a_method_of_solution(source: str, entry: str) -> None:
    plan = plan_of(submitted({"type": "call", "entry": "f", "expected": 1}, source=source))
    assert json.loads(plan.runs[0].program.channel)["entry"] == entry


CHECKER = {"source": "…", "language": "python"}


def checked(outcome: ExecutionResult, **checker: Any) -> Judgement | Plan:
    plan = plan_of(submitted(stdin(checker={**CHECKER, **checker})))
    second = JUDGE.judge(plan, [RunResult(said(b"7\xff\n"))])
    assert isinstance(second, Plan)
    (run,) = second.runs
    assert run.program.files == {"input": b"0", "output": b"7\xff\n", "answer": b"1"}
    return JUDGE.judge(second, [RunResult(outcome)])


@pytest.mark.parametrize(
    ("protocol", "result", "score"),
    [
        ("testlib", ENDED, 1.0),
        ("testlib", replace(ENDED, exit_code=1), 0.0),
        ("testlib", replace(ENDED, exit_code=2), 0.0),
        ("testlib", replace(ENDED, exit_code=7, stderr=b"points 0.25 partly\n"), 0.25),
        ("prints", said(b"1\n"), 1.0),
        ("prints", said(b"0\n"), 0.0),
        ("prints", said(b"0.5"), 0.5),
        ("prints", said(b"debug\nTrue"), 1.0),
        ("prints", said(b"NO"), 0.0),
    ],
)
def test_a_checker_decides(protocol: str, result: ExecutionResult, score: float) -> None:
    judgement = checked(result, protocol=protocol)
    assert isinstance(judgement, Judgement)
    assert judgement.score == judgement.tests[0].score == score
    assert judgement.tests[0].exit_code == 0  # of the program, not of the checker


@pytest.mark.parametrize(
    ("protocol", "result"),
    [
        ("testlib", replace(ENDED, exit_code=9)),
        ("testlib", replace(CRASHED, stderr=b"Traceback (most recent call last):\n")),
        ("testlib", LATE),
        ("testlib", replace(ENDED, exit_code=7)),
        ("prints", CRASHED),
        ("prints", said(b"")),
        ("prints", said(b"2")),
        ("prints", said(b"nan")),
    ],
)
def test_a_checker_that_fails_is_tried_on_the_expected_output(protocol: str, result: ExecutionResult) -> None:
    trial = checked(result, protocol=protocol)
    assert isinstance(trial, Plan)
    assert trial.runs[0].program.files["output"] == b"1"
    accepts = ENDED if protocol == "testlib" else said(b"1")
    judgement = JUDGE.judge(trial, [RunResult(accepts)])
    assert isinstance(judgement, Judgement)
    assert (judgement.score, judgement.flags) == (0.0, ("checker_failed_on_output",))
    with pytest.raises(GroundTruthInvalid, match="does not accept the expected output"):
        JUDGE.judge(trial, [RunResult(result)])


def test_a_checker_that_fails_is_tried_before_it_is_run_on_the_other_tests() -> None:
    step = JUDGE.judge(plan_of(submitted(*[stdin(checker=CHECKER)] * 6)), [RunResult(said(b"7"))] * 6)
    outputs = []
    while isinstance(step, Plan):
        results = []
        for run in step.runs:
            outputs.append(run.program.files["output"])
            results.append(RunResult(ENDED if outputs[-1] == b"1" else LATE))
            if JUDGE.settled(step, results):
                break
        step = JUDGE.judge(step, results)
    assert outputs == [b"7", b"1"] * 3  # and after the third it is not run any more
    assert [report.verdict.value for report in step.tests] == ["wrong_answer"] * 3 + ["not_run"] * 3


def test_a_checker_that_fails_its_trial_is_not_run_again() -> None:
    step = JUDGE.judge(plan_of(submitted(*[stdin(checker=CHECKER)] * 6)), [RunResult(said(b"7"))] * 6)
    assert isinstance(step, Plan)
    assert JUDGE.settled(step, [RunResult(LATE)])
    trial = JUDGE.judge(step, [RunResult(LATE)])
    assert isinstance(trial, Plan)
    with pytest.raises(GroundTruthInvalid, match="the checker of test 0"):
        JUDGE.settled(trial, [RunResult(LATE)])


@pytest.mark.parametrize("result", [BROKEN, replace(ENDED, exit_code=3)])
def test_a_checker_that_says_so_itself_judges_nobody(result: ExecutionResult) -> None:
    with pytest.raises(GroundTruthInvalid, match="the checker of test 0"):
        checked(result)


def test_a_completion_without_a_program_is_judged_at_once() -> None:
    request = CodeJudgeRequest.model_validate({"completion": "<think>hm", "tests": [stdin(), stdin()], "id": "a"})
    judgement = submission_of(request)
    assert isinstance(judgement, Judgement)
    answer = response(judgement, "a")
    assert (answer.verdict, answer.score, answer.total, answer.id) == (CodeVerdict.NO_CODE, 0.0, 2, "a")
    assert [report.verdict for report in answer.tests] == [CodeVerdict.NOT_RUN] * 2


def test_a_fault_of_ours_has_no_score() -> None:
    error = ItemError(code="worker_lost", message="gone", fault=Fault.SERVER, retryable=True)
    answer = internal_judgement(3, error, "a")
    assert (answer.verdict, answer.score, answer.total, answer.error) == (CodeVerdict.INTERNAL_ERROR, None, 3, error)
    assert answer.trusted is Trust.STRONG
