"""`repetition`: does the completion go round in a loop?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, ClassVar

from pydantic import Field

from reward_server.checks.base import CheckInput, HeavyCheck, Params, Verdict
from reward_server.text.repetition import repetition
from reward_server.text.tags import without_code

FLAGGED_FROM = 0.5
IN_PLACE_UNITS = 50_000  # characters or tokens, of which so many take some milliseconds
_COUNTING = " ".join(f"Wait, {n} is not it." for n in range(1, 21))


class RepetitionParams(Params):
    max_penalty: float = Field(
        default=1.0, ge=0, le=1, description="what a completion loses that is nothing but a loop"
    )
    ngram: int = Field(
        default=4,
        ge=3,
        le=40,
        description="words of which runs are compared within blocks of 1,000; of tokens three times as many",
    )
    ignore_code: bool = Field(
        default=False, description="fenced and inline code is left out; token ids are not looked at then"
    )


class RepetitionPenalty(HeavyCheck):
    """A very long completion is judged in a worker: the work is linear in its length, and can be a second."""

    name: ClassVar[str] = "repetition"
    description: ClassVar[str] = "0 for a completion that repeats itself as honest text does, falling to -max_penalty"
    source: ClassVar[str] = (
        "the repetition penalties of arXiv:2502.03373 section 4.5 and of open-r1, with measures that hold for any "
        "script and any length"
    )
    params: ClassVar[type[Params]] = RepetitionParams
    range: ClassVar[tuple[float, float]] = (-1.0, 0.0)
    detail: ClassVar[Mapping[str, str]] = {
        "ngrams": "0 to 1: runs of words that have been there before, within blocks and over the whole",
        "loop": "0 to 1: the loop that the completion ends in",
        "lines": "0 to 1: lines that have been there before",
        "tokens": "as ngrams, of the token ids; null where the item has none",
    }
    example: ClassVar[Mapping[str, Any]] = {
        "checks": [{"check": "repetition"}],
        "items": [
            {"completion": "There are 3 boxes with 12 eggs in each, so there are 36 eggs, and half of them are 18."},
            {"completion": "Wait, let me check that again. " * 20},
            {"completion": _COUNTING},
        ],
    }

    def worst(self, params: RepetitionParams) -> float:
        return -params.max_penalty

    def judge_in_place(self, item: CheckInput, params: RepetitionParams) -> Verdict | None:
        units = max(len(item.completion), len(item.token_ids or ()))
        return None if units > IN_PLACE_UNITS else self.judge(item, params)

    def judge(self, item: CheckInput, params: RepetitionParams) -> Verdict:
        text = without_code(item.completion) if params.ignore_code else item.completion
        measures = repetition(text, params.ngram, None if params.ignore_code else item.token_ids)
        flags = ("repetitive",) if measures.worst >= FLAGGED_FROM else ()
        return Verdict(0.0 - params.max_penalty * measures.worst, asdict(measures), flags)
