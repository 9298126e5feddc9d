"""A run's work folder: made empty, measured while the run lasts, removed whatever the program left in it."""

from __future__ import annotations

import os
import secrets
import stat
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

from sandbox import tree

_DEPTH_LIMIT: Final = 100
_PATH_BYTES: Final = 3_500  # with one more name it stays below PATH_MAX
_TOPS_LIMIT: Final = 64
_COLLECT_DEPTH: Final = 16
_OPEN_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_MANY: Final = 500  # files in one folder
_TOGETHER: Final = 8  # threads that remove many
_BLOCK_BYTES: Final = 512  # unit of st_blocks
ENTRY_BYTES: Final = 4_096  # what even an empty file costs: the disk limit bounds their number too


def make(root: str, uid: int | None) -> str:
    """A fresh private folder below root, owned by `uid` if given."""
    path = os.path.join(root, secrets.token_hex(8))
    os.mkdir(path, 0o700)
    if uid is not None:
        os.chown(path, uid, uid)
    return path


def used_bytes(path: str, enough: int) -> int:
    """Disk space of everything below path; counting stops as soon as it is more than `enough`."""
    with suppress(OSError), _opened(path, None) as top:
        return _used_below(top, enough, level=0)
    return 0


def _used_below(top: int, enough: int, level: int) -> int:
    """`used_bytes` of an open folder. Paths are relative to it; one that gets too long is where a new top is opened.

    A tree too deep for that too is taken for one that is too large: no program has use for it.
    """
    if level == _TOPS_LIMIT:
        return enough + 1
    total = 0
    pending = ["."]
    while pending and total <= enough:
        path = pending.pop()
        with suppress(OSError), _opened(path, top) as folder:
            if len(os.fsencode(path)) > _PATH_BYTES:
                total += _used_below(folder, enough - total, level + 1)
            else:
                total += _used_in(folder, path, enough - total, pending)
    return total


def _used_in(folder: int, path: str, enough: int, pending: list[str]) -> int:
    """Disk space of what is listed in an open folder; the folders among it are added to `pending`."""
    total = 0
    for entry in _entries(folder):
        with suppress(OSError):
            info = entry.stat(follow_symlinks=False)
            total += max(info.st_blocks * _BLOCK_BYTES, ENTRY_BYTES)
            if stat.S_ISDIR(info.st_mode):
                pending.append(f"{path}/{entry.name}")
        if total > enough:
            break
    return total


@contextmanager
def _opened(path: str, inside: int | None) -> Iterator[int]:
    folder = os.open(path, _OPEN_FOLDER, dir_fd=inside)
    try:
        yield folder
    finally:
        os.close(folder)


def unlinked_bytes(pid: int) -> int:
    """Disk space of files that a process holds open but that have no name any more; 0 if it may not be looked at.

    Every thread is asked: the first one may have ended before the others, and each can have descriptors of its own.
    """
    total = 0
    seen = set()
    for path in tree.task_paths(pid):
        for entry in _entries(f"{path}/fd"):
            with suppress(OSError):
                info = entry.stat()
                if info.st_nlink == 0 and stat.S_ISREG(info.st_mode) and info.st_ino not in seen:
                    seen.add(info.st_ino)
                    total += info.st_blocks * _BLOCK_BYTES
    return total


def collect(path: str, most_files: int, most_bytes: int) -> dict[str, bytes]:
    """Relative name → content of every regular file below path; other things are left out, no link is followed.

    No process that can write to it may be left. Raises OSError, and ValueError where there is more than was allowed.
    """
    found: dict[str, bytes] = {}
    _collect_below(path, None, "", most_files, most_bytes, found)
    return found


def _collect_below(
    path: str, inside: int | None, prefix: str, most_files: int, most_bytes: int, found: dict[str, bytes]
) -> None:
    if prefix.count("/") > _COLLECT_DEPTH:
        raise ValueError(f"folders nested deeper than {_COLLECT_DEPTH}")
    with _opened(path, inside) as top:
        for entry in _entries(top):
            if len(found) >= most_files:
                raise ValueError(f"more than {most_files} files")
            if entry.is_dir(follow_symlinks=False):
                _collect_below(entry.name, top, f"{prefix}{entry.name}/", most_files, most_bytes, found)
            elif entry.is_file(follow_symlinks=False):
                room = most_bytes - sum(map(len, found.values()))
                found[prefix + entry.name] = _content(entry.name, top, room)


def _content(name: str, inside: int, most_bytes: int) -> bytes:
    with open(os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=inside), "rb") as file:
        content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise ValueError(f"files larger than {most_bytes} bytes")
    return content


def remove(path: str) -> None:
    """Remove the folder. No process that can write to it may be left. Raises OSError if something resists."""
    os.chmod(path, 0o700)
    top = os.open(path, _OPEN_FOLDER)
    try:
        while not _empty(top, top, depth=0):
            pass
    finally:
        os.close(top)
    os.rmdir(path)


def _empty(folder: int, top: int, depth: int) -> bool:
    """Remove what is in the folder; False if something was moved up into top instead, to be removed from there.

    What lies too deep is moved: neither a path, nor the recursion, nor the number of open folders gets too large.
    """
    done = True
    with os.scandir(folder) as entries:
        found = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    _unlink(folder, [name for name, is_folder in found if not is_folder])
    for name in [name for name, is_folder in found if is_folder]:
        os.chmod(name, 0o700, dir_fd=folder)  # to enter it, and to move it
        if depth == _DEPTH_LIMIT:
            os.rename(name, secrets.token_hex(8), src_dir_fd=folder, dst_dir_fd=top)
            done = False
            continue
        inner = os.open(name, _OPEN_FOLDER, dir_fd=folder)
        try:
            done = _empty(inner, top, depth + 1) and done
        finally:
            os.close(inner)
        os.rmdir(name, dir_fd=folder)
    return done


def _unlink(folder: int, names: Sequence[str]) -> None:
    """Remove these files. Of many, several threads each take a part.

    ext4 lets each removal of a long symbolic link wait for milliseconds: one after the other, those that a program
    makes in a second take a minute.
    """
    if len(names) < _MANY:
        for name in names:
            os.unlink(name, dir_fd=folder)
        return
    threads = []
    for part in (names[first::_TOGETHER] for first in range(_TOGETHER)):
        thread = threading.Thread(target=_unlink_in_turn, args=(folder, part))
        try:
            thread.start()
        except RuntimeError:  # a bomb in another slot may have left no process to this user
            _unlink_in_turn(folder, part)
        else:
            threads.append(thread)
    for thread in threads:
        thread.join()


def _unlink_in_turn(folder: int, names: Sequence[str]) -> None:
    with suppress(OSError):  # what resists is found when the folder is to be removed
        for name in names:
            os.unlink(name, dir_fd=folder)


def _entries(path: str | int) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(path) as entries:
            yield from entries
    except OSError:
        return  # gone or closed to us; a limit is not missed for long, the next look comes in milliseconds
