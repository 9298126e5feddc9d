"""A run's work folder: made empty, measured while the run lasts, removed whatever the program left in it."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

_BLOCK_BYTES: Final = 512  # unit of st_blocks
_ENTRY_BYTES: Final = 4_096  # what even an empty file costs: the disk limit bounds their number too


def make(root: str, uid: int | None) -> str:
    """A fresh private folder below root, owned by `uid` if given."""
    path = os.path.join(root, secrets.token_hex(8))
    os.mkdir(path, 0o700)
    if uid is not None:
        os.chown(path, uid, uid)
    return path


def used_bytes(path: str, enough: int) -> int:
    """Disk space of everything below path; counting stops as soon as it is more than `enough`."""
    total = 0
    pending = [path]
    while pending and total <= enough:
        for entry in _entries(pending.pop()):
            with suppress(OSError):
                info = entry.stat(follow_symlinks=False)
                total += max(info.st_blocks * _BLOCK_BYTES, _ENTRY_BYTES)
                if stat.S_ISDIR(info.st_mode):
                    pending.append(entry.path)
            if total > enough:
                break
    return total


def unlinked_bytes(pid: int) -> int:
    """Disk space of files that a process holds open but that have no name any more; 0 if it may not be looked at."""
    total = 0
    seen = set()
    for entry in _entries(f"/proc/{pid}/fd"):
        with suppress(OSError):
            info = entry.stat()
            if info.st_nlink == 0 and stat.S_ISREG(info.st_mode) and info.st_ino not in seen:
                seen.add(info.st_ino)
                total += info.st_blocks * _BLOCK_BYTES
    return total


def remove(path: str) -> None:
    """Remove the folder. No process that can write to it may be left. Raises OSError if something resists.

    Nested folders are first moved up beside each other: no path gets too long and no recursion too deep.
    """
    os.chmod(path, 0o700)
    top = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        while _remove_entries(top):
            pass
    finally:
        os.close(top)
    os.rmdir(path)


def _remove_entries(top: int) -> bool:
    """Remove all files of the folder and one level of its folders; True if it may not be empty yet."""
    again = False
    with os.scandir(top) as entries:
        names = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_folder in names:
        if is_folder:
            _flatten(top, name)
            again = True
        else:
            os.unlink(name, dir_fd=top)
    return again


def _flatten(top: int, name: str) -> None:
    """Move the folders inside top/name up into top, remove the rest and then top/name itself."""
    os.chmod(name, 0o700, dir_fd=top)
    inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=top)
    try:
        with os.scandir(inner) as entries:
            found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
        for child, is_folder in found:
            if is_folder:
                os.chmod(child, 0o700, dir_fd=inner)  # moving a folder needs write permission on it
                os.rename(child, secrets.token_hex(8), src_dir_fd=inner, dst_dir_fd=top)
            else:
                os.unlink(child, dir_fd=inner)
    finally:
        os.close(inner)
    os.rmdir(name, dir_fd=top)


def _entries(path: str) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(path) as entries:
            yield from entries
    except OSError:
        return  # gone or closed to us; a limit is not missed for long, the next look comes in milliseconds
