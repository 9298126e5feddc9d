import math

import pytest
from pydantic import ValidationError

from reward_server.checks.base import CheckInput
from reward_server.checks.cosine_length import CosineLength, CosineParams


def params(**given: object) -> CosineParams:
    return CosineParams.model_validate({"correct_by": "exact", "max_length": 1000, **given})


def value(tokens: int, right: bool | None, finish_reason: str | None = None, **given: object) -> float | None:
    item = CheckInput("a", completion_tokens=tokens, right=right, finish_reason=finish_reason)
    return CosineLength().judge(item, params(**given)).value


@pytest.mark.parametrize(
    ("tokens", "right", "expected"),
    [
        (0, True, 1.0),
        (250, True, 0.75 + 0.25 * math.cos(math.pi / 4)),
        (500, True, 0.75),
        (1000, True, 0.5),
        (0, False, -1.0),
        (500, False, -0.75),
        (1000, False, -0.5),
    ],
)
def test_right_falls_and_wrong_rises_with_the_length(tokens: int, right: bool, expected: float) -> None:
    assert value(tokens, right) == pytest.approx(expected, abs=1e-12)


def test_beyond_the_largest_length_the_value_stays() -> None:
    """A cosine that is not clamped turns round: 1.0 again for a right answer of twice the length."""
    assert value(2000, True) == value(1000, True) == 0.5
    assert value(2000, False) == value(1000, False) == -0.5
    assert value(1500, True) == 0.5


def test_it_does_not_pay_to_be_wrong_and_short() -> None:
    """A least wrong value of 0, a default elsewhere, gives 0 to the shortest wrong answer, -0.5 to the longest."""
    wrong = [value(tokens, False) for tokens in range(0, 1001, 100)]
    assert wrong == sorted(wrong)
    assert wrong[0] == -1.0
    with pytest.raises(ValidationError, match="a short wrong one"):
        params(min_wrong=0.0, max_wrong=-0.5)


def test_it_never_pays_to_be_wrong() -> None:
    for tokens in range(0, 3000, 250):
        right, wrong = value(0 if tokens else 3000, True), value(tokens, False)
        assert right is not None
        assert wrong is not None
        assert wrong < right
    with pytest.raises(ValidationError, match="earns less"):
        params(max_wrong=0.5, min_wrong=-1.0)
    with pytest.raises(ValidationError):
        params(min_right=1.0, max_right=0.5)


def test_the_values_of_the_paper_can_be_used() -> None:
    paper = {"max_right": 2, "min_right": 1, "min_wrong": -10, "max_wrong": 0, "truncated_value": -10}
    assert value(0, True, **paper) == 2.0
    assert value(0, False, **paper) == -10.0
    assert value(1000, False, **paper) == 0.0
    assert value(1000, True, "length", **paper) == -10.0
    assert value(1000, None, "length", **paper) == -10.0
    assert value(1000, True, "stop", **paper) == 1.0


def test_a_completion_that_was_cut_off_is_judged_like_others_unless_told_otherwise() -> None:
    assert value(1000, True, "length") == 0.5
    with pytest.raises(ValidationError, match="truncated_value"):
        params(truncated_value=0.9)


def test_what_cannot_be_known_leaves_the_item_out() -> None:
    undecided = CosineLength().judge(CheckInput("a", completion_tokens=5), params())
    unmeasured = CosineLength().judge(CheckInput("a", right=True), params())
    assert undecided.value is unmeasured.value is None
    assert "correct_by" in (undecided.reason or "")
    assert "completion_tokens" in (unmeasured.reason or "")
    assert undecided.detail == {"length": 5, "unit": "tokens"}
    assert unmeasured.detail == {"length": None, "unit": None}


def test_the_unit_can_be_chosen() -> None:
    verdict = CosineLength().judge(CheckInput("one two", right=True), params(unit="words", max_length=2))
    assert verdict.value == 0.5
    assert verdict.detail == {"length": 2, "unit": "words"}


def test_no_value_is_not_a_number() -> None:
    with pytest.raises(ValidationError):
        params(max_right=math.nan)
    with pytest.raises(ValidationError):
        params(max_right=math.inf)
