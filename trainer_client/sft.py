"""The cold start: one optimizer step on demonstrations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from trainer_client.batching import acting_rows, demonstration_batch, micro_batches
from trainer_client.config import SftConfig
from trainer_client.errors import DataError
from trainer_client.losses.demonstration import demonstration_loss
from trainer_client.model import LanguageModel
from trainer_client.optim import apply_gradients
from trainer_client.policy import token_log_probs
from trainer_client.ranks import ALONE, Ranks
from trainer_client.types import Prompt


@dataclass(frozen=True, slots=True)
class SftResult:
    """`loss` in nats per completion token; `taken` is false when the gradient was not finite."""

    loss: float
    tokens: int
    grad_norm: float
    taken: bool

    def metrics(self) -> dict[str, Any]:
        """The numbers that are logged."""
        return {
            "loss": self.loss,
            "tokens": self.tokens,
            "grad_norm": self.grad_norm,
            "skipped_updates": int(not self.taken),
        }


def demonstration_ids(model: LanguageModel, prompt: Prompt) -> list[int]:
    """The token ids of the prompt's demonstration, ended by the end-of-sequence token."""
    if prompt.example.completion is None:
        raise DataError(f"example {prompt.example.id} has no completion to imitate; see data.fields.completion")
    ids: list[int] = model.tokenizer(prompt.example.completion, add_special_tokens=False)["input_ids"]
    return [*ids, model.eos_ids[0]]


def sft_step(
    model: LanguageModel,
    optimizer: torch.optim.Optimizer,
    prompts: Sequence[Prompt],
    config: SftConfig,
    rate: float,
    ranks: Ranks = ALONE,
) -> SftResult:
    """Imitate the demonstrations of these prompts once: their likelihood, a token mean over the whole step.

    Every rank is given all prompts, and computes its share of them. Raises DataError for a demonstration for which the
    model has no room.
    """
    pairs = [(prompt.token_ids, demonstration_ids(model, prompt)) for prompt in prompts]
    _check_room(model, prompts, pairs)
    batch = demonstration_batch(pairs, model.pad_id)
    total = int(batch.action_mask.sum())
    loss = 0.0
    for piece in micro_batches(batch, ranks.own_rows(acting_rows(batch)), config.micro_batch):
        micro = piece.to(model.device)
        share = demonstration_loss(token_log_probs(model.network, micro, 1.0), micro.action_mask, total)
        share.backward()  # type: ignore[no-untyped-call]
        loss += float(share.detach())
    ranks.add_gradients(model.network.parameters())
    norm, taken = apply_gradients(optimizer, config.optim, rate)
    return SftResult(sum(ranks.gathered(loss)), total, norm, taken)


def _check_room(
    model: LanguageModel, prompts: Sequence[Prompt], pairs: Sequence[tuple[Sequence[int], Sequence[int]]]
) -> None:
    room = model.positions
    for prompt, (asked, told) in zip(prompts, pairs, strict=True):
        if room is not None and len(asked) + len(told) > room:
            raise DataError(
                f"example {prompt.example.id}: prompt and demonstration have {len(asked)} + {len(told)} tokens, but "
                f"the model has {room} positions: shorten it or leave it out, as the command `sft` does by itself"
            )
