"""GFPO's kept sets: of G sampled completions the k best by a metric are learnt from. Pure.

The others have no advantage and are in no mean. They stay in the loss: its divisor counts all G, and a divergence or an
entropy bonus is theirs as well, because the sums of the paper's objective (eq. 2) run over i = 1..G.

Source: Shrivastava et al. 2025, GFPO (arXiv:2508.09726), algorithm 1 and the section on adaptive difficulty.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from trainer_client.config.advantage import AdaptiveKeepConfig, GfpoConfig


def kept_members(rewards: Tensor, lengths: Tensor, scored: Tensor, keep: Tensor, config: GfpoConfig) -> Tensor:
    """True [P, G] for the `keep` [P] scored members of each group that the metric ranks best.

    length: the shortest; token_efficiency: the highest reward per token. `lengths` [P, G] in tokens. Of equals the
    one sampled first is kept; a group with fewer scored members keeps all of them.
    """
    tokens = lengths.double().clamp(min=1)
    cost = tokens if config.metric == "length" else -rewards.double() / tokens
    order = torch.where(scored, cost, torch.full_like(cost, torch.inf)).argsort(dim=1, stable=True)
    rank = order.argsort(dim=1)
    return scored & (rank < keep.unsqueeze(1))


def mean_rewards(rewards: Tensor, scored: Tensor) -> list[float | None]:
    """Mean reward of each group's scored members; None where there is none."""
    totals = torch.where(scored, rewards, torch.zeros_like(rewards)).sum(1).tolist()
    counts = scored.sum(1).tolist()
    return [total / count if count else None for total, count in zip(totals, counts, strict=True)]


@dataclass(frozen=True, slots=True)
class DifficultyWindow:
    """Mean rewards of the newest groups, oldest first: the whole state of adaptive difficulty, kept in a checkpoint.

    The paper estimates the quartiles of all groups so far with a t-digest. Here a window holds the newest ones and
    ranks exactly: the estimate follows the policy as it improves, and the same run gives the same numbers.
    """

    means: tuple[float, ...] = ()

    def extended(self, means: Sequence[float | None], capacity: int) -> DifficultyWindow:
        """The window after these groups; those without any scored member are left out."""
        return DifficultyWindow((*self.means, *(mean for mean in means if mean is not None))[-capacity:])

    def share_below(self, mean: float) -> float:
        """Share of the window below `mean`, equals counted half: from 0 (hardest) to 1 (easiest); 0.5 when empty.

        Rewards take few values, so many groups are equal; counting them half treats both ends alike.
        """
        if not self.means:
            return 0.5
        ordered = sorted(self.means)
        return (bisect_left(ordered, mean) + bisect_right(ordered, mean)) / (2 * len(ordered))


def keep_counts(means: Sequence[float | None], window: DifficultyWindow, config: GfpoConfig) -> Tensor:
    """k of each group [P]: the fixed one, or that of the quarter of the window its mean reward falls into.

    `window` already holds these groups. Before `warm_up` groups were seen, and for a group without a mean, the most
    are kept.
    """
    adaptive = config.adaptive
    if adaptive is None:
        return torch.full((len(means),), config.most)
    if len(window.means) < adaptive.warm_up:
        return torch.full((len(means),), adaptive.most)
    ordered = DifficultyWindow(tuple(sorted(window.means)))
    counts = [adaptive.most if mean is None else _keep_at(ordered.share_below(mean), adaptive) for mean in means]
    return torch.tensor(counts)


def _keep_at(share_below: float, config: AdaptiveKeepConfig) -> int:
    quarters = (config.very_hard, config.hard, config.medium, config.easy)
    return quarters[min(int(share_below * 4), 3)]
