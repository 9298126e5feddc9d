"""One lesson to optimizer steps of the policy and of the critic: minibatches, micro-batches, sums for the record.

Every rank is given the whole batch. Minibatches and normalisers are of all its rows; each rank computes its share of
them, and gradients and sums are added before a step is taken or refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import Parameter

from trainer_client.batching import acting_rows, micro_batches, teaching_rows
from trainer_client.config import RlConfig
from trainer_client.config.critic import CriticConfig
from trainer_client.critic import Critic
from trainer_client.learner import Learner, Rates
from trainer_client.losses.aggregation import StepNormaliser
from trainer_client.losses.entropy import entropy_threshold
from trainer_client.losses.parts import LossSums, PolicyInputs, StepState
from trainer_client.losses.policy_loss import policy_loss
from trainer_client.losses.value import ValueParts, ValueSums, value_loss
from trainer_client.optim import apply_gradients
from trainer_client.policy import PolicyOutputs, policy_outputs
from trainer_client.ranks import Ranks
from trainer_client.types import TrainBatch

ENTROPY_ROUNDING = 1e-5  # nats


@dataclass(slots=True)
class UpdateResult:
    """What the optimizer steps of one rollout batch did; `sums` are over the action tokens that were trained on.

    `loss` and `value_loss` are means over the optimizer steps that had something to learn from. `log_prob_gap` is
    max |log pi_sampler - log pi_trainer| before the first step, where both have the same weights. Gradient norms are
    the largest of all steps, before clipping. `value_loss` and what follows: 0 without a critic.
    """

    loss: float = 0.0
    steps: int = 0
    skipped_steps: int = 0
    grad_norm: float = 0.0
    log_prob_gap: float = 0.0
    sums: LossSums = field(default_factory=LossSums)
    value_loss: float = 0.0
    value_sums: ValueSums = field(default_factory=ValueSums)
    critic_grad_norm: float = 0.0

    def add(self, share: UpdateResult) -> None:
        """Count the losses and sums of one optimizer step, or of one rank's share of it."""
        self.loss += share.loss
        self.sums = self.sums.plus(share.sums)
        self.value_loss += share.value_loss
        self.value_sums = self.value_sums.plus(share.value_sums)


def update_policy(
    learner: Learner, batch: TrainBatch, config: RlConfig, rates: Rates, entropy_coef: float | None = None
) -> UpdateResult:
    """Take `epochs * minibatches` optimizer steps on the batch; steps with nothing to learn from are left out.

    `entropy_coef` None: the configured one. Raises ValueError for several steps on a batch without old log-probs:
    after the first one nothing else says which policy drew the tokens.
    """
    if config.epochs * config.minibatches > 1 and batch.old_log_probs is None:
        raise ValueError("several optimizer steps on a batch need its old_log_probs: measure the batch first")
    result, steps, value_steps = UpdateResult(), 0, 0
    for number, rows in enumerate(minibatch_rows(len(batch.input_ids), config.minibatches) * config.epochs):
        share = accumulate_gradients(learner, batch.rows(rows), config, entropy_coef)
        result.add(share)
        if number == 0:
            result.log_prob_gap = share.log_prob_gap
        _step(learner, share, config, rates, result)
        steps, value_steps = steps + bool(share.sums.tokens), value_steps + bool(share.value_sums.tokens)
    result.loss, result.value_loss = result.loss / max(steps, 1), result.value_loss / max(value_steps, 1)
    return result


def minibatch_rows(rows: int, minibatches: int) -> list[Tensor]:
    """The indices of each minibatch: as many as asked for, of like size, in order; fewer only for want of rows."""
    return [part for part in torch.arange(rows).tensor_split(minibatches) if len(part)]


def _step(learner: Learner, share: UpdateResult, config: RlConfig, rates: Rates, result: UpdateResult) -> None:
    """One step of each optimizer that has something to learn from."""
    if share.sums.tokens:
        norm, taken = apply_gradients(learner.optimizer, config.optim, rates.policy)
        result.grad_norm = max(result.grad_norm, norm)
        result.steps += taken
        result.skipped_steps += not taken
    if share.value_sums.tokens and learner.critic_optimizer is not None and config.critic and rates.critic is not None:
        norm, taken = apply_gradients(learner.critic_optimizer, config.critic.optim, rates.critic)
        result.critic_grad_norm = max(result.critic_grad_norm, norm)
        result.skipped_steps += not taken


def accumulate_gradients(
    learner: Learner, batch: TrainBatch, config: RlConfig, entropy_coef: float | None = None
) -> UpdateResult:
    """Add the gradient of one optimizer step, a micro-batch at a time; how it is cut changes nothing but rounding.

    Where only advantages give a gradient, rows whose advantage is zero are not computed; they count in the
    normaliser: the result is the same, the work is less. On several ranks each computes its share of the rows; the
    gradient and what is returned are those of all. There must be no gradient from before.
    """
    share = _own_gradients(learner, batch, config, entropy_coef)
    learner.ranks.add_gradients(_parameters(learner))
    return _of_all(share, learner.ranks)


def _parameters(learner: Learner) -> list[Parameter]:
    critic = [] if learner.critic is None else list(learner.critic.parameters())
    return [*learner.network.parameters(), *critic]


