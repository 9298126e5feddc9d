"""Addition, the demo task: sums of a few numbers, solved step by step in the R1 format. Pure.

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

from trainer_client.config.data import AdditionConfig
from trainer_client.tasks.problems import Split, demonstration, distinct, generator, split
from trainer_client.types import Example


def addition_examples(config: AdditionConfig) -> Split:
    """Training and held-out problems: all distinct, so the second are never trained on."""
    rng = generator(config.seed)
    problems = _distinct_problems(config, rng)
    return split([_example(numbers, config, rng) for numbers in problems], config)


def _distinct_problems(config: AdditionConfig, rng: random.Random) -> list[tuple[int, ...]]:
    numbers = range(1, config.max_number + 1)
    exist = math.pow(config.max_number, config.terms)
    if exist <= 4 * config.wanted:  # most of them are wanted: drawing until enough are found would take long
        return rng.sample(list(itertools.product(numbers, repeat=config.terms)), config.wanted)
    return distinct(lambda: tuple(rng.choice(numbers) for _ in range(config.terms)), tuple, config.wanted)


def _example(numbers: tuple[int, ...], config: AdditionConfig, rng: random.Random) -> Example:
    text = "+".join(map(str, numbers))
    solution = worked_solution(numbers, lambda: rng.random() < config.slip_share)
    prompt = f"{text}=" if config.wording == "signs" else f"What is {text}?"
    return Example(id=text, prompt=prompt, ground_truth=str(sum(numbers)), completion=solution)


def worked_solution(numbers: tuple[int, ...], slips: Callable[[], bool]) -> str:
    """The running sums between think tags, then the answer; `slips()` is asked at every carry out of the units."""
    total = numbers[0]
    steps = []
    for number in numbers[1:]:
        carries = total % 10 + number % 10 >= 10
        result = total + number - (10 if carries and slips() else 0)
        steps.append(f"{total}+{number}={result}")
        total = result
    return demonstration(steps, str(total))
