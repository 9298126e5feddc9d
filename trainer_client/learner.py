"""What learns: the policy with its reference, critic and optimizers. Where it is, nothing that is done with it."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from transformers import PreTrainedModel

from trainer_client.critic import Critic
from trainer_client.ranks import Ranks


@dataclass(slots=True)
class Learner:
    """`reference` is None without a divergence, `critic` and its optimizer without value estimates.

    `ranks` are the processes that share the rows; the weights are the same on all of them.
    """

    network: PreTrainedModel
    optimizer: torch.optim.Optimizer
    reference: PreTrainedModel | None = None
    critic: Critic | None = None
    critic_optimizer: torch.optim.Optimizer | None = None
    ranks: Ranks = field(default_factory=Ranks)


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
