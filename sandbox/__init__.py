"""Runs programs that nobody trusts and says what they did. The public door; how it works is told in runner.py."""

from sandbox.config import Level, SandboxConfig
from sandbox.errors import (
    InvalidProgramError,
    PlainError,
    SandboxCancelledError,
    SandboxClosedError,
    SandboxCrashedError,
    SandboxError,
    SandboxFloorError,
    UnsupportedValueError,
)
from sandbox.runner import Sandbox, run, run_pair
from sandbox.types import Compilation, ExecutionResult, LanguageStatus, Limits, Mode, Program, RunStatus

__all__ = [
    "Compilation",
    "ExecutionResult",
    "InvalidProgramError",
    "LanguageStatus",
    "Level",
    "Limits",
    "Mode",
    "PlainError",
    "Program",
    "RunStatus",
    "Sandbox",
    "SandboxCancelledError",
    "SandboxClosedError",
    "SandboxConfig",
    "SandboxCrashedError",
    "SandboxError",
    "SandboxFloorError",
    "UnsupportedValueError",
    "run",
    "run_pair",
]
