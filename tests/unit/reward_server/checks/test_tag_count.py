import pytest

from reward_server.checks.base import CheckInput
from reward_server.checks.tag_count import TagCount
from reward_server.checks.tag_format import TagParams


def value(completion: str, prompt: str | None = None, **params: object) -> float | None:
    return TagCount().judge(CheckInput(completion, prompt=prompt), TagParams.model_validate(params)).value


@pytest.mark.parametrize(
    ("completion", "expected"),
    [
        ("", 0.0),
        ("<think>a</think><answer>4</answer>", 1.0),
        ("<think>\na\n</think>\n<answer>\n4\n</answer>", 1.0),
        ("<think>a</think>4", 0.5),
        ("<think>a</think><answer>4", 0.75),
        ("<think>a</think><answer>4</answer><answer>5</answer>", 0.5),
        ("<think><think>a</think><answer>4</answer>", 0.75),
        ("<think>a</think>" * 50, 0.0),
        ("`<think>` `</think>` `<answer>` `</answer>`", 0.0),
        ("<think>It ends with `</think>`.</think><answer>4</answer>", 1.0),
    ],
)
def test_each_tag_that_stands_once_is_worth_a_quarter(completion: str, expected: float) -> None:
    assert value(completion) == expected


def test_a_prefilled_tag_counts_as_standing() -> None:
    assert value("a</think><answer>4</answer>", prompt="2+2?<think>\n") == 1.0
    assert value("a</think><answer>4</answer>") == 0.75
    assert value("<think>a</think><answer>4</answer>", think_prefilled="yes") == 0.75


def test_the_detail_names_the_tags() -> None:
    verdict = TagCount().judge(CheckInput("<think>a</think><answer>4<answer>"), TagParams())
    assert verdict.detail == {"missing": ["</answer>"], "repeated": ["<answer>"]}


def test_the_names_can_be_chosen() -> None:
    assert value("<a>x</a><b>y</b>", think_tag="a", answer_tag="b") == 1.0
