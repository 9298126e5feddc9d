import time

import pytest

from reward_server.checks.arithmetic_steps import QUICK_CHARS, ArithmeticSteps, ArithmeticStepsParams
from reward_server.checks.base import CheckInput, Verdict


def judge(completion: str, **params: object) -> Verdict:
    verdict = ArithmeticSteps().judge(CheckInput(completion), ArithmeticStepsParams.model_validate(params))
    assert set(verdict.detail) == set(ArithmeticSteps.detail)
    return verdict


def test_the_value_is_the_share_of_true_equations_and_each_is_a_step() -> None:
    text = "<think>3 + 4 = 7, then 7 * 2 = 15, so 15 - 1 = 14.</think>14"
    verdict = judge(text)
    assert verdict.value == pytest.approx(2 / 3)
    assert [(text[s.start : s.end], s.value) for s in verdict.steps] == [
        ("3 + 4 = 7", 1.0),
        ("7 * 2 = 15", -1.0),
        ("15 - 1 = 14", 1.0),
    ]
    assert verdict.detail == {"equations": 3, "wrong": 1, "first_wrong": "7 * 2 = 15"}


def test_values_of_steps_can_be_chosen() -> None:
    steps = judge("3 + 4 = 7, 7 * 2 = 15", right_value=0.5, wrong_value=0).steps
    assert [step.value for step in steps] == [0.5, 0.0]


def test_only_the_thinking_counts_where_that_is_asked_for() -> None:
    text = "<think>3 + 4 = 7</think> 2 + 2 = 5"
    assert judge(text).value == 0.5
    assert judge(text, scope="think").value == 1.0
    assert judge("3 + 4 = 7</think> 2 + 2 = 5", scope="think").value == 1.0
    assert judge("<think>3 + 4 = 7 and on", scope="think").value == 1.0
    assert judge("3 + 4 = 7", scope="think").value is None
    assert judge("</think>3 + 4 = 7 <think>", scope="think").value is None


def test_places_are_those_of_the_whole_completion() -> None:
    text = "<think>😀 3 + 4 = 7</think>"
    (step,) = judge(text, scope="think").steps
    assert text[step.start : step.end] == "3 + 4 = 7"


def test_a_completion_without_equations_is_neutral_unless_that_must_not_pay() -> None:
    assert judge("The answer is seven.").value is None
    assert judge("Let x + 3 = 7.").reason == "no equation of arithmetic was found"
    assert judge("The answer is seven.", none_value=0).value == 0.0


def test_repeating_a_true_equation_does_not_earn() -> None:
    honest, spam = judge("7 * 2 = 15. 1+1=2."), judge("7 * 2 = 15. " + "1+1=2. " * 500)
    assert spam.value == honest.value
    assert sum(step.value for step in spam.steps) == sum(step.value for step in honest.steps)


def test_padding_with_trivial_equations_does_not_earn() -> None:
    padding = " ".join(f"{n} = {n}; {n} + 0 = {n}; {n} * 1 = {n};" for n in range(2, 200))
    assert judge("7 * 2 = 15. " + padding).value == 0.0


def test_many_different_true_equations_are_capped_and_flagged() -> None:
    text = "; ".join(f"{n} + 2 = {n + 2}" for n in range(1, 200)) + "; 2 + 2 = 5"
    verdict = judge(text)
    assert sum(step.value > 0 for step in verdict.steps) == 50
    assert verdict.steps[-1].value == -1.0  # a false one is never left out
    assert "many_equations" in verdict.flags


def test_long_reasoning_is_left_to_a_worker() -> None:
    check, params = ArithmeticSteps(), ArithmeticStepsParams()
    assert check.judge_in_place(CheckInput("3 + 4 = 7"), params) == check.judge(CheckInput("3 + 4 = 7"), params)
    assert check.judge_in_place(CheckInput("3 + 4 = 7 " * QUICK_CHARS), params) is None


@pytest.mark.parametrize("piece", ["1=", "1+1=2; ", "<<1+1=2>>", "1+", "(", "<think>", "</think>"])
def test_a_megabyte_of_hostile_text_is_judged_in_time(piece: str) -> None:
    start = time.process_time()
    judge(piece * (1_000_000 // len(piece)))
    assert time.process_time() - start < 10
