"""Returns and generalised advantages on tokens, tokens of tools included, and the KL in the reward."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from trainer_client.advantages import (
    discounted_returns,
    gae,
    kl_shaped_outcomes,
    kl_shaped_rewards,
    reward_at_last_action,
)
from trainer_client.advantages.returns import last_actions


def rows(*values: list[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def episode(seed: int, share_of_actions: float = 0.7) -> tuple[Tensor, Tensor, Tensor]:
    """Rewards on actions, values everywhere, and a mask with gaps: tools in the middle, padding at the end."""
    torch.manual_seed(seed)
    mask = torch.rand(4, 9) < share_of_actions
    mask[3] = False
    return torch.randn(4, 9, dtype=torch.float64) * mask, torch.randn(4, 9, dtype=torch.float64), mask


def naive_gae(rewards: list[float], values: list[float], gamma: float, lam: float) -> list[float]:
    """sum_l (gamma lambda)^l delta_{t+l}, the sum itself and no recursion."""
    deltas = [
        rewards[t] + gamma * (values[t + 1] if t + 1 < len(values) else 0.0) - values[t] for t in range(len(rewards))
    ]
    return [
        sum((gamma * lam) ** (later - t) * deltas[later] for later in range(t, len(deltas))) for t in range(len(deltas))
    ]


TOOL = torch.tensor([[1, 1, 0, 0, 1]])


def test_gae_by_hand() -> None:
    # gamma 0.5, lambda 0.5; delta_2 = 1 - 0.5 = 0.5; delta_1 = 0 + 0.25 - 1 = -0.75; delta_0 = 0 + 0.5 - 2 = -1.5
    rewards, values = rows([0.0, 0.0, 1.0]), rows([2.0, 1.0, 0.5])
    advantages, targets = gae(rewards, values, torch.ones(1, 3), 0.5, 0.5)
    assert advantages.tolist()[0] == pytest.approx([-1.5 + 0.25 * -0.625, -0.75 + 0.25 * 0.5, 0.5], abs=1e-15)
    assert torch.equal(targets, advantages + values)


@given(st.integers(0, 10_000), st.floats(0.1, 1.0), st.floats(0.0, 1.0))
def test_gae_is_the_sum_of_the_formula_over_the_actions_alone(seed: int, gamma: float, lam: float) -> None:
    rewards, values, mask = episode(seed)
    advantages, targets = gae(rewards, values, mask, gamma, lam)
    for row in range(4):
        chosen = mask[row]
        expected = naive_gae(rewards[row, chosen].tolist(), values[row, chosen].tolist(), gamma, lam)
        assert advantages[row, chosen].tolist() == pytest.approx(expected, abs=1e-10)
        goals = [a + v for a, v in zip(expected, values[row, chosen].tolist(), strict=True)]
        assert targets[row, chosen].tolist() == pytest.approx(goals, abs=1e-10)
    assert not advantages[~mask].any()
    assert not targets[~mask].any()


def test_tool_tokens_carry_value_and_advantage_through() -> None:
    rewards, values = rows([0.0, 0.0, 1.0]), rows([0.3, 0.7, 0.2])
    with_tool = gae(rows([0.0, 0.0, 0.0, 0.0, 1.0]), rows([0.3, 0.7, 55.0, math.nan, 0.2]), TOOL, 0.9, 0.8)
    without = gae(rewards, values, torch.ones(1, 3), 0.9, 0.8)
    for got, expected in zip(with_tool, without, strict=True):
        assert got[0, [0, 1, 4]].tolist() == pytest.approx(expected[0].tolist(), abs=1e-15)
        assert got[0, [2, 3]].tolist() == [0.0, 0.0]


def test_lambda_one_is_the_return_minus_the_value_and_lambda_zero_one_step() -> None:
    rewards, values, mask = episode(1)
    whole, targets = gae(rewards, values, mask, 0.97, 1.0)
    returns = discounted_returns(rewards, mask, 0.97)
    assert torch.allclose(targets, returns, atol=1e-12)
    assert torch.allclose(whole, torch.where(mask, returns - values, torch.zeros_like(values)), atol=1e-12)
    single, _ = gae(rows([1.0, 2.0]), rows([0.5, 0.25]), torch.ones(1, 2), 0.5, 0.0)
    assert single.tolist() == [[1.0 + 0.5 * 0.25 - 0.5, 2.0 - 0.25]]


def test_values_that_are_right_leave_no_advantage() -> None:
    rewards, _, mask = episode(2)
    values = discounted_returns(rewards, mask, 0.9)
    advantages, _ = gae(rewards, values, mask, 0.9, 0.6)
    assert advantages.abs().max() < 1e-12


def test_a_truncated_completion_is_terminal() -> None:
    """The value after the last action is 0: what stands behind the mask is never bootstrapped from."""
    mask = torch.tensor([[1, 1, 0]])
    last, _ = gae(rows([0.0, 1.0, 0.0]), rows([0.0, 0.25, 99.0]), mask, 1.0, 0.0)
    assert last.tolist() == [[0.25, 0.75, 0.0]]


@given(st.integers(0, 10_000), st.floats(0.1, 1.0))
def test_returns_are_the_discounted_sums_over_the_actions(seed: int, gamma: float) -> None:
    rewards, _, mask = episode(seed)
    got = discounted_returns(rewards, mask, gamma)
    for row in range(4):
        known = rewards[row, mask[row]].tolist()
        expected = [sum(gamma ** (s - t) * known[s] for s in range(t, len(known))) for t in range(len(known))]
        assert got[row, mask[row]].tolist() == pytest.approx(expected, abs=1e-10)
    assert not got[~mask].any()


@pytest.mark.parametrize("extra", [1, 3])
def test_padding_changes_nothing(extra: int) -> None:
    rewards, values, mask = episode(3)

    def padded(block: Tensor) -> Tensor:
        return torch.cat([block, torch.zeros(4, extra, dtype=block.dtype)], dim=1)

    wide = gae(padded(rewards), padded(values) + 3 * ~padded(mask), padded(mask), 0.9, 0.9)
    for got, expected in zip(wide, gae(rewards, values, mask, 0.9, 0.9), strict=True):
        assert torch.equal(got[:, :9], expected)
    assert torch.equal(
        discounted_returns(padded(rewards), padded(mask), 0.9)[:, :9], discounted_returns(rewards, mask, 0.9)
    )


def test_a_reward_on_a_token_that_is_no_action_is_refused() -> None:
    rewards, mask = rows([0.0, 1.0]), torch.tensor([[1, 0]])
    with pytest.raises(ValueError, match="every reward on an action"):
        discounted_returns(rewards, mask, 1.0)
    with pytest.raises(ValueError, match="every reward on an action"):
        gae(rewards, torch.zeros(1, 2), mask, 1.0, 1.0)


def test_the_reward_lies_on_the_last_action() -> None:
    mask = torch.tensor([[1, 1, 0, 1, 0], [0, 0, 0, 0, 0], [1, 0, 0, 0, 0]])
    got = reward_at_last_action(torch.tensor([2.0, 3.0, 4.0], dtype=torch.float64), mask)
    assert got.tolist() == [[0, 0, 0, 2, 0], [0] * 5, [4, 0, 0, 0, 0]]


def test_a_row_without_actions_has_no_last_one() -> None:
    assert last_actions(torch.tensor([[0, 0, 0], [1, 0, 0], [1, 0, 1]])).tolist() == [-1, 0, 2]


def test_a_divergence_in_single_precision_is_weighed_in_double() -> None:
    kl, mask = torch.tensor([[0.1, 0.7]], dtype=torch.float32), torch.ones(1, 2)
    shaped = kl_shaped_rewards(torch.zeros(1), kl, mask, 0.3)
    assert shaped.tolist()[0] == [-0.3 * value for value in kl.double().tolist()[0]]


def test_kl_is_taken_off_every_action_and_the_reward_added_to_the_last() -> None:
    mask = torch.tensor([[1, 0, 1, 0]])
    kl = rows([0.5, math.nan, -0.25, 7.0])
    shaped = kl_shaped_rewards(torch.tensor([2.0], dtype=torch.float64), kl, mask, 0.1)
    assert shaped.tolist()[0] == pytest.approx([-0.05, 0.0, 2.0 + 0.025, 0.0], abs=1e-15)
    outcome = kl_shaped_outcomes(torch.tensor([2.0], dtype=torch.float64), kl, mask, 0.1)
    assert outcome.tolist() == pytest.approx([2.0 - 0.1 * 0.25], abs=1e-15)
    # without discount the first token's return is the whole completion's reward
    assert float(discounted_returns(shaped, mask, 1.0)[0, 0]) == pytest.approx(float(outcome), abs=1e-15)
