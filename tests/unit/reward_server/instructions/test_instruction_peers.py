"""Bugs of other people's versions, which ours does not have. Issues are named where there is one."""

from __future__ import annotations

from typing import Any

import pytest

from reward_server.errors import GroundTruthInvalid
from reward_server.instructions.judge import outcomes
from reward_server.instructions.registry import instructions_of
from reward_server.instructions.text import Response

Constraint = tuple[str, dict[str, Any]]


def followed(text: str, *constraints: Constraint, loose: bool = False) -> list[bool | None]:
    found = outcomes(text, instructions_of(constraints, None), loose=loose, min_words=1)
    return [False] * len(constraints) if found is None else [one.followed for one in found]


def words(relation: str, count: int) -> Constraint:
    return "length_constraints:number_words", {"num_words": count, "relation": relation}


def test_an_unknown_instruction_is_no_silent_pass() -> None:
    """confident-ai/deepeval#3063, thinking-machines-lab/tinker-cookbook#897: unknown ids counted as followed."""
    with pytest.raises(GroundTruthInvalid):
        followed("anything", ("keywords:key_sentences", {}))


def test_two_instructions_of_one_id_are_both_judged() -> None:
    """thinking-machines-lab/tinker-cookbook#893: results were kept by id, the last one won."""
    assert followed("one two three", words("at least", 20), words("at least", 2)) == [False, True]


def test_repeat_prompt_is_judged() -> None:
    """thinking-machines-lab/tinker-cookbook#897: every response followed."""
    request = ("combination:repeat_prompt", {"prompt_to_repeat": "Say hi."})
    assert followed("Hi.", request) + followed("Say hi. Hi.", request) == [False, True]


def test_title_case_is_not_all_capitals() -> None:
    """thinking-machines-lab/tinker-cookbook#898: the first letter of each word was enough."""
    assert followed("Hello There", ("change_case:english_capital", {})) == [False]


def test_arguments_that_are_missing_are_not_drawn_at_random() -> None:
    """The original, and allenai/olmo-eval#296: drawn anew for each reading, loose came out below strict."""
    with pytest.raises(GroundTruthInvalid, match="num_words"):
        followed("one", ("length_constraints:number_words", {"relation": "at least"}))


def test_a_corrupted_row_is_the_rows_fault_and_not_the_responses() -> None:
    """allenai/olmo-eval#325: `keyword` where `first_word` was meant scored every response as wrong."""
    arguments = {"num_paragraphs": 3, "keyword": "schedule"}
    with pytest.raises(GroundTruthInvalid, match="first_word"):
        followed("a\n\nb\n\nc", ("length_constraints:nth_paragraph_first_word", arguments))


def test_the_language_of_a_text_does_not_change_from_call_to_call() -> None:
    """EleutherAI/lm-evaluation-harness#4213: an unseeded detector scored the same text differently."""
    pytest.importorskip("py3langid")
    language = ("language:response_language", {"language": "en"})
    text = "THIS IS AN ENGLISH SENTENCE. EVERY LETTER IS CAPITALIZED!!! AMAZING."
    assert {followed(text, language)[0] for _ in range(30)} == {True}


def test_a_text_without_letters_is_in_no_language() -> None:
    """The original counts what its detector refuses as followed."""
    assert followed("1234 5678", ("language:response_language", {"language": "ko"})) == [False]


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "[" * 100_000 + "]" * 100_000])
def test_deep_json_is_not_json_and_raises_nothing(text: str) -> None:
    """The original catches ValueError only, and RecursionError ends the run."""
    instruction = instructions_of([("detectable_format:json_format", {})], None)[0]
    assert instruction.lacks(Response(text)) is not None


def test_an_empty_response_follows_nothing() -> None:
    """Rules that forbid something are kept by silence."""
    assert followed(" \u200b\n", ("punctuation:no_comma", {}), words("less than", 50)) == [False, False]


def test_the_first_word_may_have_any_case() -> None:
    """allenai/open-instruct if_functions.py: `startswith`, so `Weekend` was not `weekend`, and "weekends" was."""
    nth = (
        "length_constraints:nth_paragraph_first_word",
        {"num_paragraphs": 1, "nth_paragraph": 1, "first_word": "weekend"},
    )
    assert followed("Weekend at last.", nth) + followed("weekends are short", nth) == [True, False]


def test_json_in_a_fence_is_json() -> None:
    """allenai/open-instruct if_functions.py: the fence that the prompt offers was a syntax error."""
    assert followed('```json\n{"a": "b"}\n```', ("detectable_format:json_format", {})) == [True]


def test_digits_are_not_all_capitals() -> None:
    """allenai/open-instruct if_functions.py: what equals its own upper case, as digits and Chinese do, followed."""
    assert followed("1 2 3", ("change_case:english_capital", {})) == [False]
    assert followed("今天天气很好", ("change_case:english_lowercase", {})) == [False]


def test_a_blank_behind_the_last_words_does_no_harm() -> None:
    """allenai/open-instruct if_functions.py: `endswith` on the raw text."""
    assert followed("All done. Bye!\n", ("startend:end_checker", {"end_phrase": "Bye!"})) == [True]


def test_a_loose_reading_that_says_nothing_is_none() -> None:
    """Without its first line a one-line response would be empty, and keep every rule that forbids."""
    assert followed("One, two", ("punctuation:no_comma", {}), loose=True) == [False]
    assert followed("Sure, here:\nOne and two", ("punctuation:no_comma", {}), loose=True) == [True]
