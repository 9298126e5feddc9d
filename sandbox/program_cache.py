"""The cache of compiled programs: folders named by what they were compiled from, shared by all processes of a user.

    programs/ab/ab12…/   one entry: its `files`, and `manifest.json` with their sizes and digests, written last
    programs/new-…/      one that is being written; it becomes an entry by being renamed
    locks/ab1            held while something of that prefix is compiled, so that nobody compiles it twice

Who uses an entry holds a shared lock on its folder; who removes one takes that lock for himself first. So a program is
never removed under a run, and a process that dies leaves no lock behind. Folders can be passed through by everybody but
not be listed: what a program does not know the digest of, it cannot name.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
import shutil
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

from sandbox.errors import SandboxCancelledError

_MANIFEST: Final = "manifest.json"
_FILES: Final = "files"
_LOOK_SECONDS: Final = 0.02
_TOUCH_SECONDS: Final = 60.0  # the time of last use is as exact as this
_ABANDONED_SECONDS: Final = 3_600.0
_KEEP_SHARE: Final = 0.8  # of the allowed size, once there is too much
_BLOCK_BYTES: Final = 4_096


@dataclass(frozen=True)
class Entry:
    """A compiled program while somebody holds it."""

    folder: str
    main: str  # what Language.main_of found
    executable: bool  # False: the file system forbids to execute what is on it
    cache: str = ""  # the folder with all entries


class ProgramCache:
    """All methods may be called from any thread. OSErrors are the caller's: a disk can be full, or read-only."""

    def __init__(self, root: str, most_bytes: int) -> None:
        """Raises OSError where nothing can be written below root."""
        self._root = root
        self._most_bytes = most_bytes
        self._programs = os.path.join(root, "programs")
        self._locks = os.path.join(root, "locks")
        self._verified: dict[str, tuple[int, int]] = {}  # folder → inode and time of the manifest
        self._lock = threading.Lock()
        self._used_bytes: int | None = None  # None: not counted yet; what other processes add shows at the next count
        for folder, mode in ((root, 0o711), (self._programs, 0o711), (self._locks, 0o700)):
            os.makedirs(folder, exist_ok=True)
            if os.stat(folder).st_mode & 0o777 != mode:
                os.chmod(folder, mode)
        self._executable = not os.statvfs(self._programs).f_flag & os.ST_NOEXEC

    @contextmanager
    def alone(self, key: str, cancelled: threading.Event | None) -> Iterator[None]:
        """Wait until nobody else compiles this. Raises SandboxCancelledError once `cancelled` is set."""
        with open(os.path.join(self._locks, key[:3]), "ab") as file:
            while not _locked(file.fileno(), fcntl.LOCK_EX):
                if cancelled is not None and cancelled.is_set():
                    raise SandboxCancelledError("the run was cancelled before it began")
                time.sleep(_LOOK_SECONDS)
            yield

    @contextmanager
    def hold(self, key: str) -> Iterator[Entry | None]:
        """The entry of this key, kept from being removed meanwhile; None where there is none that is whole."""
        folder = self._folder(key)
        fd = _held(folder)
        if fd is None:
            yield None
            return
        try:
            yield self._read(folder)
        finally:
            os.close(fd)

    def store(self, key: str, files: Mapping[str, bytes], main: str) -> None:
        """Make an entry, in place of one that is broken. Raises OSError; then nothing is left of it."""
        folder = self._folder(key)
        parent = os.path.dirname(folder)
        os.makedirs(parent, exist_ok=True)
        os.chmod(parent, 0o711)  # noqa: S103 - to be passed through, see above
        made = os.path.join(self._programs, f"new-{secrets.token_hex(8)}")
        try:
            size = _write(made, files, main)
            if os.path.lexists(folder):
                self._discard(folder)
            os.rename(made, folder)
        except OSError:
            shutil.rmtree(made, ignore_errors=True)
            raise
        self._make_room(size)

    def _folder(self, key: str) -> str:
        return os.path.join(self._programs, key[:2], key)

    def _read(self, folder: str) -> Entry | None:
        """The entry if all its files are what the manifest says. Their content is read once in a process' life."""
        path = os.path.join(folder, _MANIFEST)
        try:
            with open(path, encoding="utf-8") as file:
                info = os.fstat(file.fileno())
                manifest = json.load(file)
            seen = (info.st_ino, info.st_mtime_ns)
            whole = _whole(folder, manifest, self._verified.get(folder) != seen)
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None
        if not whole:
            return None
        self._verified[folder] = seen
        if time.time() - os.stat(folder).st_mtime > _TOUCH_SECONDS:
            with suppress(OSError):  # a cache that was baked into an image is read-only
                os.utime(folder)
        return Entry(os.path.join(folder, _FILES), str(manifest["main"]), self._executable, self._programs)

    def _discard(self, folder: str) -> bool:
        """Remove an entry nobody holds; False if somebody does."""
        try:
            fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return True
        try:
            if not _locked(fd, fcntl.LOCK_EX):
                return False
            away = os.path.join(self._programs, f"new-{secrets.token_hex(8)}")
            with suppress(OSError):
                os.rename(folder, away)
            shutil.rmtree(away, ignore_errors=True)
            self._verified.pop(folder, None)
            return True
        finally:
            os.close(fd)

    def _make_room(self, added_bytes: int) -> None:
        """Remove what was not used for longest once there is more than is allowed."""
        with self._lock:
            if self._used_bytes is not None:
                self._used_bytes += added_bytes
            if self._used_bytes is not None and self._used_bytes <= self._most_bytes:
                return
            entries = self._list()
            self._used_bytes = sum(size for _, size, _ in entries)
            if self._used_bytes <= self._most_bytes:
                return
            for _, size, folder in sorted(entries):
                if self._used_bytes <= self._most_bytes * _KEEP_SHARE:
                    break
                if self._discard(folder):
                    self._used_bytes -= size

    def _list(self) -> list[tuple[float, int, str]]:
        """Time of last use, size and folder of every entry. What was abandoned half-written is removed."""
        found = []
        for shard in _listed(self._programs):
            if shard.name.startswith("new-"):
                if time.time() - shard.stat(follow_symlinks=False).st_mtime > _ABANDONED_SECONDS:
                    shutil.rmtree(shard.path, ignore_errors=True)
                continue
            for entry in _listed(shard.path):
                with suppress(OSError):
                    found.append((entry.stat(follow_symlinks=False).st_mtime, _size(entry.path), entry.path))
        return found


