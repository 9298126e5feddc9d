"""Runs the shared corpus of hostile and legitimate programs; also a script, so that another user and Python can run it.

Only what the sandbox can say alone is judged: the mapping from results to verdicts is the smallest that will do.
"""

from __future__ import annotations

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from sandbox import Limits, Mode, Program, RunStatus, Sandbox, SandboxConfig, SandboxCrashedError
from sandbox.calls import Call, ReplyKind, read_replies, requests
from sandbox.languages import of_file
from sandbox.suite import Case, CaseStatus, make_tester, read_report
from sandbox.types import ExecutionResult

SECRETS = (b"CANARY_7F3A", b"CANARY_EXPECTED_91")
_ATTEMPTS = 3
_BY_STATUS = {
    RunStatus.CPU_LIMIT: "time_limit_exceeded",
    RunStatus.WALL_LIMIT: "time_limit_exceeded",
    RunStatus.MEMORY_LIMIT: "memory_limit_exceeded",
    RunStatus.OUTPUT_LIMIT: "output_limit_exceeded",
    RunStatus.DISK_LIMIT: "runtime_error",
    RunStatus.PROCESS_LIMIT: "runtime_error",
    RunStatus.SECURITY_VIOLATION: "security_violation",
    RunStatus.SIGNALED: "runtime_error",
    RunStatus.NOT_COMPILED: "compile_error",
}
_ESCAPED = ("/tmp/.c", "/var/tmp/.c", "/dev/shm/.c", "/tmp/escaped", "/tmp/PWNED")


def default_limits(wanted: dict[str, Any]) -> Limits:
    """Limits of the corpus, with less wall time: sleepers would make the suite slow."""
    return Limits(
        cpu_seconds=wanted.get("cpu_s", 2),
        wall_seconds=wanted.get("wall_s", 5) * 0.5,
        memory_bytes=wanted.get("memory_mb", 256) << 20,
        output_bytes=wanted.get("output_kb", 1024) << 10,
        processes=wanted.get("processes", 32),
        disk_bytes=wanted.get("disk_mb", 64) << 20,
        file_bytes=wanted.get("file_mb", 16) << 20,
    )


class Judge:
    """Verdicts of programs on the tests of a problem; keeps every output for the search for secrets."""

    def __init__(self, sandbox: Sandbox, limits: Limits) -> None:
        self.sandbox = sandbox
        self.limits = limits
        self.outputs = b""
        self.last: ExecutionResult | None = None
        self.language = "python"

    def verdict(self, source: str, mode: str, tests: list[dict[str, Any]], language: str = "python") -> str:
        self.language = language
        kind, _, entry = mode.partition(":")
        judge = {"stdin": self._stdin, "function": self._calls, "assert": self._suite, "unittest": self._suite}[kind]
        for test in tests:
            verdict = judge(source, {"entry": entry, **test})
            if verdict != "accepted":
                return verdict
        return "accepted"

    def _seen(self, result: ExecutionResult) -> str | None:
        self.last = result
        self.outputs += result.stdout + result.stderr + result.channel
        self.outputs += result.compilation.text.encode() if result.compilation else b""
        if result.status is RunStatus.EXITED:
            return None if result.exit_code == 0 else "runtime_error"
        return _BY_STATUS.get(result.status)

    def _run(self, program: Program) -> ExecutionResult:
        """As the server does it: once more where the run could not be carried out, for a bomb in the other slot."""
        for _ in range(_ATTEMPTS - 1):
            try:
                return self.sandbox.run(program, self.limits)
            except SandboxCrashedError:
                time.sleep(0.1)
        return self.sandbox.run(program, self.limits)

    def _stdin(self, source: str, test: dict[str, Any]) -> str:
        stdin = eval(test["stdin_expr"]) if "stdin_expr" in test else test["stdin"]  # the corpus is ours
        stdout = eval(test["stdout_expr"]) if "stdout_expr" in test else test["stdout"]
        program = Program(source, language=self.language, stdin=stdin.encode())
        result = self._run(program)
        failed = self._seen(result)
        right = [line.rstrip() for line in result.stdout.rstrip().split(b"\n")] == [
            line.rstrip() for line in stdout.rstrip().encode().split(b"\n")
        ]
        return failed or ("accepted" if right else "wrong_answer")

    def _calls(self, source: str, test: dict[str, Any]) -> str:
        channel = requests([Call(test["entry"], test["args"])])
        program = Program(source, Mode.CALLS, self.language, channel=channel)
        result = self._run(program)
        failed = self._seen(result)
        reply = read_replies(result.channel, 1)[0]
        if failed or reply.kind is not ReplyKind.VALUE:
            return failed or "runtime_error"
        return "accepted" if _plain_json(reply.value) == _plain_json(test["expected"]) else "wrong_answer"

    def _suite(self, source: str, test: dict[str, Any]) -> str:
        code = test.get("assert") or test.get("unittest") or test["code"]
        tester = make_tester([Case(f"# CANARY_EXPECTED_91\n{code}", collect="unittest" in code)])
        solution, tests = self.sandbox.run_pair(Program(source, Mode.CALLS), tester, self.limits)
        failed = self._seen(solution)
        self.outputs += tests.stdout
        status = read_report(tests.channel, 1)[0].status
        if failed:
            return failed
        return {CaseStatus.PASSED: "accepted", CaseStatus.FAILED: "wrong_answer"}.get(status, "runtime_error")


