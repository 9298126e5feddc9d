import json
import time

import pytest
from pydantic import ValidationError

from reward_server.checks.base import CheckInput, Verdict
from reward_server.checks.knights_and_knaves import KnightsAndKnaves, KnightsAndKnavesParams
from reward_server.errors import GroundTruthInvalid

GOLD = {"solution_text_format": "(1) Zoey is a knave\n(2) Oliver is a knight\n(3) Ava is a knight", "statements": "…"}


def judge(completion: str, gold: object = GOLD, **params: object) -> Verdict:
    asked = KnightsAndKnavesParams.model_validate(params)
    verdict = KnightsAndKnaves().judge(CheckInput(completion, gold), asked)  # type: ignore[arg-type]
    assert set(verdict.detail) == set(KnightsAndKnaves.detail)
    return verdict


@pytest.mark.parametrize(
    "said",
    [
        "(1) Zoey is a knave\n(2) Oliver is a knight\n(3) Ava is a knight",
        "Zoey is a knave, Oliver is a knight, and Ava is a knight.",
        "zoey: Knave; OLIVER: Knight; ava: Knight",
        "Zoey is not a knight. Oliver and Ava are knights.",
        "Zoey isn't a knight, Oliver isn't a knave and Ava is not a knave",
        "- **Zoey**: knave\n- **Oliver**: knight\n- **Ava**: knight",
        "Therefore, Zoey must be a knave while Oliver and Ava are both knights.",
        "Zoey is a knave, Zoey is a knave, Oliver is a knight, Ava is a knight",
        "Zoey = knave, Oliver = knight, Ava = knight",
        "Knights: Oliver, Ava. Knaves: Zoey.",
        "**Knights:**\n- Oliver\n- Ava\n\n**Knaves:**\n- Zoey",
        "\\boxed{\\text{Zoey is a knave, Oliver is a knight, Ava is a knight}}",
    ],
)
def test_everybody_in_the_right_role_is_right(said: str) -> None:
    assert judge(f"<think>hm</think><answer>{said}</answer>").value == 1.0


@pytest.mark.parametrize(
    ("said", "failed"),
    [
        ("Zoey is a knight, Oliver is a knight, Ava is a knight", "wrong"),
        ("Zoey is a knave, Oliver is a knight", "missing"),
        ("Zoey is a knight, Zoey is a knave, Oliver is a knight, Ava is a knight", "contradiction"),
        ("Zoey is a knave or a knight, Oliver is a knight, Ava is a knight", "unreadable"),
        ("Either Zoey is a knave or Oliver is, Ava is a knight", "unreadable"),
        ("knave knight knight", "unreadable"),
        ("Knights: Oliver, Ava, Zoey. Knaves: Zoey.", "contradiction"),
        ("Knights: Oliver, Ava.", "missing"),
        ("Knights: Oliver, Ava. Zoey is a knave", "unreadable"),
        ("Knights: Oliver, Ava, not Zoey", "unreadable"),
        ("Knights: knaves: Zoey, Oliver, Ava are knights", "unreadable"),
        ("Zoey is a knave. Knights: Oliver, Ava.", "unreadable"),
        ("Knaves: Zoey. Knights: Oliver, Ava. Knaves:", "unreadable"),
        ("Zoey Oliver Ava knave knight knight", "unreadable"),
        ("Zoey is a knave, Oliver is a knight, Ava is a knight, Bob is a knave", "unreadable"),
        ("Is Zoey a knave? Oliver is a knight, Ava is a knight", "unreadable"),
        ("If Zoey is a knave then Oliver is a knight and Ava is a knight", "unreadable"),
        ("It is false that Zoey is a knave. Oliver is a knight, Ava is a knight", "unreadable"),
        ("Zoey is a knave, Oliver is a knight, Ava", "unreadable"),
        ("Zoey\nOliver is a knave, Oliver is a knight, Ava is a knight", "unreadable"),
    ],
)
def test_the_broken_rule_is_named(said: str, failed: str) -> None:
    verdict = judge(f"<answer>{said}</answer>")
    assert (verdict.value, verdict.detail["failed"]) == (0.0, failed)


def test_words_are_not_counted() -> None:
    """kk.py takes as many words `knight` and `knave` as there are names for an answer that can be read."""
    assert judge("<answer>Zoey knave Zoey knight Ava knight</answer>").value == 0.0


