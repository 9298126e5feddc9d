"""`exact`: is what was finally said the reference, character for character?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from reward_server.checks.base import AnswerCheck, CheckInput, Params, Verdict
from reward_server.completion import after_thinking, answer_tag
from reward_server.errors import GroundTruthInvalid

SHOWN_CHARS = 200


class ExactParams(Params):
    ignore_case: bool = False
    collapse_spaces: bool = Field(default=True, description="runs of white space count as one space")


class ExactMatch(AnswerCheck):
    name: ClassVar[str] = "exact"
    version: ClassVar[str] = "1"
    description: ClassVar[str] = "1 when the text in <answer>, else the text behind the thinking, is the ground truth"
    source: ClassVar[str] = "exact match (EM), as in SQuAD (arXiv:1606.05250) without its dropping of articles"
    ground_truth: ClassVar[str] = "a string, a number, or a list of them (any of)"
    params: ClassVar[type[Params]] = ExactParams
    detail: ClassVar[Mapping[str, str]] = {"answer": "the text that was compared, its first 200 characters"}
    example: ClassVar[Mapping[str, Any]] = {
        "checks": [{"check": "exact", "params": {"ignore_case": True}}],
        "items": [{"completion": "<think>France.</think><answer>paris</answer>", "ground_truth": "Paris"}],
    }

    def judge(self, item: CheckInput, params: ExactParams) -> Verdict:
        golds = {_normal(gold, params) for gold in _golds(item)}
        text = after_thinking(item.completion)
        if text is None:
            return Verdict(0.0, {"answer": None}, ("no_answer",))
        tagged = answer_tag(text)
        answer = _normal(text if tagged is None else tagged, params)
        return Verdict(float(answer in golds), {"answer": answer[:SHOWN_CHARS]}, () if answer else ("no_answer",))


def _golds(item: CheckInput) -> list[str]:
    golds = item.ground_truth if isinstance(item.ground_truth, list) else [item.ground_truth]
    if not golds or not all(isinstance(gold, str | int | float) and not isinstance(gold, bool) for gold in golds):
        raise GroundTruthInvalid("expected a string, a number or a list of them for `exact`")
    if not all(str(gold).strip() for gold in golds):
        raise GroundTruthInvalid("expected a reference with text in it, got an empty one")
    return [str(gold) for gold in golds]


def _normal(text: str, params: ExactParams) -> str:
    text = " ".join(text.split()) if params.collapse_spaces else text.strip()
    return text.casefold() if params.ignore_case else text
