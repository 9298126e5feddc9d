"""Starts, stops and steers the stand-in reward server of `stand_in_server.py`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

from tests.ports import lasting_port

SCRIPT = Path(__file__).with_name("stand_in_server.py")


class StandIn:
    """A server process on a port that stays the same over restarts."""

    def __init__(self) -> None:
        self.port = lasting_port()
        self._process: subprocess.Popen[str] | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self.kill()
        self._process = subprocess.Popen(
            [sys.executable, str(SCRIPT), str(self.port)], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        assert int(self._process.stdout.readline()) == self.port

    def wait(self) -> None:
        """Until it has died of a fault."""
        assert self._process is not None
        self._process.wait()

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            if self._process.stdout is not None:
                self._process.stdout.close()
        self._process = None

    def faults(self, *faults: str) -> None:
        """What happens to the next score requests, one each."""
        httpx.post(f"{self.url}/faults", json=list(faults), timeout=10).raise_for_status()

    def limit(self, body_bytes: int) -> None:
        """Score requests with a larger body are refused from now on."""
        httpx.post(f"{self.url}/limit", json=body_bytes, timeout=10).raise_for_status()

    def requests(self) -> list[dict[str, Any]]:
        """The score requests that came since the last start."""
        return httpx.get(f"{self.url}/requests", timeout=10).json()
