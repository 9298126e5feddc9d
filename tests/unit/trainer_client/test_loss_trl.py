"""Our losses and gradients against those that TRL's own trainers returned on the same tensors.

The record says the versions; `tests/parity/record_trl_losses.py` makes it anew.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from trainer_client.config.loss import LossConfig, PreferenceConfig
from trainer_client.losses.aggregation import StepNormaliser
from trainer_client.losses.entropy import entropy_threshold
from trainer_client.losses.parts import LossParts, PolicyInputs, StepState
from trainer_client.losses.policy_loss import policy_loss
from trainer_client.losses.preference import PairSide, preference_loss

RECORD: dict[str, Any] = json.loads(Path(__file__).with_name("cases").joinpath("trl_losses.json").read_text())
AGGREGATION = {
    "grpo": "seq_mean",
    "dr_grpo": "constant",
    "dapo": "token_mean",
    "bnpo": "token_mean",  # whose mean is the micro-batch's: here that is the step
    "cispo": "token_mean",
}
TOLERANCE = 1e-6


def tensors(name: str) -> dict[str, Tensor]:
    return {key: torch.tensor(value, dtype=torch.float64) for key, value in RECORD[name].items()}


def config_of(settings: dict[str, Any]) -> LossConfig:
    """TRL's names for the same loss. With cispo its epsilon_high is the cap itself, and nothing is clipped below."""
    cispo = settings["loss_type"] == "cispo"
    values: dict[str, Any] = {
        "objective": "cispo" if cispo else "clip",
        "ratio": settings.get("importance_sampling_level", "token"),
        "eps_low": 1.0 if cispo else settings["epsilon_low"],
        "eps_high": settings["epsilon_high"] - 1 if cispo else settings["epsilon_high"],
        "dual_clip": settings.get("delta"),
        "aggregation": AGGREGATION[settings["loss_type"]],
        "kl": {"beta": settings.get("beta", 0.0), "bias_correction": settings.get("use_bias_correction_kl", False)},
        "entropy": {
            "coef": settings.get("entropy_coef", 0.0),
            "top_share": settings.get("top_entropy_quantile", 1.0),
        },
    }
    if "mode" in settings:
        values["correction"] = {"mode": settings["mode"], "high": settings["clip_max"]}
    return LossConfig.model_validate(values)


def ours(settings: dict[str, Any], config: LossConfig) -> tuple[LossParts, Tensor, Tensor]:
    """Our loss on the recorded tensors, its log-probs and its entropies, whose gradients are filled."""
    given = tensors("grpo_inputs")
    mask = given["mask"] * given["tools"] if settings.get("tools") else given["mask"]
    log_probs, entropy = given["log_probs"].requires_grad_(), given["entropy"].requires_grad_()
    inputs = PolicyInputs(
        log_probs,
        None if settings.get("first_step") else given["old_log_probs"],
        given["advantages"].unsqueeze(1).expand_as(mask),
        mask,
        given["reference_log_probs"],
        given["sampler_log_probs"],
        entropy,
    )
    total = StepNormaliser(len(mask), settings.get("items", int(mask.sum())), RECORD["max_completion"])
    state = StepState(entropy_threshold=entropy_threshold(entropy, mask, config.entropy.top_share))
    parts = policy_loss(inputs, total, config, state)
    parts.loss.backward()
    return parts, log_probs, entropy


@pytest.mark.parametrize("name", RECORD["grpo"])
def test_policy_loss_and_gradient_are_those_of_trl(name: str) -> None:
    recorded = RECORD["grpo"][name]
    parts, log_probs, entropy = ours(recorded["settings"], config_of(recorded["settings"]))
    assert parts.loss.item() == pytest.approx(recorded["loss"], abs=TOLERANCE)
    expected = torch.tensor(recorded["gradient"], dtype=torch.float64)
    assert expected.abs().max() > 1e-3
    assert log_probs.grad is not None
    assert torch.allclose(log_probs.grad, expected, rtol=0, atol=TOLERANCE)
    if "entropy_gradient" in recorded:
        assert entropy.grad is not None
        of_entropy = torch.tensor(recorded["entropy_gradient"], dtype=torch.float64)
        assert torch.allclose(entropy.grad, of_entropy, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("name", ["grpo", "grpo, beta", "grpo, beta, bias correction", "gspo, beta", "cispo, beta"])
def test_metrics_are_those_of_trl(name: str) -> None:
    recorded = RECORD["grpo"][name]
    config = config_of(recorded["settings"])
    sums = ours(recorded["settings"], config)[0].sums
    metrics = recorded["metrics"]
    assert sums.entropy / sums.tokens == pytest.approx(metrics["entropy"], abs=TOLERANCE)
    if config.kl.beta:
        assert sums.kl / sums.tokens == pytest.approx(metrics["kl"], abs=TOLERANCE)
    if config.objective == "clip" and config.ratio == "token":
        assert sums.clipped_low / sums.tokens == pytest.approx(metrics["clip_ratio/low_mean"], abs=TOLERANCE)
        assert sums.clipped_high / sums.tokens == pytest.approx(metrics["clip_ratio/high_mean"], abs=TOLERANCE)


def test_recorded_tensors_reach_every_bound() -> None:
    """A parity of losses that never clip would show little."""
    losses = {name: case["loss"] for name, case in RECORD["grpo"].items()}
    for name in ("grpo", "gspo"):
        assert RECORD["grpo"][name]["metrics"]["clip_ratio/low_mean"] > 0
        assert RECORD["grpo"][name]["metrics"]["clip_ratio/high_mean"] > 0
    assert RECORD["grpo"]["cispo"]["metrics"]["cispo_clip_ratio"] > 0
    assert len({round(loss, 6) for loss in losses.values()}) == len(losses) - 2  # bnpo is dapo in one micro-batch
    assert losses["bnpo"] == losses["dapo"]
    assert losses["bnpo, beta"] == losses["dapo, beta"]


@pytest.mark.parametrize("name", RECORD["dpo"])
def test_preference_loss_and_gradient_are_those_of_trl(name: str) -> None:
    recorded, given = RECORD["dpo"][name], tensors("dpo_inputs")
    log_probs = given["log_probs"].requires_grad_()
    sides = [
        PairSide(*side)
        for side in zip(log_probs.chunk(2), given["reference_log_probs"].chunk(2), given["mask"].chunk(2), strict=True)
    ]
    config = PreferenceConfig(loss=recorded["settings"]["loss_type"], beta=recorded["settings"]["beta"])
    parts = preference_loss(*sides, total_pairs=3, config=config)
    parts.loss.backward()
    assert parts.loss.item() == pytest.approx(recorded["loss"], abs=TOLERANCE)
    assert log_probs.grad is not None
    expected = torch.tensor(recorded["gradient"], dtype=torch.float64)
    assert torch.allclose(log_probs.grad, expected, rtol=0, atol=TOLERANCE)
    metrics = recorded["metrics"]
    assert parts.sums.chosen_rewards / 3 == pytest.approx(metrics["rewards/chosen"], abs=TOLERANCE)
    assert parts.sums.rejected_rewards / 3 == pytest.approx(metrics["rewards/rejected"], abs=TOLERANCE)
