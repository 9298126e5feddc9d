"""Test code as a tester program (mode TESTS), and the report it gives: what a caller of `run_pair` needs.

The tester's source is a JSON object {"prelude": code, "cases": [{"code", "entry", "collect"}, ...]}; its report, on a
descriptor of its own, one JSON object a line: {"case", "status", "error", "message", "cause", "weak"}.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from sandbox import plain
from sandbox.errors import PlainError
from sandbox.types import Mode, Program


class CaseStatus(StrEnum):
    PASSED = "passed"
    FAILED = "failed"  # an assertion
    ERROR = "error"  # any other exception, or the solution's process was gone
    UNTRANSFERABLE = "untransferable"  # something that is not plain had to cross; see Cause
    UNSUPPORTED = "unsupported"  # the test code uses something of pytest that is not here: it judges nobody
    NOT_RUN = "not_run"  # the tester ended before


class Cause(StrEnum):
    """What could not cross. ARGUMENT is the test's own doing; the others a solution can bring about on purpose.

    RESULT includes arguments that may have come from the solution before: too large, too deep, or opaque ones.
    """

    NONE = ""
    ARGUMENT = "argument"
    RESULT = "result"
    ATTRIBUTE = "attribute"


@dataclass(frozen=True)
class Case:
    """One test. All cases of a program share one namespace, in which the prelude has run first.

    `entry` is the function under test: where the code defines `check`, `check(entry)` is called (HumanEval). Its forms
    are `f`, `Class.method` and `Class().method`; the last two make a fresh instance for each call. It also has to be
    given where a function has the name of a builtin, which is not asked of the solution otherwise.
    `collect`: run the unittest classes, and the functions and classes for pytest, that the code defines.
    """

    code: str
    entry: str | None = None
    collect: bool = False


@dataclass(frozen=True)
class CaseResult:
    status: CaseStatus
    error: str = ""  # the exception's class
    message: str = ""  # at most MESSAGE_CHARACTERS of it
    cause: Cause = Cause.NONE
    weak: bool = False  # it rests on a comparison that a class of the solution made itself


MESSAGE_CHARACTERS = 200


def pytest_for_one_process() -> dict[str, bytes]:
    """`Program.files` for a program that runs test files in its own process: `pytest`, with `run_collected`."""
    return {"pytest.py": (Path(__file__).parent / "drivers" / "minipytest.py").read_bytes()}


def make_tester(cases: Sequence[Case], prelude: str = "") -> Program:
    """The tester for these cases, to be the second program of `run_pair`."""
    source = json.dumps({"prelude": prelude, "cases": [asdict(case) for case in cases]})
    return Program(source, Mode.TESTS)


def read_report(channel: bytes, count: int) -> tuple[CaseResult, ...]:
    """The tester's `ExecutionResult.channel` as exactly `count` results, in the order of the cases.

    Raises PlainError if it is not a report, which only the test code itself can have caused.
    """
    results = [_result(plain.parse_json(text), number) for number, text in enumerate(channel.split(b"\n")[:-1])]
    if len(results) > count:
        raise PlainError(f"expected {count} results, got {len(results)}")
    return (*results, *[CaseResult(CaseStatus.NOT_RUN)] * (count - len(results)))


def _result(message: Any, number: int) -> CaseResult:
    try:
        if message["case"] != number:
            raise PlainError(f"expected the result of case {number}")
        status, cause = CaseStatus(message["status"]), Cause(message["cause"])
        return CaseResult(status, str(message["error"]), str(message["message"]), cause, message.get("weak") is True)
    except (TypeError, KeyError, ValueError) as error:
        raise PlainError(f"malformed result of case {number}") from error
