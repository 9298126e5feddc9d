"""`math`: is the final answer of the completion equal to the reference?"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import ClassVar

from reward_server.checks.base import CheckInput, Params, Verdict
from reward_server.errors import GroundTruthInvalid
from reward_server.math import Decision, Gold, GoldInvalid, judge, parse_gold


class MathParams(Params):
    """No parameters yet."""


class MathAnswer:
    name: ClassVar[str] = "math"
    version: ClassVar[str] = "1"
    heavy: ClassVar[bool] = True
    description: ClassVar[str] = "1 when the final answer equals the ground truth mathematically, else 0"
    source: ClassVar[str] = "DeepSeek-R1 (arXiv:2501.12948) section 2.2.2, accuracy reward"
    ground_truth: ClassVar[str] = (
        "an answer, a solution that ends in a box or in `#### n`, or a list of either (any of)"
    )
    params: ClassVar[type[Params]] = MathParams

    def judge(self, item: CheckInput, params: MathParams) -> Verdict:
        gold = _gold(json.dumps(item.ground_truth))
        verdict = judge(item.completion, gold)
        value = float(verdict.decision is Decision.EQUAL)
        return Verdict(value, {"answer": verdict.answer, "method": verdict.method}, verdict.flags)


@lru_cache(maxsize=4096)
def _gold(ground_truth_json: str) -> Gold:
    """Parsed once per problem and worker, not once per completion."""
    ground_truth = json.loads(ground_truth_json)
    if isinstance(ground_truth, bool) or not isinstance(ground_truth, str | int | float | list):
        raise GroundTruthInvalid(f"expected a string, a number or a list of them, got {type(ground_truth).__name__}")
    try:
        return parse_gold(ground_truth)
    except GoldInvalid as error:
        raise GroundTruthInvalid(str(error)) from error
