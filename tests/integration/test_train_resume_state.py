"""What adapts from step to step comes back with a checkpoint: a resumed run equals one that was never interrupted."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.trainer_command import without_times
from tests.unit.trainer_client.stand_in import StandIn
from trainer_client.checkpoint import CheckpointStore
from trainer_client.config import TrainConfig
from trainer_client.data import read_pass_rates
from trainer_client.errors import AlarmRaised, ConfigError, RewardRejected, RewardsMissing
from trainer_client.progress import Progress
from trainer_client.train import train

STEPS = 6
PPO = {
    "minibatches": 2,
    "advantage": {"estimator": "gae", "lam": 0.95},
    "loss": {
        "kl": {"beta": 0.05, "estimator": "k1", "place": "reward", "target": 0.001, "horizon": 16},
        "entropy": {"coef": 0.01, "target": 5.0},
    },
    "reference": {"refresh": "ema", "rate": 0.1},
}
ADAPTING = {
    "ppo with a critic of its own, adaptive weights, a reference that follows": PPO
    | {"critic": {"trunk": "own", "optim": {"lr": 1e-3}}},
    "ppo with a shared trunk": PPO | {"critic": {"trunk": "shared", "optim": {"lr": 1e-3}}},
    "iterative grpo with refill and adaptive difficulty": {
        "loss": {"kl": {"beta": 0.05}},
        "reference": {"refresh": "copy", "every": 2},
        "selection": {"dynamic_sampling": {"max_batches": 3}},
        "advantage": {
            "gfpo": {"adaptive": {"very_hard": 3, "hard": 3, "medium": 2, "easy": 2, "window": 32, "warm_up": 4}}
        },
    },
}


@pytest.fixture
def server() -> Iterator[StandIn]:
    stand_in = StandIn()
    yield stand_in
    stand_in.kill()


def config(run: Path, server: StandIn, rl: dict[str, Any], **more: Any) -> TrainConfig:
    shape = {"steps": STEPS, "prompts": 4, "group": 4, "sampler": {"max_new_tokens": 20}, "optim": {"lr": 1e-3}}
    return TrainConfig.model_validate(
        {
            "run": {"dir": run, "checkpoint_every": 3, "keep_checkpoints": 3},
            "model": {"fresh": {"hidden": 32, "intermediate": 64}},
            "data": {"addition": {"terms": 2, "max_number": 9, "train_problems": 50, "held_out_problems": 8}},
            "sft": {"steps": 60, "batch": 32, "optim": {"lr": 1e-2, "warmup_steps": 5, "decay": "cosine"}},
            "rl": shape | rl,
            "reward": {"url": server.url},
            "evaluation": {"every": 0, "problems": 8},
            **more,
        }
    )


def records(run: Path) -> list[dict[str, Any]]:
    return without_times([json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()])


def weights(run: Path) -> bytes:
    return (run / "model" / "model.safetensors").read_bytes()


@pytest.mark.parametrize("rl", ADAPTING.values(), ids=ADAPTING)
def test_resumed_run_goes_on_with_everything_that_adapts(tmp_path: Path, server: StandIn, rl: dict[str, Any]) -> None:
    run = tmp_path / "run"
    train(config(run, server, rl))
    expected, trained = records(run), weights(run)
    shutil.rmtree(run / "model")
    os.truncate(run / "checkpoints" / f"rl-{STEPS:06d}" / "trainer.pt", 50)
    train(config(run, server, rl, resume=True))
    assert records(run) == expected
    assert weights(run) == trained
    steps = [record for record in expected if record["kind"] == "step" and record["stage"] == "rl"]
    if "critic" in rl:
        assert len({step["kl_beta"] for step in steps}) > 2
        assert len({step["entropy_coef"] for step in steps}) > 1
    else:
        assert max(step["sampling"]["samplings"] for step in steps) > 1


CURRICULUM = {
    "addition": {"terms": 2, "max_number": 9, "train_problems": 50, "held_out_problems": 8},
    "curriculum": {"memory": 0.7},
}


def test_resumed_curriculum_draws_what_it_would_have_drawn(tmp_path: Path, server: StandIn) -> None:
    run, selection = tmp_path / "run", {"selection": {"dynamic_sampling": {"max_batches": 2}}}
    train(config(run, server, selection, data=CURRICULUM))
    expected, trained, rates = records(run), weights(run), read_pass_rates(run / "pass_rates.jsonl")
    assert 12 < len(rates) <= 50
    assert len({rate.rate for rate in rates.values()}) > 2
    shutil.rmtree(run / "model")
    (run / "pass_rates.jsonl").unlink()
    os.truncate(run / "checkpoints" / f"rl-{STEPS:06d}" / "trainer.pt", 50)
    train(config(run, server, selection, data=CURRICULUM, resume=True))
    assert records(run) == expected
    assert weights(run) == trained
    assert read_pass_rates(run / "pass_rates.jsonl") == rates


def test_curriculum_changes_what_is_drawn_and_can_begin_in_the_middle_of_a_run(
    tmp_path: Path, server: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    run, plain = tmp_path / "run", {"addition": CURRICULUM["addition"]}
    train(config(run, server, {"steps": 3}, data=plain))
    assert not (run / "pass_rates.jsonl").exists()
    train(config(run, server, {}, data=CURRICULUM, resume=True))
    assert "nothing is known of its pass rates yet" in capsys.readouterr().out
    assert 0 < len(read_pass_rates(run / "pass_rates.jsonl")) <= 12  # 3 steps of 4 problems
    train(config(run, server, {"steps": STEPS + 1}, data=plain, resume=True))
    assert records(run)[-2]["step"] == STEPS + 1


def test_pause_leaves_a_checkpoint_and_the_run_goes_on_as_if_there_had_been_none(
    tmp_path: Path, server: StandIn
) -> None:
    calm, paused = tmp_path / "calm", tmp_path / "paused"
    bounds = {"patience": 2, "entropy": {"high": 0.01}}
    train(config(calm, server, {}, monitor={"on_alarm": "warn", **bounds}))
    with pytest.raises(AlarmRaised, match=r"paused after rl step 2: entropy explosion.*--resume"):
        train(config(paused, server, {}, monitor={"on_alarm": "pause", **bounds}))
    assert records(paused)[-1]["alarms"] == records(calm)[len(records(paused)) - 1]["alarms"] != []
    train(config(paused, server, {}, monitor={"on_alarm": "pause", **bounds}, resume=True))
    assert records(paused) == records(calm)
    assert weights(paused) == weights(calm)


def test_stop_goes_back_to_the_checkpoint_before_the_alarm(tmp_path: Path, server: StandIn) -> None:
    run = tmp_path / "run"
    monitor = {"on_alarm": "stop", "patience": 3, "entropy": {"high": 0.01}}
    with pytest.raises(AlarmRaised, match="stopped after rl step 3"):
        train(config(run, server, {}, monitor=monitor))
    assert not (run / "checkpoints" / "rl-000003").exists()
    train(config(run, server, {}, resume=True))
    assert [r["step"] for r in records(run) if r["kind"] == "step"][-STEPS:] == list(range(1, STEPS + 1))


def test_process_supervision_without_step_rewards_ends_before_the_first_update(tmp_path: Path, server: StandIn) -> None:
    run = tmp_path / "run"
    with pytest.raises(ConfigError, match=r"profile 'r1-zero-math' .*arithmetic_steps"):
        train(config(run, server, {"advantage": {"process": {}}}))
    assert [r["kind"] for r in records(run) if r["stage"] == "rl"] == ["eval"]


def test_step_without_a_live_group_is_told_and_goes_by(
    tmp_path: Path, server: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    run, dynamic = tmp_path / "run", {"steps": 2, "selection": {"dynamic_sampling": {"max_batches": 2}}}
    train(config(run, server, dynamic, sft={"steps": 0}))
    told = capsys.readouterr().out
    for step in (1, 2):
        assert f"rl step {step} learns nothing: in none of 8 groups of 2 samplings do the values of math differ" in told
    assert [r["updates"] for r in records(run) if r["kind"] == "step"] == [0, 0]


def test_a_server_that_is_down_is_not_told_as_problems_that_are_too_hard(
    tmp_path: Path, server: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    dynamic = {"steps": 4, "selection": {"dynamic_sampling": {"max_batches": 2}}}
    reward = {"url": server.url, "max_wait_seconds": 0.3, "max_unscored_steps": 2}
    server.faults("", "", *["503"] * 1000)  # the trial before the run and the first evaluation are judged
    with pytest.raises(RewardsMissing, match="for 2 steps in a row"):
        train(config(tmp_path / "run", server, dynamic, sft={"steps": 0}, reward=reward))
    told = capsys.readouterr().out
    assert "rollouts have no score" in told
    assert "learns nothing" not in told


def test_server_that_comes_back_with_other_rules_pauses_a_run_that_wants_it(tmp_path: Path, server: StandIn) -> None:
    run, monitor = tmp_path / "run", {"on_alarm": "pause"}
    train(config(run, server, {"steps": 2}, monitor=monitor))
    assert [r["rules"] for r in records(run) if r["stage"] == "rl" and r["kind"] == "step"] == [["sha256:0"]] * 2
    server.faults(*["other-rules"] * 20)
    with pytest.raises(AlarmRaised, match="paused after rl step 3: the reward server judges by other rules"):
        train(config(run, server, {"steps": 5}, monitor=monitor, resume=True))
    train(config(run, server, {"steps": 5}, monitor=monitor, resume=True))
    assert [r["rules"] for r in records(run) if r["stage"] == "rl" and r["kind"] == "step"][2:] == [["sha256:1"]] * 3


def test_reference_that_followed_stays_where_it_was_when_it_follows_no_more(tmp_path: Path, server: StandIn) -> None:
    run, loss = tmp_path / "run", {"kl": {"beta": 0.05}}
    train(config(run, server, {"steps": 2, "loss": loss, "reference": {"refresh": "copy", "every": 2}}))
    followed = newest_reference(run)
    train(config(run, server, {"steps": 3, "loss": loss}, resume=True))
    train(config(run, server, {"steps": 4, "loss": loss}, resume=True))
    assert all(torch.equal(followed[name], value) for name, value in newest_reference(run).items())


def newest_reference(run: Path) -> dict[str, torch.Tensor]:
    saved = CheckpointStore(run / "checkpoints", 9, print).newest()
    assert saved is not None
    return dict(saved.more["reference"])


def test_changed_files_are_told_when_a_run_goes_on(
    tmp_path: Path, server: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    run, files = tmp_path / "run", {name: tmp_path / f"{name}.jsonl" for name in ("train", "held_out")}
    for other, path in enumerate(files.values()):
        path.write_text("".join(f'{{"prompt": "{n}+{other}=", "ground_truth": "{n + other}"}}\n' for n in range(8)))
    more: dict[str, Any] = {"data": files, "sft": {"steps": 0}}
    train(config(run, server, {"steps": 1}, **more))
    files["train"].write_text('{"prompt": "1+0=", "ground_truth": "1"}\n')
    train(config(run, server, {"steps": 2}, **more, resume=True))
    told = capsys.readouterr().out
    assert "changed since the run began: what lies under data.train\n" in told
    assert "data.held_out" not in told


def test_step_of_which_there_is_a_checkpoint_is_not_written_again(
    tmp_path: Path, server: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    save = CheckpointStore.save

    def counted(store: CheckpointStore, progress: Progress, *rest: Any) -> Path:
        written.append(progress.step)
        return save(store, progress, *rest)

    monkeypatch.setattr(CheckpointStore, "save", counted)
    server.faults("", "", "", "404")  # the trial, the first evaluation, one step
    settings = config(tmp_path / "run", server, {"steps": 3}, sft={"steps": 0})
    every = settings.run.model_copy(update={"checkpoint_every": 1})
    with pytest.raises(RewardRejected):
        train(settings.model_copy(update={"run": every}))
    assert written == [0, 1]