def _of_all(share: UpdateResult, ranks: Ranks) -> UpdateResult:
    """The shares of all ranks as one."""
    if ranks.alone:
        return share
    whole, shares = UpdateResult(), ranks.gathered(share)
    for one in shares:
        whole.add(one)
    whole.log_prob_gap = max(one.log_prob_gap for one in shares)
    return whole


def _own_gradients(learner: Learner, batch: TrainBatch, config: RlConfig, entropy_coef: float | None) -> UpdateResult:
    """Add the gradient of this rank's rows."""
    total = StepNormaliser.of(batch.action_mask, config.sampler.max_new_tokens)
    state = StepState(entropy_coef, _threshold(learner, batch, config))
    share = UpdateResult()
    rows = learner.ranks.own_rows(_policy_rows(learner, batch, config))
    for piece in micro_batches(batch, rows, config.micro_batch):
        micro = piece.to(learner.network.device)
        outputs = _outputs(learner, micro, config)
        parts = policy_loss(_policy_inputs(outputs, micro), total, config.loss, state)
        loss = parts.loss
        if config.critic is not None and config.critic.trunk == "shared" and learner.critic is not None:
            loss = loss + _add_value(share, learner.critic.values(outputs.states), micro, total, config.critic)
        loss.backward()  # type: ignore[no-untyped-call]
        share.log_prob_gap = max(share.log_prob_gap, _gap(outputs.log_probs, micro))
        share.loss += float(parts.loss.detach())
        share.sums = share.sums.plus(parts.sums)
    if config.critic is not None and config.critic.trunk == "own" and learner.critic is not None:
        _accumulate_value(share, learner, learner.critic, batch, total, config)
    return share


def _policy_rows(learner: Learner, batch: TrainBatch, config: RlConfig) -> Tensor:
    """Rows that give the policy's network a gradient, or a divergence for the record."""
    shared = config.critic is not None and config.critic.trunk == "shared"
    everyone = batch.reference_log_probs is not None or config.loss.entropy.in_loss or shared
    return acting_rows(batch) if everyone else teaching_rows(batch)


def _outputs(learner: Learner, micro: TrainBatch, config: RlConfig) -> PolicyOutputs:
    entropy = config.loss.entropy.in_loss or config.loss.entropy.top_share < 1.0
    return policy_outputs(
        learner.network, micro, config.sampler.temperature, entropy=entropy, chunk=config.logits_chunk
    )


def _policy_inputs(outputs: PolicyOutputs, micro: TrainBatch) -> PolicyInputs:
    return PolicyInputs(
        outputs.log_probs,
        micro.old_log_probs,
        micro.advantages,
        micro.action_mask,
        reference_log_probs=micro.reference_log_probs,
        sampler_log_probs=micro.sampler_log_probs,
        entropy=outputs.entropy,
    )


@torch.no_grad()
def _threshold(learner: Learner, batch: TrainBatch, config: RlConfig) -> float | None:
    """The entropy from which on a token teaches, over the whole step; None where all tokens do.

    Lower by ENTROPY_ROUNDING than the lowest that is to teach: the loss computes the entropies again, and among other
    rows they come out a little different. The first tokens of a group all have the same one.
    """
    if config.loss.entropy.top_share == 1.0:
        return None
    own = [torch.zeros(0)]
    for piece in micro_batches(batch, learner.ranks.own_rows(acting_rows(batch)), config.micro_batch):
        entropy = _outputs(learner, piece.to(learner.network.device), config).entropy
        if entropy is not None:
            own.append(entropy[piece.action_mask.bool()].cpu())
    found = torch.cat(learner.ranks.gathered(torch.cat(own)))
    return entropy_threshold(found, torch.ones_like(found), config.loss.entropy.top_share) - ENTROPY_ROUNDING


def _accumulate_value(
    share: UpdateResult, learner: Learner, critic: Critic, batch: TrainBatch, total: StepNormaliser, config: RlConfig
) -> None:
    """Add the gradient of a critic with a trunk of its own."""
    if config.critic is None:
        return
    for piece in micro_batches(batch, learner.ranks.own_rows(acting_rows(batch)), config.micro_batch):
        micro = piece.to(learner.network.device)
        values = critic.values_before(micro, learner.network)
        _add_value(share, values, micro, total, config.critic).backward()  # type: ignore[no-untyped-call]


def _add_value(
    share: UpdateResult, values: Tensor, micro: TrainBatch, total: StepNormaliser, config: CriticConfig
) -> Tensor:
    """The critic's loss of this micro-batch, counted in `share`."""
    if micro.old_values is None or micro.returns is None:
        raise ValueError("the critic's loss needs old_values and returns: measure the batch first")
    parts: ValueParts = value_loss(values, micro.old_values, micro.returns, micro.action_mask, total, config.loss)
    share.value_loss += float(parts.loss.detach())
    share.value_sums = share.value_sums.plus(parts.sums)
    return parts.loss


def _gap(log_probs: Tensor, micro: TrainBatch) -> float:
    gap = (log_probs.detach() - micro.sampler_log_probs).abs()
    return float(torch.where(micro.action_mask.bool(), gap, torch.zeros_like(gap)).nan_to_num(nan=0.0).max())
