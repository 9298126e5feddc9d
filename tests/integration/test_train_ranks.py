"""`torchrun -m trainer_client train`: two processes share a run. One killed, both interrupted, the server gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.integration.test_train_resume import Trainer
from tests.trainer_command import without_times
from tests.unit.trainer_client.stand_in import StandIn
from tests.waiting import wait_until
from trainer_client import train
from trainer_client.errors import RankLost

pytestmark = pytest.mark.timeout(600)
SMALL = ("--sft.steps", "10", "--rl.steps", "8", "--run.checkpoint_every", "4")
WAIT_SECONDS = 200


@pytest.fixture
def server() -> Iterator[StandIn]:
    stand_in = StandIn()
    yield stand_in
    stand_in.kill()


class Torchrun:
    """A run of two processes, as torchrun starts them."""

    def __init__(self, trainer: Trainer, *options: str) -> None:
        self.trainer = trainer
        launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
        self._process = subprocess.Popen(
            [*launcher, "-m", "trainer_client", *trainer.words(*SMALL, *options)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )

    def until(self, step: int) -> None:
        """Wait for this RL step in the record."""

        def reached() -> bool:
            assert self._process.poll() is None, self._process.communicate()[0]
            return any((r["stage"], r["step"]) == ("rl", step) for r in self.trainer.records())

        wait_until(reached, 0.002)

    def signal_rank(self, rank: int, number: signal.Signals) -> None:
        """Send a signal to one of the two."""
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        (found,) = (child for child in children if f"\0RANK={rank}\0" in Path(f"/proc/{child}/environ").read_text())
        os.kill(int(found), number)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to torchrun, as a terminal or a scheduler does."""
        self._process.send_signal(number)

    def ended(self) -> tuple[int, str]:
        """Exit status and what was printed, once all is over."""
        told = self._process.communicate(timeout=WAIT_SECONDS)[0]
        return self._process.returncode, told


def done(trainer: Trainer, *options: str) -> str:
    """What a run of two processes printed until its good end."""
    status, told = Torchrun(trainer, *options).ended()
    assert status == 0, told
    return told


def last_checkpoint(trainer: Trainer) -> str:
    return trainer.checkpoints()[-1].name


def test_run_that_lost_a_process_equals_an_uninterrupted_one(tmp_path: Path, server: StandIn) -> None:
    whole, lost, alone = (Trainer(tmp_path, server, name) for name in ("whole", "lost", "alone"))
    assert done(whole).count("held-out accuracy  ") == 1  # one of the two speaks
    run = Torchrun(lost)
    run.until(4)
    run.signal_rank(1, signal.SIGKILL)
    status, told = run.ended()
    assert status == 1, told
    step = int(last_checkpoint(lost).removeprefix("rl-"))
    assert 4 <= step <= lost.records()[-1]["step"]
    refused = lost.run(*SMALL, "--resume", expected=1)
    assert "the run was made by 2 processes" in refused
    assert "go on with torchrun --nproc-per-node 2" in refused
    assert f"going on after rl step {step}" in done(lost, "--resume")
    assert without_times(lost.records()) == without_times(whole.records())
    weights = [(trainer.dir / "model" / "model.safetensors").read_bytes() for trainer in (whole, lost)]
    assert weights[0] == weights[1]

    alone.run(*SMALL, "--rl.steps", "0")  # the cold start draws nothing: two processes do it as one does
    for one, two in zip(alone.records()[:10], whole.records()[:10], strict=True):
        assert two["loss"] == pytest.approx(one["loss"], abs=1e-4)
        assert two["tokens"] == one["tokens"]


@pytest.mark.parametrize(("place", "checkpoint"), [("gather", "rl-000005"), ("update_policy", "rl-000004")])
def test_process_lost_in_a_step_leaves_the_last_whole_one(
    tmp_path: Path, server: StandIn, monkeypatch: pytest.MonkeyPatch, place: str, checkpoint: str
) -> None:
    """In the middle of an update the weights are those of no step: the checkpoint before is what there is."""
    real, calls = getattr(train, place), count(1)

    def lost(*arguments: Any) -> Any:
        result = real(*arguments)
        if next(calls) == 6:
            raise RankLost("another process ended")
        return result

    monkeypatch.setattr(train, place, lost)
    trainer = Trainer(tmp_path, server, "run")
    assert "another process ended" in trainer.run(*SMALL, expected=1)
    assert last_checkpoint(trainer) == checkpoint


@pytest.mark.slow
def test_signal_to_torchrun_leaves_a_checkpoint_of_the_last_step(tmp_path: Path, server: StandIn) -> None:
    trainer = Trainer(tmp_path, server, "run")
    run = Torchrun(trainer, "--rl.steps", "200")
    run.until(3)
    run.signal(signal.SIGTERM)
    status, told = run.ended()
    assert status != 0
    step = trainer.records()[-1]["step"]
    assert f"trainer-client, rank 0: interrupted after rl step {step}, of which there is a checkpoint" in told
    assert last_checkpoint(trainer) == f"rl-{step:06d}"


@pytest.mark.slow
def test_dead_server_ends_both_with_a_checkpoint(tmp_path: Path, server: StandIn) -> None:
    trainer = Trainer(tmp_path, server, "run")
    impatient = ("--reward.max_wait_seconds", "0.3", "--reward.max_unscored_steps", "2")
    run = Torchrun(trainer, "--rl.steps", "200", *impatient)
    run.until(3)
    server.kill()
    status, told = run.ended()
    assert status == 1
    assert "16 of 16 rollouts stayed unscored, and this for 2 steps in a row" in told
    assert last_checkpoint(trainer) == f"rl-{trainer.records()[-1]['step']:06d}"


def test_commands_that_are_not_shared_are_refused_under_torchrun() -> None:
    launched = {"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}
    command = [sys.executable, "-m", "trainer_client", "dpo", "missing.toml"]
    refused = subprocess.run(command, env={**os.environ, **launched}, capture_output=True, text=True)
    assert refused.returncode == 1
    assert "rank 1: `dpo` is done by one process, but torchrun started 2" in refused.stderr
