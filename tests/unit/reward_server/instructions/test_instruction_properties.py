"""For any text and any valid instruction: an outcome, the same twice, in linear time."""

from __future__ import annotations

from time import process_time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reward_server.instructions.judge import outcomes
from reward_server.instructions.registry import INSTRUCTIONS, instructions_of

RELATIONS = st.sampled_from(["less than", "at least"])
COUNTS = st.integers(0, 5)
WORDS = st.sampled_from(["cat", "c++", "P.S.", "Section", "人工", "*", "a b", "é", "(", "my"])
VALUES: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(("relation", "let_relation", "capital_relation"), RELATIONS),
    **dict.fromkeys(("keywords", "forbidden_words"), st.lists(WORDS, min_size=1, max_size=3)),
    "language": st.sampled_from(["zh", "ko", "th"]),  # told by script: the model has tests of its own
    "letter": st.sampled_from("aZ!#é中"),
    "first_word": st.sampled_from(["cat", "A"]),
    "nth_paragraph": st.just(1),
    "num_paragraphs": st.integers(1, 4),
    **dict.fromkeys(("num_placeholders", "num_highlights", "num_sections"), st.integers(1, 3)),
}
PIECES = st.sampled_from(
    [
        *"*_`~#-+.,!?\"“”'()[]{}<>:;|\\/ \n\r\t\x00\x1c",
        *("\n\n", "***", "******", "<<", ">>", "```json\n", "Section 1\n", "P.S. ", "cat ", "Cat's ", "1. ", "U.S. "),
        *("My answer is no.", "中文。", "हिन्दी ", "\u200b", "\u0301", "é", "🙂", "\ud800", "ﬀ", "İ"),
    ]
)
TEXTS = st.lists(st.one_of(PIECES, st.text(max_size=5)), max_size=40).map("".join)


def of(name: str) -> st.SearchStrategy[tuple[str, dict[str, Any]]]:
    fields = INSTRUCTIONS[name].model_fields
    counts = {field: COUNTS for field, info in fields.items() if info.annotation is int}
    phrases = dict.fromkeys(fields, WORDS)
    values = {**phrases, **counts, **{field: VALUES[field] for field in fields if field in VALUES}}
    return st.tuples(st.just(name), st.fixed_dictionaries(values))


ANY = st.lists(st.sampled_from(sorted(INSTRUCTIONS)).flatmap(of), min_size=1, max_size=4)


@settings(max_examples=400, deadline=None)
@given(constraints=ANY, text=TEXTS, loose=st.booleans())
def test_every_text_has_an_outcome_and_the_same_one_twice(
    constraints: list[tuple[str, dict[str, Any]]], text: str, loose: bool
) -> None:
    instructions = instructions_of(constraints, None)
    found = outcomes(text, instructions, loose=loose, min_words=0)
    assert found is not None
    assert [one.id for one in found] == [name for name, _ in constraints]
    assert all((one.reason is None) is (one.followed is True) for one in found)
    assert outcomes(text, instructions_of(constraints, None), loose=loose, min_words=0) == found


@settings(max_examples=150, deadline=None)
@given(constraints=ANY, text=TEXTS)
def test_loose_follows_whatever_strict_follows(constraints: list[tuple[str, dict[str, Any]]], text: str) -> None:
    instructions = instructions_of(constraints, None)
    strict = outcomes(text, instructions, loose=False, min_words=1)
    loose = outcomes(text, instructions, loose=True, min_words=1)
    assert (strict is None) is (loose is None)
    for narrow, wide in zip(strict or [], loose or [], strict=True):
        assert wide.followed or not narrow.followed


ARGUMENTS: dict[str, dict[str, Any]] = {
    "keywords:existence": {"keywords": ["fox", "my *"]},
    "keywords:frequency": {"keyword": "fox", "frequency": 3, "relation": "at least"},
    "keywords:forbidden_words": {"forbidden_words": ["zebra"]},
    "keywords:letter_frequency": {"letter": "e", "let_frequency": 3, "let_relation": "at least"},
    "language:response_language": {"language": "ko"},
    "length_constraints:number_sentences": {"num_sentences": 3, "relation": "at least"},
    "length_constraints:number_paragraphs": {"num_paragraphs": 3},
    "length_constraints:number_words": {"num_words": 100, "relation": "at least"},
    "length_constraints:nth_paragraph_first_word": {"num_paragraphs": 3, "nth_paragraph": 1, "first_word": "the"},
    "detectable_content:number_placeholders": {"num_placeholders": 1},
    "detectable_content:postscript": {"postscript_marker": "P.S."},
    "detectable_format:number_bullet_lists": {"num_bullets": 2},
    "detectable_format:number_highlighted_sections": {"num_highlights": 3},
    "detectable_format:multiple_sections": {"section_spliter": "Section", "num_sections": 2},
    "combination:repeat_prompt": {"prompt_to_repeat": "Say what a fox does."},
    "startend:end_checker": {"end_phrase": "Bye!"},
    "change_case:capital_word_frequency": {"capital_frequency": 2, "capital_relation": "less than"},
}
UNITS = [
    *("*", "* ", "**a* ", "*a ", "a*", " *** ", "******", "[", "[a", "<", "<<", ">", "`", "```\n", ".", ". ", "A. "),
    *(".)", '"', ",", "- ", "- \n", "_", " ", "\n", "\n\n.", "\r", "#", "(1) ", "1. x\n", "a-", "A.", "…", "\t\n"),
    *("\u0301", "a\u0301", "\u200b", "我", "。", "rоck ", "ｆ", "𝐚", "İ", "ﬀ", "fox", "fox ", "P.S.\n", "x. P.S. ("),
    *("Section 1\n", "Section ", "My answer is yes ", '{"a":', "response ", "\ud800"),
]
CHARS = 1_000_000
LONGEST_SECONDS = 10.0  # of all 25 together; quadratic work takes minutes


@pytest.mark.parametrize("prefix", ["<<", "P.S. "])
def test_a_megabyte_of_hostile_text_is_linear_work(prefix: str) -> None:
    instructions = instructions_of([(name, ARGUMENTS.get(name, {})) for name in INSTRUCTIONS], None)
    size = CHARS // len(UNITS)  # all units together make the megabyte, so that the suite stays quick
    for unit in UNITS:
        start = process_time()
        assert outcomes(prefix + unit * (size // len(unit)) + "x", instructions, loose=True, min_words=0) is not None
        assert process_time() - start < LONGEST_SECONDS / 4, repr(unit)


@pytest.mark.parametrize("unit", ["*a ", "[", ". ", "\n", "fox "])
def test_a_megabyte_of_one_hostile_unit_is_linear_work(unit: str) -> None:
    instructions = instructions_of([(name, ARGUMENTS.get(name, {})) for name in INSTRUCTIONS], None)
    start = process_time()
    assert outcomes("<<" + unit * (CHARS // len(unit)) + "x", instructions, loose=False, min_words=0) is not None
    assert process_time() - start < LONGEST_SECONDS
