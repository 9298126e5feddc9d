"""Sampling with any transformers causal language model, in the trainer's own process.

Prompts are padded on the left and computed once; their KV cache is then repeated for the group. Rows that have ended
leave the batch. The loop is our own, so the log-probs are exactly those of the distribution that was drawn from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from trainer_client.config import SamplerConfig
from trainer_client.model import LanguageModel
from trainer_client.policy import position_ids
from trainer_client.sampler.roomy_cache import roomy_cache
from trainer_client.sampler.text_ends import text_ends
from trainer_client.types import Prompt, Rollout, RolloutGroup

COMPACT_SHARE = 0.125  # ended rows leave the batch when they are more than this share of it: leaving copies the cache


@dataclass(slots=True)
class _Drawn:
    """What was drawn so far for all B rows; columns are time."""

    tokens: Tensor
    log_probs: Tensor
    entropy: Tensor
    lengths: Tensor
    truncated: Tensor

    @classmethod
    def empty(cls, rows: int, limit: int, device: torch.device) -> _Drawn:
        return cls(
            tokens=torch.zeros(rows, limit, dtype=torch.long, device=device),
            log_probs=torch.zeros(rows, limit, device=device),
            entropy=torch.zeros(rows, limit, device=device),
            lengths=torch.full((rows,), limit, dtype=torch.long, device=device),
            truncated=torch.ones(rows, dtype=torch.bool, device=device),
        )


@dataclass(slots=True)
class _Live:
    """The rows still growing: `rows` says which of the B rows each one is."""

    rows: Tensor
    logits: Tensor
    cache: Any
    mask: Tensor
    position: Tensor
    ended: Tensor

    def drop_ended(self) -> None:
        """Leave the ended rows behind."""
        keep = (~self.ended).nonzero().squeeze(-1)
        self.cache.batch_select_indices(keep)
        self.rows, self.logits, self.mask = self.rows[keep], self.logits[keep], self.mask[keep]
        self.position, self.ended = self.position[keep], self.ended[keep]


class TransformersSampler:
    """The sampler that needs nothing but the model itself. `generator` is its only source of randomness.

    With `locate_text` each rollout says where the text of its tokens ends: process supervision needs it.
    """

    def __init__(self, model: LanguageModel, config: SamplerConfig, seed: int, locate_text: bool = False) -> None:
        self._model = model
        self._config = config
        self._locate_text = locate_text
        self._eos = torch.tensor(model.eos_ids, device=model.device)
        self.generator = torch.Generator(device=model.device)
        self.generator.manual_seed(seed)

    def sample(self, prompts: Sequence[Prompt], group: int, policy_version: int) -> list[RolloutGroup]:
        """`group` completions of each prompt at the configured temperature."""
        return self._rollouts(prompts, group, policy_version, self._config.temperature)

    def greedy(self, prompts: Sequence[Prompt], policy_version: int) -> list[RolloutGroup]:
        """The most likely completion of each prompt."""
        return self._rollouts(prompts, 1, policy_version, None)

    def _rollouts(
        self, prompts: Sequence[Prompt], group: int, version: int, temperature: float | None
    ) -> list[RolloutGroup]:
        rows = self._to_rollouts(self._draw(prompts, group, temperature), version)
        return [
            RolloutGroup(prompt, tuple(rows[place * group : (place + 1) * group]))
            for place, prompt in enumerate(prompts)
        ]

    @torch.inference_mode()
    def _draw(self, prompts: Sequence[Prompt], group: int, temperature: float | None) -> _Drawn:
        limit = self._config.max_new_tokens
        live = self._prefill(prompts, group)
        drawn = _Drawn.empty(len(prompts) * group, limit, self._model.device)
        for time in range(limit):
            tokens = self._choose(live, drawn, time, temperature)
            if bool(live.ended.all()) or time == limit - 1:
                break
            if float(live.ended.float().mean()) > COMPACT_SHARE:
                tokens = tokens[~live.ended]
                live.drop_ended()
            self._forward(live, tokens)
        return drawn

    def _prefill(self, prompts: Sequence[Prompt], group: int) -> _Live:
        """Compute every prompt once, then repeat its cache and last logits for the group."""
        ids, mask = left_padded([prompt.token_ids for prompt in prompts], self._model.pad_id, self._model.device)
        positions = position_ids(mask)
        cache = roomy_cache(self._model.network.config)
        logits = self._logits(ids, mask, positions, cache)
        cache.batch_repeat_interleave(group)
        rows = len(prompts) * group
        return _Live(
            rows=torch.arange(rows, device=ids.device),
            logits=logits.repeat_interleave(group, 0),
            cache=cache,
            mask=mask.repeat_interleave(group, 0),
            position=positions[:, -1].repeat_interleave(group, 0),
            ended=torch.zeros(rows, dtype=torch.bool, device=ids.device),
        )

    def _choose(self, live: _Live, drawn: _Drawn, time: int, temperature: float | None) -> Tensor:
        """The next token of every live row, recorded for those that have not ended."""
        log_probs = torch.log_softmax(live.logits.float() / (temperature or 1.0), -1)
        tokens = log_probs.argmax(-1) if temperature is None else self._multinomial(log_probs)
        chosen = log_probs.gather(-1, tokens.unsqueeze(-1)).squeeze(-1)
        open_ = ~live.ended
        rows = live.rows[open_]
        drawn.tokens[rows, time] = tokens[open_]
        drawn.log_probs[rows, time] = chosen[open_]
        drawn.entropy[rows, time] = -(log_probs.exp() * log_probs).sum(-1)[open_]
        now = open_ & torch.isin(tokens, self._eos)
        drawn.lengths[live.rows[now]] = time + 1
        drawn.truncated[live.rows[now]] = False
        live.ended = live.ended | now
        return tokens

    def _multinomial(self, log_probs: Tensor) -> Tensor:
        """One draw for each row by an exponential race: the arg max of p/e, with e ~ Exp(1), has probability p."""
        noise = torch.empty_like(log_probs).exponential_(generator=self.generator)
        return (log_probs - noise.log()).argmax(-1)

    def _forward(self, live: _Live, tokens: Tensor) -> None:
        live.mask = torch.cat([live.mask, live.mask.new_ones(len(tokens), 1)], 1)
        live.position = live.position + 1
        live.logits = self._logits(tokens.unsqueeze(-1), live.mask, live.position.unsqueeze(-1), live.cache)

    def _logits(self, ids: Tensor, mask: Tensor, positions: Tensor, cache: Any) -> Tensor:
        """Logits [B, V] after the last token of `ids` [B, S]."""
        output = self._model.network(
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        logits: Tensor = output.logits[:, -1]
        return logits

    def _to_rollouts(self, drawn: _Drawn, version: int) -> list[Rollout]:
        tokens, log_probs, entropy = drawn.tokens.cpu(), drawn.log_probs.cpu(), drawn.entropy.cpu()
        lengths, truncated = drawn.lengths.tolist(), drawn.truncated.tolist()
        spoken = [
            row[: length if cut else length - 1].tolist()
            for row, length, cut in zip(tokens, lengths, truncated, strict=True)
        ]
        texts = [self._decode(ids) for ids in spoken]
        return [
            Rollout(
                token_ids=tokens[row, :length].clone(),
                log_probs=log_probs[row, :length].clone(),
                entropy=entropy[row, :length].clone(),
                text=texts[row],
                truncated=truncated[row],
                policy_version=version,
                text_ends=self._text_ends(spoken[row], texts[row], length),
            )
            for row, length in enumerate(lengths)
        ]

    def _decode(self, token_ids: Sequence[int]) -> str:
        return str(self._model.tokenizer.decode(list(token_ids), skip_special_tokens=False))

    def _text_ends(self, spoken: Sequence[int], text: str, length: int) -> Tensor | None:
        """Of the spoken tokens, then the text's length for an end token."""
        if not self._locate_text:
            return None
        ends = text_ends(spoken, text, self._decode)
        return torch.cat([ends, ends.new_full((length - len(spoken),), len(text))])


def left_padded(sequences: Sequence[Sequence[int]], pad_id: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Ids and attention mask [B, S], every sequence flush right."""
    width = max(len(sequence) for sequence in sequences)
    ids = torch.full((len(sequences), width), pad_id, dtype=torch.long)
    mask = torch.zeros(len(sequences), width, dtype=torch.long)
    for row, sequence in enumerate(sequences):
        ids[row, width - len(sequence) :] = torch.tensor(sequence, dtype=torch.long)
        mask[row, width - len(sequence) :] = 1
    return ids.to(device), mask.to(device)
