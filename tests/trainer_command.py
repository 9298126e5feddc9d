"""A command of trainer-client on one run directory, for tests: in this process, or in one that can be killed."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.waiting import wait_until
from trainer_client.__main__ import main

TIMES = ("seconds", "tokens_per_second")  # of a record


class Command:
    """`name` is that of the command, `config` the text of its TOML file."""

    def __init__(self, name: str, config: str, run: Path, *options: str) -> None:
        self.run = run
        file = run.with_suffix(".toml")
        file.write_text(config)
        self._words = [name, str(file), "--run.dir", str(run), *options]

    def words(self, *options: str) -> list[str]:
        """Its words on the command line."""
        return [*self._words, *options]

    def __call__(self, *options: str, expected: int = 0) -> str:
        """What it printed, when it ended as expected."""
        told = io.StringIO()
        with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
            status = main(self.words(*options))
        assert status == expected, told.getvalue()
        return told.getvalue()

    def start(self, *options: str) -> subprocess.Popen[str]:
        """The command in a process of its own; what it prints is in its stdout."""
        return subprocess.Popen(
            [sys.executable, "-m", "trainer_client", *self.words(*options)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )

    def stop_when(self, reached: Callable[[], bool], how: signal.Signals = signal.SIGKILL, *options: str) -> int:
        """Start it, send the signal as soon as the condition holds; returns the exit status."""
        return stop_when(self.start(*options), reached, how)[0]

    def rows(self, name: str) -> list[dict[str, Any]]:
        """The whole lines of a JSONL file."""
        path = self.run / name
        lines = path.read_text().splitlines(keepends=True) if path.exists() else []
        return [json.loads(line) for line in lines if line.endswith("\n")]

    def value(self, name: str) -> dict[str, Any]:
        """What a JSON file holds."""
        return json.loads((self.run / name).read_text())  # type: ignore[no-any-return]

    def position(self) -> int:
        """How many problems are done, of `sample` and `eval`."""
        path = self.run / "progress.json"
        return int(json.loads(path.read_text())["state"]["position"]) if path.exists() else 0

    def step(self) -> int:
        """The last optimizer step."""
        return max((row["step"] for row in self.rows("metrics.jsonl")), default=0)


def stop_when(
    process: subprocess.Popen[str], reached: Callable[[], bool], how: signal.Signals = signal.SIGKILL
) -> tuple[int, str]:
    """Send the signal as soon as the condition holds; returns the exit status and what was printed."""

    def reached_alive() -> bool:
        ended = process.poll() is not None  # looked at first: what it reached before its end is seen
        there = reached()
        assert there or not ended, process.communicate()[0]
        return there

    try:
        wait_until(reached_alive, 0.001)
    finally:
        process.send_signal(how)
        told = process.communicate()[0]
    return process.returncode, told


def without_times(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows without what the clock says."""
    kept = [{name: value for name, value in row.items() if name not in TIMES} for row in rows]
    for row in kept:
        if "provenance" in row:
            row["provenance"] = {name: value for name, value in row["provenance"].items() if name != "time"}
    return kept
