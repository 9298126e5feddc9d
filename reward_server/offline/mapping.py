"""From a row to an item: which field of the row is which field of the item.

A path is `name`, `name.inner`, `name[0]`, or `.` for the whole row; `a|b` takes the first that is there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from pydantic import ValidationError

from reward_server.errors import ConfigError
from reward_server.misfits import misfit
from reward_server.offline.rows import BrokenRow, Row
from reward_server.wire import InvalidItem, ScoreItem
from reward_server.wire_validation import ValidationItem

# What rules of length, repetition and language look at; called the same wherever it is written down.
_FOR_RULES = {
    "completion_tokens": "completion_tokens|usage.completion_tokens",
    "completion_token_ids": "completion_token_ids",
    "finish_reason": "finish_reason",
    "think_prefilled": "think_prefilled",
    "target_language": "target_language",
    "target_length": "target_length",
}
ITEM_FIELDS = ("id", "group_id", "prompt", "completion", "ground_truth", *_FOR_RULES)
MISSING = object()

_IDS = "id|ID|unique_id|task_id|problem_id|question_id|uuid|key|idx|index|extra_info.index|response_id|name"

PRESETS: dict[str, dict[str, str]] = {
    "auto": {
        "id": _IDS,
        "group_id": _IDS,
        "prompt": "prompt|problem|question|Problem|Question|instruction",
        "completion": "completion|response|responses[0]|output",
        "ground_truth": ".",
    },
    "plain": {name: name for name in ("id", "group_id", "prompt", "completion", "ground_truth")},
    "gsm8k": {"prompt": "question", "completion": "completion", "ground_truth": "answer"},
    "math": {
        "id": "unique_id|id|idx",
        "prompt": "problem",
        "completion": "completion",
        "ground_truth": "expected_answer|answer|solution",
    },
    "humaneval": {"id": "task_id", "prompt": "prompt", "completion": "completion", "ground_truth": "."},
    "mbpp": {"id": "task_id", "prompt": "prompt|text", "completion": "completion", "ground_truth": "."},
    "verl": {
        "id": "extra_info.index",
        "group_id": "extra_info.index",
        "prompt": "prompt",
        "completion": "completion|response|responses[0]",
        "ground_truth": "reward_model.ground_truth",
    },
}

_PATH = re.compile(r"\.|[^.\[\]|]+(\.[^.\[\]|]+|\[\d+\])*")
_STEP = re.compile(r"[^.\[\]]+|\[\d+\]")


def parse_mapping(preset: str, overrides: Sequence[str]) -> dict[str, str]:
    """The preset's mapping with `FIELD=PATH` overrides from the command line. Raises ConfigError."""
    mapping = {**_FOR_RULES, **PRESETS[preset]}
    for override in overrides:
        field, separator, path = override.partition("=")
        if not separator or field not in ITEM_FIELDS:
            raise ConfigError(f"--map {override}: expected FIELD=PATH with FIELD one of {', '.join(ITEM_FIELDS)}")
        if not all(_PATH.fullmatch(choice) for choice in path.split("|")):
            raise ConfigError(
                f"--map {override}: expected a path such as answer, meta.answer, code[0], or . for the row"
            )
        mapping[field] = path
    return mapping


def to_item(row: Row | BrokenRow, mapping: Mapping[str, str]) -> ScoreItem | InvalidItem:
    """The item of a row; an InvalidItem says which field is missing."""
    if isinstance(row, BrokenRow):
        return InvalidItem(id=None, reason=row.reason)
    found = {field: _first(row, path) for field, path in mapping.items()}
    item_id = None if found.get("id", MISSING) in (MISSING, None) else str(found["id"])[:256]
    completion = found["completion"]
    if not isinstance(completion, str):
        came = "nothing" if completion is MISSING else type(completion).__name__
        reason = f"expected text at {mapping['completion']!r} for the completion, got {came}; row has {', '.join(row)}"
        return InvalidItem(id=item_id, reason=reason[:1000])
    group_id = found.get("group_id", MISSING)
    fields = {
        **{name: found[name] for name in _FOR_RULES if found.get(name, MISSING) is not MISSING},
        "id": item_id,
        "group_id": None if group_id in (MISSING, None) else str(group_id)[:256],
        "prompt": _text(found.get("prompt", MISSING)),
        "completion": completion,
        "ground_truth": None if found["ground_truth"] is MISSING else found["ground_truth"],
    }
    try:
        return ScoreItem.model_validate(fields)
    except ValidationError as error:
        return InvalidItem(id=item_id, reason=f"{misfit(error, 'item')}; --map says where a field is found")


def to_validation_item(row: Row | BrokenRow, mapping: Mapping[str, str]) -> ValidationItem | InvalidItem:
    """The row as it is validated: no completion is needed."""
    if isinstance(row, BrokenRow):
        return InvalidItem(id=None, reason=row.reason)
    found: dict[str, Any] = {
        field: _first(row, mapping[field]) if field in mapping else MISSING for field in ITEM_FIELDS
    }
    return ValidationItem(
        id=None if found["id"] in (MISSING, None) else str(found["id"])[:256],
        prompt=_text(found["prompt"]),
        ground_truth=None if found["ground_truth"] is MISSING else found["ground_truth"],
    )


def _first(row: Row, path: str) -> Any:
    for choice in path.split("|"):
        found = _follow(row, choice)
        if found is not MISSING:
            return found
    return MISSING


def _follow(row: Row, path: str) -> Any:
    here: Any = row
    for step in [] if path == "." else _STEP.findall(path):
        if step.startswith("["):
            index = int(step[1:-1])
            here = here[index] if isinstance(here, list) and index < len(here) else MISSING
        else:
            here = here.get(step, MISSING) if isinstance(here, dict) else MISSING
        if here is MISSING:
            break
    return here


def _text(prompt: Any) -> str | None:
    """A chat is flattened to the text of its messages."""
    if prompt is MISSING or prompt is None:
        return None
    if isinstance(prompt, str):
        return prompt
    if isinstance(prompt, list) and all(isinstance(message, dict) for message in prompt):
        return "\n\n".join(str(message.get("content", "")) for message in prompt)
    return orjson.dumps(prompt).decode()
