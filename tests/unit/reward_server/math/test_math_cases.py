"""Golden cases of answers and of completions; each row says why."""

import json
from pathlib import Path
from typing import Any

import pytest

from reward_server.math import Decision, GoldInvalid, equivalent, judge, parse_gold

CASES = Path(__file__).parent / "cases"


def rows(name: str) -> list[Any]:
    lines = (CASES / name).read_text(encoding="utf-8").splitlines()
    return [pytest.param(row, id=f"{row['reference']} | {row['input']}"[:70]) for row in map(json.loads, lines)]


@pytest.mark.parametrize("row", rows("equivalence.jsonl"))
def test_bare_answer_gets_its_verdict(row: dict[str, str]) -> None:
    assert equivalent(row["input"], row["reference"]).decision == row["verdict"], row["why"]


@pytest.mark.parametrize("row", rows("equivalence.jsonl"))
def test_boxed_answer_gets_the_same_verdict_as_the_bare_one(row: dict[str, str]) -> None:
    boxed = f"Hence the value is $\\boxed{{{row['input']}}}$."
    assert judge(boxed, parse_gold(row["reference"])).decision == row["verdict"], row["why"]


@pytest.mark.parametrize("row", rows("extraction.jsonl"))
def test_completion_gets_its_verdict(row: dict[str, str]) -> None:
    assert judge(row["input"], parse_gold(row["reference"])).decision == row["verdict"], row["why"]


@pytest.mark.parametrize(
    ("completion", "flag"),
    [
        ("", "no_answer"),
        ("<think>\\boxed{3}", "unclosed_think"),
        ("\\boxed{3} or \\boxed{4}", "multiple_final_answers"),
        ("\\boxed{3}. The answer is 4.", "multiple_final_answers"),
        ("\\boxed{2}, no: \\boxed{3}", "earlier_boxes_differ"),
        ("There are 3 of them.", "unmarked_answer"),
        ("\\boxed{3 if it rains}", "unread_answer"),
    ],
)
def test_verdict_carries_the_flag(completion: str, flag: str) -> None:
    assert flag in judge(completion, parse_gold("3")).flags


def test_verdict_shows_the_extracted_answer() -> None:
    assert judge("so $\\boxed{\\frac12}$", parse_gold("0.5")).answer == "\\frac12"
    assert judge("I give up.", parse_gold("0.5")).answer is None


@pytest.mark.parametrize("gold", ["", "  ", "$$", "\\boxed{}", "\\frac{1}{0}", [], True, None, float("nan"), 10**2000])
def test_gold_that_states_nothing_is_refused(gold: Any) -> None:
    with pytest.raises(GoldInvalid):
        parse_gold(gold)


@pytest.mark.parametrize(
    ("gold", "answer"),
    [(18, "18"), (0.5, "\\frac12"), (1e-05, "10^{-5}"), (["1/2", "0.7"], "0.70"), ("… so 2.\n#### 1,000", "1000")],
)
def test_gold_of_each_kind_is_read(gold: Any, answer: str) -> None:
    assert judge(f"\\boxed{{{answer}}}", parse_gold(gold)).decision is Decision.EQUAL


def test_gold_of_a_worked_solution_is_its_last_box() -> None:
    gold = parse_gold("First $\\boxed{3}$. Using the other method we find $\\boxed{\\frac{9}{2}}$ again.")
    assert judge("\\boxed{4.5}", gold).decision is Decision.EQUAL
    assert judge("\\boxed{3}", gold).decision is Decision.DIFFERENT
