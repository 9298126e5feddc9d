"""One reward for each completion to one advantage for each completion. Pure.

Throughout: `rewards` [P, G] in fp64, `scored` [P, G] bool. Members that are not scored count in no statistic and get
zero.
"""

from __future__ import annotations

import torch
from torch import Tensor

from trainer_client.advantages.moments import masked_moments
from trainer_client.config.advantage import AdvantageConfig, HybridConfig


def grpo_advantages(rewards: Tensor, scored: Tensor, config: AdvantageConfig) -> Tensor:
    """(R - mean) / (std + eps) over the scored members of each group [P, G]; zero where unscored.

    `config.scale` says which deviation divides: the group's, that of all scored rewards of the batch,
    or none. A group with fewer than two scored members has no baseline and yields zeros, and so does one whose
    rewards are all equal: that is decided by max == min, because a rounded mean would leave a tiny advantage.
    Source: Shao et al. 2024, DeepSeekMath (arXiv:2402.03300), section 4.1.2, outcome supervision; ddof and eps as in
    TRL's GRPOTrainer (the paper names neither). Scale none: Liu et al. 2025, Dr. GRPO (arXiv:2503.20783).
    """
    return scaled(group_centred(rewards, scored), rewards, scored, config)


def group_centred(rewards: Tensor, scored: Tensor) -> Tensor:
    """Reward minus the mean of its group's scored members [P, G]; exact zeros in dead groups and where unscored."""
    centred = torch.where(scored, rewards - group_mean(rewards, scored), torch.zeros_like(rewards))
    return torch.where(dead_groups(rewards, scored).unsqueeze(1), torch.zeros_like(rewards), centred)


def group_mean(rewards: Tensor, scored: Tensor) -> Tensor:
    """Mean [P, 1] over the scored members of each group; zero where there is none."""
    known = torch.where(scored, rewards, torch.zeros_like(rewards))
    return known.sum(1, keepdim=True) / scored.sum(1, keepdim=True).clamp(min=1)


def scaled(centred: Tensor, rewards: Tensor, scored: Tensor, config: AdvantageConfig) -> Tensor:
    """`centred` [P, G] divided by the deviation that `config.scale` names, plus eps."""
    if config.scaled_by == "none":
        return centred
    if config.scaled_by == "batch":
        deviation = centred.new_tensor(masked_moments(rewards, scored, config.ddof).deviation)
    else:
        freedom = (scored.sum(1, keepdim=True) - config.ddof).clamp(min=1)
        deviation = (centred.square().sum(1, keepdim=True) / freedom).sqrt()
    divisor = deviation + config.eps
    return torch.where(divisor > 0, centred / divisor, torch.zeros_like(centred))


def dead_groups(rewards: Tensor, scored: Tensor) -> Tensor:
    """True [P] for groups that teach nothing: fewer than two scored members, or all their rewards equal.

    One member is its own maximum and minimum; of none the maximum is -inf and the minimum inf.
    """
    infinite = torch.full_like(rewards, torch.inf)
    highest = torch.where(scored, rewards, -infinite).amax(1)
    lowest = torch.where(scored, rewards, infinite).amin(1)
    return highest <= lowest


def rloo_advantages(rewards: Tensor, scored: Tensor) -> Tensor:
    """Reward minus the mean of the *other* scored members [P, G], which is n/(n-1) times the distance to the mean.

    Dead groups and unscored members give zeros.
    Source: Ahmadian et al. 2024 (arXiv:2402.14740), section 2.3, RLOO.
    """
    count = scored.sum(1, keepdim=True).to(rewards.dtype)
    return group_centred(rewards, scored) * (count / (count - 1).clamp(min=1))


def hybrid_advantages(rewards: Tensor, scored: Tensor, values: Tensor, chosen: Tensor) -> Tensor:
    """Reward minus the group's mean, or minus `values` [P] in the groups that are `chosen` [P] (bool) [P, G].

    A chosen group teaches even when its rewards are equal or only one member is scored. Not divided by a deviation.
    Source: Williams 1992, REINFORCE: any function of the prompt may be the baseline; a learned estimate of the
    reward is that of PPO (arXiv:1707.06347) taken at the prompt's last token.
    """
    by_value = torch.where(scored, rewards - values.unsqueeze(1), torch.zeros_like(rewards))
    return torch.where(chosen.unsqueeze(1), by_value, group_centred(rewards, scored))


def prompts_by_value(rewards: Tensor, scored: Tensor, values: Tensor, config: HybridConfig) -> Tensor:
    """True [P] for the prompts whose baseline is the value estimate; HybridConfig tells which choice biases."""
    if config.choose == "all":
        return torch.ones_like(values, dtype=torch.bool)
    if config.choose == "dead":
        return dead_groups(rewards, scored)
    if config.choose == "one_sided":
        return (values < config.low) | (values > config.high)
    return scored.sum(1) < config.min_scored
