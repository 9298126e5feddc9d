"""What every sampler does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from trainer_client.types import Prompt, RolloutGroup


class Sampler(Protocol):
    """Draws completions and says with which probability."""

    def sample(self, prompts: Sequence[Prompt], group: int, policy_version: int) -> list[RolloutGroup]:
        """`group` completions of each prompt, in the order of the prompts, at the configured temperature."""
        ...

    def greedy(self, prompts: Sequence[Prompt], policy_version: int) -> list[RolloutGroup]:
        """The most likely completion of each prompt (groups of one); its log-probs are those of temperature 1."""
        ...
