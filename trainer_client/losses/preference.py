"""The loss of preference pairs: raise the chosen completion against the rejected one, near a reference policy."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from trainer_client.config.loss import PreferenceConfig
from trainer_client.losses.aggregation import at_actions, row_means


@dataclass(frozen=True, slots=True)
class PairSide:
    """One side of the pairs: log-probs of the policy and of the reference, and the completions' mask, all [B, T]."""

    log_probs: Tensor
    reference_log_probs: Tensor
    action_mask: Tensor


@dataclass(frozen=True, slots=True)
class PreferenceSums:
    """Sums over pairs, added up over micro-batches. A reward is beta * log(pi / pi_ref) of a completion, in nats."""

    pairs: float = 0.0
    right: float = 0.0
    chosen_rewards: float = 0.0
    rejected_rewards: float = 0.0

    def plus(self, other: PreferenceSums) -> PreferenceSums:
        """The sums over both."""
        return PreferenceSums(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))


@dataclass(frozen=True, slots=True)
class PreferenceParts:
    """`loss` is this micro-batch's share of the step's loss."""

    loss: Tensor
    sums: PreferenceSums


def preference_loss(
    chosen: PairSide, rejected: PairSide, total_pairs: int, config: PreferenceConfig
) -> PreferenceParts:
    """This micro-batch's share of the mean pair loss over the `total_pairs` of the whole optimizer step.

    Row b of both sides answers the same prompt; the widths may differ. A row with an empty side is no pair: it has no
    loss and is not to be counted in `total_pairs`.
    """
    by_length = config.loss == "ipo"
    winner, loser = _log_ratio(chosen, by_length), _log_ratio(rejected, by_length)
    margin = winner - loser
    per_pair = ipo_loss(margin, config) if by_length else sigmoid_loss(margin, config)
    real = chosen.action_mask.bool().any(1) & rejected.action_mask.bool().any(1)
    loss = at_actions(per_pair, real).sum() / max(total_pairs, 1)
    rewards = [config.beta * _log_ratio(side, by_length=False).detach() for side in (chosen, rejected)]
    numbers = (real, margin.detach() > 0, *rewards)
    sums = torch.stack([at_actions(number.to(loss.dtype), real).sum() for number in numbers])
    return PreferenceParts(loss, PreferenceSums(*sums.tolist()))


def sigmoid_loss(margin: Tensor, config: PreferenceConfig) -> Tensor:
    """-(1 - e) log sigmoid(beta h) - e log sigmoid(-beta h) of each pair [B], h the margin, e the label smoothing.

    Source: Rafailov et al. 2023, DPO (arXiv:2305.18290), eq. 7; smoothing: Mitchell 2023, cDPO
    (https://ericmitchell.ai/cdpo.pdf).
    """
    logits = config.beta * margin
    return -(1 - config.label_smoothing) * logsigmoid(logits) - config.label_smoothing * logsigmoid(-logits)


def ipo_loss(margin: Tensor, config: PreferenceConfig) -> Tensor:
    """(h - 1 / (2 beta))^2 of each pair [B]; h is the margin of log-ratios averaged over tokens.

    Source: Azar et al. 2023, IPO (arXiv:2310.12036), eq. 17, with beta for its tau.
    """
    return (margin - 1 / (2 * config.beta)).square()


def _log_ratio(side: PairSide, by_length: bool) -> Tensor:
    """log(pi / pi_ref) of each completion [B], the sum over its tokens, or their mean."""
    gap = at_actions(side.log_probs, side.action_mask) - at_actions(side.reference_log_probs, side.action_mask)
    return row_means(gap, side.action_mask).squeeze(1) if by_length else gap.sum(1)
