"""Choosing the Python that runs the programs: one whose standard library they can still read after they changed uid."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Final

from sandbox.errors import SandboxFloorError

OLDEST: Final = (3, 11)
_ELSEWHERE: Final = ("/usr/local/bin/python3", "/usr/bin/python3")
_ASK_SECONDS: Final = 20
_QUESTION: Final = "import os, sys; print(os.path.realpath(sys.executable), os.path.dirname(os.__file__), *sys.version_info[:2], sep='\\n')"  # fmt: skip  # noqa: E501


def choose(wanted: str | None, other_uids: bool) -> str:
    """The path of the interpreter. `other_uids`: programs run as users that own nothing. Raises SandboxFloorError."""
    here = Path(sys.base_prefix, "bin", f"python{sys.version_info[0]}.{sys.version_info[1]}")
    refused = []
    for candidate in [wanted] if wanted else [str(here), *_ELSEWHERE]:
        path, why_not = _examine(candidate, other_uids)
        if why_not is None:
            return path
        refused.append(f"{candidate}: {why_not}")
    raise SandboxFloorError(
        f"no Python that programs can use ({'; '.join(refused)}); set SandboxConfig.python to one of version "
        f"{OLDEST[0]}.{OLDEST[1]} or later that every user can read"
    )


@cache
def _examine(candidate: str, other_uids: bool) -> tuple[str, str | None]:
    """The interpreter's real path, and why it cannot be used or None."""
    command = [candidate, "-I", "-S", "-c", _QUESTION]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=_ASK_SECONDS, check=True, env={})  # noqa: S603
        executable, library, major, minor = answer.stdout.splitlines()
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        return candidate, f"it does not start ({type(error).__name__})"
    if (int(major), int(minor)) < OLDEST:
        return executable, f"version {major}.{minor} is too old"
    if other_uids:
        for path in (executable, os.path.join(library, "os.py")):
            if not _readable_by_all(path):
                return executable, f"other users cannot read {path}"
    return executable, None


def _readable_by_all(path: str) -> bool:
    try:
        folders_open = all(os.stat(parent).st_mode & stat.S_IXOTH for parent in Path(os.path.realpath(path)).parents)
        return bool(folders_open and os.stat(path).st_mode & stat.S_IROTH)
    except OSError:
        return False
