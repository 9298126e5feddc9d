"""Group-relative advantages: numbers worked by hand, and groups that teach nothing."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from trainer_client.advantages import dead_groups, grpo_advantages
from trainer_client.config.advantage import AdvantageConfig

EXACT = AdvantageConfig(ddof=1, eps=0.0)


def rows(*values: list[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def all_of(rewards: Tensor) -> Tensor:
    return torch.ones_like(rewards, dtype=torch.bool)


def test_numbers_worked_by_hand() -> None:
    # mean 0.5; deviations -0.5, 0.5, -0.5, 0.5; variance 1.0 / (4 - 1); std 1/sqrt(3)
    rewards = rows([0.0, 1.0, 0.0, 1.0])
    expected = 0.5 / math.sqrt(1 / 3)
    got = grpo_advantages(rewards, all_of(rewards), EXACT)
    assert got.tolist()[0] == pytest.approx([-expected, expected, -expected, expected], abs=1e-12)
    population = grpo_advantages(rewards, all_of(rewards), AdvantageConfig(ddof=0, eps=0.25))
    assert population.tolist()[0] == pytest.approx([-0.5 / 0.75, 0.5 / 0.75, -0.5 / 0.75, 0.5 / 0.75], abs=1e-12)


def test_deviation_is_that_of_torch() -> None:
    torch.manual_seed(1)
    rewards = torch.rand(5, 8, dtype=torch.float64)
    expected = (rewards - rewards.mean(1, keepdim=True)) / (rewards.std(1, keepdim=True) + 1e-4)
    assert torch.allclose(grpo_advantages(rewards, all_of(rewards), AdvantageConfig()), expected, atol=1e-12)


@pytest.mark.parametrize("value", [0.0, 0.1, 1.2, -3.7])
def test_group_of_equal_rewards_gives_exact_zeros(value: float) -> None:
    rewards = torch.full((1, 7), value, dtype=torch.float64)
    assert grpo_advantages(rewards, all_of(rewards), AdvantageConfig(eps=0.0)).tolist() == [[0.0] * 7]


def test_unscored_members_change_neither_the_statistics_nor_get_an_advantage() -> None:
    whole = grpo_advantages(rows([0.0, 1.2, 0.2]), torch.ones(1, 3, dtype=torch.bool), EXACT)
    scored = torch.tensor([[True, False, True, True, False]])
    masked = grpo_advantages(rows([0.0, 99.0, 1.2, 0.2, -99.0]), scored, EXACT)
    assert masked[0, [0, 2, 3]].tolist() == pytest.approx(whole[0].tolist(), abs=1e-12)
    assert masked[0, [1, 4]].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("scored", [[False, False, False], [True, False, False]])
def test_group_with_fewer_than_two_scored_members_yields_zeros(scored: list[bool]) -> None:
    mask = torch.tensor([scored])
    assert grpo_advantages(rows([1.0, 0.0, 0.5]), mask, EXACT).tolist() == [[0.0, 0.0, 0.0]]
    assert dead_groups(rows([1.0, 0.0, 0.5]), mask).tolist() == [True]


def test_death_is_decided_by_the_scored_members() -> None:
    rewards = rows([1.0, 1.0, 0.0], [1.0, 0.0, 0.0])
    scored = torch.tensor([[True, True, False], [True, True, False]])
    assert dead_groups(rewards, scored).tolist() == [True, False]
