"""Ctrl-C, SIGTERM and a full disk: what was done stays, the message says how to go on, nothing is half written."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.test_train_resume import Trainer
from tests.trainer_command import stop_when, without_times
from tests.unit.trainer_client.stand_in import StandIn


@pytest.fixture
def server() -> Iterator[StandIn]:
    stand_in = StandIn()
    yield stand_in
    stand_in.kill()


def told_after(process: subprocess.Popen[str], trainer: Trainer, stage: str, step: int, number: signal.Signals) -> str:
    """Send the signal when the record shows this step; what was printed until the process ended with 130."""
    reached = (stage, step)
    status, told = stop_when(process, lambda: reached in [(r["stage"], r["step"]) for r in trainer.records()], number)
    assert status == 130, told
    return told


@pytest.mark.timeout(240)
def test_interrupted_run_keeps_its_last_step_and_equals_an_uninterrupted_one(tmp_path: Path, server: StandIn) -> None:
    whole, stopped = Trainer(tmp_path, server, "whole"), Trainer(tmp_path, server, "stopped")
    never = ("--run.checkpoint_every", "0")
    whole.run(*never)
    told = told_after(stopped.start(*never), stopped, "sft", 20, signal.SIGTERM)
    assert "Traceback" not in told
    name = stopped.checkpoints()[-1].name
    assert name.startswith("sft-")
    assert f"interrupted after sft step {int(name[4:])}, of which there is a checkpoint: go on with --resume" in told
    told = told_after(stopped.start(*never, "--resume"), stopped, "rl", 7, signal.SIGINT)
    done = int(stopped.checkpoints()[-1].name.removeprefix("rl-"))
    assert f"interrupted after rl step {done}" in told
    assert done == stopped.records()[-1]["step"] >= 7  # nothing finished is lost, nothing unfinished is kept
    assert f"going on after rl step {done}" in stopped.run(*never, "--resume")
    assert without_times(stopped.records()) == without_times(whole.records())
    weights = [(trainer.dir / "model" / "model.safetensors").read_bytes() for trainer in (whole, stopped)]
    assert weights[0] == weights[1]


def test_wait_for_a_dead_server_ends_at_once(tmp_path: Path, server: StandIn) -> None:
    trainer = Trainer(tmp_path, server, "run")
    process = trainer.start("--sft.steps", "3", "--run.checkpoint_every", "0")
    watcher = trainer.at_step(4, server.kill)
    watcher.join()
    deadline = time.monotonic() + 200
    seen = -1
    while len(trainer.records()) != seen:  # until steps stop coming
        assert time.monotonic() < deadline
        seen = len(trainer.records())
        time.sleep(1.5)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    told = process.communicate(timeout=200)[0]
    assert time.monotonic() - began < 60  # the patience is 300 s
    assert process.returncode == 130, told
    assert f"interrupted after rl step {trainer.records()[-1]['step']}" in told


def test_closed_terminal_ends_a_run_like_ctrl_c_although_nobody_reads_what_it_says(
    tmp_path: Path, server: StandIn
) -> None:
    trainer = Trainer(tmp_path, server, "run")
    before = signal.signal(signal.SIGHUP, lambda *_: None)  # else it is ignored where these tests run under nohup
    process = trainer.start("--sft.steps", "3", "--run.checkpoint_every", "0")
    signal.signal(signal.SIGHUP, before)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("algorithm")
    process.stdout.close()

    def close_terminal() -> None:
        for _ in range(2):  # the kernel's and the shell's
            process.send_signal(signal.SIGHUP)
            time.sleep(0.01)

    trainer.at_step(4, close_terminal).join()
    assert process.wait(timeout=200) == 130
    last = trainer.records()[-1]
    assert last["step"] >= 4
    assert trainer.checkpoints()[-1].name == f"rl-{last['step']:06d}"


def test_signal_before_the_first_step_is_told_like_any_other(tmp_path: Path, server: StandIn) -> None:
    trainer = Trainer(tmp_path, server, "run")
    server.faults("hang:60")
    status, told = stop_when(trainer.start(), lambda: bool(server.requests()), signal.SIGTERM)
    assert (status, told) == (130, "trainer-client: interrupted; go on later with --resume\n")


FULL = """
import resource, sys
from trainer_client.__main__ import main
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
sys.exit(main(sys.argv[2:]))
"""


def test_checkpoint_without_room_is_told_and_leaves_nothing(tmp_path: Path, server: StandIn) -> None:
    trainer = Trainer(tmp_path, server, "run")
    small = ("--sft.steps", "3", "--rl.steps", "2", "--model.fresh.hidden", "16", "--model.fresh.intermediate", "32")
    words = trainer.words(*small, "--run.checkpoint_every", "2")
    done = subprocess.run([sys.executable, "-c", FULL, "60000", *words], capture_output=True, text=True)
    assert done.returncode == 1, done.stdout
    assert "the checkpoint sft-000002 cannot be written" in done.stderr
    assert "Make room in" in done.stderr
    assert "Traceback" not in done.stderr
    assert list((trainer.dir / "checkpoints").iterdir()) == []
    assert "starting from the beginning" in trainer.run("--resume", *small)
