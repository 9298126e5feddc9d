from __future__ import annotations

import json
from typing import Any

import pytest

from reward_server.checks.base import CheckInput, Verdict
from reward_server.checks.ifeval import IFEval, IFEvalParams
from reward_server.errors import GroundTruthInvalid
from reward_server.instructions import languages
from reward_server.wire import GoldKind

NO_COMMA = {"instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}]}
TWO = {
    "instruction_id_list": ["punctuation:no_comma", "length_constraints:number_words"],
    "kwargs": [{"num_words": None}, {"num_words": 3, "relation": "at least"}],
}


def judge(completion: str, ground_truth: Any = NO_COMMA, prompt: str | None = None, **params: Any) -> Verdict:
    item = CheckInput(completion, ground_truth, prompt)
    return IFEval().judge(item, IFEvalParams.model_validate(params))


def test_all_instructions_have_to_be_followed_or_their_share_is_the_value() -> None:
    assert judge("One two three", TWO).value == 1.0
    assert judge("One, two, three", TWO).value == 0.0
    assert judge("One, two, three", TWO, scoring="fraction").value == 0.5


def test_the_detail_says_of_each_instruction_why_it_was_not_followed() -> None:
    verdict = judge("One, two", TWO)
    assert verdict.detail == {
        "instructions": [
            {"id": "punctuation:no_comma", "followed": False, "reason": "expected no commas, found 1"},
            {
                "id": "length_constraints:number_words",
                "followed": False,
                "reason": "expected at least 3 words, found 2",
            },
        ],
        "followed": 0,
        "total": 2,
    }
    assert verdict.gold_kind is GoldKind.CONSTRAINTS


@pytest.mark.parametrize(
    "completion",
    ["", " \n", "<think>no commas here</think>", "<think>no end", "...", "\u200b\u2060", "<think>a</think> \n—"],
)
def test_who_says_nothing_gets_nothing(completion: str) -> None:
    verdict = judge(completion)
    assert (verdict.value, verdict.flags, verdict.detail["followed"]) == (0.0, ("no_answer",), 0)


def test_the_floor_of_words_can_be_raised() -> None:
    assert judge("Yes", min_words=2).value == 0.0
    assert judge("Yes indeed", min_words=2).value == 1.0
    assert judge("...", min_words=0).value == 1.0


def test_what_is_only_thought_is_not_said() -> None:
    keywords = {"instruction_id_list": ["keywords:existence"], "kwargs": [{"keywords": ["fox"]}]}
    assert judge("<think>I must say fox.</think>A dog.", keywords).value == 0.0
    assert judge("<think>I must say fox.</think>A fox.", keywords).value == 1.0
    assert judge("<think>Commas, commas, commas.</think>None here.").value == 1.0


def test_a_thought_that_the_prompt_opened_and_nobody_closed_is_not_said() -> None:
    for given in ({"think_prefilled": True}, {"prompt": "Hi.<|assistant|><think>\n"}):
        item = CheckInput("Thinking without commas", NO_COMMA, **given)
        assert IFEval().judge(item, IFEvalParams()).flags == ("no_answer",)
        item = CheckInput("Thinking, thinking</think>No comma", NO_COMMA, **given)
        assert IFEval().judge(item, IFEvalParams()).value == 1.0


@pytest.mark.parametrize(
    ("completion", "auto", "all_of_it", "answer"),
    [
        ("No comma", 1.0, 1.0, 0.0),
        ("<answer>No comma</answer>", 1.0, 1.0, 1.0),
        ("<think>a, b</think>\n<answer>\nNo comma\n</answer>\n", 1.0, 1.0, 1.0),
        ("Long, with commas. <answer>No comma</answer>", 0.0, 0.0, 1.0),
        ("<answer>No comma</answer> And then, more.", 0.0, 0.0, 1.0),
        ("<answer>One, two</answer>", 0.0, 0.0, 0.0),
        ("<answer>a, b</answer><answer>No comma</answer>", 0.0, 0.0, 1.0),
    ],
)
def test_text_around_the_answer_is_judged_unless_the_answer_alone_is_asked_for(
    completion: str, auto: float, all_of_it: float, answer: float
) -> None:
    values = [judge(completion, part=part).value for part in ("auto", "all", "answer")]
    assert values == [auto, all_of_it, answer]


def test_inside_the_answer_tags_the_response_begins() -> None:
    quoted = {"instruction_id_list": ["startend:quotation"], "kwargs": [{}]}
    assert judge('<think>so</think><answer>"All of it."</answer>', quoted).value == 1.0
    assert judge('<think>so</think><answer>"All of it."</answer>', quoted, part="all").value == 0.0


def test_loose_forgives_a_first_line_a_last_line_and_asterisks() -> None:
    quoted = {"instruction_id_list": ["startend:quotation"], "kwargs": [{}]}
    for completion in (
        'Sure, here:\n"All of it."',
        '"All of it."\nI hope this helps!',
        'Sure:\n"All of it."\nBye.',
        '**"All of it."**',
        'Sure:\n**"All of it."**\nBye.',
    ):
        assert (judge(completion, quoted).value, judge(completion, quoted, mode="loose").value) == (0.0, 1.0)
    assert judge("Sure:\nAll of it.\nBye.", quoted, mode="loose").value == 0.0


def test_each_instruction_may_be_followed_in_another_reading() -> None:
    row = {"instruction_id_list": ["punctuation:no_comma", "startend:quotation"], "kwargs": [{}, {}]}
    assert judge('Sure, here:\n"All of it."', row, mode="loose").value == 1.0


@pytest.mark.parametrize(
    "ground_truth",
    [
        json.dumps(TWO),
        {"key": 1, "prompt": "x", **TWO},
        [{"instruction_id": TWO["instruction_id_list"], "kwargs": TWO["kwargs"]}],
        repr([{"instruction_id": TWO["instruction_id_list"], "kwargs": TWO["kwargs"]}]),
    ],
)
def test_rows_are_read_in_their_published_shapes(ground_truth: Any) -> None:
    assert judge("One two three", ground_truth).value == 1.0
    assert judge("One two", ground_truth, scoring="fraction").value == 0.5


def test_a_function_of_rlvr_ifeval_is_judged() -> None:
    row = json.dumps({"func_name": "validate_word_constraint", "N": 3, "quantifier": "at most", "word": None})
    assert judge("one two three", row).value == 1.0
    assert judge("one two three four", row).value == 0.0


@pytest.mark.parametrize(
    ("ground_truth", "says"),
    [
        (None, "constraints"),
        ({"instruction_id_list": [], "kwargs": []}, "1 to"),
        ({"instruction_id_list": ["count:numbers"], "kwargs": [{"N": 3}]}, "unknown instruction 'count:numbers'"),
        ({"instruction_id_list": ["startend:end_checker"], "kwargs": [{}]}, "end_phrase"),
    ],
)
def test_a_row_that_cannot_be_judged_is_invalid_for_validation_and_for_scoring(ground_truth: Any, says: str) -> None:
    with pytest.raises(GroundTruthInvalid, match=says):
        judge("anything", ground_truth)
    with pytest.raises(GroundTruthInvalid, match=says):
        IFEval().read_gold(CheckInput("", ground_truth), IFEvalParams())


def test_an_invalid_row_is_invalid_though_nothing_was_said() -> None:
    with pytest.raises(GroundTruthInvalid):
        judge("", {"instruction_id_list": ["count:numbers"], "kwargs": [{}]})


def test_the_ground_truth_is_shown_by_its_ids() -> None:
    view = IFEval().read_gold(CheckInput("", TWO), IFEvalParams())
    assert (view.kind, view.normalised, view.answer) == (
        GoldKind.CONSTRAINTS,
        "punctuation:no_comma, length_constraints:number_words",
        None,
    )


def test_the_prompt_of_the_item_is_what_is_repeated() -> None:
    row = {"instruction_id_list": ["combination:repeat_prompt"], "kwargs": [{"prompt_to_repeat": None}]}
    assert judge("Say hi. Hi!", row, prompt="Say hi.").value == 1.0
    assert judge("Hi!", row, prompt="Say hi.").value == 0.0


def test_a_language_that_needs_the_missing_extra_is_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(languages, "available", lambda: False)

    def row(language: str) -> dict[str, Any]:
        ids = ["punctuation:no_comma", "language:response_language"]
        return {"instruction_id_list": ids, "kwargs": [{}, {"language": language}]}

    verdict = judge("Guten Tag zusammen", row("de"))
    assert verdict.value is None
    assert "assay[lang]" in str(verdict.reason)
    assert [one["followed"] for one in verdict.detail["instructions"]] == [True, None]
    assert judge("안녕하세요 여러분", row("ko")).value == 1.0
    assert judge("Guten Tag zusammen", row("ko")).value == 0.0


def test_stuffing_of_marks_does_not_follow() -> None:
    """What a policy finds first: marks without content."""
    row = {
        "instruction_id_list": [
            "detectable_content:number_placeholders",
            "detectable_format:number_highlighted_sections",
            "detectable_format:multiple_sections",
            "detectable_format:number_bullet_lists",
            "detectable_format:title",
            "length_constraints:number_words",
            "length_constraints:number_sentences",
        ],
        "kwargs": [
            {"num_placeholders": 3},
            {"num_highlights": 3},
            {"section_spliter": "Section", "num_sections": 2},
            {"num_bullets": 3},
            {},
            {"num_words": 100, "relation": "at least"},
            {"num_sentences": 10, "relation": "at least"},
        ],
    }
    stuffed = (
        "[][][] ** ** ** ** Section 1 Section 2\n*\n-\n+\n<<>> " + "_ " * 100 + ". " * 20 + "\n***\n" + "\u200ba" * 120
    )
    assert judge(stuffed, row, scoring="fraction").value == 0.0


def test_long_texts_are_left_to_a_worker() -> None:
    check = IFEval()
    short, long = CheckInput("word " * 10_000, NO_COMMA), CheckInput("word " * 30_000, NO_COMMA)
    assert check.judge_in_place(short, IFEvalParams()) == check.judge(short, IFEvalParams())
    assert check.judge_in_place(short, IFEvalParams(mode="loose")) is None
    assert check.judge_in_place(long, IFEvalParams()) is None
    assert check.judge(long, IFEvalParams()).value == 1.0
