import time
from typing import Any

import pytest

from reward_server.checks.base import CheckInput
from reward_server.checks.numeric import Numeric, NumericParams
from reward_server.errors import GroundTruthInvalid
from reward_server.wire import GoldKind


def judge(completion: str, gold: Any, **params: Any) -> Any:
    return Numeric().judge(CheckInput(completion, gold), NumericParams.model_validate(params))


@pytest.mark.parametrize(
    ("completion", "gold"),
    [
        ("42", 42),
        ("\\boxed{\\$1,200}", "#### 1200"),
        ("#### 1,000", "1000"),
        ("The answer is 42!", 42),
        ("\\boxed{42 \\text{ (not 43)}}", 42),
        ("<think>41</think><answer>42</answer>", "42"),
        ("<think>41</think> So it is \\boxed{42}.", 42),
        ("The total is $72.", "$72.00"),
        ("\\boxed{84/2}", 42),
        ("\\boxed{\\frac{3}{4}}", "0.75"),
        ("\\boxed{1 1/2}", "3/2"),
        ("42½", "42.5"),
        ("¾", 0.75),
        ("5 cm²", 5),
        ("\\boxed{-7}", "−7"),
        ("\\boxed{1.5e3}", 1500),
        ("\\boxed{2 \\times 10^{6}}", "2,000,000"),
        ("\\boxed{12 m}", 12),
        ("\\boxed{5\\text{ cm}^2}", 5),
        ("\\boxed{50\\%}", 50),
        ("\\boxed{1\\,000}", 1000),
        ("\\boxed{007}", 7),
        ("\\boxed{１２}", 12),
        ("\\boxed{1e999999999}", "1e999999999"),
        ("\\boxed{7}", ["6", "7"]),
        ("\\boxed{72}", {"question": "?", "answer": "so\n#### 72"}),
        ("\\boxed{34}", {"reward_model": {"ground_truth": "34"}}),
        ("x = \\boxed{5}", "x = 5"),
    ],
)
def test_the_same_number_in_another_spelling_is_right(completion: str, gold: Any) -> None:
    verdict = judge(completion, gold)
    assert (verdict.value, verdict.gold_kind) == (1.0, GoldKind.NUMERIC)


@pytest.mark.parametrize(
    ("completion", "gold", "flag"),
    [
        ("\\boxed{41}", 42, None),
        ("The answer is 42 or 43.", 42, "multiple_final_answers"),
        ("\\boxed{41} \\boxed{42}", 42, "multiple_final_answers"),
        ("<answer>42</answer> or 43", 42, "multiple_final_answers"),
        ("\\boxed{41, 42}", 42, "multiple_final_answers"),
        ("\\boxed{41 42}", 42, "multiple_final_answers"),
        ("1 2 3 4 5 6 7 8 9", 5, "no_answer"),
        ("", 42, "no_answer"),
        ("<think>42", 42, "no_answer"),
        ("<think>The answer is 42.</think>", 42, "no_answer"),
        ("\\boxed{forty two}", 42, "no_answer"),
        ("\\boxed{4^2}", 4, "no_answer"),
        ("not 42", 42, "no_answer"),
        ("42½", 42, None),
        ("42²", 42, "no_answer"),
        ("≥42", 42, "no_answer"),
        ("\\boxed{> 42}", 42, "no_answer"),
        ("\\boxed{5!}", 5, "no_answer"),
        ("\\boxed{5\\pi}", 5, "no_answer"),
        ("\\boxed{5x}", 5, "no_answer"),
        ("\\boxed{x+3}", 3, "no_answer"),
        ("\\boxed{1.2.3}", 1.2, "no_answer"),
        ("\\boxed{0x10}", 0, "no_answer"),
        ("\\boxed{1_000}", 1, "no_answer"),
        ("\\boxed{1/0}", 1, "no_answer"),
        ("\\boxed{0.3333}", "1/3", None),
        ("\\boxed{nan}", 1, "no_answer"),
        ("\\boxed{1e999999999}", 1, None),
        ("\\boxed{1e-999999999}", 0, None),
    ],
)
def test_what_is_not_this_number_alone_is_wrong(completion: str, gold: Any, flag: str | None) -> None:
    verdict = judge(completion, gold)
    assert verdict.value == 0.0
    assert flag is None or flag in verdict.flags


@pytest.mark.parametrize(
    ("completion", "gold", "params", "expected"),
    [
        ("\\boxed{0.33}", "1/3", {"tolerance_abs": 0.01}, 1.0),
        ("\\boxed{0.32}", "1/3", {"tolerance_abs": 0.01}, 0.0),
        ("\\boxed{99}", 100, {"tolerance_rel": 0.01}, 1.0),
        ("\\boxed{98.9}", 100, {"tolerance_rel": 0.01}, 0.0),
        ("\\boxed{0.1}", 0, {"tolerance_rel": 0.5}, 0.0),
        ("\\boxed{1.1}", 1, {"tolerance_abs": 0.1}, 1.0),
        ("\\boxed{1e999999999}", 1, {"tolerance_abs": 1e300}, 0.0),
        ("\\boxed{0.5}", "50%", {"percent": "fraction"}, 1.0),
        ("\\boxed{50}", "50%", {"percent": "fraction"}, 0.0),
        ("\\boxed{50}", "50%", {}, 1.0),
        ("\\boxed{50 percent}", 0.5, {"percent": "fraction"}, 1.0),
    ],
)
def test_tolerances_and_percent(completion: str, gold: Any, params: dict[str, Any], expected: float) -> None:
    assert judge(completion, gold, **params).value == expected


@pytest.mark.parametrize(
    "gold", [None, "", [], {}, True, "Paris", "3 or 4", "x+1", "proof", "9" * 5000, "2\\pi", ["1", "two"], {"a": 1}]
)
def test_a_reference_without_one_number_is_no_zero(gold: Any) -> None:
    with pytest.raises(GroundTruthInvalid, match="expected"):
        judge("\\boxed{1}", gold)


@pytest.mark.parametrize("gold", [42, "$1,200.50", "1/3", "-3/4", "1e-7", "50%", "1e999999999", "0", -7, "#### 5"])
@pytest.mark.parametrize("percent", ["ignore", "fraction"])
def test_the_gold_that_is_read_is_judged_right(gold: Any, percent: str) -> None:
    params = NumericParams.model_validate({"percent": percent})
    view = Numeric().read_gold(CheckInput("", gold), params)
    assert view.answer is not None
    assert Numeric().judge(CheckInput(view.answer, gold), params).value == 1.0


@pytest.mark.parametrize("text", ["9" * 1_000_000, "1," * 500_000, "1/" * 500_000, "1e" * 500_000, "$" * 1_000_000])
def test_a_megabyte_of_digits_is_read_at_once(text: str) -> None:
    started = time.process_time()
    for completion in (text, f"\\boxed{{{text}}}", f"<answer>{text}</answer>"):
        assert judge(completion, 5).value == 0.0
    assert time.process_time() - started < 2
