"""A real reward server as a process of its own, for tests and benchmarks."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

READY_SECONDS = 100
STEP_PROFILES = {"REWARD_SERVER_PROFILES_DIR": str(Path(__file__).with_name("profiles"))}
"""What gives a server the profiles `steps` and `steps-folded`, under which every equation is a step."""


@contextmanager
def running_server(log: Path, *arguments: str, **environment: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """URL and process of a server that is ready; it is gone afterwards. `arguments` follow `serve --port 0`."""
    with log.open("w") as stderr:
        server = subprocess.Popen(
            [sys.executable, "-m", "reward_server", "serve", "--port", "0", *arguments],
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            env={**os.environ, **environment},
        )
    with ready(server, log) as url:
        yield url, server


@contextmanager
def ready(server: subprocess.Popen[str], log: Path) -> Iterator[str]:
    """The URL of a server that was just started, once it is ready; it is gone afterwards."""
    try:
        assert server.stdout is not None
        url = server.stdout.readline().rpartition(" ")[2].strip()
        _wait_until_ready(server, url, log)
        yield url
    finally:
        server.terminate()
        try:
            server.wait(timeout=40)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        if server.stdout is not None:
            server.stdout.close()


def _wait_until_ready(server: subprocess.Popen[str], url: str, log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            if httpx.get(f"{url}/readyz", timeout=5).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"the server did not become ready: {log.read_text()[-2000:]}")
