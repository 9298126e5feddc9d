import pytest
from pydantic import ValidationError

from reward_server.checks.base import CheckInput
from reward_server.checks.overlong import Overlong, OverlongParams


def value(tokens: int, **params: object) -> float | None:
    return Overlong().judge(CheckInput("a", completion_tokens=tokens), OverlongParams.model_validate(params)).value


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [(0, 0.0), (16384, 0.0), (16385, -1 / 4096), (17408, -0.25), (18432, -0.5), (20479, -4095 / 4096), (20480, -1.0)],
)
def test_the_punishment_is_that_of_the_paper(tokens: int, expected: float) -> None:
    assert value(tokens) == expected


def test_the_punishment_ends_at_minus_one() -> None:
    """Versions without the floor give -2.0 here."""
    assert value(24576) == -1.0
    assert value(10**9) == -1.0


def test_without_a_cache_the_punishment_begins_at_once() -> None:
    assert [value(n, max_length=100, cache=0) for n in (99, 100, 101)] == [0.0, 0.0, -1.0]


def test_a_cache_as_long_as_all_punishes_from_the_first_token() -> None:
    assert value(25, max_length=100, cache=100) == -0.25


def test_a_cache_longer_than_all_is_refused() -> None:
    with pytest.raises(ValidationError, match="at most"):
        OverlongParams.model_validate({"max_length": 100, "cache": 101})


def test_tokens_that_are_not_given_leave_the_item_out() -> None:
    verdict = Overlong().judge(CheckInput("a" * 30_000), OverlongParams())
    assert (verdict.value, verdict.detail) == (None, {"length": None, "unit": None})
    assert verdict.reason is not None
    assert "completion_tokens" in verdict.reason


def test_the_unit_is_named() -> None:
    def judged(item: CheckInput, unit: str) -> tuple[float | None, object, object]:
        params = OverlongParams.model_validate({"max_length": 10, "cache": 0, "unit": unit})
        verdict = Overlong().judge(item, params)
        return verdict.value, verdict.detail["length"], verdict.detail["unit"]

    text = "one two three"
    assert judged(CheckInput(text), "auto") == (-1.0, 13, "characters")
    assert judged(CheckInput(text), "words") == (0.0, 3, "words")
    assert judged(CheckInput(text, completion_tokens=4), "auto") == (0.0, 4, "tokens")
    assert judged(CheckInput(text, token_ids=(1, 2, 3, 4, 5)), "tokens") == (0.0, 5, "tokens")
    assert judged(CheckInput(text, completion_tokens=4), "characters") == (-1.0, 13, "characters")
