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

from trainer_client.config.loss import EntropyConfig, LossConfig, PreferenceConfig
from trainer_client.losses.aggregation import StepNormaliser
from trainer_client.losses.entropy import adapted_entropy_coef, applied_entropy_coef, entropy_threshold
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


@pytest.mark.parametrize("name", RECORD["adaptive_entropy"])
def test_adaptive_entropy_bonus_and_its_next_coefficient_are_those_of_trl(name: str) -> None:
    recorded, given = RECORD["adaptive_entropy"][name], tensors("grpo_inputs")
    settings, mask = recorded["settings"], given["mask"]
    adaptive = EntropyConfig(
        coef=settings["coef"], target=RECORD["entropy_target"], delta=0.03, min_coef=0.05, max_coef=0.15
    )
    config = LossConfig(eps_low=0.2, eps_high=0.28, aggregation="token_mean", entropy=adaptive)
    entropy = (settings["factor"] * given["entropy"]).requires_grad_()
    inputs = PolicyInputs(
        given["log_probs"],
        given["old_log_probs"],
        given["advantages"].unsqueeze(1).expand_as(mask),
        mask,
        entropy=entropy,
    )
    applied = applied_entropy_coef(settings["coef"], settings["last"], adaptive)
    parts = policy_loss(inputs, StepNormaliser.of(mask, RECORD["max_completion"]), config, StepState(applied))
    assert parts.loss.item() == pytest.approx(recorded["loss"], abs=TOLERANCE)
    expected = torch.tensor(recorded["entropy_gradient"], dtype=torch.float64)
    gradient = torch.autograd.grad(parts.loss, entropy)[0] if applied else torch.zeros_like(expected)
    assert torch.allclose(gradient, expected, rtol=0, atol=TOLERANCE)
    measured = parts.sums.entropy / parts.sums.tokens
    assert measured == pytest.approx(recorded["entropy"], abs=TOLERANCE)
    assert adapted_entropy_coef(settings["coef"], measured, adaptive) == pytest.approx(recorded["next_coef"])


def test_rloo_gradient_is_that_of_trl() -> None:
    """At the policy that drew the tokens, where the ratio that TRL clips is 1."""
    given = tensors("grpo_inputs")
    log_probs, mask = given["log_probs"].requires_grad_(), given["mask"]
    advantages = given["advantages"].unsqueeze(1).expand_as(mask)
    config = LossConfig(objective="reinforce", aggregation="seq_sum")
    loss = policy_loss(PolicyInputs(log_probs, None, advantages, mask), StepNormaliser.of(mask, 9), config).loss
    expected = torch.tensor(RECORD["rloo_gradient"], dtype=torch.float64)
    assert torch.allclose(torch.autograd.grad(loss, log_probs)[0], expected, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("name", RECORD["dpo"])
def test_preference_loss_and_gradient_are_those_of_trl(name: str) -> None:
    """With label smoothing TRL's "aot" of one pair, which is cDPO."""
    recorded, given = RECORD["dpo"][name], tensors("dpo_inputs")
    settings = recorded["settings"]
    chosen = [settings["pair"]] if "pair" in settings else [0, 1, 2]
    given = {name: tensor[chosen + [pair + 3 for pair in chosen]] for name, tensor in given.items()}
    log_probs = given["log_probs"].requires_grad_()
    sides = [
        PairSide(*side)
        for side in zip(log_probs.chunk(2), given["reference_log_probs"].chunk(2), given["mask"].chunk(2), strict=True)
    ]
    smoothing = settings.get("label_smoothing", 0.0)
    kind = settings["loss_type"].replace("aot", "sigmoid")
    config = PreferenceConfig(loss=kind, beta=settings["beta"], label_smoothing=smoothing)
    pairs = len(chosen)
    parts = preference_loss(*sides, total_pairs=pairs, config=config)
    parts.loss.backward()
    assert parts.loss.item() == pytest.approx(recorded["loss"], abs=TOLERANCE)
    assert log_probs.grad is not None
    expected = torch.tensor(recorded["gradient"], dtype=torch.float64)
    assert torch.allclose(log_probs.grad, expected, rtol=0, atol=TOLERANCE)
    metrics = recorded["metrics"]
    assert parts.sums.chosen_rewards / pairs == pytest.approx(metrics["rewards/chosen"], abs=TOLERANCE)
    assert parts.sums.rejected_rewards / pairs == pytest.approx(metrics["rewards/rejected"], abs=TOLERANCE)
