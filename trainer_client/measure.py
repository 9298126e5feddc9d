"""What is known of the rollouts before the first optimizer step: old policy, reference and values. No gradients."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from trainer_client.batching import micro_batches
from trainer_client.config import RlConfig
from trainer_client.learner import Learner
from trainer_client.policy import token_log_probs
from trainer_client.types import TrainBatch


@torch.no_grad()
def measured(learner: Learner, batch: TrainBatch, rows: Tensor, config: RlConfig) -> TrainBatch:
    """The batch with `old_log_probs`, `reference_log_probs` and `old_values` where the configuration needs them.

    `rows` are the indices that are learnt from; the others stay zero. One optimizer step a batch needs no old
    log-probs: the policy that drew the tokens is the current one. Each rank measures its share of the rows, and all
    have the result.
    """
    network = learner.network

    def of_policy(micro: TrainBatch) -> Tensor:
        return token_log_probs(network, micro, config.sampler.temperature, config.logits_chunk)

    reference, critic = learner.reference, learner.critic
    known = replace(batch, old_log_probs=_old_log_probs(of_policy, batch, rows, config, learner))
    if reference is not None:
        known = replace(known, reference_log_probs=_for_rows(_of(reference, config), batch, rows, config, learner))
    if critic is not None:
        values = _for_rows(lambda micro: critic.values_before(micro, network), batch, rows, config, learner)
        known = replace(known, old_values=values)
    return known


_Measure = Callable[[TrainBatch], Tensor]


def _of(reference: torch.nn.Module, config: RlConfig) -> _Measure:
    return lambda micro: token_log_probs(reference, micro, config.sampler.temperature, config.logits_chunk)  # type: ignore[arg-type]


def _old_log_probs(
    of_policy: _Measure, batch: TrainBatch, rows: Tensor, config: RlConfig, learner: Learner
) -> Tensor | None:
    several = config.epochs * config.minibatches > 1
    in_reward = config.loss.kl.beta > 0.0 and config.loss.kl.place == "reward"
    if config.old_log_probs == "sampler":
        return batch.sampler_log_probs
    if config.old_log_probs == "trainer":
        return _for_rows(of_policy, batch, rows, config, learner)
    if not several and not in_reward:
        return None
    corrected = config.loss.correction.mode != "none"
    if corrected or _sampler_differs(of_policy, batch, rows, config, learner):
        return _for_rows(of_policy, batch, rows, config, learner)
    return batch.sampler_log_probs


def _sampler_differs(of_policy: _Measure, batch: TrainBatch, rows: Tensor, config: RlConfig, learner: Learner) -> bool:
    """Whether the first micro-batch shows that sampler and trainer do not compute the same distribution."""
    probe = rows[: config.micro_batch]
    own = _for_rows(of_policy, batch, probe, config, learner)[probe]
    gap = (own - batch.sampler_log_probs[probe]).abs() * batch.action_mask[probe]
    return not bool((gap <= config.sampler_tolerance).all())  # what is not a number differs as well


def _for_rows(measure: _Measure, batch: TrainBatch, rows: Tensor, config: RlConfig, learner: Learner) -> Tensor:
    """The measure [B, T] of the given rows, on the CPU; zero on the others and on padding."""
    found = torch.zeros(batch.action_mask.shape)
    own = learner.ranks.own_rows(rows)
    for number, piece in enumerate(micro_batches(batch, own, config.micro_batch)):
        index = own[number * config.micro_batch : (number + 1) * config.micro_batch]
        found[index, : piece.completion_width] = measure(piece.to(learner.network.device)).cpu().float()
    return learner.ranks.add(found) * batch.action_mask
