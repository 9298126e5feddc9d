"""What the built-in tasks share: different problems, split once, and the text of a demonstration. Pure."""

from __future__ import annotations

import random
from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

from trainer_client.config.data import GeneratedConfig
from trainer_client.errors import DataError
from trainer_client.types import Example

P = TypeVar("P")
Split = tuple[list[Example], list[Example]]

MOST_REPEATS = 10_000


def distinct(draw: Callable[[], P], key: Callable[[P], Hashable], wanted: int) -> list[P]:
    """`wanted` drawn problems whose keys all differ. Raises DataError when new ones no longer come."""
    found: dict[Hashable, P] = {}
    repeats = 0
    while len(found) < wanted:
        problem = draw()
        repeats = repeats + 1 if key(problem) in found else 0
        if repeats > MOST_REPEATS:
            raise DataError(
                f"{wanted} different problems wanted, and after {len(found)} no new one came in {MOST_REPEATS} draws: "
                "ask for fewer, or allow larger numbers"
            )
        found.setdefault(key(problem), problem)
    return list(found.values())


def split(examples: Sequence[Example], config: GeneratedConfig) -> Split:
    """Training and held-out examples: the first ones are held out."""
    return list(examples[config.held_out_problems :]), list(examples[: config.held_out_problems])


def generator(seed: int) -> random.Random:
    """Random numbers that depend on the seed alone."""
    return random.Random(seed)  # noqa: S311 -- chooses exercises, guards nothing


def demonstration(steps: Sequence[str], answer: str) -> str:
    """Steps between think tags, then the answer: the R1 format."""
    return f"<think>{';'.join(steps)}</think><answer>{answer}</answer>"
