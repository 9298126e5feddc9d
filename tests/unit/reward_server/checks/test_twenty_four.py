import pytest

from reward_server.checks.base import CheckInput, Verdict
from reward_server.checks.twenty_four import TwentyFour, TwentyFourParams
from reward_server.errors import GroundTruthInvalid
from reward_server.puzzles.number_search import solution


def judge(completion: str, gold: object, **params: object) -> Verdict:
    check, asked = TwentyFour(), TwentyFourParams.model_validate(params)
    verdict = check.judge_in_place(CheckInput(completion, gold), asked)  # type: ignore[arg-type]
    assert verdict is not None
    return verdict


@pytest.mark.parametrize("gold", [[4, 7, 8, 8], "[4, 7, 8, 8]", {"numbers": [4, 7, 8, 8], "target": 24}])
def test_a_way_to_24_is_right(gold: object) -> None:
    assert judge("\\boxed{(7 - 8 / 8) \\times 4}", gold).value == 1.0
    assert judge("\\boxed{8 + 8 + 4 + 7 - 3}", gold).value == 0.0


def test_fractions_on_the_way_are_exact() -> None:
    assert judge("<answer>8 / (3 - 8 / 3)</answer>", [3, 3, 8, 8]).value == 1.0


def test_four_other_numbers_that_make_24_are_wrong() -> None:
    assert judge("<answer>4 * 6 * 1 * 1</answer>", [3, 3, 8, 8]).value == 0.0


def test_a_value_above_24_is_not_cut_down_to_it() -> None:
    assert judge("<answer>(3 * 8 * 5 + 2) / 5</answer>", [3, 8, 5, 2, 5]).value == 0.0  # 24.4


@pytest.mark.parametrize(
    "said",
    [
        "No solution.",
        "no solution",
        "Impossible",
        "无解",
        "None",
        "There is no solution!",
        "It's not possible to make 24 with these numbers.",
        "There is no way to make 24 from 1, 1, 1, 1.",
        "No valid expression exists.",
        "24 cannot be made from these numbers.",
        "这四个数无法得到24。",
        "\\text{No solution}",
    ],
)
def test_giving_up_is_right_where_nobody_can(said: str) -> None:
    assert judge(f"<answer>{said}</answer>", [1, 1, 1, 1]).value == 1.0
    verdict = judge(f"<answer>{said}</answer>", [4, 7, 8, 8])
    assert (verdict.value, verdict.detail["failed"]) == (0.0, "solvable")


def test_what_the_ground_truth_says_of_solvability_counts() -> None:
    assert judge("<answer>no solution</answer>", {"numbers": [1, 1, 1, 1, 1, 2], "solvable": False}).value == 1.0
    with pytest.raises(GroundTruthInvalid, match="solvable"):
        judge("<answer>no solution</answer>", {"numbers": [1, 1, 1, 1], "solvable": "no"})


def test_a_long_search_is_left_to_a_worker() -> None:
    item = CheckInput("<answer>no solution</answer>", [1, 1, 1, 1, 1, 1])
    assert TwentyFour().judge_in_place(item, TwentyFourParams()) is None
    assert TwentyFour().judge(item, TwentyFourParams()).value == 1.0  # 9 is the most


def test_a_hedge_with_giving_up_is_wrong() -> None:
    text = "<answer>no solution</answer> <answer>(7 - 8 / 8) * 4</answer>"
    assert judge(text, [4, 7, 8, 8]).value == 0.0


def test_the_reference_is_stated_and_a_false_label_is_found() -> None:
    check, params = TwentyFour(), TwentyFourParams()
    for gold in ([3, 3, 8, 8], [1, 1, 1, 1]):
        view = check.read_gold(CheckInput("", gold), params)  # type: ignore[arg-type]
        assert view.answer is not None
        assert judge(view.answer, gold).value == 1.0
    with pytest.raises(GroundTruthInvalid, match="search"):
        check.read_gold(CheckInput("", {"numbers": [3, 3, 8, 8], "solvable": False}), params)


@pytest.mark.parametrize("gold", [None, [], [1.5, 2], {"numbers": [1] * 7}, "abc", [[1, 2]]])
def test_unusable_numbers_are_no_zero(gold: object) -> None:
    with pytest.raises(GroundTruthInvalid, match="expected"):
        judge("<answer>1</answer>", gold)


@pytest.mark.parametrize(
    ("numbers", "target", "solvable"),
    [((1, 1, 1, 1), 24, False), ((1, 3, 4, 6), 24, True), ((5, 5, 5, 1), 24, True), ((13, 13, 13, 13), 24, False)],
)
def test_the_search_is_exact(numbers: tuple[int, ...], target: int, solvable: bool) -> None:
    assert (solution(numbers, target) is not None) == solvable


@pytest.mark.parametrize(
    "said",
    [
        "It is not impossible.",
        "No solution or 24",
        "no solution, 1 + 1",
        "1*1*1*1 is no solution",
        "Perhaps no solution",
    ],
)
def test_giving_up_beside_something_else_is_no_answer(said: str) -> None:
    assert judge(f"<answer>{said}</answer>", [1, 1, 1, 1]).value == 0.0
