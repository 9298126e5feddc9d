import pytest
from pydantic import ValidationError

from reward_server.checks.base import CheckInput
from reward_server.checks.truncation import Truncation, TruncationParams


@pytest.mark.parametrize(("finish_reason", "value"), [("stop", 0.0), ("length", -1.0), ("abort", 0.0), ("", 0.0)])
def test_only_a_completion_that_was_cut_off_is_punished(finish_reason: str, value: float) -> None:
    verdict = Truncation().judge(CheckInput("a", finish_reason=finish_reason), TruncationParams())
    assert (verdict.value, verdict.detail) == (value, {"truncated": value < 0})


def test_the_penalty_can_be_chosen_and_is_never_a_reward() -> None:
    params = TruncationParams.model_validate({"penalty": -0.25})
    assert Truncation().judge(CheckInput("a", finish_reason="length"), params).value == -0.25
    with pytest.raises(ValidationError):
        TruncationParams.model_validate({"penalty": 0.5})


def test_an_item_that_does_not_say_how_it_ended_is_left_out() -> None:
    verdict = Truncation().judge(CheckInput("a"), TruncationParams())
    assert (verdict.value, verdict.detail) == (None, {"truncated": None})
    assert verdict.reason is not None
    assert "finish_reason" in verdict.reason
