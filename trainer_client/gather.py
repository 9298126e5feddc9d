"""The groups of one step: one sampling, or several until enough groups are worth learning from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from trainer_client.config.selection import DynamicSamplingConfig
from trainer_client.groups import component_and_mask
from trainer_client.rollouts import Collected
from trainer_client.selection import live_groups, refill
from trainer_client.selection.dynamic import taken_groups
from trainer_client.types import Judged, ScoredGroup

Draw = Callable[[int, int], Collected]


@dataclass(slots=True)
class Gathered:
    """`seen` are all groups of the step in the order they were sampled, `groups` those that are learnt from.

    `full` is false when the samplings ran out before there were enough live groups; `groups` may then be empty.
    `rules` are the hashes of the rules that judged.
    """

    seen: list[ScoredGroup] = field(default_factory=list)
    groups: list[ScoredGroup] = field(default_factory=list)
    samplings: int = 0
    full: bool = True
    generate_seconds: float = 0.0
    reward_seconds: float = 0.0
    rules: frozenset[str] = frozenset()

    def add(self, collected: Collected) -> None:
        """Count one more sampling."""
        self.seen.extend(collected.groups)
        self.samplings += 1
        self.generate_seconds += collected.generate_seconds
        self.reward_seconds += collected.reward_seconds
        self.rules |= collected.rules


def gather(draw: Draw, prompts: int, dynamic: DynamicSamplingConfig | None, accuracy_component: str) -> Gathered:
    """`prompts` groups; with dynamic sampling as many live ones, as far as its samplings go.

    `draw(sampling, prompts)` samples and scores groups of new prompts; samplings count from 0. A group is live when
    the raw `accuracy_component` differs among its scored completions. A server that judges nothing of a sampling ends
    the step: to draw more would only wait for it again.
    Source: DAPO (arXiv:2503.14476), section 3.2 and eq. 11.
    """
    gathered, newest = Gathered(), draw(0, prompts)
    gathered.add(newest)
    if dynamic is None:
        gathered.groups = list(gathered.seen)
        return gathered
    while True:
        live = live_groups(*component_and_mask(gathered.seen, accuracy_component)).tolist()
        plan = refill(sum(live), len(live), prompts, gathered.samplings, dynamic)
        if not plan.prompts or nothing_judged(newest.groups):
            gathered.groups = [gathered.seen[number] for number in taken_groups(live, prompts)]
            gathered.full = plan.full
            return gathered
        newest = draw(gathered.samplings, plan.prompts)
        gathered.add(newest)


def nothing_judged(groups: Sequence[ScoredGroup]) -> bool:
    """Whether the server answered for none of them. A ground truth that cannot be judged is an answer."""
    return all(score.judged is Judged.UNSCORED for group in groups for score in group.scores)
