"""Programs to run, and what came of them. A leaf: judges ask with these, executors answer with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from sandbox.types import ExecutionResult, Limits, Program

V_co = TypeVar("V_co", covariant=True)


@dataclass(frozen=True)
class Run:
    """One program, or a program and the tester that calls its functions from a process of its own.

    `compile_only`: nothing is run; the result's status is EXITED with code 0, or NOT_COMPILED.
    """

    program: Program
    limits: Limits
    tester: Program | None = None
    compile_only: bool = False


@dataclass(frozen=True)
class RunResult:
    program: ExecutionResult
    tester: ExecutionResult | None = None


@dataclass(frozen=True)
class Plan:
    """Programs to run, independent of each other; `context` is the judge's own note."""

    runs: Sequence[Run]
    context: Any = None


class Judge(Protocol[V_co]):
    """Two pure functions over what ran in between: the judge of a plan compares outside the sandbox what came out."""

    def settled(self, plan: Plan, results: Sequence[RunResult]) -> bool:
        """Whether the last of these results decides the verdict, so that the runs after it can be left out."""
        ...

    def judge(self, plan: Plan, results: Sequence[RunResult]) -> Plan | V_co:
        """The verdict, or another round. `results` belong to `plan.runs` in order and end where it was settled."""
        ...
