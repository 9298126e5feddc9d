"""Importance weights against a sampler with other log-probs."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from trainer_client.config.loss import CorrectionConfig, LossConfig
from trainer_client.losses.aggregation import StepNormaliser
from trainer_client.losses.correction import correction_weights, sampler_gap
from trainer_client.losses.parts import PolicyInputs
from trainer_client.losses.policy_loss import policy_loss

# token weights 2, 0.5, 3 | 1.5 | none; their product 3 | 1.5; their geometric mean 3^(1/3) = 1.44 | 1.5
WEIGHTS = torch.tensor([[2.0, 0.5, 3.0], [1.5, 1.0, 1.0], [1.0, 1.0, 1.0]], dtype=torch.float64)
MASK = torch.tensor([[1.0, 1.0, 1.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]], dtype=torch.float64)


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ({"mode": "none"}, [1, 1, 1, 1]),
        ({"mode": "token_truncate", "high": 2.5}, [2, 0.5, 2.5, 1.5]),
        ({"mode": "token_truncate", "low": 0.8, "high": 1.2}, [1.2, 0.8, 1.2, 1.2]),
        ({"mode": "token_mask", "low": 0.6, "high": 2.5}, [2, 0, 0, 1.5]),
        ({"mode": "sequence_truncate", "high": 2.0}, [2, 2, 2, 1.5]),
        ({"mode": "sequence_mask", "high": 2.0}, [0, 0, 0, 1.5]),
        ({"mode": "sequence_mask", "high": 3.5}, [3, 3, 3, 1.5]),
        ({"mode": "geometric_mask", "high": 1.45}, [2, 0.5, 3, 0]),
        ({"mode": "geometric_mask", "high": 1.2}, [0, 0, 0, 0]),
    ],
)
def test_weights_worked_by_hand(setting: dict[str, Any], expected: list[float]) -> None:
    config = CorrectionConfig.model_validate(setting)
    got = correction_weights(WEIGHTS.log() * MASK, MASK, config, 20.0)
    assert got.weights[MASK.bool()].tolist() == pytest.approx(expected)
    if setting["mode"] == "none":
        assert not got.outside.any()


def test_bounds_themselves_are_inside() -> None:
    gap = torch.log(torch.tensor([[2.0, 0.5]], dtype=torch.float64))
    config = CorrectionConfig(mode="token_mask", low=gap[0, 1].exp().item(), high=gap[0, 0].exp().item())
    got = correction_weights(gap, torch.ones_like(gap), config, 20.0)
    assert got.weights.tolist()[0] == pytest.approx([2.0, 0.5])
    assert not got.outside.any()


def test_long_sequence_with_a_small_gap_survives_by_its_geometric_mean_alone() -> None:
    """0.012 nats on each of 100 tokens are a product of 3.3, and a geometric mean of 1.012."""
    gap, mask = torch.full((1, 100), 0.012, dtype=torch.float64), torch.ones(1, 100, dtype=torch.float64)
    product = correction_weights(gap, mask, CorrectionConfig(mode="sequence_mask", high=3.0), 20.0)
    mean = correction_weights(gap, mask, CorrectionConfig(mode="geometric_mask", high=1.05), 20.0)
    assert not product.weights.any()
    assert mean.weights.tolist()[0] == pytest.approx([math.exp(0.012)] * 100)


def test_token_without_a_number_from_the_sampler_is_not_corrected() -> None:
    old = torch.tensor([[-1.0, -2.0]], requires_grad=True)
    gap = sampler_gap(old, torch.tensor([[math.nan, -2.5]]))
    assert gap.tolist() == [[0.0, 0.5]]
    assert not gap.requires_grad


def test_broken_log_probs_of_our_own_stay_visible() -> None:
    assert sampler_gap(torch.tensor([[math.nan]]), torch.tensor([[-1.0]])).isnan().all()


def loss_of(gap: list[float], setting: dict[str, Any]) -> tuple[Any, Tensor]:
    log_probs = torch.tensor([[-1.0, -1.0]], dtype=torch.float64, requires_grad=True)
    old = log_probs.detach()
    ones = torch.ones_like(old)
    inputs = PolicyInputs(log_probs, old, ones, ones, old - 0.5, old - torch.tensor([gap], dtype=torch.float64))
    parts = policy_loss(inputs, StepNormaliser.of(ones, 2), LossConfig.model_validate(setting))
    return parts, torch.autograd.grad(parts.loss, log_probs)[0]


def test_weights_multiply_the_objective_and_not_the_divergence() -> None:
    setting = {"correction": {"mode": "token_mask", "high": 1.5}, "kl": {"beta": 0.1, "estimator": "k2"}}
    parts, gradient = loss_of([math.log(1.25), math.log(4)], setting)
    assert gradient.tolist()[0] == pytest.approx([-1.25 / 2 + 0.1 * 0.5 / 2, 0.1 * 0.5 / 2])
    assert parts.loss.item() == pytest.approx(-1.25 / 2 + 0.1 * 0.125)


def test_metrics_of_the_mismatch_worked_by_hand() -> None:
    sums = loss_of([math.log(1.25), math.log(4)], {"correction": {"mode": "token_mask", "high": 1.5}})[0].sums
    assert (sums.corrected, sums.dropped) == (1, 1)
    assert (sums.weight, sums.squared_weight, sums.weight_max) == pytest.approx((1.25, 1.5625, 1.25))
    assert (sums.gap, sums.gap_max) == pytest.approx((math.log(5), math.log(4)))
    assert sums.sampler_kl == pytest.approx(1.25 - 1 - math.log(1.25) + 4 - 1 - math.log(4))
    assert sums.effective_share() == pytest.approx(0.5)  # one of two tokens is left


def test_truncated_tokens_are_corrected_and_not_dropped() -> None:
    sums = loss_of([math.log(1.25), math.log(4)], {"correction": {"mode": "token_truncate", "high": 1.5}})[0].sums
    assert (sums.corrected, sums.dropped, sums.weight) == pytest.approx((1, 0, 2.75))


def test_gap_is_measured_without_a_correction_too() -> None:
    sums = loss_of([0.5, -0.25], {})[0].sums
    assert (sums.gap, sums.gap_max, sums.weight, sums.dropped) == (0.75, 0.5, 2.0, 0.0)
    assert sums.effective_share() == 1.0
