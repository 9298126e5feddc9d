"""Namespaces of one slot, made once: an own network without interfaces, own IPC and host name, and an own file system.

The supervisor stays where it sees the host and prepares the new root below the slot's folder; the zygote moves into it
and unmounts everything else. So programs cannot even see what else exists. What is mounted into the root later, for a
compiler for one, arrives in the zygote's namespace by itself. All of it goes when the last process does.
"""

from __future__ import annotations

import ctypes
import os
import stat
from collections.abc import Iterable
from typing import Final

from sandbox.layers.kernel import PR_SET_DUMPABLE, checked, libc, prctl, syscall

_NEW_MOUNTS: Final = 0x00020000
_NEW_HOST_NAME: Final = 0x04000000
_NEW_IPC: Final = 0x08000000
_NEW_USER: Final = 0x10000000
_NEW_NETWORK: Final = 0x40000000

_READ_ONLY: Final = 1
_NO_SETUID: Final = 2
_NO_DEVICES: Final = 4
_REMOUNT: Final = 32
_BIND: Final = 4_096
_RECURSIVE: Final = 16_384
_PRIVATE: Final = 1 << 18
_SLAVE: Final = 1 << 19
_SHARED: Final = 1 << 20
_DETACH: Final = 2
# What statvfs says of a mount → the same for mount(2). An ordinary user may add to these but not take any away.
_KEPT_FLAGS: Final = {1: 1, 2: 2, 4: 4, 8: 8, 1_024: 1_024, 2_048: 2_048, 4_096: 1 << 21}

_PIVOT_ROOT: Final = {"x86_64": 155, "aarch64": 41}
_CAPABILITIES_SET: Final = {"x86_64": 126, "aarch64": 91}
_CAPABILITY_VERSION: Final = 0x20080522

_ROOT_NAME: Final = ".root"
_ROOT_OPTIONS: Final = "size=4m,nr_inodes=4k,mode=755"
_WORK_INODES: Final = 65_536
_MOST_WORK_BYTES: Final = 16 << 30


class NamespaceError(Exception):
    """The kernel, or whoever has set it up, does not let us make namespaces. The text is for people."""


