"""`arithmetic_steps`: is every equation of the reasoning true? Each is a step with a reward of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from reward_server.arithmetic.steps import Equation, find_equations
from reward_server.checks.base import CheckInput, HeavyCheck, Params, Step, Verdict

QUICK_CHARS = 8192  # takes some milliseconds
MAX_CHARS = 131_072
SHOWN_CHARS = 200


class ArithmeticStepsParams(Params):
    scope: Literal["all", "think"] = Field(
        default="all", description="think: only what stands before </think>; such text is missing: does not apply"
    )
    right_value: float = Field(default=1.0, ge=-10, le=10, description="reward of the step of a true equation")
    wrong_value: float = Field(default=-1.0, ge=-10, le=10, description="of a false one")
    none_value: float | None = Field(
        default=None, ge=0, le=1, description="of a completion without equations; null: the check does not apply to it"
    )
    max_rewarded: int = Field(
        default=50, ge=1, le=1000, description="true equations that become steps; more of them are padding"
    )


class ArithmeticSteps(HeavyCheck):
    name: ClassVar[str] = "arithmetic_steps"
    description: ClassVar[str] = "share of the equations in the reasoning that are true; each is a step with a reward"
    source: ClassVar[str] = (
        "step rewards as in GRPO with process supervision, DeepSeekMath (arXiv:2402.03300) section 4.1.3, given by "
        "exact arithmetic in place of a model; the group's normalisation there makes 1 and -1 the same as 1 and 0"
    )
    params: ClassVar[type[Params]] = ArithmeticStepsParams
    detail: ClassVar[Mapping[str, str]] = {
        "equations": "different equations that were verified; repeated ones and those like 2 = 2 are left out",
        "wrong": "false ones among them",
        "first_wrong": "the first false one as it stands in the completion, its first 200 characters",
    }
    example: ClassVar[Mapping[str, Any]] = {
        "checks": [{"check": "arithmetic_steps"}],
        "items": [
            {"completion": "<think>She has 3 + 4 = 7 apples, which cost 7 * $1.50 = $10.50.</think> $10.50"},
            {"completion": "<think>48/2=<<48/2=24>>24 in May, and 48 + 24 = 62 in all.</think> 62"},
            {"completion": "<think>Let x + 3 = 7, so x = 4.</think> 4"},
        ],
    }

    def judge_in_place(self, item: CheckInput, params: ArithmeticStepsParams) -> Verdict | None:
        return self.judge(item, params) if len(item.completion) <= QUICK_CHARS else None

    def judge(self, item: CheckInput, params: ArithmeticStepsParams) -> Verdict:
        start, stop = _span(item.completion, params.scope)
        if params.scope == "think" and start == stop:
            return _neutral(None, "there is no thinking in the completion")
        equations = find_equations(item.completion, start, min(stop, start + MAX_CHARS))
        if not equations:
            return _neutral(params.none_value, "no equation of arithmetic was found")
        wrong = [one for one in equations if not one.right]
        shown = item.completion[wrong[0].start : wrong[0].end][:SHOWN_CHARS] if wrong else None
        detail = {"equations": len(equations), "wrong": len(wrong), "first_wrong": shown}
        flags: tuple[str, ...] = ("steps_cut_off",) if stop - start > MAX_CHARS else ()
        if len(equations) - len(wrong) > params.max_rewarded:
            flags += ("many_equations",)
        return Verdict(1 - len(wrong) / len(equations), detail, flags, steps=_steps(equations, params))


def _span(completion: str, scope: str) -> tuple[int, int]:
    """Where the reasoning stands: up to the last </think>, or to the end where a thought is still open."""
    if scope == "all":
        return 0, len(completion)
    opened, closed = completion.find("<think>"), completion.rfind("</think>")
    start = 0 if opened < 0 else opened + len("<think>")
    if closed < 0:
        return (start, len(completion)) if opened >= 0 else (0, 0)
    return min(start, closed), closed


def _neutral(value: float | None, why: str) -> Verdict:
    return Verdict(value, {"equations": 0, "wrong": 0, "first_wrong": None}, reason=why)


def _steps(equations: list[Equation], params: ArithmeticStepsParams) -> tuple[Step, ...]:
    steps: list[Step] = []
    rewarded = 0
    for one in equations:
        rewarded += one.right
        if not one.right or rewarded <= params.max_rewarded:
            steps.append(Step(one.start, one.end, params.right_value if one.right else params.wrong_value))
    return tuple(steps)
