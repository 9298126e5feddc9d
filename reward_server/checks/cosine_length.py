"""`cosine`: a reward for right and wrong answers that changes with the length along half a cosine."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from reward_server.checks.base import AnswerCheck, CheckInput, Params, ShapedParams, Verdict
from reward_server.checks.length_group import UNDECIDED
from reward_server.checks.overlong import LONGEST
from reward_server.checks.truncation import CUT_OFF
from reward_server.text.units import NO_TOKENS, UnitChoice, length_of

LARGEST = 10.0


class CosineParams(ShapedParams):
    """The paper trains with 2, 1, -10, 0 and a `truncated_value` of -10."""

    max_right: float = Field(default=1.0, ge=-LARGEST, le=LARGEST, description="of a right answer of no length")
    min_right: float = Field(
        default=0.5, ge=-LARGEST, le=LARGEST, description="of a right answer of `max_length` and more"
    )
    min_wrong: float = Field(default=-1.0, ge=-LARGEST, le=LARGEST, description="of a wrong answer of no length")
    max_wrong: float = Field(
        default=-0.5, ge=-LARGEST, le=LARGEST, description="of a wrong answer of `max_length` and more"
    )
    max_length: int = Field(
        default=14336, ge=1, le=LONGEST, description="from here on the value stays; the paper's is the generation limit"
    )
    truncated_value: float | None = Field(
        default=None,
        ge=-LARGEST,
        le=LARGEST,
        description="of a completion that was cut off, right or wrong; null: it is judged like the others",
    )
    unit: UnitChoice = Field(
        default="tokens",
        description="of the lengths; auto: tokens where the item says how many, else characters (mind max_length then)",
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        """It must never pay to be wrong and short, nor to be wrong."""
        if not self.min_wrong <= self.max_wrong < self.min_right <= self.max_right:
            raise ValueError(
                "expected min_wrong <= max_wrong < min_right <= max_right (a wrong answer earns less than a right one, "
                f"and a short wrong one no more than a long one), got {self.min_wrong:g}, {self.max_wrong:g}, "
                f"{self.min_right:g}, {self.max_right:g}"
            )
        if self.truncated_value is not None and self.truncated_value > self.min_right:
            raise ValueError(f"expected a truncated_value of at most min_right, got {self.truncated_value:g}")
        return self


class CosineLength(AnswerCheck):
    name: ClassVar[str] = "cosine"
    description: ClassVar[str] = "falls with the length where the answer is right, and rises with it where it is wrong"
    source: ClassVar[str] = (
        "Demystifying Long CoT (arXiv:2502.03373) section 4.2, cosine reward, with the values of open-r1; clamped at "
        "max_length"
    )
    params: ClassVar[type[Params]] = CosineParams
    range: ClassVar[tuple[float, float]] = (-LARGEST, LARGEST)
    detail: ClassVar[Mapping[str, str]] = {
        "length": "the length of the completion",
        "unit": "what it is counted in: tokens, words or characters",
    }
    example: ClassVar[Mapping[str, Any]] = {
        "checks": [
            {"check": "exact"},
            {"check": "cosine", "params": {"correct_by": "exact", "max_length": 1000}},
        ],
        "items": [
            {"completion": "4", "ground_truth": "4", "completion_tokens": 0},
            {"completion": "4", "ground_truth": "4", "completion_tokens": 2000},
            {"completion": "5", "ground_truth": "4", "completion_tokens": 0},
            {"completion": "5", "ground_truth": "4", "completion_tokens": 2000},
        ],
    }

    def worst(self, params: CosineParams) -> float:
        return min(params.min_wrong, params.truncated_value or 0.0)

    def judge(self, item: CheckInput, params: CosineParams) -> Verdict:
        length = length_of(item, params.unit)
        detail = {"length": length and length.count, "unit": length and length.unit}
        if item.finish_reason == CUT_OFF and params.truncated_value is not None:
            return Verdict(params.truncated_value, detail)
        if length is None:
            return Verdict(None, detail, reason=NO_TOKENS)
        if item.right is None:
            return Verdict(None, detail, reason=UNDECIDED)
        short, long = (params.max_right, params.min_right) if item.right else (params.min_wrong, params.max_wrong)
        return Verdict(_cosine(min(length.count, params.max_length) / params.max_length, short, long), detail)


def _cosine(share: float, short: float, long: float) -> float:
    """From `short` at 0 to `long` at 1."""
    return long + 0.5 * (short - long) * (1.0 + math.cos(share * math.pi))
