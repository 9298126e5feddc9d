"""The model as a policy: log-probabilities and entropies of the tokens of completions."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import cast
from weakref import WeakKeyDictionary

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel

from trainer_client.types import TrainBatch

CHUNK = 4096
_PLAIN: WeakKeyDictionary[PreTrainedModel, bool] = WeakKeyDictionary()


def position_ids(attention_mask: Tensor) -> Tensor:
    """Positions [B, S] that count real tokens only; models do not all infer them from a left-padded mask."""
    return (attention_mask.cumsum(-1) - 1).clamp(min=0)


def selected_log_probs(logits: Tensor, tokens: Tensor, temperature: float) -> Tensor:
    """log pi(token) [...], of logits [..., V] divided by the temperature, in fp32 (fp64 stays)."""
    scaled = _at_least_fp32(logits) / temperature
    chosen = scaled.gather(-1, tokens.unsqueeze(-1)).squeeze(-1)
    return chosen - scaled.logsumexp(-1)


def token_log_probs(network: PreTrainedModel, batch: TrainBatch, temperature: float, chunk: int = CHUNK) -> Tensor:
    """log pi of the completion tokens [B, T], at the sampling temperature."""
    return policy_outputs(network, batch, temperature, chunk=chunk).log_probs


@dataclass(frozen=True, slots=True)
class PolicyOutputs:
    """What one forward pass says of the completion tokens.

    `log_probs` [B, T]; `entropy` [B, T] in nats, of the tempered distribution, with its gradient, None unless asked
    for; `states` [B, T, H] are the last hidden states before each token, what a value head reads.
    """

    log_probs: Tensor
    entropy: Tensor | None
    states: Tensor


def policy_outputs(
    network: PreTrainedModel, batch: TrainBatch, temperature: float, *, entropy: bool = False, chunk: int = CHUNK
) -> PolicyOutputs:
    """One forward pass over the rows.

    Logits are made for `chunk` positions at a time and made again for the gradient: memory does not grow with
    B * T * V. Networks that change the logits behind their output matrix (soft-capping, scaling) make them all.
    """
    tokens = batch.input_ids[:, -batch.completion_width :]
    if head_is_plain(network):
        states = completion_states(trunk_of(network), batch)
        head = _head(network)
        parts = _in_chunks(states.flatten(0, 1), tokens.flatten(), head, temperature, entropy, chunk)
    else:
        states, logits = _states_and_logits(network, batch)
        parts = _statistics(logits.flatten(0, 1), tokens.flatten(), None, temperature, entropy)
    log_probs, entropies = (None if part is None else part.view(tokens.shape) for part in parts)
    if log_probs is None:
        raise RuntimeError("a forward pass gave no log-probs")
    return PolicyOutputs(log_probs, entropies, states)


def completion_states(trunk: PreTrainedModel, batch: TrainBatch) -> Tensor:
    """The last hidden states [B, T, H] before each completion token: position i predicts token i+1."""
    states = trunk(
        input_ids=batch.input_ids,
        attention_mask=batch.attention_mask,
        position_ids=position_ids(batch.attention_mask),
        use_cache=False,
    ).last_hidden_state
    return cast("Tensor", states)[:, -batch.completion_width - 1 : -1]


def trunk_of(network: PreTrainedModel) -> PreTrainedModel:
    """The network without its output matrix."""
    return cast("PreTrainedModel", network.base_model)


def head_is_plain(network: PreTrainedModel) -> bool:
    """Whether the logits are the output matrix times the last hidden states, nothing capped or scaled behind it."""
    if network not in _PLAIN:
        capped = getattr(network.config, "final_logit_softcapping", None) is not None
        _PLAIN[network] = not capped and _same_logits(network)
    return _PLAIN[network]


@torch.no_grad()
def _same_logits(network: PreTrainedModel) -> bool:
    """Tried on a few tokens, to the bit: soft-capping changes small logits by little."""
    head = _head(network)
    if head is None:
        return False
    tokens = torch.arange(min(8, int(network.config.vocab_size)), device=network.device).unsqueeze(0)
    ours = head(trunk_of(network)(input_ids=tokens, use_cache=False).last_hidden_state)
    return torch.equal(ours, network(input_ids=tokens, use_cache=False).logits)


def _head(network: PreTrainedModel) -> torch.nn.Module | None:
    return cast("torch.nn.Module | None", network.get_output_embeddings())  # type: ignore[no-untyped-call]


def _states_and_logits(network: PreTrainedModel, batch: TrainBatch) -> tuple[Tensor, Tensor]:
    width = batch.completion_width
    output = network(
        input_ids=batch.input_ids,
        attention_mask=batch.attention_mask,
        position_ids=position_ids(batch.attention_mask),
        use_cache=False,
        output_hidden_states=True,
        logits_to_keep=width + 1,
    )
    return output.hidden_states[-1][:, -width - 1 : -1], output.logits[:, -width - 1 : -1]


_Parts = tuple[Tensor, Tensor | None]


def _in_chunks(
    states: Tensor, tokens: Tensor, head: torch.nn.Module | None, temperature: float, entropy: bool, chunk: int
) -> _Parts:
    """Log-probs and entropies [N] of the tokens [N] that follow the states [N, H]."""
    if len(states) <= chunk:
        return _statistics(states, tokens, head, temperature, entropy)
    parts = [
        checkpoint(_statistics, *piece, head, temperature, entropy, use_reentrant=False, preserve_rng_state=False)
        for piece in zip(torch.split(states, chunk), torch.split(tokens, chunk), strict=True)
    ]
    entropies = torch.cat([part[1] for part in parts]) if entropy else None
    return torch.cat([part[0] for part in parts]), entropies


def _statistics(
    states: Tensor, tokens: Tensor, head: torch.nn.Module | None, temperature: float, entropy: bool
) -> _Parts:
    """Log-probs and entropies [N]; without a head the states are logits [N, V]."""
    logits = states if head is None else head(states)
    log_probs = selected_log_probs(logits, tokens, temperature)
    return log_probs, distribution_entropy(logits, temperature) if entropy else None


def distribution_entropy(logits: Tensor, temperature: float) -> Tensor:
    """Entropy [...] in nats of softmax(logits [..., V] / temperature), in fp32 (fp64 stays): lse - sum p * logit.

    A logit of -inf has no chance and adds nothing.
    """
    scaled = _at_least_fp32(logits) / temperature
    finite = torch.where(scaled.isneginf(), torch.zeros_like(scaled), scaled)
    return scaled.logsumexp(-1) - (scaled.softmax(-1) * finite).sum(-1)


def frozen_copy_of(network: PreTrainedModel) -> PreTrainedModel:
    """A copy that no optimizer moves: the reference of the KL term."""
    reference = copy.deepcopy(network)
    reference.requires_grad_(False)
    return reference


def _at_least_fp32(logits: Tensor) -> Tensor:
    return logits if logits.dtype == torch.float64 else logits.float()
