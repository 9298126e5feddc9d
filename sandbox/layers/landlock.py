"""Landlock: which files a process may touch, no TCP, no signals and no abstract sockets out of its own domain.

Source of numbers and rules: the kernel's Documentation/userspace-api/landlock.rst and include/uapi/linux/landlock.h.
Landlock does not cover stat, chmod, chown, utime and descriptors that are already open: see seccomp.py and launch.py.
"""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from sandbox.layers.kernel import syscall

_CREATE_RULESET: Final = 444  # these three numbers are the same on every architecture
_ADD_RULE: Final = 445
_RESTRICT_SELF: Final = 446
_VERSION_FLAG: Final = 1
_RULE_PATH_BENEATH: Final = 1

EXECUTE: Final = 1 << 0
WRITE_FILE: Final = 1 << 1
READ_FILE: Final = 1 << 2
READ_DIR: Final = 1 << 3
_MAKE_NODES: Final = 1 << 6 | 1 << 9 | 1 << 10 | 1 << 11  # character, socket, fifo, block
_TRUNCATE: Final = 1 << 14
_IOCTL_DEVICE: Final = 1 << 15
_FILE_RIGHTS: Final = EXECUTE | WRITE_FILE | READ_FILE | _TRUNCATE | _IOCTL_DEVICE

SIGNAL_SCOPE_ABI: Final = 6  # from here on a process cannot signal out of its domain
READ: Final = EXECUTE | READ_FILE | READ_DIR


class _RulesetAttributes(ctypes.Structure):
    _fields_ = (("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("access", ctypes.c_uint64), ("fd", ctypes.c_int32))


@dataclass(frozen=True)
class Rule:
    """A directory or file, held open as O_PATH, and what may be done at and below it."""

    fd: int
    access: int


def abi_version() -> int:
    """The best Landlock ABI of this kernel, 0 when there is none."""
    try:
        return syscall(_CREATE_RULESET, 0, 0, _VERSION_FLAG)
    except OSError:
        return 0


def open_rules(paths: Iterable[str], access: int) -> list[Rule]:
    """Rules for those of the paths that exist."""
    rules = []
    for path in paths:
        try:
            rules.append(open_rule(path, access))
        except OSError:
            continue  # distributions differ in what they have; what is absent needs no permission
    return rules


def open_rule(path: str, access: int) -> Rule:
    fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    return Rule(fd, access if stat.S_ISDIR(os.fstat(fd).st_mode) else access & _FILE_RIGHTS)


def work_folder_access(abi: int) -> int:
    """Everything but device nodes, sockets and fifos."""
    return _handled(abi) & ~(_MAKE_NODES | _IOCTL_DEVICE)


def restrict(abi: int, rules: Iterable[Rule]) -> None:
    """Allow this process and its descendants what the rules say and nothing else. Needs no_new_privs."""
    handled = _handled(abi)
    attributes = _RulesetAttributes(handled, 0b11 if abi >= 4 else 0, 0b11 if abi >= SIGNAL_SCOPE_ABI else 0)
    size = 24 if abi >= SIGNAL_SCOPE_ABI else 16 if abi >= 4 else 8
    ruleset = syscall(_CREATE_RULESET, ctypes.byref(attributes), size, 0)
    try:
        for rule in rules:
            beneath = _PathBeneath(rule.access & handled, rule.fd)
            syscall(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, ctypes.byref(beneath), 0)
        syscall(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _handled(abi: int) -> int:
    """The file system rights this ABI knows; all of them are denied unless a rule allows them."""
    bits = 13 + (abi >= 2) + (abi >= 3)
    return (1 << bits) - 1 | (_IOCTL_DEVICE if abi >= 5 else 0)
