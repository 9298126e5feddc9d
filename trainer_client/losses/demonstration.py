"""The loss of supervised fine-tuning."""

from __future__ import annotations

from torch import Tensor

from trainer_client.losses.aggregation import at_actions


def demonstration_loss(log_probs: Tensor, action_mask: Tensor, total_tokens: int) -> Tensor:
    """Negative log-likelihood of the demonstrations' tokens [B, T], a token mean over the whole optimizer step."""
    return -at_actions(log_probs, action_mask).sum() / max(total_tokens, 1)
