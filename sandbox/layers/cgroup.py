"""Control groups, where we may make some: one for each side of a slot, kept from run to run.

A group is what nothing escapes: it counts the CPU time of children nobody waited for, and its memory is bounded by the
kernel. Version 1 is three hierarchies with a group in each, version 2 a single group in a delegated one.

Who keeps a slot holds a lock on its groups; where nobody does, they are leftovers of a server that was killed.
"""

from __future__ import annotations

import fcntl
import os
import signal
import time
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

_PREFIX: Final = "assay-"
_MOUNTS: Final = "/proc/self/mountinfo"
_CONTROLLERS: Final = ("memory", "pids", "cpuacct")
_CANARY_BYTES: Final = 16 << 20
_CANARY_TASKS: Final = 4
_CANARY_SECONDS: Final = 2.0
_CANARY_LOOK_SECONDS: Final = 0.001
_REMOVE_TRIES: Final = 100
_REMOVE_PAUSE_SECONDS: Final = 0.01


@dataclass
class Group(ABC):
    """Of one side. The methods are cheap enough for every run; they raise OSError where the kernel refuses."""

    folders: tuple[str, ...]
    _open: dict[str, int] = field(default_factory=dict)

    @abstractmethod
    def begin(self, memory_bytes: int, tasks: int) -> None:
        """Set the limits of the next run and count its usage from here."""

    @abstractmethod
    def cpu_seconds(self) -> float:
        """CPU time of the run so far, of all that ever was in the group."""

    @abstractmethod
    def peak_bytes(self) -> int:
        """The most memory the run has had so far, files in memory included; 0 where the kernel does not tell."""

    @abstractmethod
    def out_of_memory(self) -> bool:
        """Whether the run has met its memory limit, and what there was to reclaim has been reclaimed."""

    @abstractmethod
    def admit(self, pid: int) -> None:
        """Move a process with a single thread into the group; its children will be in it too."""

    def end(self) -> None:
        """Kill all that is in the group."""
        kill(self.folders[0])

    def open_files(self) -> None:
        """Before the first run, in the process that uses the group."""
        self._open = {name: os.open(self._path(name), flags | os.O_CLOEXEC) for name, flags in self._files().items()}

    @abstractmethod
    def _files(self) -> dict[str, int]:
        """Names of the files used in every run, and how they are opened."""

    def _path(self, name: str) -> str:
        return next(path for folder in self.folders if os.path.exists(path := os.path.join(folder, name)))

    def _read(self, name: str) -> str:
        return os.pread(self._open[name], 4_096, 0).decode()

    def _write(self, name: str, value: int) -> None:
        os.pwrite(self._open[name], b"%d" % value, 0)


class GroupV1(Group):
    """Nothing is killed at the memory limit: what needs more waits, until the supervisor sees it and ends the run."""

    def _files(self) -> dict[str, int]:
        both = ("memory.limit_in_bytes", "memory.max_usage_in_bytes", "memory.oom_control", "pids.max", "cpuacct.usage")
        return dict.fromkeys(both, os.O_RDWR)

    def open_files(self) -> None:
        super().open_files()
        self._write("memory.oom_control", 1)
        self._tasks = [os.open(os.path.join(folder, "tasks"), os.O_WRONLY | os.O_CLOEXEC) for folder in self.folders]

    def begin(self, memory_bytes: int, tasks: int) -> None:
        self._write("memory.limit_in_bytes", memory_bytes)
        self._write("pids.max", tasks)
        self._write("cpuacct.usage", 0)
        self._write("memory.max_usage_in_bytes", 0)

    def cpu_seconds(self) -> float:
        return int(self._read("cpuacct.usage")) / 1e9

    def peak_bytes(self) -> int:
        return int(self._read("memory.max_usage_in_bytes"))

    def out_of_memory(self) -> bool:
        return "under_oom 1" in self._read("memory.oom_control")

    def admit(self, pid: int) -> None:
        for fd in self._tasks:
            os.pwrite(fd, b"%d" % pid, 0)


