"""Rows whose instructions cannot be judged are the caller's data, and the message says what was expected."""

from __future__ import annotations

from typing import Any

import pytest

from reward_server.errors import GroundTruthInvalid
from reward_server.instructions.registry import INSTRUCTIONS, instructions_of

NTH = "length_constraints:nth_paragraph_first_word"


@pytest.mark.parametrize(
    ("name", "arguments", "says"),
    [
        ("keywords:must_include", {}, "unknown instruction 'keywords:must_include'"),
        ("count:word_count_range", {"min_words": 1}, "unknown instruction"),
        ("detectable_format:constrained_start", {}, "one of the 25"),
        ("keywords:existence", {}, "keywords: Field required"),
        ("keywords:existence", {"keywords": []}, "keywords"),
        ("keywords:existence", {"keywords": "cat"}, "list of words"),
        ("keywords:existence", {"keywords": ["cat", " \u200b"]}, "empty"),
        ("keywords:existence", {"keywords": ["\x1c"]}, "empty"),
        ("keywords:frequency", {"keyword": "a", "frequency": 1}, "relation"),
        ("keywords:frequency", {"keyword": "a", "frequency": 1, "relation": "about"}, "'less than' or 'at least'"),
        ("keywords:frequency", {"keyword": "a", "frequency": -1, "relation": "at least"}, "frequency"),
        (
            "keywords:letter_frequency",
            {"letter": "ab", "let_frequency": 1, "let_relation": "at least"},
            "one character",
        ),
        ("length_constraints:number_words", {"num_words": "many", "relation": "at least"}, "a whole number"),
        ("length_constraints:number_words", {"num_words": 2.5, "relation": "at least"}, "num_words"),
        ("length_constraints:number_paragraphs", {"num_paragraphs": 0}, "num_paragraphs"),
        (NTH, {"num_paragraphs": 2, "nth_paragraph": 3, "first_word": "a"}, "there is no paragraph 3 of 2"),
        (NTH, {"num_paragraphs": 2, "nth_paragraph": 1, "first_word": "..."}, "first_word is no word"),
        (NTH, {"num_paragraphs": 3, "keyword": "schedule"}, "nth_paragraph"),
        ("language:response_language", {"language": "Klingon"}, "not known"),
        ("combination:repeat_prompt", {}, "prompt_to_repeat"),
        ("punctuation:no_comma", {"num_words": 3}, "expects no arguments"),
        ("detectable_content:number_placeholders", {"num_placeholders": 0}, "num_placeholders"),
    ],
)
def test_what_does_not_fit_is_named(name: str, arguments: dict[str, Any], says: str) -> None:
    with pytest.raises(GroundTruthInvalid, match=says):
        instructions_of([(name, arguments)], None)


def test_nulls_that_pad_a_row_are_no_arguments() -> None:
    padded = {name: None for kind in INSTRUCTIONS.values() for name in kind.model_fields}
    found = instructions_of([("startend:end_checker", {**padded, "end_phrase": "Bye."})], None)
    assert found[0].model_dump() == {"end_phrase": "Bye."}


def test_whole_numbers_of_parquet_files_are_numbers() -> None:
    found = instructions_of([("detectable_format:number_bullet_lists", {"num_bullets": 3.0})], None)
    assert found[0].model_dump() == {"num_bullets": 3}


def test_the_prompt_is_repeated_where_the_row_does_not_say_what() -> None:
    said, unsaid = instructions_of(
        [("combination:repeat_prompt", {"prompt_to_repeat": "A"}), ("combination:repeat_prompt", {})], "B"
    )
    assert (said.model_dump(), unsaid.model_dump()) == ({"prompt_to_repeat": "A"}, {"prompt_to_repeat": "B"})


def test_an_argument_that_came_is_not_repeated_in_the_message() -> None:
    with pytest.raises(GroundTruthInvalid) as caught:
        instructions_of([("startend:end_checker", {"end_phrase": ["secret"] * 9})], None)
    assert "secret" not in str(caught.value)
