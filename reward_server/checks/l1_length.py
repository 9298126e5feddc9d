"""`l1_length`: how near is the completion to the length that was asked for?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from reward_server.checks.base import AnswerCheck, CheckInput, Params, ShapedParams, Verdict
from reward_server.checks.length_group import UNDECIDED
from reward_server.checks.overlong import LONGEST
from reward_server.text.units import NO_TOKENS, UnitChoice, length_of

NO_TARGET = "it is not known what length was asked for: send `target_length` with the item, or set `target`"
LOWEST = -10.0


class L1Params(ShapedParams):
    """Only `max` depends on whether the answer is right, so only there `correct_by` is needed: in `exact` the term is
    added to the reward for the answer, which is a component of its own.
    """

    correct_by: str | None = Field(  # type: ignore[assignment]  # None: judged with the components that stand alone
        default=None, description="needed for mode max: the component that says whether the answer is right"
    )
    mode: Literal["exact", "max"] = Field(
        default="exact", description="exact: the target has to be met; max: it must not be passed"
    )
    target: int | None = Field(
        default=None, ge=0, le=LONGEST, description="the length asked for where the item has no `target_length`"
    )
    alpha: float = Field(default=0.0003, gt=0, le=1, description="what one unit too many or too few costs")
    delta: float = Field(default=0.5, ge=0, le=1, description="mode max: the value at the target itself")
    floor: float = Field(
        default=-1.0, ge=LOWEST, le=0, description="mode exact: the least value; the paper has no such bound"
    )
    unit: UnitChoice = Field(
        default="tokens",
        description="of length and target; auto: tokens where the item says how many, else characters",
    )

    @model_validator(mode="after")
    def _knows_what_is_right(self) -> Self:
        if self.mode == "max" and self.correct_by is None:
            raise ValueError("mode `max` counts for right answers only: `correct_by` has to name a component")
        return self


class L1Length(AnswerCheck):
    name: ClassVar[str] = "l1_length"
    description: ClassVar[str] = (
        "exact: -alpha · |length - target|; max: alpha · (target - length) + delta within 0 and 1 for a right answer, "
        "else 0"
    )
    source: ClassVar[str] = "L1 (arXiv:2503.04697) equations 1 and 2, LCPO; the floor is ours"
    params: ClassVar[type[Params]] = L1Params
    range: ClassVar[tuple[float, float]] = (LOWEST, 1.0)
    detail: ClassVar[Mapping[str, str]] = {
        "length": "the length of the completion",
        "unit": "what it is counted in: tokens, words or characters",
        "target": "the length that was asked for",
    }
    example: ClassVar[Mapping[str, Any]] = {
        "checks": [
            {"check": "exact"},
            {"check": "l1_length", "params": {"mode": "max", "correct_by": "exact", "target": 1000}},
        ],
        "items": [
            {"completion": "4", "ground_truth": "4", "completion_tokens": 1000},
            {"completion": "4", "ground_truth": "4", "completion_tokens": 2000, "target_length": 1500},
            {"completion": "5", "ground_truth": "4", "completion_tokens": 1000},
        ],
    }

    def worst(self, params: L1Params) -> float:
        return params.floor if params.mode == "exact" else 0.0

    def judge(self, item: CheckInput, params: L1Params) -> Verdict:
        target = params.target if item.target_length is None else item.target_length
        length = length_of(item, params.unit)
        detail = {"length": length and length.count, "unit": length and length.unit, "target": target}
        if target is None:
            return Verdict(None, detail, reason=NO_TARGET)
        if length is None:
            return Verdict(None, detail, reason=NO_TOKENS)
        if params.mode == "exact":
            return Verdict(max(params.floor, -params.alpha * abs(length.count - target)), detail)
        if item.right is None:
            return Verdict(None, detail, reason=UNDECIDED)
        value = min(1.0, max(0.0, params.alpha * (target - length.count) + params.delta))
        return Verdict(value if item.right else 0.0, detail)
