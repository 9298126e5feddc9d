"""Which groups and rows are learnt from: GFPO's kept sets, dynamic sampling, the length limit."""

from __future__ import annotations

import itertools
from typing import Literal

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from trainer_client.advantages import grpo_advantages
from trainer_client.config.advantage import AdaptiveKeepConfig, AdvantageConfig, GfpoConfig
from trainer_client.config.selection import DynamicSamplingConfig, SoftOverlongConfig
from trainer_client.selection import (
    DifficultyWindow,
    Refill,
    keep_counts,
    kept_members,
    live_groups,
    mean_rewards,
    refill,
    rows_in_loss,
    soft_overlong_penalty,
    taken_groups,
)

ALL_SCORED = torch.ones(1, 4, dtype=torch.bool)


def doubles(*values: list[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def test_the_shortest_are_kept_and_of_equals_the_first() -> None:
    lengths = torch.tensor([[9, 3, 5, 3], [2, 2, 2, 2]])
    rewards = torch.zeros(2, 4, dtype=torch.float64)
    kept = kept_members(rewards, lengths, ALL_SCORED.expand(2, 4), torch.tensor([2, 3]), GfpoConfig())
    assert kept.tolist() == [[False, True, False, True], [True, True, True, False]]


def test_an_empty_completion_counts_as_one_token() -> None:
    rewards, lengths = doubles([0.0, 0.0, 1.0]), torch.tensor([[0, 3, 5]])
    config = GfpoConfig(metric="token_efficiency", keep=2)
    kept = kept_members(rewards, lengths, torch.ones(1, 3, dtype=torch.bool), torch.tensor([2]), config)
    assert kept.tolist() == [[True, False, True]]  # 0/0 would be no number, and last


def test_the_highest_reward_per_token_is_kept() -> None:
    rewards = doubles([1.0, 1.0, 0.0, 0.5])
    lengths = torch.tensor([[10, 4, 1, 1]])  # 0.1, 0.25, 0, 0.5
    config = GfpoConfig(metric="token_efficiency")
    kept = kept_members(rewards, lengths, ALL_SCORED, torch.tensor([2]), config)
    assert kept.tolist() == [[False, True, False, True]]


@pytest.mark.parametrize("metric", ["length", "token_efficiency"])
@given(data=st.data(), k=st.integers(2, 6))
def test_no_scored_member_left_out_is_better_than_one_that_is_kept(
    metric: Literal["length", "token_efficiency"], data: st.DataObject, k: int
) -> None:
    lengths = torch.tensor([data.draw(st.lists(st.integers(1, 6), min_size=6, max_size=6))])
    rewards = doubles(data.draw(st.lists(st.sampled_from([-1.0, 0.0, 0.5, 1.0]), min_size=6, max_size=6)))
    scored = torch.tensor([data.draw(st.lists(st.booleans(), min_size=6, max_size=6))])
    kept = kept_members(rewards, lengths, scored, torch.tensor([k]), GfpoConfig(metric=metric))[0].tolist()
    known = scored[0].tolist()
    assert sum(kept) == min(k, sum(known))
    assert all(is_known for is_kept, is_known in zip(kept, known, strict=True) if is_kept)
    cost = lengths[0].tolist() if metric == "length" else (-rewards[0] / lengths[0]).tolist()
    for inside, outside in itertools.product(range(6), repeat=2):
        if kept[inside] and known[outside] and not kept[outside]:
            assert (cost[inside], inside) < (cost[outside], outside)


def test_kept_sets_of_equal_rewards_teach_nothing() -> None:
    """The shortest may all be wrong: their advantages are zero although the group as a whole is alive."""
    rewards, lengths = doubles([0.0, 0.0, 1.0, 1.0]), torch.tensor([[1, 2, 8, 9]])
    kept = kept_members(rewards, lengths, ALL_SCORED, torch.tensor([2]), GfpoConfig())
    assert not grpo_advantages(rewards, kept, AdvantageConfig()).any()
    assert grpo_advantages(rewards, ALL_SCORED, AdvantageConfig()).any()


def test_mean_rewards_are_over_the_scored_members() -> None:
    scored = torch.tensor([[True, True, False], [False, False, False]])
    assert mean_rewards(doubles([1.0, 0.0, 9.0], [1.0, 1.0, 1.0]), scored) == [0.5, None]


def test_the_window_forgets_the_oldest_groups() -> None:
    window = DifficultyWindow().extended([0.1, None, 0.2], 3).extended([0.3, 0.4], 3)
    assert window.means == (0.2, 0.3, 0.4)


@given(st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), max_size=20), st.sampled_from([0.0, 0.25, 0.3, 1.0]))
def test_share_below_counts_equals_half(means: list[float], mean: float) -> None:
    expected = sum((other < mean) + (other == mean) / 2 for other in means) / len(means) if means else 0.5
    assert DifficultyWindow(tuple(means)).share_below(mean) == pytest.approx(expected, abs=1e-15)


def test_each_quarter_of_the_window_has_its_k() -> None:
    config = GfpoConfig(adaptive=AdaptiveKeepConfig(very_hard=9, hard=8, medium=6, easy=4, window=8, warm_up=8))
    means = [0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1]
    window = DifficultyWindow().extended(means, 8)
    assert keep_counts(means, window, config).tolist() == [4, 4, 6, 6, 8, 8, 9, 9]
    assert keep_counts([None, 5.0, -5.0], window, config).tolist() == [9, 4, 9]


