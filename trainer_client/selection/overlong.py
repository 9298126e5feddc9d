"""Completions at the length limit: the growing punishment, and the rows that leave the loss. Pure."""

from __future__ import annotations

from torch import Tensor

from trainer_client.config.selection import SoftOverlongConfig


def soft_overlong_penalty(lengths: Tensor, max_tokens: int, config: SoftOverlongConfig) -> Tensor:
    """What is added to the reward [P, G]: 0 for most, falling to -weight over the last share before the limit.

    `lengths` [P, G] and `max_tokens` in tokens.
    Source: DAPO (arXiv:2503.14476), eq. 13; because generation stops at the limit, -weight is reached exactly there.
    """
    cache = config.cache_share * max_tokens
    beyond = lengths.double() - (max_tokens - cache)
    return -config.weight * (beyond / cache).clamp(0.0, 1.0)


def rows_in_loss(scored: Tensor, truncated: Tensor, overlong_filter: bool) -> Tensor:
    """True [P, G] for the members in the loss: the scored ones; with the filter, if they ended by themselves.

    Advantages come first and this mask after them: a truncated completion stays in its group's mean and deviation,
    as in TRL (`mask_truncated_completions`) and NeMo RL (`overlong_filtering`). Leaving it out of the statistics as
    well would make the others of a group look worse than the policy is.
    Source: DAPO (arXiv:2503.14476), section 3.4, overlong filtering.
    """
    return scored & ~truncated if overlong_filter else scored
