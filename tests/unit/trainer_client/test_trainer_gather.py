"""The groups of a step: refilled while the server judges, not drawn on and on for one that is silent."""

from __future__ import annotations

import torch

from trainer_client.config.selection import DynamicSamplingConfig
from trainer_client.gather import Gathered, gather
from trainer_client.rollouts import Collected
from trainer_client.types import Example, Judged, Prompt, Rollout, RolloutGroup, RolloutScore, ScoredGroup

DYNAMIC = DynamicSamplingConfig(max_batches=4, surplus=1.0)
LIVE = (1.0, 0.0)
DEAD = (1.0, 1.0)
UNSCORED, SKIPPED = (Judged.UNSCORED, Judged.UNSCORED), (Judged.SKIPPED, Judged.SKIPPED)

Kind = tuple[float, float] | tuple[Judged, Judged]


def group(kind: Kind) -> ScoredGroup:
    rollout = Rollout(torch.tensor([2, 1]), torch.zeros(2), torch.zeros(2), "", False, 0)
    scores = tuple(
        RolloutScore(value, None)
        if isinstance(value, Judged)
        else RolloutScore(Judged.SCORED, value, components={"math": value})
        for value in kind
    )
    return ScoredGroup(RolloutGroup(Prompt(Example("0", "", None), "", (2,)), (rollout, rollout)), scores)


def gathered(prompts: int, *samplings: list[Kind]) -> Gathered:
    """A step whose samplings give these groups; more of them than are asked for are not drawn."""

    def draw(sampling: int, wanted: int) -> Collected:
        return Collected([group(kind) for kind in samplings[sampling][:wanted]], 1.0, 0.5)

    return gather(draw, prompts, DYNAMIC, "math")


def test_dead_groups_are_replaced_by_those_of_further_samplings() -> None:
    step = gathered(3, [LIVE, DEAD, SKIPPED], [DEAD, LIVE, DEAD], [LIVE, LIVE, LIVE])
    assert (step.samplings, len(step.groups), step.full) == (3, 3, True)
    assert len(step.seen) == 3 + 3 + 3  # 1 is missing, and of 6 groups 2 were live: 3 prompts
    assert (step.generate_seconds, step.reward_seconds) == (3.0, 1.5)


def test_a_step_goes_on_with_what_there_is_when_the_server_judges_nothing_of_a_sampling() -> None:
    at_once = gathered(2, [UNSCORED, UNSCORED])
    assert (at_once.samplings, at_once.groups, at_once.full) == (1, [], False)
    later = gathered(2, [LIVE, UNSCORED], [UNSCORED, UNSCORED])
    assert (later.samplings, len(later.groups), later.full) == (2, 1, False)


def test_ground_truths_that_cannot_be_judged_are_replaced() -> None:
    step = gathered(2, [SKIPPED, SKIPPED], [LIVE, LIVE])
    assert (step.samplings, len(step.groups), step.full) == (2, 2, True)
