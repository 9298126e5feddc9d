"""What each token contributes to the policy's loss, before masks, weights and divisors. All tensors are [B, T]."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from trainer_client.config.loss import LossConfig


@dataclass(frozen=True, slots=True)
class Clipped:
    """Where [B, T] a bound took effect: below, above, and the bound of the dual clip."""

    low: Tensor
    high: Tensor
    dual: Tensor


def clip_loss(ratio: Tensor, advantages: Tensor, config: LossConfig) -> Tensor:
    """-min(r A, clip(r, 1 - eps_low, 1 + eps_high) A); with a dual clip c, at most -c A where A < 0.

    Source: Schulman et al. 2017, PPO (arXiv:1707.06347), eq. 7; two clip ranges as in DAPO (arXiv:2503.14476);
    dual clip: Ye et al. 2020 (arXiv:1912.09729).
    """
    clipped = ratio.clamp(1 - config.eps_low, 1 + config.eps_high)
    surrogate = torch.minimum(ratio * advantages, clipped * advantages)
    if config.dual_clip is not None:
        bounded = torch.maximum(surrogate, config.dual_clip * advantages)
        surrogate = torch.where(advantages < 0, bounded, surrogate)
    return -surrogate


def cispo_loss(ratio: Tensor, log_probs: Tensor, advantages: Tensor, config: LossConfig) -> Tensor:
    """-sg[clip(r, 1 - eps_low, 1 + eps_high)] A log pi: a bounded weight, and a gradient on every token.

    Source: MiniMax-M1 2025, CISPO (arXiv:2506.13585), eq. 4 and 5. The paper leaves the lower bound out: eps_low = 1.
    """
    return -ratio.detach().clamp(1 - config.eps_low, 1 + config.eps_high) * advantages * log_probs


def reinforce_loss(log_probs: Tensor, advantages: Tensor) -> Tensor:
    """-A log pi: the policy gradient of the policy that drew the tokens, without any ratio.

    Source: Williams 1992, REINFORCE; for language models Ahmadian et al. 2024 (arXiv:2402.14740).
    """
    return -advantages * log_probs


def objective_loss(ratio: Tensor, log_probs: Tensor, advantages: Tensor, config: LossConfig) -> Tensor:
    """The token losses that `config.objective` names."""
    if config.objective == "cispo":
        return cispo_loss(ratio, log_probs, advantages, config)
    if config.objective == "reinforce":
        return reinforce_loss(log_probs, advantages)
    return clip_loss(ratio, advantages, config)


def clipped_tokens(ratio: Tensor, advantages: Tensor, config: LossConfig) -> Clipped:
    """Where the clip takes a token's gradient away; with cispo, where it bounds a weight; with reinforce nowhere."""
    low, high = ratio < 1 - config.eps_low, ratio > 1 + config.eps_high
    nowhere = torch.zeros_like(low)
    if config.objective == "reinforce":
        return Clipped(nowhere, nowhere, nowhere)
    if config.objective == "cispo":
        return Clipped(low, high, nowhere)
    dual = nowhere if config.dual_clip is None else (ratio > config.dual_clip) & (advantages < 0)
    return Clipped(low & (advantages < 0), high & (advantages > 0), dual)
