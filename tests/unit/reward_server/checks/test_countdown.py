import json
import time

import pytest

from reward_server.checks.base import CheckInput, Verdict
from reward_server.checks.countdown import Countdown, CountdownParams
from reward_server.errors import GroundTruthInvalid

PUZZLE = {"target": 98, "numbers": [44, 19, 35]}


def judge(completion: str, gold: object = PUZZLE, **params: object) -> Verdict:
    verdict = Countdown().judge(CheckInput(completion, gold), CountdownParams.model_validate(params))  # type: ignore[arg-type]
    assert set(verdict.detail) == set(Countdown.detail)
    return verdict


@pytest.mark.parametrize(
    "completion",
    [
        "<answer>44 + 19 + 35</answer>",
        "<think>44 + 19 = 63</think><answer>(44 + 19) + 35 = 98</answer>",
        "<answer>44 + 19 + 35 = 63 + 35 = 98</answer>",
        "<answer>98 = 19 + 35 + 44</answer>",
        "<answer>$44 + 19 + 35$.</answer>",
        "so \\boxed{44 + 19 + 35}",
        "It works:\n44 + 19 + 35 = 98",
        "**44 + 19 + 35**",
        "<answer>44 + 19 + 35</answer> is my <answer>44+19+35</answer>",
        "<answer>\\(44 + 19 + 35\\)</answer>",
        "<answer>$\\boxed{44 + 19 + 35}$</answer>",
        "<answer>Answer: 44 + 19 + 35</answer>",
        "<answer>44 + 19 + 35 = 98 ✓</answer>",
        "The answer is 44 + 19 + 35.",
        "The final expression is **(44 + 19) + 35 = 98**.",
        "It works:\n\\[\n44 + 19 + 35 = 98\n\\]\n",
        "```\n44 + 19 + 35\n```",
    ],
)
def test_an_expression_that_makes_the_target_is_right(completion: str) -> None:
    assert judge(completion).value == 1.0


@pytest.mark.parametrize(
    ("completion", "failed"),
    [
        ("", "no_answer"),
        ("<think>44 + 19 + 35", "no_answer"),
        ("<answer></answer>", "no_answer"),
        ("<answer>44 + 19</answer>", "wrong_numbers"),
        ("<answer>44 + 19 + 35 + 44 - 44</answer>", "wrong_numbers"),
        ("<answer>98</answer>", "wrong_numbers"),
        ("<answer>44 * 19 - 35</answer>", "wrong_value"),
        ("<answer>44 * 19 - 35 = 98</answer>", "false_equation"),
        ("<answer>44, 19, 35</answer>", "unreadable"),
        ("<answer>44 + 19 + 35 or 44 - 19</answer>", "unreadable"),
        ("The answer is 44 - 19, or it is 44 + 19 + 35", "unreadable"),
        ("Not 44 - 19 but: 44 + 19 + 35", "unreadable"),
        ("<answer>44 + 19 + 35</answer><answer>44 - 19 - 35</answer>", "several_answers"),
        ("\\boxed{44 - 19 - 35} or \\boxed{44 + 19 + 35}", "several_answers"),
    ],
)
def test_the_broken_rule_is_named(completion: str, failed: str) -> None:
    verdict = judge(completion)
    assert (verdict.value, verdict.detail["failed"]) == (0.0, failed)


def test_a_letter_x_between_numbers_is_a_sign() -> None:
    assert judge("<answer>(44 - 19) x 2</answer>", {"target": 50, "numbers": [44, 19, 2]}).value == 1.0
    assert judge("<answer>4 x</answer>", {"target": 4, "numbers": [4]}).value == 0.0


def test_a_decimal_is_not_two_of_the_numbers() -> None:
    assert judge("<answer>98 * 1.5 / 1.5</answer>", {"target": 98, "numbers": [98, 1, 5, 1, 5]}).value == 0.0
    assert judge("<answer>5.0 + 1</answer>", {"target": 6, "numbers": [5, 1]}).value == 0.0


@pytest.mark.parametrize("answer", ["2 ** 3", "17 // 2", "2 ^ 3", "23"])
def test_powers_floor_division_and_joined_digits_are_refused(answer: str) -> None:
    numbers = [int(digit) for digit in answer if digit.isdigit()]
    assert judge(f"<answer>{answer}</answer>", {"target": 8, "numbers": numbers}).value == 0.0


