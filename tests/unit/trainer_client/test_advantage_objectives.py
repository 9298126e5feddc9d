"""Several objectives: weighted before or after each is normalised, neutral components, the batch's last stage."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from trainer_client.advantages import component_tensors, grpo_advantages, objective_advantages
from trainer_client.config.advantage import AdvantageConfig, ObjectivesConfig

WEIGHTS = {"math": 1.0, "format": 0.25, "length": -0.5}
CONFIG = AdvantageConfig(eps=1e-3)


def drawn(seed: int) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(seed)
    components = torch.randint(0, 4, (4, 5, 3)).double()
    return components, torch.rand(4, 5, 3) < 0.8, torch.rand(4, 5) < 0.85


def naive(components: Tensor, present: Tensor, scored: Tensor, config: AdvantageConfig, whiten: bool) -> Tensor:
    result = torch.zeros(scored.shape, dtype=torch.float64)
    for p in range(scored.shape[0]):
        for c, weight in enumerate(WEIGHTS.values()):
            has = [g for g in range(scored.shape[1]) if scored[p, g] and present[p, g, c]]
            values = [float(components[p, g, c]) for g in has]
            if len(values) < 2 or max(values) == min(values):
                continue
            mean = sum(values) / len(values)
            spread = math.sqrt(sum((v - mean) ** 2 for v in values) / (len(values) - config.ddof))
            for g, value in zip(has, values, strict=True):
                result[p, g] += weight * (value - mean) / (spread + config.eps)
    if not whiten:
        return result
    everyone = result[scored]
    return torch.where(scored, (result - everyone.mean()) / (everyone.std() + config.eps), torch.zeros_like(result))


@pytest.mark.parametrize("whiten", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_normalise_then_sum_is_the_loop_over_the_formula(seed: int, whiten: bool) -> None:
    components, present, scored = drawn(seed)
    objectives = ObjectivesConfig(weights=WEIGHTS, whiten=whiten)
    got = objective_advantages(components, present, scored, objectives, CONFIG)
    assert torch.allclose(got, naive(components, present, scored, CONFIG, whiten), rtol=0.0, atol=1e-12)


def test_sum_then_normalise_is_grpo_on_the_weighted_sum_where_neutral_adds_nothing() -> None:
    components, present, scored = drawn(9)
    objectives = ObjectivesConfig(weights=WEIGHTS, combine="sum_then_normalise")
    total = torch.zeros(scored.shape, dtype=torch.float64)
    for c, weight in enumerate(WEIGHTS.values()):
        total += weight * torch.where(present[..., c], components[..., c], torch.zeros(()).double())
    spoilt = torch.where(present, components, torch.full_like(components, math.nan))
    got = objective_advantages(spoilt, present, scored, objectives, CONFIG)
    assert torch.allclose(got, grpo_advantages(total, scored, CONFIG), rtol=0.0, atol=1e-12)


def test_rewards_that_the_sum_confuses_are_told_apart_when_each_is_normalised() -> None:
    # the paper's example: (0, 1) against (0, 2) in two binary rewards; the sum's advantages are the same for both
    one, two = torch.tensor([[[0.0, 0.0], [1.0, 0.0]]]).double(), torch.tensor([[[0.0, 0.0], [1.0, 1.0]]]).double()
    exact = AdvantageConfig(eps=0.0)
    everyone, present = torch.ones(1, 2, dtype=torch.bool), torch.ones(1, 2, 2, dtype=torch.bool)
    summed = ObjectivesConfig(weights={"a": 1.0, "b": 1.0}, combine="sum_then_normalise")
    apart = ObjectivesConfig(weights={"a": 1.0, "b": 1.0})

    def best(components: Tensor, objectives: ObjectivesConfig) -> float:
        return float(objective_advantages(components, present, everyone, objectives, exact)[0, 1])

    assert best(one, summed) == pytest.approx(best(two, summed), abs=1e-12)
    assert best(two, apart) == pytest.approx(2 * best(one, apart), abs=1e-12)


def test_one_objective_is_plain_grpo_both_ways() -> None:
    components, _, scored = drawn(3)
    expected = grpo_advantages(components[..., 0], scored, CONFIG)
    present = torch.ones(4, 5, 1, dtype=torch.bool)
    for combine in ("sum_then_normalise", "normalise_then_sum"):
        objectives = ObjectivesConfig(weights={"math": 1.0}, combine=combine)
        got = objective_advantages(components[..., :1], present, scored, objectives, CONFIG)
        assert torch.allclose(got, expected, rtol=0.0, atol=1e-12)


def test_dead_groups_and_unscored_members_stay_exactly_zero_through_whitening() -> None:
    components, present, scored = drawn(5)
    components[1] = 0.3
    objectives = ObjectivesConfig(weights=WEIGHTS, whiten=True)
    got = objective_advantages(components, present, scored, objectives, CONFIG)
    assert got.any()
    assert not got[1].any()
    assert not got[~scored].any()


def test_components_come_in_the_order_of_the_names_and_none_is_absent() -> None:
    groups = [[{"a": 1.0, "b": None}, {"b": 0.5}], [{}, {"a": 0.0, "b": 2.0, "c": 9.0}]]
    values, present = component_tensors(groups, ["b", "a"])
    assert values.tolist() == [[[0.0, 1.0], [0.5, 0.0]], [[0.0, 0.0], [2.0, 0.0]]]
    assert present.tolist() == [[[False, True], [True, False]], [[False, False], [True, True]]]


def test_a_component_that_no_completion_has_is_refused_with_those_they_have() -> None:
    with pytest.raises(ValueError, match=r"'maths', which no completion has; they have: format, math"):
        component_tensors([[{"math": 1.0, "format": None}]], ["maths"])
