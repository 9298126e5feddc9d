"""Every variant of the policy loss against its formula in plain floats, value and gradient, and by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.unit.trainer_client import naive_losses as naive
from trainer_client.config.loss import LossConfig
from trainer_client.losses.aggregation import StepNormaliser
from trainer_client.losses.objective import cispo_loss, clip_loss, reinforce_loss
from trainer_client.losses.parts import StepState
from trainer_client.losses.policy_loss import policy_loss
from trainer_client.losses.ratio import sequence_ratio, sequence_token_ratio

SEQUENCE = {"ratio": "sequence", "eps_low": 0.03, "eps_high": 0.05}
SEQUENCE_TOKEN = {**SEQUENCE, "ratio": "sequence_token"}
VARIANTS: dict[str, dict[str, Any]] = {
    "ppo": {},
    "clip_higher": {"eps_high": 0.28, "aggregation": "token_mean"},
    "dr_grpo": {"aggregation": "constant"},
    "seq_sum": {"aggregation": "seq_sum"},
    "dual_clip": {"dual_clip": 1.4, "aggregation": "token_mean"},
    "tight_dual_clip": {"dual_clip": 1.05},
    "gspo": SEQUENCE,
    "gspo_tokens": {**SEQUENCE, "aggregation": "token_mean"},
    "gspo_dual": {**SEQUENCE, "dual_clip": 1.1},
    "gspo_token": SEQUENCE_TOKEN,
    "cispo": {"objective": "cispo", "eps_low": 1.0, "eps_high": 0.5, "aggregation": "token_mean"},
    "cispo_both_sides": {"objective": "cispo", "eps_low": 0.2, "eps_high": 0.3},
    "reinforce": {"objective": "reinforce", "aggregation": "seq_sum"},
    "k1": {"kl": {"beta": 0.1, "estimator": "k1"}},
    "k2": {"kl": {"beta": 0.1, "estimator": "k2"}},
    "k3": {"kl": {"beta": 0.1}},
    "k3_biased_weights": {"kl": {"beta": 0.1, "bias_correction": True}, "aggregation": "token_mean"},
    "k3_gspo": {**SEQUENCE, "kl": {"beta": 0.1, "bias_correction": True}},
    "kl_in_reward": {"kl": {"beta": 0.1, "estimator": "k1", "place": "reward"}},
    "entropy": {"entropy": {"coef": 0.3}},
    "top_entropy": {"entropy": {"coef": 0.1, "top_share": 0.4}, "aggregation": "token_mean"},
    "top_entropy_gspo": {**SEQUENCE_TOKEN, "entropy": {"top_share": 0.4}},
    "token_truncate": {"correction": {"mode": "token_truncate", "low": 0.9, "high": 1.1}},
    "token_mask": {"correction": {"mode": "token_mask", "low": 0.9, "high": 1.1}},
    "sequence_truncate": {**SEQUENCE, "correction": {"mode": "sequence_truncate", "high": 1.2}},
    "sequence_mask": {"correction": {"mode": "sequence_mask", "low": 0.8, "high": 1.2}},
    "geometric_mask": {**SEQUENCE, "correction": {"mode": "geometric_mask", "low": 0.95, "high": 1.05}},
    "all_at_once": {
        "dual_clip": 1.5,
        "eps_high": 0.28,
        "aggregation": "constant",
        "kl": {"beta": 0.05},
        "entropy": {"coef": 0.01, "top_share": 0.7},
        "correction": {"mode": "token_truncate", "high": 1.1},
    },
}
MAX_TOKENS = 11
THRESHOLD = 0.8


def computed(case: naive.Case, config: LossConfig) -> tuple[float, Tensor, Tensor]:
    """Our loss, and its gradients with respect to log-probs and entropies."""
    inputs = case.inputs()
    total = StepNormaliser.of(inputs.action_mask, MAX_TOKENS)
    loss = policy_loss(inputs, total, config, StepState(entropy_threshold=THRESHOLD)).loss
    loss.backward()
    assert inputs.log_probs.grad is not None
    of_entropy = inputs.entropy.grad if inputs.entropy is not None else None
    return loss.item(), inputs.log_probs.grad, torch.zeros(1) if of_entropy is None else of_entropy


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("variant", VARIANTS)
def test_loss_is_that_of_the_formula(variant: str, seed: int) -> None:
    config, case = LossConfig.model_validate(VARIANTS[variant]), naive.random_case(seed)
    expected = naive.policy_loss(case, config, MAX_TOKENS, THRESHOLD)
    assert computed(case, config)[0] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", [0, 2])
@pytest.mark.parametrize("variant", VARIANTS)
def test_gradient_is_that_of_the_formula(variant: str, seed: int) -> None:
    config, case = LossConfig.model_validate(VARIANTS[variant]), naive.random_case(seed)

    def moved(log_probs: naive.Table) -> float:
        return naive.moved_policy_loss(case, log_probs, config, MAX_TOKENS, THRESHOLD)

    expected = naive.finite_differences(moved, case.log_probs)
    assert expected.abs().max() > 1e-3
    assert torch.allclose(computed(case, config)[1], expected, atol=1e-7)


def test_gradient_of_the_entropy_bonus_is_an_equal_share_of_every_token() -> None:
    case = naive.random_case(3)
    mask = torch.tensor(case.mask, dtype=torch.float64)
    for aggregation in ("seq_mean", "token_mean", "constant", "seq_sum"):
        config = LossConfig.model_validate({"aggregation": aggregation, "entropy": {"coef": 0.3}})
        assert torch.allclose(computed(case, config)[2], -0.3 * mask / mask.sum(), atol=1e-14)


def column(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def test_dual_clip_worked_by_hand() -> None:
    config = LossConfig(dual_clip=3.0)
    ratio, advantages = column(5.0, 5.0, 2.0, 0.5, 0.9), column(-2.0, 2.0, -2.0, -2.0, -2.0)
    # 5 with A < 0: -max(-10, 3 * -2) = 6; 5 with A > 0: -min(10, 2.4); 2: 4; 0.5: -min(-1, -1.6) = 1.6; 0.9: 1.8
    assert clip_loss(ratio, advantages, config).tolist() == pytest.approx([6.0, -2.4, 4.0, 1.6, 1.8], abs=1e-12)
    assert clip_loss(ratio, advantages, LossConfig())[0].item() == pytest.approx(10.0)


def test_dual_clip_bounds_bad_tokens_only() -> None:
    ratio, advantages = torch.linspace(0.01, 9.0, 50, dtype=torch.float64), torch.full((50,), 1.7, dtype=torch.float64)
    plain, dual = LossConfig(), LossConfig(dual_clip=1.1)
    assert torch.equal(clip_loss(ratio, advantages, plain), clip_loss(ratio, advantages, dual))
    assert clip_loss(ratio, -advantages, dual).max().item() == pytest.approx(1.1 * 1.7)
    assert clip_loss(ratio, -advantages, plain).max().item() == pytest.approx(9.0 * 1.7)


def test_cispo_worked_by_hand_and_its_gradient_flows_through_log_pi_alone() -> None:
    log_probs = column(math.log(0.5), math.log(0.9), math.log(0.1)).requires_grad_()
    old = column(math.log(0.1), math.log(0.9), math.log(0.8))  # ratios 5, 1, 1/8
    advantages = column(2.0, -1.0, 2.0)
    config = LossConfig(objective="cispo", eps_low=1.0, eps_high=2.0)
    loss = cispo_loss((log_probs - old).exp(), log_probs, advantages, config)
    expected = [-3 * 2 * math.log(0.5), math.log(0.9), -2 / 8 * math.log(0.1)]
    assert loss.tolist() == pytest.approx(expected, abs=1e-12)
    loss.sum().backward()
    assert log_probs.grad is not None
    assert log_probs.grad.tolist() == pytest.approx([-6.0, 1.0, -0.25], abs=1e-12)  # minus weight times A, no more


def test_reinforce_worked_by_hand() -> None:
    assert reinforce_loss(column(-0.5, -2.0), column(3.0, -1.0)).tolist() == [1.5, -2.0]


def test_sequence_ratio_is_the_geometric_mean_worked_by_hand() -> None:
    mask = torch.tensor([[1.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]], dtype=torch.float64)
    log_ratio = torch.log(torch.tensor([[4.0, 9.0, 1.0], [0.5, 1.0, 1.0], [1.0, 1.0, 1.0]], dtype=torch.float64))
    for function in (sequence_ratio, sequence_token_ratio):
        got = function(log_ratio, mask, 20.0)
        assert got[0, :2].tolist() == pytest.approx([6.0, 6.0])  # sqrt(4 * 9)
        assert got[1, 0].item() == pytest.approx(0.5)
        assert got[2].tolist() == [1.0, 1.0, 1.0]  # a row without actions


def test_gspo_clips_a_sequence_as_one() -> None:
    """Ratios 1.5 and 1/1.5 cancel in the sequence: no token is clipped, where token ratios would lose both."""
    case = naive.Case(
        log_probs=[[math.log(0.3), math.log(0.2)]],
        old=[[math.log(0.2), math.log(0.3)]],
        advantages=[[1.0, 1.0]],
        mask=[[1.0, 1.0]],
        reference=[[0.0, 0.0]],
        sampler=[[0.0, 0.0]],
        entropy=[[0.0, 0.0]],
    )
    _, gradient, _ = computed(case, LossConfig.model_validate(SEQUENCE))
    assert gradient.tolist()[0] == pytest.approx([-0.5, -0.5], abs=1e-12)
    _, gradient, _ = computed(case, LossConfig())
    assert gradient.tolist()[0] == pytest.approx([0.0, -1 / 3], abs=1e-12)
