import time
from typing import Any

import pytest
from pydantic import ValidationError

from reward_server.checks.base import CheckInput
from reward_server.checks.regex_match import RegexMatch, RegexParams
from reward_server.errors import GroundTruthInvalid
from reward_server.wire import GoldKind


def judge(completion: str, ground_truth: Any = None, **params: Any) -> tuple[float | None, str | None]:
    verdict = RegexMatch().judge(CheckInput(completion, ground_truth), RegexParams.model_validate(params))
    assert set(verdict.detail) == set(RegexMatch.detail)
    return verdict.value, verdict.detail["failed"]


@pytest.mark.parametrize(
    ("completion", "params", "failed"),
    [
        ("on 1969-07-20.", {"required": [r"\d{4}-\d\d-\d\d"]}, None),
        ("on 1969-07-20.", {"required": [r"\d{4}-\d\d-\d\d"], "mode": "fullmatch"}, "required[0]"),
        (" 1969-07-20\n", {"required": [r"\d{4}-\d\d-\d\d"], "mode": "fullmatch"}, None),
        ("a b", {"required": ["a", "c"]}, "required[1]"),
        ("a b", {"required": ["a"], "forbidden": ["c"]}, None),
        ("a b", {"required": ["a"], "forbidden": ["c", "b"]}, "forbidden[1]"),
        ("a\nb", {"required": ["a"], "mode": "fullmatch"}, "required[0]"),
        ("abc", {"required": ["a|abc"], "mode": "fullmatch"}, None),
        ("so abc", {"forbidden": ["abc"], "required": ["so.*"], "mode": "fullmatch"}, "forbidden[0]"),
        ("ABC", {"required": ["abc"]}, "required[0]"),
        ("ABC", {"required": ["abc"], "ignore_case": True}, None),
        ("a\nb", {"required": ["^b$"]}, "required[0]"),
        ("a\nb", {"required": ["^b$"], "multiline": True}, None),
        ("a\nb", {"required": ["a.b"]}, "required[0]"),
        ("a\nb", {"required": ["a.b"], "dot_all": True}, None),
        ("Ünïcödé 中文", {"required": [r"\p{Han}{2}"]}, None),
        ("", {"required": ["a"]}, "required[0]"),
        ("", {"required": ["^$"]}, None),
        ("\ud800", {"required": ["a"]}, "required[0]"),
    ],
)
def test_patterns_are_matched(completion: str, params: dict[str, Any], failed: str | None) -> None:
    assert judge(completion, **params) == (float(failed is None), failed)


def test_each_part_can_be_read() -> None:
    completion = "<think>red</think>well <answer>green</answer> blue"
    for part, words in {"all": ["red", "green", "blue"], "answer": ["green"], "think": ["red"]}.items():
        found = [word for word in ("red", "green", "blue") if judge(completion, required=[word], part=part)[0] == 1.0]
        assert found == words
    assert judge("<think>a</think>green", required=["green"], mode="fullmatch") == (1.0, None)
    assert judge("red</think>green", required=["red"], part="think", mode="fullmatch") == (1.0, None)


def test_a_thought_that_never_ends_has_no_answer() -> None:
    assert judge("<think>green", required=["green"]) == (0.0, "no_text")


def test_a_thought_that_the_prompt_began_is_no_answer_either() -> None:
    def value(**item: Any) -> float | None:
        return RegexMatch().judge(CheckInput("green", **item), RegexParams(required=("green",))).value

    assert value(prompt="Which colour?\n<think>\n") == 0.0
    assert value(think_prefilled=True) == 0.0
    assert value(prompt="Close each <think>", think_prefilled=False) == 1.0
    assert value(prompt="Which colour?") == 1.0


@pytest.mark.parametrize("nothing", ["", " \n", "<think>a</think>", "<think>bad</think><answer> </answer>"])
def test_saying_nothing_does_not_keep_what_is_forbidden_out(nothing: str) -> None:
    assert judge(nothing, forbidden=["bad"]) == (0.0, "no_text")
    assert judge("good", forbidden=["bad"]) == (1.0, None)


@pytest.mark.parametrize(
    "pattern",
    [
        "(",
        "a)(b",
        "[",
        "a{2000}",
        "(?=a)",
        r"(a)\1",
        "*",
        "\\",
        "(((a{100}){100}){100}){100}",
        "\ud800",
        "",
        "a" * 10_001,
    ],
)
def test_a_pattern_that_cannot_be_used_is_refused(pattern: str) -> None:
    with pytest.raises(ValidationError):
        RegexParams(required=(pattern,))
    with pytest.raises(ValidationError):
        RegexParams(forbidden=(pattern,), ignore_case=True)
    with pytest.raises(GroundTruthInvalid):
        judge("a", pattern, from_ground_truth=True)


def test_at_least_one_pattern_has_to_be_given() -> None:
    with pytest.raises(ValidationError, match="at least one pattern"):
        RegexParams()


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*b", "(.*)*x", "(a?){50}a{50}b", "(x+x+)+y"])
def test_no_pattern_hangs(pattern: str) -> None:
    started = time.process_time()
    assert judge("a" * 1_000_000 + "!", required=[pattern])[0] == 0.0
    assert time.process_time() - started < 2


def test_a_large_pattern_on_a_long_text_is_matched_in_a_worker() -> None:
    """RE2 gives up its automaton where that grows too large; then each character costs a step for each instruction."""
    check, params = RegexMatch(), RegexParams(required=("(a|b)*a(a|b){900}c",))
    assert check.judge_in_place(CheckInput("ab" * 100_000), params) is None
    started = time.process_time()
    verdict = check.judge_in_place(CheckInput("ab" * 3_000), params)
    assert time.process_time() - started < 1
    assert verdict is not None
    assert verdict.value == 0.0


@pytest.mark.parametrize(("truth", "value"), [("[0-9]+", 1.0), (["[0-9]+", "^4"], 1.0), (["[0-9]+", "5"], 0.0)])
def test_the_pattern_can_come_with_the_item(truth: Any, value: float) -> None:
    verdict = RegexMatch().judge(CheckInput("42", truth), RegexParams(from_ground_truth=True))
    assert (verdict.value, verdict.gold_kind) == (value, GoldKind.CONSTRAINTS)


@pytest.mark.parametrize("truth", [None, 7, [], [7], [""], ["a"] * 33, {"a": "b"}, ["a", "("]])
def test_a_ground_truth_that_is_no_pattern_is_the_callers_fault(truth: Any) -> None:
    with pytest.raises(GroundTruthInvalid):
        judge("a", truth, from_ground_truth=True)


def test_the_ground_truth_is_read_only_where_it_is_used() -> None:
    item = CheckInput("", ["a", "b"])
    view = RegexMatch().read_gold(item, RegexParams(from_ground_truth=True))
    assert view is not None
    assert (view.kind, view.normalised) == (GoldKind.CONSTRAINTS, "a\nb")
    assert RegexMatch().read_gold(item, RegexParams(required=("a",))) is None


def test_the_place_of_the_pattern_of_the_item_is_named() -> None:
    assert judge("a", ["a", "b"], from_ground_truth=True, required=["a"]) == (0.0, "ground_truth[1]")
