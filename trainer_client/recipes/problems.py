"""A file of problems, or a built-in task, as examples that are read when they are asked for, and as prompts."""

from __future__ import annotations

import hashlib
import json
from array import array
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from trainer_client.config.data import DataConfig, FieldsConfig
from trainer_client.config.recipes import ProblemsConfig, PromptTextConfig
from trainer_client.data import FileExamples, PromptBuilder
from trainer_client.data.examples import Chosen
from trainer_client.errors import DataError
from trainer_client.recipes.rows import Row, read_rows
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


def firsts(problems: Sequence[Example], name: Callable[[Example], str]) -> Sequence[int]:
    """The places of the problems whose name no earlier one has; eight bytes a problem in memory meanwhile."""
    hashes = (hashlib.blake2b(name(one).encode(errors="replace"), digest_size=8).digest() for one in problems)
    known = np.fromiter((int.from_bytes(digest) for digest in hashes), dtype=np.uint64, count=len(problems))
    return array("Q", np.sort(np.unique(known, return_index=True)[1]).tolist())


def without_repeats(problems: Sequence[Example], notice: Callable[[str], None]) -> Sequence[Example]:
    """The problems but for those whose prompt and ground truth an earlier one has; `notice` is told of them."""
    places = firsts(problems, lambda one: json.dumps([prompt_value(one), one.ground_truth], sort_keys=True))
    if len(places) == len(problems):
        return problems
    notice(f"{len(problems) - len(places)} of {len(problems)} problems repeat an earlier one and are left out")
    return Chosen(problems, places)


def tell_shared_ids(problems: Sequence[Example], notice: Callable[[str], None]) -> None:
    """Say it when problems cannot be told apart by their ids."""
    if (shared := len(problems) - len(firsts(problems, lambda one: one.id))) > 0:
        notice(
            f"{shared} of {len(problems)} problems have the id of an earlier one, so pass rates by id are those of the "
            "last: see problems.fields.id"
        )


def tell_of_rejected(path: Path | None, notice: Callable[[str], None]) -> None:
    """Say it when a file of demonstrations holds what rejection sampling did not keep."""
    if "dropped" in _first_row(path):
        notice(f"{path} holds completions that were left out too; those that were kept are in samples.jsonl beside it")


def tell_of_prompts(path: Path | None, text: PromptTextConfig, notice: Callable[[str], None]) -> None:
    """Say it when prompts are built otherwise than they were when the samples of a file were drawn."""
    made = _first_row(path).get("provenance")
    drawn = {key: made[key] for key in PromptTextConfig.model_fields if key in made} if isinstance(made, dict) else {}
    if other := [f"{key} = {was!r}" for key, was in drawn.items() if getattr(text, key) != was]:
        notice(f"the prompts of {path} were drawn with {', '.join(other)}, here they are built otherwise")


def _first_row(path: Path | None) -> Row:
    """Of a JSONL file; empty for anything else."""
    if path is None or path.suffix != ".jsonl":
        return {}
    return next((row for _, row in read_rows(path)), {})


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
