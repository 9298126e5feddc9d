"""Rewards on tokens to returns and advantages on tokens: REINFORCE++ and GAE. Pure.

Throughout: [B, T] in fp64, on the CPU; `mask` is true on the tokens the policy chose. Tokens between them that it did
not choose (a tool's answer) carry value, return and advantage through unchanged: they are no step of the decision
process and are not discounted. The last action ends the episode whether it is the end token or the length limit: a
truncated completion is terminal, as in TRL, verl and OpenRLHF, and nothing is bootstrapped beyond it.
"""

from __future__ import annotations

import torch
from torch import Tensor


def last_actions(mask: Tensor) -> Tensor:
    """Index [B] of each row's last action token; -1 for a row without any."""
    columns = torch.arange(mask.shape[1]).expand(mask.shape)
    return torch.where(mask.bool(), columns, torch.full_like(columns, -1)).amax(1)


def reward_at_last_action(rewards: Tensor, mask: Tensor) -> Tensor:
    """Each row's reward [B] on its last action token [B, T], zero elsewhere; a row without actions gets none."""
    is_last = torch.arange(mask.shape[1]).expand(mask.shape) == last_actions(mask).unsqueeze(1)
    return torch.where(is_last, rewards.double().unsqueeze(1), torch.zeros(mask.shape, dtype=torch.float64))


def kl_shaped_rewards(rewards: Tensor, kl: Tensor, mask: Tensor, beta: float) -> Tensor:
    """Token rewards [B, T]: -beta * kl_t on every action, plus the row's reward [B] on the last one.

    `kl` [B, T] in nats is an estimate for each token, k1 = log pi_old - log pi_ref for an unbiased gradient.
    Source: Ouyang et al. 2022, InstructGPT (arXiv:2203.02155), eq. 2, as REINFORCE++ (arXiv:2501.03262) and PPO use it.
    """
    punishment = torch.where(mask.bool(), beta * kl.double(), torch.zeros(mask.shape, dtype=torch.float64))
    return reward_at_last_action(rewards, mask) - punishment


def kl_shaped_outcomes(rewards: Tensor, kl: Tensor, mask: Tensor, beta: float) -> Tensor:
    """Row rewards [B] minus beta times the sum of kl [B, T] over the row's actions.

    For estimators with one reward a row.
    Source: Ahmadian et al. 2024 (arXiv:2402.14740), section 2: the KL penalty inside the sequence's reward.
    """
    return rewards.double() - beta * torch.where(mask.bool(), kl.double(), torch.zeros_like(kl.double())).sum(1)


def discounted_returns(rewards: Tensor, mask: Tensor, gamma: float) -> Tensor:
    """R_t = r_t + gamma * R_{t+1} over the actions of each row [B, T]; zero elsewhere.

    Raises ValueError when a reward lies on a token that is no action.
    Source: REINFORCE++ (arXiv:2501.03262).
    """
    chosen = _checked(rewards, mask)
    returns = torch.zeros(rewards.shape, dtype=torch.float64)
    following = torch.zeros(rewards.shape[0], dtype=torch.float64)
    for t in reversed(range(rewards.shape[1])):
        following = torch.where(chosen[:, t], rewards[:, t] + gamma * following, following)
        returns[:, t] = following
    return torch.where(chosen, returns, torch.zeros_like(returns))


def gae(rewards: Tensor, values: Tensor, mask: Tensor, gamma: float, lam: float) -> tuple[Tensor, Tensor]:
    """Generalised advantages and the critic's targets, both [B, T]; zero on tokens that are no action.

    delta_t = r_t + gamma V_{t+1} - V_t and A_t = delta_t + gamma lambda A_{t+1}, where t+1 is the next *action*; the
    target is A_t + V_t, before any whitening. `values` [B, T] are V of the state before each token.
    Raises ValueError when a reward lies on a token that is no action.
    Source: Schulman et al. 2016 (arXiv:1506.02438), eq. 16.
    """
    chosen = _checked(rewards, mask)
    advantages = torch.zeros(rewards.shape, dtype=torch.float64)
    next_value = torch.zeros(rewards.shape[0], dtype=torch.float64)
    following = torch.zeros_like(next_value)
    known = values.double()
    for t in reversed(range(rewards.shape[1])):
        delta = rewards[:, t] + gamma * next_value - known[:, t]
        following = torch.where(chosen[:, t], delta + gamma * lam * following, following)
        next_value = torch.where(chosen[:, t], known[:, t], next_value)
        advantages[:, t] = following
    nothing = torch.zeros_like(advantages)
    return torch.where(chosen, advantages, nothing), torch.where(chosen, advantages + known, nothing)


def _checked(rewards: Tensor, mask: Tensor) -> Tensor:
    chosen = mask.bool()
    if bool(((rewards != 0) & ~chosen).any()):
        raise ValueError("expected every reward on an action token, found one where the mask is 0: it would be lost")
    return chosen
