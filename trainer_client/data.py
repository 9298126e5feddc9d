"""Data sets to prompts, in an order that depends on the seed and a cursor only."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trainer_client.addition import addition_examples
from trainer_client.config import DataConfig, FieldsConfig
from trainer_client.errors import DataError
from trainer_client.types import Example, Prompt

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class Shuffled:
    """An endless stream of examples: every epoch a new permutation; `cursor` counts what was taken so far."""

    def __init__(self, examples: Sequence[Example], seed: int, name: str, cursor: int = 0) -> None:
        self._examples = examples
        self._key = f"{seed}:{name}"
        self._epoch = -1
        self._order: list[int] = []
        self.cursor = cursor

    def take(self, count: int) -> list[Example]:
        """The next `count` examples; the cursor moves on by as many."""
        taken = [self._at(self.cursor + offset) for offset in range(count)]
        self.cursor += count
        return taken

    def _at(self, position: int) -> Example:
        epoch, place = divmod(position, len(self._examples))
        if epoch != self._epoch:
            self._order = list(range(len(self._examples)))
            random.Random(f"{self._key}:{epoch}").shuffle(self._order)  # noqa: S311 -- an order, not a secret
            self._epoch = epoch
        return self._examples[self._order[place]]


def load_examples(config: DataConfig) -> tuple[list[Example], list[Example]]:
    """Training and held-out examples."""
    if config.addition is not None:
        return addition_examples(config.addition)
    if config.train is None or config.held_out is None:
        raise DataError("neither data.addition nor data.train and data.held_out is given")
    train, held_out = read_jsonl(config.train, config.fields), read_jsonl(config.held_out, config.fields)
    if {example.prompt for example in train} & {example.prompt for example in held_out}:
        raise DataError(f"{config.train} and {config.held_out} share prompts: held-out problems must be unseen")
    return train, held_out


def read_jsonl(path: Path, fields: FieldsConfig) -> list[Example]:
    """One example for each line; blank lines are passed over. Raises DataError naming file and line."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read the data file {path}: {error}") from error
    examples = [
        _row_to_example(line, fields, f"{path}:{number}", number)
        for number, line in enumerate(lines, start=1)
        if line.strip()
    ]
    if not examples:
        raise DataError(f"{path} holds no rows")
    return examples


def _row_to_example(line: str, fields: FieldsConfig, place: str, number: int) -> Example:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise DataError(f"{place}: not JSON: {error}") from error
    if not isinstance(row, dict):
        raise DataError(f"{place}: expected an object, got {type(row).__name__}")
    completion = None if fields.completion is None else _text(row, fields.completion, place)
    if fields.ground_truth not in row:
        raise DataError(f"{place}: no key {fields.ground_truth!r}; it has {sorted(row)}; see data.fields")
    return Example(
        id=str(number),
        prompt=_text(row, fields.prompt, place),
        ground_truth=row[fields.ground_truth],
        completion=completion,
    )


def _text(row: dict[str, Any], key: str, place: str) -> str:
    value = row.get(key)
    if not isinstance(value, str):
        raise DataError(f"{place}: expected text under {key!r}, got {value!r}; keys are {sorted(row)}; see data.fields")
    return value


class PromptBuilder:
    """Examples to prompts: template, chat template, tokens."""

    def __init__(self, config: DataConfig, tokenizer: PreTrainedTokenizerBase) -> None:
        if config.chat and not getattr(tokenizer, "chat_template", None):
            raise DataError("data.chat = true, but the tokenizer has no chat template; set data.chat = false")
        self._config = config
        self._tokenizer = tokenizer

    def prompt(self, example: Example) -> Prompt:
        """The example as the policy will see it."""
        text = self._config.template.replace("{prompt}", example.prompt)
        if self._config.chat:
            turns = [{"role": "user", "content": text}]
            if self._config.system is not None:
                turns.insert(0, {"role": "system", "content": self._config.system})
            text = str(self._tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))
        ids = self._tokenizer(text, add_special_tokens=not self._config.chat)["input_ids"]
        return Prompt(example, text, tuple(ids))

    def fitting(self, examples: Sequence[Example]) -> list[Example]:
        """The examples whose prompt has 1..max_prompt_tokens tokens. Raises DataError when none is left."""
        limit = self._config.max_prompt_tokens
        kept = [example for example in examples if 1 <= len(self.prompt(example).token_ids) <= limit]
        if not kept:
            raise DataError(f"no prompt is 1..{limit} tokens long; see data.max_prompt_tokens")
        return kept
