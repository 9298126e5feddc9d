"""Whether one model is better than another on the same problems: the interval against its paper, and the reasons."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer_client.recipes.r1_compare import Measured, paired_difference, step_between, told
from trainer_client.statistics import Estimate, wilson_interval

Z = 1.959963984540054


def rates(right: int, wrong: int, first: int = 0) -> dict[str, float]:
    return {str(first + place): float(place < right) for place in range(right + wrong)}


def model(values: dict[str, float], **others: float | None) -> Measured:
    accuracy = wilson_interval(round(sum(values.values())), len(values)) if values else None
    told = {"mean_tokens": 20.0, "format_rate": 1.0, "truncated_share": 0.0, "weight_bytes": 1000} | others
    return Measured(values, accuracy, **told)  # type: ignore[arg-type]


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_single_answers_have_the_interval_of_agresti_and_min(pairs: list[tuple[bool, bool]]) -> None:
    """Table 1 of the paper: half a problem is added to each of the four cells of the table of pairs."""
    before = {str(place): float(one) for place, (one, _) in enumerate(pairs)}
    after = {str(place): float(two) for place, (_, two) in enumerate(pairs)}
    gained = sum(two and not one for one, two in pairs) + 0.5
    lost = sum(one and not two for one, two in pairs) + 0.5
    number = len(pairs) + 2
    reach = Z / number * math.sqrt(gained + lost - (gained - lost) ** 2 / number)
    got = paired_difference(before, after, 0.95)
    assert got.value == pytest.approx((gained - lost) / len(pairs))
    assert got.low == pytest.approx(max((gained - lost) / number - reach, -1.0))
    assert got.high == pytest.approx(min((gained - lost) / number + reach, 1.0))


def test_difference_is_over_the_problems_that_both_have() -> None:
    got = paired_difference({"a": 0.25, "b": 0.5, "gone": 0.0}, {"a": 0.75, "b": 0.5, "new": 1.0}, 0.95)
    assert got.value == 0.25
    with pytest.raises(ValueError, match="both were measured on"):
        paired_difference({"a": 1.0}, {"b": 1.0}, 0.95)


def test_same_problems_show_more_than_two_independent_shares_would() -> None:
    before, after = rates(150, 106), rates(165, 91)  # 15 gained, none lost
    got = paired_difference(before, after, 0.95)
    assert got.low > 0
    shares = (150 / 256, 165 / 256)
    independent = Z * math.sqrt(sum(share * (1 - share) / 256 for share in shares))
    assert (got.high - got.low) / 2 < independent / 2


def test_clear_gain_is_better_and_needs_no_reason() -> None:
    step = step_between(model(rates(100, 156)), model(rates(200, 56)), 0.95)
    assert (step.outcome, step.problems, step.reasons) == ("better", 256, ())
    assert told(step, "1-cold-start").startswith("better than 1-cold-start, +39.1 points (+3")


def test_gain_within_noise_says_how_many_problems_would_show_it() -> None:
    before, after = rates(128, 128), rates(130, 126) | {"0": 0.0}  # two gained, one lost
    step = step_between(model(before), model(after), 0.95)
    assert step.outcome == "within noise"
    assert step.difference is not None
    assert step.difference.low < 0 < step.difference.high
    reach = (step.difference.high - step.difference.low) / 2
    needed = 256 * (reach * 256) ** 2
    assert any(f"some {math.ceil(needed / 100) * 100} problems" in reason for reason in step.reasons)
    assert told(step, "2-rl").startswith("within noise of 2-rl, +0.4 points (-")


def test_equal_answers_are_not_certain_to_be_equal() -> None:
    step = step_between(model(rates(200, 56)), model(rates(200, 56)), 0.95)
    assert step.outcome == "within noise"
    assert step.difference is not None
    assert step.difference.low < 0 < step.difference.high
    assert "there is none" in step.reasons[0]


def test_loss_names_what_else_changed() -> None:
    before = model(rates(250, 6))
    after = model(rates(100, 156), truncated_share=0.3, format_rate=0.6, weight_bytes=500)
    step = step_between(before, after, 0.95)
    assert step.outcome == "worse"
    assert step.reasons == (
        "30.0 points more of its answers run into the length limit",
        "40.0 points fewer of its answers are well formed",
        "its model is smaller, 50 % of the weights",
    )
    assert told(step, "2-rl").startswith("worse than 2-rl, -58.6 points")


def test_loss_without_any_other_change_says_so() -> None:
    step = step_between(model(rates(200, 56)), model(rates(100, 156)), 0.95)
    assert step.reasons == ("none of the other numbers tells why",)


def test_nothing_to_gain_is_a_reason() -> None:
    step = step_between(model(rates(256, 0)), model(rates(256, 0)), 0.95)
    assert "the one before leaves only 0.0 points to gain" in step.reasons


def test_models_without_a_common_judged_problem_are_not_compared() -> None:
    step = step_between(model(rates(1, 1)), model(rates(1, 1, first=9)), 0.95)
    assert (step.outcome, step.difference) == ("not measured", None)
    assert told(step, "2-rl") == "not compared with 2-rl: no problem was judged for both"


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.sampled_from([0.8, 0.95, 0.99]))
def test_interval_holds_the_difference_and_stays_in_range(values: list[float], confidence: float) -> None:
    before = {str(place): 0.5 for place in range(len(values))}
    got = paired_difference(before, {str(place): value for place, value in enumerate(values)}, confidence)
    assert isinstance(got, Estimate)
    assert -1 <= got.low < got.high <= 1
