"""The one entry to the policy's loss: objective, weights, divergence and entropy, aggregated over the optimizer step.

per token   objective(r, A) * chosen by entropy * importance weight  +  beta * divergence
loss        sum of (aggregation weight * per token)  -  coef * mean entropy
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from trainer_client.config.loss import LossConfig
from trainer_client.losses.aggregation import AGGREGATIONS, StepNormaliser
from trainer_client.losses.correction import Correction, correction_weights, sampler_gap
from trainer_client.losses.divergence import divergence_in_loss
from trainer_client.losses.entropy import entropy_loss
from trainer_client.losses.objective import clipped_tokens, objective_loss
from trainer_client.losses.parts import LossParts, LossSums, PolicyInputs, StepState
from trainer_client.losses.ratio import policy_ratio, token_ratio


@dataclass(frozen=True, slots=True)
class _Terms:
    """Everything of the micro-batch [B, T] that the loss and its metrics are made of; zero off the actions."""

    ratio: Tensor
    log_ratio: Tensor
    divergence: Tensor | None
    gap: Tensor
    correction: Correction
    chosen: Tensor


def policy_loss(
    inputs: PolicyInputs, total: StepNormaliser, config: LossConfig, state: StepState | None = None
) -> LossParts:
    """This micro-batch's share of the step's loss, such that the shares of all micro-batches add up to it.

    `total` are the totals of the whole optimizer step. With `kl.place = reward` the divergence is measured and not
    added: `divergence_for_rewards` is what the rewards lose. Tokens that the correction drops or the entropy leaves out
    count in the divisors. Raises ValueError where the configuration needs a tensor or a number that is not given.
    """
    state = state or StepState()
    coef = config.entropy.coef if state.entropy_coef is None else state.entropy_coef
    _require(inputs, config, coef, state.entropy_threshold)
    rows = inputs.masked()
    terms = _terms(rows, config, state.entropy_threshold)
    per_token = objective_loss(terms.ratio, rows.log_probs, rows.advantages, config)
    per_token = per_token * terms.chosen * terms.correction.weights
    if terms.divergence is not None and config.kl.place == "loss" and config.kl.beta > 0.0:
        per_token = per_token + config.kl.beta * terms.divergence
    loss = (per_token * AGGREGATIONS[config.aggregation](rows.action_mask, total)).sum()
    if rows.entropy is not None and coef > 0.0:
        loss = loss + entropy_loss(rows.entropy, coef, total)
    with torch.no_grad():
        return LossParts(loss, _sums(rows, terms, config))


def _require(inputs: PolicyInputs, config: LossConfig, coef: float, threshold: float | None) -> None:
    """Refuse to leave out in silence what the configuration asks for."""
    needed = {
        "reference_log_probs": (config.kl.beta > 0.0 and config.kl.place == "loss", inputs.reference_log_probs),
        "sampler_log_probs": (config.correction.mode != "none", inputs.sampler_log_probs),
        "entropy": (coef > 0.0 or config.entropy.top_share < 1.0, inputs.entropy),
        "entropy_threshold": (config.entropy.top_share < 1.0, threshold),
    }
    missing = [name for name, (wanted, value) in needed.items() if wanted and value is None]
    if missing:
        raise ValueError(f"the configured loss needs {', '.join(missing)}, which is not given to policy_loss")


def _terms(rows: PolicyInputs, config: LossConfig, threshold: float | None) -> _Terms:
    limit = config.log_ratio_limit
    old = rows.log_probs.detach() if rows.old_log_probs is None else rows.old_log_probs
    log_ratio = rows.log_probs - old
    gap = torch.zeros_like(old) if rows.sampler_log_probs is None else sampler_gap(old, rows.sampler_log_probs)
    kl = None
    if rows.reference_log_probs is not None:
        own_ratio = token_ratio(log_ratio, limit)
        kl = divergence_in_loss(rows.log_probs, rows.reference_log_probs, own_ratio, config.kl, limit)
    chosen = rows.action_mask
    if rows.entropy is not None and config.entropy.top_share < 1.0 and threshold is not None:
        chosen = chosen * (rows.entropy.detach() >= threshold)
    correction = correction_weights(gap, rows.action_mask, config.correction, limit)
    return _Terms(policy_ratio(log_ratio, rows.action_mask, config), log_ratio, kl, gap, correction, chosen)


def _sums(rows: PolicyInputs, terms: _Terms, config: LossConfig) -> LossSums:
    """The sums, brought to the host in one transfer."""
    mask, limit = rows.action_mask, config.log_ratio_limit
    clipped = clipped_tokens(terms.ratio, rows.advantages, config)
    nothing = torch.zeros_like(mask)
    log_ratio, gap = terms.log_ratio.clamp(-limit, limit), terms.gap.clamp(-limit, limit)
    weights = terms.correction.weights
    per_token = {
        "tokens": mask,
        "clipped_low": clipped.low,
        "clipped_high": clipped.high,
        "clipped_dual": clipped.dual,
        "ratio": terms.ratio,
        "ratio_max": terms.ratio,
        "old_kl": log_ratio.expm1() - log_ratio,
        "kl": nothing if terms.divergence is None else terms.divergence,
        "entropy": nothing if rows.entropy is None else rows.entropy,
        "left_out": mask - terms.chosen,
        "weight": weights,
        "squared_weight": weights.square(),
        "weight_max": weights,
        "corrected": terms.correction.outside,
        "dropped": weights == 0,
        "gap": terms.gap.abs(),
        "gap_max": terms.gap.abs(),
        "sampler_kl": gap.expm1() - gap,
    }
    return _collected(per_token, mask)


def _collected(per_token: dict[str, Tensor], mask: Tensor) -> LossSums:
    numbers = []
    for field in fields(LossSums):
        values = per_token[field.name].to(mask.dtype) * mask
        largest = values.amax() if values.numel() else values.sum()
        numbers.append(largest if field.name.endswith("_max") else values.sum())
    return LossSums(*torch.stack(numbers).tolist())
