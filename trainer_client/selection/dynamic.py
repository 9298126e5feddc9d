"""Dynamic sampling: groups that teach nothing are replaced by others. Pure.

Source: Yu et al. 2025, DAPO (arXiv:2503.14476), section 3.2 and eq. 11: sample on until the batch is full of groups
whose accuracy is neither 0 nor 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from trainer_client.advantages.outcome import dead_groups
from trainer_client.config.selection import DynamicSamplingConfig


def live_groups(accuracy: Tensor, scored: Tensor) -> Tensor:
    """True [P] for groups worth learning from: the RAW accuracy [P, G] differs among their scored members.

    Not the shaped reward: a length punishment differs in every group and would call all of them live.
    """
    return ~dead_groups(accuracy, scored)


@dataclass(frozen=True, slots=True)
class Refill:
    """What to do next: draw `prompts` new groups; 0 means that the step goes on with what there is.

    `full` is false when the samplings ran out before enough groups were live.
    """

    prompts: int
    full: bool


def refill(live: int, seen: int, wanted: int, batches: int, config: DynamicSamplingConfig) -> Refill:
    """The next sampling after `batches` samplings gave `live` live groups of `seen`, where `wanted` are needed.

    As many prompts as should hold the missing groups at the share that was live so far, times `surplus`, but never
    more than `wanted`: a step's first sampling is the largest.
    """
    missing = wanted - live
    if missing <= 0:
        return Refill(0, full=True)
    if batches >= config.max_batches:
        return Refill(0, full=False)
    expected = math.ceil(config.surplus * missing * seen / live) if live else wanted
    return Refill(min(expected, wanted), full=False)


def taken_groups(live: Sequence[bool], wanted: int) -> list[int]:
    """Indices of the first `wanted` live groups, in the order they were sampled; fewer where there are fewer.

    The others are not kept for a later step: the policy that sampled them would be an older one.
    """
    return [number for number, lives in enumerate(live) if lives][:wanted]
