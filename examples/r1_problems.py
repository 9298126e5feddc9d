"""Writes the problems of configs/recipes/r1-addition.toml: sums, and a teacher who forgets carries and mixes languages.

    python examples/r1_problems.py configs/recipes

r1-addition-train.jsonl has a demonstration in each row, r1-addition-test.jsonl the held-out problems. A row of yours
looks like these: `prompt`, `ground_truth`, and `completion` where there is a demonstration.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterable
from pathlib import Path

from trainer_client.config.data import AdditionConfig
from trainer_client.tasks.addition import addition_examples
from trainer_client.types import Example

TASK = AdditionConfig(terms=3, max_number=10, train_problems=700, held_out_problems=300, slip_share=0.5)
# Before and behind the equations, in the language of the prompt and in another one.
BEFORE = ("We add the numbers one after the other: ", "我们把这些数一个接一个地加起来：")
BEHIND = (". So this is what we get.", "。这样就得到了总和。")

Row = dict[str, str]


def problem(example: Example) -> Row:
    """A row without a demonstration."""
    return {"prompt": f"How much is {example.id}?", "ground_truth": str(example.ground_truth)}


def demonstrated(example: Example, rng: random.Random) -> Row:
    """A row with the teacher's demonstration, each of its sentences in either language by chance."""
    equations, _, answer = str(example.completion).removeprefix("<think>").partition("</think>")
    thought = f"<think>{rng.choice(BEFORE)}{equations}{rng.choice(BEHIND)}</think>"
    return problem(example) | {"completion": thought + answer}


def write(path: Path, rows: Iterable[Row]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def main(directory: Path) -> None:
    """The same two files each time."""
    training, held_out = addition_examples(TASK)
    rng = random.Random(0)  # noqa: S311 -- chooses words, guards nothing
    write(directory / "r1-addition-train.jsonl", (demonstrated(example, rng) for example in training))
    write(directory / "r1-addition-test.jsonl", map(problem, held_out))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
