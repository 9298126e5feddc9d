"""From losses of tokens to one number: the divisor of each aggregation, taken over the whole optimizer step.

One rule decides whether the gradient is right: every normaliser is taken over the WHOLE optimizer step before its
first backward pass (`StepNormaliser`), never over a micro-batch. Summing the micro-batches' losses then gives the
same gradient however the step is cut.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class StepNormaliser:
    """Totals of one optimizer step: rows with at least one action, action tokens, and the longest completion.

    Over several ranks `rows` and `tokens` are sums over all of them; the ranks' gradients are then added, not averaged.
    """

    rows: int
    tokens: int
    max_tokens: int

    @classmethod
    def of(cls, action_mask: Tensor, max_tokens: int) -> StepNormaliser:
        """The totals of all rows [B, T] of the step."""
        per_row = action_mask.sum(1)
        return cls(rows=int((per_row > 0).sum()), tokens=int(per_row.sum()), max_tokens=max_tokens)


def seq_mean_weights(action_mask: Tensor, total: StepNormaliser) -> Tensor:
    """Weights [B, T]: the mean over rows of each row's token mean (GRPO, arXiv:2402.03300, eq. 3)."""
    return action_mask / action_mask.sum(1, keepdim=True).clamp(min=1) / max(total.rows, 1)


def token_mean_weights(action_mask: Tensor, total: StepNormaliser) -> Tensor:
    """Weights [B, T]: the mean over all tokens of the step (DAPO, arXiv:2503.14476, eq. 8)."""
    return action_mask / max(total.tokens, 1)


def constant_weights(action_mask: Tensor, total: StepNormaliser) -> Tensor:
    """Weights [B, T]: the sum over tokens by a constant length, mean over rows (Dr. GRPO, arXiv:2503.20783)."""
    return action_mask / (max(total.rows, 1) * total.max_tokens)


def seq_sum_weights(action_mask: Tensor, total: StepNormaliser) -> Tensor:
    """Weights [B, T]: the mean over rows of each row's sum, the objective of REINFORCE with whole completions.

    Source: Ahmadian et al. 2024 (arXiv:2402.14740), who take a completion as one action.
    """
    return action_mask / max(total.rows, 1)


AGGREGATIONS: dict[str, Callable[[Tensor, StepNormaliser], Tensor]] = {
    "seq_mean": seq_mean_weights,
    "token_mean": token_mean_weights,
    "constant": constant_weights,
    "seq_sum": seq_sum_weights,
}


def at_actions(values: Tensor, action_mask: Tensor) -> Tensor:
    """The values [B, T] with zeros where there is no action: what stood there, be it infinite, is without effect.

    Multiplying by the mask would not do: infinity times zero is not a number, in the value and in the gradient.
    """
    return torch.where(action_mask.bool(), values, torch.zeros_like(values))


def row_means(values: Tensor, action_mask: Tensor) -> Tensor:
    """The mean over each row's actions [B, 1]; zero for a row without any. `values` is zero off the actions."""
    return values.sum(1, keepdim=True) / action_mask.sum(1, keepdim=True).clamp(min=1)
