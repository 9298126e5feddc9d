"""The trainer with the real reward server: it learns, survives its own death and that of the server."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.ports import lasting_port
from trainer_client.__main__ import main

CONFIG = """
[run]
checkpoint_every = 5
[model.fresh]
hidden = 64
layers = 2
[data.addition]
terms = 3
max_number = 9
train_problems = 600
held_out_problems = 100
slip_share = 0.5
[sft]
steps = 350
optim = { lr = 4e-3, warmup_steps = 10, decay = "cosine" }
[rl]
steps = 20
prompts = 32
group = 8
micro_batch = 256
sampler = { max_new_tokens = 28 }
optim = { lr = 3e-4, warmup_steps = 2, decay = "cosine" }
[reward]
backoff_seconds = 0.1
max_backoff_seconds = 0.5
[evaluation]
every = 0
problems = 100
"""


class Server:
    """A reward server process that can be killed and comes back at the same address."""

    def __init__(self, log: Path) -> None:
        self.port = lasting_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "reward_server", "serve", "--port", str(self.port)], stdout=log, stderr=log
            )

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + 100
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"{self.url}/readyz", timeout=5).is_success:
                    return
            except httpx.TransportError:
                time.sleep(0.1)
        pytest.fail(f"the server did not become ready: {self._log.read_text()[-2000:]}")

    def refuse(self, count: int) -> None:
        """In place of the server that is gone, hang up on so many who ask: then it has been missed."""
        with socket.create_server(("127.0.0.1", self.port)) as empty:
            for _ in range(count):
                empty.accept()[0].close()

    def stop(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(timeout=200)
            self._process = None


def records(run: Path) -> list[dict[str, Any]]:
    path = run / "metrics.jsonl"
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def wait_for_rl_step(run: Path, step: int, alive: Callable[[], bool] = lambda: True) -> None:
    deadline = time.monotonic() + 400
    while not any(record["stage"] == "rl" and record["step"] >= step for record in records(run)):
        assert alive()
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.timeout(900)
def test_policy_learns_although_trainer_and_server_are_killed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, run = tmp_path / "config.toml", tmp_path / "run"
    config.write_text(CONFIG)
    server = Server(tmp_path / "server.log")
    words = ["train", str(config), "--run.dir", str(run), "--reward.url", server.url]
    server.start()
    try:
        server.wait_until_ready()
        first = subprocess.Popen(
            [sys.executable, "-m", "trainer_client", *words],
            stdout=subprocess.DEVNULL,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        try:
            wait_for_rl_step(run, 7, lambda: first.poll() is None)
        finally:
            first.kill()
            first.wait()

        def kill_and_restart_server() -> None:
            wait_for_rl_step(run, 12)
            server.stop(signal.SIGKILL)
            server.refuse(4)
            server.start()

        watcher = threading.Thread(target=kill_and_restart_server)
        watcher.start()
        assert main([*words, "--resume"]) == 0
        watcher.join()
    finally:
        server.stop(signal.SIGTERM)

    told = capsys.readouterr().out
    assert "going on after rl step 5" in told
    assert "answers again" in told
    steps = [record for record in records(run) if record["kind"] == "step" and record["stage"] == "rl"]
    assert [record["step"] for record in steps] == list(range(1, 21))
    assert all(record["unscored"] == record["skipped"] == 0 for record in steps)
    assert all(set(record["components"]) == {"format", "math"} for record in steps)
    summary = json.loads((run / "summary.json").read_text())
    assert summary["accuracy_after"] >= summary["accuracy_before"] + 0.08
