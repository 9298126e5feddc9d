import pytest
from pydantic import ValidationError

from reward_server.checks.base import CheckInput
from reward_server.checks.tag_format import FormatParams, TagFormat

GOOD = "<think>2+2=4</think><answer>4</answer>"


def judge(completion: str, prompt: str | None = None, **params: object) -> tuple[float, str | None]:
    verdict = TagFormat().judge(CheckInput(completion, None, prompt), FormatParams.model_validate(params))
    return verdict.value, verdict.detail.get("failed")


@pytest.mark.parametrize("completion", [GOOD, "\n <think>\n2+2=4\n</think>\n\n<answer>\n4\n</answer>\n"])
def test_think_then_answer_is_kept(completion: str) -> None:
    assert judge(completion) == (1.0, None)


@pytest.mark.parametrize(
    ("completion", "failed"),
    [
        ("", "<think> missing"),
        ("4", "<think> missing"),
        ("<think>a</think>4", "<answer> missing"),
        ("<think>a</think><answer>4", "</answer> missing"),
        ("<think>a<answer>4</answer>", "</think> missing"),
        (GOOD + "\nand so on", "text_after_answer"),
        ("Sure! " + GOOD, "text_before_think"),
        ("<think>a</think> so <answer>4</answer>", "text_between_think_and_answer"),
        ("<think></think><answer>4</answer>", "think_too_short"),
        ("<think>a</think><answer> \n</answer>", "answer_empty"),
        ("<think>a</think><think>b</think><answer>4</answer>", "<think> repeated"),
        ("<think>a</think><answer>4</answer><answer>5</answer>", "<answer> repeated"),
        ("<answer>4</answer><think>a</think>", "tags_out_of_order"),
        ("<think>a<answer>4</think></answer>", "tags_out_of_order"),
        ("</think>a<think><answer>4</answer>", "tags_out_of_order"),
    ],
)
def test_the_broken_rule_is_named(completion: str, failed: str) -> None:
    assert judge(completion) == (0.0, failed)


def test_a_prompt_that_opened_the_thinking_counts_as_its_tag() -> None:
    rest = GOOD.removeprefix("<think>")
    assert judge(rest, prompt="2+2?\n<think>\n") == (1.0, None)
    assert judge(rest, prompt="2+2?") == (0.0, "<think> missing")
    assert judge(rest, think_prefilled="yes") == (1.0, None)
    assert judge(GOOD, prompt="2+2?<think>") == (0.0, "<think> repeated")


def test_without_the_answer_tag_the_rest_is_the_answer() -> None:
    assert judge("<think>a</think>4", require_answer_tag=False) == (1.0, None)
    assert judge("<think>a</think> ", require_answer_tag=False) == (0.0, "answer_empty")
    assert judge(GOOD, require_answer_tag=False) == (0.0, "unexpected_tag")


def test_thinking_can_be_asked_for_a_length() -> None:
    assert judge(GOOD, min_think_chars=6) == (0.0, "think_too_short")
    assert judge("<think> a\u200b \n b </think><answer>4</answer>", min_think_chars=3) == (0.0, "think_too_short")
    assert judge("<think>a, b</think><answer>4</answer>", min_think_chars=3) == (1.0, None)
    assert judge("<think></think><answer>4</answer>", min_think_chars=0) == (1.0, None)


@pytest.mark.parametrize("part", ["\u200b", "\u2800", "\ufeff", "\u3164", "\x00", ".", "...", "\u2800 . \u200b"])
def test_a_part_without_a_letter_number_or_symbol_is_empty(part: str) -> None:
    assert judge(f"<think>{part}</think><answer>4</answer>") == (0.0, "think_too_short")
    assert judge(f"<think>a</think><answer>{part}</answer>") == (0.0, "answer_empty")
    assert judge(f"<think>a</think>{part}", require_answer_tag=False) == (0.0, "answer_empty")


@pytest.mark.parametrize("part", ["a", "4", "+", "中", "½", "∅", "🙂", "\u200b4.", "$x$"])
def test_one_letter_number_or_symbol_is_content(part: str) -> None:
    assert judge(f"<think>{part}</think><answer>{part}</answer>") == (1.0, None)


# What versions of this reward elsewhere get wrong, by measurement.


def test_trailing_text_on_later_lines_does_not_pass() -> None:
    completion = "<think>\n2+2=4\n</think>\n<answer>\n4\n</answer>\nIs that what you wanted?\nOr this?"
    assert judge(completion) == (0.0, "text_after_answer")
    assert judge(completion, require_newlines=True) == (0.0, "text_after_answer")


def test_two_think_blocks_do_not_pass() -> None:
    assert judge("<think>\na\n</think>\n<think>\nb\n</think>\n<answer>\n4\n</answer>") == (0.0, "<think> repeated")


def test_two_answer_blocks_do_not_pass() -> None:
    completion = "<think>\na\n</think>\n<answer>\n4\n</answer>\n<answer>\n5\n</answer>"
    assert judge(completion) == (0.0, "<answer> repeated")


def test_an_empty_think_does_not_pass() -> None:
    assert judge("<think>\n\n</think>\n<answer>\n4\n</answer>") == (0.0, "think_too_short")
    assert judge("<think></think>4", require_answer_tag=False) == (0.0, "think_too_short")


def test_tags_on_a_single_line_pass() -> None:
    assert judge("<think>a</think> <answer>4</answer>") == (1.0, None)


def test_a_prefilled_think_passes() -> None:
    assert judge("2+2=4\n</think>\n\n<answer>\n4\n</answer>", prompt="2+2?\n<think>\n") == (1.0, None)


