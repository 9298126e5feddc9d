"""Rewards of single steps to token advantages: GRPO with process supervision. Pure.

Source: Shao et al. 2024, DeepSeekMath (arXiv:2402.03300), section 4.1.3. A step reward counts because its step is
there, not because its value differs from zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from trainer_client.advantages.outcome import grpo_advantages
from trainer_client.config.advantage import AdvantageConfig, ProcessConfig


class JudgedSpan(Protocol):
    """A step as the reward server tells it: `completion[start:end]` in Unicode code points, and its reward."""

    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...
    @property
    def value(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Step:
    """A step's reward at the index of its last token, counted from the completion's first."""

    token_index: int
    value: float


def token_of_character(offsets: Tensor, ends: Tensor) -> Tensor:
    """Index [K] of the token that holds each character offset [K].

    `ends` [T] is where each token's text ends: the number of whole code points of the completion up to and including
    it, never falling. A token without text (an end token, the first bytes of a character) holds none. Raises
    ValueError for an offset outside the text.
    """
    length = int(ends[-1]) if len(ends) else 0
    if len(offsets) and (int(offsets.min()) < 0 or int(offsets.max()) >= length):
        raise ValueError(
            f"expected character offsets in 0..{length - 1}, the text of the {len(ends)} tokens, got "
            f"{int(offsets.min())}..{int(offsets.max())}: were the tokens' ends counted on another text?"
        )
    return torch.searchsorted(ends.contiguous(), offsets.contiguous(), right=True)


def steps_on_tokens(spans: Iterable[JudgedSpan], ends: Tensor) -> tuple[Step, ...]:
    """The spans of one completion as steps, each at the token that holds its last character.

    Raises ValueError for an empty span or one outside the text.
    """
    judged = tuple(spans)
    for span in judged:
        if span.end <= span.start:
            raise ValueError(f"expected a step of at least one character, got [{span.start}, {span.end})")
    last_characters = torch.tensor([span.end - 1 for span in judged], dtype=torch.long)
    indices = token_of_character(last_characters, ends.long()).tolist()
    return tuple(Step(index, span.value) for index, span in zip(indices, judged, strict=True))


def with_outcome_as_step(
    steps: Sequence[Sequence[Step]], rewards: Tensor, last_actions: Tensor, process: ProcessConfig
) -> list[list[Step]]:
    """Each row's steps times `step_weight`, and its reward [P, G] times `outcome_weight` at its last action.

    `last_actions` [B] are token indices, -1 for a row without actions: it has no place for an outcome.
    """
    weighed = [[Step(step.token_index, process.step_weight * step.value) for step in row] for row in steps]
    ends = zip(last_actions.tolist(), rewards.flatten().tolist(), strict=True)
    last = [[Step(index, process.outcome_weight * reward)] if index >= 0 else [] for index, reward in ends]
    return [[*row, *end] for row, end in zip(weighed, last, strict=True)]


def process_advantages(steps: Sequence[Sequence[Step]], scored: Tensor, width: int, config: AdvantageConfig) -> Tensor:
    """Token advantages [B, T]: at each token the sum of the normalised step rewards that end there or later.

    T is `width`. Normalised means (r - mean) / (std + eps) over ALL steps of all scored members of the group
    together, or with the deviation that `config.scale` names. A group with fewer than two steps, or all of them
    equal, yields zeros; a completion without steps gets zeros and changes nothing for the others. Several steps may
    end at one token. `steps` [B] lists each row's steps. Raises ValueError for a step outside the T tokens.
    Source: DeepSeekMath (arXiv:2402.03300), section 4.1.3.
    """
    values, present, positions = _by_group(steps, scored, width)
    normalised = grpo_advantages(values, present, config)
    on_tokens = torch.zeros(len(steps) * width, dtype=torch.float64)
    on_tokens.index_add_(0, positions[present], normalised[present])
    return on_tokens.reshape(len(steps), width).flip(1).cumsum(1).flip(1)


def _by_group(steps: Sequence[Sequence[Step]], scored: Tensor, width: int) -> tuple[Tensor, Tensor, Tensor]:
    """Values, presence and flat token positions [P, K] of the scored members' steps; K is that of the longest group."""
    prompts, members = scored.shape
    rows = [row for row, counts in enumerate(scored.flatten().tolist()) if counts]
    found: list[list[tuple[float, int]]] = [[] for _ in range(prompts)]
    for row in rows:
        for step in steps[row]:
            if not 0 <= step.token_index < width:
                raise ValueError(f"row {row}: expected a step at token 0..{width - 1}, got {step.token_index}")
            found[row // members].append((step.value, row * width + step.token_index))
    longest = max((len(group) for group in found), default=0)
    values = torch.zeros(prompts, max(longest, 1), dtype=torch.float64)
    present = torch.zeros(values.shape, dtype=torch.bool)
    positions = torch.zeros(values.shape, dtype=torch.long)
    for number, group in enumerate(found):
        for column, (value, position) in enumerate(group):
            values[number, column], positions[number, column], present[number, column] = value, position, True
    return values, present, positions
