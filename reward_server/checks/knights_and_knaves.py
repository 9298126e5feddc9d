"""`knights_and_knaves`: does the answer say of everybody, once, what they are?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field, model_validator

from reward_server.checks.base import AnswerCheck, CheckInput, GoldView, Params, Verdict
from reward_server.completion import with_prefill
from reward_server.puzzles.answers import Answer, final_answer, shown
from reward_server.puzzles.identities import Claim, Identities, identities, last_statements, read_claim
from reward_server.wire import GoldKind


class KnightsAndKnavesParams(Params):
    right: float = Field(default=1.0, ge=-2, le=2, description="value of the right answer; 2 in Logic-RL")
    wrong: float = Field(default=0.0, ge=-2, le=2, description="of a wrong one that can be read; -1.5 in Logic-RL")
    unreadable: float = Field(default=0.0, ge=-2, le=2, description="of none, or one that cannot be; -2 in Logic-RL")

    @model_validator(mode="after")
    def _right_is_best(self) -> KnightsAndKnavesParams:
        if self.right <= max(self.wrong, self.unreadable):
            raise ValueError("expected `right` above `wrong` and `unreadable`")
        return self


class KnightsAndKnaves(AnswerCheck):
    name: ClassVar[str] = "knights_and_knaves"
    description: ClassVar[str] = "1 when the answer gives everybody of the puzzle the right role, else 0"
    source: ClassVar[str] = "Logic-RL (arXiv:2502.14768) section 2, answer reward; its kk.py corrected"
    ground_truth: ClassVar[str] = (
        '{"solution_text_format": "(1) Zoey is a knave…"}, {"solution": {"Zoey": "knave"}}, or names with a list of '
        "true (knight) and false; as JSON text too, in a verl row, or a knights_knaves row of reasoning-gym"
    )
    params: ClassVar[type[Params]] = KnightsAndKnavesParams
    range: ClassVar[tuple[float, float]] = (-2.0, 2.0)
    detail: ClassVar[Mapping[str, str]] = {
        "failed": "no_answer, several_answers, unreadable, contradiction (two roles for one person), missing (somebody "
        "has none), wrong; null where it is right",
        "why": "what could not be read",
        "answer": "the answer as it stands in the completion, its first 200 characters",
        "right": "people with the right role",
        "people": "people in the puzzle",
    }
    example: ClassVar[Mapping[str, Any]] = {
        "checks": [{"check": "knights_and_knaves", "params": {"right": 2, "wrong": -1.5, "unreadable": -2}}],
        "items": [
            {
                "completion": f"<answer>{said}</answer>",
                "ground_truth": {"solution_text_format": "(1) Zoey is a knave\n(2) Ava is a knight"},
            }
            for said in (
                "(1) Zoey is a knave (2) Ava is a knight",
                "Zoey is not a knight and Ava is not a knight.",
                "Zoey is a knight, Zoey is a knave, Ava is a knight",
                "Either Zoey or Ava is a knave",
            )
        ],
    }

    def worst(self, params: KnightsAndKnavesParams) -> float:
        return min(params.wrong, params.unreadable)

    def judge(self, item: CheckInput, params: KnightsAndKnavesParams) -> Verdict:
        truth = identities(item.ground_truth)
        answer = final_answer(with_prefill(item), whole_text=True)
        text = answer.text if answer.method != "line" or answer.text is None else last_statements(answer.text, truth)
        claim = Claim({}) if text is None else read_claim(text, truth)
        failed = _failed(text, answer, claim, truth)
        detail = {
            "failed": failed,
            "why": claim.why,
            "answer": shown(text),
            "right": sum(claim.knights.get(name) == knight for name, knight in truth.knights),
            "people": len(truth.knights),
        }
        flags = (failed,) if failed in ("no_answer", "several_answers", "contradiction") else ()
        return Verdict(_value(failed, params), detail, flags, gold_kind=GoldKind.PUZZLE)

    def read_gold(self, item: CheckInput, params: KnightsAndKnavesParams) -> GoldView:
        text = identities(item.ground_truth).text()
        return GoldView(GoldKind.PUZZLE, text, f"<answer>{text}</answer>")


def _failed(text: str | None, answer: Answer, claim: Claim, truth: Identities) -> str | None:
    if text is None:
        return "no_answer"
    if answer.several:
        return "several_answers"
    if claim.fault is not None:
        return claim.fault
    if len(claim.knights) < len(truth.knights):
        return "missing"
    return None if all(claim.knights[name] == knight for name, knight in truth.knights) else "wrong"


def _value(failed: str | None, params: KnightsAndKnavesParams) -> float:
    if failed is None:
        return params.right
    return params.unreadable if failed in ("no_answer", "unreadable") else params.wrong
