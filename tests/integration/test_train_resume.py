"""Whole runs against a stand-in server: killed and resumed, left alone by the server, damaged on disk."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.trainer_command import Command, without_times
from tests.unit.trainer_client.stand_in import StandIn
from tests.waiting import wait_until

CONFIG = """
[run]
checkpoint_every = 4
keep_checkpoints = 3
[model.fresh]
hidden = 32
intermediate = 64
[data.addition]
terms = 2
max_number = 9
train_problems = 50
held_out_problems = 16
[sft]
steps = 60
batch = 32
optim = { lr = 1e-2, warmup_steps = 5, decay = "cosine" }
[rl]
steps = 16
prompts = 4
group = 4
minibatches = 2
loss = { kl = { beta = 0.01 } }
sampler = { max_new_tokens = 20 }
optim = { lr = 1e-3, warmup_steps = 2 }
[reward]
backoff_seconds = 0.05
max_backoff_seconds = 0.2
[evaluation]
every = 6
problems = 16
"""


@pytest.fixture
def server() -> Iterator[StandIn]:
    stand_in = StandIn()
    yield stand_in
    stand_in.kill()


class Trainer:
    """Runs the trainer on one run directory: in this process, or in one of its own where it is to be killed."""

    def __init__(self, folder: Path, server: StandIn, name: str) -> None:
        self.dir = folder / name
        self._command = Command("train", CONFIG, self.dir, "--reward.url", server.url)

    def words(self, *options: str) -> list[str]:
        return self._command.words(*options)

    def start(self, *options: str) -> subprocess.Popen[str]:
        return self._command.start(*options)

    def run(self, *options: str, expected: int = 0) -> str:
        """What the run printed."""
        return self._command(*options, expected=expected)

    def at_step(self, step: int, act: Callable[[], None]) -> threading.Thread:
        """Act, from another thread, as soon as the record shows this RL step."""

        def watch() -> None:
            wait_until(lambda: any((r["stage"], r["step"]) == ("rl", step) for r in self.records()), 0.002)
            act()

        thread = threading.Thread(target=watch)
        thread.start()
        return thread

    def run_until(self, stage: str, step: int, *options: str) -> None:
        """Kill the process when its record shows this step."""
        self._command.stop_when(
            lambda: any((r["stage"], r["step"]) == (stage, step) for r in self.records()), signal.SIGKILL, *options
        )

    def records(self) -> list[dict[str, Any]]:
        return self._command.rows("metrics.jsonl")

    def checkpoints(self) -> list[Path]:
        return sorted((self.dir / "checkpoints").iterdir(), key=lambda path: path.stat().st_mtime)


@pytest.mark.timeout(240)
def test_killed_and_resumed_run_equals_an_uninterrupted_one(tmp_path: Path, server: StandIn) -> None:
    whole, killed = Trainer(tmp_path, server, "whole"), Trainer(tmp_path, server, "killed")
    whole.run()
    killed.run_until("sft", 31)
    killed.run_until("rl", 10, "--resume")
    last = int(killed.checkpoints()[-1].name.removeprefix("rl-"))
    assert last >= 8
    told = killed.run("--resume")
    assert f"going on after rl step {last}" in told
    expected, got = without_times(whole.records()), without_times(killed.records())
    assert len(expected) == 60 + 16 + 4  # evaluations at 0, 6, 12 and 16
    assert got == expected
    assert [r["step"] for r in got if r["kind"] == "step" and r["stage"] == "rl"] == list(range(1, 17))
    weights = [(trainer.dir / "model" / "model.safetensors").read_bytes() for trainer in (whole, killed)]
    assert weights[0] == weights[1]


def test_run_directory_holds_what_was_promised_and_is_not_overwritten(tmp_path: Path, server: StandIn) -> None:
    trainer = Trainer(tmp_path, server, "run")
    told = trainer.run("--rl.steps", "2", "--sft.steps", "3")
    assert f"run                {trainer.dir}" in told
    names = {path.name for path in trainer.dir.iterdir()}
    expected = {"config.json", "metrics.jsonl", "samples.jsonl", "tensorboard", "checkpoints", "model", "reward.png"}
    assert expected | {"summary.json"} <= names
    config = json.loads((trainer.dir / "config.json").read_text())
    assert config["config"]["rl"]["steps"] == 2
    assert config["versions"]["torch"]
    step = next(record for record in trainer.records() if record["stage"] == "rl" and record["kind"] == "step")
    for name in ("reward", "accuracy", "length", "truncated_share", "entropy", "kl", "clip_share", "dead_group_share"):
        assert name in step
    for name in ("unscored", "skipped", "grad_norm", "lr", "log_prob_gap", "tokens_per_second", "policy_version"):
        assert name in step
    assert set(step["seconds"]) == {"generate", "reward", "update", "total"}
    assert step["log_prob_gap"] < 1e-4
    refused = trainer.run(expected=1)
    assert "--resume" in refused
    longer = trainer.run("--resume", "--rl.steps", "3", "--sft.steps", "3")
    assert "changed since the run began: rl.steps: 2 -> 3" in longer


def test_damaged_checkpoint_falls_back_to_the_one_before(tmp_path: Path, server: StandIn) -> None:
    trainer = Trainer(tmp_path, server, "run")
    trainer.run("--sft.steps", "3", "--rl.steps", "8")
    before = without_times(trainer.records())
    os.truncate(trainer.checkpoints()[-1] / "trainer.pt", 50)
    told = trainer.run("--resume", "--sft.steps", "3", "--rl.steps", "8")
    assert "rl-000008 is passed over" in told
    assert "changed since" not in told
    assert "going on after rl step 4" in told
    assert without_times(trainer.records()) == before


def test_another_model_cannot_go_on_with_a_run_nor_another_command(tmp_path: Path, server: StandIn) -> None:
    trainer = Trainer(tmp_path, server, "run")
    trainer.run("--sft.steps", "2", "--rl.steps", "1")
    refused = trainer.run("--resume", "--sft.steps", "2", "--rl.steps", "1", "--model.fresh.layers", "1", expected=1)
    assert "model.fresh.layers" in refused
    no_critic = trainer.run("--resume", "--sft.steps", "2", "--rl.steps", "2", "--preset", "ppo", expected=1)
    assert "the checkpoint holds none. Go on with the settings of the run" in no_critic
    reference = trainer.dir / "reference" / "model.safetensors"
    weights = bytearray(reference.read_bytes())
    weights[-5] ^= 1
    reference.write_bytes(weights)
    no_reference = trainer.run("--resume", "--sft.steps", "2", "--rl.steps", "2", expected=1)
    assert f"{trainer.dir / 'reference'} is damaged" in no_reference
    assert "model.safetensors is not what was written" in no_reference
    assert "--rl.loss.kl.beta 0" in no_reference
    (trainer.dir / "config.json").write_text('{"config": {"problems": {}, "sft": {}}}')
    record = (trainer.dir / "metrics.jsonl").read_bytes()
    refused = trainer.run("--resume", "--sft.steps", "1", "--rl.steps", "1", expected=1)
    assert "holds a run of another command than train" in refused
    assert (trainer.dir / "metrics.jsonl").read_bytes() == record


def test_run_waits_for_a_server_that_is_restarted(tmp_path: Path, server: StandIn) -> None:
    calm, shaken = Trainer(tmp_path, server, "calm"), Trainer(tmp_path, server, "shaken")
    calm.run("--sft.steps", "3")

    def restart() -> None:
        server.wait()
        time.sleep(2)
        server.start()

    server.faults(*[""] * 5, "die")
    watcher = threading.Thread(target=restart)
    watcher.start()
    told = shaken.run("--sft.steps", "3")
    watcher.join()
    assert told.count("does not answer") == 1
    assert told.count("answers again") == 1
    assert without_times(shaken.records()) == without_times(calm.records())


def test_dead_server_ends_the_run_with_a_checkpoint_that_can_go_on(tmp_path: Path, server: StandIn) -> None:
    calm, left = Trainer(tmp_path, server, "calm"), Trainer(tmp_path, server, "left")
    settings = ["--sft.steps", "3", "--evaluation.every", "0", "--run.checkpoint_every", "0"]
    calm.run(*settings)
    server.faults(*[""] * 7, "die")
    told = left.run(*settings, "--reward.max_wait_seconds", "0.3", "--reward.max_unscored_steps", "2", expected=1)
    assert "16 of 16 rollouts stayed unscored, and this for 2 steps in a row" in told
    assert "there is a checkpoint of it: go on with --resume" in told
    bad = left.records()[-1]
    assert (bad["unscored"], bad["reward"], bad["updates"], bad["dead_group_share"]) == (16, None, 0, 1.0)
    server.start()
    left.run("--resume", *settings)
    got, expected = left.records(), calm.records()
    missed = bad["step"]
    assert [record["step"] for record in got] == [record["step"] for record in expected]
    assert without_times(got)[: 3 + missed] == without_times(expected)[: 3 + missed]
    assert json.loads((left.dir / "summary.json").read_text())["unscored"] == 16


def test_evaluation_that_nobody_judged_is_made_again_on_resume(tmp_path: Path, server: StandIn) -> None:
    trainer = Trainer(tmp_path, server, "run")
    impatient = ["--sft.steps", "3", "--rl.steps", "3", "--evaluation.every", "2", "--reward.max_wait_seconds", "0"]
    judging, dead = [""], ["503"]
    server.faults(*judging, *dead)  # the first evaluation
    told = trainer.run(*impatient, expected=1)
    assert "none of 16 held-out problems has a score (unavailable: told so)" in told
    assert "rl step 0 was the last whole one" in told
    server.faults(*judging * 4, *dead, *judging, *dead)  # the second, and the last
    told = trainer.run(*impatient, "--resume", expected=1)
    assert "rl 2: none of 16 held-out problems has a score (unavailable: told so); the evaluation is left out" in told
    assert "rl step 3 was the last whole one" in told
    assert [r["step"] for r in trainer.records() if r["kind"] == "eval"] == [0]
    told = trainer.run(*impatient, "--resume")
    evaluations = [r for r in trainer.records() if r["kind"] == "eval"]
    assert [(r["step"], r["scored"]) for r in evaluations] == [(0, 16), (3, 16)]


def test_refused_key_stops_the_run_before_any_work(tmp_path: Path, server: StandIn) -> None:
    server.faults("401")
    told = Trainer(tmp_path, server, "run").run(expected=1)
    assert "unauthorized (HTTP 401)" in told


def test_completions_that_do_not_fit_the_model_stop_the_run(tmp_path: Path, server: StandIn) -> None:
    told = Trainer(tmp_path, server, "run").run("--rl.sampler.max_new_tokens", "300", expected=1)
    assert "256 positions" in told


def test_component_that_the_profile_lacks_stops_the_run(tmp_path: Path, server: StandIn) -> None:
    told = Trainer(tmp_path, server, "run").run("--evaluation.accuracy_component", "code", expected=1)
    assert "['format', 'math']" in told
