"""One advantage for each completion: scales, leave-one-out, hybrid baseline, against loops straight from the papers."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Literal

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from trainer_client.advantages import (
    dead_groups,
    group_centred,
    grpo_advantages,
    hybrid_advantages,
    prompts_by_value,
    rloo_advantages,
)
from trainer_client.config.advantage import AdvantageConfig, HybridConfig

Scales = Literal["group", "batch", "none"]
SCALES: tuple[Scales, ...] = ("group", "batch", "none")


def rows(*values: list[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def drawn(seed: int, prompts: int = 5, group: int = 6) -> tuple[Tensor, Tensor]:
    """Rewards in fifths, a sixth of them unscored: groups that die, that lose members, and ordinary ones."""
    torch.manual_seed(seed)
    return torch.randint(0, 6, (prompts, group)).double() / 5, torch.rand(prompts, group) < 5 / 6


def deviation(values: list[float], ddof: int) -> float:
    mean = sum(values) / len(values)
    return math.sqrt(sum((value - mean) ** 2 for value in values) / max(len(values) - ddof, 1))


def naive_grpo(rewards: Tensor, scored: Tensor, scale: str, ddof: int, eps: float) -> list[list[float]]:
    everything = rewards[scored].tolist()
    result = []
    for line, ok in zip(rewards.tolist(), scored.tolist(), strict=True):
        known = [reward for reward, is_known in zip(line, ok, strict=True) if is_known]
        if len(known) < 2 or max(known) == min(known):
            result.append([0.0] * len(line))
            continue
        mean = sum(known) / len(known)
        divisor = {
            "group": deviation(known, ddof) + eps,
            "batch": deviation(everything, ddof) + eps,
            "none": 1.0,
        }[scale]
        result.append([(r - mean) / divisor if o else 0.0 for r, o in zip(line, ok, strict=True)])
    return result


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("ddof", [0, 1])
@pytest.mark.parametrize("seed", range(5))
def test_grpo_is_the_loop_over_the_formula(scale: Scales, ddof: Literal[0, 1], seed: int) -> None:
    rewards, scored = drawn(seed)
    config = AdvantageConfig(scale=scale, ddof=ddof, eps=1e-3)
    expected = rows(*naive_grpo(rewards, scored, scale, ddof, 1e-3))
    assert torch.allclose(grpo_advantages(rewards, scored, config), expected, rtol=0.0, atol=1e-12)


def test_scales_by_hand() -> None:
    # group 1: 0, 2 (mean 1); group 2: 5, 5, dead; batch 0, 2, 5, 5: mean 3, squares 9 + 1 + 4 + 4 = 18
    rewards, everyone = rows([0.0, 2.0], [5.0, 5.0]), torch.ones(2, 2, dtype=torch.bool)

    def got(scale: Scales) -> list[list[float]]:
        return grpo_advantages(rewards, everyone, AdvantageConfig(scale=scale, ddof=0, eps=0.0)).tolist()

    assert got("none") == [[-1.0, 1.0], [0.0, 0.0]]
    assert got("group") == [[-1.0, 1.0], [0.0, 0.0]]
    by_batch = 1 / math.sqrt(18 / 4)
    assert got("batch")[0] == pytest.approx([-by_batch, by_batch], abs=1e-12)
    assert got("batch")[1] == [0.0, 0.0]


@pytest.mark.parametrize("scale", SCALES)
@given(seed=st.integers(0, 10_000), shift=st.floats(-50, 50), factor=st.floats(0.25, 8))
def test_a_constant_on_all_rewards_changes_nothing_and_a_factor_only_without_a_deviation(
    scale: Scales, seed: int, shift: float, factor: float
) -> None:
    rewards, scored = drawn(seed)
    config = AdvantageConfig(scale=scale, eps=0.0)
    before = grpo_advantages(rewards, scored, config)
    assert torch.allclose(grpo_advantages(rewards + shift, scored, config), before, rtol=0.0, atol=1e-8)
    stretched = grpo_advantages(rewards * factor, scored, config)
    assert torch.allclose(stretched, before * factor if scale == "none" else before, rtol=0.0, atol=1e-8)


@given(seed=st.integers(0, 10_000))
def test_group_scale_gives_each_live_group_mean_zero_and_deviation_one(seed: int) -> None:
    rewards, scored = drawn(seed)
    advantages = grpo_advantages(rewards, scored, AdvantageConfig(eps=0.0))
    for line, known, dead in zip(advantages, scored, dead_groups(rewards, scored).tolist(), strict=True):
        chosen = line[known]
        if dead:
            assert not line.any()
        else:
            assert float(chosen.mean()) == pytest.approx(0.0, abs=1e-12)
            assert float(chosen.std()) == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("unknown", [99.0, -1e30, math.nan, math.inf])
def test_what_unscored_members_hold_changes_nothing(scale: Scales, unknown: float) -> None:
    rewards, scored = drawn(5)
    config = AdvantageConfig(scale=scale)
    spoilt = torch.where(scored, rewards, torch.full_like(rewards, unknown))
    assert torch.equal(grpo_advantages(spoilt, scored, config), grpo_advantages(rewards, scored, config))
    assert torch.equal(rloo_advantages(spoilt, scored), rloo_advantages(rewards, scored))
    assert not grpo_advantages(spoilt, scored, config)[~scored].any()


@pytest.mark.parametrize("scale", SCALES)
def test_a_single_completion_has_no_baseline(scale: Scales) -> None:
    rewards, scored = rows([1.0], [0.0]), torch.ones(2, 1, dtype=torch.bool)
    assert grpo_advantages(rewards, scored, AdvantageConfig(scale=scale, eps=0.0)).tolist() == [[0.0], [0.0]]
    assert rloo_advantages(rewards, scored).tolist() == [[0.0], [0.0]]
    assert group_centred(rewards, scored).tolist() == [[0.0], [0.0]]


def test_leave_one_out_by_hand() -> None:
    # of 3, 0, 6: 3 - (0+6)/2 = 0; 0 - (3+6)/2 = -4.5; 6 - (3+0)/2 = 4.5
    rewards, everyone = rows([3.0, 0.0, 6.0]), torch.ones(1, 3, dtype=torch.bool)
    assert rloo_advantages(rewards, everyone).tolist()[0] == pytest.approx([0.0, -4.5, 4.5], abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_leave_one_out_is_the_loop_over_the_others(seed: int) -> None:
    rewards, scored = drawn(seed)
    got = rloo_advantages(rewards, scored)
    for p in range(rewards.shape[0]):
        for i in range(rewards.shape[1]):
            others = [float(rewards[p, j]) for j in range(rewards.shape[1]) if j != i and scored[p, j]]
            expected = float(rewards[p, i]) - sum(others) / len(others) if scored[p, i] and others else 0.0
            assert float(got[p, i]) == pytest.approx(expected, abs=1e-12)


def test_hybrid_takes_the_group_mean_and_the_estimate_where_it_is_chosen() -> None:
    rewards = rows([0.0, 1.0], [1.0, 1.0], [0.5, 7.0])
    scored = torch.tensor([[True, True], [True, True], [True, False]])
    values, chosen = torch.tensor([0.9, 0.25, 0.2], dtype=torch.float64), torch.tensor([False, True, True])
    got = hybrid_advantages(rewards, scored, values, chosen)
    assert got[0].tolist() == [-0.5, 0.5]
    assert got[1].tolist() == [0.75, 0.75]
    assert got[2].tolist() == pytest.approx([0.3, 0.0], abs=1e-15)


def test_hybrid_with_nothing_chosen_is_dr_grpo() -> None:
    rewards, scored = drawn(8)
    nobody = torch.zeros(5, dtype=torch.bool)
    expected = grpo_advantages(rewards, scored, AdvantageConfig(scale="none"))
    assert torch.equal(hybrid_advantages(rewards, scored, torch.rand(5).double(), nobody), expected)


@pytest.mark.parametrize(
    ("choose", "expected"),
    [
        ("all", [True, True, True]),
        ("dead", [False, True, True]),
        ("one_sided", [False, True, False]),
        ("few_scored", [False, False, True]),
    ],
)
def test_prompts_are_chosen_for_the_estimate(
    choose: Literal["few_scored", "one_sided", "dead", "all"], expected: list[bool]
) -> None:
    rewards = rows([0.0, 1.0], [1.0, 1.0], [0.0, 1.0])
    scored = torch.tensor([[True, True], [True, True], [True, False]])
    values = torch.tensor([0.5, 0.95, 0.9], dtype=torch.float64)
    assert prompts_by_value(rewards, scored, values, HybridConfig(choose=choose)).tolist() == expected


def test_a_reward_free_choice_of_prompts_does_not_look_at_the_rewards() -> None:
    rewards, scored = drawn(2)
    values = torch.rand(5, dtype=torch.float64)
    for choose in ("one_sided", "few_scored", "all"):
        config = HybridConfig(choose=choose)
        assert torch.equal(
            prompts_by_value(rewards, scored, values, config), prompts_by_value(-(rewards**2), scored, values, config)
        )


def mean_gradient(advantages: Callable[[Tensor, Tensor], Tensor], arms: Tensor, chances: Tensor) -> Tensor:
    """Exact mean over all draws of three completions of 1/G sum_i A_i grad log p, for a softmax over arms."""
    total = torch.zeros_like(chances)
    for draw in itertools.product(range(len(arms)), repeat=3):
        chosen = list(draw)
        weights = advantages(arms[chosen].unsqueeze(0), torch.ones(1, 3, dtype=torch.bool))[0]
        slopes = torch.nn.functional.one_hot(torch.tensor(chosen), len(arms)).double() - chances
        total += chances[chosen].prod() * (weights.unsqueeze(1) * slopes).mean(0)
    return total


def test_on_average_the_gradient_is_that_of_the_mean_reward() -> None:
    """RLOO and a value baseline are unbiased, the group mean shrinks by (G-1)/G, choosing by the rewards is biased."""
    arms, chances = rows([0.0, 1.0, 0.25])[0], rows([0.5, 0.3, 0.2])[0]
    exact = chances * (arms - (chances * arms).sum())

    def hybrid(config: HybridConfig) -> Callable[[Tensor, Tensor], Tensor]:
        value = torch.tensor([0.4]).double()
        return lambda r, s: hybrid_advantages(r, s, value, prompts_by_value(r, s, value, config))

    def group_mean(rewards: Tensor, scored: Tensor) -> Tensor:
        return grpo_advantages(rewards, scored, AdvantageConfig(scale="none"))

    one_sided = HybridConfig(choose="one_sided", low=0.5)  # the value is
    for unbiased in (rloo_advantages, hybrid(HybridConfig(choose="all")), hybrid(one_sided)):
        assert torch.allclose(mean_gradient(unbiased, arms, chances), exact, rtol=0.0, atol=1e-14)
    assert torch.allclose(mean_gradient(group_mean, arms, chances), exact * 2 / 3, rtol=0.0, atol=1e-14)
    by_death = mean_gradient(hybrid(HybridConfig(choose="dead")), arms, chances)
    assert not torch.allclose(by_death, exact, atol=1e-3)
    assert not torch.allclose(by_death, exact * 2 / 3, atol=1e-3)


@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_choosing_by_equal_rewards_of_0_and_1_biases_the_length_of_the_gradient_alone(value: float) -> None:
    """Three completions, right with chance p: 2/3 by the group's mean, (1 - V) p^2 all right, V (1 - p)^2 all wrong."""
    arms, chances = rows([0.0, 1.0, 1.0])[0], rows([0.6, 0.3, 0.1])[0]
    right = float((chances * arms).sum())
    exact = chances * (arms - right)
    config, values = HybridConfig(choose="dead"), rows([value])[0]

    def hybrid(rewards: Tensor, scored: Tensor) -> Tensor:
        return hybrid_advantages(rewards, scored, values, prompts_by_value(rewards, scored, values, config))

    factor = 2 / 3 + (1 - value) * right**2 + value * (1 - right) ** 2
    assert torch.allclose(mean_gradient(hybrid, arms, chances), factor * exact, rtol=0.0, atol=1e-14)


def test_an_estimate_at_a_bound_is_not_one_sided() -> None:
    rewards, scored = rows([0.0, 1.0], [0.0, 1.0]), torch.ones(2, 2, dtype=torch.bool)
    config = HybridConfig(choose="one_sided", low=0.25, high=0.75)
    assert prompts_by_value(rewards, scored, rows([0.25, 0.75])[0], config).tolist() == [False, False]
