from typing import Any

import pytest

from reward_server.errors import GroundTruthInvalid
from reward_server.ground_truth.choices import choice_of
from reward_server.ground_truth.option_lists import listed_options

CITIES = ("London", "Paris", "Rome")


@pytest.mark.parametrize(
    ("gold", "more", "letter"),
    [
        ("B", {}, "B"),
        ("b", {}, "B"),
        ("(B)", {}, "B"),
        ("B.", {}, "B"),
        ("\\text{B}", {}, "B"),
        ("$\\textbf{(B)}$", {}, "B"),
        (1, {"index_base": 0}, "B"),
        (1, {"index_base": 1}, "A"),
        ("2", {"index_base": 1}, "B"),
        ("Paris", {"options": CITIES}, "B"),
        ("paris.", {"options": CITIES}, "B"),
        (["B"], {}, "B"),
        ({"choices": list(CITIES), "answer": 0}, {}, "A"),
        ({"choices": list(CITIES), "answer": 0}, {"index_base": 0}, "A"),
        ({"choices": list(CITIES), "answer": 1}, {"index_base": 1}, "A"),
        ({"options": {"A": "London", "B": "Paris"}, "answer": "Paris"}, {}, "B"),
        ({"options": {"A": "London", "B": "Paris"}, "answer": "Paris", "answer_idx": "B"}, {}, "B"),
        ({"options": ["A) London", "B) Paris"], "answer": "Paris"}, {}, "B"),
        ({"options": [{"label": "A", "text": "x"}, {"label": "B", "text": "y"}], "answer": "y"}, {}, "B"),
        ({"options": "['London', 'Paris']", "answer": "B"}, {}, "B"),
        ({"options": ["3", "4"], "answer": "4"}, {}, "B"),
        ("Paris", {"prompt": "Capital of France?\nA. London\nB. Paris\nC. Rome"}, "B"),
        ({"question": "Which? (A) London (B) Paris", "answer": "Paris"}, {}, "B"),
        ("F", {"prompt": "Example:\nA. x\nB. y\n\nNow choose."}, "F"),
    ],
)
def test_a_gold_names_its_option(gold: Any, more: dict[str, Any], letter: str) -> None:
    assert choice_of(gold, **more).letter == letter


@pytest.mark.parametrize(
    ("gold", "more", "says"),
    [
        (1, {}, "index_base"),
        (-1, {"index_base": 0}, "counted from 0"),
        (0, {"index_base": 1}, "counted from 1"),
        (26, {"index_base": 0}, "counted from 0"),
        ("D", {"options": CITIES}, "there are 3 options"),
        ({"choices": list(CITIES), "answer": 3}, {}, "there are 3 options"),
        ({"options": ["x", "y"], "answer": "B", "answer_index": 0}, {}, "is another"),
        ("Oslo", {"options": CITIES}, "neither a letter nor the text"),
        ("Oslo", {}, "not given"),
        ("Paris", {"options": ("Paris", "paris")}, "both the text"),
        ("A", {"options": ("C", "A")}, "letter of one option and the text of another"),
        ("AC", {}, "not given"),
        (["A", "B"], {}, "one letter"),
        (None, {}, "null"),
        ("", {}, "one letter"),
        (True, {}, "true or false"),
        (1.5, {}, "one letter"),
        ({"options": ["x"] * 27, "answer": "A"}, {}, "at most 26"),
        ({"options": {"X": "1"}, "answer": "X"}, {}, "from A on"),
        ({"options": [["x"]], "answer": "A"}, {}, "option as text"),
    ],
)
def test_a_gold_that_names_none_is_the_fault_of_the_data(gold: Any, more: dict[str, Any], says: str) -> None:
    with pytest.raises(GroundTruthInvalid, match=says):
        choice_of(gold, **more)


@pytest.mark.parametrize(
    ("prompt", "options"),
    [
        ("Which?\nA. Paris\nB. New York\n\nThink first.", ("Paris", "New York")),
        ("Which?\n(A) 1\n(B) 2", ("1", "2")),
        ("Which? (A) 1 (B) 2 (C) 3", ("1", "2", "3")),
        ("Which? A) 1 B) 2\nAnswer:", ("1", "2")),
        ("Eg.\nA. x\nB. y\nAnswer: A\n\nNow:\nA. p\nB. q\nC. r\n", ("p", "q", "r")),
        ("哪个？\nＡ．一\nＢ．二", ("一", "二")),
        ("**A.** one\n**B.** two", ("one", "two")),
        ("Vitamin A. is good for you", ()),
        ("A. only one", ()),
        ("", ()),
        ("B. x\nC. y", ()),
    ],
)
def test_options_are_read_out_of_a_prompt(prompt: str, options: tuple[str, ...]) -> None:
    assert listed_options(prompt) == options
