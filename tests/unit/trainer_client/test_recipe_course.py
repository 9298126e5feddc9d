"""The loop of `sft` and `dpo` when a signal comes in the middle of an evaluation."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from trainer_client.config import FreshModelConfig, ModelConfig, RunConfig
from trainer_client.config.optim import OptimConfig
from trainer_client.display import Display
from trainer_client.errors import RewardUnavailable
from trainer_client.interrupts import Interrupts, Stopped
from trainer_client.progress import Stage
from trainer_client.recipes.course import Course, Plan


class Evaluation:
    """Due at step 2, where `event` happens."""

    def __init__(self, event: Any) -> None:
        self._event = event
        self.ended = False

    def is_due(self, step: int, last: int) -> bool:
        return step == 2

    def metrics(self, step: int) -> dict[str, Any]:
        self._event()
        self.ended = True
        return {"accuracy": None, "scored": 0, "problems": 1}


def no_step(optimizer: torch.optim.Optimizer, step: int, rate: float) -> dict[str, Any]:
    return {"loss": 0.0, "skipped_updates": 0}


def learn(folder: Path, evaluation: Evaluation, resume: bool = False) -> Course:
    run = RunConfig(dir=folder, checkpoint_every=2)
    model = ModelConfig(fresh=FreshModelConfig(hidden=16, intermediate=32))
    with Display() as display, Interrupts(display.notice) as interrupts:
        plan = Plan(Stage.SFT, 4, 0, resume, run, model, OptimConfig())
        course = Course(plan, folder, display, interrupts)
        wanted: Any = evaluation
        try:
            course.learn(no_step, wanted)
        finally:
            course.log.close()
    return course


def server_fails() -> None:
    raise RewardUnavailable("gone")


@pytest.mark.parametrize(
    ("event", "ends"),
    [(lambda: signal.raise_signal(signal.SIGTERM), Stopped), (server_fails, RewardUnavailable)],
)
def test_step_before_an_evaluation_that_ended_early_is_kept_and_evaluated_on_resume(
    tmp_path: Path, event: Any, ends: type[BaseException]
) -> None:
    broken = Evaluation(event)
    with pytest.raises(ends):
        learn(tmp_path, broken)
    assert not broken.ended
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["sft-000002"]
    whole = Evaluation(lambda: None)
    course = learn(tmp_path, whole, resume=True)
    assert whole.ended
    kinds = [(record["kind"], record["step"]) for record in course.log.records()]
    assert kinds == [("step", 1), ("step", 2), ("eval", 2), ("step", 3), ("step", 4)]