def test_an_echo_of_both_roles_for_everybody_is_wrong() -> None:
    both = ". ".join(f"{name} is a knight. {name} is a knave" for name in ("Zoey", "Oliver", "Ava"))
    verdict = judge(f"<answer>{both}</answer>")
    assert (verdict.value, verdict.flags) == (0.0, ("contradiction",))


def test_two_answers_are_a_hedge() -> None:
    right = "Zoey is a knave, Oliver is a knight, Ava is a knight"
    wrong = "Zoey is a knight, Oliver is a knight, Ava is a knight"
    assert judge(f"<answer>{wrong}</answer><answer>{right}</answer>").detail["failed"] == "several_answers"


def test_without_a_tag_the_last_lines_are_the_answer() -> None:
    text = "Suppose Zoey is a knight. That fails.\n\n(1) Zoey is a knave\n(2) Oliver is a knight\n(3) Ava is a knight\n"
    assert judge(text).value == 1.0
    assert judge("<think>Zoey is a knave").detail["failed"] == "no_answer"
    assert judge("I do not know.").detail["failed"] == "no_answer"


def test_logic_rl_values() -> None:
    values = {"right": 2, "wrong": -1.5, "unreadable": -2}
    assert judge("<answer>Zoey is a knave, Oliver and Ava are knights</answer>", **values).value == 2
    assert judge("<answer>Zoey is a knight, Oliver and Ava are knights</answer>", **values).value == -1.5
    assert judge("<answer>who knows</answer>", **values).value == -2
    with pytest.raises(ValidationError, match="right"):
        KnightsAndKnavesParams(right=0, wrong=1)


@pytest.mark.parametrize(
    "gold",
    [
        json.dumps(GOLD),
        {"reward_model": {"ground_truth": GOLD}},
        {"solution": {"Zoey": "knave", "Oliver": "knight", "Ava": "Knight"}},
        {"solution": {"Zoey": False, "Oliver": True, "Ava": True}},
        {"solution": [False, True, True], "names": ["Zoey", "Oliver", "Ava"]},
        {"solution_text": "Zoey is a knave, Oliver is a knight, and Ava is a knight."},
    ],
)
def test_the_solution_is_read_in_every_form(gold: object) -> None:
    assert judge("<answer>Zoey is a knave, Oliver and Ava are knights</answer>", gold).value == 1.0
    view = KnightsAndKnaves().read_gold(CheckInput("", gold), KnightsAndKnavesParams())  # type: ignore[arg-type]
    assert view.answer is not None
    assert judge(view.answer, gold).value == 1.0


def test_a_puzzle_may_have_other_words_for_the_roles() -> None:
    terms = {"knight": "hero", "knave": "villain"}
    gold = {"solution": [True, False], "names": ["Amelia", "Eli"], "knight_knave_terms": terms}
    assert judge("<answer>Amelia is a hero, and Eli is a villain.</answer>", gold).value == 1.0
    assert judge("<answer>Amelia is a knight, and Eli is a knave.</answer>", gold).value == 0.0


def test_a_name_of_one_letter_is_no_article() -> None:
    gold = {"solution": {"A": "knight", "B": "knave"}}
    assert judge("<answer>A is a knight and B is a knave</answer>", gold).value == 1.0
    assert judge("<answer>B is a knave</answer>", gold).detail["failed"] == "missing"


@pytest.mark.parametrize(
    "gold",
    [
        None,
        {},
        "Zoey",
        {"solution": {}},
        {"solution": {"Zoey": "jester"}},
        {"solution": {"": "knight"}},
        {"solution_text_format": "nobody knows"},
        {"solution_text_format": "(1) Zoey is a knave\n(2) Zoey is a knight"},
        {"solution": [True], "names": ["A", "B"]},
        {"solution": {"A": True}, "knight_knave_terms": {"knight": 3}},
    ],
)
def test_an_unusable_solution_is_no_zero(gold: object) -> None:
    with pytest.raises(GroundTruthInvalid, match="expected"):
        judge("<answer>A is a knight</answer>", gold)


@pytest.mark.parametrize("piece", ["Zoey ", "knight ", "Zoey is a knave\n", "\n", "not ", "<answer>", "(", "é", "1"])
def test_a_megabyte_of_hostile_text_is_judged_in_time(piece: str) -> None:
    start = time.process_time()
    assert judge(piece * (1_000_000 // len(piece))).value == 0.0
    assert time.process_time() - start < 3
