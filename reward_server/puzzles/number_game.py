"""Countdown and 24: make a target from given numbers. The rules, kept exactly."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from reward_server.arithmetic.expression import Evaluated, evaluate
from reward_server.puzzles.answers import unframed
from reward_server.puzzles.ground_truth import puzzle_fields
from reward_server.puzzles.numbers import whole_number, whole_numbers

MAX_NUMBERS = 20
# Words without a number in them, up to a colon or a verb behind which the expression begins.
_LEAD = re.compile(r"[^\W\d_][^\d=]{0,200}?(?:[:：]|\b(?:is|be)\b|[是为])[\s*`$]{0,9}(?=[0-9(\[{\\+-])")
MAX_SIDES = 8  # of `44 + 19 + 35 = 63 + 35 = 98`


@dataclass(frozen=True, slots=True)
class NumberPuzzle:
    numbers: tuple[int, ...]
    target: int


@dataclass(frozen=True, slots=True)
class Play:
    """`failed` names the rule that an answer breaks, None where it is right; `why` says it of a text not readable."""

    failed: str | None
    value: Fraction | None = None
    why: str | None = None


def number_puzzle(ground_truth: Any, *, target: int | None = None, most: int = MAX_NUMBERS) -> NumberPuzzle:
    """The puzzle of a ground truth; `target` where it has none. Raises GroundTruthInvalid."""
    fields = puzzle_fields(ground_truth, ("numbers", "nums"), "the puzzle")
    numbers = fields["numbers"] if fields.get("numbers") is not None else fields["nums"]
    aim = fields.get("target")
    return NumberPuzzle(
        whole_numbers(numbers, "its numbers", most),
        target if aim is None and target is not None else whole_number(aim, "its target"),
    )


def play(text: str, puzzle: NumberPuzzle, *, use_all: bool) -> Play:
    """How an answer fares. It may be followed by `= 98`, which then has to be true."""
    sides = _said(text).split("=")
    if len(sides) > MAX_SIDES:
        return Play("unreadable", why=f"more than {MAX_SIDES - 1} equals signs")
    read = [evaluate(side) for side in sides]
    for one in read:
        if not isinstance(one, Evaluated):
            return Play("unreadable", why=one.why)
    played = [one for one in read if isinstance(one, Evaluated)]
    value = played[0].value
    if any(one.value != value for one in played):
        return Play("false_equation", value)
    if not any(_uses(one, puzzle, use_all) for one in played):
        return Play("wrong_numbers", value)
    return Play(None if value == puzzle.target else "wrong_value", value)


def _said(text: str) -> str:
    """The answer without frames, and without words that lead to it: `The answer is …`."""
    text = unframed(text)
    lead = _LEAD.match(text)
    return unframed(text[lead.end() :]) if lead else text


def _uses(read: Evaluated, puzzle: NumberPuzzle, use_all: bool) -> bool:
    """Each given number once, and no other; a number with a decimal point is no number of the puzzle."""
    used, given = Counter(read.numbers), Counter(map(Fraction, puzzle.numbers))
    return read.whole and (used == given if use_all else used <= given)
