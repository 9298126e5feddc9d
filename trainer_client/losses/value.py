"""The critic's loss."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from trainer_client.config.loss import ValueConfig
from trainer_client.losses.aggregation import StepNormaliser, at_actions


@dataclass(frozen=True, slots=True)
class ValueSums:
    """Sums over action tokens, added up over micro-batches: e = return - value, R = return."""

    tokens: float = 0.0
    clipped: float = 0.0
    values: float = 0.0
    errors: float = 0.0
    squared_errors: float = 0.0
    returns: float = 0.0
    squared_returns: float = 0.0

    def plus(self, other: ValueSums) -> ValueSums:
        """The sums over both."""
        return ValueSums(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))

    def explained_variance(self) -> float | None:
        """1 - Var[e] / Var[R]: 1 for a perfect critic, 0 for a constant one; None where the returns do not vary."""
        if not self.tokens:
            return None
        of_returns = self.squared_returns / self.tokens - (self.returns / self.tokens) ** 2
        of_errors = self.squared_errors / self.tokens - (self.errors / self.tokens) ** 2
        return 1 - of_errors / of_returns if of_returns > 1e-12 else None


@dataclass(frozen=True, slots=True)
class ValueParts:
    """`loss` is this micro-batch's share of the step's loss."""

    loss: Tensor
    sums: ValueSums


def value_loss(
    values: Tensor,
    old_values: Tensor,
    returns: Tensor,
    action_mask: Tensor,
    total: StepNormaliser,
    config: ValueConfig,
) -> ValueParts:
    """coef / 2 * max((v - R)^2, (v_old + clip(v - v_old, -c, c) - R)^2), a token mean over the whole optimizer step.

    All tensors are [B, T]: v is the value of the state before the token. Masked positions may hold anything.
    Source: PPO (arXiv:1707.06347), eq. 9; the clip: Engstrom et al. 2020 (arXiv:2005.12729), section 3.
    """
    new, old, target = (at_actions(tensor, action_mask) for tensor in (values, old_values, returns))
    plain = (new - target).square()
    worst, clipped = plain, torch.zeros_like(plain)
    if config.clip is not None:
        bounded = (old + (new - old).clamp(-config.clip, config.clip) - target).square()
        worst, clipped = torch.maximum(plain, bounded), (bounded > plain).to(plain.dtype)
    loss = config.coef * 0.5 * worst.sum() / max(total.tokens, 1)
    error = target - new.detach()
    numbers = (action_mask, clipped, new.detach(), error, error.square(), target, target.square())
    return ValueParts(loss, ValueSums(*torch.stack([number.sum().to(plain.dtype) for number in numbers]).tolist()))
