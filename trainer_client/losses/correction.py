"""Importance weights for a sampler whose log-probs differ from the trainer's. Constants: no gradient goes through."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from trainer_client.config.loss import CorrectionConfig
from trainer_client.losses.aggregation import row_means
from trainer_client.losses.ratio import clamped_exp


@dataclass(frozen=True, slots=True)
class Correction:
    """`weights` [B, T] multiply the tokens' losses; `outside` [B, T] is true where the range took effect."""

    weights: Tensor
    outside: Tensor


def sampler_gap(old_log_probs: Tensor, sampler_log_probs: Tensor) -> Tensor:
    """log pi_old - log pi_sampler [B, T]; zero where the sampler gave no number (NaN), which corrects nothing there."""
    gap = (old_log_probs - sampler_log_probs).detach()
    return torch.where(sampler_log_probs.isnan(), torch.zeros_like(gap), gap)


def correction_weights(gap: Tensor, action_mask: Tensor, config: CorrectionConfig, limit: float) -> Correction:
    """The weights that `config.mode` makes of the gap log pi_old - log pi_sampler, which is zero off the actions.

    Of a token: truncated (Yao et al. 2025, "Your efficient RL framework secretly brings you off-policy RL training",
    TIS) or masked (IcePop, Ring-1T, arXiv:2510.18855). Of a sequence: the product over its tokens. Of its geometric
    mean, which does not grow with length: rows outside are dropped, the others keep their tokens' weights.
    """
    tokens = clamped_exp(gap, limit)
    if config.mode == "none":
        return Correction(torch.ones_like(gap), torch.zeros_like(gap, dtype=torch.bool))
    measured = _measured(gap, action_mask, config, limit)
    outside = (measured < config.low) | (measured > config.high)
    if config.mode.endswith("truncate"):
        return Correction(measured.clamp(config.low, config.high), outside)
    kept = tokens if config.mode == "geometric_mask" else measured
    return Correction(torch.where(outside, torch.zeros_like(kept), kept), outside)


def _measured(gap: Tensor, action_mask: Tensor, config: CorrectionConfig, limit: float) -> Tensor:
    """What is held against the range [B, T]: the weight of the token, of the sequence, or its geometric mean."""
    if config.mode.startswith("token"):
        return clamped_exp(gap, limit)
    log_weight = row_means(gap, action_mask) if config.mode == "geometric_mask" else gap.sum(1, keepdim=True)
    return clamped_exp(log_weight, limit).expand_as(gap)
