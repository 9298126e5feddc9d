"""The entropy bonus, its adaptive weight, and the choice of the tokens with the highest entropy."""

from __future__ import annotations

import math

from torch import Tensor

from trainer_client.config.loss import EntropyConfig
from trainer_client.losses.aggregation import StepNormaliser


def entropy_loss(entropy: Tensor, coef: float, total: StepNormaliser) -> Tensor:
    """-coef times this micro-batch's share of the mean entropy over all tokens of the step, however rows are weighed.

    `entropy` [B, T] in nats is zero off the actions. Source: PPO (arXiv:1707.06347), eq. 9.
    """
    return -coef * entropy.sum() / max(total.tokens, 1)


def applied_entropy_coef(coef: float, last_entropy: float | None, config: EntropyConfig) -> float:
    """The weight of this step: `coef`; if adaptive, zero unless the last step's mean entropy was at most the target.

    `last_entropy` is None before the first step, which then has no bonus.
    Source: He et al. 2025, Skywork-OR1 (arXiv:2505.22312), adaptive entropy control.
    """
    if config.target is None:
        return coef
    return coef if last_entropy is not None and last_entropy <= config.target else 0.0


def adapted_entropy_coef(coef: float, entropy: float, config: EntropyConfig) -> float:
    """The next adaptive weight: a step up if the mean entropy was at most the target, else down; kept in its range.

    Source: He et al. 2025, Skywork-OR1 (arXiv:2505.22312), adaptive entropy control; at the target itself as TRL.
    """
    if config.target is None:
        return coef
    moved = coef + config.delta if entropy <= config.target else coef - config.delta
    return min(max(moved, config.min_coef), config.max_coef)


def entropy_threshold(entropy: Tensor, action_mask: Tensor, top_share: float) -> float:
    """The entropy from which on a token is among the `top_share` highest of the whole step [B, T].

    At least one token is: the smallest number of tokens that is no less than the share. Without any action: infinity.
    Source: Wang et al. 2025, "Beyond the 80/20 rule" (arXiv:2506.01939).
    """
    of_actions = entropy.detach()[action_mask.bool()]
    if not len(of_actions):
        return math.inf
    kept = max(math.ceil(top_share * len(of_actions) - 1e-9), 1)
    return float(of_actions.topk(kept).values[-1])