def test_a_tower_of_powers_does_not_hang() -> None:
    start = time.process_time()
    assert judge("<answer>9**9**9**9</answer>", {"target": 9, "numbers": [9, 9, 9, 9]}).value == 0.0
    assert judge("<answer>9*9*9*9</answer>", {"target": 9, "numbers": [9, 9, 9, 9]}).value == 0.0
    assert time.process_time() - start < 1


def test_values_are_exact_and_not_floats() -> None:
    gold = {"target": 1, "numbers": [1, 3, 3]}
    assert judge("<answer>1 / 3 * 3</answer>", gold).value == 1.0
    near = {"target": 333333333333333, "numbers": [1000000000000000, 3]}
    assert judge("<answer>1000000000000000 / 3</answer>", near).value == 0.0


def test_there_is_no_floor_for_any_list_of_numbers_unless_it_is_asked_for() -> None:
    assert judge("<answer>44 - 19 - 35</answer>").value == 0.0
    assert judge("<answer>44 - 19 - 35</answer>", format_value=0.1).value == 0.1
    assert judge("<answer>44, 19, 35</answer>", format_value=0.1).value == 0.0


def test_some_numbers_may_be_left_out_where_that_is_said() -> None:
    gold = {"target": 63, "numbers": [44, 19, 35]}
    assert judge("<answer>44 + 19</answer>", gold).value == 0.0
    assert judge("<answer>44 + 19</answer>", gold, use_all=False).value == 1.0
    assert judge("<answer>44 + 19 + 44 - 44</answer>", gold, use_all=False).value == 0.0


@pytest.mark.parametrize(
    "gold",
    [
        {"target": "98", "numbers": ["44", "19", "35"]},
        {"target": 98.0, "nums": [44.0, 19.0, 35.0]},
        json.dumps(PUZZLE),
        json.dumps(json.dumps(json.dumps(PUZZLE))),
        {"data_source": "countdown", "reward_model": {"style": "rule", "ground_truth": json.dumps(PUZZLE)}},
        {"question": "?", "answer": "44+19+35", "metadata": {"source_dataset": "countdown", **PUZZLE}},
        str(PUZZLE),
    ],
)
def test_the_puzzle_is_read_in_every_wrapping(gold: object) -> None:
    assert judge("<answer>44 + 19 + 35</answer>", gold).value == 1.0


@pytest.mark.parametrize(
    "gold",
    [
        None,
        98,
        "98",
        {},
        {"target": 98},
        {"numbers": [1, 2]},
        {"target": "x", "numbers": [1]},
        {"target": 1.5, "numbers": [1]},
        {"target": float("nan"), "numbers": [1]},
        {"target": True, "numbers": [1]},
        {"target": 1, "numbers": []},
        {"target": 1, "numbers": [1] * 21},
        {"target": 10**400, "numbers": [1]},
    ],
)
def test_an_unusable_puzzle_is_no_zero(gold: object) -> None:
    with pytest.raises(GroundTruthInvalid, match="expected"):
        judge("<answer>1</answer>", gold)


@pytest.mark.parametrize("gold", [PUZZLE, {"target": 24, "numbers": [1, 3, 4, 6]}, {"target": 0, "numbers": [0, 5, 7]}])
def test_a_reference_can_be_stated_and_is_right(gold: dict[str, object]) -> None:
    view = Countdown().read_gold(CheckInput("", gold), CountdownParams())  # type: ignore[arg-type]
    assert view.answer is not None
    assert judge(view.answer, gold).value == 1.0


def test_a_puzzle_without_solution_is_found_before_training() -> None:
    with pytest.raises(GroundTruthInvalid, match="no solution"):
        Countdown().read_gold(CheckInput("", {"target": 997, "numbers": [1, 1]}), CountdownParams())


def test_a_detail_never_holds_the_target() -> None:
    assert "98" not in json.dumps(judge("<answer>44 - 19 - 35</answer>").detail)


@pytest.mark.parametrize("piece", ["<answer>", "\\boxed{", "1+", "(", "=", "{", " ", "</answer>", "<answer>1</answer>"])
def test_a_megabyte_of_hostile_text_is_judged_in_time(piece: str) -> None:
    start = time.process_time()
    assert judge(piece * (1_000_000 // len(piece))).value == 0.0
    assert time.process_time() - start < 3
