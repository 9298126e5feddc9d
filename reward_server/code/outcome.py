"""From how a program ended to the outcome of a test."""

from __future__ import annotations

from dataclasses import dataclass

from reward_server.wire_code import CodeVerdict, Usage
from sandbox.types import ExecutionResult, RunStatus

SHOWN_CHARS = 500
TAIL_BYTES = 2048
_CONTROLS = {code: "\ufffd" for code in (*range(32), *range(127, 160)) if chr(code) not in "\t\n\r"}
_CONTROLS |= dict.fromkeys(range(0xD800, 0xE000), "\ufffd")

NOTHING_RUN = Usage()


@dataclass(frozen=True)
class Outcome:
    """Of one test.

    `said` is in the program's own words, `message` in ours. `weak`: the verdict rests on what the program said of
    itself, so a hostile one could have lied. `opaque`: the program gave something that is no plain value, so the test
    could not look at it. `points`: what a checker gave where it is neither 0 nor 1.
    """

    verdict: CodeVerdict
    message: str = ""
    said: str = ""
    weak: bool = False
    opaque: bool = False
    points: float | None = None
    usage: Usage = NOTHING_RUN
    flag: str = ""

    @property
    def accepted(self) -> bool:
        return self.verdict is CodeVerdict.ACCEPTED

    @property
    def score(self) -> float:
        return float(self.accepted) if self.points is None else self.points


def shown(text: str) -> str:
    """What a program wrote, fit for an answer: short, and without what JSON cannot hold and terminals obey."""
    return text[:SHOWN_CHARS].translate(_CONTROLS)


def tail(data: bytes) -> str:
    """The end of what a program wrote, at most TAIL_BYTES in UTF-8."""
    text = data[-TAIL_BYTES:].decode("utf-8", "replace").translate(_CONTROLS)
    return text.encode()[-TAIL_BYTES:].decode("utf-8", "ignore")


def usage(result: ExecutionResult, *, streams: bool = True) -> Usage:
    """What a run used. Without `streams` where tests share the process: what it wrote may hold expected values."""
    return Usage(
        cpu_ms=round(1000 * result.cpu_seconds),
        wall_ms=round(1000 * result.wall_seconds),
        memory_kb=result.peak_memory_bytes // 1024,
        exit_code=result.exit_code,
        signal=result.signal,
        stdout_tail=tail(result.stdout) if streams else "",
        stderr_tail=tail(result.stderr) if streams else "",
    )


VERDICTS = {
    RunStatus.SIGNALED: CodeVerdict.RUNTIME_ERROR,
    RunStatus.CPU_LIMIT: CodeVerdict.TIME_LIMIT_EXCEEDED,
    RunStatus.WALL_LIMIT: CodeVerdict.TIME_LIMIT_EXCEEDED,
    RunStatus.MEMORY_LIMIT: CodeVerdict.MEMORY_LIMIT_EXCEEDED,
    RunStatus.OUTPUT_LIMIT: CodeVerdict.OUTPUT_LIMIT_EXCEEDED,
    RunStatus.DISK_LIMIT: CodeVerdict.OUTPUT_LIMIT_EXCEEDED,
    RunStatus.PROCESS_LIMIT: CodeVerdict.RUNTIME_ERROR,  # as a failing fork would be
    RunStatus.SECURITY_VIOLATION: CodeVerdict.SECURITY_VIOLATION,
    RunStatus.NOT_COMPILED: CodeVerdict.COMPILE_ERROR,
}


def ended_as(result: ExecutionResult) -> CodeVerdict:
    """What the end of a run by itself says: accepted where it ended well."""
    if result.status is RunStatus.EXITED and result.exit_code != 0:
        return CodeVerdict.RUNTIME_ERROR
    return VERDICTS.get(result.status, CodeVerdict.ACCEPTED)


def bad_end(result: ExecutionResult) -> Outcome | None:
    """The outcome where the program broke a limit, crashed or exited non-zero; None where it ended well."""
    verdict = ended_as(result)
    if verdict is CodeVerdict.ACCEPTED:
        return None
    if result.status is RunStatus.NOT_COMPILED:
        return Outcome(verdict, "the program does not compile")
    if result.status is RunStatus.EXITED:
        return Outcome(verdict, f"exit code {result.exit_code}", last_line(result.stderr))
    return Outcome(verdict, f"{result.status.value}{f' {result.signal}' if result.signal else ''}")


def last_line(stderr: bytes) -> str:
    """What Python says last: the exception."""
    lines = stderr[-4096:].decode("utf-8", "replace").strip().splitlines()
    return shown(lines[-1]) if lines else ""
