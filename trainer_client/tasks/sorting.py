"""Sorting: different numbers, smallest first. Pure.

    prompt        31 4 15=
    completion    <think>4;4 15;4 15 31</think><answer>4 15 31</answer>

The teacher takes the smallest number that is left, again and again. Where it slips, it takes the next one too early.
"""

from __future__ import annotations

import random

from trainer_client.config.data import SortingConfig
from trainer_client.tasks.problems import Split, demonstration, distinct, generator, split
from trainer_client.types import Example


def sorting_examples(config: SortingConfig) -> Split:
    """Training and held-out problems: no two have the same numbers, in whatever order."""
    rng = generator(config.seed)
    everything = range(1, config.max_number + 1)
    problems = distinct(
        lambda: tuple(rng.sample(everything, config.numbers)), lambda one: tuple(sorted(one)), config.wanted
    )
    return split([_example(numbers, config, rng) for numbers in problems], config)


def _example(numbers: tuple[int, ...], config: SortingConfig, rng: random.Random) -> Example:
    listed = " ".join(map(str, numbers))
    slip = rng.randrange(len(numbers) - 1) if rng.random() < config.slip_share else None
    return Example(
        id=listed,
        prompt=f"{listed}=" if config.wording == "signs" else f"Put these numbers in order, smallest first: {listed}",
        ground_truth=" ".join(map(str, sorted(numbers))),
        completion=worked_solution(numbers, slip),
    )


def worked_solution(numbers: tuple[int, ...], slip: int | None = None) -> str:
    """The growing sorted list, then all of it; `slip` is the place whose number changes places with the next."""
    order = sorted(numbers)
    if slip is not None:
        order[slip : slip + 2] = order[slip + 1], order[slip]
    steps = [" ".join(map(str, order[:count])) for count in range(1, len(order) + 1)]
    return demonstration(steps, steps[-1])
