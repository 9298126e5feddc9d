"""The model as a policy: log-probabilities of the tokens of completions."""

from __future__ import annotations

import copy

import torch
from torch import Tensor
from transformers import PreTrainedModel

from trainer_client.types import TrainBatch


def position_ids(attention_mask: Tensor) -> Tensor:
    """Positions [B, S] that count real tokens only; models do not all infer them from a left-padded mask."""
    return (attention_mask.cumsum(-1) - 1).clamp(min=0)


def selected_log_probs(logits: Tensor, tokens: Tensor, temperature: float) -> Tensor:
    """log pi(token) [...], of logits [..., V] divided by the temperature, in fp32 (fp64 stays)."""
    scaled = _at_least_fp32(logits) / temperature
    chosen = scaled.gather(-1, tokens.unsqueeze(-1)).squeeze(-1)
    return chosen - scaled.logsumexp(-1)


def token_log_probs(network: PreTrainedModel, batch: TrainBatch, temperature: float) -> Tensor:
    """log pi of the completion tokens [B, T], at the sampling temperature.

    The logits at position i predict token i+1, so those from the last prompt token on are needed: T+1 positions,
    of which the last predicts nothing.
    """
    width = batch.completion_width
    logits = network(
        input_ids=batch.input_ids,
        attention_mask=batch.attention_mask,
        position_ids=position_ids(batch.attention_mask),
        use_cache=False,
        logits_to_keep=width + 1,
    ).logits
    return selected_log_probs(logits[:, -width - 1 : -1], batch.input_ids[:, -width:], temperature)


def frozen_copy_of(network: PreTrainedModel) -> PreTrainedModel:
    """A copy that no optimizer moves: the reference of the KL term."""
    reference = copy.deepcopy(network)
    reference.requires_grad_(False)
    return reference


def _at_least_fp32(logits: Tensor) -> Tensor:
    return logits if logits.dtype == torch.float64 else logits.float()
