"""The processes below the supervisor: finding them, adding up what they use, ending them to the last one.

The supervisor is a subreaper: whatever a program starts, however often it forks and whatever session it moves to, stays
below the supervisor in the tree.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

_TICKS_PER_SECOND: Final = os.sysconf("SC_CLK_TCK")
_ZOMBIE: Final = b"Z"
_FORK_TRIES: Final = 200
_FORK_PAUSE_SECONDS: Final = 0.01
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
_LARGE_SPACE_BYTES: Final = 8 << 30  # of addresses: the page tables of less are at most 16 MiB
_CHILDREN_FILES: Final = os.path.exists(f"/proc/self/task/{os.getpid()}/children")  # CONFIG_PROC_CHILDREN

Exit = tuple[int, int, float, int]  # pid, wait status, CPU seconds and peak bytes of it and the children it waited for


@dataclass(frozen=True)
class Usage:
    """One process at one moment. CPU includes that of children it has waited for."""

    pid: int
    parent: int
    threads: int
    cpu_seconds: float
    memory_bytes: int


def fork() -> int:
    """os.fork, tried again while the system has no process to give: a neighbour may be a fork bomb, soon ended."""
    for _ in range(_FORK_TRIES - 1):
        try:
            return os.fork()
        except BlockingIOError:
            time.sleep(_FORK_PAUSE_SECONDS)
    return os.fork()


def descendants(root: int, at_most: int = 1 << 30, spared: int = 0) -> list[Usage]:
    """The processes below root, parents before their children. Those that start or end meanwhile may be missed.

    Looking costs time that a fork bomb leaves nobody: it ends when more than `at_most` are found. `spared` and what is
    below it are left out.
    """
    return _by_children_files(root, at_most, spared) if _CHILDREN_FILES else _by_full_scan(root, spared)


def _by_children_files(root: int, at_most: int, spared: int) -> list[Usage]:
    found: list[Usage] = []
    pending = _children(root, [root])
    while pending and len(found) <= at_most:
        pid = pending.pop()
        usage = usage_of(pid) if pid != spared else None
        if usage is not None:
            found.append(usage)
            pending += _children(usage.pid, [usage.pid] if usage.threads <= 1 else _threads(usage.pid))
    return found


def _children(pid: int, threads: Iterable[int]) -> list[int]:
    pids: list[int] = []
    for thread in threads:
        with suppress(OSError), open(f"/proc/{pid}/task/{thread}/children", "rb", buffering=0) as file:
            pids += map(int, file.read().split())
    return pids


def _threads(pid: int) -> list[int]:
    with suppress(OSError):
        return [int(name) for name in os.listdir(f"/proc/{pid}/task")]
    return []


def _by_full_scan(root: int, spared: int = 0) -> list[Usage]:
    by_parent: dict[int, list[Usage]] = {}
    for name in os.listdir("/proc"):
        usage = usage_of(int(name)) if name.isdecimal() else None
        if usage is not None and usage.pid != spared:
            by_parent.setdefault(usage.parent, []).append(usage)
    found = list(by_parent.get(root, ()))
    for usage in found:  # grows while it is read
        found += by_parent.get(usage.pid, ())
    return found


def usage_of(pid: int) -> Usage | None:
    """What /proc says about a process, None if there is none."""
    fields = _stat(f"/proc/{pid}")
    if fields is None:
        return None
    ticks, threads, path = sum(map(int, fields[11:15])), int(fields[17]), f"/proc/{pid}"
    parent = int(fields[1])
    if fields[0] == _ZOMBIE and threads > 1:
        path, fields = _living_thread(pid) or (path, fields)
    memory_bytes = int(fields[21]) * _PAGE_BYTES
    if int(fields[20]) > _LARGE_SPACE_BYTES:
        memory_bytes += _table_bytes(path)
    return Usage(pid, parent, threads, ticks / _TICKS_PER_SECOND, memory_bytes)


def _stat(path: str) -> list[bytes] | None:
    try:
        with open(f"{path}/stat", "rb", buffering=0) as file:
            return file.read().rpartition(b")")[2].split()  # the name before it may hold anything
    except OSError:
        return None


def _table_bytes(path: str) -> int:
    """Memory of its page tables: what is only read of a huge mapping takes none but these."""
    with suppress(OSError), open(f"{path}/status", "rb") as file:
        for line in file:
            if line.startswith(b"VmPTE:"):
                return int(line.split()[1]) << 10
    return 0


def delay_seconds(pid: int) -> float:
    """How long the threads of a process were ready to run and waited for a processor: the one that waited longest."""
    delays = [0]
    for path in task_paths(pid):
        with suppress(OSError, IndexError), open(f"{path}/schedstat", "rb", buffering=0) as file:
            delays.append(int(file.read().split()[1]))
    return max(delays) / 1e9


def _living_thread(pid: int) -> tuple[str, list[bytes]] | None:
    """Of a process whose first thread has ended: /proc shows it as empty while the others live on in it."""
    stats = [(path, fields) for path in task_paths(pid) if (fields := _stat(path)) is not None]
    return max(stats, key=lambda one: int(one[1][21]), default=None)


def task_paths(pid: int) -> list[str]:
    """The folder of each thread of a process in /proc."""
    return [f"/proc/{pid}/task/{thread}" for thread in _threads(pid)]


def proportional_bytes(pid: int) -> int | None:
    """Memory of a process with shared pages divided among those who share them, and of its page tables; None if it may
    not be looked at.
    """
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
            for line in file:
                if line.startswith(b"Pss:"):
                    return (int(line.split()[1]) << 10) + _table_bytes(f"/proc/{pid}")
    except OSError:
        return None
    return None


def reap() -> list[Exit]:
    """Collect every child that has ended. Does not wait."""
    exits: list[Exit] = []
    while True:
        try:
            pid, status, used = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return exits
        if pid == 0:
            return exits
        exits.append((pid, status, used.ru_utime + used.ru_stime, used.ru_maxrss << 10))


def kill_all(limit_seconds: float, on_exit: Callable[[Exit], None], spared: int = 0) -> bool:
    """End every process below this one but `spared`, a child that has none; True when none is left.

    `on_exit` sees each one that was reaped.
    """
    deadline = time.monotonic() + limit_seconds
    pause_seconds = 0.0
    while time.monotonic() < deadline:
        stopped = _stop_all(os.getpid(), spared)
        for pid in stopped:
            _signal(pid, signal.SIGKILL)
        exits = reap()
        for one in exits:
            on_exit(one)
        if not stopped and not exits:
            return True
        time.sleep(pause_seconds)
        pause_seconds = min(0.01, pause_seconds + 0.0005)
    return False


def _stop_all(root: int, spared: int) -> set[int]:
    """Stop every process below root, until a look finds no more of them; those that were found.

    Each is stopped at once when it is found: among hundreds that fork, who first makes a list never gets to its end.
    """
    stopped: set[int] = set()
    while True:
        before = len(stopped)
        pending = _child_pids(root)
        while pending:
            pid = pending.pop()
            if pid == spared:
                continue
            if pid not in stopped:
                _signal(pid, signal.SIGSTOP)
                stopped.add(pid)
            pending += _child_pids(pid)
        if len(stopped) == before:
            return stopped


def _child_pids(pid: int) -> list[int]:
    if _CHILDREN_FILES:
        return _children(pid, _threads(pid))
    return [usage.pid for usage in _by_full_scan(pid) if usage.parent == pid]


def has_child(spared: int) -> bool:
    """Whether this process has a child, living or not yet collected, besides that one."""
    return any(pid != spared for pid in _child_pids(os.getpid()))


def _signal(pid: int, number: int) -> None:
    with suppress(OSError):
        os.kill(pid, number)
