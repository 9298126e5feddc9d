"""Everything about the sandbox that can be set. Plain values; nothing here reads the environment."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

SMALLEST_CACHE_BYTES: Final = 256 << 20  # a few of the largest programs


class Level(StrEnum):
    """How strongly a run is kept apart, weakest first."""

    NONE = "none"  # a layer of `base` is missing
    BASE = "base"  # no_new_privs, rlimits, Landlock, seccomp, supervisor; programs share the server's uid
    UID = "uid"  # base, and each side of each slot has a uid of its own
    NAMESPACES = "namespaces"  # base, own uids where we are root, and own file system, network, IPC for each slot
    GVISOR = "gvisor"  # each slot in a gVisor sandbox, with own uids, seccomp and rlimits in it; no Landlock is there

    @property
    def rank(self) -> int:
        return list(Level).index(self)


@dataclass(frozen=True)
class SandboxConfig:
    """Units are in the names; the defaults suit a server that judges short programs."""

    slots: int = field(default_factory=lambda: max(1, len(os.sched_getaffinity(0))))  # runs at one time
    python: str | None = None  # interpreter for the programs; None: the first that every slot can read
    namespaces: bool | None = None  # None: where the kernel lets us; True: open() refuses to go on without them
    runtime: str | None = None  # gVisor's runsc, or its path: each slot lives inside it, or open() refuses to go on
    runtime_flags: tuple[str, ...] = ()  # of runsc itself, such as --platform=kvm
    cgroup: bool = True  # use control groups where some can be made
    cgroup_parent: str | None = None  # a delegated group of version 2 to make them in; None: the server's own
    base_uid: int = 60_000  # as root, slot n uses base_uid + 2n for a program and base_uid + 2n + 1 for its tester
    work_root: str = field(default_factory=tempfile.gettempdir)  # the work folders are made below it
    floor: Level = Level.BASE  # open() refuses to go on below this level
    allow_unsafe: bool = False  # run below the floor all the same; every result says isolation "none"
    poll_seconds: float = 0.015  # between two looks at a run's memory, CPU and disk
    partner_grace_seconds: float = 0.25  # a solution may take this long to end after its tester has
    cleanup_seconds: float = 10.0  # longest time to kill a tree before the slot counts as broken
    start_seconds: float = 20.0  # longest time for a zygote to become ready
    languages: tuple[str, ...] | None = None  # names of those that may be used; None: all this host has tools for
    try_languages_at_open: bool = False  # find out in the background which work; otherwise when first asked for
    cache_dir: str | None = None  # of compiled programs; None: a folder of this user that programs can pass through
    cache_bytes: int = 1 << 30  # of compiled programs; what is prepared for compilers comes on top, about 150 MiB
    toolchain_dir: str | None = None  # what `sandbox prepare` has made, so that no first request waits for it

    def __post_init__(self) -> None:
        if self.slots < 1:
            raise ValueError(f"slots must be at least 1, not {self.slots}")
        if not 0.001 <= self.poll_seconds <= 1:
            raise ValueError(f"poll_seconds must be between 0.001 and 1, not {self.poll_seconds}")
        if self.base_uid < 1:
            raise ValueError(f"base_uid must not be root's: {self.base_uid}")
        if self.cache_bytes < SMALLEST_CACHE_BYTES:
            raise ValueError(f"cache_bytes must be at least {SMALLEST_CACHE_BYTES}, not {self.cache_bytes}")
