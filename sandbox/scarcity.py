"""What makes a run fail that is neither its own doing nor one of its limits: the machine's memory or disk has ended."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Final

_LEAST_FREE_BYTES: Final = 1 << 20
_LEAST_FREE_FILES: Final = 16
_COUNTERS: Final = "/proc/vmstat"
_KILLS: Final = b"oom_kill "


class Scarcity:
    """Of one run at a time. What is killed elsewhere meanwhile counts too: then the run is done once more for it."""

    def __init__(self, work_root: str | None) -> None:
        """`work_root`: None for one in a file system of its own, which only programs can fill, and on purpose."""
        self._work_root = work_root
        self._kills = 0

    def begin(self) -> None:
        """Before each run."""
        self._kills = _memory_kills()

    def reason(self) -> str | None:
        """Why a run that failed may not have failed by itself; None where nothing was scarce."""
        if self._kills != _memory_kills():
            return "the machine, or the group of processes that this is in, had no memory left and programs were killed"
        if self._work_root is not None and _is_full(self._work_root):
            return "the disk of the work folders is full"
        return None


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
