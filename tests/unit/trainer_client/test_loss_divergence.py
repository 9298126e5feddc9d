"""Estimates of the divergence from the reference, their gradients on average, and the weight that adapts."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.unit.trainer_client import naive_losses as naive
from trainer_client.config import RlConfig
from trainer_client.config.loss import KlConfig, KlEstimator
from trainer_client.config.presets import with_preset
from trainer_client.losses.divergence import (
    adapted_beta,
    divergence,
    divergence_for_rewards,
    divergence_in_loss,
    k1_divergence,
    k2_divergence,
    k3_divergence,
    k3_plus_divergence,
)

LIMIT = 20.0


def column(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def test_estimates_worked_by_hand() -> None:
    log_probs, reference = column(math.log(0.5), math.log(0.2)), column(math.log(0.25), math.log(0.2))
    assert k1_divergence(log_probs, reference).tolist() == pytest.approx([math.log(2), 0.0], abs=1e-15)
    assert k2_divergence(log_probs, reference).tolist() == pytest.approx([math.log(2) ** 2 / 2, 0.0], abs=1e-15)
    expected = [0.5 + math.log(2) - 1, 0.0]
    assert k3_divergence(log_probs, reference, LIMIT).tolist() == pytest.approx(expected, abs=1e-15)
    assert k3_plus_divergence(log_probs, reference, LIMIT).tolist() == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize("estimator", ["k1", "k2", "k3", "k3_plus"])
def test_estimates_follow_the_formulas(estimator: str) -> None:
    config = KlConfig.model_validate({"estimator": estimator, "place": "reward" if estimator == "k1" else "loss"})
    case = naive.random_case(0)
    for now, reference in zip(case.log_probs, case.reference, strict=True):
        got = divergence(column(*now), column(*reference), config, LIMIT).tolist()
        expected = [naive.kl(p, q, config) for p, q in zip(now, reference, strict=True)]
        assert got == pytest.approx(expected, abs=1e-13)


@settings(max_examples=300, deadline=None)
@given(
    log_prob=st.floats(-200, 0),
    gap=st.one_of(st.floats(-200, 200), st.floats(-1e-3, 1e-3)),
    dtype=st.sampled_from([torch.float32, torch.float64]),
)
def test_k2_and_k3_are_never_negative(log_prob: float, gap: float, dtype: torch.dtype) -> None:
    now = torch.tensor(log_prob, dtype=dtype)
    assert k3_divergence(now, now + gap, LIMIT).item() >= 0.0
    assert k2_divergence(now, now + gap).item() >= 0.0


def test_k3_beyond_its_limit_is_finite() -> None:
    got = k3_divergence(column(-100.0, 0.0, 0.0), column(0.0, -100.0, -math.inf), LIMIT).tolist()
    assert got == pytest.approx([math.exp(20) - 21, 19 + math.exp(-20), 19 + math.exp(-20)])


def test_small_divergences_keep_their_digits_in_single_precision() -> None:
    gap = torch.tensor([1e-3], dtype=torch.float32)
    exact = math.expm1(gap.item()) - gap.item()
    assert k3_divergence(torch.zeros(1), gap, LIMIT).item() == pytest.approx(exact, rel=1e-3)
    assert (gap.exp() - gap - 1).item() != pytest.approx(exact, rel=1e-3)  # the plain form has lost them


LOGITS = column(0.3, -1.2, 0.8, 0.1)
REFERENCE_LOGITS = column(-0.5, 0.4, 0.6, 0.0)
OLD_LOGITS = column(0.9, -0.4, 0.2, 0.3)


def mean_gradient(config: KlConfig, old_logits: Tensor) -> tuple[Tensor, float]:
    """Gradient with respect to the logits, and value, of the estimate's mean over tokens drawn from the old policy."""
    logits = LOGITS.clone().requires_grad_()
    now, old = torch.log_softmax(logits, 0), torch.log_softmax(old_logits, 0)
    estimate = divergence_in_loss(now, torch.log_softmax(REFERENCE_LOGITS, 0), (now - old).exp(), config, LIMIT)
    mean = (old.exp() * estimate).sum()
    return torch.autograd.grad(mean, logits)[0], mean.item()


def true_divergence() -> tuple[Tensor, float]:
    """KL(pi || pi_ref) over all four tokens, and its gradient."""
    logits = LOGITS.clone().requires_grad_()
    now = torch.log_softmax(logits, 0)
    value = (now.exp() * (now - torch.log_softmax(REFERENCE_LOGITS, 0))).sum()
    return torch.autograd.grad(value, logits)[0], value.item()


