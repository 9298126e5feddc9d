"""A file of problems, or a built-in task, as examples that are read when they are asked for, and as prompts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from trainer_client.config.data import DataConfig, FieldsConfig
from trainer_client.config.recipes import ProblemsConfig, PromptTextConfig
from trainer_client.data import FileExamples, PromptBuilder
from trainer_client.data.examples import Chosen
from trainer_client.errors import DataError
from trainer_client.tasks import task_examples
from trainer_client.types import Example, Prompt

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

# Where a demonstration and its reference are looked for unless the fields say it; learning needs no reference.
DEMONSTRATED = {"completion": "completion", "ground_truth": "ground_truth|."}


def open_problems(
    config: ProblemsConfig, notice: Callable[[str], None] = lambda _: None, demonstrated: bool = False
) -> Sequence[Example]:
    """The problems in the order of the file, from `skip`, at most `limit`; with `demonstrated`, with completions.

    `notice` is told what was left out. Raises DataError for a file that cannot be used, and when no problem is left.
    """
    everything = _all_problems(config, notice, demonstrated)
    stop = len(everything) if config.limit is None else min(config.skip + config.limit, len(everything))
    if config.skip >= stop:
        raise DataError(f"there are {len(everything)} problems, none from {config.skip} on; see problems.skip")
    return Chosen(everything, range(config.skip, stop))


def prompt_builder(config: PromptTextConfig, tokenizer: PreTrainedTokenizerBase) -> PromptBuilder:
    """Builds prompts as `config` says."""
    source = Path("unused")  # the builder reads no file
    text = {"template": config.template, "chat": config.chat, "system": config.system}
    return PromptBuilder(DataConfig.model_validate({"train": source, "held_out": source, **text}), tokenizer)


def fits(prompt: Prompt, limit: int) -> bool:
    """Whether the prompt has 1..limit tokens."""
    return 1 <= len(prompt.token_ids) <= limit


def prompt_value(example: Example) -> str | list[dict[str, str]]:
    """The prompt as a row has it, so that it is read back as the same: text, or the messages of a chat."""
    if not example.turns:
        return example.prompt
    return [{"role": role, "content": content} for role, content in example.turns]


def _all_problems(config: ProblemsConfig, notice: Callable[[str], None], demonstrated: bool) -> Sequence[Example]:
    task = config.task
    if task is not None:
        train, held_out = task_examples(task)
        return train if config.split == "train" else held_out
    if config.path is None:
        raise DataError("neither problems.path nor a built-in task is given")
    fields = _with_demonstrations(config.fields) if demonstrated else config.fields
    examples = FileExamples(config.path, fields, config.max_broken_rows)
    if examples.broken_count:
        named = "".join(f"\n  {one}" for one in examples.broken)
        notice(f"{examples.broken_count} rows of {config.path} cannot be used and are left out, the first:{named}")
    return examples


def _with_demonstrations(fields: FieldsConfig) -> FieldsConfig:
    if fields.preset != "plain":
        return fields.model_copy(update={"completion": fields.completion or DEMONSTRATED["completion"]})
    given = {name: path for name, path in fields.model_dump().items() if path is not None}
    return FieldsConfig.model_validate(DEMONSTRATED | given)
