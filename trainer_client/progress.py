"""How far a run is: the small numbers that a checkpoint carries besides weights and random states."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Stage(StrEnum):
    """The stages of a run, in their order. Pairs (DPO) are learnt in runs of their own."""

    SFT = "sft"
    DPO = "dpo"
    RL = "rl"


@dataclass(frozen=True, slots=True)
class Progress:
    """`step` steps of `stage` are done. `policy_version` counts the optimizer steps taken since the start of RL.

    The cursors count the examples taken for each stage; `bad_gradients` the optimizer steps that were refused.
    """

    stage: Stage = Stage.SFT
    step: int = 0
    policy_version: int = 0
    sft_cursor: int = 0
    rl_cursor: int = 0
    bad_gradients: int = 0

    @property
    def place(self) -> tuple[int, int]:
        """Orders progress along the run."""
        return place_of(self.stage, self.step)


def place_of(stage: str, step: int) -> tuple[int, int]:
    """Orders (stage, step) pairs along the run."""
    return list(Stage).index(Stage(stage)), step
