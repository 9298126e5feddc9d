"""Countdown: make a target from some numbers, each used once. Every puzzle has a solution. Pure.

    prompt        44 19 35=28
    completion    <think>44+19=63;63-35=28</think><answer>44+19-35</answer>
    ground truth  {"target": 28, "numbers": [44, 19, 35]}

The teacher finds its solution by a search. Where it slips, it claims the target for an expression that misses it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from itertools import combinations

from trainer_client.config.data import CountdownConfig
from trainer_client.tasks.expressions import Tree, equations, joined, text, value
from trainer_client.tasks.problems import Split, demonstration, distinct, generator, split
from trainer_client.types import Example

Puzzle = tuple[tuple[int, ...], int]
Valued = tuple[Tree, int]


def countdown_examples(config: CountdownConfig) -> Split:
    """Training and held-out puzzles: no two have the same numbers, in any order, with the same target."""
    rng = generator(config.seed)
    puzzles = distinct(lambda: _draw(config, rng), lambda one: (tuple(sorted(one[0])), one[1]), config.wanted)
    return split([_example(puzzle, config, rng) for puzzle in puzzles], config)


def solve(numbers: Sequence[int], target: int) -> Tree | None:
    """The first expression of all the numbers that makes the target by positive whole values; None where none does."""
    return next((tree for tree, made in _all([(Tree(number), number) for number in numbers]) if made == target), None)


def _all(parts: list[Valued]) -> Iterator[Valued]:
    """Every way to join the parts into one, with its value."""
    if len(parts) == 1:
        yield parts[0]
        return
    for first, second in combinations(range(len(parts)), 2):
        rest = [part for place, part in enumerate(parts) if place not in (first, second)]
        for pair in _pairs(parts[first], parts[second]):
            yield from _all([*rest, pair])


def _pairs(one: Valued, other: Valued) -> Iterator[Valued]:
    """The two joined by each sign that leaves a positive whole number."""
    (big, most), (small, least) = (one, other) if one[1] >= other[1] else (other, one)
    yield joined(one[0], "+", other[0]), most + least
    if most > least:
        yield joined(big, "-", small), most - least
    if least > 1:
        yield joined(one[0], "*", other[0]), most * least
        if most % least == 0:
            yield joined(big, "/", small), most // least


def _draw(config: CountdownConfig, rng: random.Random) -> Puzzle:
    """Numbers, and a target that some expression of them makes."""
    while True:
        numbers = tuple(rng.randint(1, config.max_number) for _ in range(config.numbers))
        parts = [(Tree(number), number) for number in numbers]
        while len(parts) > 1:
            pair = [parts.pop(rng.randrange(len(parts))) for _ in range(2)]
            parts.append(rng.choice(list(_pairs(*pair))))
        if parts[0][1] <= config.max_target:
            return numbers, parts[0][1]


def _example(puzzle: Puzzle, config: CountdownConfig, rng: random.Random) -> Example:
    numbers, target = puzzle
    listed = " ".join(map(str, numbers))
    words = f"Make {target} from the numbers {', '.join(map(str, numbers))}: use each of them once, with + - * / ( )."
    return Example(
        id=f"{listed}={target}",
        prompt=f"{listed}={target}" if config.wording == "signs" else words,
        ground_truth={"target": target, "numbers": list(numbers)},
        completion=worked_solution(puzzle, rng, slips=rng.random() < config.slip_share),
    )


def worked_solution(puzzle: Puzzle, rng: random.Random, *, slips: bool) -> str:
    """The steps of a solution and its expression; `slips`: an expression that misses, with a false last step."""
    numbers, target = puzzle
    tree = _near_miss(numbers, target, rng) if slips else solve(numbers, target)
    if tree is None:
        raise ValueError(f"{target} cannot be made from {numbers}")
    steps, made = equations(tree)
    steps[-1] = steps[-1].removesuffix(f"={made}") + f"={target}"
    return demonstration(steps, text(tree))


def _near_miss(numbers: Sequence[int], target: int, rng: random.Random) -> Tree:
    """An expression of all the numbers that comes to something else."""
    shuffled = rng.sample(list(numbers), len(numbers))
    tree = Tree(shuffled[0])
    for number in shuffled[1:]:
        tree = joined(tree, rng.choice("+-"), Tree(number))
    if value(tree) != target:
        return tree
    last = tree.right
    if tree.left is None or last is None:
        raise ValueError("a puzzle has at least two numbers")
    return joined(tree.left, "-" if tree.sign == "+" else "+", last)
