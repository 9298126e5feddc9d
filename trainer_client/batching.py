"""Groups and demonstrations to padded batches. Token ids are copied as they are; nothing is tokenised again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from trainer_client.types import ScoredGroup, TrainBatch


def rollout_batch(groups: Sequence[ScoredGroup], pad_id: int) -> TrainBatch:
    """All rollouts of a step as rows, with the sampler's log-probs and no advantage yet."""
    prompts = [group.group.prompt.token_ids for group in groups for _ in group.group.rollouts]
    rollouts = [rollout for group in groups for rollout in group.group.rollouts]
    batch = _padded(prompts, [rollout.token_ids for rollout in rollouts], pad_id)
    for row, rollout in enumerate(rollouts):
        batch.sampler_log_probs[row, : len(rollout.token_ids)] = rollout.log_probs
    return batch


def with_advantages(batch: TrainBatch, advantages: Tensor, members: Tensor, returns: Tensor | None) -> TrainBatch:
    """The batch with advantages and returns [B, T]; the actions of rows that are no `members` [P, G] are masked."""
    mask = batch.action_mask * members.reshape(-1, 1)
    targets = None if returns is None else returns.to(mask.dtype)
    return replace(batch, action_mask=mask, advantages=advantages.to(mask.dtype) * mask, returns=targets)


def demonstration_batch(pairs: Sequence[tuple[Sequence[int], Sequence[int]]], pad_id: int) -> TrainBatch:
    """Prompt and completion ids as rows; advantages and log-probs stay zero."""
    return _padded([prompt for prompt, _ in pairs], [torch.tensor(completion) for _, completion in pairs], pad_id)


def teaching_rows(batch: TrainBatch) -> Tensor:
    """Indices of the rows whose policy gradient can differ from zero: an action and an advantage."""
    return ((batch.advantages * batch.action_mask) != 0).any(1).nonzero().squeeze(-1)


def acting_rows(batch: TrainBatch) -> Tensor:
    """Indices of the rows with at least one action."""
    return batch.action_mask.any(1).nonzero().squeeze(-1)


def micro_batches(batch: TrainBatch, index: Tensor, rows: int) -> Iterator[TrainBatch]:
    """The rows of `index`, `rows` at a time, each piece cut to its own longest prompt and completion."""
    for start in range(0, len(index), rows):
        yield _trimmed(batch.rows(index[start : start + rows]))


def _padded(prompts: Sequence[Sequence[int]], completions: Sequence[Tensor], pad_id: int) -> TrainBatch:
    left = max(len(prompt) for prompt in prompts)
    right = max(len(completion) for completion in completions)
    shape = (len(prompts), left + right)
    ids = torch.full(shape, pad_id, dtype=torch.long)
    attention = torch.zeros(shape, dtype=torch.long)
    for row, (prompt, completion) in enumerate(zip(prompts, completions, strict=True)):
        ids[row, left - len(prompt) : left] = torch.tensor(prompt)
        ids[row, left : left + len(completion)] = completion
        attention[row, left - len(prompt) : left + len(completion)] = 1
    actions = attention[:, left:].to(torch.float32)
    return TrainBatch(ids, attention, actions, torch.zeros_like(actions), torch.zeros_like(actions))


def _trimmed(batch: TrainBatch) -> TrainBatch:
    """The same rows without the columns that are padding in all of them."""
    width = batch.completion_width
    prompt_width = batch.input_ids.shape[1] - width
    used = batch.attention_mask.any(0)
    first = int(used.long().argmax())
    last = max(int(used[prompt_width:].sum()), 1)
    return batch.columns(slice(first, prompt_width + last), slice(0, last))
