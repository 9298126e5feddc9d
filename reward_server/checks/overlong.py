"""`overlong`: the soft punishment of completions that come near the length limit or pass it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from reward_server.checks.base import AnswerCheck, CheckInput, Params, Verdict
from reward_server.text.units import NO_TOKENS, UnitChoice, length_of

LONGEST = 100_000_000


class OverlongParams(Params):
    max_length: int = Field(default=20480, ge=1, le=LONGEST, description="from here on the value is -1")
    cache: int = Field(
        default=4096,
        ge=0,
        le=LONGEST,
        description="how far before `max_length` the punishment begins; 0: there is none up to `max_length`",
    )
    unit: UnitChoice = Field(
        default="tokens",
        description="of the lengths; auto: tokens where the item says how many, else characters (mind the limits then)",
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.cache > self.max_length:
            raise ValueError(f"expected a `cache` of at most `max_length` ({self.max_length}), got {self.cache}")
        return self


class Overlong(AnswerCheck):
    """Equation 13 of the paper, which ends at -1: versions without that floor give -2 at 24,576 tokens."""

    name: ClassVar[str] = "overlong"
    description: ClassVar[str] = "0 up to max_length - cache, then falling to -1 at max_length and staying there"
    source: ClassVar[str] = "DAPO (arXiv:2503.14476) equation 13, soft overlong punishment"
    params: ClassVar[type[Params]] = OverlongParams
    range: ClassVar[tuple[float, float]] = (-1.0, 0.0)
    detail: ClassVar[Mapping[str, str]] = {
        "length": "the length of the completion",
        "unit": "what it is counted in: tokens, words or characters",
    }
    example: ClassVar[Mapping[str, Any]] = {
        "checks": [{"check": "overlong", "params": {"max_length": 20480, "cache": 4096}}],
        "items": [
            {"completion": "…", "completion_tokens": 16384},
            {"completion": "…", "completion_tokens": 17408},
            {"completion": "…", "completion_tokens": 24576},
        ],
    }

    def judge(self, item: CheckInput, params: OverlongParams) -> Verdict:
        length = length_of(item, params.unit)
        if length is None:
            return Verdict(None, {"length": None, "unit": None}, reason=NO_TOKENS)
        value = _punishment(length.count, params.max_length, params.cache)
        return Verdict(value, {"length": length.count, "unit": length.unit})


def _punishment(length: int, max_length: int, cache: int) -> float:
    over = length - (max_length - cache)
    if over <= 0:
        return 0.0
    return -1.0 if length >= max_length else -over / cache
