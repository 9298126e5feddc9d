"""From how a program ended to the verdict of a test."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from reward_server.lenient_json import printable
from sandbox.types import ExecutionResult, RunStatus

SHOWN_CHARS = 500


class TestVerdict(StrEnum):
    __test__ = False  # not for pytest

    ACCEPTED = "accepted"
    WRONG_ANSWER = "wrong_answer"
    RUNTIME_ERROR = "runtime_error"
    TIME_LIMIT_EXCEEDED = "time_limit_exceeded"
    MEMORY_LIMIT_EXCEEDED = "memory_limit_exceeded"
    OUTPUT_LIMIT_EXCEEDED = "output_limit_exceeded"
    SECURITY_VIOLATION = "security_violation"


@dataclass(frozen=True)
class Outcome:
    """Of one test. `weak`: program and test shared a process, so a hostile program could have lied. `opaque`: the
    program gave something that is no plain value, so the test could not look at it.
    """

    verdict: TestVerdict
    message: str = ""
    weak: bool = False
    opaque: bool = False

    @property
    def accepted(self) -> bool:
        return self.verdict is TestVerdict.ACCEPTED


def shown(text: str) -> str:
    """What a program wrote, fit for an answer: short, and with nothing that JSON cannot hold."""
    return printable(text[:SHOWN_CHARS])


_BY_STATUS = {
    RunStatus.SIGNALED: TestVerdict.RUNTIME_ERROR,
    RunStatus.CPU_LIMIT: TestVerdict.TIME_LIMIT_EXCEEDED,
    RunStatus.WALL_LIMIT: TestVerdict.TIME_LIMIT_EXCEEDED,
    RunStatus.MEMORY_LIMIT: TestVerdict.MEMORY_LIMIT_EXCEEDED,
    RunStatus.OUTPUT_LIMIT: TestVerdict.OUTPUT_LIMIT_EXCEEDED,
    RunStatus.DISK_LIMIT: TestVerdict.OUTPUT_LIMIT_EXCEEDED,
    RunStatus.PROCESS_LIMIT: TestVerdict.RUNTIME_ERROR,  # as a failing fork would be
    RunStatus.SECURITY_VIOLATION: TestVerdict.SECURITY_VIOLATION,
}


def bad_end(result: ExecutionResult) -> Outcome | None:
    """The outcome where the program broke a limit, crashed or exited non-zero; None where it ended well."""
    verdict = _BY_STATUS.get(result.status)
    if verdict is not None:
        return Outcome(verdict, f"{result.status.value}{f' {result.signal}' if result.signal else ''}")
    if result.status is RunStatus.EXITED and result.exit_code != 0:
        return Outcome(TestVerdict.RUNTIME_ERROR, last_line(result.stderr) or f"exit code {result.exit_code}")
    return None


def last_line(stderr: bytes) -> str:
    """What Python says last: the exception."""
    lines = stderr[-4096:].decode("utf-8", "replace").strip().splitlines()
    return shown(lines[-1]) if lines else ""
