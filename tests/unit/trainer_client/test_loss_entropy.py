"""The entropy bonus, the weight that adapts, and the threshold of the highest entropies."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer_client.config.loss import EntropyConfig, LossConfig
from trainer_client.control import adapted, current_beta, current_entropy_coef
from trainer_client.losses.aggregation import StepNormaliser
from trainer_client.losses.entropy import adapted_entropy_coef, applied_entropy_coef, entropy_loss, entropy_threshold
from trainer_client.losses.parts import LossSums, PolicyInputs, StepState
from trainer_client.losses.policy_loss import policy_loss
from trainer_client.progress import Controls
from trainer_client.selection import DifficultyWindow

ADAPTIVE = EntropyConfig(coef=0.1, target=0.2, delta=0.03, min_coef=0.05, max_coef=0.15)


def test_bonus_is_a_mean_over_the_tokens_of_the_step() -> None:
    entropy = torch.tensor([[1.0, 2.0, 0.0], [3.0, 0.0, 0.0]], dtype=torch.float64)
    assert entropy_loss(entropy, 0.5, StepNormaliser(4, 10, 99)).item() == pytest.approx(-0.5 * 6 / 10)
    assert entropy_loss(entropy, 0.5, StepNormaliser(1, 1, 99)).item() == pytest.approx(-0.5 * 6)


def test_adaptive_coefficient_worked_by_hand() -> None:
    assert adapted_entropy_coef(0.1, 0.19, ADAPTIVE) == pytest.approx(0.13)
    assert adapted_entropy_coef(0.1, 0.2, ADAPTIVE) == pytest.approx(0.13)  # at the target, as where it is applied
    assert adapted_entropy_coef(0.1, 0.21, ADAPTIVE) == pytest.approx(0.07)
    assert adapted_entropy_coef(0.14, 0.1, ADAPTIVE) == 0.15
    assert adapted_entropy_coef(0.06, 0.9, ADAPTIVE) == 0.05
    assert adapted_entropy_coef(0.1, 0.0, EntropyConfig(coef=0.1)) == 0.1


def test_adaptive_bonus_waits_until_the_entropy_is_low() -> None:
    assert applied_entropy_coef(0.1, None, ADAPTIVE) == 0.0
    assert applied_entropy_coef(0.1, 0.21, ADAPTIVE) == 0.0
    assert applied_entropy_coef(0.1, 0.2, ADAPTIVE) == 0.1
    assert applied_entropy_coef(0.1, None, EntropyConfig(coef=0.1)) == 0.1


def test_weights_without_a_target_are_the_configured_ones_and_stay() -> None:
    config = LossConfig.model_validate(
        {"entropy": {"coef": 0.01}, "kl": {"beta": 0.1, "estimator": "k1", "place": "reward"}}
    )
    assert (current_entropy_coef(Controls(), config), current_beta(Controls(), config)) == (0.01, 0.1)
    assert adapted(Controls(), config, LossSums(tokens=4.0, entropy=2.0), 0.3, 4, DifficultyWindow()) == Controls()


def test_adaptive_weight_goes_on_from_where_it_was() -> None:
    config = LossConfig.model_validate({"entropy": {"coef": 0.01, "target": 0.5, "delta": 0.005}})
    low = LossSums(tokens=10.0, entropy=1.0)
    first = adapted(Controls(), config, low, None, 4, DifficultyWindow())
    second = adapted(first, config, low, None, 4, DifficultyWindow())
    assert (first.entropy_coef, second.entropy_coef) == (pytest.approx(0.015), pytest.approx(0.02))


def test_threshold_worked_by_hand() -> None:
    entropy = torch.tensor([[0.1, 0.9, 0.3, 99.0], [0.5, 0.7, 99.0, 99.0]])
    mask = torch.tensor([[1.0, 1.0, 1.0, 0.0], [1.0, 1.0, 0.0, 0.0]])
    thresholds = {0.2: 0.9, 0.21: 0.7, 0.4: 0.7, 0.6: 0.5, 1.0: 0.1, 1e-9: 0.9, 1e-10: 0.9}  # at least one token
    for share, expected in thresholds.items():
        assert entropy_threshold(entropy, mask, share) == pytest.approx(expected)
    assert entropy_threshold(entropy, torch.zeros_like(mask), 0.2) == math.inf
    hundred = torch.arange(100.0).unsqueeze(0)
    assert 0.07 * 100 > 7  # by rounding, which does not let an eighth token in
    assert entropy_threshold(hundred, torch.ones(1, 100), 0.07) == 93.0


@settings(max_examples=60, deadline=None)
@given(tokens=st.integers(1, 300), share=st.floats(0.01, 1.0), seed=st.integers(0, 1000))
def test_threshold_keeps_the_smallest_number_no_less_than_the_share(tokens: int, share: float, seed: int) -> None:
    entropy = torch.rand(1, tokens, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    kept = int((entropy >= entropy_threshold(entropy, torch.ones(1, tokens), share)).sum())
    assert kept - 1 < share * tokens <= kept + 1e-6


def test_tokens_of_low_entropy_do_not_teach_and_still_count() -> None:
    log_probs = torch.zeros(1, 4, dtype=torch.float64, requires_grad=True)
    ones = torch.ones(1, 4, dtype=torch.float64)
    reference = torch.full_like(ones, -0.5)
    entropy = torch.tensor([[0.1, 2.0, 0.2, 1.0]], dtype=torch.float64)
    config = LossConfig.model_validate({"entropy": {"top_share": 0.5}, "kl": {"beta": 0.1}})
    state = StepState(entropy_threshold=entropy_threshold(entropy, ones, 0.5))
    inputs = PolicyInputs(log_probs, None, ones, ones, reference, entropy=entropy)
    parts = policy_loss(inputs, StepNormaliser.of(ones, 4), config, state)
    parts.loss.backward()
    assert log_probs.grad is not None
    of_kl = 0.1 * (1 - math.exp(-0.5)) / 4  # the reference holds every token
    assert log_probs.grad.tolist()[0] == pytest.approx([of_kl, of_kl - 0.25, of_kl, of_kl - 0.25])
    assert parts.sums.left_out == 2
