"""The clipped objective. Pure: log-probs, advantages and mask in; a sum and its metrics out.

One rule decides whether the gradient is right: every normaliser is taken over the WHOLE optimizer step before its
first backward pass (`StepNormaliser`), never over a micro-batch. Summing the micro-batches' losses then gives the
same gradient however the step is cut.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from trainer_client.config.loss import LossConfig


@dataclass(frozen=True, slots=True)
class StepNormaliser:
    """Totals of one optimizer step: rows with at least one action, action tokens, and the longest completion."""

    rows: int
    tokens: int
    max_tokens: int

    @classmethod
    def of(cls, action_mask: Tensor, max_tokens: int) -> StepNormaliser:
        """The totals of all rows [B, T] of the step."""
        per_row = action_mask.sum(1)
        return cls(rows=int((per_row > 0).sum()), tokens=int(per_row.sum()), max_tokens=max_tokens)


@dataclass(frozen=True, slots=True)
class LossParts:
    """`loss` is this micro-batch's share of the step's loss; the others are sums over its action tokens."""

    loss: Tensor
    clipped: float
    kl: float
    tokens: float


def seq_mean_weights(action_mask: Tensor, total: StepNormaliser) -> Tensor:
    """Weights [B, T]: the mean over rows of each row's token mean (GRPO, arXiv:2402.03300, eq. 3)."""
    return action_mask / action_mask.sum(1, keepdim=True).clamp(min=1) / max(total.rows, 1)


def token_mean_weights(action_mask: Tensor, total: StepNormaliser) -> Tensor:
    """Weights [B, T]: the mean over all tokens of the step (DAPO, arXiv:2503.14476, eq. 8)."""
    return action_mask / max(total.tokens, 1)


def constant_weights(action_mask: Tensor, total: StepNormaliser) -> Tensor:
    """Weights [B, T]: the sum over tokens by a constant length, mean over rows (Dr. GRPO, arXiv:2503.20783)."""
    return action_mask / (max(total.rows, 1) * total.max_tokens)


AGGREGATIONS: dict[str, Callable[[Tensor, StepNormaliser], Tensor]] = {
    "seq_mean": seq_mean_weights,
    "token_mean": token_mean_weights,
    "constant": constant_weights,
}


def clipped_policy_loss(log_probs: Tensor, old_log_probs: Tensor, advantages: Tensor, config: LossConfig) -> Tensor:
    """-min(r A, clip(r, 1 - eps_low, 1 + eps_high) A) for each token [B, T], with r = pi / pi_old.

    Source: Schulman et al. 2017, PPO (arXiv:1707.06347), eq. 7; two clip ranges as in DAPO (arXiv:2503.14476).
    """
    ratio = _ratio(log_probs, old_log_probs, config)
    clipped = ratio.clamp(1 - config.eps_low, 1 + config.eps_high)
    return -torch.minimum(ratio * advantages, clipped * advantages)


def k3_divergence(log_probs: Tensor, reference_log_probs: Tensor, limit: float) -> Tensor:
    """exp(d) - d - 1 for each token, d = log pi_ref - log pi clamped to +-limit: never negative.

    Source: Schulman 2020, "Approximating KL divergence", estimator k3; DeepSeekMath (arXiv:2402.03300), eq. 4.
    """
    gap = (reference_log_probs - log_probs).clamp(-limit, limit)
    return gap.exp() - gap - 1


def grpo_loss(
    log_probs: Tensor,
    old_log_probs: Tensor,
    advantages: Tensor,
    action_mask: Tensor,
    total: StepNormaliser,
    config: LossConfig,
    reference_log_probs: Tensor | None = None,
) -> LossParts:
    """This micro-batch's share of the step's loss: clipped policy loss plus beta times the KL to the reference.

    All tensors are [B, T]; masked positions may hold any finite value. `reference_log_probs` is needed iff beta > 0.
    """
    mask = action_mask.to(log_probs.dtype)
    per_token = clipped_policy_loss(log_probs, old_log_probs, advantages, config)
    kl = 0.0
    if reference_log_probs is not None:
        divergence = k3_divergence(log_probs, reference_log_probs, config.log_ratio_limit)
        per_token = per_token + config.beta * divergence
        kl = float((divergence.detach() * mask).sum())
    loss = (per_token * AGGREGATIONS[config.aggregation](mask, total)).sum()
    clipped = _is_clipped(log_probs.detach(), old_log_probs, advantages, config)
    return LossParts(loss=loss, clipped=float((clipped * mask).sum()), kl=kl, tokens=float(mask.sum()))


def demonstration_loss(log_probs: Tensor, action_mask: Tensor, total_tokens: int) -> Tensor:
    """Negative log-likelihood of the demonstrations' tokens, a token mean over the whole optimizer step."""
    return -(log_probs * action_mask).sum() / max(total_tokens, 1)


def _ratio(log_probs: Tensor, old_log_probs: Tensor, config: LossConfig) -> Tensor:
    limit = config.log_ratio_limit
    return (log_probs - old_log_probs).clamp(-limit, limit).exp()


def _is_clipped(log_probs: Tensor, old_log_probs: Tensor, advantages: Tensor, config: LossConfig) -> Tensor:
    """True where the clip takes the token's gradient away."""
    ratio = _ratio(log_probs, old_log_probs, config)
    too_high = (ratio > 1 + config.eps_high) & (advantages > 0)
    too_low = (ratio < 1 - config.eps_low) & (advantages < 0)
    return too_high | too_low
