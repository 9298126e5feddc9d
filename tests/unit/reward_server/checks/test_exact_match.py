import pytest

from reward_server.checks.base import CheckInput
from reward_server.checks.exact_match import ExactMatch, ExactParams
from reward_server.errors import GroundTruthInvalid


def value(completion: str, gold: object, **params: object) -> float:
    return ExactMatch().judge(CheckInput(completion, gold), ExactParams.model_validate(params)).value  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("completion", "gold", "expected"),
    [
        ("Paris", "Paris", 1.0),
        ("  Paris\n", "Paris", 1.0),
        ("New   York", "New York", 1.0),
        ("<think>Rome?</think>Paris", "Paris", 1.0),
        ("<think>a</think><answer>Paris</answer> is it", "Paris", 1.0),
        ("Paris", ["Rome", "Paris"], 1.0),
        ("7", 7, 1.0),
        ("paris", "Paris", 0.0),
        ("It is Paris", "Paris", 0.0),
        ("<think>Paris", "Paris", 0.0),
        ("", "Paris", 0.0),
    ],
)
def test_what_was_finally_said_is_compared(completion: str, gold: object, expected: float) -> None:
    assert value(completion, gold) == expected


def test_case_can_be_ignored() -> None:
    assert value("STRASSE", "straße", ignore_case=True) == 1.0


@pytest.mark.parametrize("gold", [None, [], {}, True, "", "  ", ["a", None]])
def test_an_unusable_reference_is_no_zero(gold: object) -> None:
    with pytest.raises(GroundTruthInvalid, match="expected"):
        value("anything", gold)