def _plain_json(value: Any) -> Any:
    """What the corpus compares: tuples are lists, keys are texts, floats are rounded."""
    return json.loads(json.dumps(value, default=repr), parse_float=lambda text: round(float(text), 6))


def hostile(sandbox: Sandbox, folder: Path) -> dict[str, str]:
    """Name → what is wrong, for the programs of the hostile corpus in languages that this host has."""
    problems = json.loads((folder / "_problems.json").read_text())
    index = json.loads((folder / "_index.json").read_text())
    here = {one.name for one in sandbox.languages()}
    entries = [entry for entry in index if _language(entry["file"]) in here]
    with ThreadPoolExecutor(sandbox.config.slots) as threads:
        complaints = threads.map(lambda entry: _complaint(sandbox, folder, entry, problems), entries)
        return {entry["file"]: text for entry, text in zip(entries, complaints, strict=True) if text}


def _language(name: str) -> str:
    language = of_file(name)
    assert language is not None, name
    return language.name


def _complaint(sandbox: Sandbox, folder: Path, entry: dict[str, Any], problems: dict[str, Any]) -> str:
    problem = problems[entry["mode"]]
    tests = [{"entry": problem.get("entry", ""), **test} for test in problem.get("tests", [problem])]
    judge = Judge(sandbox, default_limits(problems["limits"]))
    start, clock = time.monotonic(), time.time()
    language = _language(entry["file"])
    verdict = judge.verdict((folder / entry["file"]).read_text(), entry["mode"], tests, language)
    seconds = time.monotonic() - start
    wrong = []
    if verdict not in entry["expect"]:
        wrong.append(f"{verdict} instead of {entry['expect']}: {_told(judge.last)}")
    if any(secret in judge.outputs for secret in SECRETS) and entry["file"] != "read_own_mem_fork.py":
        wrong.append("a secret came out")
    if b"CONNECTED" in judge.outputs or b"SENT" in judge.outputs:
        wrong.append("a connection was made")
    if any(os.path.exists(path) for path in _ESCAPED):
        wrong.append("a file was left outside")
    if abs(time.time() - clock - seconds) > 5:
        wrong.append("the clock was changed")
    compiling = 2 * judge.limits.compile_seconds + 2 if language != "python" else 0
    if seconds > 5 * judge.limits.wall_seconds + compiling:
        wrong.append(f"it took {seconds:.1f} s")
    if (
        judge.verdict("a, b = map(int, open(0).read().split()); print(a + b)", "stdin", problems["stdin"]["tests"][:1])
        != "accepted"
    ):
        wrong.append("the next run failed")
    return "; ".join(wrong)


def _told(result: ExecutionResult | None) -> str:
    """How a run ended, as far as that explains a verdict."""
    if result is None:
        return "never run"
    return f"{result.status}, exit code {result.exit_code}, signal {result.signal}, {result.stderr[-300:]!r}"


def legitimate(sandbox: Sandbox, folder: Path) -> dict[str, str]:
    """Name → verdict, for the legitimate programs that did not get theirs."""
    wrong = {}
    here = {one.name for one in sandbox.languages()}
    for program in sorted(folder.glob("*/prog.*")):
        language = _language(program.name)
        if language not in here:
            continue
        spec = json.loads((program.parent / "tests.json").read_text())
        judge = Judge(sandbox, default_limits(spec["limits"]))
        verdict = judge.verdict(program.read_text(), spec["mode"], spec["tests"], language)
        if verdict != spec["expect"]:
            wrong[program.parent.name] = f"{verdict}: {judge.outputs[-500:]!r}"
    return wrong


def main() -> None:
    """argv: the corpus. Prints as JSON the level, the lowest that this user gets, and everything that was wrong."""
    folder = Path(sys.argv[1])
    os.environ["REWARD_SECRET"] = SECRETS[0].decode()
    with Sandbox(SandboxConfig(slots=2, namespaces=False, cgroup=False)) as sandbox:
        assert sandbox.report is not None
        wrong = {**hostile(sandbox, folder / "hostile"), **legitimate(sandbox, folder / "legit")}
        print(json.dumps({"level": sandbox.report.level, "uid": os.getuid(), "wrong": wrong}))


if __name__ == "__main__":
    main()
