import pytest

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
