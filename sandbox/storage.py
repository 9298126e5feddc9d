"""Where compiled programs are kept: the first folder that this user owns, can write to, and can execute files from."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path
from typing import Final

_NAME: Final = "assay-sandbox"


def choose(configured: str | None, fallback: str, other_uids: bool) -> tuple[str, str | None]:
    """A folder for the cache, and why the configured one was not taken. `fallback` is used where none will do."""
    refused = None
    for folder in [configured] if configured else _usual():
        refused = _unsuitable(folder, other_uids, strict=configured is None)
        if refused is None:
            return folder, None
    return fallback, refused if configured else None


def _usual() -> list[str]:
    own = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    shared = [f"/var/cache/{_NAME}"] if os.geteuid() == 0 else []
    return [f"{own}/{_NAME}", *shared, f"{tempfile.gettempdir()}/{_NAME}-{os.geteuid()}"]


def _unsuitable(folder: str, other_uids: bool, strict: bool) -> str | None:
    """Why a folder cannot hold the cache, or None. It is made where it can be.

    `strict`: nobody has chosen this folder, so it must also be one from which programs can be executed directly.
    """
    try:
        os.makedirs(folder, mode=0o711, exist_ok=True)
        info = os.lstat(folder)
        flags = os.statvfs(folder).f_flag
        open_to_all = all(os.stat(parent).st_mode & stat.S_IXOTH for parent in Path(os.path.realpath(folder)).parents)
    except OSError as error:
        return f"{folder}: {error.strerror}"
    if not stat.S_ISDIR(info.st_mode) or info.st_uid != os.geteuid() or info.st_mode & 0o022:
        return f"{folder} must be a folder of this user that nobody else can write to"
    if other_uids and not open_to_all:
        return f"programs, which run as other users, cannot pass through the folders above {folder}"
    if not os.access(folder, os.W_OK) or flags & os.ST_RDONLY:
        return f"{folder} cannot be written to"
    if strict and flags & os.ST_NOEXEC:
        return f"{folder} is on a file system that forbids to execute programs"
    return None
