from typing import Any

import pytest

from reward_server.checks.base import CheckInput
from reward_server.checks.choice import ChoiceCheck, ChoiceParams
from reward_server.errors import GroundTruthInvalid
from reward_server.wire import GoldKind

MMLU = {"question": "Capital of France?", "choices": ["London", "Paris", "Rome", "Berlin"], "answer": 1}


def value(completion: str, gold: Any, prompt: str | None = None, **params: Any) -> float | None:
    item = CheckInput(completion, gold, prompt=prompt)
    return ChoiceCheck().judge(item, ChoiceParams.model_validate(params)).value


@pytest.mark.parametrize(
    ("completion", "expected"),
    [("\\boxed{B}", 1.0), ("Paris", 1.0), ("The answer is Paris.", 1.0), ("C", 0.0), ("Rome", 0.0), ("", 0.0)],
)
def test_a_whole_row_brings_its_options(completion: str, expected: float) -> None:
    assert value(completion, MMLU) == expected


def test_options_come_from_parameters_or_the_prompt() -> None:
    assert value("Paris", "B", options=["London", "Paris"]) == 1.0
    assert value("Paris", "B", prompt="Which?\nA. London\nB. Paris") == 1.0
    assert value("Paris", "B") == 0.0


def test_a_number_counts_from_where_it_is_said_to() -> None:
    assert value("B", 1, index_base=0) == 1.0
    assert value("A", 1, index_base=1) == 1.0
    with pytest.raises(GroundTruthInvalid, match="index_base"):
        value("B", 1)


def test_the_detail_says_what_was_chosen_and_never_the_gold() -> None:
    verdict = ChoiceCheck().judge(CheckInput("The answer is A or C.", MMLU), ChoiceParams())
    assert verdict.value == 0.0
    assert verdict.detail == {"letter": None, "letters": ["A", "C"], "method": "statement", "options": 4}
    assert verdict.flags == ("multiple_final_answers",)
    assert verdict.gold_kind is GoldKind.MCQ


def test_the_gold_that_is_read_is_judged_right() -> None:
    view = ChoiceCheck().read_gold(CheckInput("", MMLU), ChoiceParams())
    assert (view.kind, view.normalised, view.answer) == (GoldKind.MCQ, "B: Paris", "\\boxed{B}")
    assert value(view.answer or "", MMLU) == 1.0
