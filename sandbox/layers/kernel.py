"""System calls that Python has no name for. Nothing here decides anything."""

from __future__ import annotations

import ctypes
import os
from typing import Any, Final

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long

PR_SET_PDEATHSIG: Final = 1
PR_SET_DUMPABLE: Final = 4
PR_SET_CHILD_SUBREAPER: Final = 36
PR_SET_NO_NEW_PRIVS: Final = 38

_LOG_READ_ALL: Final = 3
_LOG_BYTES: Final = 4_096  # what gVisor says of itself is not a tenth of that


def checked(result: int, what: str) -> int:
    """The result of a call of the C library. Raises OSError where it is negative."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def syscall(number: int, *arguments: Any) -> int:
    """The result of a raw system call. Integers are passed as longs, ctypes objects as they are."""
    passed = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    result: int = libc.syscall(ctypes.c_long(number), *passed)
    return checked(result, f"system call {number}")


def is_gvisor() -> bool:
    """Whether the kernel we talk to is gVisor's: its log starts with that. Only root is sure to be told."""
    log = ctypes.create_string_buffer(_LOG_BYTES)
    size = libc.klogctl(ctypes.c_int(_LOG_READ_ALL), log, ctypes.c_int(_LOG_BYTES))
    return size > 0 and b"Starting gVisor" in log.raw[:size]


def prctl(option: int, value: int) -> None:
    zeros = [ctypes.c_ulong(0)] * 3
    checked(libc.prctl(ctypes.c_int(option), ctypes.c_ulong(value), *zeros), f"prctl {option}")
