"""Whose merit was it? How closely a step's advantage follows whether that step was right, and what is learnt of it.

An answer is a chain of steps, right when all of them are; one token is one step.
"""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from trainer_client.advantages import Evidence, Step, token_advantages
from trainer_client.config.advantage import AdvantageConfig, ProcessConfig

PROMPTS, GROUP, RIGHT = 150, 8, 0.75


def advantages(right: Tensor, process: ProcessConfig | None, share: float = 0.0) -> Tensor:
    """Of each step [B, K], from whether it is right [B, K]; B = P*G. `share` weighs the share of right steps."""
    rewards = (right.all(1) + share * right.double().mean(1)).reshape(-1, GROUP)
    judged = [[Step(place, 1.0 if true else -1.0) for place, true in enumerate(row)] for row in right.tolist()]
    everyone = torch.ones(rewards.shape, dtype=torch.bool)
    evidence = Evidence(rewards, everyone, torch.ones_like(right), steps=judged)
    return token_advantages(evidence, AdvantageConfig(process=process)).tokens


def credit(steps: int, process: ProcessConfig | None) -> float:
    """Mean over the steps of the correlation of a step's advantage with its truth; steps err independently."""
    right = torch.rand(PROMPTS * GROUP, steps, generator=torch.Generator().manual_seed(0)) < RIGHT
    pairs = zip(advantages(right, process).T, right.double().T, strict=True)
    return sum(float(torch.corrcoef(torch.stack(pair))[0, 1]) for pair in pairs) / steps


def learnt(kinds: int, process: ProcessConfig | None, share: float = 0.0) -> float:
    """Share of chains of seven steps that are right after 32 updates by 4 groups each; 5 % were before.

    There are so many kinds of step, each with a logit of its own for getting it right; a chain meets them by chance.
    """
    draws = torch.Generator().manual_seed(0)
    logits = torch.full((kinds,), math.log(0.65 / 0.35), requires_grad=True)
    adam = torch.optim.Adam([logits], lr=0.1, betas=(0.9, 0.95))
    for _ in range(32):
        chances = logits[torch.randint(kinds, (4 * GROUP, 7), generator=draws)].sigmoid()
        right = torch.rand(chances.shape, generator=draws) < chances.detach()
        loss = -(advantages(right, process, share) * torch.where(right, chances, 1 - chances).log()).mean()
        adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        adam.step()
    return float(logits.detach().sigmoid().mean() ** 7)


@pytest.mark.parametrize(("steps", "of_outcome", "of_both"), [(2, 0.62, 0.76), (4, 0.37, 0.61), (16, 0.06, 0.40)])
def test_step_rewards_give_credit_where_it_is_due_and_the_more_so_the_longer_the_chain(
    steps: int, of_outcome: float, of_both: float
) -> None:
    assert credit(steps, None) == pytest.approx(of_outcome, abs=0.04)
    assert credit(steps, ProcessConfig()) == pytest.approx(of_both, abs=0.04)


@pytest.mark.parametrize(
    ("kinds", "of_outcome", "of_share", "of_both"), [(1, 0.82, 0.83, 0.83), (80, 0.22, 0.44, 0.56)]
)
def test_step_rewards_teach_faster_where_there_are_many_kinds_of_step_to_learn_and_not_where_there_is_one(
    kinds: int, of_outcome: float, of_share: float, of_both: float
) -> None:
    assert learnt(kinds, None) == pytest.approx(of_outcome, abs=0.04)
    assert learnt(kinds, None, share=1.0) == pytest.approx(of_share, abs=0.04)
    assert learnt(kinds, ProcessConfig()) == pytest.approx(of_both, abs=0.04)
