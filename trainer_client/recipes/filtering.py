"""Which judged completions of a prompt are kept. Pure; rows are those of `samples.jsonl`.

Source: DeepSeek-R1 (arXiv:2501.12948), 2.3.3: several samples of a prompt, of which only the right and readable stay.
"""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Sequence
from typing import Any

from trainer_client.config.recipes import KeepConfig

Row = dict[str, Any]

DUPLICATE = "duplicate"
SURPLUS = "surplus"
# Of other categories than control and format, but invisible all the same (Unicode's Default_Ignorable_Code_Point).
UNSEEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0" + "".join(map(chr, (
    *range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)
))))  # fmt: skip
QUOTES = dict.fromkeys("‘’‚‛′", "'") | dict.fromkeys("“”„‟″", '"')


def refusal(row: Row, keep: KeepConfig) -> str | None:
    """Why this completion is not good enough; None when it is. What has no reward is never good enough."""
    if row["reward"] is None:
        return str(row["judged"])
    if row["truncated"] and not keep.truncated:
        return "truncated"
    if keep.min_reward is not None and row["reward"] < keep.min_reward:
        return "reward"
    for name, least in keep.components.items():
        value = row["components"].get(name)
        if value is None or value < least:
            return f"component {name}"
    raised = next((flag for flag in keep.no_flags if flag in row["flags"]), None)
    return None if raised is None else f"flag {raised}"


def verdicts(rows: Sequence[Row], keep: KeepConfig, seed: str) -> list[str | None]:
    """For each completion of one prompt why it is left out, or None: kept. Of duplicates the preferred one stays."""
    told = [refusal(row, keep) for row in rows]
    good = [place for place, reason in enumerate(told) if reason is None]
    seen: set[str] = set()
    kept = 0
    for place in _preferred(rows, good, keep, seed):
        text = _identity(rows[place]["completion"], keep)
        if text is not None and text in seen:
            told[place] = DUPLICATE
        elif keep.per_prompt is not None and kept >= keep.per_prompt:
            told[place] = SURPLUS
        else:
            kept += 1
        if text is not None:
            seen.add(text)
    return told


def normalised(text: str) -> str:
    """The text without what a reader would not notice: compatibility forms, case, amount and kind of space, characters
    that do not show, kinds of dashes and quotation marks.

    Other punctuation stays: `-3` and `3` are not the same.
    """
    alike = {ord(character): _shown(character) for character in set(text)}
    folded = unicodedata.normalize("NFKC", text.translate(alike)).casefold()
    return " ".join(unicodedata.normalize("NFKC", folded).split())


def _shown(character: str) -> str:
    """The character as a reader sees it: nothing, a plain dash or quotation mark, or itself."""
    kind = unicodedata.category(character)
    if character.isspace():
        return " "
    if kind in ("Cf", "Cc") or character in UNSEEN:
        return ""
    if kind == "Pd" or character == "\N{MINUS SIGN}":
        return "-"
    return QUOTES.get(character, character)


def _identity(text: str, keep: KeepConfig) -> str | None:
    """What equal completions have in common; None where duplicates are kept."""
    if keep.duplicates == "keep":
        return None
    return normalised(text) if keep.duplicates == "normalised" else text


def _preferred(rows: Sequence[Row], places: list[int], keep: KeepConfig, seed: str) -> list[int]:
    if keep.prefer == "random":
        return random.Random(seed).sample(places, len(places))  # noqa: S311 -- a choice, not a secret
    if keep.prefer == "shortest":
        return sorted(places, key=lambda place: rows[place]["completion_tokens"])
    return sorted(places, key=lambda place: (-rows[place]["reward"], rows[place]["completion_tokens"]))
