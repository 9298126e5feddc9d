"""Limits that the kernel keeps for each process. Those of a whole tree are kept by watching: see watch.py."""

from __future__ import annotations

import math
import resource
from typing import Final

from sandbox.command import Command
from sandbox.types import Limits

_DATA_MARGIN_BYTES: Final = 64 << 20  # the watcher, which counts what is really used, shall be the first to act
_STACK_BYTES: Final = 64 << 20  # for deep recursion in C; more would make every thread of an exec'd program as large
_SHARED_UID_SLACK: Final = 64  # threads the server itself may add while programs of its uid run
_PENDING_SIGNALS: Final = 1_024  # timers are such, and the kernel takes seconds to remove a hundred thousand of them
_RUNTIME_TASKS: Final = 64  # and those of a runtime, a JVM for one, in each slot


def apply(limits: Limits, processes: int | None, command: Command | None = None) -> None:
    """Lower this process's limits for good, but for those on files. `processes`: how many its uid may have, if limited.

    For what is executed, the stack of the first thread has no limit of its own, only that on memory; the C library then
    gives other threads 2 MiB each. Runtimes that reserve more than they use get no limit on data: see Command.
    """
    cpu_seconds = math.ceil(limits.cpu_seconds) + 1  # the watcher is exact, this is its backstop
    _set(resource.RLIMIT_CPU, cpu_seconds, cpu_seconds + 1)
    if command is None:
        _set(resource.RLIMIT_DATA, limits.memory_bytes + _DATA_MARGIN_BYTES)
        _set(resource.RLIMIT_STACK, _STACK_BYTES)
    else:
        if command.data_margin_bytes is not None:
            _set(resource.RLIMIT_DATA, limits.memory_bytes + command.data_margin_bytes)
        _lift(resource.RLIMIT_STACK)
    if processes is not None:
        _set(resource.RLIMIT_NPROC, processes)


def apply_to_files(limits: Limits) -> None:
    """The rest of them, when everything that a program needs has been opened and written: that is not its own doing."""
    _set(resource.RLIMIT_FSIZE, limits.file_bytes)
    _set(resource.RLIMIT_NOFILE, limits.open_files)


def apply_constant(queues: bool) -> None:
    """Those limits that are the same for every program: lowered once, in the zygote.

    `queues`: those on POSIX queues and pending signals too, which gVisor does not let us set.
    """
    for kind in (resource.RLIMIT_CORE, resource.RLIMIT_MEMLOCK):
        _set(kind, 0)
    if queues:
        _set(resource.RLIMIT_MSGQUEUE, 0)
        _set(resource.RLIMIT_SIGPENDING, _PENDING_SIGNALS)


def shared_uid_processes(running: int, slots: int, limits: Limits) -> int:
    """RLIMIT_NPROC where the uid is the server's own: it counts the server's threads and all slots too."""
    return running + slots * (limits.processes + _RUNTIME_TASKS) + _SHARED_UID_SLACK


def _lift(kind: int) -> None:
    _, ceiling = resource.getrlimit(kind)
    resource.setrlimit(kind, (ceiling, ceiling))


def _set(kind: int, soft: int, hard: int | None = None) -> None:
    """Set a limit, or the highest one below it that this process may still set."""
    _, ceiling = resource.getrlimit(kind)
    wanted = soft if hard is None else hard
    if ceiling != resource.RLIM_INFINITY:
        soft, wanted = min(soft, ceiling), min(wanted, ceiling)
    resource.setrlimit(kind, (soft, wanted))
