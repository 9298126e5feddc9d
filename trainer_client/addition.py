"""The demo task: sums of a few numbers, solved step by step in the R1 format. Pure.

    prompt       7+15+8=
    completion   <think>7+15=22;22+8=30</think><answer>30</answer>

The demonstrations come from a careless teacher, who forgets some of the carries (7+15=12). The cold start learns the
format, the sums and the carelessness; only the reward can tell the policy which of the two ways to add is right.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable

from trainer_client.config import AdditionConfig
from trainer_client.types import Example


def addition_examples(config: AdditionConfig) -> tuple[list[Example], list[Example]]:
    """Training and held-out problems: all distinct, so the second are never trained on."""
    rng = random.Random(config.seed)  # noqa: S311 -- chooses exercises, guards nothing
    wanted = config.held_out_problems + config.train_problems
    problems = _distinct_problems(config, wanted, rng)
    examples = [_example(numbers, config.slip_share, rng) for numbers in problems]
    return examples[config.held_out_problems :], examples[: config.held_out_problems]


def _distinct_problems(config: AdditionConfig, wanted: int, rng: random.Random) -> list[tuple[int, ...]]:
    numbers = range(1, config.max_number + 1)
    exist = math.pow(config.max_number, config.terms)
    if exist <= 4 * wanted:  # most of them are wanted: drawing until enough are found would take long
        return rng.sample(list(itertools.product(numbers, repeat=config.terms)), wanted)
    found: dict[tuple[int, ...], None] = {}
    while len(found) < wanted:
        found[tuple(rng.choice(numbers) for _ in range(config.terms))] = None
    return list(found)


def _example(numbers: tuple[int, ...], slip_share: float, rng: random.Random) -> Example:
    text = "+".join(map(str, numbers))
    solution = worked_solution(numbers, lambda: rng.random() < slip_share)
    return Example(id=text, prompt=f"{text}=", ground_truth=str(sum(numbers)), completion=solution)


def worked_solution(numbers: tuple[int, ...], slips: Callable[[], bool]) -> str:
    """The running sums between think tags, then the answer; `slips()` is asked at every carry out of the units."""
    total = numbers[0]
    steps = []
    for number in numbers[1:]:
        carries = total % 10 + number % 10 >= 10
        result = total + number - (10 if carries and slips() else 0)
        steps.append(f"{total}+{number}={result}")
        total = result
    return f"<think>{';'.join(steps)}</think><answer>{total}</answer>"
