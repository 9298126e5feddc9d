"""What a server and the programs it runs leave on the machine: seen from outside, by root, through /proc."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

PROGRAM_USERS = 60_000  # SandboxConfig.base_uid
_CACHE = re.compile(r"assay-sandbox-[0-9]+")
SHARED_FOLDERS = ("tmp", "var/tmp", "dev/shm")


@dataclass(frozen=True)
class Seen:
    """Of one process tree, at one moment."""

    processes: int
    descriptors: int
    memory_bytes: int  # proportional set size
    files: frozenset[str]  # in the folders that everybody can write to, and below the sandbox's own


def children_of(pid: int) -> list[int]:
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
        return [int(c) for t in tasks for c in Path(f"/proc/{pid}/task/{t}/children").read_text().split()]
    except OSError:
        return []


def tree(root: int) -> list[int]:
    """The process and all below it."""
    found = [root]
    for pid in found:
        found += children_of(pid)
    return found


def observe(root: int, own: Path | None = None) -> Seen:
    """The tree of `root`, and the files in the folders of its own mount namespace; `own`: its TMPDIR, if not /tmp."""
    pids = tree(root)
    return Seen(
        processes=len(pids),
        descriptors=sum(_count(f"/proc/{pid}/fd") for pid in pids),
        memory_bytes=sum(map(proportional_bytes, pids)),
        files=frozenset(_files(root, own)),
    )


def proportional_bytes(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) << 10
    except OSError:
        return 0
    return 0


def programs_of(users: set[int]) -> list[str]:
    """Command lines of all processes of these uids on the machine, whoever their parent is."""
    found = []
    for name in filter(str.isdecimal, os.listdir("/proc")):
        try:
            if os.stat(f"/proc/{name}").st_uid in users:
                found.append(f"{name} {Path(f'/proc/{name}/cmdline').read_bytes()[:80]!r}")
        except OSError:
            continue
    return found


def _count(path: str) -> int:
    try:
        return len(os.listdir(path))
    except OSError:
        return 0


def _files(root: int, own: Path | None) -> list[str]:
    """What users of programs own in the shared folders, and everything in the server's own, work folders too."""
    outside = Path(f"/proc/{root}/root")
    server = os.stat(f"/proc/{root}").st_uid
    users = {server} if server else range(PROGRAM_USERS, PROGRAM_USERS + 1_000)
    found = []
    for folder in (outside / shared for shared in SHARED_FOLDERS):
        found += [f"{folder.name}/{entry.name}" for entry in _entries(folder) if _owner(entry) in users]
    for entry in _entries(own or outside / "tmp"):
        if _CACHE.fullmatch(entry.name):
            continue  # of compiled programs: meant to stay
        found.append(entry.name)
        if entry.name.startswith("assay-sandbox-"):
            found += [f"{entry.name}/{slot.name}/{e.name}" for slot in _entries(entry) for e in _entries(slot)]
    return [name for name in found if not name.startswith("tmp/assay-")]


def _owner(path: Path) -> int:
    try:
        return path.lstat().st_uid
    except OSError:
        return -1


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []
