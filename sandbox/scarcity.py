"""What makes a run fail that is neither its own doing nor one of its limits: memory, disk or processes have ended."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from sandbox.ground import tasks_of
from sandbox.layers.rlimits import shared_uid_processes
from sandbox.types import Limits

_LEAST_FREE_BYTES: Final = 1 << 20
_LEAST_FREE_FILES: Final = 16
_COUNTERS: Final = "/proc/vmstat"
_KILLS: Final = b"oom_kill "


class Scarcity:
    """Of one run at a time. What is killed elsewhere meanwhile counts too: then the run is done once more for it."""

    def __init__(self, work_root: str | None, sharing_slots: int | None) -> None:
        """`work_root`: None for one in a file system of its own, which only programs can fill, and on purpose.

        `sharing_slots`: how many slots share our uid and its RLIMIT_NPROC; None where a program has one of its own.
        """
        self._work_root = work_root
        self._sharing_slots = sharing_slots
        self._running = tasks_of(os.getuid()) if sharing_slots else 0
        self._kills = 0

    def begin(self) -> None:
        """Before each run."""
        self._kills = _memory_kills()

    def reason(self, limits: Iterable[Limits]) -> str | None:
        """Why a run of these limits that failed may not have failed by itself; None where nothing was scarce.

        To be asked when none of its own processes is left.
        """
        if self._kills != _memory_kills():
            return "the machine, or the group of processes that this is in, had no memory left and programs were killed"
        if self._work_root is not None and _is_full(self._work_root):
            return "the disk of the work folders is full"
        if self._sharing_slots and self._is_crowded(self._sharing_slots, limits):
            return "the user of the sandbox had no process left: a fork bomb in another slot, or programs outside"
        return None

    def _is_crowded(self, slots: int, limits: Iterable[Limits]) -> bool:
        """Whether others left less than it may have of what RLIMIT_NPROC gives to all of this user."""
        tasks = tasks_of(os.getuid())
        return any(tasks + one.processes > shared_uid_processes(self._running, slots, one) for one in limits)


def _memory_kills() -> int:
    """How many processes the kernel has killed since it started because memory had ended; 0 where it does not tell."""
    with suppress(OSError, ValueError), open(_COUNTERS, "rb") as file:
        return sum(int(line.split()[1]) for line in file if line.startswith(_KILLS))
    return 0


def _is_full(folder: str) -> bool:
    with suppress(OSError):
        info = os.statvfs(folder)
        no_files = info.f_files > 0 and info.f_favail < _LEAST_FREE_FILES
        return no_files or info.f_bavail * info.f_frsize < _LEAST_FREE_BYTES
    return False
