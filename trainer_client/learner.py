"""What learns: the policy with its reference, critic and optimizers. Where it is, nothing that is done with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from transformers import PreTrainedModel

from trainer_client.critic import Critic
from trainer_client.errors import CheckpointError
from trainer_client.ranks import Ranks


@dataclass(slots=True)
class Learner:
    """`reference` is None without a divergence, `critic` and its optimizer without value estimates.

    `ranks` are the processes that share the rows; the weights are the same on all of them. `moved` is true where the
    reference is no longer the policy as RL began.
    """

    network: PreTrainedModel
    optimizer: torch.optim.Optimizer
    reference: PreTrainedModel | None = None
    critic: Critic | None = None
    critic_optimizer: torch.optim.Optimizer | None = None
    ranks: Ranks = field(default_factory=Ranks)
    moved: bool = False

    def beside_the_policy(self) -> dict[str, Any]:
        """The states of the critic and of a reference that has moved, for a checkpoint."""
        more: dict[str, Any] = {}
        if self.critic is not None and self.critic_optimizer is not None:
            more["critic"] = self.critic.state_dict()
            more["critic_optimizer"] = self.critic_optimizer.state_dict()
        if self.reference is not None and self.moved:
            more["reference"] = self.reference.state_dict()
        return more

    def restore(self, more: Mapping[str, Any]) -> None:
        """Go on from what `beside_the_policy` gave. Raises CheckpointError where the critic is another or was none."""
        if self.critic is not None and self.critic_optimizer is not None:
            try:
                self.critic.load_state_dict(more["critic"])
                self.critic_optimizer.load_state_dict(more["critic_optimizer"])
            except (KeyError, RuntimeError, ValueError) as error:
                found = "none" if "critic" not in more else f"another: {error}"
                raise CheckpointError(
                    f"rl.critic wants a critic of this shape, but the checkpoint holds {found}. Go on with the "
                    "settings of the run, or begin a new one from its model (--model.path, --run.dir)"
                ) from error
        if self.reference is not None and "reference" in more:
            self.reference.load_state_dict(more["reference"])
            self.moved = True

    def follow(self, rate: float) -> None:
        """Move the reference, where there is one, towards the policy."""
        if self.reference is not None:
            move_towards(self.reference, self.network, rate)
            self.moved = True


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