def test_a_second_end_of_thinking_does_not_pass() -> None:
    assert judge("<think>a</think>b</think>4", require_answer_tag=False) == (0.0, "</think> repeated")


def test_a_leading_space_passes() -> None:
    assert judge(" " + GOOD) == (1.0, None)


# Code in the completion.


@pytest.mark.parametrize(
    "completion",
    [
        "<think>It ends with `</think>`.</think><answer>4</answer>",
        "<think>Like this:\n```\n<think>\n…\n</think>\n<answer>\n…\n</answer>\n```\nYes.</think><answer>4</answer>",
        "<think>a</think><answer>Close it with `</answer>` at the end.</answer>",
    ],
)
def test_tags_that_are_quoted_in_code_do_not_count(completion: str) -> None:
    assert judge(completion) == (1.0, None)


@pytest.mark.parametrize(
    "unclosed", ["`", "``", "```", "\n```python\nprint(4)\n", "\n~~~\nx", "it is `</think>`, ` too"]
)
@pytest.mark.parametrize("answer", ["4", "`4`", "\n```python\nprint(4)\n```\n"])
def test_code_that_is_never_closed_costs_an_honest_answer_nothing(unclosed: str, answer: str) -> None:
    assert judge(f"<think>Try {unclosed}</think><answer>{answer}</answer>") == (1.0, None)


def test_code_hides_no_broken_rule() -> None:
    assert judge("<think>a</think><answer>4</answer>`</answer>`") == (0.0, "text_after_answer")
    assert judge("<think>a`</think><answer>4</answer>") == (1.0, None)
    assert judge("```\n<think>a</think><answer>4</answer>\n```") == (0.0, "<think> missing")
    assert judge("<think>a</think>\n```\n<answer>4</answer>\n```\n") == (0.0, "<answer> missing")


# Parameters.


def test_the_names_of_the_tags_can_be_chosen() -> None:
    names = {"think_tag": "reasoning", "answer_tag": "final.1"}
    assert judge("<reasoning>a <think></reasoning><final.1>4</final.1>", **names) == (1.0, None)
    assert judge(GOOD, **names) == (0.0, "<reasoning> missing")
    assert judge("a</reasoning><final.1>4</final.1>", prompt="<reasoning>", **names) == (1.0, None)


@pytest.mark.parametrize("name", ["", "a b", "a>", "<a", "a|b", "(?:a)", "1a", "a" * 65, "ä", "a\n"])
def test_a_name_that_could_not_be_a_tag_is_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        FormatParams.model_validate({"think_tag": name})


def test_the_two_names_differ() -> None:
    with pytest.raises(ValidationError, match="two names"):
        FormatParams.model_validate({"think_tag": "a", "answer_tag": "a"})


def test_what_the_item_says_about_the_prefill_goes_before_the_prompt() -> None:
    def value(completion: str, prompt: str | None, said: bool | None, param: str = "auto") -> float | None:
        item = CheckInput(completion, prompt=prompt, think_prefilled=said)
        return TagFormat().judge(item, FormatParams.model_validate({"think_prefilled": param})).value

    rest = GOOD.removeprefix("<think>")
    assert value(rest, None, True) == 1.0
    assert value(rest, "2+2?<think>", False) == 0.0
    assert value(GOOD, "Close each <think>", False) == 1.0
    assert value(GOOD, None, True, "no") == 1.0
    assert value(rest, None, False, "yes") == 1.0


def test_white_space_at_the_end_can_be_refused() -> None:
    assert judge(GOOD + "\n") == (1.0, None)
    assert judge(GOOD + "\n", allow_trailing_whitespace=False) == (0.0, "trailing_whitespace")
    assert judge(GOOD, allow_trailing_whitespace=False) == (1.0, None)


@pytest.mark.parametrize(
    ("completion", "failed"),
    [
        ("<think>\na\n</think>\n<answer>\n4\n</answer>", None),
        ("<think>\na\n</think>\n\n  <answer> \n4\n</answer>\n", None),
        ("<think>a\n</think>\n<answer>\n4\n</answer>", "tag_not_on_own_line"),
        ("<think>\na</think>\n<answer>\n4\n</answer>", "tag_not_on_own_line"),
        ("<think>\na\n</think><answer>\n4\n</answer>", "tag_not_on_own_line"),
        ("<think>\na\n</think>\n<answer>4</answer>", "tag_not_on_own_line"),
    ],
)
def test_tags_can_be_asked_to_stand_on_lines_of_their_own(completion: str, failed: str | None) -> None:
    assert judge(completion, require_newlines=True) == (float(failed is None), failed)


def test_a_prefilled_tag_need_not_stand_on_its_own_line() -> None:
    rest = "2+2=4\n</think>\n<answer>\n4\n</answer>"
    assert judge(rest, prompt="2+2?\n<think>", require_newlines=True) == (1.0, None)


@pytest.mark.parametrize("cut", range(len(GOOD)))
def test_a_completion_that_was_cut_off_anywhere_fails_by_a_named_rule(cut: int) -> None:
    value, failed = judge(GOOD[:cut])
    assert value == 0.0
    assert failed is not None
    assert "missing" in failed


def test_the_parts_are_measured_where_the_tags_say_which_they_are() -> None:
    def sizes(completion: str) -> tuple[int | None, int | None]:
        detail = TagFormat().judge(CheckInput(completion), FormatParams()).detail
        return detail["think_chars"], detail["answer_chars"]

    assert sizes("<think> 2+2=4\n</think><answer>4</answer>") == (5, 1)
    assert sizes(GOOD + " and so on") == (5, 1)
    assert sizes("4") == (None, None)
