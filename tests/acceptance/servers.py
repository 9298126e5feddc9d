"""Real reward servers at each level of isolation: as root, as an ordinary user, and in a container."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.acceptance.code_corpus import SECRETS
from tests.server_process import ready

ROOT = Path(__file__).resolve().parents[2]
ORDINARY_USER = 65534
SYSTEM_PYTHON = "/usr/bin/python3"


@dataclass(frozen=True)
class Server:
    url: str
    pid: int  # of the root of its process tree, as this machine counts
    folder: Path | None = None  # its TMPDIR

    def sandbox(self) -> dict[str, object]:
        report: dict[str, object] = httpx.get(f"{self.url}/readyz", timeout=30).json()["sandbox"]
        return report


@contextmanager
def bare(log: Path, user: int | None = None, **environment: str) -> Iterator[Server]:
    """A server on this machine, as the present user, or as `user` without any privilege."""
    drop = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--bounding-set=-all"] if user else []
    packages = os.pathsep.join([str(ROOT), *(path for path in sys.path if path.endswith("site-packages"))])
    folder = Path(tempfile.mkdtemp(prefix="assay-acceptance-"))
    folder.chmod(0o1777)
    cache = folder.with_name(f"{folder.name}-cache")
    cache.mkdir(mode=0o700)
    if user:
        os.chown(cache, user, user)
    known = {"PATH": os.environ["PATH"], "REWARD_SECRET": SECRETS[0], "TMPDIR": str(folder), **environment}
    known.setdefault("REWARD_SERVER_SANDBOX_CACHE_DIR", str(cache))
    if user:  # whose Python has to be one that every user can read
        known |= {"PYTHONPATH": packages, "PYTHONDONTWRITEBYTECODE": "1", "HOME": "/nonexistent"}
    command = [*drop, SYSTEM_PYTHON if user else sys.executable, "-m", "reward_server", "serve", "--port", "0"]
    with log.open("w") as stderr:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True, env=known, cwd=ROOT)
    try:
        with ready(process, log) as url:
            yield Server(url, process.pid, folder)
    finally:
        shutil.rmtree(folder)
        shutil.rmtree(cache)
