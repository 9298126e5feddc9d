"""What learns: the policy with its reference, critic and optimizers. Where it is, nothing that is done with it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from transformers import PreTrainedModel

from trainer_client.critic import Critic


@dataclass(slots=True)
class Learner:
    """`reference` is None without a divergence, `critic` and its optimizer without value estimates."""

    network: PreTrainedModel
    optimizer: torch.optim.Optimizer
    reference: PreTrainedModel | None = None
    critic: Critic | None = None
    critic_optimizer: torch.optim.Optimizer | None = None


@dataclass(frozen=True, slots=True)
class Rates:
    """Learning rates of one step; `critic` is None without one."""

    policy: float
    critic: float | None = None


@torch.no_grad()
def move_towards(reference: PreTrainedModel, network: PreTrainedModel, rate: float) -> None:
    """reference <- (1 - rate) * reference + rate * network, weight by weight; rate 1 copies.

    Source: DeepSeekMath (arXiv:2402.03300), algorithm 1, for the copy; an exponential mean as TRL's sync_ref_model.
    """
    for old, new in zip(reference.parameters(), network.parameters(), strict=True):
        if rate == 1.0:
            old.copy_(new)
        else:
            old.lerp_(new.to(old.dtype), rate)
