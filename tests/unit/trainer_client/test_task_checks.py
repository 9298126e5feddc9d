"""What the built-in tasks ask is judged by the server's own checks: right demonstrations as right, slips as wrong."""

from __future__ import annotations

from typing import Any

import pytest

from reward_server.checks.base import AnswerCheck, CheckInput
from reward_server.checks.registry import checks
from tests.extras import extra
from trainer_client.config.data import (
    AdditionConfig,
    ArithmeticConfig,
    CountdownConfig,
    GeneratedConfig,
    ReasoningGymConfig,
    SortingConfig,
)
from trainer_client.tasks import task_examples
from trainer_client.types import Example

SIZES: dict[str, Any] = {"train_problems": 60, "held_out_problems": 20}


def verdict(name: str, example: Example) -> Any:
    check = checks()[name]
    assert isinstance(check, AnswerCheck)
    item = CheckInput(completion=example.completion or "", ground_truth=example.ground_truth, prompt=example.prompt)
    return check.judge(item, check.params())


@pytest.mark.parametrize("share", [0.0, 1.0])
@pytest.mark.parametrize(
    ("check", "task", "wording"),
    [
        ("math", AdditionConfig, "signs"),
        ("countdown", CountdownConfig, "signs"),
        ("countdown", CountdownConfig, "words"),
        ("exact", SortingConfig, "signs"),
        ("exact", SortingConfig, "words"),
        ("math", ArithmeticConfig, "signs"),
        ("math", ArithmeticConfig, "words"),
    ],
)
def test_demonstrations_are_judged_as_they_are_meant(
    check: str, task: type[GeneratedConfig], wording: str, share: float
) -> None:
    config = task.model_validate(SIZES | {"slip_share": share, "wording": wording})
    train, held_out = task_examples(config)
    values = {verdict(check, example).value for example in train + held_out}
    assert values == ({1.0} if share == 0 else {0.0, 1.0} if task is AdditionConfig else {0.0})


def test_steps_of_arithmetic_are_rewarded_one_by_one() -> None:
    for example in task_examples(ArithmeticConfig(**SIZES, slip_share=0.0, max_number=9))[0]:
        told = verdict("arithmetic_steps", example)
        assert told.value in (1.0, None)  # None: nothing but 2*1=2, which says nothing
    partial = 0
    for example in task_examples(ArithmeticConfig(**SIZES, slip_share=1.0, max_number=9))[0]:
        told = verdict("arithmetic_steps", example)
        assert told.detail["wrong"] == 1
        assert sum(step.value < 0 for step in told.steps) == 1
        partial += 0 < told.value < 1
    assert partial > 40


@pytest.mark.parametrize("dataset", ["gcd", "chain_sum", "countdown", "leg_counting"])
def test_reasoning_gym_rows_are_judged_right(dataset: str) -> None:
    extra("reasoning_gym")
    config = ReasoningGymConfig(dataset=dataset, train_problems=10, held_out_problems=2)
    for example in task_examples(config)[0]:
        assert verdict("reasoning_gym", example).value == 1.0
