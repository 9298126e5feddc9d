"""Rows to examples: which field of a row means what, for plain rows and for the shapes of known data sets. Pure.

The path language is that of `reward-server score --map`: `name`, `name.inner`, `name[0]`, `.` for the whole row, and
`a|b` for the first that is there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trainer_client.config.data import FieldsConfig
from trainer_client.types import Example

MISSING = object()
SHOWN_CHARS = 80

_STEP = re.compile(r"[^.\[\]]+|\[\d+\]")
_NAMES = "unique_id|task_id|problem_id|question_id|uuid|id|ID|extra_info.index"
_PROMPTS = "prompt|problem|question|Problem|Question|instruction"

PRESETS: dict[str, dict[str, str]] = {
    "plain": {"prompt": "prompt", "ground_truth": "ground_truth"},
    "auto": {"id": _NAMES, "prompt": _PROMPTS, "ground_truth": ".", "source": "data_source"},
    "gsm8k": {"prompt": "question", "ground_truth": "answer"},
    "math": {"id": "unique_id|id|idx", "prompt": "problem", "ground_truth": "expected_answer|answer|solution"},
    "humaneval": {"id": "task_id", "prompt": "prompt", "ground_truth": "."},
    "mbpp": {"id": "task_id", "prompt": "prompt|text", "ground_truth": "."},
    "verl": {
        "id": "extra_info.index",
        "prompt": "prompt",
        "ground_truth": "reward_model.ground_truth",
        "source": "data_source",
    },
}


class RowError(ValueError):
    """A row that cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Paths:
    """Where in a row each part of an example stands; None: nowhere."""

    prompt: str
    ground_truth: str
    id: str | None = None
    completion: str | None = None
    source: str | None = None

    @classmethod
    def of(cls, fields: FieldsConfig) -> Paths:
        """The preset's paths with those that the configuration gives itself."""
        given = {name: path for name, path in fields.model_dump(exclude={"preset"}).items() if path is not None}
        return cls(**(PRESETS[fields.preset] | given))

    @property
    def columns(self) -> frozenset[str] | None:
        """The top-level fields that may be looked at; None: all of them."""
        given = (self.prompt, self.ground_truth, self.id, self.completion, self.source)
        choices = [choice for path in given if path is not None for choice in path.split("|")]
        return None if "." in choices else frozenset(_STEP.findall(choice)[0] for choice in choices)


def find(row: Any, path: str) -> Any:
    """What stands at the path, the first of its choices that is there; MISSING where none is."""
    for choice in path.split("|"):
        found = row if choice == "." else _follow(row, choice)
        if found is not MISSING:
            return found
    return MISSING


def _follow(here: Any, path: str) -> Any:
    for step in _STEP.findall(path):
        if step.startswith("["):
            place = int(step[1:-1])
            here = here[place] if isinstance(here, list) and place < len(here) else MISSING
        else:
            here = here.get(step, MISSING) if isinstance(here, Mapping) else MISSING
    return here


def to_example(row: Any, paths: Paths, number: int) -> Example:
    """The example of row `number`, whose id that is where the row has none of its own. Raises RowError."""
    if not isinstance(row, dict):
        raise RowError(f"expected an object, got {type(row).__name__}: {_shown(row)}")
    truth = find(row, paths.ground_truth)
    prompt, turns = _prompt(row, paths.prompt)
    if truth is None:
        raise RowError(f"the ground truth under {paths.ground_truth!r} is null")
    if truth is MISSING:
        raise RowError(f"no key {paths.ground_truth!r}; it has {sorted(row)}; see data.fields")
    return Example(
        id=_name(row, paths.id, str(number)),
        prompt=prompt,
        ground_truth=truth,
        completion=None if paths.completion is None else _text(row, paths.completion),
        turns=turns,
        source=_name(row, paths.source, ""),
    )


def _name(row: Any, path: str | None, otherwise: str) -> str:
    found = MISSING if path is None else find(row, path)
    return otherwise if found is MISSING or found is None else str(found)


def _prompt(row: dict[str, Any], path: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The text of a prompt, and its messages where it is a chat."""
    if not isinstance(find(row, path), list):
        return _text(row, path), ()
    turns = tuple(_turn(message) for message in find(row, path))
    if not turns or turns[-1][0] not in ("user", "tool"):
        last = turns[-1][0] if turns else "nothing"
        raise RowError(f"expected chat messages that end with the user's under {path!r}, got {last!r} at the end")
    return "\n\n".join(content for _, content in turns), turns


def _turn(message: Any) -> tuple[str, str]:
    role = message.get("role") if isinstance(message, dict) else None
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, list):  # parts; an image is more than this trainer can show a policy
        texts = [part.get("text") if isinstance(part, dict) else part for part in content]
        content = "".join(map(str, texts)) if all(isinstance(text, str) for text in texts) else None
    if not isinstance(role, str) or not isinstance(content, str):
        raise RowError(f'expected messages {{"role", "content"}} of text, got {_shown(message)}')
    return role, _whole(content)


def _text(row: dict[str, Any], path: str) -> str:
    value = find(row, path)
    if not isinstance(value, str):
        came = "nothing" if value is MISSING else _shown(value)
        raise RowError(f"expected text under {path!r}, got {came}; keys are {sorted(row)}; see data.fields")
    return _whole(value)


def _whole(text: str) -> str:
    """The text, when UTF-8 can hold it: no tokenizer and no server takes another one."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise RowError(f"expected text, got half of a character, {text[error.start]!r}, in {_shown(text)}") from error
    return text


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN_CHARS else text[: SHOWN_CHARS - 1] + "…"