def _locked(fd: int, kind: int) -> bool:
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _held(folder: str) -> int | None:
    """A descriptor of this folder that keeps it from being removed, or None if it is not there (any more)."""
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        if _locked(fd, fcntl.LOCK_SH) and os.path.samestat(os.fstat(fd), os.stat(folder)):
            return fd
    except OSError:
        pass  # removed between the two
    os.close(fd)
    return None


def _whole(folder: str, manifest: Mapping[str, Any], read: bool) -> bool:
    for name, (size, digest) in manifest["files"].items():
        path = os.path.join(folder, _FILES, name)
        if os.stat(path).st_size != size or (read and _digest_of(path) != digest):
            return False
    return True


def _digest_of(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write(folder: str, files: Mapping[str, bytes], main: str) -> int:
    """Write the files of an entry and its manifest; its size on disk."""
    os.mkdir(folder)
    manifest: dict[str, Any] = {"main": main, "files": {}}
    size = 2 * _BLOCK_BYTES
    for name, content in files.items():
        path = os.path.join(folder, _FILES, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        _write_file(path, content, 0o555)
        manifest["files"][name] = [len(content), hashlib.sha256(content).hexdigest()]
        size += len(content) + _BLOCK_BYTES
    for top, _, _ in os.walk(folder):
        os.chmod(top, 0o755)  # noqa: S103 - programs run from here as users of their own
    _write_file(os.path.join(folder, _MANIFEST), json.dumps(manifest).encode(), 0o444)
    return size


def _write_file(path: str, content: bytes, mode: int) -> None:
    with open(path, "xb") as file:
        file.write(content)
        os.fchmod(file.fileno(), mode)


def _listed(path: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(path) as entries:
            return [entry for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []


def _size(folder: str) -> int:
    total = _BLOCK_BYTES
    for top, _, names in os.walk(folder):
        total += sum(os.lstat(os.path.join(top, name)).st_size + _BLOCK_BYTES for name in names)
    return total
