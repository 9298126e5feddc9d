"""The ratio pi / pi_old that weighs a token: its own, or that of its whole sequence."""

from __future__ import annotations

from torch import Tensor

from trainer_client.config.loss import LossConfig
from trainer_client.losses.aggregation import row_means


def clamped_exp(log_ratio: Tensor, limit: float) -> Tensor:
    """exp of the log-ratio clamped to +-limit; beyond it the gradient is zero and the value stays finite."""
    return log_ratio.clamp(-limit, limit).exp()


def token_ratio(log_ratio: Tensor, limit: float) -> Tensor:
    """r = pi / pi_old of each token [B, T] (PPO, arXiv:1707.06347, section 3)."""
    return clamped_exp(log_ratio, limit)


def sequence_ratio(log_ratio: Tensor, action_mask: Tensor, limit: float) -> Tensor:
    """s = (pi / pi_old)^(1 / length) of each sequence, on each of its tokens [B, T].

    `log_ratio` is zero off the actions. Source: Zheng et al. 2025, GSPO (arXiv:2507.18071), eq. 7.
    """
    return clamped_exp(row_means(log_ratio, action_mask), limit).expand_as(log_ratio)


def sequence_token_ratio(log_ratio: Tensor, action_mask: Tensor, limit: float) -> Tensor:
    """sg[s] * pi / sg[pi] on each token [B, T]: the value of the sequence's ratio, the gradient of the token's own.

    Source: Zheng et al. 2025, GSPO (arXiv:2507.18071), eq. 14. The clamp is on the product's logarithm, so value and
    gradient end where those of `sequence_ratio` end.
    """
    value = row_means(log_ratio, action_mask).detach()
    return clamped_exp(value + (log_ratio - log_ratio.detach()), limit)


def policy_ratio(log_ratio: Tensor, action_mask: Tensor, config: LossConfig) -> Tensor:
    """The ratio [B, T] that `config.ratio` names, of log pi - log pi_old, which is zero off the actions."""
    if config.ratio == "sequence":
        return sequence_ratio(log_ratio, action_mask, config.log_ratio_limit)
    if config.ratio == "sequence_token":
        return sequence_token_ratio(log_ratio, action_mask, config.log_ratio_limit)
    return token_ratio(log_ratio, config.log_ratio_limit)
