"""Arithmetic: expressions with brackets, worked out one operation after the other. Pure.

    prompt        (3+4)*2-5=
    completion    <think>3+4=7;7*2=14;14-5=9</think><answer>9</answer>

Every step is an equation, so a check of equations can reward each. Where the teacher slips, one result is off by one
or by ten, and the work goes on with it: that equation is false, those behind it are true, the answer is wrong.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import count

from trainer_client.config.data import ArithmeticConfig
from trainer_client.errors import DataError
from trainer_client.tasks.expressions import Tree, equations, joined, text, value, values
from trainer_client.tasks.problems import MOST_REPEATS, Split, demonstration, distinct, generator, split
from trainer_client.types import Example


def arithmetic_examples(config: ArithmeticConfig) -> Split:
    """Training and held-out problems: no two have the same text."""
    rng = generator(config.seed)
    trees = distinct(lambda: _draw(config, rng), text, config.wanted)
    return split([_example(tree, config, rng) for tree in trees], config)


def _draw(config: ArithmeticConfig, rng: random.Random) -> Tree:
    """An expression whose values all lie in 0..max_value."""
    for _ in range(MOST_REPEATS):
        tree = _any_tree(config.steps, config, rng)
        if all(made is not None and 0 <= made <= config.max_value for made in values(tree)):
            return tree
    raise DataError(
        f"no expression of {config.steps} steps stays in 0..{config.max_value}: allow a larger max_value, or lower "
        "max_number"
    )


def _any_tree(steps: int, config: ArithmeticConfig, rng: random.Random) -> Tree:
    if steps == 0:
        return Tree(rng.randint(1, config.max_number))
    left = rng.randrange(steps)
    return joined(_any_tree(left, config, rng), rng.choice(config.operators), _any_tree(steps - 1 - left, config, rng))


def _example(tree: Tree, config: ArithmeticConfig, rng: random.Random) -> Example:
    expression = text(tree)
    slip = rng.randrange(config.steps) if rng.random() < config.slip_share else None
    return Example(
        id=expression,
        prompt=f"{expression}=" if config.wording == "signs" else f"What is {expression}?",
        ground_truth=str(value(tree)),
        completion=worked_solution(tree, slip, rng.choice((1, 10))),
    )


def worked_solution(tree: Tree, slip: int | None = None, off: int = 1) -> str:
    """One equation a step, then the result; the step `slip` comes out too large by `off`.

    A later slip is taken where this one would leave the answer right, as a factor of 0 does.
    """
    truth = value(tree)
    steps, made = equations(tree)
    for place in range(len(steps) if slip is None else slip, len(steps)):
        steps, made = equations(tree, _slipping(place, off))
        if made != truth:
            break
    return demonstration(steps, str(made))


def _slipping(place: int, off: int) -> Callable[[int], int]:
    """Writes down the results as they are, but that of one place too large."""
    number = count()
    return lambda result: result + off if next(number) == place else result