class GroupV2(Group):
    """At the memory limit the kernel kills all that is in the group."""

    _killed_before: int = 0
    _micros_before: int = 0

    def _files(self) -> dict[str, int]:
        reads = dict.fromkeys(("memory.events", "cpu.stat"), os.O_RDONLY)
        writes = dict.fromkeys(("memory.max", "pids.max", "cgroup.procs"), os.O_WRONLY)
        return {**reads, **writes}

    def open_files(self) -> None:
        super().open_files()
        for name, value in (("memory.swap.max", "0"), ("memory.oom.group", "1")):
            with suppress(OSError, StopIteration), open(self._path(name), "w") as file:
                file.write(value)
        with suppress(OSError, StopIteration):  # from Linux 5.19 on, and from 6.12 on it can be set back
            peak = os.open(self._path("memory.peak"), os.O_RDWR | os.O_CLOEXEC)
            self._open["memory.peak"] = peak

    def begin(self, memory_bytes: int, tasks: int) -> None:
        self._write("memory.max", memory_bytes)
        self._write("pids.max", tasks)
        self._killed_before = self._value("memory.events", "oom_kill")
        self._micros_before = self._value("cpu.stat", "usage_usec")
        if "memory.peak" in self._open:
            os.write(self._open["memory.peak"], b"0")

    def cpu_seconds(self) -> float:
        return (self._value("cpu.stat", "usage_usec") - self._micros_before) / 1e6

    def peak_bytes(self) -> int:
        return int(self._read("memory.peak")) if "memory.peak" in self._open else 0

    def out_of_memory(self) -> bool:
        return self._value("memory.events", "oom_kill") > self._killed_before

    def admit(self, pid: int) -> None:
        self._write("cgroup.procs", pid)

    def _value(self, file: str, name: str) -> int:
        return next((int(line.split()[1]) for line in self._read(file).splitlines() if line.startswith(f"{name} ")), 0)


@dataclass
class Groups:
    """Those of one slot, made by its keeper. `version`: 1 or 2."""

    version: int
    groups: tuple[Group, ...]
    locks: tuple[int, ...]

    def remove(self) -> None:
        """When no process of the slot is left."""
        for group in self.groups:
            for folder in group.folders:
                _remove(folder)


def make(name: str, sides: int, parent: str | None = None) -> Groups | None:
    """Groups of this name below our own, or below `parent` in version 2; None where that is not possible here."""
    for version, parents in ((2, _v2_parents(parent)), (1, _v1_parents())):
        if not parents:
            continue
        made = _make_alone(version, parents, name, sides)
        if made is not None and _holds(made.groups[0]):
            return made
        _remove_all(parents, name, sides)
    return None


