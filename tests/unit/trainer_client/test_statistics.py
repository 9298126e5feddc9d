"""Evaluation statistics against brute force over all draws."""

from __future__ import annotations

import itertools
import math
import random
from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer_client.statistics import (
    avg_at_k,
    bootstrap_interval,
    cluster_interval,
    maj_at_k,
    mean_over_problems,
    pass_at_k,
    wilson_interval,
)


def all_draws_pass(right: Sequence[bool], k: int) -> float:
    draws = list(itertools.combinations(right, k))
    return sum(any(draw) for draw in draws) / len(draws)


def all_draws_majority(answers: Sequence[Hashable | None], right: Sequence[bool], k: int) -> float:
    """Vote in every draw; a tie is shared, an answer is as right as the share of its samples."""
    share = {a: sum(r for b, r in zip(answers, right, strict=True) if b == a) / answers.count(a) for a in set(answers)}
    total, draws = 0.0, list(itertools.combinations(answers, k))
    for draw in draws:
        votes = Counter(answer for answer in draw if answer is not None)
        if votes:
            winners = [answer for answer, count in votes.items() if count == max(votes.values())]
            total += sum(share[answer] for answer in winners) / len(winners)
    return total / len(draws)


@pytest.mark.parametrize("samples", range(1, 9))
def test_pass_at_k_is_the_share_of_all_draws_with_a_right_sample(samples: int) -> None:
    for right in range(samples + 1):
        drawn = [True] * right + [False] * (samples - right)
        for k in range(1, samples + 1):
            assert pass_at_k(samples, right, k) == pytest.approx(all_draws_pass(drawn, k), abs=1e-12)


def test_pass_at_k_by_hand() -> None:
    assert pass_at_k(4, 1, 2) == pytest.approx(0.5)  # 3 of the 6 pairs hold the right one
    assert pass_at_k(10, 3, 1) == pytest.approx(0.3)
    assert pass_at_k(5, 0, 5) == 0.0
    assert pass_at_k(5, 1, 5) == 1.0


def test_pass_at_k_stays_finite_where_binomials_do_not() -> None:
    exact = 1 - math.comb(9_000, 5_000) / math.comb(10_000, 5_000)
    assert pass_at_k(10_000, 1_000, 5_000) == pytest.approx(exact, abs=1e-12)
    assert pass_at_k(100_000, 3, 10) == pytest.approx(
        1 - math.prod(1 - 10 / (100_000 - i) for i in range(3)), abs=1e-12
    )


def test_pass_at_k_is_unbiased() -> None:
    """Averaged over binomial outcomes it is 1 - (1-p)^k, which the plain 1 - (1 - c/n)^k is not."""
    samples, k, p = 8, 3, 0.3
    chances = [math.comb(samples, c) * p**c * (1 - p) ** (samples - c) for c in range(samples + 1)]
    mean = sum(chance * pass_at_k(samples, c, k) for c, chance in enumerate(chances))
    plain = sum(chance * (1 - (1 - c / samples) ** k) for c, chance in enumerate(chances))
    assert mean == pytest.approx(1 - (1 - p) ** k, abs=1e-12)
    assert abs(plain - mean) > 0.01


@pytest.mark.parametrize(("samples", "right", "k"), [(4, 5, 2), (4, -1, 2), (4, 2, 5), (4, 2, 0), (0, 0, 1)])
def test_impossible_draws_are_refused(samples: int, right: int, k: int) -> None:
    with pytest.raises(ValueError, match="expected"):
        pass_at_k(samples, right, k)


def test_majority_by_hand() -> None:
    answers, right = ["a", "a", "b"], [True, True, False]
    assert maj_at_k(answers, right, 3) == pytest.approx(1.0)
    assert maj_at_k(answers, right, 1) == pytest.approx(2 / 3)
    assert maj_at_k(answers, right, 2) == pytest.approx((1 + 0.5 + 0.5) / 3)  # aa wins, ab and ab are ties
    assert maj_at_k([None, None], [False, False], 2) == 0.0
    assert maj_at_k(["a", None, None], [True, False, False], 2) == pytest.approx(2 / 3)  # silence has no vote


@settings(max_examples=150)
@given(
    st.lists(st.tuples(st.sampled_from(["a", "b", "c", "d", None]), st.booleans()), min_size=1, max_size=9), st.data()
)
def test_majority_is_the_mean_over_all_draws(drawn: list[tuple[str | None, bool]], data: st.DataObject) -> None:
    answers, right = [a for a, _ in drawn], [r for _, r in drawn]
    k = data.draw(st.integers(1, len(drawn)))
    assert maj_at_k(answers, right, k) == pytest.approx(all_draws_majority(answers, right, k), abs=1e-12)


def test_majority_of_one_is_the_share_of_right_answers() -> None:
    answers, right = list("abcabca"), [True, False, False, True, False, False, True]
    assert maj_at_k(answers, right, 1) == pytest.approx(3 / 7, abs=1e-12)


