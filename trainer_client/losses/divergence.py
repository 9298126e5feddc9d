"""Estimates of the divergence KL(pi || pi_ref), token by token, and what adapts its weight.

d = log pi_ref - log pi on the token that was drawn. Source of k1, k2 and k3: Schulman 2020, "Approximating KL
divergence" (http://joschu.net/blog/kl-approx.html).
"""

from __future__ import annotations

from torch import Tensor

from trainer_client.config.loss import KlConfig
from trainer_client.losses.aggregation import at_actions

LARGEST_ERROR = 0.2


def k1_divergence(log_probs: Tensor, reference_log_probs: Tensor) -> Tensor:
    """-d: the mean is right, a single one may be negative."""
    return log_probs - reference_log_probs


def k2_divergence(log_probs: Tensor, reference_log_probs: Tensor) -> Tensor:
    """d^2 / 2: never negative, and its mean gradient is that of the divergence."""
    return (reference_log_probs - log_probs).square() / 2


def k3_divergence(log_probs: Tensor, reference_log_probs: Tensor, limit: float) -> Tensor:
    """exp(d) - d - 1, d clamped to +-limit: the mean is right, never negative.

    Source: besides Schulman, DeepSeekMath (arXiv:2402.03300), eq. 4. expm1 keeps it from rounding below zero.
    """
    gap = (reference_log_probs - log_probs).clamp(-limit, limit)
    return gap.expm1() - gap


def k3_plus_divergence(log_probs: Tensor, reference_log_probs: Tensor, limit: float) -> Tensor:
    """The value of k3 with the gradient of k2, whose mean, unlike that of k3, is the gradient of the divergence.

    Source of the gradients' means: Liu et al. 2025, "Rethinking KL regularization in RLHF" (arXiv:2510.01555).
    """
    value = k3_divergence(log_probs, reference_log_probs, limit).detach()
    carrier = k2_divergence(log_probs, reference_log_probs)
    return value + (carrier - carrier.detach())


def divergence(log_probs: Tensor, reference_log_probs: Tensor, config: KlConfig, limit: float) -> Tensor:
    """The estimate [B, T] that the configuration names."""
    if config.estimated_by == "k1":
        return k1_divergence(log_probs, reference_log_probs)
    if config.estimated_by == "k2":
        return k2_divergence(log_probs, reference_log_probs)
    if config.estimated_by == "k3":
        return k3_divergence(log_probs, reference_log_probs, limit)
    return k3_plus_divergence(log_probs, reference_log_probs, limit)


def divergence_in_loss(
    log_probs: Tensor, reference_log_probs: Tensor, ratio: Tensor, config: KlConfig, limit: float
) -> Tensor:
    """The estimate [B, T] as the loss takes it; with bias correction times the token's ratio pi / pi_old, gradient too.

    k1 is always taken so. Its bare gradient is that of log pi, whose mean over the policy's own tokens is zero; times
    the ratio it is (1 + k1) r grad log pi, with the mean gradient of the divergence.
    Source of the correction, there for k3: DeepSeek-V3.2 2025 (arXiv:2512.02556), section 3.1, "unbiased KL estimate".
    """
    estimate = divergence(log_probs, reference_log_probs, config, limit)
    return estimate * ratio if config.weighed else estimate


def divergence_for_rewards(
    old_log_probs: Tensor, reference_log_probs: Tensor, action_mask: Tensor, config: KlConfig, limit: float
) -> Tensor:
    """The estimate on each action [B, T], zero elsewhere, without gradient: beta times it is taken from the rewards.

    Of the policy that drew the tokens. Source: Ouyang et al. 2022, InstructGPT (arXiv:2203.02155), eq. 2, with k1.
    """
    old, reference = at_actions(old_log_probs, action_mask), at_actions(reference_log_probs, action_mask)
    return divergence(old, reference, config, limit).detach()


def adapted_beta(beta: float, kl: float, rows: int, config: KlConfig) -> float:
    """The next beta: larger if `kl`, the mean over a step's tokens, was above the target, smaller if below.

    beta * (1 + clip(kl / target - 1, -0.2, 0.2) * rows / horizon); unchanged without a target. `rows` are the
    completions that `kl` was measured on. Source: Ziegler et al. 2019 (arXiv:1909.08593), section 2.2; there `kl` is
    that of whole completions, and the last factor a constant 0.1, which became rows / horizon in its code and in TRL.
    """
    if config.target is None:
        return beta
    error = min(max(kl / config.target - 1, -LARGEST_ERROR), LARGEST_ERROR)
    return float(max(beta * (1 + error * rows / config.horizon), 0.0))
