"""Judged completions to pairs: a right and a wrong answer to one prompt. Choosing is pure; the file is streamed."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import NoneType
from typing import Any

from trainer_client.config.recipes import PairsConfig
from trainer_client.errors import CheckpointError, DataError
from trainer_client.recipes.bar import Notice, watched
from trainer_client.recipes.ledger import json_lines
from trainer_client.recipes.rows import Row, RowGroups
from trainer_client.run_dir import not_written

NEEDED: dict[str, tuple[Any, str]] = {
    "prompt": ((str, list), "text or chat messages"),
    "completion": (str, "text"),
    "reward": ((int, float, NoneType), "a number or null"),
    "components": (dict, "an object of numbers"),
    "truncated": (bool, "true or false"),
}


@dataclass(slots=True)
class PairCount:
    """What became of the groups. `unfit` are pairs that are too long, or the same to the model; `drift` is the tokens
    by which chosen are longer than rejected, over all pairs.
    """

    prompts: int = 0
    without_contrast: int = 0
    unfit: int = 0
    pairs: int = 0
    drift: int = 0


def write_pairs(
    config: PairsConfig, seed: int, target: Path, fitting: Callable[[Row], bool], notice: Notice = lambda _: None
) -> PairCount:
    """Write one line for each pair and return the count; `target` appears when it is complete.

    Rows of one prompt and ground truth that were judged by the same rules are a group wherever they lie in the file.
    Raises DataError for a row that lacks a key, and when no pair can be made.
    """
    count = PairCount()
    unfinished = target.with_name(f".{target.name}.unfinished")
    try:
        with unfinished.open("wb") as file:
            for pair in _all_pairs(config, seed, count, fitting, notice):
                file.write(json_lines([pair]))
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise CheckpointError(not_written(target, error)) from error
    if count.pairs == 0:
        unfinished.unlink()
        raise DataError(
            f"{config.path} gives no pair: {count.without_contrast} of {count.prompts} prompts have no right and wrong "
            f"completion by pairs.by = {config.by!r}, {count.unfit} pairs do not fit the model. Draw more samples of "
            "each prompt, or of prompts that the model sometimes solves; see [pairs]"
        )
    unfinished.replace(target)
    return count


def _all_pairs(
    config: PairsConfig, seed: int, count: PairCount, fitting: Callable[[Row], bool], notice: Notice
) -> Iterator[Row]:
    groups = RowGroups(config.path, group_name)
    for name, rows in watched(groups, "making pairs of prompts", len(groups), notice):
        chosen = choose_pairs(rows, config, f"{seed}:{name}", count.drift)
        count.prompts += 1
        count.without_contrast += not chosen
        for right, wrong in chosen:
            pair = as_pair(right, wrong)
            if not fitting(pair):
                count.unfit += 1
                continue
            count.pairs += 1
            count.drift += size(right) - size(wrong)
            yield pair


def choose_pairs(rows: Sequence[Row], config: PairsConfig, seed: str, drift: int = 0) -> list[tuple[Row, Row]]:
    """At most `per_prompt` pairs (right, wrong) of the completions of one prompt.

    Each completion is used before any is used again. With `balance_length`, of equally used ones the pair is taken that
    brings `drift`, the tokens by which chosen are longer so far, closest to zero; otherwise a seeded draw.
    """
    candidates = [(a, b) for a in _distinct(rows) for b in _distinct(rows) if is_pair(a, b, config)]
    random.Random(seed).shuffle(candidates)  # noqa: S311 -- a choice, not a secret
    used: dict[str, int] = {}
    taken: list[tuple[Row, Row]] = []
    while candidates and len(taken) < config.per_prompt:
        best = min(candidates, key=lambda pair: _cost(pair, used, drift, config.balance_length))
        candidates.remove(best)
        taken.append(best)
        drift += size(best[0]) - size(best[1])
        for row in best:
            used[row["completion"]] = used.get(row["completion"], 0) + 1
    return taken


def is_pair(right: Row, wrong: Row, config: PairsConfig) -> bool:
    """Whether the first is to be raised against the second. What has no reward is in no pair."""
    if right["reward"] is None or wrong["reward"] is None or right["completion"] == wrong["completion"]:
        return False
    if right["truncated"] or (wrong["truncated"] and not config.truncated):
        return False
    gap = right["reward"] - wrong["reward"]
    if config.by == "reward":
        return bool(gap > 0 and gap >= config.min_gap)
    values = (right["components"].get(config.component), wrong["components"].get(config.component))
    return values[0] == 1.0 and values[1] is not None and values[1] != 1.0 and gap >= config.min_gap


def as_pair(right: Row, wrong: Row) -> Row:
    """One line of `pairs.jsonl`."""
    return {
        "prompt": right["prompt"],
        "ground_truth": right.get("ground_truth"),
        "chosen": right["completion"],
        "rejected": wrong["completion"],
        "rejected_truncated": wrong["truncated"],
        "chosen_reward": right["reward"],
        "rejected_reward": wrong["reward"],
    }


def size(row: Row) -> int:
    """Length of a completion in tokens; in characters where the row does not say."""
    return int(row.get("completion_tokens") or len(row["completion"]))


def group_name(row: Row, place: str) -> str:
    """Names the group of a row. Raises DataError when a key is missing or holds something else."""
    if missing := [key for key in NEEDED if key not in row]:
        raise DataError(
            f"{place}: a judged completion needs {', '.join(NEEDED)}; {', '.join(missing)} is missing of "
            f"{sorted(row)}; `trainer-client sample --keep_all` writes such rows"
        )
    for key, (kinds, expected) in NEEDED.items():
        if not isinstance(row[key], kinds):
            raise DataError(f"{place}: expected {expected} under {key!r}, got {str(row[key])[:80]!r}")
    if not row["completion"].isascii() and row["completion"].encode(errors="replace").decode() != row["completion"]:
        raise DataError(
            f"{place}: expected text under 'completion', got half of a character: {row['completion'][:80]!r}"
        )
    provenance = row.get("provenance")
    rules = provenance.get("profile_hash") if isinstance(provenance, dict) else None
    text = json.dumps([row["prompt"], row.get("ground_truth"), rules], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _distinct(rows: Sequence[Row]) -> list[Row]:
    return list({row["completion"]: row for row in reversed(rows)}.values())[::-1]


def _cost(pair: tuple[Row, Row], used: dict[str, int], drift: int, balance: bool) -> tuple[int, int]:
    uses = sum(used.get(row["completion"], 0) for row in pair)
    return uses, abs(drift + size(pair[0]) - size(pair[1])) if balance else 0
