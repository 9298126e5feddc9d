import json
from typing import Any

import pytest

from reward_server.checks.base import CheckInput
from reward_server.checks.ifeval import IFEval
from reward_server.errors import GroundTruthInvalid
from reward_server.ground_truth.constraints import constraints_of

IFEVAL = {
    "key": 1000,
    "prompt": "Write 300 words without commas.",
    "instruction_id_list": ["punctuation:no_comma", "length_constraints:number_words"],
    "kwargs": [{"num_words": None, "relation": None}, {"num_words": 300, "relation": "at least"}],
}
READ = [("punctuation:no_comma", {}), ("length_constraints:number_words", {"num_words": 300, "relation": "at least"})]
TULU = [{"instruction_id": IFEVAL["instruction_id_list"], "kwargs": [None, {"num_words": 300, "relation": "at least"}]}]


@pytest.mark.parametrize(
    "ground_truth",
    [
        IFEVAL,
        json.dumps(IFEVAL),
        json.dumps(json.dumps(IFEVAL)),
        {"metadata": IFEVAL},
        {"reward_model": {"ground_truth": json.dumps(IFEVAL)}},
        {**IFEVAL, "kwargs": json.dumps(IFEVAL["kwargs"])},
        TULU,
        repr(TULU),
        {"messages": [], "ground_truth": repr(TULU), "dataset": "ifeval"},
        [{"instruction_id": one, "kwargs": [given]} for one, given in READ],
        [{"instruction_id": one, "kwargs": given} for one, given in READ],
    ],
    ids=lambda shape: str(shape)[:30],
)
def test_every_published_shape_reads_the_same_and_nulls_are_dropped(ground_truth: Any) -> None:
    assert constraints_of(ground_truth) == READ


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        ({"func_name": "validate_no_commas", "N": None}, [("punctuation:no_comma", {})]),
        (
            {"func_name": "verify_paragraph_count", "N": 3},
            [("length_constraints:number_paragraphs", {"num_paragraphs": 3})],
        ),
        (
            {"func_name": "verify_keywords", "keyword_list": ["a", "b"], "N": None},
            [("keywords:existence", {"keywords": ["a", "b"]})],
        ),
        (
            {"func_name": "verify_keyword_frequency", "word": "a", "N": 3},
            [
                ("keywords:frequency", {"keyword": "a", "frequency": 3, "relation": "at least"}),
                ("keywords:frequency", {"keyword": "a", "frequency": 4, "relation": "less than"}),
            ],
        ),
        (
            {"func_name": "validate_word_constraint", "N": 100, "quantifier": "at most"},
            [("length_constraints:number_words", {"num_words": 101, "relation": "less than"})],
        ),
        (
            {"func_name": "validate_word_constraint", "N": 100, "quantifier": "around"},
            [
                ("length_constraints:number_words", {"num_words": 90, "relation": "at least"}),
                ("length_constraints:number_words", {"num_words": 111, "relation": "less than"}),
            ],
        ),
        (
            {"func_name": "validate_paragraphs", "N": 4, "first_word": "But", "i": 2},
            [
                (
                    "length_constraints:nth_paragraph_first_word",
                    {"num_paragraphs": 4, "nth_paragraph": 2, "first_word": "But"},
                )
            ],
        ),
        (
            {"func_name": "validate_sections", "N": 3, "section_splitter": "PART"},
            [("detectable_format:multiple_sections", {"num_sections": 3, "section_spliter": "PART"})],
        ),
    ],
)
def test_a_function_of_rlvr_ifeval_becomes_instructions_of_ifeval(
    function: dict[str, Any], expected: list[tuple[str, dict[str, Any]]]
) -> None:
    assert constraints_of(json.dumps(function)) == expected
    assert constraints_of({"ground_truth": function, "constraint_type": "x"}) == expected


@pytest.mark.parametrize(
    ("ground_truth", "says"),
    [
        (None, "NoneType"),
        ("no commas please", "JSON"),
        ([], "1 to 64"),
        ({"prompt": "x"}, "instruction_id_list"),
        ({"instruction_id_list": [], "kwargs": []}, "1 to 64"),
        ({"instruction_id_list": ["a:b", "c:d"], "kwargs": [{}]}, "a list of 2 objects"),
        ({"instruction_id_list": ["a:b"], "kwargs": [[]]}, "as an object"),
        ({"instruction_id_list": [7], "kwargs": [{}]}, "names of instructions"),
        ({"instruction_id_list": 7}, "as a list"),
        ({"func_name": "validate_choice", "options": ["a"]}, "validate_choice"),
        ({"func_name": "verify_paragraph_count"}, "`N`"),
        ({"func_name": ["x"]}, "func_name"),
        ({"func_name": "verify_keywords"}, "keyword_list"),
        ({"func_name": "validate_word_constraint", "N": "ten", "quantifier": "at least"}, "as a number"),
        ({"func_name": "validate_word_constraint", "N": 10, "quantifier": "about"}, "quantifier"),
        ([[[["a:b"]]]], "every constraint as an object"),
        ("__import__('os').system('true')", "JSON"),
    ],
)
def test_what_is_no_constraint_is_the_fault_of_the_data(ground_truth: Any, says: str) -> None:
    with pytest.raises(GroundTruthInvalid, match=says):
        constraints_of(ground_truth)


def test_a_text_with_the_divider_of_rlvr_ifeval_is_right() -> None:
    truth = {"func_name": "verify_paragraph_count", "N": 2}
    item = CheckInput("One thing.\n\n* * *\n\nAnother thing.", truth)
    assert IFEval().judge(item, IFEval.params()).value == 1.0  # type: ignore[arg-type]
