"""Whose merit was it? How closely a step's advantage follows whether that step was right, under both supervisions."""

from __future__ import annotations

import pytest
import torch

from trainer_client.advantages import Evidence, Step, token_advantages
from trainer_client.config.advantage import AdvantageConfig, ProcessConfig

PROMPTS, GROUP, RIGHT = 150, 8, 0.75


def credit(steps: int, process: ProcessConfig | None) -> float:
    """Mean over the steps of the correlation of a step's advantage with its truth; steps err independently.

    The answer is right when all steps are. One token is one step.
    """
    right = torch.rand(PROMPTS * GROUP, steps, generator=torch.Generator().manual_seed(0)) < RIGHT
    rewards = right.all(1).double().reshape(PROMPTS, GROUP)
    judged = [[Step(place, 1.0 if true else -1.0) for place, true in enumerate(row)] for row in right.tolist()]
    everyone = torch.ones(PROMPTS, GROUP, dtype=torch.bool)
    evidence = Evidence(rewards, everyone, torch.ones_like(right), steps=judged)
    advantages = token_advantages(evidence, AdvantageConfig(process=process)).tokens
    pairs = zip(advantages.T, right.double().T, strict=True)
    return sum(float(torch.corrcoef(torch.stack(pair))[0, 1]) for pair in pairs) / steps


@pytest.mark.parametrize(("steps", "of_outcome", "of_both"), [(2, 0.62, 0.76), (4, 0.37, 0.61), (16, 0.06, 0.40)])
def test_step_rewards_give_credit_where_it_is_due_and_the_more_so_the_longer_the_chain(
    steps: int, of_outcome: float, of_both: float
) -> None:
    assert credit(steps, None) == pytest.approx(of_outcome, abs=0.04)
    assert credit(steps, ProcessConfig()) == pytest.approx(of_both, abs=0.04)
