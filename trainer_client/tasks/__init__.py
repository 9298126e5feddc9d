"""The built-in tasks: problems without any file or hub, with demonstrations, each judged by a check of the server."""

from __future__ import annotations

from trainer_client.config.data import (
    AdditionConfig,
    ArithmeticConfig,
    CountdownConfig,
    GeneratedConfig,
    ReasoningGymConfig,
    SortingConfig,
)
from trainer_client.tasks.addition import addition_examples
from trainer_client.tasks.arithmetic import arithmetic_examples
from trainer_client.tasks.countdown import countdown_examples
from trainer_client.tasks.gym import gym_examples
from trainer_client.tasks.problems import Split
from trainer_client.tasks.sorting import sorting_examples


def task_examples(task: GeneratedConfig) -> Split:
    """Training and held-out problems of a task: no problem is in both, and the task's seed alone decides which."""
    match task:
        case AdditionConfig():
            return addition_examples(task)
        case CountdownConfig():
            return countdown_examples(task)
        case SortingConfig():
            return sorting_examples(task)
        case ArithmeticConfig():
            return arithmetic_examples(task)
        case ReasoningGymConfig():
            return gym_examples(task)
    raise TypeError(f"no task for {type(task).__name__}")
