"""Answers to pass@k, maj@k and avg@k, against counting over all draws."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from typing import Any

import pytest

from trainer_client.recipes.evaluate import read_answer
from trainer_client.recipes.scorecard import Scorecard, interval, pass_rate
from trainer_client.types import Judged, RolloutScore


def answered(*answers: tuple[str | None, bool | None]) -> list[dict[str, Any]]:
    return [
        {"answer": text, "right": right, "judged": "unscored" if right is None else "scored", "truncated": False,
         "tokens": 3}
        for text, right in answers
    ]  # fmt: skip


def naive_pass(right: list[bool], k: int) -> float:
    draws = list(itertools.combinations(right, k))
    return sum(any(draw) for draw in draws) / len(draws)


def naive_majority(answers: list[str | None], right: list[bool], k: int) -> float:
    total = 0.0
    draws = list(itertools.combinations(range(len(answers)), k))
    for draw in draws:
        votes = Counter(answers[place] for place in draw if answers[place] is not None)
        if votes:
            winners = [answer for answer in votes if votes[answer] == max(votes.values())]
            truth = {answer: right[answers.index(answer)] for answer in winners}
            total += sum(truth.values()) / len(winners)
    return total / len(draws)


def test_numbers_equal_counting_over_all_draws() -> None:
    problems = [
        [("4", True), ("4", True), ("5", False), (None, False)],
        [("1", False), ("2", False), ("2", False), ("3", True)],
        [("7", True), ("7", True), ("7", True), ("7", True)],
    ]
    card = Scorecard((1, 2, 3, 4))
    for problem in problems:
        card.add(answered(*problem))
    results = card.results(0.95)
    for k in (1, 2, 3, 4):
        passes = [naive_pass([right for _, right in problem], k) for problem in problems]
        votes = [
            naive_majority([text for text, _ in problem], [right for _, right in problem], k) for problem in problems
        ]
        assert results["pass@k"][str(k)]["value"] == pytest.approx(sum(passes) / 3)
        assert results["maj@k"][str(k)]["value"] == pytest.approx(sum(votes) / 3)
    assert results["avg@n"]["value"] == pytest.approx((0.5 + 0.25 + 1.0) / 3)
    assert (results["always_solved"], results["never_solved"]) == (1, 0)


def test_unscored_answers_count_nowhere_and_are_told() -> None:
    card = Scorecard((1, 2))
    card.add(answered(("4", True), ("4", None)))
    card.add(answered(("4", False), ("4", True)))
    card.add(answered(("4", None), ("4", None)))
    results = card.results(0.95)
    assert (results["judged"], results["unscored"], results["problems"]) == (3, 3, 3)
    assert results["pass@k"]["1"]["value"] == pytest.approx(0.75)
    assert (results["pass@k"]["1"]["problems"], results["pass@k"]["1"]["left_out"]) == (2, 1)
    assert (results["pass@k"]["2"]["value"], results["pass@k"]["2"]["left_out"]) == (1.0, 2)


def test_nothing_judged_gives_no_number() -> None:
    card = Scorecard((1,))
    card.add(answered((None, None)))
    assert card.results(0.95)["pass@k"] == {"1": None}
    assert card.results(0.95)["avg@n"] is None


def test_answers_that_cannot_be_read_give_no_majority() -> None:
    card = Scorecard((1,))
    card.add(answered((None, True), (None, False)))
    assert card.results(0.95)["maj@k"] == {"1": None}


def test_one_answer_each_has_wilsons_interval_and_several_the_spread_of_problems() -> None:
    alone = interval([1.0, 0.0, 1.0, 1.0], 0.95, single=True)  # by hand: Wilson for 3 of 4, z = 1.96
    assert (alone.low, alone.high) == (pytest.approx(0.3006, abs=1e-4), pytest.approx(0.9544, abs=1e-4))
    several = interval([0.5, 0.25, 0.75], 0.95, single=False)
    assert several.high - several.value == pytest.approx(1.95996 * 0.25 / math.sqrt(3), abs=1e-4)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_problems_that_all_agree_leave_doubt(value: float) -> None:
    bounds = interval([value] * 10, 0.95, single=False)
    assert bounds.value == value
    assert bounds.high - bounds.low == pytest.approx(0.2775, abs=1e-3)  # by hand: z^2 / (n + z^2)


def test_pass_rate_of_a_problem_is_over_its_judged_answers() -> None:
    samples = answered(("4", True), ("5", False), ("4", None))
    assert pass_rate({"id": "p", "samples": samples}) == {"id": "p", "pass_rate": 0.5, "samples": 2}
    assert pass_rate({"id": "p", "samples": samples[2:]}) == {"id": "p", "pass_rate": None, "samples": 0}


@pytest.mark.parametrize(
    ("detail", "expected"),
    [
        ({"normalised_answer": "1/2", "answer": "0.5"}, "1/2"),
        ({"normalised_answer": None, "answer": "x"}, "x"),
        ({}, None),
    ],
)
def test_vote_is_by_the_servers_reading(detail: dict[str, Any], expected: str | None) -> None:
    assert read_answer(RolloutScore(Judged.SCORED, 1.0, details={"math": detail}), "math") == expected
