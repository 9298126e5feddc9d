"""Any data set of the reasoning-gym package, where it is installed: rows {question, answer, metadata}.

The whole row is the ground truth, as the check `reasoning_gym` wants it. Source: Reasoning Gym (arXiv:2505.24760).
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from importlib import import_module
from itertools import islice
from typing import Any

from trainer_client.config.data import ReasoningGymConfig
from trainer_client.errors import DataError
from trainer_client.tasks.problems import Split, generator, split
from trainer_client.types import Example

ROWS_PER_PROBLEM = 20


def gym_examples(config: ReasoningGymConfig) -> Split:
    """Training and held-out problems: no two ask the same. Raises DataError where the package cannot give them."""
    rows = list(islice(_different(_rows(config)), config.wanted))
    if len(rows) < config.wanted:
        raise DataError(
            f"{config.wanted} different problems of reasoning-gym's {config.dataset} wanted, only {len(rows)} came "
            f"among {ROWS_PER_PROBLEM * config.wanted}: ask for fewer, or set data.reasoning_gym.params"
        )
    rng = generator(config.seed)
    return split([_example(place, row, rows, config, rng) for place, row in enumerate(rows)], config)


def _rows(config: ReasoningGymConfig) -> Iterator[dict[str, Any]]:
    try:
        package = import_module("reasoning_gym")
    except ImportError as error:
        raise DataError("data.reasoning_gym needs the package: pip install 'assay[puzzles]'") from error
    size = ROWS_PER_PROBLEM * config.wanted
    try:
        data = package.create_dataset(config.dataset, seed=config.seed, size=size, **config.params)
        for place in range(size):
            yield json.loads(json.dumps(dict(data[place])))
    except Exception as error:  # other people's code: whatever it raises is a fault of the settings or of the data set
        raise DataError(f"reasoning-gym's {config.dataset} cannot be used: {type(error).__name__}: {error}") from error


def _different(rows: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    seen: set[str] = set()
    for row in rows:
        if row["question"] not in seen:
            seen.add(row["question"])
            yield row


def _example(
    place: int, row: Mapping[str, Any], rows: list[dict[str, Any]], config: ReasoningGymConfig, rng: random.Random
) -> Example:
    shown = rng.choice(rows) if rng.random() < config.slip_share else row
    completion = f"<answer>{shown['answer']}</answer>" if isinstance(shown["answer"], str) else None
    return Example(
        id=f"{config.dataset}-{config.seed}-{place}",
        prompt=row["question"],
        ground_truth=dict(row),
        completion=completion,
        source=config.dataset,
    )
