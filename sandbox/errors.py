"""What can go wrong on our side. What their program does wrong is a value: an ExecutionResult, never one of these.

SandboxError
├── InvalidProgramError      the caller handed over something that cannot be started at all
├── SandboxFloorError        this host protects less than the configured floor
├── SandboxClosedError       the sandbox was closed before or during the run
├── SandboxCancelledError    the caller's own cancel event ended the run
├── SandboxCrashedError      a process of ours died or answered nonsense (retryable)
└── PlainError               a message is not an encoded value
    └── UnsupportedValueError    a value has no encoding
        └── ForeignTypeError     because of its type, however small it is
"""

from __future__ import annotations

from typing import ClassVar


class SandboxError(Exception):
    """Root of the tree. `retryable` says whether the same run may succeed when tried again."""

    retryable: ClassVar[bool] = False


class InvalidProgramError(SandboxError):
    """The program or its limits cannot be used as they are."""


class SandboxFloorError(SandboxError):
    """The start-up self-test found less protection than the configured floor."""


class SandboxClosedError(SandboxError):
    """There is no sandbox to run in any more."""


class SandboxCancelledError(SandboxError):
    """The caller no longer wants the result. The run is being ended; the slot serves again when that is done."""


class SandboxCrashedError(SandboxError):
    """A process of ours ended in the middle of a run: our fault, so no verdict. The slot is replaced."""

    retryable: ClassVar[bool] = True


class PlainError(SandboxError):
    """A message that should hold an encoded value does not."""


class UnsupportedValueError(PlainError):
    """A value that is not plain: it has no encoding, or is too deep or too large for one."""


class ForeignTypeError(UnsupportedValueError):
    """A value of a type that has no encoding. `kind` is the type, where it is known."""

    kind: type | None = None
