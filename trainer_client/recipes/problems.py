"""A file of problems, or the demo task, as prompts: one after another, never all in memory."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from trainer_client.config import DataConfig
from trainer_client.config.recipes import WHOLE_ROW, ProblemFields, ProblemsConfig, PromptTextConfig
from trainer_client.data import PromptBuilder
from trainer_client.errors import DataError
from trainer_client.recipes.rows import Row, read_rows
from trainer_client.tasks.addition import addition_examples
from trainer_client.types import Example, Prompt

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def read_problems(config: ProblemsConfig, demonstrated: bool = False) -> Iterator[Example]:
    """The problems in the order of the file, from `skip`, at most `limit`; with `demonstrated`, with completions.

    Raises DataError naming file and line.
    """
    stop = None if config.limit is None else config.skip + config.limit
    yield from islice(_all_problems(config, demonstrated), config.skip, stop)


def count_problems(config: ProblemsConfig) -> int:
    """How many problems there are. Raises DataError when there is none."""
    count = sum(1 for _ in read_problems(config))
    if count == 0:
        raise DataError(f"{config.path or 'the demo task'} holds no problems, from {config.skip} on")
    return count


def prompt_builder(config: PromptTextConfig, tokenizer: PreTrainedTokenizerBase) -> PromptBuilder:
    """Builds prompts as `config` says."""
    source = Path("unused")  # the builder reads no file
    text = {"template": config.template, "chat": config.chat, "system": config.system}
    return PromptBuilder(DataConfig.model_validate({"train": source, "held_out": source, **text}), tokenizer)


def fits(prompt: Prompt, limit: int) -> bool:
    """Whether the prompt has 1..limit tokens."""
    return 1 <= len(prompt.token_ids) <= limit


def _all_problems(config: ProblemsConfig, demonstrated: bool) -> Iterator[Example]:
    if config.addition is not None:
        train, held_out = addition_examples(config.addition)
        yield from train if config.split == "train" else held_out
        return
    if config.path is None:
        raise DataError("neither problems.path nor problems.addition is given")
    for number, row in read_rows(config.path):
        yield to_example(row, config.fields, f"{config.path}:{number}", str(number), demonstrated)


def to_example(row: Row, fields: ProblemFields, place: str, name: str, demonstrated: bool) -> Example:
    """The example of a row; `name` is its id where the fields name none. Raises DataError."""
    wanted = [fields.prompt, *([fields.completion] if demonstrated else [])]
    for key in wanted:
        if not isinstance(row.get(key), str):
            raise DataError(f"{place}: expected text under {key!r}; keys are {sorted(row)}; see problems.fields")
    named = [key for key in (fields.ground_truth, fields.id) if key not in (None, WHOLE_ROW)]
    for key in named:
        if key not in row and not (demonstrated and key == fields.ground_truth):
            raise DataError(f"{place}: no key {key!r}; it has {sorted(row)}; see problems.fields")
    return Example(
        id=name if fields.id is None else str(row[fields.id]),
        prompt=row[fields.prompt],
        ground_truth=row if fields.ground_truth == WHOLE_ROW else row.get(fields.ground_truth),
        completion=row[fields.completion] if demonstrated else None,
    )
