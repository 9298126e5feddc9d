"""Golden cases of what a completion chooses, and the cheats. The question is the capital of France."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from reward_server.multiple_choice import chosen

OPTIONS = ("London", "Paris", "Rome", "Berlin")
CASES = [json.loads(line) for line in (Path(__file__).parent / "cases" / "choices.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["completion"][:40])
def test_the_letter_that_is_chosen_is_read(case: dict[str, Any]) -> None:
    choice = chosen(case["completion"], OPTIONS)
    assert choice.letter == case["letter"]
    if case["letter"] is None:
        assert choice.flags[-1] == case["flag"]
    else:
        assert choice.flags == ()


def test_there_are_as_many_cases_as_promised() -> None:
    assert len(CASES) >= 120


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["completion"][:40])
def test_thinking_before_it_changes_nothing(case: dict[str, Any]) -> None:
    if "think>" in case["completion"]:
        return
    thought = "<think>It is A. No, B! \\boxed{C} The answer is D.</think>\n"
    assert chosen(thought + case["completion"], OPTIONS).letter == case["letter"]


@pytest.mark.parametrize(
    ("completion", "letter"),
    [
        ("The answer is J", "J"),
        ("\\boxed{Z}", "Z"),
        ("B) whatever", "B"),
        ("The answer is B) whatever, C is not", "B"),
        ("C", "C"),
    ],
)
def test_without_known_options_any_letter_may_be_one(completion: str, letter: str) -> None:
    assert chosen(completion).letter == letter


NUMBERS = ("1", "2", "12", "1/2")
PHRASES = ("A cat", "All of the above", "Paris and London", "Paris")


@pytest.mark.parametrize(
    ("completion", "options", "letter"),
    [
        ("12", NUMBERS, "C"),
        ("The answer is 12.", NUMBERS, "C"),
        ("\\boxed{1/2}", NUMBERS, "D"),
        ("The answer is B. 2 of them are even, 12 is not among them", NUMBERS, "B"),
        ("(C) 12", NUMBERS, "C"),
        ("(C) 1", NUMBERS, None),
        ("The answer is A cat.", PHRASES, "A"),
        ("all of the above", PHRASES, "B"),
        ("Paris and London", PHRASES, "C"),
        ("The answer is Paris and London.", PHRASES, "C"),
        ("The answer is Paris.", PHRASES, "D"),
        ("B: All of the above", PHRASES, "B"),
    ],
)
def test_the_text_of_an_option_stands_for_its_letter(completion: str, options: tuple[str, ...], letter: str) -> None:
    assert chosen(completion, options).letter == letter


def test_an_option_that_stands_there_twice_cannot_be_chosen_by_its_text() -> None:
    assert chosen("Paris", ("Paris", "Rome", "Paris")).letter is None
    assert chosen("C", ("Paris", "Rome", "Paris")).letter == "C"


@pytest.mark.parametrize(
    "echo",
    [
        "London\nParis\nRome\nBerlin",
        "London, Paris, Rome, Berlin",
        "A. London\nB. Paris\nC. Rome\nD. Berlin",
        "(A) London (B) Paris (C) Rome (D) Berlin",
        "- A: London\n- B: Paris\n- C: Rome\n- D: Berlin",
        "| A | London |\n| B | Paris |\n| C | Rome |\n| D | Berlin |",
        "The options are A) London, B) Paris, C) Rome and D) Berlin.",
        "Answer choices: A. London B. Paris C. Rome D. Berlin",
    ],
)
def test_an_echo_of_the_options_is_no_answer(echo: str) -> None:
    assert chosen(echo, OPTIONS).letter is None
    assert chosen(echo + "\n\nThe answer is B.", OPTIONS).letter == "B"


@pytest.mark.parametrize("order", ["ABCD", "DCBA", "BADC"])
@pytest.mark.parametrize(
    "mark", ["The answer is {}.", "\\boxed{{{}}}", "{}", "**{}**", "Answer: {}", "<answer>{}</answer>", "选{}", "({})"]
)
def test_stating_every_letter_earns_nothing(mark: str, order: str) -> None:
    for joint in ("\n", " ", "\n\n", ", "):
        assert chosen(joint.join(mark.format(letter) for letter in order), OPTIONS).letter is None


@pytest.mark.parametrize(
    "hedge",
    [
        "Answer: A\nAnswer: B",
        "The answer is A\nThe answer is B",
        "Answer: B. Actually A.",
        "The answer is B. Maybe A.",
        "The answer is B, maybe A.",
        "The answer is B... or maybe A.",
        "The answer is B if not A",
        "\\boxed{B}, or maybe A",
    ],
)
def test_a_letter_that_is_offered_behind_the_answer_is_a_hedge(hedge: str) -> None:
    assert chosen(hedge).letter is None


@pytest.mark.parametrize(
    "explained",
    [
        "The answer is B. If the question asked for the UK, the answer would be A.",
        "The answer is B.\n\nWhy not A? London is the capital of the UK.",
        "Answer: B\nA common mistake is to choose A.",
        "The answer is B. Some people say A, but actually Paris is right.",
        "The answer is B. You could also consider A, but it is not a capital of France.",
        "**Answer: B**\n\nA might look right, but it isn't. C, or D, would be in other countries.",
    ],
)
def test_other_letters_in_the_explanation_behind_the_answer_are_no_hedge(explained: str) -> None:
    assert chosen(explained).letter == "B"


def test_the_line_below_a_letter_does_not_make_it_an_article() -> None:
    assert chosen("Answer: A\nLondon is the capital of the UK.").letter == "A"


HOSTILE = [
    "(" * 1_000_000, "A" * 1_000_000, "A " * 500_000, "A) " * 333_333, "\\boxed{" * 142_857, "<answer>" * 125_000,
    "answer is " * 100_000, "选" * 1_000_000, "**" * 500_000, "answer " * 142_857, "\u200b" * 1_000_000,
    "\\boxed{A}" * 111_111, "not A but " * 100_000, "A or " * 200_000, " " * 1_000_000, "i choose " * 111_111,
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: text[:10])
def test_a_megabyte_of_anything_is_read_at_once(text: str) -> None:
    started = time.process_time()
    chosen(text, OPTIONS)
    assert time.process_time() - started < 2
