"""Forking a process that becomes a child of one's own parent: os.fork with CLONE_PARENT, which Python has no name for.

Only for a process with a single thread. What os.fork does around the system call is done here the same way.
"""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import time
from typing import Final

_CLONE_PARENT: Final = 0x00008000
_CLONE_CHILD_CLEARTID: Final = 0x00200000
_CLONE_CHILD_SETTID: Final = 0x01000000
_CLONE: Final = {"x86_64": (56, 3), "aarch64": (220, 4)}  # its number, and where it takes the child's tid address
_PR_GET_TID_ADDRESS: Final = 40
_TRIES: Final = 200
_PAUSE_SECONDS: Final = 0.01

_python = ctypes.pythonapi
_libc = ctypes.PyDLL(None, use_errno=True)  # holds the interpreter's lock over the call, as os.fork does
_libc.syscall.restype = ctypes.c_long


def fork() -> int:
    """0 in the child, its pid here. Tried again while the system has no process to give. Raises OSError."""
    for _ in range(_TRIES):
        pid = _clone()
        if pid >= 0:
            return pid
        if ctypes.get_errno() != errno.EAGAIN:
            break
        time.sleep(_PAUSE_SECONDS)
    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def fork_below_init() -> int:
    """The same by another way, for a process whose parent is the first of all, to which orphans come.

    gVisor needs it: it forks a child where a sibling was asked for. Raises OSError.
    """
    answer_end, child_end = os.pipe()
    hold_end, release_end = os.pipe()
    between = os.fork()
    if between == 0:
        _fork_and_end(child_end)
        for fd in (answer_end, child_end, release_end):
            os.close(fd)
        os.read(hold_end, 1)  # its end comes when we are an orphan
        os.close(hold_end)
        return 0
    for fd in (child_end, hold_end):
        os.close(fd)
    os.waitpid(between, 0)
    answer = os.read(answer_end, 20)
    for fd in (answer_end, release_end):
        os.close(fd)
    if not answer:
        raise OSError(errno.EAGAIN, "no process was left to give")
    return int(answer)


def _fork_and_end(child_end: int) -> None:
    """Fork, say which pid the child has, and end. Returns only in the child."""
    try:
        pid = os.fork()
    except OSError:
        os._exit(1)
    if pid:
        os.write(child_end, b"%d" % pid)
        os._exit(0)


def _clone() -> int:
    number, position = _CLONE[os.uname().machine]
    flags = _CLONE_PARENT | signal.SIGCHLD
    address = _tid_address()
    if address:
        flags |= _CLONE_CHILD_SETTID | _CLONE_CHILD_CLEARTID
    arguments = [flags, 0, 0, 0, 0]
    arguments[position] = address
    _python.PyOS_BeforeFork()
    pid: int = _libc.syscall(ctypes.c_long(number), *map(ctypes.c_long, arguments))
    if pid == 0:
        _python.PyOS_AfterFork_Child()
    else:
        _python.PyOS_AfterFork_Parent()
    return pid


def _tid_address() -> int:
    """Where the C library keeps this thread's id, which a fork must renew; 0 where the kernel does not tell it."""
    address = ctypes.c_void_p()
    zeros = [ctypes.c_ulong(0)] * 3
    done = _libc.prctl(ctypes.c_int(_PR_GET_TID_ADDRESS), ctypes.byref(address), *zeros)
    return int(address.value or 0) if done == 0 else 0
