"""How far a run is: the small numbers that a checkpoint carries besides weights and random states."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class Stage(StrEnum):
    """The stages of a run, in their order. Pairs (DPO) are learnt in runs of their own."""

    SFT = "sft"
    DPO = "dpo"
    RL = "rl"


@dataclass(frozen=True, slots=True)
class Controls:
    """What adapts from step to step. None: as configured.

    `kl_beta` and `entropy_coef` are the current weights, `last_entropy` the last step's mean in nats a token;
    `difficulty` are the mean rewards of the newest groups, oldest first.
    """

    kl_beta: float | None = None
    entropy_coef: float | None = None
    last_entropy: float | None = None
    difficulty: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Health:
    """What the monitor remembers: steps in a row that each metric is out of its bounds, and the newest values.

    `best_accuracy` is the highest mean accuracy of a window so far, `rules` the hashes of the rules that judged last.
    """

    outside: dict[str, int] = field(default_factory=dict)
    history: dict[str, list[float]] = field(default_factory=dict)
    first_lengths: tuple[float, ...] = ()
    best_accuracy: float | None = None
    rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """`step` steps of `stage` are done. `policy_version` counts the optimizer steps taken since the start of RL.

    The cursors count the examples taken for each stage; `bad_gradients` the optimizer steps that were refused;
    `sampled_tokens` all tokens drawn for RL, those of dropped groups included.
    """

    stage: Stage = Stage.SFT
    step: int = 0
    policy_version: int = 0
    sft_cursor: int = 0
    rl_cursor: int = 0
    bad_gradients: int = 0
    sampled_tokens: int = 0
    controls: Controls = field(default_factory=Controls)
    health: Health = field(default_factory=Health)

    @property
    def place(self) -> tuple[int, int]:
        """Orders progress along the run."""
        return place_of(self.stage, self.step)

    def as_values(self) -> dict[str, Any]:
        """Plain values, which `from_values` reads back."""
        return {**asdict(self), "stage": self.stage.value}

    @classmethod
    def from_values(cls, values: dict[str, Any]) -> Progress:
        """The progress that `as_values` told. Raises KeyError, TypeError or ValueError for anything else."""
        nested = {"controls": Controls(**values["controls"]), "health": Health(**values["health"])}
        return cls(**{**values, **nested, "stage": Stage(values["stage"])})


def place_of(stage: str, step: int) -> tuple[int, int]:
    """Orders (stage, step) pairs along the run."""
    return list(Stage).index(Stage(stage)), step
