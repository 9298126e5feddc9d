"""Which of the judged completions of a prompt are kept."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer_client.config.recipes import KeepConfig
from trainer_client.recipes.filtering import normalised, refusal, verdicts


def row(text: str = "a", reward: float | None = 1.0, tokens: int = 1, **more: Any) -> dict[str, Any]:
    base = {"judged": "scored", "components": {"math": 1.0}, "flags": [], "truncated": False}
    return base | {"completion": text, "reward": reward, "completion_tokens": tokens} | more


@pytest.mark.parametrize(
    ("given_row", "keep", "expected"),
    [
        (row(), {}, None),
        (row(reward=0.9), {}, "reward"),
        (row(reward=-5.0), {"min_reward": None}, None),
        (row(reward=None, judged="unscored"), {"min_reward": None}, "unscored"),
        (row(reward=None, judged="skipped"), {"min_reward": None}, "skipped"),
        (row(truncated=True), {}, "truncated"),
        (row(truncated=True), {"truncated": True}, None),
        (row(components={"format": 0.5}), {"components": {"format": 0.5}}, None),
        (row(components={"format": 0.5}), {"components": {"format": 0.6}}, "component format"),
        (row(components={"format": None}), {"components": {"format": 0.0}}, "component format"),
        (row(), {"components": {"language": 0.0}}, "component language"),
        (row(flags=["late", "hedged"]), {"no_flags": ["hedged"]}, "flag hedged"),
        (row(flags=["late"]), {"no_flags": ["hedged"]}, None),
    ],
)
def test_each_rule_names_its_reason(given_row: dict[str, Any], keep: dict[str, Any], expected: str | None) -> None:
    assert refusal(given_row, KeepConfig.model_validate(keep)) == expected


@pytest.mark.parametrize(
    ("duplicates", "expected"),
    [
        ("keep", [None, None, None, None]),
        ("exact", [None, "duplicate", None, None]),
        ("normalised", [None, "duplicate", "duplicate", None]),
    ],
)
def test_duplicates_are_told_by_text(duplicates: str, expected: list[str | None]) -> None:
    rows = [row("The answer: -3"), row("The answer: -3"), row("the  answer:\n-3 "), row("The answer: 3")]
    assert verdicts(rows, KeepConfig(duplicates=duplicates, per_prompt=None), "0") == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("prefer", "expected"),
    [("shortest", ["surplus", None, "surplus", None]), ("best", [None, "surplus", None, "surplus"])],
)
def test_too_many_are_cut_by_preference(prefer: str, expected: list[str | None]) -> None:
    rows = [row("a", 2.0, 9), row("b", 1.0, 1), row("c", 1.5, 5), row("d", 1.2, 2)]
    assert verdicts(rows, KeepConfig(per_prompt=2, prefer=prefer), "0") == expected  # type: ignore[arg-type]


def test_of_duplicates_the_preferred_one_stays() -> None:
    rows = [row("a", 1.0, 9), row("A", 1.0, 2)]
    assert verdicts(rows, KeepConfig(prefer="shortest"), "0") == ["duplicate", None]


def test_random_choice_depends_on_the_seed_and_is_fair() -> None:
    rows = [row(str(number)) for number in range(6)]
    keep = KeepConfig(prefer="random", per_prompt=1)
    chosen = [verdicts(rows, keep, f"seed {seed}").index(None) for seed in range(600)]
    assert chosen == [verdicts(rows, keep, f"seed {seed}").index(None) for seed in range(600)]
    assert all(60 <= chosen.count(place) <= 140 for place in range(6))


texts = st.sampled_from(["a", "A ", "b", "b ", "c"])
rewards = st.sampled_from([None, 0.0, 1.0, 2.0])


@given(st.lists(st.tuples(texts, rewards, st.integers(1, 5)), max_size=12), st.integers(1, 4), st.sampled_from(
    ["shortest", "random", "best"]
))  # fmt: skip
def test_kept_are_good_distinct_and_within_the_cap(made: list[Any], cap: int, prefer: Any) -> None:
    rows = [row(text, reward, tokens, judged="scored" if reward is not None else "unscored") for text, reward, tokens
            in made]  # fmt: skip
    told = verdicts(rows, KeepConfig(per_prompt=cap, prefer=prefer), "seed")
    kept = [one for one, reason in zip(rows, told, strict=True) if reason is None]
    good = {normalised(one["completion"]) for one in rows if one["reward"] is not None and one["reward"] >= 1.0}
    assert all(one["reward"] >= 1.0 for one in kept)
    assert len({normalised(one["completion"]) for one in kept}) == len(kept) == min(cap, len(good))


@pytest.mark.parametrize(
    "other",
    [
        "The\u200b answer:\ufeff it's -3",
        "the answer: it\u2019s \u22123",
        "THE\u00a0ANSWER:\tIT'S \u20133\u00ad",
        "The answer\uff1a it's -\uff13\ufe0f",
        "The answer: it's -3\x00\u2060\U000e0100",
    ],
)
def test_duplicates_that_only_a_machine_tells_apart_are_duplicates(other: str) -> None:
    rows = [row("The answer: it's -3"), row(other)]
    assert verdicts(rows, KeepConfig(), "0") == [None, "duplicate"]


@pytest.mark.parametrize("other", ["The answer: 3", "The answer: -3.", "The answer:-3", "The answer: - 3"])
def test_texts_that_a_reader_tells_apart_are_no_duplicates(other: str) -> None:
    assert verdicts([row("The answer: -3"), row(other)], KeepConfig(), "0") == [None, None]


@pytest.mark.parametrize("flag", ["multiple_final_answers", "earlier_boxes_differ", "denied_answer", "language_mixed"])
def test_hedged_and_mixed_answers_are_not_kept_unless_asked_for(flag: str) -> None:
    assert refusal(row(flags=[flag]), KeepConfig()) == f"flag {flag}"
    assert refusal(row(flags=[flag]), KeepConfig(no_flags=())) is None
