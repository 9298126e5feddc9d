"""Scored groups as tensors [P, G]. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from trainer_client.types import ScoredGroup


def rewards_and_mask(groups: Sequence[ScoredGroup]) -> tuple[Tensor, Tensor]:
    """Rewards [P, G] in fp64, zero where there is none, and which of them are scored [P, G]."""
    rewards = [[score.reward or 0.0 for score in group.scores] for group in groups]
    scored = [[score.reward is not None for score in group.scores] for group in groups]
    return torch.tensor(rewards, dtype=torch.float64), torch.tensor(scored)


def component_and_mask(groups: Sequence[ScoredGroup], name: str) -> tuple[Tensor, Tensor]:
    """One component as the server gave it [P, G] in fp64, and where a scored rollout has it [P, G]."""
    values = [[score.components.get(name) for score in group.scores] for group in groups]
    known = torch.tensor([[value is not None for value in row] for row in values])
    numbers = torch.tensor([[value or 0.0 for value in row] for row in values], dtype=torch.float64)
    return numbers, known & rewards_and_mask(groups)[1]


def lengths_of(groups: Sequence[ScoredGroup]) -> Tensor:
    """Tokens of each completion [P, G]."""
    return torch.tensor([[len(rollout.token_ids) for rollout in group.group.rollouts] for group in groups])


def truncated_of(groups: Sequence[ScoredGroup]) -> Tensor:
    """True [P, G] for completions that ran into the length limit."""
    return torch.tensor([[rollout.truncated for rollout in group.group.rollouts] for group in groups])


def scored_rows(groups: Sequence[ScoredGroup]) -> Tensor:
    """Indices of the rows [B] that have a reward."""
    return rewards_and_mask(groups)[1].flatten().nonzero().squeeze(-1)
