"""The critic: a value for the state before each token, by a linear head on the last hidden state."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from trainer_client.policy import completion_states, trunk_of
from trainer_client.types import TrainBatch


class Critic(nn.Module):
    """`trunk` is a copy of the policy's, None where the policy's own is read: then the two share it.

    The head begins at zero: all values are zero, and the first advantages are those without a critic.
    """

    def __init__(self, trunk: PreTrainedModel | None, width: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.head = nn.utils.skip_init(nn.Linear, width, 1)  # type: ignore[no-untyped-call]  # draws no random number
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    @classmethod
    def beside(cls, network: PreTrainedModel, own_trunk: bool) -> Critic:
        """A new critic for this policy, on its device."""
        trunk = copy.deepcopy(trunk_of(network)) if own_trunk else None
        width = network.config.get_text_config().hidden_size
        return cls(trunk, width).to(network.device)

    def values(self, states: Tensor) -> Tensor:
        """V [B, T] in fp32 of the last hidden states [B, T, H]."""
        values: Tensor = self.head(states.to(self.head.weight.dtype))
        return values.squeeze(-1).float()

    def values_before(self, batch: TrainBatch, network: PreTrainedModel) -> Tensor:
        """V [B, T] of the state before each completion token; `network` is the policy, read where there is no trunk."""
        return self.values(completion_states(self.trunk or trunk_of(network), batch))


@torch.no_grad()
def outcome_returns(rewards: Tensor, mask: Tensor) -> Tensor:
    """The critic's targets [B, T] for outcome rewards [P, G] without discount: the reward on every action.

    For estimators that have no returns of their own: a baseline by value is an estimate of the whole reward.
    """
    return rewards.reshape(-1, 1) * mask
