"""`truncation`: was the completion cut off before it ended?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from reward_server.checks.base import AnswerCheck, CheckInput, Params, Verdict

CUT_OFF = "length"  # the finish_reason of a completion that was cut off


class TruncationParams(Params):
    penalty: float = Field(default=-1.0, ge=-1, le=0, description="the value of a completion that was cut off")


class Truncation(AnswerCheck):
    name: ClassVar[str] = "truncation"
    description: ClassVar[str] = "0 for a completion that came to its end, the penalty for one that was cut off"
    source: ClassVar[str] = "DAPO (arXiv:2503.14476) section 3.4, the punishment of truncated samples"
    params: ClassVar[type[Params]] = TruncationParams
    range: ClassVar[tuple[float, float]] = (-1.0, 0.0)
    detail: ClassVar[Mapping[str, str]] = {
        "truncated": "whether `finish_reason` is `length`; null where it is not given"
    }
    example: ClassVar[Mapping[str, Any]] = {
        "checks": [{"check": "truncation"}],
        "items": [
            {"completion": "So the answer is 4.", "finish_reason": "stop"},
            {"completion": "So the answer", "finish_reason": "length"},
        ],
    }

    def judge(self, item: CheckInput, params: TruncationParams) -> Verdict:
        if item.finish_reason is None:
            reason = "it is not known whether the completion was cut off: send `finish_reason`"
            return Verdict(None, {"truncated": None}, reason=reason)
        truncated = item.finish_reason == CUT_OFF
        return Verdict(params.penalty if truncated else 0.0, {"truncated": truncated})
