"""Rewards of a group to advantages. Pure."""

from __future__ import annotations

import torch
from torch import Tensor

from trainer_client.config.advantage import AdvantageConfig


def grpo_advantages(rewards: Tensor, scored: Tensor, config: AdvantageConfig) -> Tensor:
    """(R - mean) / (std + eps) over the scored members of each group [P, G]; zero where unscored.

    A group with fewer than two scored members has no baseline and yields zeros, and so does one whose rewards are
    all equal: that is decided by max == min, because a rounded mean would leave a tiny advantage.
    Source: Shao et al. 2024, DeepSeekMath (arXiv:2402.03300), section 4.1.2, outcome supervision; ddof and eps as in
    TRL's GRPOTrainer (the paper names neither).
    """
    count = scored.sum(1, keepdim=True)
    known = torch.where(scored, rewards, torch.zeros_like(rewards))
    mean = known.sum(1, keepdim=True) / count.clamp(min=1)
    centred = torch.where(scored, rewards - mean, torch.zeros_like(rewards))
    variance = centred.square().sum(1, keepdim=True) / (count - config.ddof).clamp(min=1)
    advantages = centred / (variance.sqrt() + config.eps)
    return torch.where(dead_groups(rewards, scored).unsqueeze(1), torch.zeros_like(advantages), advantages)


def dead_groups(rewards: Tensor, scored: Tensor) -> Tensor:
    """True [P] for groups that teach nothing: fewer than two scored members, or all their rewards equal."""
    infinite = torch.full_like(rewards, torch.inf)
    highest = torch.where(scored, rewards, -infinite).amax(1)
    lowest = torch.where(scored, rewards, infinite).amin(1)
    return (scored.sum(1) < 2) | (highest <= lowest)
