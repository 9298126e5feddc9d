"""What a stage's own record says about its learning, for the case that its model is not better than the one before."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from trainer_client.config import TrainConfig
from trainer_client.config.recipes import SftCommandConfig
from trainer_client.metrics import mean
from trainer_client.recipes.course import SUMMARY
from trainer_client.recipes.r1_plan import Stage
from trainer_client.run_log import METRICS, read_records

MANY = 0.5  # a share of groups without a difference that is worth naming
STILL = 0.01  # a change of the mean reward that is none


def learning_reasons(directory: Path, stage: Stage) -> tuple[str, ...]:
    """Of RL the reward of its steps and the groups that taught nothing; of fine-tuning what it saw."""
    if isinstance(stage.config, TrainConfig):
        records = read_records(directory / METRICS)
        return rl_reasons([record for record in records if record["kind"] == "step"])
    if isinstance(stage.config, SftCommandConfig):
        summary = json.loads((directory / SUMMARY).read_text(encoding="utf-8"))
        return (fine_tuning_reason(summary, stage.config.sft.batch),)
    return ()


def rl_reasons(steps: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    """The mean reward over the first and the last fifth of the steps; the share of dead groups where it is large."""
    fifth = max(len(steps) // 5, 1)
    first, last = (mean(step["reward"] for step in part) for part in (steps[:fifth], steps[-fifth:]))
    reasons = []
    if first is not None and last is not None:
        way = "hardly moved" if abs(last - first) < STILL else "rose" if last > first else "fell"
        reasons.append(f"the reward of its own steps {way}, {first:.2f} to {last:.2f}")
    dead = mean(step["dead_group_share"] for step in steps)
    if dead is not None and dead > MANY:
        reasons.append(f"{100 * dead:.0f} % of its groups had equal rewards and taught nothing")
    return tuple(reasons)


def fine_tuning_reason(summary: dict[str, Any], batch: int) -> str:
    """How often it saw how many demonstrations, and its last loss in nats a token."""
    rounds = summary["steps"] * batch / summary["demonstrations"]
    loss = summary["metrics"]["loss"]["last"]
    return f"it saw {summary['demonstrations']} demonstrations {rounds:.1f} times each, to a loss of {loss:.3f}"