class PrivateRoot:
    """The file system of a slot, as its supervisor sees it."""

    def __init__(self, work_root: str) -> None:
        """Enter a mount namespace, as an ordinary user within a user namespace, and mount the private work folder.

        Raises NamespaceError. This process may then be half way in and is of no further use.
        """
        try:
            self._make(work_root)
        except OSError as error:
            raise NamespaceError(str(error)) from error

    def _make(self, work_root: str) -> None:
        _enter_as_ourselves(_NEW_MOUNTS)
        _mount(None, "/", _RECURSIVE | _PRIVATE)
        self._work_root = work_root
        self._work_bytes = 0
        _mount("tmpfs", work_root, _NO_SETUID | _NO_DEVICES, f"size=64m,nr_inodes={_WORK_INODES},mode=711")
        self.path = os.path.join(work_root, _ROOT_NAME)
        os.mkdir(self.path, 0o755)
        _mount("tmpfs", self.path, _NO_SETUID, _ROOT_OPTIONS)
        _mount(None, self.path, _SHARED)
        inside = self.path + work_root
        os.makedirs(inside)
        _mount(work_root, inside, _BIND)
        self._shown: list[str] = []

    def show(self, paths: Iterable[str]) -> None:
        """Let the programs see these files and folders, read-only, by their own names, if they are there.

        What lies below something that is shown already costs no mount of its own.
        """
        for path in paths:
            if path and os.path.exists(path) and not os.path.exists(self.path + path):
                self._renew(path)
                if not os.path.exists(self.path + path):
                    self._show(path)

    def _renew(self, path: str) -> None:
        """A folder that was removed and made anew since it was shown is still the former one inside."""
        for shown in [one for one in self._shown if path.startswith(f"{one}/") and not self._is_current(one)]:
            checked(libc.umount2(os.fsencode(self.path + shown), ctypes.c_int(_DETACH)), f"umount of {shown}")
            self._shown.remove(shown)
            self._show(shown)

    def _is_current(self, shown: str) -> bool:
        return os.path.samestat(os.stat(shown), os.stat(self.path + shown))

    def _show(self, path: str) -> None:
        inside = self.path + path
        os.makedirs(os.path.dirname(inside), exist_ok=True)
        if stat.S_ISDIR(os.stat(path).st_mode):
            os.makedirs(inside, exist_ok=True)
        else:
            os.close(os.open(inside, os.O_CREAT | os.O_WRONLY, 0o644))
        _mount(path, inside, _BIND | _RECURSIVE)
        device = stat.S_ISCHR(os.stat(path).st_mode)
        kept = sum(ours for theirs, ours in _KEPT_FLAGS.items() if os.statvfs(inside).f_flag & theirs)
        _mount(None, inside, kept | _REMOUNT | _BIND | _NO_SETUID | (0 if device else _READ_ONLY | _NO_DEVICES))
        self._shown.append(path)

    def link(self, paths: Iterable[str]) -> None:
        """Symbolic links of the host, such as /lib, as they are there."""
        for path in paths:
            if os.path.islink(path) and not os.path.lexists(self.path + path):
                os.makedirs(os.path.dirname(self.path + path), exist_ok=True)
                os.symlink(os.readlink(path), self.path + path)

    def resize(self, work_bytes: int) -> None:
        """How much the work folders may hold together. It is memory."""
        wanted = min(work_bytes, _MOST_WORK_BYTES)
        if wanted != self._work_bytes:
            _mount("tmpfs", self._work_root, _REMOUNT | _NO_SETUID | _NO_DEVICES, f"size={wanted}")
            self._work_bytes = wanted

    def may_hold_more_than(self, limit_bytes: int, entry_bytes: int) -> bool:
        """Whether the work folders may together take more than this, by a look that costs next to nothing.

        `entry_bytes`: what each file counts for, at least.
        """
        now = os.statvfs(self._work_root)
        blocks, entries = now.f_blocks - now.f_bfree, now.f_files - now.f_ffree
        return blocks * now.f_frsize + entries * entry_bytes > limit_bytes


def enter(root: str) -> None:
    """Move this process into the root and into namespaces of its own, for good. Raises NamespaceError."""
    try:
        _enter(root)
    except OSError as error:
        raise NamespaceError(str(error)) from error


def _enter(root: str) -> None:
    checked(libc.unshare(ctypes.c_int(_NEW_MOUNTS | _NEW_NETWORK | _NEW_IPC | _NEW_HOST_NAME)), "unshare")
    _mount(None, "/", _RECURSIVE | _SLAVE)
    os.chdir(root)
    here = ctypes.c_char_p(b".")
    syscall(_PIVOT_ROOT[os.uname().machine], here, here)  # the old root now lies upon the new one
    checked(libc.umount2(here, ctypes.c_int(_DETACH)), "umount of the old root")
    _mount(None, "/", _REMOUNT | _BIND | _READ_ONLY | _NO_SETUID | _NO_DEVICES)
    os.chdir("/")
    if os.getuid() != 0:
        _drop_capabilities()


def _enter_as_ourselves(flags: int) -> None:
    """unshare; an ordinary user needs a user namespace for that, in which it keeps its own numbers."""
    uid, gid = os.getuid(), os.getgid()
    checked(libc.unshare(ctypes.c_int(flags | (_NEW_USER if uid else 0))), "unshare")
    if uid:
        prctl(PR_SET_DUMPABLE, 1)  # one that is not may not write to its own entries in /proc
        for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)
        prctl(PR_SET_DUMPABLE, 0)


def _drop_capabilities() -> None:
    """Those that came with the user namespace."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    syscall(_CAPABILITIES_SET[os.uname().machine], ctypes.byref(header), ctypes.byref((ctypes.c_uint32 * 6)()))


def _mount(source: str | None, target: str, flags: int, options: str | None = None) -> None:
    encoded = [None if text is None else os.fsencode(text) for text in (source or "none", target, options)]
    kind = b"tmpfs" if options is not None else None
    done = libc.mount(encoded[0], encoded[1], kind, ctypes.c_ulong(flags), encoded[2])
    checked(done, f"mount of {source or 'flags'} on {target}")