@pytest.mark.parametrize(
    ("setting", "old_logits", "unbiased"),
    [
        ({"estimator": "k2"}, LOGITS, True),
        ({"estimator": "k3_plus"}, LOGITS, True),
        ({"estimator": "k3"}, LOGITS, False),  # GRPO's choice: the right value, another gradient
        ({"estimator": "k3", "beta": 1.0, "bias_correction": True}, LOGITS, True),
        ({"estimator": "k3", "beta": 1.0, "bias_correction": True}, OLD_LOGITS, True),
        ({"estimator": "k1", "beta": 1.0, "bias_correction": True}, OLD_LOGITS, True),
        ({"estimator": "k1", "beta": 1.0}, LOGITS, True),  # weighed by the ratio unless that is refused
        ({"estimator": "k1", "beta": 1.0}, OLD_LOGITS, True),
        ({"estimator": "k2"}, OLD_LOGITS, False),
    ],
)
def test_which_estimates_have_the_gradient_of_the_divergence(
    setting: dict[str, Any], old_logits: Tensor, unbiased: bool
) -> None:
    gradient, _ = mean_gradient(KlConfig.model_validate(setting), old_logits)
    assert torch.allclose(gradient, true_divergence()[0], atol=1e-12) == unbiased


@pytest.mark.parametrize("estimator", ["k3", "k3_plus"])
def test_mean_of_k3_is_the_divergence(estimator: str) -> None:
    _, value = mean_gradient(KlConfig.model_validate({"estimator": estimator}), LOGITS)
    assert value == pytest.approx(true_divergence()[1], abs=1e-12)


@pytest.mark.parametrize("old_logits", [LOGITS, OLD_LOGITS])
def test_bare_gradient_of_k1_in_the_loss_knows_no_reference(old_logits: Tensor) -> None:
    """Why k1 is weighed by the ratio: bare, it is zero on average, and after a step drives away from the old policy."""
    logits = LOGITS.clone().requires_grad_()
    now, old = torch.log_softmax(logits, 0), torch.log_softmax(old_logits, 0)
    estimate = k1_divergence(now, torch.log_softmax(REFERENCE_LOGITS, 0))
    gradient = torch.autograd.grad((old.exp() * estimate).sum(), logits)[0]
    away = torch.autograd.grad((old.exp() * (old - torch.log_softmax(logits, 0))).sum(), logits)[0]
    assert torch.allclose(gradient, -away, atol=1e-15)  # minus that of KL(pi_old || pi), zero where they are equal


@pytest.mark.parametrize("estimator", ["k1", "k2", "k3"])
def test_in_the_reward_k1_alone_holds_the_policy(estimator: KlEstimator) -> None:
    """Score-function gradients, exact: that of k1 is the divergence's, those of k2 and k3 vanish near the reference."""
    config = KlConfig(estimator=estimator, place="reward", beta=1.0)
    for logits, least in ((LOGITS, 0.0), (REFERENCE_LOGITS + 0.05 * LOGITS, 0.9)):
        weights = logits.clone().requires_grad_()
        now, reference = torch.log_softmax(weights, 0), torch.log_softmax(REFERENCE_LOGITS, 0)
        true = torch.autograd.grad((now.exp() * (now - reference)).sum(), weights, retain_graph=True)[0]
        punishment = divergence_for_rewards(now, reference, torch.ones(4), config, LIMIT)
        gradient = torch.autograd.grad((now.exp().detach() * punishment * now).sum(), weights)[0]
        assert torch.allclose(gradient, true, atol=1e-12) == (estimator == "k1") == config.holds_the_policy
        assert estimator == "k1" or gradient.norm() < (1 - least) * true.norm()


def test_the_estimate_follows_its_place_unless_it_is_named() -> None:
    assert KlConfig(beta=0.1).estimated_by == "k3"
    assert KlConfig(beta=0.1, place="reward").estimated_by == "k1"
    assert KlConfig(beta=0.1, place="reward", estimator="k3").estimated_by == "k3"
    assert RlConfig.model_validate(with_preset("grpo", {"loss": {"kl": {"place": "reward"}}})).loss.kl.holds_the_policy


def test_divergence_for_rewards_is_that_of_the_old_policy_and_carries_no_gradient() -> None:
    old, reference = column(-1.0, -2.0, 5.0).unsqueeze(0).requires_grad_(), column(-1.5, -1.0, math.nan).unsqueeze(0)
    mask = column(1.0, 1.0, 0.0).unsqueeze(0)
    got = divergence_for_rewards(old, reference, mask, KlConfig(estimator="k1", place="reward"), LIMIT)
    assert got.tolist() == [[0.5, -1.0, 0.0]]
    assert not got.requires_grad


def test_adapted_beta_worked_by_hand() -> None:
    config = KlConfig(estimator="k1", place="reward", beta=0.1, target=0.5, horizon=100)
    assert adapted_beta(0.1, 0.55, 10, config) == pytest.approx(0.1 * (1 + 0.1 * 0.1))
    assert adapted_beta(0.1, 5.0, 10, config) == pytest.approx(0.1 * (1 + 0.2 * 0.1))  # the error is clipped
    assert adapted_beta(0.1, 0.0, 10, config) == pytest.approx(0.1 * (1 - 0.2 * 0.1))
    assert adapted_beta(0.1, 0.5, 10, config) == 0.1
    assert adapted_beta(0.1, 0.0, 100_000, config) == 0.0  # never negative
    assert adapted_beta(0.1, 5.0, 10, KlConfig(beta=0.1)) == 0.1
