"""Every algorithm, by its preset, for a few real steps: a small model, a real reward server, the whole loop."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server_process import STEP_PROFILES, running_server
from trainer_client.config import TrainConfig
from trainer_client.config.presets import PRESETS, with_preset
from trainer_client.train import train

COMMON: dict[str, Any] = {
    "data": {"addition": {"terms": 3, "max_number": 9, "train_problems": 400, "held_out_problems": 8}},
    "evaluation": {"every": 0, "problems": 8},
    "run": {"checkpoint_every": 0, "keep_checkpoints": 1},
}
RL = {"steps": 3, "prompts": 6, "group": 8, "micro_batch": 48, "sampler": {"max_new_tokens": 28}, "optim": {"lr": 1e-3}}
OPTIMIZER_STEPS = {"dapo": 4, "gspo": 4, "gspo_token": 4, "dual_clip": 4, "cispo": 4, "ppo": 4}
SMALL: dict[str, dict[str, Any]] = {
    "ppo": {"critic": {"optim": {"lr": 2e-4}}},
    "gfpo": {"group": 16, "prompts": 4},
    "iterative_grpo": {"reference": {"every": 2}},
}
WITH_REFERENCE = {"grpo", "grpo_process", "iterative_grpo", "rloo", "reinforce_pp", "reinforce_pp_baseline", "ppo"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_server(tmp_path_factory.mktemp("server") / "server.log", **STEP_PROFILES) as (url, _):
        yield url


@pytest.fixture(scope="module")
def half_taught(tmp_path_factory: pytest.TempPathFactory, server: str) -> Path:
    """A model that is right now and then: what every algorithm begins with."""
    run = tmp_path_factory.mktemp("cold") / "run"
    config = {
        "run": {"dir": run},
        "model": {"fresh": {"hidden": 48, "intermediate": 96}},
        "sft": {"steps": 320, "optim": {"lr": 5e-3, "warmup_steps": 10, "decay": "cosine"}},
        "rl": {"steps": 0, "sampler": {"max_new_tokens": 28}},
        "reward": {"url": server},
    }
    train(TrainConfig.model_validate(merged(COMMON, config)))
    return run / "model"


def merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    keys = below.keys() | above.keys()
    both = {key: (below.get(key), above.get(key)) for key in keys}
    return {
        key: merged(low, high) if isinstance(low, dict) and isinstance(high, dict) else low if high is None else high
        for key, (low, high) in both.items()
    }


def run_steps(
    folder: Path, model: Path, reward: dict[str, Any], rl: dict[str, Any], preset: str | None = None
) -> list[dict[str, Any]]:
    """The records of the steps of a run with these settings of `[rl]`."""
    config = {"preset": preset, "run": {"dir": folder / "run"}, "model": {"path": model}, "reward": reward, "rl": rl}
    train(TrainConfig.model_validate(merged(COMMON, config)))
    lines = (folder / "run" / "metrics.jsonl").read_text().splitlines()
    return [record for record in map(json.loads, lines) if record["kind"] == "step"]


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_takes_real_steps(
    name: str, tmp_path: Path, half_taught: Path, server: str, capsys: pytest.CaptureFixture[str]
) -> None:
    reward = {"url": server, "profile": "steps" if name == "grpo_process" else "r1-zero-math"}
    rl = merged(dict(PRESETS[name].example), SMALL.get(name, {}))
    steps = run_steps(tmp_path, half_taught, reward, with_preset(name, merged(RL, rl)), name)

    told = capsys.readouterr().out
    assert f"algorithm  {name}: {PRESETS[name].formula}" in told
    assert [step["step"] for step in steps] == [1, 2, 3]
    for step in steps:
        assert 0 < step["updates"] <= OPTIMIZER_STEPS.get(name, 1)  # a minibatch of dead groups alone has none
        assert step["skipped_updates"] == step["unscored"] == 0
        assert 0 < step["grad_norm"] < 100
        assert step["log_prob_gap"] < 1e-3
        assert math.isfinite(step["loss"])
    assert max(step["updates"] for step in steps) == OPTIMIZER_STEPS.get(name, 1)
    moved = [step["kl"] for step in steps]
    assert (max(map(abs, moved)) > 1e-5) == (name in WITH_REFERENCE)
    assert_what_is_special(name, steps)


REFINED: dict[str, dict[str, Any]] = {
    "hybrid baseline": {"advantage": {"scale": "none", "hybrid": {"choose": "few_scored"}}, "critic": {}},
    "values alone": {"group": 1, "advantage": {"scale": "none", "hybrid": {"choose": "all"}}, "critic": {}},
    "shared trunk": {"advantage": {"estimator": "gae"}, "critic": {"trunk": "shared"}},
    "outcome as a step": {"advantage": {"process": {"outcome_as_step": True}}},
    "objectives": {"advantage": {"objectives": {"weights": {"math": 1.0, "format": 0.2}, "whiten": True}}},
    "correction and tokens of high entropy": {
        "epochs": 2,
        "loss": {"correction": {"mode": "token_mask"}, "entropy": {"coef": 0.01, "top_share": 0.2}},
    },
}


@pytest.mark.parametrize("rl", REFINED.values(), ids=REFINED)
def test_every_refinement_takes_real_steps(
    rl: dict[str, Any], tmp_path: Path, half_taught: Path, server: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with_steps = "process" in rl.get("advantage", {})
    reward = {"url": server, "profile": "steps" if with_steps else "r1-zero-math"}
    steps = run_steps(tmp_path, half_taught, reward, merged(RL, rl))
    assert "by settings, no preset" in capsys.readouterr().out
    assert sum(step["updates"] for step in steps) >= 2
    assert all(step["skipped_updates"] == 0 and math.isfinite(step["grad_norm"]) for step in steps)
    if "epochs" in rl:
        left_out = [step["loss_terms"]["left_out"] for step in steps]
        assert all(share == pytest.approx(0.8, abs=0.1) for share in left_out)


def assert_what_is_special(name: str, steps: list[dict[str, Any]]) -> None:
    last = steps[-1]
    if name == "grpo_process":
        assert min(step["steps_judged"] for step in steps) > 0.5
    if name == "dapo":
        assert all(step["sampling"]["groups_taken"] == 6 and step["sampling"]["full"] for step in steps)
        assert max(step["sampling"]["samplings"] for step in steps) > 1
        assert last["sampling"]["tokens_so_far"] == sum(step["tokens"] for step in steps)
    if name == "gfpo":
        assert all(step["tokens_trained"] < step["tokens"] / 2 for step in steps)  # the shorter half of each group
    if name == "iterative_grpo":
        assert steps[2]["kl"] == pytest.approx(0.0, abs=1e-6)  # the reference became the policy after step 2
        assert steps[1]["kl"] > 1e-6
    if name == "ppo":
        distance = [abs(step["critic"]["return"] - step["critic"]["value"]) for step in steps]
        assert distance[-1] < distance[0]  # the values begin at zero
        assert all(step["critic"]["grad_norm"] > 0 for step in steps)
    if name in ("gspo", "gspo_token"):
        assert max(step["clip_share"] for step in steps) > 0.05
