import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reward_server.checks.base import CheckInput
from reward_server.text.units import Length, length_of, lengths_of, word_count


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", 0),
        (" \n\t ", 0),
        ("one two  three\n", 3),
        ("don't stop", 2),
        ("我们计算，结果是4。", 8),
        ("使用GRPO训练模型", 7),
        ("これはペンです", 3),
        ("ภาษาไทย", 2),
        ("한국어 문장입니다", 2),
        ("हिन्दी में", 2),
        ("مرحبا بالعالم", 2),
        ("\u0301" * 1000, 34),
        ("Donaudampfschifffahrt", 1),
        ("onewordisaslongasonelikes" * 100, 84),
    ],
)
def test_words_are_counted_by_script(text: str, words: int) -> None:
    assert word_count(text) == words


def test_a_megabyte_of_anything_is_linear_work() -> None:
    for unit in ("a", " ", "我", "か", "ก", "\u200b", "a ", "，", "\u0301"):
        started = time.process_time()
        word_count(unit * 1_000_000)
        assert time.process_time() - started < 3


def test_the_number_of_tokens_that_the_caller_states_goes_before_the_ids() -> None:
    assert length_of(CheckInput("a", completion_tokens=7, token_ids=(1, 2)), "tokens") == Length(7, "tokens")
    assert length_of(CheckInput("a", token_ids=(1, 2)), "tokens") == Length(2, "tokens")
    assert length_of(CheckInput("a", token_ids=()), "auto") == Length(0, "tokens")
    assert length_of(CheckInput("abc"), "tokens") is None


def test_a_unit_that_was_chosen_is_kept() -> None:
    item = CheckInput("a b", completion_tokens=7)
    assert length_of(item, "words") == Length(2, "words")
    assert length_of(item, "characters") == Length(3, "characters")
    assert length_of(CheckInput("a b"), "auto") == Length(3, "characters")


def test_several_are_counted_in_one_unit() -> None:
    with_tokens, without = CheckInput("abc", completion_tokens=7), CheckInput("ab")
    assert lengths_of([with_tokens, with_tokens], "auto") == [Length(7, "tokens")] * 2
    assert lengths_of([with_tokens, without], "auto") == [Length(3, "characters"), Length(2, "characters")]
    assert lengths_of([with_tokens, without], "tokens") is None


@given(
    st.lists(st.sampled_from([chr(code) for code in range(128)] + ["abcdefghijklmnopq"] * 60), max_size=200).map(
        "".join
    )
)
def test_ascii_is_counted_as_any_other_text_is(text: str) -> None:
    assert word_count(text) + 1 == word_count(text + " \u00e9")