def test_majority_of_many_different_answers_is_fast_and_exact_enough() -> None:
    generator = random.Random(0)
    answers = [generator.choice("aaabbcdefgh") for _ in range(64)]
    right = [answer == "a" for answer in answers]
    whole = maj_at_k(answers, right, 64)
    assert whole in (0.0, 1.0)
    estimate = maj_at_k(answers, right, 16)
    votes = 0.0
    for _ in range(20_000):
        counts = Counter(generator.sample(answers, 16))
        best = max(counts.values())
        votes += (counts["a"] == best) / sum(count == best for count in counts.values())
    assert estimate == pytest.approx(votes / 20_000, abs=0.015)


def test_majority_needs_a_judgement_for_each_answer() -> None:
    with pytest.raises(ValueError, match=r"as many judgements as answers \(2\), got 1"):
        maj_at_k(["a", "b"], [True], 1)


def test_wilson_by_the_published_formula() -> None:
    # 8 of 10 at 95 %: 0.4902 to 0.9433 (R's prop.test without continuity correction)
    got = wilson_interval(8, 10)
    assert (got.value, got.low, got.high) == pytest.approx((0.8, 0.49016, 0.94331), abs=1e-4)


@given(st.integers(1, 200), st.data())
def test_wilson_bounds_solve_its_own_equation(trials: int, data: st.DataObject) -> None:
    """The bounds are the p for which the observed share lies exactly z deviations away."""
    right = data.draw(st.integers(0, trials))
    got = wilson_interval(right, trials, 0.9)
    z = 1.6448536269514722
    assert 0.0 <= got.low <= got.value <= got.high <= 1.0
    for bound in (got.low, got.high):
        if 0.0 < bound < 1.0:
            away = abs(got.value - bound) / math.sqrt(bound * (1 - bound) / trials)
            assert away == pytest.approx(z, rel=1e-6)


def test_wilson_covers_the_truth_about_as_often_as_it_says() -> None:
    for p in (0.02, 0.3, 0.9):
        chances = [math.comb(60, c) * p**c * (1 - p) ** (60 - c) for c in range(61)]
        intervals = [wilson_interval(c, 60) for c in range(61)]
        covered = sum(chance for chance, found in zip(chances, intervals, strict=True) if found.low <= p <= found.high)
        assert 0.90 < covered < 0.99


def test_average_at_k_and_its_spread_between_problems() -> None:
    values = avg_at_k([[True, False], [True, True], [False, False]])
    assert values == [0.5, 1.0, 0.0]
    got = cluster_interval(values)
    reach = 1.959963984540054 * 0.5 / math.sqrt(3)
    assert (got.value, got.low, got.high) == pytest.approx((0.5, 0.5 - reach, 0.5 + reach), abs=1e-9)


def test_more_samples_of_the_same_problems_do_not_pretend_to_be_more_evidence() -> None:
    few = cluster_interval(avg_at_k([[True], [False], [True], [False]]))
    many = cluster_interval(avg_at_k([[True] * 50, [False] * 50, [True] * 50, [False] * 50]))
    assert many == few
    pretended = wilson_interval(100, 200)
    assert pretended.high - pretended.low < (many.high - many.low) / 5


def test_bootstrap_is_seeded_stays_in_range_and_agrees_with_the_normal_interval() -> None:
    values = np.random.default_rng(1).random(200).round(2).tolist()
    one, again, other = (bootstrap_interval(values, seed, resamples=2000) for seed in (5, 5, 6))
    assert one == again
    assert one != other
    normal = cluster_interval(values)
    assert (one.value, one.low, one.high) == pytest.approx((normal.value, normal.low, normal.high), abs=0.01)
    edge = bootstrap_interval([1.0, 1.0, 1.0, 0.9], 0, resamples=500)
    assert 0.9 <= edge.low <= edge.value <= edge.high <= 1.0


def test_bootstrap_of_two_problems_is_that_of_all_four_resamples() -> None:
    # means of 0, 1/2, 1/2, 1 with equal chance: the 20 % and 80 % quantiles are 0 and 1
    got = bootstrap_interval([0.0, 1.0], 3, confidence=0.6)
    assert (got.value, got.low, got.high) == (0.5, 0.0, 1.0)
    narrow = bootstrap_interval([0.0, 1.0], 3, confidence=0.4)
    assert (narrow.low, narrow.high) == (0.5, 0.5)


def test_one_problem_says_nothing_about_the_spread() -> None:
    got = cluster_interval([0.7])
    assert (got.value, got.low, got.high) == (0.7, -math.inf, math.inf)


def test_metrics_are_averaged_over_problems() -> None:
    problems = [[True, False, False, False], [True, True, True, True]]
    assert mean_over_problems(problems, lambda n, c: pass_at_k(n, c, 2)) == pytest.approx((0.5 + 1.0) / 2)


@pytest.mark.parametrize("confidence", [0.0, 1.0, 1.5])
def test_a_confidence_outside_its_range_is_refused(confidence: float) -> None:
    with pytest.raises(ValueError, match="confidence between 0 and 1"):
        wilson_interval(1, 2, confidence)


def test_nothing_to_average_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one problem"):
        cluster_interval([])
    with pytest.raises(ValueError, match="at least one problem"):
        bootstrap_interval([], 0)
    with pytest.raises(ValueError, match="at least one sample"):
        avg_at_k([[True], []])
    with pytest.raises(ValueError, match="at least one trial"):
        wilson_interval(0, 0)
