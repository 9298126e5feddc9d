import pytest
from pydantic import ValidationError

from reward_server.checks.base import CheckInput
from reward_server.checks.l1_length import L1Length, L1Params
from reward_server.errors import InvalidParams
from reward_server.profiles import bind
from reward_server.wire import CheckSpec


def value(tokens: int, target: int | None = 1000, right: bool | None = None, **params: object) -> float | None:
    item = CheckInput("a", completion_tokens=tokens, target_length=target, right=right)
    return L1Length().judge(item, L1Params.model_validate(params)).value


MAX = {"mode": "max", "correct_by": "exact"}


@pytest.mark.parametrize(("tokens", "expected"), [(1000, 0.0), (900, -0.03), (1100, -0.03), (0, -0.3), (2000, -0.3)])
def test_exact_costs_each_token_too_many_or_too_few(tokens: int, expected: float) -> None:
    assert value(tokens) == pytest.approx(expected)


def test_exact_never_rises_with_the_error() -> None:
    """A sigmoid variant elsewhere does."""
    values = [value(1000 + error) for error in range(0, 100_000, 500)]
    assert values == sorted(values, reverse=True)
    assert [value(1000 - error) for error in range(0, 1001, 500)] == values[:3]


def test_exact_ends_at_the_floor() -> None:
    assert value(100_000) == -1.0
    assert value(100_000, floor=-0.1) == -0.1


@pytest.mark.parametrize(("tokens", "expected"), [(1000, 0.5), (0, 0.8), (2000, 0.2), (2667, 0.0), (100_000, 0.0)])
def test_max_pays_a_right_answer_by_how_far_it_stays_below_the_target(tokens: int, expected: float) -> None:
    assert value(tokens, right=True, **MAX) == pytest.approx(expected, abs=2e-4)


def test_max_stays_within_0_and_1() -> None:
    assert value(0, target=100_000, right=True, **MAX) == 1.0
    assert value(0, right=True, delta=1.0, **MAX) == 1.0


def test_max_pays_a_wrong_answer_nothing() -> None:
    assert value(0, right=False, **MAX) == 0.0


def test_only_max_depends_on_what_is_right() -> None:
    assert value(1000, right=None) == 0.0
    assert value(1000, right=None, **MAX) is None
    with pytest.raises(ValidationError, match="correct_by"):
        L1Params.model_validate({"mode": "max"})


def test_exact_stands_alone_in_a_profile_and_max_does_not() -> None:
    alone = bind([CheckSpec(check="l1_length", params={"target": 10})])
    assert alone.checks[0].correct_by is None
    after = bind([CheckSpec(check="exact"), CheckSpec(check="l1_length", params={**MAX, "target": 10})])
    assert after.checks[1].correct_by == "exact"
    with pytest.raises(InvalidParams):
        bind([CheckSpec(check="l1_length", params={"mode": "max"})])


def test_the_target_of_the_item_goes_before_that_of_the_check() -> None:
    def judged(of_item: int | None, of_check: int | None) -> tuple[float | None, object]:
        item = CheckInput("a", completion_tokens=1000, target_length=of_item)
        verdict = L1Length().judge(item, L1Params(target=of_check))
        return verdict.value, verdict.detail["target"]

    assert judged(1000, 5) == (0.0, 1000)
    assert judged(None, 1000) == (0.0, 1000)
    assert judged(0, 1000) == (pytest.approx(-0.3), 0)
    assert judged(None, None) == (None, None)


def test_what_is_not_known_is_named() -> None:
    no_target = L1Length().judge(CheckInput("a", completion_tokens=1), L1Params())
    no_tokens = L1Length().judge(CheckInput("a", target_length=1), L1Params())
    assert "target_length" in (no_target.reason or "")
    assert "completion_tokens" in (no_tokens.reason or "")
    assert set(no_target.detail) == set(no_tokens.detail) == set(L1Length.detail)