def test_most_are_kept_until_enough_groups_were_seen() -> None:
    config = GfpoConfig(adaptive=AdaptiveKeepConfig(warm_up=4))
    assert keep_counts([1.0, 0.0, 1.0], DifficultyWindow((1.0, 0.0, 1.0)), config).tolist() == [8, 8, 8]
    assert keep_counts([1.0], DifficultyWindow((1.0, 0.0, 0.0, 0.0)), config).tolist() == [4]


def test_equal_difficulties_are_medium_and_a_heap_at_either_end_is_treated_alike() -> None:
    config = GfpoConfig(adaptive=AdaptiveKeepConfig(very_hard=9, hard=8, medium=6, easy=4, warm_up=1))
    assert keep_counts([0.5], DifficultyWindow((0.5,) * 6), config).tolist() == [6]
    most_fail, most_succeed = DifficultyWindow((0.0, 0.0, 0.0, 1.0)), DifficultyWindow((0.0, 1.0, 1.0, 1.0))
    assert keep_counts([0.0, 1.0], most_fail, config).tolist() == [8, 4]
    assert keep_counts([0.0, 1.0], most_succeed, config).tolist() == [9, 6]


def test_without_adaptivity_k_is_the_same_for_all() -> None:
    assert keep_counts([0.0, None, 1.0], DifficultyWindow(), GfpoConfig(keep=5)).tolist() == [5, 5, 5]


def test_liveness_is_judged_on_raw_accuracy_and_not_on_the_shaped_reward() -> None:
    accuracy = doubles([1.0, 1.0, 1.0, 1.0], [1.0, 0.0, 0.0, 0.0])
    lengths = torch.tensor([[90, 95, 100, 50], [10, 10, 10, 10]])
    scored = ALL_SCORED.expand(2, 4)
    shaped = accuracy + soft_overlong_penalty(lengths, 100, SoftOverlongConfig())
    assert live_groups(accuracy, scored).tolist() == [False, True]
    assert live_groups(shaped, scored).tolist() == [True, True]


def test_a_group_with_one_scored_member_is_not_live() -> None:
    assert live_groups(doubles([1.0, 0.0]), torch.tensor([[True, False]])).tolist() == [False]


CONFIG = DynamicSamplingConfig(max_batches=3, surplus=1.0)


@pytest.mark.parametrize(
    ("live", "seen", "batches", "expected"),
    [
        (8, 16, 1, Refill(0, full=True)),
        (9, 16, 3, Refill(0, full=True)),
        (6, 16, 1, Refill(6, full=False)),  # 2 missing at 6/16: 5.33
        (7, 8, 1, Refill(2, full=False)),  # 1 missing at 7/8: 1.14
        (1, 8, 1, Refill(8, full=False)),  # 7 missing at 1/8 would be 56: never more than a step's prompts
        (0, 8, 2, Refill(8, full=False)),
        (7, 24, 3, Refill(0, full=False)),
    ],
)
def test_as_many_prompts_are_drawn_again_as_should_fill_the_batch(
    live: int, seen: int, batches: int, expected: Refill
) -> None:
    assert refill(live, seen, 8, batches, CONFIG) == expected


def test_a_surplus_draws_more_than_expected_to_be_needed() -> None:
    assert refill(6, 16, 8, 1, DynamicSamplingConfig(surplus=1.25)).prompts == 7


@given(st.lists(st.booleans(), max_size=80), st.integers(1, 12))
def test_sampling_ends_full_or_after_the_last_batch(coming: list[bool], wanted: int) -> None:
    """A whole step: what is drawn ends after at most `max_batches` samplings, and full only if enough were live."""
    config = DynamicSamplingConfig(max_batches=4)
    stream = itertools.chain(coming, itertools.repeat(False))
    seen: list[bool] = []
    prompts, batches = wanted, 0
    while prompts:
        assert 1 <= prompts <= wanted
        seen.extend(itertools.islice(stream, prompts))
        batches += 1
        step = refill(sum(seen), len(seen), wanted, batches, config)
        prompts = step.prompts
    assert batches <= 4
    assert step.full == (sum(seen) >= wanted)
    assert len(taken_groups(seen, wanted)) == min(wanted, sum(seen))


def test_the_first_live_groups_are_taken_in_their_order() -> None:
    assert taken_groups([False, True, True, False, True], 2) == [1, 2]
    assert taken_groups([False, True], 5) == [1]


def test_the_punishment_grows_over_the_last_share_before_the_limit() -> None:
    lengths = torch.tensor([[0, 16384, 18432, 20480, 30000]])
    got = soft_overlong_penalty(lengths, 20480, SoftOverlongConfig())
    assert got.tolist()[0] == pytest.approx([0.0, 0.0, -0.5, -1.0, -1.0], abs=1e-12)
    halved = soft_overlong_penalty(lengths, 20480, SoftOverlongConfig(weight=0.5))
    assert torch.allclose(halved, got / 2)


def test_truncated_rows_leave_the_loss_and_stay_in_the_statistics() -> None:
    members = torch.tensor([[True, True, True, False, False]])  # the last are not scored
    truncated = torch.tensor([[False, True, False, True, False]])
    assert rows_in_loss(members, truncated, overlong_filter=True).tolist() == [[True, False, True, False, False]]
    assert rows_in_loss(members, truncated, overlong_filter=False).tolist() == members.tolist()
    advantages = grpo_advantages(doubles([1.0, 0.0, 0.5, 9.0, 9.0]), members, AdvantageConfig(scale="none"))
    assert advantages.tolist() == [[0.5, -0.5, 0.0, 0.0, 0.0]]
