"""A program to run for a check, and what came of it. A leaf: checks ask with these, executors answer with them."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.types import ExecutionResult, Limits, Program


@dataclass(frozen=True)
class Run:
    """One program, or a program and the tester that calls its functions from a process of its own."""

    program: Program
    limits: Limits
    tester: Program | None = None


@dataclass(frozen=True)
class RunResult:
    program: ExecutionResult
    tester: ExecutionResult | None = None
