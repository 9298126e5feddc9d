"""What every program of one slot stands on: made once in the slot's zygote, used for each run."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import Any, Final

from sandbox.layers import kernel, landlock, rlimits, seccomp
from sandbox.types import Limits

SPARE_DESCRIPTORS: Final = 16  # descriptors below are kept free for the programs' own
WALL_STRETCH: Final = 4  # a run may last so many times its wall limit, if it waited for a processor for the rest
DESCRIPTOR_CEILING: Final = 1_024  # no process of ours opens as many
_SYSTEM_PATHS: Final = (
    "/usr/lib", "/usr/lib64", "/lib", "/lib64", "/usr/bin", "/bin", "/usr/share/zoneinfo", "/etc/ld.so.cache",
)  # fmt: skip
SYSTEM_LINKS: Final = ("/lib", "/lib64", "/bin", "/sbin")  # where they are links
_READABLE_DEVICES: Final = ("/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")


@dataclass(frozen=True)
class SlotSettings:
    """What the server tells a zygote when it starts it. Crosses as JSON in argv, so it holds no secrets."""

    work_root: str
    uids: tuple[int, int] | None  # for a program and its tester; None: they keep the zygote's
    namespaces: bool  # enter some of our own
    gvisor: bool  # the slot is to live inside gVisor, see gvisor.py
    cgroup: str | None  # name of its control groups, None for none
    cgroup_parent: str | None
    slots: int
    poll_seconds: float
    partner_grace_seconds: float
    cleanup_seconds: float

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> SlotSettings:
        uids = values.pop("uids")
        return cls(uids=None if uids is None else (uids[0], uids[1]), **values)

    def uid(self, side: int) -> int | None:
        return self.uids[side] if self.uids else None


@dataclass(frozen=True)
class Ground:
    settings: SlotSettings
    landlock_abi: int  # 0: this kernel has none
    rules: tuple[landlock.Rule, ...]  # for every program
    python_rules: tuple[landlock.Rule, ...]  # for those in Python besides
    filter: seccomp.Filter | None  # None: it could not be made here
    running_tasks: int  # of this uid when the zygote started

    @classmethod
    def prepare(cls, settings: SlotSettings, running_tasks: int) -> Ground:
        rules = [
            *landlock.open_rules(_system_paths(), landlock.READ),
            *landlock.open_rules(_READABLE_DEVICES, landlock.READ_FILE),
            *landlock.open_rules(["/dev/null"], landlock.READ_FILE | landlock.WRITE_FILE),
        ]
        try:
            own_filter = seccomp.Filter(own_uid=settings.uids is not None)
        except OSError:
            own_filter = None
        python_rules = tuple(landlock.open_rules(_python_paths(), landlock.READ))
        return cls(settings, landlock.abi_version(), tuple(rules), python_rules, own_filter, running_tasks)

    def enter(self) -> None:
        """Do in the zygote what need not be done anew in each program. Nothing here can be taken back."""
        rlimits.apply_constant(queues=not self.settings.gvisor)
        kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
        if self.filter is not None:
            self.filter.install()

    def process_limit(self, limits: Limits, runtime_tasks: int = 0) -> int | None:
        """RLIMIT_NPROC, which counts threads: None where a control group does that.

        Otherwise it is exact where the side has a uid of its own, and elsewhere only an outer wall.
        `runtime_tasks`: threads that the runtime of the program's language needs. Processes are counted by watch.py.
        """
        if self.settings.cgroup is not None:
            return None
        if self.settings.uids:
            return limits.processes + runtime_tasks
        return rlimits.shared_uid_processes(self.running_tasks, self.settings.slots, limits)


def visible_paths() -> list[str]:
    """All that programs in Python can read or write besides their work folders, and /proc.

    There they can read nothing; but compilers must find the link to their own executable.
    """
    return [*_system_paths(), *_python_paths(), *_READABLE_DEVICES, "/dev/null", "/proc"]


def _system_paths() -> list[str]:
    return list(dict.fromkeys(map(os.path.realpath, _SYSTEM_PATHS)))


def _python_paths() -> list[str]:
    return [os.path.realpath(os.path.join(sys.base_prefix, name)) for name in ("lib", "bin")]


def tasks_of(uid: int) -> int:
    """Threads of all processes of a uid, which is what RLIMIT_NPROC counts."""
    count = 0
    for name in os.listdir("/proc"):
        try:
            if name.isdecimal() and os.stat(f"/proc/{name}").st_uid == uid:
                count += len(os.listdir(f"/proc/{name}/task"))
        except OSError:
            continue  # it ended meanwhile
    return count