def _make_alone(version: int, parents: list[str], name: str, sides: int) -> Groups | None:
    """None where it fails. Under a lock: between making a group and locking it, it looks like a leftover."""
    try:
        door = os.open(parents[0], os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(door, fcntl.LOCK_EX)
        for parent in parents:
            _sweep(parent)
        return _make(version, parents, name, sides)
    except OSError:
        return None
    finally:
        os.close(door)


def _holds(group: Group) -> bool:
    """Whether a process that wants more memory than its group may have does not get it, and is ended with the group."""
    resume, start = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(start)
        os.read(resume, 1)
        os._exit(len(bytearray(_CANARY_BYTES)) & 1)
    try:
        group.begin(_CANARY_BYTES // 4, _CANARY_TASKS)
        group.admit(pid)
        os.write(start, b"x")
        deadline = time.monotonic() + _CANARY_SECONDS
        while not group.out_of_memory():
            if time.monotonic() > deadline:
                return False
            time.sleep(_CANARY_LOOK_SECONDS)
        group.end()
        return os.waitpid(pid, 0)[1] == signal.SIGKILL
    except OSError:
        return False
    finally:
        with suppress(OSError):
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        os.close(start)
        os.close(resume)


def _make(version: int, parents: list[str], name: str, sides: int) -> Groups:
    groups, locks = [], []
    for side in range(sides):
        folders = tuple(os.path.join(parent, f"{_PREFIX}{name}-{side}") for parent in parents)
        for folder in folders:
            os.mkdir(folder)
            locks.append(os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
            fcntl.flock(locks[-1], fcntl.LOCK_EX)
        group = (GroupV1 if version == 1 else GroupV2)(folders)
        group.open_files()  # tries whether they may be written
        groups.append(group)
    return Groups(version, tuple(groups), tuple(locks))


def _remove_all(parents: list[str], name: str, sides: int) -> None:
    for parent in parents:
        for side in range(sides):
            with suppress(OSError):
                os.rmdir(os.path.join(parent, f"{_PREFIX}{name}-{side}"))


def _v1_parents() -> list[str]:
    """Our own group in each hierarchy that is needed; empty if one is missing."""
    own = {name: path for line in _lines("/proc/self/cgroup") for name in line.split(":")[1].split(",")
           for path in [line.split(":", 2)[2]]}  # fmt: skip
    found = []
    for controller in _CONTROLLERS:
        mounts = [words[4] for words in _mounts("cgroup") if controller in words[-1].split(",")]
        paths = [mounts[0] + own[controller].rstrip("/")] if mounts and controller in own else []
        found += [path for path in paths if os.access(path, os.W_OK)]
    return found if len(found) == len(_CONTROLLERS) else []


def _v2_parents(parent: str | None) -> list[str]:
    """Where groups with memory and task limits can be made: it must have been delegated, and hand both on."""
    if parent is None:
        own = [line[3:] for line in _lines("/proc/self/cgroup") if line.startswith("0::")]
        mounts = [words[4] for words in _mounts("cgroup2")]
        if not own or not mounts:
            return []
        parent = mounts[0] + own[0].rstrip("/")
    handed_on = " ".join(_lines(os.path.join(parent, "cgroup.subtree_control"))).split()
    usable = {"memory", "pids"} <= set(handed_on) and os.access(parent, os.W_OK)
    return [parent] if usable else []


def _mounts(kind: str) -> list[list[str]]:
    """The words of those lines of mountinfo that are about such file systems; the last one holds the controllers."""
    words = [line.split() for line in _lines(_MOUNTS)]
    return [one for one in words if one[one.index("-") + 1] == kind]


def _lines(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read().splitlines()
    except OSError:
        return []


def _sweep(parent: str) -> None:
    """End and remove what a killed server has left."""
    with suppress(OSError):
        for name in os.listdir(parent):
            if name.startswith(_PREFIX):
                _sweep_one(os.path.join(parent, name))


def _sweep_one(folder: str) -> None:
    with suppress(OSError):
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails where its keeper lives
            _remove(folder)
        finally:
            os.close(fd)


def _remove(folder: str) -> None:
    """Remove a group, killing what may be left in it. It takes a moment until the dead are gone."""
    for _ in range(_REMOVE_TRIES):
        try:
            os.rmdir(folder)
            return
        except FileNotFoundError:
            return
        except OSError:
            kill(folder)
            time.sleep(_REMOVE_PAUSE_SECONDS)


def kill(folder: str) -> None:
    """End all that is in a group: at one stroke where the kernel can, otherwise one after the other."""
    try:
        fd = os.open(os.path.join(folder, "cgroup.kill"), os.O_WRONLY | os.O_CLOEXEC)
    except OSError:
        for pid in _lines(os.path.join(folder, "cgroup.procs")):
            with suppress(OSError):
                os.kill(int(pid), signal.SIGKILL)
        return
    try:
        os.write(fd, b"1")
    finally:
        os.close(fd)
