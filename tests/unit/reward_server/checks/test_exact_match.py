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


@pytest.mark.parametrize("gold", [None, [], {}, True, "", "  ", ["a", None], ["a", ""], {"answer": " "}])
def test_an_unusable_reference_is_no_zero(gold: object) -> None:
    with pytest.raises(GroundTruthInvalid, match="expected"):
        value("anything", gold)


@pytest.mark.parametrize(
    "gold",
    [
        {"target": ["Rome", "Paris"]},
        {"reward_model": {"ground_truth": {"target": ["Paris"]}}},
        {"golden_answers": ["Paris"]},
        {"answer": {"value": "Paris", "aliases": ["Lutetia"]}},
        {"answers": {"text": ["Paris"], "answer_start": [3]}},
        {"question": "?", "answer": "Paris"},
        '{"target": ["Paris"]}',
    ],
)
def test_the_reference_is_found_in_a_whole_row(gold: object) -> None:
    assert value("<answer>Paris</answer>", gold) == 1.0
    assert value("<answer>London</answer>", gold) == 0.0


def test_a_worked_solution_is_no_reference_of_exact() -> None:
    with pytest.raises(GroundTruthInvalid):
        value("Paris", {"problem": "?", "solution": "\\boxed{Paris}"})


@pytest.mark.parametrize(
    ("answer", "gold", "em", "f1"),
    [
        ("The Seine.", "seine", 1.0, 1.0),
        ("an apple", "apple!", 1.0, 1.0),
        ("the river", "River Seine", 0.0, 2 / 3),
        ("Seine", ["Rhine", "River Seine"], 0.0, 2 / 3),
        ("Rhine", "Seine", 0.0, 0.0),
        ("seine seine seine", "seine", 0.0, 0.5),
        ("yes no", "yes", 0.0, 0.0),
        ("no", "yes it is", 0.0, 0.0),
    ],
)
def test_squad_compares_words(answer: str, gold: object, em: float, f1: float) -> None:
    assert value(f"<answer>{answer}</answer>", gold, normalise="squad") == em
    assert value(f"<answer>{answer}</answer>", gold, normalise="squad", scoring="f1") == pytest.approx(f1)


def test_listing_every_word_earns_little() -> None:
    words = " ".join(f"word{n}" for n in range(999))
    assert (value(f"{words} paris", "Paris", normalise="squad", scoring="f1") or 0) < 0.01


def test_a_reference_of_which_nothing_is_left_is_no_reference() -> None:
    with pytest.raises(GroundTruthInvalid):
        value("the", "The", normalise="squad")
    assert value("the", "Seine", normalise="squad", scoring="f1") == 0.0


@pytest.mark.parametrize("gold", ["Paris", 7, ["a", "b"], "a </answer> b", {"target": ["x y"]}])
def test_the_gold_that_is_read_is_judged_right(gold: object) -> None:
    view = ExactMatch().read_gold(CheckInput("", gold), ExactParams())  # type: ignore[arg-type]
    assert view.answer is not None
    assert value(view.answer, gold) == 1.0
