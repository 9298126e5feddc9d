"""The critic of PPO: a value for the state before each token."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from trainer_client.config.loss import ValueConfig
from trainer_client.config.optim import OptimConfig
from trainer_client.config.section import Section


class CriticOptimConfig(OptimConfig):
    """The same as the policy's, with larger steps: a new head has everything to learn."""

    lr: float = Field(default=1e-5, gt=0.0, le=1.0, description="learning rate after the warm-up (verl: 1e-5)")


class CriticConfig(Section):
    """A linear head on the last hidden state, in fp32, with an optimizer of its own."""

    trunk: Literal["own", "shared"] = Field(
        default="own", description="own: a copy of the policy's, trained by the critic's loss; shared: the policy's"
    )
    loss: ValueConfig = Field(default_factory=ValueConfig)
    optim: CriticOptimConfig = Field(default_factory=CriticOptimConfig)
