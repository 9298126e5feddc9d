"""`choice`: is the option that the completion chooses the right one? How it is read: reward_server.multiple_choice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from reward_server.checks.base import AnswerCheck, CheckInput, GoldView, Params, Verdict
from reward_server.completion import with_prefill
from reward_server.ground_truth.choices import ChoiceGold, choice_of
from reward_server.multiple_choice import chosen
from reward_server.wire import GoldKind

MAX_OPTIONS = 26


class ChoiceParams(Params):
    options: tuple[str, ...] = Field(
        default=(),
        max_length=MAX_OPTIONS,
        description="texts of the options from A on, where neither the ground truth nor the prompt has them",
    )
    index_base: Literal[0, 1] | None = Field(
        default=None,
        description="from where a ground truth that is a number counts; null: from 0 beside its options (MMLU), else "
        "it is the text of an option",
    )


class ChoiceCheck(AnswerCheck):
    name: ClassVar[str] = "choice"
    version: ClassVar[str] = "1"
    description: ClassVar[str] = "1 when the option that the completion chooses, by letter or by text, is the right one"
    source: ClassVar[str] = "accuracy on multiple choice, as in MMLU (arXiv:2009.03300) and MMLU-Pro (arXiv:2406.01574)"
    ground_truth: ClassVar[str] = (
        "a letter, a number (`index_base`), the text of an option, or a row with `options` or `choices`, whole"
    )
    params: ClassVar[type[Params]] = ChoiceParams
    detail: ClassVar[Mapping[str, str]] = {
        "letter": "the option that was chosen; null where none was, or two",
        "letters": "all that were given as the answer",
        "method": "where it was found: answer_tag, boxed, statement, bare, conclusion, last_line, first_line, bold",
        "options": "how many options are known; 0 where none are",
    }
    example: ClassVar[Mapping[str, Any]] = {
        "checks": [{"check": "choice"}],
        "items": [
            {"completion": "A is in the UK, so the answer is (B).", "ground_truth": "B"},
            {
                "completion": "<think>France.</think> It is Paris.\n\n\\boxed{Paris}",
                "ground_truth": {"choices": ["London", "Paris", "Rome"], "answer": 1},
            },
            {"completion": "The answer is A or B.", "ground_truth": "B"},
        ],
    }

    def judge(self, item: CheckInput, params: ChoiceParams) -> Verdict:
        gold = _gold(item, params)
        choice = chosen(with_prefill(item), gold.options)
        detail = {
            "letter": choice.letter,
            "letters": list(choice.letters),
            "method": choice.method,
            "options": len(gold.options),
        }
        return Verdict(float(choice.letter == gold.letter), detail, choice.flags, gold_kind=GoldKind.MCQ)

    def read_gold(self, item: CheckInput, params: ChoiceParams) -> GoldView:
        gold = _gold(item, params)
        text = f": {gold.options[ord(gold.letter) - ord('A')]}" if gold.options else ""
        return GoldView(GoldKind.MCQ, gold.letter + text, f"\\boxed{{{gold.letter}}}")


def _gold(item: CheckInput, params: ChoiceParams) -> ChoiceGold:
    return choice_of(item.ground_truth, options=params.options, index_base=params.index_base, prompt=item.prompt)
