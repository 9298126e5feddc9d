"""The shapes that travel through one training step. Values only; no I/O.

Dimensions, the same everywhere: P prompts, G completions of a prompt, B = P*G rows, T completion tokens, S prompt
tokens, V vocabulary. Rows of one prompt are neighbours: row `p*G + g` is completion `g` of prompt `p`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Example:
    """One row of a data set. `completion` is the demonstration for SFT, None where there is none.

    `turns` are the (role, content) messages of a prompt that came as a chat, empty where it came as text; `prompt` is
    then their text. `source` names the data set that the row is from, where the row says it.
    """

    id: str
    prompt: str
    ground_truth: Any
    completion: str | None = None
    turns: tuple[tuple[str, str], ...] = ()
    source: str = ""


@dataclass(frozen=True, slots=True)
class Prompt:
    """An example as the policy sees it: `token_ids` is what the sampler and the loss both use.

    `think_prefilled`: the text already ends with <think>, so completions begin inside of the thought.
    """

    example: Example
    text: str
    token_ids: tuple[int, ...]
    think_prefilled: bool = False


@dataclass(frozen=True, slots=True)
class Rollout:
    """One sampled completion. `token_ids` [T] ends with the first end-of-sequence token unless `truncated`.

    `log_probs` [T] are the sampler's own, at the sampling temperature; `entropy` [T] in nats, of the distribution
    each token was drawn from. `text` is without the end token. `text_ends` [T], where they were asked for: the whole
    code points of `text` up to and including each token, never falling.
    """

    token_ids: Tensor
    log_probs: Tensor
    entropy: Tensor
    text: str
    truncated: bool
    policy_version: int
    text_ends: Tensor | None = None


@dataclass(frozen=True, slots=True)
class RolloutGroup:
    """A prompt with its G completions."""

    prompt: Prompt
    rollouts: tuple[Rollout, ...]


class Judged(StrEnum):
    """What became of a rollout at the reward server."""

    SCORED = "scored"
    SKIPPED = "skipped"  # fault of the data: its ground truth cannot be judged
    UNSCORED = "unscored"  # fault of the server, or no answer in time


@dataclass(frozen=True, slots=True)
class JudgedStep:
    """The reward of `completion[start:end]`, in code points, by one component."""

    component: str
    start: int
    end: int
    value: float


@dataclass(frozen=True, slots=True)
class RolloutScore:
    """`reward` is None exactly when `judged` is not SCORED; a component is None when it had no value.

    `details` is what each component told beside its value, such as the answer that it read.
    """

    judged: Judged
    reward: float | None
    components: dict[str, float | None] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    reason: str = ""
    details: dict[str, dict[str, Any]] = field(default_factory=dict)
    steps: tuple[JudgedStep, ...] = ()


@dataclass(frozen=True, slots=True)
class ScoredGroup:
    """A group and one score for each of its rollouts, in order."""

    group: RolloutGroup
    scores: tuple[RolloutScore, ...]


@dataclass(frozen=True, slots=True)
class TrainBatch:
    """Rows ready for the model: prompts padded on the left to S, completions on the right to T.

    `input_ids` and `attention_mask` [B, S+T]; all others [B, T]. The action mask is 1 on the tokens the loss may use:
    the completion up to and including its first end token. `old_log_probs` are the trainer's of the policy that drew
    the tokens, `old_values` and `returns` the critic's: None where they are not needed.
    """

    input_ids: Tensor
    attention_mask: Tensor
    action_mask: Tensor
    sampler_log_probs: Tensor
    advantages: Tensor
    old_log_probs: Tensor | None = None
    reference_log_probs: Tensor | None = None
    old_values: Tensor | None = None
    returns: Tensor | None = None

    @property
    def completion_width(self) -> int:
        """T of this batch."""
        return int(self.action_mask.shape[1])

    def rows(self, index: Tensor | slice) -> TrainBatch:
        """The rows that `index` selects."""
        return self._each(lambda tensor: tensor[index])

    def to(self, device: Any) -> TrainBatch:
        """The same batch on `device`."""
        return self._each(lambda tensor: tensor.to(device))

    def columns(self, sequence: slice, completion: slice) -> TrainBatch:
        """The columns `sequence` of the tensors [B, S+T] and `completion` of those [B, T]."""
        whole = self.input_ids.shape[1], self.completion_width
        if whole[0] == whole[1]:
            raise ValueError("expected at least one column of prompts")
        return self._each(lambda tensor: tensor[:, sequence if tensor.shape[1] == whole[0] else completion])

    def _each(self, change: Callable[[Tensor], Tensor]) -> TrainBatch:
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(self, **{name: change(tensor) for name, tensor in given.items() if tensor is not None})
