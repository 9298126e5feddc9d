"""One rollout batch to optimizer steps: minibatches, micro-batches, and the parity of sampler and trainer."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor
from transformers import PreTrainedModel

from trainer_client.batching import acting_rows, micro_batches, teaching_rows
from trainer_client.config import RlConfig
from trainer_client.losses.aggregation import StepNormaliser
from trainer_client.losses.parts import LossSums, PolicyInputs
from trainer_client.losses.policy_loss import policy_loss
from trainer_client.optim import apply_gradients
from trainer_client.policy import token_log_probs
from trainer_client.types import TrainBatch


@dataclass(slots=True)
class UpdateResult:
    """What the optimizer steps of one rollout batch did; `sums` are over the action tokens that were trained on.

    `log_prob_gap` is max |log pi_sampler - log pi_trainer| before the first step, where both have the same weights.
    """

    loss: float = 0.0
    steps: int = 0
    skipped_steps: int = 0
    grad_norm: float = 0.0
    log_prob_gap: float = 0.0
    sums: LossSums = field(default_factory=LossSums)


def update_policy(
    network: PreTrainedModel,
    optimizer: torch.optim.Optimizer,
    batch: TrainBatch,
    config: RlConfig,
    rate: float,
    reference: PreTrainedModel | None,
) -> UpdateResult:
    """Take `epochs * minibatches` optimizer steps on the batch; steps with nothing to learn from are left out.

    The sampler's log-probs serve as those of the old policy: it had the weights this batch begins with.
    """
    result = UpdateResult()
    everyone = torch.arange(len(batch.input_ids))
    for epoch in range(config.epochs):
        for number, rows in enumerate(everyone.chunk(config.minibatches)):
            share = accumulate_gradients(network, batch.rows(rows), config, reference)
            _add(result, share)
            if number == 0 and epoch == 0:
                result.log_prob_gap = share.log_prob_gap
            if share.sums.tokens:
                norm, taken = apply_gradients(optimizer, config.optim, rate)
                result.grad_norm = norm
                result.steps += taken
                result.skipped_steps += not taken
    return result


def accumulate_gradients(
    network: PreTrainedModel, batch: TrainBatch, config: RlConfig, reference: PreTrainedModel | None
) -> UpdateResult:
    """Add the gradient of one optimizer step, a micro-batch at a time.

    Without a KL term and an entropy bonus rows whose advantage is zero have no gradient and are not computed, but
    they count in the normaliser: the result is the same, the work is less.
    """
    total = StepNormaliser.of(batch.action_mask, config.sampler.max_new_tokens)
    everyone = reference is not None or config.loss.entropy.in_loss
    rows = acting_rows(batch) if everyone else teaching_rows(batch)
    share = UpdateResult()
    for piece in micro_batches(batch, rows, config.micro_batch):
        micro = piece.to(network.device)
        log_probs = token_log_probs(network, micro, config.sampler.temperature)
        inputs = PolicyInputs(
            log_probs,
            micro.old_log_probs,
            micro.advantages,
            micro.action_mask,
            reference_log_probs=_reference_log_probs(reference, micro, config),
        )
        parts = policy_loss(inputs, total, config.loss)
        parts.loss.backward()  # type: ignore[no-untyped-call]
        gap = float(((log_probs.detach() - micro.old_log_probs) * micro.action_mask).abs().max())
        share.log_prob_gap = max(share.log_prob_gap, gap)
        share.loss += float(parts.loss.detach())
        share.sums = share.sums.plus(parts.sums)
    return share


def _reference_log_probs(reference: PreTrainedModel | None, micro: TrainBatch, config: RlConfig) -> Tensor | None:
    if reference is None:
        return None
    with torch.no_grad():
        return token_log_probs(reference, micro, config.sampler.temperature)


def _add(result: UpdateResult, share: UpdateResult) -> None:
    result.loss += share.loss
    result.sums = result.sums.plus(share.sums)
